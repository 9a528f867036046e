"""The orders that the order manager keeps: every open one, and the last ones that ended.

Duplicates are told by a mark per strategy, not by a set of ids that grows: a strategy's intents arrive in the order of
their ids, so what is not above the last one was seen before.
"""

from collections import OrderedDict

import msgspec

from algotrade.domain import CancelOrder, ExecutionReport, IntentId, Order, OrderIntent, ReplaceOrder

ENDED_KEPT = 256
"""Orders kept after their end: for late fills, and for answering an intent that comes again."""

TURNED_DOWN_KEPT = 256
"""The same for those that never went to the broker, counted apart: they must not push out one that did."""

LATE_KEPT = 256
"""Answers to intents that were replayed: one that is replayed again gets the same."""

REQUESTS_KEPT = 256
"""Ids of the last cancels and replaces that were handled: one that is replayed is known by them."""

REQUESTS_MAX = 16
"""Unanswered requests of one order; a strategy that sends more is told no."""


class OrderBookState(msgspec.Struct, kw_only=True):
    """The book's part of a snapshot."""

    orders: list[Order]
    turned_down: list[int]
    reports: list[ExecutionReport]
    requests: list[tuple[int, list[CancelOrder | ReplaceOrder]]]
    seen: list[tuple[int, IntentId]]
    last_id: int
    late: list[ExecutionReport] = []
    handled_requests: list[IntentId] = []


class OrderBook:
    """Orders by our id and by intent. Bounded by the gate's limit on open orders and by what is kept of ended ones."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._by_intent: dict[IntentId, int] = {}
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._turned_down: OrderedDict[int, None] = OrderedDict()
        self._reports: dict[int, ExecutionReport] = {}
        self._requests: dict[int, list[CancelOrder | ReplaceOrder]] = {}
        self._late: OrderedDict[IntentId, ExecutionReport] = OrderedDict()
        self._handled_requests: OrderedDict[IntentId, None] = OrderedDict()
        self._seen: dict[tuple[str, str, int], IntentId] = {}
        self._last_id = 0

    def next_id(self) -> int:
        """Return the next order id, from 1; it is never given again."""
        self._last_id += 1
        return self._last_id

    @property
    def last_id(self) -> int:
        """Return the last order id given, 0 before the first: how many orders there were."""
        return self._last_id

    def seen(self, intent: OrderIntent) -> bool:
        """Tell whether this intent, or a later one of its strategy, run and instrument, has been handled.

        Only those of one instrument come in the order of their ids: another shard's may take longer to the venue.
        """
        last = self._seen.get((intent.id.strategy, intent.id.run, intent.instrument))
        return last is not None and intent.id <= last

    def saw(self, intent: OrderIntent) -> None:
        """Mark the intent, and all before it of its instrument, as handled."""
        self._saw(intent.instrument, intent.id)

    def _saw(self, instrument: int, intent_id: IntentId) -> None:
        self._seen[intent_id.strategy, intent_id.run, instrument] = intent_id

    def get(self, order_id: int) -> Order | None:
        """Return the order, None where it is not kept."""
        return self._orders.get(order_id)

    def by_intent(self, intent_id: IntentId) -> Order | None:
        """Return the order that this intent made, None where it made none or it is no longer kept."""
        return self._orders.get(self._by_intent.get(intent_id, 0))

    def open_orders(self) -> list[Order]:
        """Return the orders that have not ended, by id."""
        return [order for _, order in sorted(self._orders.items()) if not order.status.is_terminal]

    def keep(self, order: Order) -> None:
        """Keep this version of the order; the oldest ended one beyond ``ENDED_KEPT`` is forgotten."""
        self._orders[order.order_id] = order
        self._by_intent[order.intent.id] = order.order_id
        if order.status.is_terminal:
            self._ended[order.order_id] = None
            self._requests.pop(order.order_id, None)
            self._forget(self._ended, ENDED_KEPT)
        else:
            self._ended.pop(order.order_id, None)  # it lives on

    def keep_turned_down(self, order: Order) -> None:
        """Keep an order that ended before it went to the broker; the oldest beyond the bound is forgotten."""
        self._orders[order.order_id] = order
        self._by_intent[order.intent.id] = order.order_id
        self._turned_down[order.order_id] = None
        self._forget(self._turned_down, TURNED_DOWN_KEPT)

    def _forget(self, ended: OrderedDict[int, None], kept: int) -> None:
        if len(ended) > kept:
            forgotten, _ = ended.popitem(last=False)
            self._by_intent.pop(self._orders.pop(forgotten).intent.id)
            self._reports.pop(forgotten, None)

    def remember_report(self, report: ExecutionReport) -> None:
        """Keep the order's last report, to be published again for an intent that comes again."""
        self._reports[report.order_id] = report

    def last_report(self, order_id: int) -> ExecutionReport | None:
        """Return the order's last report."""
        return self._reports.get(order_id)

    def late_answer(self, intent_id: IntentId) -> ExecutionReport | None:
        """Return what a replayed intent was answered, None for one that was not, or that is forgotten.

        The mark of ``seen`` says nothing of replayed intents: it has long passed them.
        """
        return self._late.get(intent_id)

    def answered_late(self, report: ExecutionReport) -> None:
        """Keep the answer to a replayed intent; the oldest beyond ``LATE_KEPT`` is forgotten."""
        self._late[report.request_id] = report
        if len(self._late) > LATE_KEPT:
            self._late.popitem(last=False)

    def handled_request(self, request_id: IntentId) -> None:
        """Remember that a cancel or replace was handled; the oldest beyond ``REQUESTS_KEPT`` is forgotten."""
        self._handled_requests[request_id] = None
        if len(self._handled_requests) > REQUESTS_KEPT:
            self._handled_requests.popitem(last=False)

    def was_handled(self, request_id: IntentId) -> bool:
        """Tell whether a cancel or replace was handled, not long ago."""
        return request_id in self._handled_requests

    def ask(self, order_id: int, request: CancelOrder | ReplaceOrder) -> None:
        """Remember a request that the broker has not answered yet."""
        self._requests.setdefault(order_id, []).append(request)

    def requests(self, order_id: int) -> list[CancelOrder | ReplaceOrder]:
        """Return the requests that the broker has not answered yet, in the order in which they were sent."""
        return list(self._requests.get(order_id, ()))

    def answer(self, order_id: int, request: CancelOrder | ReplaceOrder) -> None:
        """Forget ``request``: the broker has answered it."""
        left = [one for one in self._requests[order_id] if one.id != request.id]
        if left:
            self._requests[order_id] = left
        else:
            self._requests.pop(order_id)

    def state(self) -> OrderBookState:
        """Return everything that a restart needs."""
        ended = (*self._ended, *self._turned_down)
        running = [order_id for order_id in self._orders if order_id not in set(ended)]
        return OrderBookState(
            orders=[self._orders[order_id] for order_id in (*ended, *running)], turned_down=list(self._turned_down),
            reports=list(self._reports.values()),
            requests=[(order_id, list(open_ones)) for order_id, open_ones in self._requests.items()],
            seen=[(instrument, last) for (_, _, instrument), last in self._seen.items()], last_id=self._last_id,
            late=list(self._late.values()), handled_requests=list(self._handled_requests),
        )

    def restore(self, state: OrderBookState) -> None:
        """Go on from ``state``."""
        self.__init__()  # type: ignore[misc] # an empty book, then what the snapshot holds
        turned_down = set(state.turned_down)
        for order in state.orders:
            if order.order_id in turned_down:
                self.keep_turned_down(order)
            else:
                self.keep(order)
        self._reports = {report.order_id: report for report in state.reports}
        self._requests = {order_id: list(open_ones) for order_id, open_ones in state.requests}
        for instrument, intent_id in state.seen:
            self._saw(instrument, intent_id)
        for report in state.late:
            self.answered_late(report)
        for request_id in state.handled_requests:
            self.handled_request(request_id)
        self._last_id = state.last_id
