"""IbkrBroker, the session's core and the simulated Gateway's trading, in one process: bytes go between them by hand."""

from decimal import Decimal

import numpy as np

from algotrade.domain import (
    QUOTE,
    CancelOrder,
    IntentId,
    Kind,
    MarketBatch,
    NewOrder,
    OrderIntent,
    OrderType,
    ReplaceOrder,
    Report,
    Side,
    SimulatedClock,
    TimeInForce,
)
from algotrade.execution.ibkr import IbkrBroker, OrderSettings
from algotrade.execution.order_manager import OrderManager
from algotrade.gateway.listings import Listings
from algotrade.gateway.trading import Trading, TradingSettings
from algotrade.ibkr import session as s
from algotrade.ibkr.session.core import Core
from algotrade.ibkr.wire import Answer, Codec, Request, framed
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.risk import Gate, Limits
from tests.execution.ibkr.world import reports_of
from tests.gateway.trading.world import ACCOUNT, INSTRUMENTS, LISTINGS, T0

SECOND = 10**9
CLIENT = 7
VERSION = 176
ZONE = TradingSettings().time_zone


class Wire:
    """An ``OrderSession``: the session's core, and behind it the Gateway. Faults are done to what passes.

    ``drops``     requests of these kinds never arrive
    ``withholds`` answers of these kinds never arrive
    ``doubles``   so many changes to come each make a second order beside the first
    ``mixes``     shuffles the answers of each moment, and repeats some
    """

    def __init__(self, clock: SimulatedClock, trading: Trading, arrived: list[Request]) -> None:
        self.clock = clock
        self.trading = trading
        self.core = Core(s.IbkrSettings(client_id=CLIENT, port=4002, maintenance=()), clock, lambda: True, 1)
        self.codec = Codec(VERSION)
        self.drops: set[type[Request]] = set()
        self.withholds: set[type[Answer]] = set()
        self.doubles = 0
        self.mixes: np.random.Generator | None = None
        self.is_connected = False
        self.arrived = arrived

    def start(self) -> None:
        self.connect()

    def connect(self) -> None:
        self.core.opening()
        self.core.received(framed(b"%d\x0020260105 10:30:00 EST\0" % VERSION))
        self.is_connected = True
        self.tell(self.trading.connected(CLIENT, self.now_ns))
        self.core.started()
        self.run()

    def disconnect(self) -> None:
        """Break the socket: what was written arrives, nothing else does."""
        self.is_connected = False
        self.trading.disconnected(CLIENT, self.now_ns)
        self.core.lost(s.LinkLost("the socket broke"))

    @property
    def now_ns(self) -> int:
        return self.clock.time_ns()

    def tell(self, sent) -> None:
        """Let answers of the Gateway arrive, if there is a connection that they can arrive on."""
        answers = [answer for client, answer in sent
                   if client in {None, CLIENT} and type(answer) not in self.withholds]
        if not self.is_connected:
            return
        if self.mixes is not None:
            answers = mixed(answers, self.mixes)
        self.core.received(b"".join(self.codec.encode(answer) for answer in answers))

    def run(self) -> None:
        """Let everything that may be written be written, and be answered."""
        while self.is_connected:
            self.core.step()
            frame = self.core.take()
            if frame is None:
                return
            request = self.codec.decode_request(frame[4:])
            if type(request) in self.drops:
                continue
            self.arrived.append(request)
            if isinstance(request, r.RequestCurrentTime):
                self.tell([(CLIENT, a.CurrentTime(time_s=self.now_ns // SECOND))])
            elif isinstance(request, r.PlaceOrder) and self.doubles and (
                    self.trading.has_order(CLIENT, request.order_id)):
                self.doubles -= 1
                self.tell(self.trading.incarnate(CLIENT, request.order_id, request.order, self.now_ns))
            else:
                self.tell(self.trading.handle(CLIENT, request, self.now_ns))

    def close(self) -> None:
        if self.is_connected:
            self.disconnect()

    def request(self, request: Request) -> int:
        return self.core.request(request)

    def events(self) -> list[s.SessionEvent]:
        self.run()
        return self.core.events()

    def next_order_id(self) -> int:
        return self.core.order_ids.next_order_id()

    def used_order_id(self, order_id: int) -> None:
        self.core.order_ids.seen(order_id)

    def next_request_id(self) -> int:
        return self.core.order_ids.next_request_id()

    @property
    def disarmed_because(self) -> str:
        return self.core.disarmed_because

    def samples(self):
        return {}


MOVABLE = (a.OrderStatus, a.OpenOrder, a.ExecutionData, a.CommissionReport)


def mixed(answers: list[Answer], dice: np.random.Generator) -> list[Answer]:
    """Return ``answers`` with those about orders told in any order, some twice; end markers stay behind them."""
    movable = [one for one in answers if isinstance(one, MOVABLE)]
    movable += [one for one in movable if dice.random() < 0.3]
    movable = [movable[i] for i in dice.permutation(len(movable))]
    return movable + [one for one in answers if not isinstance(one, MOVABLE)]


def intent_id(sequence: int) -> IntentId:
    return IntentId(strategy="s", run="r", sequence=sequence, number=0)


class Floor:
    """The order plane's core over the wire, and a market that the test moves."""

    def __init__(self, listings: Listings = LISTINGS, *, arm: bool = True, **settings) -> None:
        self.clock = SimulatedClock(T0)
        self.trading = Trading(listings, TradingSettings(**settings))
        self.reports: list[Report] = []
        self.arrived: list[Request] = []
        self.intents = self.sequence = 0
        self.gate = Gate(Limits(orders_per_window_max=1000, order_window_ns=1, reference_age_ns_max=2**61),
                         INSTRUMENTS, {})
        self.gate.marks["price"] = 100.0
        self.gate.marks["time_ns"] = T0
        self.manager = OrderManager(INSTRUMENTS, self.gate, takes_groups=True)
        self.begin()
        if arm:
            assert self.broker.arm(), self.broker.disarmed_because

    def begin(self, memory: bytes = b"") -> None:
        """Begin a process: a session and a broker of its own, after another one's ``memory``."""
        self.wire = Wire(self.clock, self.trading, self.arrived)
        contracts = {i.id: LISTINGS.by_instrument(i.id).contract for i in INSTRUMENTS}
        self.broker = IbkrBroker(self.wire, contracts, INSTRUMENTS,
                                 OrderSettings(account=ACCOUNT, client_id=CLIENT, time_zone=ZONE), self.clock)
        if memory:
            self.broker.restore(memory)

    def restart(self) -> None:
        """Kill the process and begin another one, which knows the last snapshot: that of now."""
        memory, manager, gate = self.broker.state(), self.manager.state(), self.gate.state()
        self.wire.close()
        self.manager = OrderManager(INSTRUMENTS, self.gate, takes_groups=True)
        self.manager.restore(manager)
        self.gate.restore(gate)
        self.begin(memory)
        self.broker.arm()

    def pump(self) -> list[Report]:
        made = reports_of(self.broker, self.manager)
        self.reports += made
        return made

    def quote(self, bid: float, ask: float, size: float = 1e6, instrument: int = 0) -> list[Report]:
        self.sequence += 1
        self.clock.advance_to(self.clock.time_ns() + SECOND)
        now_ns = self.clock.time_ns()
        row = np.array([(self.sequence, now_ns, now_ns, instrument, 0, bid, ask, size, size)], dtype=QUOTE)
        self.wire.tell(self.trading.on_market(MarketBatch.of({Kind.QUOTE: row}), now_ns))
        return self.pump()

    def wait(self, seconds: float, step_s: float = 1.0) -> None:
        for _ in range(max(1, round(seconds / step_s))):
            self.clock.advance_to(self.clock.time_ns() + int(step_s * SECOND))
            self.wire.tell(self.trading.on_time(self.clock.time_ns()))
            self.pump()

    def send(self, intent: OrderIntent) -> list[Report]:
        handling = self.manager.on_intent(intent, self.clock.time_ns())
        self.reports += handling.reports
        if handling.command is not None:
            self.broker.bound(handling.command, self.broker.bind(handling.command))
            self.broker.send(handling.command)
        return [*handling.reports, *self.pump()]

    def new(self, quantity=100, *, side=Side.BUY, limit=None, stop=None, instrument=0, tif=TimeInForce.DAY, parent=None,
            oca_group="") -> NewOrder:
        self.intents += 1
        kinds = {(True, True): OrderType.MARKET, (False, True): OrderType.LIMIT, (True, False): OrderType.STOP,
                 (False, False): OrderType.STOP_LIMIT}
        return NewOrder(
            id=intent_id(self.intents), instrument=instrument, event_time_ns=self.clock.time_ns(), side=side,
            expires_at_ns=2**62, quantity=Decimal(quantity), order_type=kinds[limit is None, stop is None],
            time_in_force=tif, limit_price=None if limit is None else Decimal(limit),
            stop_price=None if stop is None else Decimal(stop), parent=parent, oca_group=oca_group)

    def cancel(self, target: NewOrder) -> CancelOrder:
        self.intents += 1
        return CancelOrder(id=intent_id(self.intents), instrument=target.instrument,
                           event_time_ns=self.clock.time_ns(), expires_at_ns=2**62, target=target.id)

    def replace(self, target: NewOrder, *, quantity=None, limit=None) -> ReplaceOrder:
        self.intents += 1
        return ReplaceOrder(
            id=intent_id(self.intents), instrument=target.instrument, event_time_ns=self.clock.time_ns(),
            expires_at_ns=2**62, target=target.id, quantity=None if quantity is None else Decimal(quantity),
            limit_price=None if limit is None else Decimal(limit))

    def status(self, intent: NewOrder):
        return self.manager.orders.by_intent(intent.id).status

    def position(self, instrument=0) -> Decimal:
        quantity = self.manager.ledger.position(instrument).quantity
        assert quantity == self.gate.position_lots(instrument)
        return quantity

    def held(self, instrument=0) -> Decimal:
        """What the Gateway's account holds."""
        holding = self.trading.state().accounts[ACCOUNT].holdings.get(instrument)
        return Decimal(0) if holding is None else holding.quantity

    def reserved(self, side: Side, instrument=0) -> int:
        """What risk holds to be working."""
        return int(self.gate._book["working_buy_lots" if side is Side.BUY else "working_sell_lots"][instrument])

    def works(self, side: Side, instrument=0) -> int:
        """What works at the Gateway."""
        return int(sum(order.remaining for order in self.trading.state().orders.values()
                       if order.is_active and order.instrument == instrument and order.side == side))

    def count(self, name: str) -> float:
        return self.broker.samples()["algotrade_ibkr_order_events_total"][(name,)]

    def disconnect(self) -> None:
        self.wire.disconnect()
        self.pump()

    def connect(self) -> None:
        self.wire.connect()
        self.pump()
