"""What is in the account and not ours: orders of people and other programs, their executions, and every position.

It is looked at and never touched: no order of these is changed or cancelled, and no execution booked as ours. What the
broker liquidates by itself is among them, with an alert of its own; of an instrument of ours, strategies are told.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from algotrade.domain import Liquidation
from algotrade.execution.ibkr.executions import SIDES
from algotrade.execution.ledger import Revisions, execution_and_revision
from algotrade.ibkr.wire import answers as a
from algotrade.telemetry.log import get_log

ORDERS_KEPT = 1_024
"""Open orders of others that are kept; there are 20 at most for each contract and side (documented)."""
EXECUTIONS_KEPT = 1 << 16
"""Their executions, by revision: against counting one twice, as all of the day are told again at every look."""
POSITIONS_KEPT = 10_000
"""Positions of the account: an account with more is not one that this program can look after."""

ENDED = frozenset({"Cancelled", "ApiCancelled", "Filled"})


class AccountPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position of the account as the broker has it, whoever made it.

    ``instrument``  our id, None for what is not traded here
    """

    account: str
    con_id: int
    symbol: str
    instrument: int | None
    quantity: Decimal
    average_cost: Decimal | None


class ForeignOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An open order that is not ours. ``reference`` is its maker's own; ``perm_id`` 0: none told yet."""

    perm_id: int
    client_id: int
    order_id: int
    account: str
    symbol: str
    con_id: int
    action: str
    quantity: Decimal
    status: str
    reference: str


class Foreign:
    """Orders, executions and positions that are not ours to move. Bounded memory.

    ``instruments``  con id -> our instrument id
    ``counts``       shared: what happened, by its name
    ``liquidations``  of our instruments, that nobody has taken yet
    """

    def __init__(self, instruments: dict[int, int], counts: Counter[str]) -> None:
        self.liquidations: list[Liquidation] = []
        self._instruments = instruments
        self._counts = counts
        self._orders: OrderedDict[tuple[int, int, int], ForeignOrder] = OrderedDict()
        self._executions = Revisions(EXECUTIONS_KEPT)
        self._positions: OrderedDict[tuple[str, int], AccountPosition] = OrderedDict()

    @property
    def orders(self) -> list[ForeignOrder]:
        """Return the open orders of others, oldest first."""
        return list(self._orders.values())

    @property
    def positions(self) -> list[AccountPosition]:
        """Return the account's positions that are not flat, by account and contract."""
        return [self._positions[key] for key in sorted(self._positions) if self._positions[key].quantity]

    def order_open(self, told: a.OpenOrder) -> None:
        """Keep an open order that is not ours."""
        key = _key(told.order.perm_id, told.order.client_id, told.order_id)
        if told.state.status in ENDED:
            self._orders.pop(key, None)
            return
        is_new = key not in self._orders
        self._orders[key] = order = ForeignOrder(
            perm_id=told.order.perm_id, client_id=told.order.client_id, order_id=told.order_id,
            account=told.order.account, symbol=told.contract.symbol, con_id=told.contract.con_id,
            action=told.order.action, quantity=told.order.total_quantity, status=told.state.status,
            reference=told.order.order_ref)
        if is_new:
            self._counts["foreign_orders"] += 1
            get_log().warning("foreign_order", perm_id=order.perm_id, client_id=order.client_id, symbol=order.symbol,
                              action=order.action, quantity=str(order.quantity), reference=order.reference)
        if len(self._orders) > ORDERS_KEPT:
            self._orders.popitem(last=False)
            self._counts["foreign_orders_forgotten"] += 1

    def order_status(self, told: a.OrderStatus) -> None:
        """Take note of the state of an order that is not ours."""
        key = _key(told.perm_id, told.client_id, told.order_id)
        known = self._orders.get(key)
        if known is None:
            self._counts["statuses_of_nobody"] += 1
        elif told.status in ENDED:
            del self._orders[key]
        else:
            self._orders[key] = msgspec.structs.replace(known, status=told.status)

    def execution(self, told: a.ExecutionData, time_ns: Callable[[], int]) -> None:
        """Count an execution that is not ours, once; the account's position carries what it changed.

        ``time_ns``  when it was; asked of a liquidation only: the others of the day are told again at every look
        """
        one = told.execution
        if not self._executions.is_news(one.exec_id):
            return
        is_liquidation = one.liquidation != 0
        what = "broker_liquidation" if is_liquidation else "foreign_execution"
        self._counts["liquidations" if is_liquidation else "foreign_executions"] += 1
        log = get_log().error if is_liquidation else get_log().warning
        log(what, execution_id=one.exec_id, symbol=told.contract.symbol, side=one.side, quantity=str(one.shares),
            price=str(one.price), perm_id=one.perm_id, client_id=one.client_id, reference=one.order_ref,
            correction=execution_and_revision(one.exec_id)[1])
        instrument = self._instruments.get(told.contract.con_id)
        if is_liquidation and instrument is not None:
            self.liquidations.append(Liquidation(
                execution_id=one.exec_id, instrument=instrument, side=SIDES[one.side], quantity=one.shares,
                price=one.price, event_time_ns=time_ns()))

    def position(self, told: a.PositionData) -> None:
        """Keep a position as the broker has it now."""
        self._positions[told.account, told.contract.con_id] = AccountPosition(
            account=told.account, con_id=told.contract.con_id, symbol=told.contract.symbol,
            instrument=self._instruments.get(told.contract.con_id), quantity=told.position,
            average_cost=told.average_cost)
        if len(self._positions) > POSITIONS_KEPT:
            self._positions.popitem(last=False)
            self._counts["positions_forgotten"] += 1

    def all_told(self, positions: Iterable[a.PositionData], open_orders: Iterable[a.OpenOrder]) -> None:
        """Take these for all there are: the broker told them to their end. Nothing less ever empties what is known."""
        self._positions.clear()
        for position in positions:
            self.position(position)
        open_orders = list(open_orders)
        keys = {_key(o.order.perm_id, o.order.client_id, o.order_id) for o in open_orders}
        for key in [key for key in self._orders if key not in keys]:
            del self._orders[key]
        for order in open_orders:
            self.order_open(order)


def _key(perm_id: int, client_id: int, order_id: int) -> tuple[int, int, int]:
    return (perm_id, 0, 0) if perm_id else (0, client_id, order_id)
