"""Executions and what they cost, from the broker's words to evidence; what cannot be believed is set aside.

A fill comes from an execution and from nothing else. Its cost is told by itself, joined by the execution's id alone:
later, before, or never. An execution that cannot be (another account's, not of a finite price, of the wrong side) is
set aside, and as positions can then not be trusted, nothing more is sent.
"""

from collections import Counter, OrderedDict, deque
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from algotrade.domain import ExecType, Instruments, Side
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution.broker import BrokerEvent
from algotrade.execution.ibkr.orders import BrokerOrders, Tracked
from algotrade.execution.ibkr.times import time_ns_of
from algotrade.execution.ledger import execution_and_revision
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire.records import Execution
from algotrade.telemetry.log import get_log

EXECUTIONS_KEPT = 8_192
"""The last executions of ours, for their costs and corrections."""
PARKED_MAX = 4_096
"""Costs of executions that were not told yet; those of other programs' executions pass through here too."""
SET_ASIDE_MAX = 256
"""Executions set aside that are kept to be looked at; more are counted."""
COMMISSION_NS_MAX = 60 * NANOSECONDS_PER_SECOND
"""How long the cost of an execution may take before it is called late (assumed; it usually comes within a second)."""
NOT_KNOWN_YET = Decimal(-1)
"""A commission of exactly this means that it is not known yet (observed); other negative ones are rebates."""
PRICE_MAX = Decimal(10) ** 12
SIDES = {"BOT": Side.BUY, "SLD": Side.SELL}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An execution as it was last told, and of which order of ours it is.

    ``most_quantity``  the largest that it was told with, whatever was corrected
    """

    execution_id: str
    order_id: int
    quantity: Decimal
    most_quantity: Decimal
    price: Decimal
    event_time_ns: int


class SetAside(msgspec.Struct, frozen=True):
    """An execution that was not believed, and why."""

    told: a.ExecutionData
    because: str


class Executions:
    """Turns executions and commissions into evidence about our orders.

    ``con_ids``  our instrument id -> con id
    ``account``  that executions must be of; "" before the broker has named any
    ``events``   shared: evidence is added to its end
    """

    def __init__(
        self, orders: BrokerOrders, instruments: Instruments, con_ids: dict[int, int], zone: ZoneInfo,
        events: list[BrokerEvent], counts: Counter[str],
    ) -> None:
        self.account = ""
        self.set_aside: deque[SetAside] = deque(maxlen=SET_ASIDE_MAX)
        self._orders = orders
        self._instruments = instruments
        self._con_ids = con_ids
        self._zone = zone
        self._events = events
        self._counts = counts
        self._told: OrderedDict[str, Told] = OrderedDict()
        self._parked: OrderedDict[str, a.CommissionReport] = OrderedDict()
        self._uncosted: OrderedDict[str, int] = OrderedDict()

    @property
    def uncosted(self) -> int:
        """Return how many executions wait for their cost."""
        return len(self._uncosted)

    def order_of(self, told: a.ExecutionData) -> Tracked | None:
        """Return the order of ours that executed; None where it is not ours.

        A correction is of the order that its execution was of. An order id names an order of ours only where nothing
        better does, and only within this connection.
        """
        one = told.execution
        known = self._told.get(execution_and_revision(one.exec_id)[0])
        if known is not None:
            return self._orders.get(known.order_id)
        found = self._orders.by_reference(one.order_ref, one.perm_id)
        if found is None and not one.order_ref and one.liquidation == 0:
            return self._orders.by_ids(one.perm_id, told.order_id, one.client_id)
        return found

    def is_repeated(self, one: Execution) -> bool:
        """Tell whether an execution of ours was told before, as it is or as it was corrected since."""
        name, revision = execution_and_revision(one.exec_id)
        known = self._told.get(name)
        return known is not None and revision <= execution_and_revision(known.execution_id)[1]

    def execution(self, order: Tracked, told: a.ExecutionData, time_ns: int, now_ns: int) -> None:
        """Take an execution of ``order``; ``time_ns`` is when it was heard, for one whose own time cannot be read."""
        one = told.execution
        name, revision = execution_and_revision(one.exec_id)
        known = self._told.get(name)
        if known is not None and self.is_repeated(one):
            self._counts["executions_repeated"] += 1
            if one.shares > known.most_quantity and not self._why_not(order, told, revision):
                self._keep(order, name, msgspec.structs.replace(known, most_quantity=one.shares))
            return
        because = self._why_not(order, told, revision)
        if because:
            self.put_aside(told, because)
            return
        stated = Told(
            execution_id=one.exec_id, order_id=order.order_id, quantity=one.shares, price=one.price,
            most_quantity=max(one.shares, known.most_quantity if known else one.shares),
            event_time_ns=self.time_ns(one, time_ns))
        self._keep(order, name, stated)
        parked = self._parked.pop(name, None)
        is_its_own = parked is not None and parked.exec_id == one.exec_id
        commission = self._cost(order, parked) if parked is not None and is_its_own else None
        self._emit(stated, ExecType.TRADE if known is None else ExecType.TRADE_CORRECT, commission)
        if known is not None:
            self._uncosted.pop(known.execution_id, None)
        if one.shares and commission is None:
            self._uncosted[one.exec_id] = now_ns
            if len(self._uncosted) > EXECUTIONS_KEPT:
                self._uncosted.popitem(last=False)
        if parked is not None and not is_its_own:
            self.commission(parked)

    def commission(self, told: a.CommissionReport) -> None:
        """Take what an execution cost; parked where that, or its correction, was not told yet."""
        if told.commission is None or told.commission == NOT_KNOWN_YET:
            # It says nothing, and must not take the place of one that is parked and does.
            return
        name, revision = execution_and_revision(told.exec_id)
        known = self._told.get(name)
        if known is None or execution_and_revision(known.execution_id)[1] < revision:
            parked = self._parked.get(name)
            if parked is None or execution_and_revision(parked.exec_id)[1] <= revision:
                self._parked[name] = told
            if len(self._parked) > PARKED_MAX:
                self._parked.popitem(last=False)
            return
        order = self._orders.get(known.order_id)
        commission = None if order is None else self._cost(order, told)
        if commission is not None:
            self._uncosted.pop(told.exec_id, None)
            # Of an execution that was corrected since, only the cost is news.
            self._emit(msgspec.structs.replace(known, execution_id=told.exec_id), ExecType.TRADE_CORRECT, commission)

    def tick(self, now_ns: int) -> None:
        """Call the costs late that are."""
        while self._uncosted:
            execution_id, told_ns = next(iter(self._uncosted.items()))
            if now_ns - told_ns < COMMISSION_NS_MAX:
                return
            del self._uncosted[execution_id]
            self._counts["commissions_late"] += 1
            get_log().warning("commission_late", execution_id=execution_id)

    def put_aside(self, told: a.ExecutionData, because: str) -> None:
        """Keep an execution that is not believed, and why."""
        if any(one.told == told for one in self.set_aside):
            return
        self.set_aside.append(SetAside(told, because))
        self._counts["executions_set_aside"] += 1
        get_log().error("execution_set_aside", because=because, execution_id=told.execution.exec_id[:80],
                        symbol=told.contract.symbol, quantity=str(told.execution.shares),
                        price=str(told.execution.price), reference=told.execution.order_ref[:128])

    def why_unbelievable(self, told: a.ExecutionData) -> str:
        """Return what is wrong with an execution, whoever's it is; "" for nothing."""
        one, revision = told.execution, execution_and_revision(told.execution.exec_id)[1]
        if not one.exec_id:
            return "it has no execution id"
        if self.account and one.account != self.account:
            return f"its account is {one.account[:20]!r}; allowed: {self.account}"
        if not one.shares.is_finite() or one.shares < 0 or (one.shares == 0 and revision == 1):
            return f"its quantity is {one.shares}; allowed: above 0, and 0 for one that is taken back"
        if one.shares and (not one.price.is_finite() or abs(one.price) > PRICE_MAX):
            return f"its price is {one.price}; allowed: a finite price"
        if one.liquidation and one.side not in SIDES:
            return f"its side is {one.side[:20]!r}; allowed: {', '.join(SIDES)}"
        return ""

    def time_ns(self, one: Execution, heard_ns: int) -> int:
        """Return when an execution was, whoever's it is; ``heard_ns`` where its own time cannot be read."""
        try:
            return time_ns_of(one.time, self._zone)
        except ValueError as error:
            # A fill is a fact, whatever its time looks like.
            self._counts["times_unread"] += 1
            get_log().warning("execution_time_unread", execution_id=one.exec_id, because=str(error))
            return heard_ns

    def recall(self, order: Tracked, event: BrokerEvent) -> None:
        """Take it that this execution was told before, and taken."""
        assert event.execution_id is not None, "a trade without an execution id"
        name, revision = execution_and_revision(event.execution_id)
        known = self._told.get(name)
        if known is not None and execution_and_revision(known.execution_id)[1] >= revision:
            return
        self._keep(order, name, Told(
            execution_id=event.execution_id, order_id=order.order_id, quantity=event.quantity, price=event.price,
            most_quantity=max(event.quantity, known.most_quantity if known else event.quantity),
            event_time_ns=event.event_time_ns))

    def state(self) -> list[Told]:
        """Return the executions that are kept."""
        return list(self._told.values())

    def restore(self, told: list[Told]) -> None:
        """Go on from ``told``."""
        self._told = OrderedDict((execution_and_revision(one.execution_id)[0], one) for one in told)

    def _keep(self, order: Tracked, name: str, told: Told) -> None:
        before = self._told.get(name)
        order.executed += told.quantity - (before.quantity if before else 0)
        order.taken_back += told.most_quantity - told.quantity
        order.taken_back -= before.most_quantity - before.quantity if before else 0
        self._told[name] = told
        if len(self._told) > EXECUTIONS_KEPT:
            self._told.popitem(last=False)

    def _why_not(self, order: Tracked, told: a.ExecutionData, revision: int) -> str:
        con_id, side = self._con_ids[order.instrument], SIDES.get(told.execution.side)
        if side is not order.side:
            return f"its side is {told.execution.side[:20]!r}, that of order {order.reference} is {order.side.name}"
        if told.contract.con_id != con_id:
            return f"its contract is {told.contract.con_id}, that of order {order.reference} is {con_id}"
        if revision == 1 and not told.execution.shares:
            return "its quantity is 0"
        return ""

    def _cost(self, order: Tracked, told: a.CommissionReport) -> Decimal | None:
        """Return the cost in the instrument's currency; None where it is in another."""
        assert told.commission is not None, "a cost that is not known is not kept"
        currency = self._instruments[order.instrument].currency
        if told.currency not in {"", currency}:
            self._counts["commissions_other_currency"] += 1
            get_log().warning("commission_in_other_currency", execution_id=told.exec_id, currency=told.currency,
                              commission=str(told.commission), allowed=currency)
            return None
        return told.commission

    def _emit(self, told: Told, exec_type: ExecType, commission: Decimal | None) -> None:
        self._events.append(BrokerEvent(
            exec_type=exec_type, order_id=told.order_id, event_time_ns=told.event_time_ns,
            execution_id=told.execution_id, quantity=told.quantity, price=told.price, commission=commission))
