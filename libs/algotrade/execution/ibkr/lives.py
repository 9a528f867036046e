"""What becomes of our orders: from what is known of each to the evidence that the order manager is given.

Rules. Only the broker's states and executions end an order, and a state that says how much was filled counts when the
executions have said so too. A change is done when the broker shows the order changed. What is refused is refused when
a complete look does not find it. What is found nowhere is not known, and is never sent again.
"""

from collections import Counter
from decimal import Decimal

from algotrade.domain import ExecType, IntentId
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution.broker import BrokerEvent
from algotrade.execution.ibkr.looks import LOOK_AGAIN_NS
from algotrade.execution.ibkr.orders import Asked, BrokerOrders, Tracked
from algotrade.telemetry.log import get_log

FILLED, CANCELED, INACTIVE = "Filled", "Cancelled", "Inactive"
FILLS_NS_MAX = 5 * NANOSECONDS_PER_SECOND
"""How long the executions of an order that is told to be filled may take before they are asked for."""
ANSWER_NS_MAX = 2 * NANOSECONDS_PER_SECOND
"""How long a command may go without any answer before the broker is asked what became of it."""
LOOKS_IN_DOUBT = 2
"""A request without any answer counts as refused once so many complete looks found its order open and as it was."""


class Lives:
    """Moves our orders and says so.

    ``events``  shared: evidence is added to its end
    ``look_at_ns``  when to look next, monotonic; None: no order gives reason to
    """

    def __init__(self, orders: BrokerOrders, events: list[BrokerEvent], counts: Counter[str]) -> None:
        self._orders = orders
        self._events = events
        self._counts = counts
        self.look_at_ns: int | None = None
        self.undead: set[int] = set()
        """Our ids of the orders that ended here, and that the last look found open at the broker all the same."""

    def look(self, order: Tracked, at_ns: int) -> None:
        """Look for ``order`` at ``at_ns`` at the latest."""
        order.look_ns = at_ns if order.look_ns is None else min(order.look_ns, at_ns)
        self.remind(at_ns)

    def expect(self, order: Tracked, at_ns: int) -> None:
        """Look for ``order`` at ``at_ns`` where it has not answered by then."""
        order.answer_ns = at_ns
        self.remind(at_ns)

    def remind(self, at_ns: int) -> None:
        """See at ``at_ns`` at the latest which orders give reason to look."""
        self.look_at_ns = at_ns if self.look_at_ns is None else min(self.look_at_ns, at_ns)

    def works(self, order: Tracked, time_ns: int) -> None:
        """Take it that the broker works the order."""
        order.against = ""
        order.misses = 0
        if not order.is_acknowledged or order.is_lost:
            order.is_acknowledged, order.is_lost = True, False
            self._say(order, ExecType.NEW, time_ns)

    def replaced(self, order: Tracked, upto: Asked, time_ns: int) -> None:
        """Take it that the broker has changed the order as ``upto`` asks, and so as all changes before it ask."""
        for one in [one for one in order.requests if one.wanted is not None]:
            assert one.wanted is not None
            order.changed(one.wanted)
            self._answered(order, one, ExecType.REPLACED, time_ns)
            if one is upto:
                return

    def refused(self, order: Tracked, one: Asked, reason: str, time_ns: int) -> None:
        """Take it that a request was refused: the order lives on as before."""
        self._answered(order, one, ExecType.CANCEL_REJECTED, time_ns, reason)

    def lose(self, order: Tracked, reason: str, time_ns: int) -> None:
        """Say that it is not known what became of the order."""
        if not order.is_lost and not order.has_ended:
            order.is_lost = True
            self._counts["orders_lost"] += 1
            self._say(order, ExecType.ORDER_STATUS, time_ns, reason)

    def doubt(self, order: Tracked, looks: int, reason: str = "") -> None:
        """Doubt that the order's open requests were carried out."""
        for one in order.requests:
            if one.is_written:
                one.looks_left = looks if one.looks_left is None else min(one.looks_left, looks)
                one.against = one.against or reason

    def executed(self, order: Tracked, time_ns: int) -> None:
        """Follow an execution, which was told already: it proves that the broker took the order."""
        order.is_acknowledged, order.is_lost, order.misses = True, False, 0
        self.fills_told(order, time_ns)
        if order.has_ended:
            return
        most = max(order.terms.quantity, order.asked, order.stated or 0)
        if order.executed >= most and not order.lives_twice:
            self._orders.ended(order)

    def fills_told(self, order: Tracked, time_ns: int) -> None:
        """End an order of which only executions were missing, where none is any more."""
        is_done = bool(order.done) and set(order.perm_ids) <= set(order.done)
        if is_done and not order.has_ended and order.filled_told is not None and not order.is_short:
            self.end(order, time_ns)

    def done(self, order: Tracked, perm_id: int, status: str, filled: Decimal | None, time_ns: int,
             now_ns: int) -> None:
        """Take it that the incarnation ``perm_id`` ended in ``status``, having filled so much, None: it did not say."""
        if perm_id == 0 and len(order.perm_ids) == 1:
            perm_id = order.perm_ids[0]
        if perm_id not in (order.perm_ids or [0]):
            if perm_id == 0:
                self.look(order, now_ns)  # of one life or another
            return
        order.done = {**order.done, perm_id: status}
        if filled is not None:
            order.filled = {**order.filled, perm_id: filled}
        if order.has_ended:
            return
        if not set(order.perm_ids) <= set(order.done):
            self.look(order, now_ns + FILLS_NS_MAX)  # of the others no word may ever come
            return
        if order.filled_told is not None and not order.is_short:
            self.end(order, time_ns)
            return
        if order.awaits_fills:
            return  # told again
        order.awaits_fills, order.doubted_ns = True, now_ns
        self.look(order, now_ns + (FILLS_NS_MAX if status == FILLED else 0))

    def end(self, order: Tracked, time_ns: int) -> None:
        """End the order in the state that the broker told, now that its executions are told too, or cannot be."""
        order.awaits_fills = False
        if order.is_short:
            self._counts["fills_missing"] += 1
            get_log().error("fills_missing", reference=order.reference, filled=str(order.filled_told),
                            executed=str(order.executed))
        was_taken = order.is_acknowledged or bool(order.executed)
        if FILLED in order.done.values():
            is_whole = order.executed >= order.terms.quantity
            if order.is_short or (order.filled_told is None and not is_whole):
                self.lose(order, "fills_missing", time_ns)
                return
            if is_whole:
                self._filled(order, time_ns)
                return
            # The broker had cut its size, or an execution was taken back: the rest of ours will not fill.
            self._say(order, ExecType.CANCELED, time_ns, "nothing_left")
        elif not was_taken and (order.against or INACTIVE in order.done.values()):
            self._say(order, ExecType.REJECTED, time_ns, order.against or "inactive")
        else:
            self._say(order, ExecType.CANCELED, time_ns, order.against)
        self._orders.ended(order)

    def recall(self, order: Tracked, event: BrokerEvent) -> None:
        """Take it that this was said of the order before, and taken."""
        match event.exec_type:
            case ExecType.NEW:
                order.is_acknowledged, order.is_lost = True, False
            case ExecType.TRADE | ExecType.TRADE_CORRECT:
                order.is_acknowledged, order.is_lost = True, False
                if order.executed >= (order.stated or order.terms.quantity) and not order.requests:
                    self._orders.ended(order)
            case ExecType.RESTATED:
                self._restated(order, event.quantity)
            case ExecType.ORDER_STATUS:
                order.is_lost = not order.has_ended
            case ExecType.REPLACED | ExecType.CANCEL_REJECTED:
                for one in [one for one in order.requests if one.request_id == event.request_id]:
                    if event.exec_type is ExecType.REPLACED and one.wanted is not None:
                        order.changed(one.wanted)
                    order.requests = [other for other in order.requests if other is not one]
            case _:
                self._orders.ended(order)

    def never_sent(self, order: Tracked, because: str, time_ns: int) -> None:
        """End an order of which no byte has left: this we know without the broker."""
        self._say(order, ExecType.REJECTED, time_ns, f"not_sent: {because}")
        self._orders.ended(order)

    def looked(self, seen_open: set[int], began_ns: int, time_ns: int, now_ns: int) -> None:
        """Draw the conclusions of a complete look at everything, begun at ``began_ns``."""
        for order in self._orders.open():
            if not order.is_written or order.sent_ns > began_ns:
                continue
            if began_ns < order.doubted_ns:
                self.look(order, now_ns)
            elif order.awaits_fills:
                self.end(order, time_ns)
            elif order.order_id in seen_open:
                order.misses = 0
                self._found(order, began_ns, time_ns, now_ns)
            elif order.against and not order.is_acknowledged:
                self._say(order, ExecType.REJECTED, time_ns, order.against)
                self._orders.ended(order)
            elif order.executed >= order.terms.quantity and not order.lives_twice:
                self._filled(order, time_ns)
            else:
                self._missed(order, time_ns, now_ns)

    def restate(self, time_ns: int) -> None:
        """Say of every order that the broker has more than once how much may fill of it in all, where that is news."""
        for order in self._orders.split():
            if order.may_fill != order.stated:
                self._restated(order, order.may_fill)
                self._say(order, ExecType.RESTATED, time_ns, "lives_twice", quantity=order.may_fill)

    def _restated(self, order: Tracked, quantity: Decimal) -> None:
        order.stated = quantity
        if quantity > order.executed and order.has_ended:
            self._orders.revived(order)
        elif quantity <= order.executed and not order.has_ended:
            self._orders.ended(order)

    def _filled(self, order: Tracked, time_ns: int) -> None:
        """End an order that is filled: no change will make it larger, and no other incarnation fills any more."""
        self._no_more(order, time_ns)
        if order.stated is not None:
            self._say(order, ExecType.RESTATED, time_ns, "filled", quantity=order.executed)
        self._orders.ended(order)

    def _no_more(self, order: Tracked, time_ns: int) -> None:
        """Say of an order that is filled that no change will make it larger."""
        for one in [one for one in order.requests if one.wanted and one.wanted.quantity > order.executed]:
            self.refused(order, one, "order_is_filled", time_ns)

    def buried(self, seen_open: set[int]) -> None:
        """See whether a complete look found an order open that had ended before it began: then one of us is wrong."""
        ended = {i for i in seen_open - self._orders.ended_lately if (order := self._orders.get(i)) and order.has_ended}
        for order_id in sorted(ended - self.undead):
            self._counts["ended_but_open"] += 1
            order = self._orders.get(order_id)
            get_log().error("ended_but_open", reference=order.reference if order else "", order_id=order_id)
        self.undead = ended

    def _found(self, order: Tracked, began_ns: int, time_ns: int, now_ns: int) -> None:
        """Take it that the order is open: then requests in doubt that do not show in it were not carried out."""
        for one in list(order.requests):
            if one.looks_left is None or one.asked_ns > began_ns:
                continue
            one.looks_left -= 1
            if one.looks_left <= 0:
                self.refused(order, one, one.against or "not_done_by_broker", time_ns)
            else:
                self.look(order, now_ns + LOOK_AGAIN_NS)

    def _missed(self, order: Tracked, time_ns: int, now_ns: int) -> None:
        """Take it that the order is nowhere: not known, and the second time not found. It is never sent again."""
        self.lose(order, "not_found", time_ns)
        if order.misses and now_ns - order.missed_ns < LOOK_AGAIN_NS:
            self.look(order, order.missed_ns + LOOK_AGAIN_NS)
            return
        order.misses += 1
        order.missed_ns = now_ns
        if order.misses < LOOKS_IN_DOUBT:
            self.look(order, now_ns + LOOK_AGAIN_NS)
        elif order.misses == LOOKS_IN_DOUBT:
            self._counts["orders_not_found"] += 1
            get_log().error("order_not_found", reference=order.reference, broker_order_id=order.broker_order_id)

    def _answered(self, order: Tracked, one: Asked, exec_type: ExecType, time_ns: int, reason: str = "") -> None:
        order.requests = [other for other in order.requests if other is not one]
        self._say(order, exec_type, time_ns, reason, one.request_id)

    def _say(self, order: Tracked, exec_type: ExecType, time_ns: int, reason: str = "",
             request_id: IntentId | None = None, quantity: Decimal = Decimal(0)) -> None:
        self._events.append(BrokerEvent(exec_type=exec_type, order_id=order.order_id, event_time_ns=time_ns,
                                        quantity=quantity, reason=reason, request_id=request_id))
