"""A small order plane without a bus: a gate, a manager and the simulated broker over a list of quotes."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from algotrade.domain import (
    QUOTE,
    CancelOrder,
    ExecutionReport,
    Instrument,
    Instruments,
    IntentId,
    MarketBatch,
    NewOrder,
    OrderIntent,
    OrderType,
    ReplaceOrder,
    Sessions,
    Side,
    TimeInForce,
)
from algotrade.domain.market import Kind
from algotrade.execution.order_manager import OrderManager
from algotrade.execution.simulated import SimulatedBroker
from algotrade.matching import CommissionModel, VenueModel
from algotrade.risk import Gate, Limits

INSTRUMENTS = Instruments([Instrument(id=0, symbol="A"), Instrument(id=1, symbol="B")])
LIMITS = Limits(working_orders_max=20, orders_per_window_max=1000, order_window_ns=1, reference_age_ns_max=2**61)
NEVER = 2**62


def intent_id(sequence: int, number: int = 0) -> IntentId:
    return IntentId(strategy="s", run="r", sequence=sequence, number=number)


def new(sequence: int, quantity: int, *, side=Side.BUY, limit=None, stop=None, tif=TimeInForce.GTC, instrument=0,
        expires_at_ns=NEVER) -> NewOrder:
    order_type = {(True, True): OrderType.MARKET, (False, True): OrderType.LIMIT, (True, False): OrderType.STOP,
                  (False, False): OrderType.STOP_LIMIT}[limit is None, stop is None]
    return NewOrder(
        id=intent_id(sequence), instrument=instrument, event_time_ns=sequence, expires_at_ns=expires_at_ns, side=side,
        quantity=Decimal(quantity), order_type=order_type, time_in_force=tif,
        limit_price=None if limit is None else Decimal(limit) / 100,
        stop_price=None if stop is None else Decimal(stop) / 100)


def cancel(sequence: int, target: int, *, expires_at_ns=NEVER) -> CancelOrder:
    return CancelOrder(id=intent_id(sequence), instrument=0, event_time_ns=sequence, expires_at_ns=expires_at_ns,
                       target=intent_id(target))


def replace(sequence: int, target: int, *, quantity=None, limit=None) -> ReplaceOrder:
    return ReplaceOrder(
        id=intent_id(sequence), instrument=0, event_time_ns=sequence, expires_at_ns=NEVER, target=intent_id(target),
        quantity=None if quantity is None else Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit) / 100)


class World:
    """Sends intents and quotes one after the other; collects every report."""

    def __init__(self, limits: Limits = LIMITS, model: VenueModel | None = None,
                 sessions: Mapping[int, Sessions] = {}) -> None:
        self.gate = Gate(limits, INSTRUMENTS, {})
        self.manager = OrderManager(INSTRUMENTS, self.gate)
        self.broker = SimulatedBroker(INSTRUMENTS, model or VenueModel(), CommissionModel(), sessions, self.gate.marks,
                                      limits.working_orders_max)
        self.reports: list[ExecutionReport] = []
        self.now = 0

    def intent(self, intent: OrderIntent) -> list[ExecutionReport]:
        handling = self.manager.on_intent(intent, max(self.now, intent.event_time_ns))
        made = list(handling.reports)
        if handling.command is not None:
            self.broker.send(handling.command)
            made += self._told()
        self.reports += made
        return made

    def quote(self, bid: int, ask: int, *, size: float = np.nan, instrument: int = 0, at: int | None = None,
              flags: int = 0) -> list[ExecutionReport]:
        """Show a quote in cents."""
        self.now = self.now + 1 if at is None else at
        row = np.array(
            [(self.now, self.now, self.now, instrument, flags, bid / 100, ask / 100, size, size)], dtype=QUOTE)
        at_row, made = np.zeros(3, dtype=np.int64), []
        while self.broker.advance(MarketBatch.of({Kind.QUOTE: row}), at_row, NEVER):
            made += self._told()
        self.reports += made
        return made

    def _told(self) -> list[ExecutionReport]:
        return [report for event in self.broker.events() for report in self.manager.on_broker(event)]
