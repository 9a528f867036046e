"""The one place where evidence leaves: every answer of accounts and orders goes through an ``Outbox``."""

from decimal import Decimal

import msgspec

from algotrade.gateway.listings import Listings
from algotrade.gateway.port import Sent
from algotrade.gateway.times import spaced, zone_of
from algotrade.gateway.trading.orders import Live
from algotrade.gateway.trading.settings import TradingSettings
from algotrade.gateway.trading.state import Executed, TradingState
from algotrade.ibkr.wire import Answer
from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.ibkr.wire.answers.orders import (
    CommissionReport,
    CompletedOrder,
    ExecutionData,
    OpenOrder,
    OrderBound,
    OrderStatus,
)
from algotrade.ibkr.wire.records import Contract, Execution, Order, OrderState

PUSHED = -1
"""The request id of what nobody has asked for."""


class Outbox:
    """Collects what is to be sent, in order; knows who may see what.

    An order and its executions are told to the client that placed it and to the master client. Manual orders and the
    broker's own belong to client 0. Who is not connected misses it, and asks for it later.
    """

    def __init__(self, listings: Listings, settings: TradingSettings, state: TradingState) -> None:
        self._listings = listings
        self._settings = settings
        self._state = state
        self._zone = zone_of(settings.time_zone)
        self._sent: list[Sent] = []

    def drain(self) -> list[Sent]:
        """Return what was collected, and begin anew."""
        sent, self._sent = self._sent, []
        return sent

    def to(self, client_id: int, answer: Answer) -> None:
        """Tell one client."""
        self._sent.append((client_id, answer))

    def error(self, client_id: int, req_id: int, code: int, message: str) -> None:
        """Tell one client of an error, a warning or a notice."""
        self.to(client_id, ErrorMessage(req_id=req_id, code=code, message=message))

    def watchers(self, client_id: int) -> list[int]:
        """Return the connected clients that see the orders of ``client_id``."""
        who = dict.fromkeys((client_id, self._settings.master_client_id))
        return [c for c in who if c is not None and c in self._state.clients and self._state.clients[c].is_connected]

    def order(self, order: Live) -> None:
        """Tell of an order as it now stands: the order, then its status."""
        for client_id in self.watchers(order.client_id):
            self.to(client_id, self.open_order(order))
            self.to(client_id, order_status(order))
        order.told = order.status

    def order_error(self, order: Live, code: int, message: str) -> None:
        """Tell an order's client something about it; there is nobody to tell of an order without an id."""
        if order.order_id and order.client_id in self.watchers(order.client_id):
            self.error(order.client_id, order.order_id, code, message)

    def execution(self, executed: Executed) -> None:
        """Tell of an execution that nobody has asked for."""
        for client_id in self.watchers(executed.client_id):
            self.to(client_id, self.execution_data(executed, PUSHED))

    def commission(self, executed: Executed) -> None:
        """Tell what an execution cost."""
        for client_id in self.watchers(executed.client_id):
            self.to(client_id, self.commission_report(executed))

    def bound(self, order: Live) -> None:
        """Tell that a manual order got an id."""
        self.to(order.client_id, OrderBound(perm_id=order.perm_id, client_id=order.client_id, order_id=order.order_id))

    def execution_data(self, executed: Executed, req_id: int) -> ExecutionData:
        """Return an execution as an answer."""
        return ExecutionData(req_id=req_id, order_id=executed.order_id, contract=executed.contract, execution=Execution(
            exec_id=executed.exec_id, time=self.time_text(executed.time_ns), account=executed.account,
            exchange=executed.exchange, side="BOT" if executed.side > 0 else "SLD", shares=executed.quantity,
            price=executed.price, perm_id=executed.perm_id, client_id=executed.client_id,
            liquidation=int(executed.is_liquidation), cum_qty=executed.cumulative, avg_price=executed.average,
            order_ref=executed.order_ref, last_liquidity=executed.liquidity))

    def commission_report(self, executed: Executed) -> CommissionReport:
        """Return what an execution cost, as an answer. What only opened has realised nothing: unset, not 0."""
        currency = self._listings.by_instrument(executed.instrument).contract.currency
        return CommissionReport(
            exec_id=executed.exec_id, commission=executed.commission, currency=currency,
            realized_pnl=executed.realized, yield_=None, yield_redemption_date=None)

    def open_order(self, order: Live, state: OrderState | None = None) -> OpenOrder:
        """Return an order as it is told while it is open; ``state`` is what a what-if order would cost."""
        if state is None:
            currency = self._listings.by_instrument(order.instrument).contract.currency
            state = OrderState(status=order.status, commission=order.commission if order.filled else None,
                               commission_currency=currency if order.filled else "")
        return OpenOrder(order_id=order.order_id, contract=order.contract, order=self._told(order), state=state)

    def completed_order(self, order: Live) -> CompletedOrder:
        """Return an order that is done."""
        state = OrderState(status=order.status, completed_time=self.time_text(order.done_ns),
                           completed_status=order.done_because)
        return CompletedOrder(contract=order.contract, order=self._told(order), state=state)

    def time_text(self, time_ns: int) -> str:
        """Write a time in the zone of the login."""
        return spaced(time_ns, self._zone, self._settings.time_zone)

    def _told(self, order: Live) -> Order:
        """Return the order as the server says it: with its ids, what is left of its size, and where a trail stands."""
        instrument = self._listings.by_instrument(order.instrument).instrument
        trail = instrument.ticks_to_price(order.stop_ticks) if order.is_trail_set else order.order.trail_stop_price
        return msgspec.structs.replace(
            order.order, client_id=order.client_id, perm_id=order.perm_id, total_quantity=order.quantity,
            oca_group=order.oca_group, oca_type=order.oca_type, trail_stop_price=trail, filled_quantity=order.filled)


def order_status(order: Live) -> OrderStatus:
    """Return an order's status as an answer."""
    return OrderStatus(
        order_id=order.order_id, status=order.status, filled=order.filled, remaining=order.remaining,
        avg_fill_price=order.average_price, perm_id=order.perm_id, parent_id=order.order.parent_id,
        last_fill_price=order.last_price, client_id=order.client_id, why_held=order.why_held, mkt_cap_price=Decimal(0))


def told_contract(ours: Contract, asked: Contract) -> Contract:
    """Return our contract as a client is told of it: routed to the exchange that it asked for."""
    return msgspec.structs.replace(ours, exchange=asked.exchange or ours.exchange)
