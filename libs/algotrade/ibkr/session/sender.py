"""The one sender: paced, with priorities, so that the broker never has a reason to drop us, and a cancel never waits.

The broker takes 50 messages a second over all kinds, then disconnects (code 100, documented). Here no sliding second
holds more than 45, and 5 of those are kept for cancels; no quarter of a second holds more than 10 others. What may be
sent first: cancels, orders, questions about our state, subscriptions, history. No I/O and no clock is in this file: the
caller says what time it is.
"""

from collections import deque
from collections.abc import Callable
from enum import IntEnum
from itertools import islice

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.ibkr.session.errors import QueueFull
from algotrade.ibkr.session.pacing import HistoryPacing, SlidingWindow
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire import requests as r

MESSAGES_PER_S_MAX = 45
KEPT_FOR_CANCELS = 5
BURST_MAX, BURST_SPAN_NS = 10, NANOSECONDS_PER_SECOND // 4
"""Of all but cancels, so many in any quarter of a second. A Gateway that stops for a moment, and then reads at once
what came meanwhile, would else count two of our seconds as one of its own (observed with the simulated one)."""
LOOKED_AT_MAX = 100
"""Of the requests for history that wait, so many are looked at for one whose turn it is."""


class Lane(IntEnum):
    """What goes first. STATE: questions of which arming depends."""

    CANCEL = 0
    ORDER = 1
    STATE = 2
    SUBSCRIBE = 3
    HISTORY = 4


QUEUED_MAX = {Lane.CANCEL: 1_000, Lane.ORDER: 1_000, Lane.STATE: 1_000, Lane.SUBSCRIBE: 5_000, Lane.HISTORY: 5_000}
"""Requests that may wait, by lane: at 40 a second the longest queue of orders is sent in 25 s."""

_LANES: dict[type[Request], Lane] = {
    r.CancelOrder: Lane.CANCEL, r.RequestGlobalCancel: Lane.CANCEL,
    r.PlaceOrder: Lane.ORDER,
    **dict.fromkeys((
        r.RequestOpenOrders, r.RequestAllOpenOrders, r.RequestCompletedOrders, r.RequestExecutions, r.RequestPositions,
        r.RequestCurrentTime, r.RequestIds, r.RequestManagedAccounts, r.RequestAutoOpenOrders), Lane.STATE),
    **dict.fromkeys((
        r.RequestHistoricalData, r.RequestHistoricalTicks, r.RequestHeadTimestamp, r.RequestRealTimeBars,
        r.RequestTickByTick, r.RequestMatchingSymbols), Lane.HISTORY),
}


def lane_of(request: Request) -> Lane:
    """Return the lane of ``request``; what is in no other is a subscription, or the end of one."""
    return _LANES.get(type(request), Lane.SUBSCRIBE)


class Queued(msgspec.Struct, frozen=True):
    """A request that waits, as a frame. ``is_own``: the session's own, of which the owner is told nothing."""

    request: Request
    frame: bytes
    lane: Lane
    is_own: bool = False


class HandedBack(msgspec.Struct, frozen=True):
    """A request that was not and will not be written."""

    queued: Queued
    because: str


class PacedSender:
    """Queues requests by lane and says which may be written now.

    ``refusal``  asked immediately before each ``PlaceOrder`` is given out: "" lets it pass, anything else is why not,
                 and the order is handed back. Cancels pass always: whoever holds an order must be able to end it
    """

    def __init__(self, refusal: Callable[[], str]) -> None:
        self._refusal = refusal
        self._queues: dict[Lane, deque[Queued]] = {lane: deque() for lane in Lane}
        self._window = SlidingWindow(MESSAGES_PER_S_MAX, NANOSECONDS_PER_SECOND)
        self._burst = SlidingWindow(BURST_MAX, BURST_SPAN_NS)
        self._pacing = HistoryPacing()

    def queued(self, lane: Lane) -> int:
        """Return how many wait in ``lane``."""
        return len(self._queues[lane])

    def put(self, queued: Queued) -> list[HandedBack]:
        """Queue a request; return those that it ends before they were written.

        A cancel may overtake its order, which would then arrive afterwards and live. So a cancel takes back what still
        waits of its order and of that order's children, and a global cancel takes back every order. The cancel itself
        is sent: what waited may have been a change of an order that works. Raises ``QueueFull``.
        """
        queue, most = self._queues[queued.lane], QUEUED_MAX[queued.lane]
        if len(queue) >= most:
            raise QueueFull(f"{len(queue)} requests wait in lane {queued.lane.name}; allowed: {most}")
        match queued.request:
            case r.CancelOrder(order_id=ended):
                back = self._take_back(Lane.ORDER, lambda other: _belongs(other, ended), "canceled before it was sent")
            case r.RequestGlobalCancel():
                back = self._take_back(Lane.ORDER, lambda _: True, "canceled before it was sent")
            case _ if type(queued.request) in _ENDS:
                back = self._end_waiting(queued)
                if back:
                    return back
            case _:
                back = []
        queue.append(queued)
        return back

    def take(self, now_ns: int) -> Queued | HandedBack | None:
        """Return the next request that may be written now, or one that may not be; None where there is nothing now.

        A request that is returned counts as written: the caller writes it, or drops the connection.
        """
        for lane in Lane:
            index = self._next(lane, now_ns)
            if index is None:
                continue
            queue = self._queues[lane]
            queued = queue[index]
            del queue[index]
            if lane is Lane.ORDER:
                because = self._refusal()
                if because:
                    return HandedBack(queued, because)
            self._window.add(now_ns)
            if lane is not Lane.CANCEL:
                self._burst.add(now_ns)
            self._pacing.wrote(queued.request, now_ns)
            return queued
        return None

    def wait_ns(self, now_ns: int) -> int | None:
        """Return for how long there is nothing to write: 0 for now, None where nothing waits."""
        waits = []
        for lane in Lane:
            if self._queues[lane]:
                free = self._free_ns(lane, now_ns)
                if lane is Lane.HISTORY:
                    looked_at = islice(self._queues[lane], LOOKED_AT_MAX)
                    free = max(free, min(self._pacing.ready_ns(q.request, now_ns) for q in looked_at))
                waits.append(free - now_ns)
        return min(waits, default=None)

    def note_written(self, now_ns: int, count: int) -> None:
        """Count ``count`` messages that were written elsewhere: the client library greets by itself."""
        self._window.add(now_ns, count)

    def answered(self, req_id: int) -> None:
        """Note that request ``req_id`` was answered to its end, or refused."""
        self._pacing.ended(req_id)

    def unsent(self, because: str) -> list[HandedBack]:
        """Take back everything that waits, most urgent first: the connection is gone."""
        self._pacing.reset()
        return [back for lane in Lane for back in self._take_back(lane, lambda _: True, because)]

    def _next(self, lane: Lane, now_ns: int) -> int | None:
        """Return the place in ``lane`` of what may be written now."""
        queue = self._queues[lane]
        if not queue or self._free_ns(lane, now_ns) > now_ns:
            return None
        if lane is not Lane.HISTORY:
            return 0
        # One that has to wait for its turn does not hold up those behind it.
        looked_at = enumerate(islice(queue, LOOKED_AT_MAX))
        return next((i for i, q in looked_at if self._pacing.ready_ns(q.request, now_ns) <= now_ns), None)

    def _free_ns(self, lane: Lane, now_ns: int) -> int:
        """Return when ``lane`` may write by the pace: ``now_ns``, or a later moment."""
        if lane is Lane.CANCEL:
            return self._window.free_ns(now_ns)
        others = self._window.free_ns(now_ns, limit=MESSAGES_PER_S_MAX - KEPT_FOR_CANCELS)
        return max(others, self._burst.free_ns(now_ns))

    def _take_back(self, lane: Lane, which: Callable[[Queued], bool], because: str) -> list[HandedBack]:
        queue = self._queues[lane]
        back = [HandedBack(queued, because) for queued in queue if which(queued)]
        if back:
            self._queues[lane] = deque(queued for queued in queue if not which(queued))
        return back

    def _end_waiting(self, ending: Queued) -> list[HandedBack]:
        """Take back a request for history that waits and is ended already, and its end with it."""
        req_id = getattr(ending.request, "req_id", None)
        because = "ended before it was sent"
        back = self._take_back(Lane.HISTORY, lambda q: getattr(q.request, "req_id", None) == req_id, because)
        return [*back, HandedBack(ending, because)] if back else []


_ENDS = (r.CancelHistoricalData, r.CancelHeadTimestamp, r.CancelRealTimeBars, r.CancelTickByTick)


def _belongs(queued: Queued, order_id: int) -> bool:
    request = queued.request
    assert isinstance(request, r.PlaceOrder), "the lane of orders holds orders"
    return order_id in {request.order_id, request.order.parent_id}
