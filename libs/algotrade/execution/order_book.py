"""The orders that the order manager keeps: every open one, and the last ones that ended.

Duplicates are told by a mark per strategy, not by a set of ids that grows: a strategy's intents arrive in the order of
their ids, so what is not above the last one was seen before.
"""

from collections import OrderedDict

import msgspec

from algotrade.domain import CancelOrder, ExecutionReport, IntentId, Order, ReplaceOrder

ENDED_KEPT = 256
"""Orders kept after their end: for late fills, and for answering an intent that comes again."""


class OrderBookState(msgspec.Struct, kw_only=True):
    """The book's part of a snapshot."""

    orders: list[Order]
    reports: list[ExecutionReport]
    requests: list[tuple[int, CancelOrder | ReplaceOrder]]
    extra_lots: list[tuple[int, int]]
    seen: list[IntentId]
    last_id: int


class OrderBook:
    """Orders by our id and by intent. Bounded by the gate's limit on open orders plus ``ENDED_KEPT``."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._by_intent: dict[IntentId, int] = {}
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._reports: dict[int, ExecutionReport] = {}
        self._requests: dict[int, CancelOrder | ReplaceOrder] = {}
        self._extra_lots: dict[int, int] = {}
        self._seen: dict[tuple[str, str], IntentId] = {}
        self._last_id = 0

    def next_id(self) -> int:
        """Return the next order id, from 1; it is never given again."""
        self._last_id += 1
        return self._last_id

    @property
    def last_id(self) -> int:
        """Return the last order id given, 0 before the first: how many orders there were."""
        return self._last_id

    def seen(self, intent_id: IntentId) -> bool:
        """Tell whether this intent, or a later one of its strategy and run, has been handled."""
        last = self._seen.get((intent_id.strategy, intent_id.run))
        return last is not None and intent_id <= last

    def saw(self, intent_id: IntentId) -> None:
        """Mark the intent, and all before it, as handled."""
        self._seen[intent_id.strategy, intent_id.run] = intent_id

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
            if len(self._ended) > ENDED_KEPT:
                forgotten, _ = self._ended.popitem(last=False)
                self._by_intent.pop(self._orders.pop(forgotten).intent.id)
                self._reports.pop(forgotten, None)

    def remember_report(self, report: ExecutionReport) -> None:
        """Keep the order's last report, to be published again for an intent that comes again."""
        self._reports[report.order_id] = report

    def last_report(self, order_id: int) -> ExecutionReport | None:
        """Return the order's last report."""
        return self._reports.get(order_id)

    def ask(self, order_id: int, request: CancelOrder | ReplaceOrder) -> None:
        """Remember the request that the broker has not answered yet; a later one takes its place."""
        self._requests[order_id] = request

    def request(self, order_id: int) -> CancelOrder | ReplaceOrder | None:
        """Return the request that the broker has not answered yet."""
        return self._requests.get(order_id)

    def answer(self, order_id: int) -> None:
        """Forget the request: the broker has answered it."""
        self._requests.pop(order_id, None)

    def reserve_extra(self, order_id: int, lots: int) -> None:
        """Remember the ``lots`` that risk reserves beyond the order's own, while a replace is not answered."""
        self._extra_lots[order_id] = lots

    def release_extra(self, order_id: int) -> int:
        """Return those lots, and forget them."""
        return self._extra_lots.pop(order_id, 0)

    def state(self) -> OrderBookState:
        """Return everything that a restart needs."""
        ended = list(self._ended)
        running = [order_id for order_id in self._orders if order_id not in self._ended]
        return OrderBookState(
            orders=[self._orders[order_id] for order_id in (*ended, *running)],
            reports=list(self._reports.values()), requests=list(self._requests.items()),
            extra_lots=list(self._extra_lots.items()), seen=list(self._seen.values()), last_id=self._last_id,
        )

    def restore(self, state: OrderBookState) -> None:
        """Go on from ``state``."""
        self.__init__()  # type: ignore[misc] # an empty book, then what the snapshot holds
        for order in state.orders:
            self.keep(order)
        self._reports = {report.order_id: report for report in state.reports}
        self._requests = dict(state.requests)
        self._extra_lots = dict(state.extra_lots)
        for intent_id in state.seen:
            self.saw(intent_id)
        self._last_id = state.last_id
