"""The order manager: intents and broker evidence in, commands and execution reports out. It does no I/O.

Life of an order. A strategy's intent arrives (``on_intent``). What was seen before is answered with what is known.
What is too old, or what the risk gate refuses, becomes a report and nothing else. What is approved becomes a
``Command``; the host journals it durably and only then hands it to the broker. What the broker tells comes in through
``on_broker``, moves the order by the state table, is booked once, and becomes reports.

One writer, one thread: whoever owns the manager owns the truth about orders.
"""

from decimal import Decimal

import msgspec

from algotrade.domain import (
    CancelOrder,
    ExecType,
    ExecutionReport,
    Fill,
    Instruments,
    IntentId,
    Liquidation,
    NewOrder,
    Order,
    OrderIntent,
    OrderStatus,
    Records,
    ReplaceOrder,
)
from algotrade.execution.broker import BrokerEvent, Cancel, Command, Place, Replace
from algotrade.execution.ledger import FillLedger, LedgerState, Revisions
from algotrade.execution.order_book import REQUESTS_MAX, OrderBook, OrderBookState
from algotrade.execution.order_state import OrderEvent, follow
from algotrade.risk import Approved, Gate, Reason, Refused

EVIDENCE = {
    ExecType.NEW: OrderEvent.ACCEPTED,
    ExecType.CANCELED: OrderEvent.CANCELED,
    ExecType.REPLACED: OrderEvent.REPLACED,
    ExecType.REJECTED: OrderEvent.REJECTED,
    ExecType.EXPIRED: OrderEvent.EXPIRED,
    ExecType.CANCEL_REJECTED: OrderEvent.REQUEST_REJECTED,
    ExecType.ORDER_STATUS: OrderEvent.LOST,
    ExecType.RESTATED: OrderEvent.RESTATED,
}
"""What a broker's word, other than a trade, means to the state table."""

OCA_GROUP_CHARACTERS_MAX = 64
"""Of the name of a group (assumed: the broker documents no length)."""

SAYS_NOTHING_OF_REQUESTS = {ExecType.NEW, ExecType.ORDER_STATUS, ExecType.RESTATED}

LIQUIDATIONS_KEPT = 4_096
"""The last liquidations, against telling one twice: the broker repeats those since midnight at every start."""

REPLAYED_LATE = "intent_replayed_late"
"""Why an intent that was replayed does not trade."""


class Handling(msgspec.Struct, frozen=True):
    """What an intent leads to: reports to publish, and at most one command to journal and then send.

    ``is_again``  the reports were published before
    ``decided``   by the risk gate, None where it was not asked
    """

    reports: tuple[ExecutionReport, ...] = ()
    command: Command | None = None
    is_again: bool = False
    decided: Reason | None = None


class ManagerState(msgspec.Struct, kw_only=True):
    """The manager's part of a snapshot."""

    orders: OrderBookState
    ledger: LedgerState
    reports: int
    refused: dict[str, int]
    late_fills: int
    unmatched: int = 0
    corrections: int = 0
    overfills: int = 0
    liquidations: dict[str, int] = {}


class OrderManager:
    """Single writer of order state: every order, its reports, the fills and what they mean for risk.

    ``takes_groups``  the broker lets an order wait for another's fill, or cancel others by its own
    """

    def __init__(self, instruments: Instruments, gate: Gate, *, takes_groups: bool = False) -> None:
        self._instruments = instruments
        self._takes_groups = takes_groups
        self._gate = gate
        self.orders = OrderBook()
        self.ledger = FillLedger(instruments)
        self.refused: dict[str, int] = {}
        self.late_fills = 0
        self.unmatched = 0
        self.corrections = 0
        self.overfills = 0
        self._liquidations = Revisions(LIQUIDATIONS_KEPT)
        self._reports = 0

    @property
    def marks(self) -> Records:
        """The gate's reference prices, which the host moves with market data."""
        return self._gate.marks

    def on_intent(self, intent: OrderIntent, now_ns: int, decided: Reason | None = None) -> Handling:
        """Take an intent that arrived at ``now_ns`` (event time in replay, the clock live).

        ``decided`` by the risk gate when it was taken before, as was recorded; None asks the gate. One that was seen
        before is answered with its order's last report, if that is still kept; an intent whose id is known with other
        content is a bug of its strategy, and an assertion here.
        """
        if self.orders.seen(intent):
            known = self.orders.by_intent(intent.id)
            if known is None:
                return Handling()
            assert not isinstance(intent, NewOrder) or known.intent == intent, f"intent {intent.id} came back changed"
            return self._again(known)
        self.orders.saw(intent)
        if isinstance(intent, NewOrder):
            return self._new(intent, now_ns, decided)
        self.orders.handled_request(intent.id)
        return self._request(intent, now_ns, decided)

    def on_late(self, intent: OrderIntent, now_ns: int) -> Handling:
        """Answer an intent that was replayed: it could not be read when it was due, and never trades any more.

        Where its order is known, that order's last report comes again; and so does the answer to an intent that was
        replayed before.
        """
        answer = self.orders.late_answer(intent.id)
        if answer is not None:
            return Handling((answer,), is_again=True)
        known = self.orders.by_intent(intent.id if isinstance(intent, NewOrder) else intent.target)
        if isinstance(intent, NewOrder):
            if known is not None:
                return self._again(known)
            report = self._turned_down(self._order(intent), OrderStatus.EXPIRED, ExecType.EXPIRED, REPLAYED_LATE,
                                       now_ns)
        elif self.orders.was_handled(intent.id):
            return Handling() if known is None else self._again(known)
        elif known is None:
            report = self._unknown(intent, REPLAYED_LATE, now_ns)
        else:
            report = self._request_refused(known, intent, REPLAYED_LATE, now_ns)
        self.orders.answered_late(report)
        return Handling((report,))

    def _again(self, order: Order) -> Handling:
        last = self.orders.last_report(order.order_id)
        return Handling(() if last is None else (last,), is_again=True)

    def on_broker(self, event: BrokerEvent) -> list[ExecutionReport]:
        """Take evidence from the broker.

        Evidence about an order that is not known is counted (``unmatched``) and makes no report: an account may have
        orders of other programs, and whose they are is for reconciliation to find out.
        """
        order = self.orders.get(event.order_id)
        if order is None:
            self.unmatched += 1
            return []
        if event.exec_type in {ExecType.TRADE, ExecType.TRADE_CORRECT}:
            return self._executed(order, event)
        assert event.exec_type in EVIDENCE, f"a broker told {event.exec_type!r} of order {event.order_id}"
        status = follow(order.status, EVIDENCE[event.exec_type], self._filled_lots(order))
        if status is None:
            self.unmatched += 1
            return []
        if event.exec_type is ExecType.ORDER_STATUS and order.status is OrderStatus.UNKNOWN:
            return []  # nothing new: nothing is known of it still
        if event.exec_type is ExecType.RESTATED and order.status.is_terminal and (
                event.quantity <= order.cumulative_quantity):
            return []  # nothing lives of it
        reserved_lots = self._reserved_lots(order)
        request = self._answered(order, event, status)
        changed = msgspec.structs.replace(order, status=status, reason=event.reason or order.reason)
        if event.exec_type is ExecType.REPLACED and isinstance(request, ReplaceOrder):
            changed = _replaced(order, changed, request)
        if event.exec_type is ExecType.RESTATED:
            changed = msgspec.structs.replace(changed, quantity=max(event.quantity, order.cumulative_quantity))
        if request is not None:
            self.orders.answer(order.order_id, request)
        changed = self._settled(changed)
        self._keep(order, changed, reserved_lots)
        request_id = order.intent.id if request is None else request.id
        return [self._report(changed, event.exec_type, event.event_time_ns, request_id, reason=event.reason)]

    def on_liquidation(self, told: Liquidation) -> list[Liquidation]:
        """Take what the broker did in the account by itself; return the report of it, nothing where it is no news.

        It moves no order and no position of ours, and counts in no limit.
        """
        if not self._liquidations.is_news(told.execution_id):
            return []
        self._reports += 1
        return [msgspec.structs.replace(told, sequence=self._reports)]

    def state(self) -> ManagerState:
        """Return everything that a restart needs; the gate keeps its own."""
        return ManagerState(orders=self.orders.state(), ledger=self.ledger.state(), reports=self._reports,
                            refused=dict(self.refused), late_fills=self.late_fills, unmatched=self.unmatched,
                            corrections=self.corrections, overfills=self.overfills,
                            liquidations=self._liquidations.state())

    def restore(self, state: ManagerState) -> None:
        """Go on from ``state``."""
        self.orders.restore(state.orders)
        self.ledger.restore(state.ledger)
        self._reports = state.reports
        self.refused = dict(state.refused)
        self.late_fills = state.late_fills
        self.unmatched = state.unmatched
        self.corrections = state.corrections
        self.overfills = state.overfills
        self._liquidations.restore(state.liquidations)

    def _new(self, intent: NewOrder, now_ns: int, decided: Reason | None) -> Handling:
        order = self._order(intent)
        if now_ns >= intent.expires_at_ns:
            late = self._turned_down(order, OrderStatus.EXPIRED, ExecType.EXPIRED, "intent_expired", now_ns)
            return Handling((late,))
        word = self._why_no_group(intent)
        if word:
            return Handling((self._turned_down(order, OrderStatus.REJECTED, ExecType.REJECTED, word, now_ns),))
        verdict = self._gate.check(intent, now_ns, decided)
        if isinstance(verdict, Refused):
            word = verdict.reason.word
            report = self._turned_down(order, OrderStatus.REJECTED, ExecType.REJECTED, word, now_ns)
            return Handling((report,), decided=verdict.reason)
        self._gate.reserve(intent.instrument, intent.side, verdict.lots, orders=1)
        self.orders.keep(order)
        command = Place(order_id=order.order_id, approved=verdict, event_time_ns=now_ns)
        return Handling(command=command, decided=Reason.PASSED)

    def _why_no_group(self, intent: NewOrder) -> str:
        """Return why the order may not have the parent or the group that it names, "" where it may, or names none.

        A child's risk is reserved as if it worked at once: its parent may fill at any moment.
        """
        if intent.parent is None and not intent.oca_group:
            return ""
        if not self._takes_groups:
            return "groups_not_supported"
        name = intent.oca_group
        if not (name.isascii() and name.isprintable() and len(name) <= OCA_GROUP_CHARACTERS_MAX):
            return "oca_group_name"
        if intent.parent is None:
            return ""
        parent = self.orders.by_intent(intent.parent)
        if parent is None or parent.intent.instrument != intent.instrument:
            return "parent_unknown"
        return "parent_is_" + parent.status.name.lower() if parent.status.is_terminal else ""

    def _order(self, intent: NewOrder) -> Order:
        return Order(
            order_id=self.orders.next_id(), intent=intent, status=OrderStatus.PENDING_NEW, quantity=intent.quantity,
            limit_price=intent.limit_price, stop_price=intent.stop_price,
        )

    def _turned_down(self, order: Order, status: OrderStatus, exec_type: ExecType, reason: str,
                     now_ns: int) -> ExecutionReport:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        ended = msgspec.structs.replace(order, status=status, reason=reason)
        self.orders.keep_turned_down(ended)
        return self._report(ended, exec_type, now_ns, order.intent.id, reason=reason)

    def _request(self, intent: CancelOrder | ReplaceOrder, now_ns: int, decided: Reason | None) -> Handling:
        """Cancel or replace: refused with a reason, or a command."""
        order = self.orders.by_intent(intent.target)
        if order is None:
            return Handling((self._unknown(intent, "order_unknown", now_ns),))
        event = OrderEvent.CANCEL_SENT if isinstance(intent, CancelOrder) else OrderEvent.REPLACE_SENT
        status = follow(order.status, event, self._filled_lots(order))
        if now_ns >= intent.expires_at_ns:
            return Handling((self._request_refused(order, intent, "intent_expired", now_ns),))
        if status is None:
            reason = "order_is_" + order.status.name.lower()
            return Handling((self._request_refused(order, intent, reason, now_ns),))
        if len(self.orders.requests(order.order_id)) == REQUESTS_MAX:
            return Handling((self._request_refused(order, intent, "requests_max", now_ns),))
        command: Command
        if isinstance(intent, CancelOrder):
            command = Cancel(order_id=order.order_id, request_id=intent.id, event_time_ns=now_ns)
            decided = None
        else:
            checked = self._check_replace(order, intent, now_ns, decided)
            if not isinstance(checked, Approved):
                word, decided = (checked, None) if isinstance(checked, str) else (checked.reason.word, checked.reason)
                return Handling((self._request_refused(order, intent, word, now_ns),), decided=decided)
            command = Replace(order_id=order.order_id, request_id=intent.id, approved=checked, event_time_ns=now_ns)
            decided = Reason.PASSED
        reserved_lots = self._reserved_lots(order)
        self.orders.ask(order.order_id, intent)
        self._keep(order, msgspec.structs.replace(order, status=status), reserved_lots)
        return Handling(command=command, decided=decided)

    def _check_replace(
        self, order: Order, intent: ReplaceOrder, now_ns: int, decided: Reason | None,
    ) -> Approved | Refused | str:
        """Return the gate's verdict on what the order would become, or why it was not even asked."""
        if intent.quantity is not None and not (intent.quantity.is_finite() and intent.quantity > 0):
            return Reason.QUANTITY_NOT_POSITIVE.word
        # Born with the request: the venue must not take it for one that was there before.
        wanted = msgspec.structs.replace(_merged(order, intent), event_time_ns=intent.event_time_ns)
        rest = wanted.quantity - order.cumulative_quantity
        if rest <= 0:
            return "quantity_not_above_filled"
        # Checked as if the order were not there; its own lots stay reserved until the broker has answered.
        side, instrument, held = order.intent.side, order.intent.instrument, self._reserved_lots(order)
        self._gate.reserve(instrument, side, -held, orders=-1)
        verdict = self._gate.check(msgspec.structs.replace(wanted, quantity=rest), now_ns, decided)
        self._gate.reserve(instrument, side, held, orders=1)
        if isinstance(verdict, Refused):
            return verdict
        return msgspec.structs.replace(verdict, intent=wanted)

    def _answered(self, order: Order, event: BrokerEvent, status: OrderStatus) -> CancelOrder | ReplaceOrder | None:
        """Return the open request that ``event`` answers, None for none.

        The broker says which, or it is the oldest that it can be. What ends the order answers the newest.
        """
        if event.exec_type in SAYS_NOTHING_OF_REQUESTS:
            return None
        open_ones = self.orders.requests(order.order_id)
        if event.request_id is not None:
            open_ones = [one for one in open_ones if one.id == event.request_id]
        if event.exec_type is ExecType.REPLACED:
            open_ones = [one for one in open_ones if isinstance(one, ReplaceOrder)]
        if not open_ones:
            return None
        return open_ones[-1] if status.is_terminal else open_ones[0]

    def _settled(self, order: Order) -> Order:
        """Return ``order`` in the state that its fills and its open requests leave it in."""
        if order.status.is_terminal:
            return order
        open_ones = self.orders.requests(order.order_id)
        if order.cumulative_quantity >= self._most_quantity(order):
            return msgspec.structs.replace(order, status=OrderStatus.FILLED)
        if open_ones and order.status in {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}:
            canceling = any(isinstance(one, CancelOrder) for one in open_ones)
            pending = OrderStatus.PENDING_CANCEL if canceling else OrderStatus.PENDING_REPLACE
            return msgspec.structs.replace(order, status=pending)
        return order

    def _most_quantity(self, order: Order) -> Decimal:
        """Return the largest quantity that the order has at the broker, or would have by a replace on its way."""
        asked = (one.quantity for one in self.orders.requests(order.order_id) if isinstance(one, ReplaceOrder))
        return max((order.quantity, *(quantity for quantity in asked if quantity is not None)))

    def _executed(self, order: Order, event: BrokerEvent) -> list[ExecutionReport]:
        """Book an execution, or what corrects it, whatever state the order is in: a fill is a fact."""
        assert event.execution_id is not None, "a trade without an execution id"
        assert event.quantity >= 0, f"execution {event.execution_id} has quantity {event.quantity}"
        intent = order.intent
        booking = self.ledger.book(Fill(
            execution_id=event.execution_id, intent_id=intent.id, instrument=intent.instrument, side=intent.side,
            quantity=event.quantity, price=event.price, commission=event.commission or Decimal(0),
            event_time_ns=event.event_time_ns,
        ), is_costed=event.commission is not None)
        if booking is None:
            return []
        before = None if booking.before is None else booking.before.fill
        after = booking.after.fill
        if before == after or not (after.quantity or (before and before.quantity)):
            return []  # nothing that anybody sees is otherwise; or it was taken back before it was told
        assert before is None or before.intent_id == intent.id, f"{event.execution_id} came back for another order"
        return [self._booked(order, before, after, event.event_time_ns)]

    def _booked(self, order: Order, before: Fill | None, after: Fill, now_ns: int) -> ExecutionReport:
        """Let the order, risk and everybody know of a fill that is as ``after`` now, and was as ``before``."""
        instrument = self._instruments[order.intent.instrument]
        had_quantity = before.quantity if before else Decimal(0)
        more = after.quantity - had_quantity
        is_new, is_late = before is None, order.status.is_terminal
        is_over = more > 0 and order.cumulative_quantity + more > self._most_quantity(order)
        self.overfills += is_over
        reason = "late_fill" if is_new and is_late else "overfill" if is_over else ""
        self.corrections += before is not None and (before.quantity, before.price) != (after.quantity, after.price)
        self.late_fills += is_new and is_late
        changed = self._filled(order, more, after.quantity * after.price - had_quantity * (before or after).price)
        ended = changed.status.is_terminal and not is_late
        open_ones = self.orders.requests(order.order_id) if ended else []
        self._gate.book(instrument.id, order.intent.side,
                        instrument.quantity_to_lots(after.quantity) - instrument.quantity_to_lots(had_quantity))
        self._keep(order, changed, self._reserved_lots(order))
        return self._report(
            changed, ExecType.TRADE if is_new else ExecType.TRADE_CORRECT, now_ns,
            open_ones[-1].id if open_ones else order.intent.id, last_quantity=after.quantity, last_price=after.price,
            commission=after.commission, execution_id=after.execution_id, reason=reason,
            corrected_quantity=Decimal(0) if is_new else more)

    def _filled(self, order: Order, more: Decimal, more_value: Decimal) -> Order:
        """Return ``order`` with ``more`` units filled, fewer where it is negative."""
        cumulative = order.cumulative_quantity + more
        value = order.filled_value + more_value
        most_quantity = self._most_quantity(order)
        status = order.status
        if more > 0:
            event = OrderEvent.FILLED_WHOLLY if cumulative >= most_quantity else OrderEvent.FILLED_PARTLY
            followed = follow(status, event, self._instruments[order.intent.instrument].quantity_to_lots(cumulative))
            assert followed is not None, f"the state table takes a fill in every state, but not in {status}"
            status = followed
        elif status is OrderStatus.PARTIALLY_FILLED and not cumulative:
            status = OrderStatus.NEW
        # More than it had: then the broker has already made it what a replace asked for.
        quantity = most_quantity if cumulative > order.quantity else order.quantity
        return self._settled(msgspec.structs.replace(
            order, status=status, quantity=quantity, cumulative_quantity=cumulative, filled_value=value,
            average_price=value / cumulative if cumulative else Decimal(0)))

    def _keep(self, before: Order, after: Order, reserved_lots: int) -> None:
        """Keep ``after``, and let risk know what changes: ``reserved_lots`` were reserved for ``before``."""
        self.orders.keep(after)
        self._gate.reserve(after.intent.instrument, after.intent.side, self._reserved_lots(after) - reserved_lots,
                           orders=before.status.is_terminal - after.status.is_terminal)

    def _reserved_lots(self, order: Order) -> int:
        """Return what may still fill, whichever version of the order the broker has: until it answers, either may."""
        if order.status.is_terminal:
            return 0
        rest = max(self._most_quantity(order) - order.cumulative_quantity, Decimal(0))
        return self._instruments[order.intent.instrument].quantity_to_lots(rest)

    def _filled_lots(self, order: Order) -> int:
        return self._instruments[order.intent.instrument].quantity_to_lots(order.cumulative_quantity)

    def _request_refused(self, order: Order, intent: OrderIntent, reason: str, now_ns: int) -> ExecutionReport:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        return self._report(order, ExecType.CANCEL_REJECTED, now_ns, intent.id, reason=reason)

    def _unknown(self, intent: CancelOrder | ReplaceOrder, reason: str, now_ns: int) -> ExecutionReport:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        self._reports += 1
        return ExecutionReport(
            sequence=self._reports, order_id=0, intent_id=intent.target, request_id=intent.id,
            instrument=intent.instrument, exec_type=ExecType.CANCEL_REJECTED, status=OrderStatus.REJECTED,
            event_time_ns=now_ns, reason=reason,
        )

    def _report(
        self, order: Order, exec_type: ExecType, now_ns: int, request_id: IntentId, *, reason: str = "",
        last_quantity: Decimal = Decimal(0), last_price: Decimal = Decimal(0), commission: Decimal = Decimal(0),
        execution_id: str | None = None, corrected_quantity: Decimal = Decimal(0),
    ) -> ExecutionReport:
        self._reports += 1
        intent = order.intent
        report = ExecutionReport(
            sequence=self._reports, order_id=order.order_id, intent_id=intent.id, request_id=request_id,
            instrument=intent.instrument, exec_type=exec_type, status=order.status, side=intent.side,
            order_type=intent.order_type, time_in_force=intent.time_in_force, quantity=order.quantity,
            cumulative_quantity=order.cumulative_quantity, leaves_quantity=order.leaves_quantity,
            average_price=order.average_price, event_time_ns=now_ns, last_quantity=last_quantity,
            last_price=last_price, commission=commission, execution_id=execution_id, limit_price=order.limit_price,
            stop_price=order.stop_price, reason=reason, corrected_quantity=corrected_quantity,
        )
        self.orders.remember_report(report)
        return report


def _merged(order: Order, intent: ReplaceOrder) -> NewOrder:
    """Return the order's intent with what ``intent`` changes."""
    return msgspec.structs.replace(
        order.intent,
        quantity=order.quantity if intent.quantity is None else intent.quantity,
        limit_price=order.limit_price if intent.limit_price is None else intent.limit_price,
        stop_price=order.stop_price if intent.stop_price is None else intent.stop_price,
    )


def _replaced(order: Order, changed: Order, request: ReplaceOrder) -> Order:
    """Return ``changed`` as ``request`` has it; what had filled meanwhile is the least that it can be."""
    wanted = _merged(order, request)
    return msgspec.structs.replace(
        changed, quantity=max(wanted.quantity, order.cumulative_quantity), limit_price=wanted.limit_price,
        stop_price=wanted.stop_price)
