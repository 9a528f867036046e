"""How often what may be asked: sliding windows, and the broker's own rules for history (162 and 420: documented)."""

from collections import deque
from collections.abc import Hashable

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire.requests import (
    CancelHeadTimestamp,
    CancelHistoricalData,
    RequestHeadTimestamp,
    RequestHistoricalData,
    RequestHistoricalTicks,
    RequestMatchingSymbols,
    RequestRealTimeBars,
    RequestTickByTick,
)

SMALL_BARS = frozenset({
    "1 sec", "1 secs", "5 secs", "10 secs", "15 secs", "30 secs",
})
"""Bar sizes that the broker paces strictly: 30 seconds and less (documented)."""
SMALL_MAX, SMALL_SPAN_NS = 58, 600 * NANOSECONDS_PER_SECOND
"""More than 60 requests for small bars in ten minutes are refused (documented); this stays below."""
SAME_SPAN_NS = 15 * NANOSECONDS_PER_SECOND + NANOSECONDS_PER_SECOND // 5
"""An identical request within 15 s is refused (documented), and so is tick-by-tick of one instrument."""
BURST_MAX, BURST_SPAN_NS = 5, 2 * NANOSECONDS_PER_SECOND + NANOSECONDS_PER_SECOND // 5
"""Six of the same contract, exchange and tick type within 2 s are refused (documented)."""
OPEN_MAX = 45
"""At most 50 requests for history may be open at once (documented)."""
OPEN_NS_MAX = 120 * NANOSECONDS_PER_SECOND
"""One that has not been answered for so long no longer counts as open (assumed)."""
SYMBOLS_SPAN_NS = NANOSECONDS_PER_SECOND + NANOSECONDS_PER_SECOND // 20
"""Searches for symbols: one a second (documented)."""


class SlidingWindow:
    """At most ``limit`` in any ``span_ns``, both ends of it included."""

    def __init__(self, limit: int, span_ns: int) -> None:
        self.limit = limit
        self.span_ns = span_ns
        self._taken: deque[tuple[int, int]] = deque()
        self._total = 0

    def free_ns(self, now_ns: int, *, weight: int = 1, limit: int | None = None) -> int:
        """Return when ``weight`` more fit below ``limit`` (its own by default): ``now_ns``, or a later moment."""
        limit = self.limit if limit is None else limit
        self._prune(now_ns)
        room = limit - self._total
        if room >= weight:
            return now_ns
        for taken_ns, taken in self._taken:
            room += taken
            if room >= weight:
                return taken_ns + self.span_ns + 1
        raise AssertionError(f"a weight of {weight} never fits into {limit}")

    def add(self, now_ns: int, weight: int = 1) -> None:
        """Count ``weight`` at ``now_ns``."""
        self._taken.append((now_ns, weight))
        self._total += weight

    def is_empty(self, now_ns: int) -> bool:
        """Tell whether nothing of it counts any more."""
        self._prune(now_ns)
        return not self._taken

    def _prune(self, now_ns: int) -> None:
        while self._taken and now_ns - self._taken[0][0] > self.span_ns:
            self._total -= self._taken.popleft()[1]


class HistoryPacing:
    """When a request for history, live bars, ticks or symbols may be written, so that the broker never refuses it."""

    def __init__(self) -> None:
        self._windows: dict[Hashable, SlidingWindow] = {}
        self._open: dict[int, int] = {}

    def ready_ns(self, request: Request, now_ns: int) -> int:
        """Return when ``request`` may be written: ``now_ns``, or a later moment."""
        ready = max((w.free_ns(now_ns, weight=weight) for w, weight in self._rules(request)), default=now_ns)
        if isinstance(request, _OPENED) and len(self._open) >= OPEN_MAX:
            self._open = {k: at for k, at in self._open.items() if now_ns - at <= OPEN_NS_MAX}
            if len(self._open) >= OPEN_MAX:
                ready = max(ready, min(self._open.values()) + OPEN_NS_MAX + 1)
        return ready

    def wrote(self, request: Request, now_ns: int) -> None:
        """Count ``request``, which was written at ``now_ns``."""
        for window, weight in self._rules(request):
            window.add(now_ns, weight)
        if isinstance(request, _OPENED):
            self._open[request.req_id] = now_ns
        elif isinstance(request, CancelHistoricalData | CancelHeadTimestamp):
            self.ended(request.req_id)
        if len(self._windows) > _WINDOWS_KEPT:
            self._windows = {k: w for k, w in self._windows.items() if not w.is_empty(now_ns)}

    def ended(self, req_id: int) -> None:
        """Note that request ``req_id`` was answered or refused; any other id is passed over."""
        self._open.pop(req_id, None)

    def reset(self) -> None:
        """Forget what is open, on a new connection. What was asked still counts: limits are the login's (assumed)."""
        self._open = {}

    def _rules(self, request: Request) -> list[tuple[SlidingWindow, int]]:
        """Return the windows that ``request`` counts in, with its weight."""
        match request:
            case RequestMatchingSymbols():
                return [(self._window("symbols", 1, SYMBOLS_SPAN_NS), 1)]
            case RequestTickByTick():
                return [(self._window(("ticks", request.contract), 1, SAME_SPAN_NS), 1)]
            case RequestRealTimeBars():
                return [(self._window("live bars", SMALL_MAX, SMALL_SPAN_NS), 1), (self._same(request), 1)]
            case RequestHistoricalData() | RequestHistoricalTicks() | RequestHeadTimestamp():
                return self._history(request)
        return []

    def _history(
        self, request: RequestHistoricalData | RequestHistoricalTicks | RequestHeadTimestamp,
    ) -> list[tuple[SlidingWindow, int]]:
        weight = 2 if request.what_to_show.upper() == "BID_ASK" else 1
        burst = self._window((request.contract, request.what_to_show), BURST_MAX, BURST_SPAN_NS)
        rules = [(self._same(request), 1), (burst, weight)]
        if not isinstance(request, RequestHistoricalData) or request.bar_size in SMALL_BARS:
            rules.append((self._window("small", SMALL_MAX, SMALL_SPAN_NS), weight))
        return rules

    def _same(self, request: Request) -> SlidingWindow:
        return self._window(msgspec.structs.replace(request, req_id=0), 1, SAME_SPAN_NS)

    def _window(self, key: Hashable, limit: int, span_ns: int) -> SlidingWindow:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = SlidingWindow(limit, span_ns)
        return window


_OPENED = (RequestHistoricalData, RequestHistoricalTicks, RequestHeadTimestamp)
_WINDOWS_KEPT = 10_000
