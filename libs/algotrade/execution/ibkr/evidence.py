"""The broker's answers, one by one, to evidence about our orders. No I/O, and no client library's idea of a state.

Answers come in any order, twice, late, or not at all: an execution before the order it belongs to, a state that was
overtaken, an error about an id that means something else by now. Each finds its order (orders.py), and moves it only
as far as it proves (lives.py). Errors are hints (codes.py): they make us look, and never end an order.
"""

from collections import Counter
from decimal import Decimal
from functools import partial

from algotrade.execution.ibkr.codes import COMPETING_SESSION, Hint, hint_of
from algotrade.execution.ibkr.executions import SIDES, Executions
from algotrade.execution.ibkr.foreign import Foreign
from algotrade.execution.ibkr.lives import ANSWER_NS_MAX, CANCELED, FILLED, INACTIVE, LOOKS_IN_DOUBT, Lives
from algotrade.execution.ibkr.looks import LOOK_AGAIN_NS, Looks, Outcome
from algotrade.execution.ibkr.orders import BrokerOrders, Tracked
from algotrade.execution.ibkr.requests import has_terms
from algotrade.execution.ibkr.unexplained import Unexplained
from algotrade.ibkr.session import SnapshotFacts
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.telemetry.log import get_log

WORKING = frozenset({"PreSubmitted", "Submitted"})
ON_THE_WAY = frozenset({"ApiPending", "PendingSubmit", "PendingCancel"})
ENDINGS = {"Cancelled": CANCELED, "ApiCancelled": CANCELED, "Filled": FILLED}
TEXT_MAX = 200
"""Characters of the broker's texts that are kept in reasons."""


class Evidence:
    """Takes what the session tells; the parts that it moves are shared with the broker."""

    def __init__(
        self, orders: BrokerOrders, lives: Lives, executions: Executions, foreign: Foreign, unexplained: Unexplained,
        looks: Looks, counts: Counter[str],
    ) -> None:
        self.is_competing = False
        """Another session of this login took the market data, and has not given it back that we know."""
        self._orders = orders
        self._lives = lives
        self._executions = executions
        self._foreign = foreign
        self._unexplained = unexplained
        self._looks = looks
        self._counts = counts

    def told(self, answer: Answer, time_ns: int, now_ns: int) -> None:
        """Take an answer that reached us at ``time_ns`` (1970 UTC); ``now_ns`` is monotonic."""
        match answer:
            case a.OrderStatus():
                self._order_status(answer, time_ns, now_ns)
            case a.OpenOrder():
                self._open_order(answer, time_ns, now_ns)
            case a.CompletedOrder():
                self._completed_order(answer, time_ns, now_ns)
            case a.ExecutionData():
                self._execution(answer, time_ns, now_ns)
            case a.CommissionReport():
                self._executions.commission(answer)
            case a.PositionData() | a.PositionEnd():
                self._position(answer, now_ns)
            case a.ErrorMessage():
                self._error(answer, time_ns, now_ns)
        self._looked(answer, time_ns, now_ns)
        self._lives.restate(time_ns)

    def _looked(self, answer: Answer, time_ns: int, now_ns: int) -> None:
        match self._looks.told(answer):
            case Outcome.COMPLETE:
                self._lives.looked(self._looks.seen_open, self._looks.began_ns, time_ns, now_ns)
                self._lives.buried(self._looks.seen_open)
                self._unexplained.all_told(now_ns)
            case Outcome.FAILED:
                self._look_failed(answer)

    def snapshot(self, facts: SnapshotFacts, time_ns: int, now_ns: int) -> None:
        """Take it that ``facts``, each of which was told before, are all there is."""
        self._looks.end()
        ours = [(self._orders.by_reference(o.order.order_ref, o.order.perm_id), o) for o in facts.open_orders]
        self._foreign.all_told(facts.positions, [told for order, told in ours if order is None])
        seen_open = {order.order_id for order, told in ours if order is not None and _is_open(order, told.state.status)}
        self._lives.looked(seen_open, now_ns, time_ns, now_ns)
        self._unexplained.flat_but({one.contract.con_id for one in facts.positions if self._is_ours(one)})
        self._unexplained.all_told(now_ns)

    def link_lost(self, time_ns: int) -> None:
        """Doubt everything that was under way: it may have arrived, or not."""
        self._looks.end()
        for order in self._orders.open():
            if order.is_written and (not order.is_acknowledged or any(one.is_written for one in order.requests)):
                self._lives.doubt(order, LOOKS_IN_DOUBT)
                self._lives.lose(order, "link_lost", time_ns)

    def written(self, request: Request, now_ns: int) -> None:
        """Take note that an order or a cancel was handed to the socket: from now on it may exist."""
        order = self._named(request)
        if order is None:
            return
        self._orders.sent(order)
        if isinstance(request, r.PlaceOrder) and not order.is_written:
            order.is_written, order.sent_ns = True, now_ns
        else:
            is_cancel = isinstance(request, r.CancelOrder)
            waiting = [one for one in order.requests if not one.is_written and (one.wanted is None) == is_cancel]
            if not waiting:
                return
            waiting[0].is_written, waiting[0].asked_ns = True, now_ns
        self._lives.expect(order, now_ns + ANSWER_NS_MAX)

    def unsent(self, request: Request, because: str, time_ns: int) -> None:
        """Take note that a request certainly never left."""
        if not isinstance(request, r.PlaceOrder | r.CancelOrder):
            self._looks.unsent()
            return
        order = self._named(request)
        if order is None:
            return
        self._orders.sent(order)
        if isinstance(request, r.PlaceOrder) and not order.is_written:
            self._lives.never_sent(order, because, time_ns)
        else:
            is_cancel = isinstance(request, r.CancelOrder)
            waiting = [one for one in order.requests if not one.is_written and (one.wanted is None) == is_cancel]
            if waiting:
                self._lives.refused(order, waiting[0], f"not_sent: {because}", time_ns)

    def tick(self, now_ns: int) -> None:
        """See which orders give reason to look."""
        self._executions.tick(now_ns)
        if self._looks.tick(now_ns) is Outcome.FAILED:
            self._look_failed(None)
        self._looks.is_wanted |= self._unexplained.is_due(now_ns)
        if self._lives.look_at_ns is None or now_ns < self._lives.look_at_ns:
            return
        self._lives.look_at_ns = None
        for order in self._orders.open():
            self._looks.is_wanted |= _is_due(order, now_ns)
            for at_ns in (order.look_ns, order.answer_ns):
                if at_ns is not None:
                    self._lives.remind(at_ns)

    def _order_status(self, told: a.OrderStatus, time_ns: int, now_ns: int) -> None:
        order = self._orders.by_ids(told.perm_id, told.order_id, told.client_id)
        if order is None:
            self._foreign.order_status(told)
            return
        self._identified(order, told.perm_id)
        self._state(order, told.perm_id, told.status, told.filled, time_ns, now_ns)

    def _open_order(self, told: a.OpenOrder, time_ns: int, now_ns: int) -> None:
        order = self._orders.by_reference(told.order.order_ref, told.order.perm_id)
        if order is None:
            self._foreign.order_open(told)
            return
        status = told.state.status
        self._identified(order, told.order.perm_id, told.order_id, told.order.client_id)
        if told.order.perm_id in order.perm_ids:
            order.quantities = {**order.quantities, told.order.perm_id: told.order.total_quantity}
        self._looks.saw(order.order_id, is_open=_is_open(order, status))
        if status in WORKING and not order.has_ended and told.order.perm_id not in order.done:
            shown = [one for one in order.requests if one.wanted is not None and has_terms(told.order, one.wanted)]
            if shown:
                self._lives.replaced(order, shown[-1], time_ns)
            elif not order.requests and not has_terms(told.order, order.terms):
                self._counts["terms_differ"] += 1
        self._state(order, told.order.perm_id, status, None, time_ns, now_ns)

    def _completed_order(self, told: a.CompletedOrder, time_ns: int, now_ns: int) -> None:
        order = self._orders.by_reference(told.order.order_ref, told.order.perm_id)
        if order is None:
            return  # somebody else's, and done: its position is in the account's
        self._identified(order, told.order.perm_id)
        self._looks.saw(order.order_id, is_open=False)
        order.is_heard = True
        status = ENDINGS.get(told.state.status, told.state.status)
        if status in {FILLED, CANCELED, INACTIVE}:
            self._lives.done(order, told.order.perm_id, status, told.order.filled_quantity, time_ns, now_ns)
        else:
            self._strange(order, told.state.status, now_ns)

    def _state(self, order: Tracked, perm_id: int, status: str, filled: Decimal | None, time_ns: int,
               now_ns: int) -> None:
        """Follow a state of an open order; what was overtaken or is told again changes nothing."""
        order.is_heard = True
        ending = ENDINGS.get(status)
        if order.has_ended or (perm_id in order.done and ending is None):
            self._counts["states_overtaken"] += status not in ENDINGS
            # Overtaken, or the order lives: a look knows.
            self._looks.is_wanted |= status in WORKING and perm_id not in order.done
            if ending is not None and perm_id not in order.done:
                self._lives.done(order, perm_id, ending, filled, time_ns, now_ns)
        elif ending is not None:
            self._lives.done(order, perm_id, ending, filled, time_ns, now_ns)
        elif status in WORKING:
            self._lives.works(order, time_ns)
        elif status == INACTIVE:
            # Refused, or held and to come back: what it is will show.
            self._lives.lose(order, "inactive", time_ns)
            self._lives.look(order, now_ns)
        elif status == "PendingCancel":
            for one in order.requests:
                if one.wanted is None and one.looks_left is not None:
                    one.looks_left = LOOKS_IN_DOUBT + 1
        elif status not in ON_THE_WAY:
            self._strange(order, status, now_ns)

    def _execution(self, told: a.ExecutionData, time_ns: int, now_ns: int) -> None:
        order = self._executions.order_of(told)
        because = self._executions.why_unbelievable(told)
        if because:
            self._executions.put_aside(told, because)
            return
        if told.execution.side in SIDES:
            self._unexplained.executed(told.contract.con_id, told.execution.exec_id,
                                       SIDES[told.execution.side] * told.execution.shares, now_ns)
        if order is None:
            if not self._executions.is_repeated(told.execution):  # else it is of an order of ours that is forgotten
                self._foreign.execution(told, partial(self._executions.time_ns, told.execution, time_ns))
        else:
            before = order.executed
            self._identified(order, told.execution.perm_id)
            self._looks.saw(order.order_id, is_open=False)
            order.is_heard = True
            self._executions.execution(order, told, time_ns, now_ns)
            if order.executed > before:
                self._lives.executed(order, time_ns)
            else:
                self._lives.fills_told(order, time_ns)

    def _position(self, told: a.PositionData | a.PositionEnd, now_ns: int) -> None:
        if isinstance(told, a.PositionEnd):
            self._unexplained.listed()
            return
        self._foreign.position(told)
        if self._is_ours(told):
            self._unexplained.position(told.contract.con_id, told.position, now_ns)

    def _is_ours(self, told: a.PositionData) -> bool:
        return self._executions.account in {"", told.account}

    def _error(self, told: a.ErrorMessage, time_ns: int, now_ns: int) -> None:
        if told.code == COMPETING_SESSION and not self.is_competing:
            self.is_competing = True
            self._counts["competing_sessions"] += 1
            get_log().error("competing_session", message=told.message[:TEXT_MAX])
        order = self._orders.by_request(told.req_id)
        if order is None:
            return
        hint = hint_of(told.code, order.doing)
        self._counts["hint_" + hint.name.lower()] += 1
        get_log().info("order_code", reference=order.reference, code=told.code, hint=hint.value,
                       message=told.message[:TEXT_MAX])
        if hint in {Hint.LINK, Hint.DATA}:
            return
        order.is_heard = True
        if not order.has_ended:
            self._hinted(order, hint, f"ib_{told.code}: {told.message[:TEXT_MAX]}", time_ns, now_ns)

    def _hinted(self, order: Tracked, hint: Hint, reason: str, time_ns: int, now_ns: int) -> None:
        """Follow what an error hints at. Whatever it is, a look will say what is true."""
        self._lives.look(order, now_ns + (ANSWER_NS_MAX if hint is Hint.CANCELED else 0))
        if hint is Hint.REFUSED:
            order.against, order.doubted_ns = order.against or reason, now_ns
        elif hint is Hint.NOT_CHANGED:
            changes = [one for one in order.requests if one.wanted is not None]
            self._lives.refused(order, changes[0], reason, time_ns)
        elif hint is Hint.NOT_CANCELED:
            self._lives.doubt(order, 1, reason)
        elif hint is Hint.UNSURE:
            self._lives.doubt(order, 1, reason)
            self._lives.lose(order, reason, time_ns)

    def _identified(self, order: Tracked, perm_id: int, order_id: int | None = None, client_id: int = -1) -> None:
        if self._orders.identified(order, perm_id, order_id, client_id):
            self._counts["splits"] += 1
            get_log().error("order_split", reference=order.reference, perm_ids=order.perm_ids)

    def _strange(self, order: Tracked, status: str, now_ns: int) -> None:
        self._counts["states_not_known"] += 1
        get_log().warning("order_state_not_known", reference=order.reference, status=status[:40])
        self._lives.look(order, now_ns)

    def _look_failed(self, answer: Answer | None) -> None:
        self._counts["looks_failed"] += 1
        because = "an end marker did not come"
        if isinstance(answer, a.ErrorMessage):
            because = f"{answer.code} {answer.message[:TEXT_MAX]}"
        get_log().error("look_failed", because=because, again_in_s=LOOK_AGAIN_NS // 10**9)

    def _named(self, request: Request) -> Tracked | None:
        if isinstance(request, r.PlaceOrder | r.CancelOrder):
            return self._orders.of_own_request(request.order_id)
        return None


def _is_open(order: Tracked, status: str) -> bool:
    """Tell whether an order that is told among the open ones is open.

    One that was refused may go on being told as inactive (documented: refused or canceled; observed: held, too).
    """
    return status not in ENDINGS and not (status == INACTIVE and order.against and not order.is_acknowledged)


def _is_due(order: Tracked, now_ns: int) -> bool:
    """Tell whether ``order`` gives reason to look now, and forget the reason."""
    is_due = False
    if order.look_ns is not None and order.look_ns <= now_ns:
        order.look_ns, is_due = None, True
    if order.answer_ns is not None and order.answer_ns <= now_ns:
        order.answer_ns = None
        is_due |= not order.is_heard or bool(order.requests)
        for one in order.requests:
            if one.is_written and one.looks_left is None:
                one.looks_left = LOOKS_IN_DOUBT
    return is_due
