"""What IB limits, as plain counters: they are told the time, monotonic ns of the host, and answer yes or no.

Where IB documents no number, the one here is assumed; docs/GATEWAY.md says which.
"""

from collections import deque
from collections.abc import Hashable
from enum import Enum

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND

SECOND_NS = NANOSECONDS_PER_SECOND


class LimitsSet(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers. ``messages`` a second and client; ``strikes`` messages above it before the client is cut off."""

    messages: int = 50
    strikes: int = 50
    lines: int = 100
    depth: int = 3
    tick_by_tick: int = 3
    tick_by_tick_again_s: float = 15.0
    clients: int = 32
    history_open: int = 50
    history_window_s: float = 600.0
    history_in_window: int = 60
    history_same_s: float = 15.0
    history_burst_s: float = 2.0
    history_burst: int = 6


class Verdict(Enum):
    """What becomes of a message."""

    TAKEN = 0
    REFUSED = 1
    CUT_OFF = 2


class MessageRate:
    """At most so many messages in any second; who goes on above it is cut off.

    A message above the rate is refused and counts as a strike; a second without one clears the strikes.
    """

    def __init__(self, limits: LimitsSet) -> None:
        self._taken: deque[int] = deque(maxlen=limits.messages)
        self._strikes_max = limits.strikes
        self._strikes = 0
        self._struck_ns = 0

    def take(self, now_ns: int) -> Verdict:
        """Take one message."""
        if self._strikes and now_ns - self._struck_ns >= SECOND_NS:
            self._strikes = 0
        full = len(self._taken) == self._taken.maxlen
        if not full or now_ns - self._taken[0] >= SECOND_NS:
            self._taken.append(now_ns)
            return Verdict.TAKEN
        self._strikes, self._struck_ns = self._strikes + 1, now_ns
        return Verdict.CUT_OFF if self._strikes > self._strikes_max else Verdict.REFUSED


class HistoryPacing:
    """The pacing of requests for history with bars of up to 30 seconds, and for ticks.

    ``take`` says why a request comes too early, None where it may be answered. A refused one counts too (assumed: a
    client that hammers stays refused).
    """

    def __init__(self, limits: LimitsSet) -> None:
        self._limits = limits
        self._window: deque[int] = deque()
        self._asked: dict[Hashable, int] = {}
        self._bursts: dict[Hashable, deque[int]] = {}

    def take(self, now_ns: int, request: Hashable, series: Hashable, weight: int = 1) -> str | None:
        """Take one request.

        ``request``  everything it asks for, ``series`` contract, exchange and kind of tick
        ``weight``   2 for BID_ASK
        """
        limits = self._limits
        self._forget(now_ns)
        same = self._asked.get(request)
        burst = self._bursts.setdefault(series, deque(maxlen=limits.history_burst))
        why = None
        if len(self._window) + weight > limits.history_in_window:
            why = f"more than {limits.history_in_window} requests in {limits.history_window_s:.0f} s"
        elif same is not None and now_ns - same < limits.history_same_s * SECOND_NS:
            why = f"the same request within {limits.history_same_s:.0f} s"
        elif (len(burst) == limits.history_burst - 1
              and now_ns - burst[0] < limits.history_burst_s * SECOND_NS):
            why = f"{limits.history_burst} requests for the same series within {limits.history_burst_s:.0f} s"
        self._asked[request] = now_ns
        burst.append(now_ns)
        if len(burst) == limits.history_burst:
            burst.popleft()
        self._window.extend([now_ns] * min(weight, limits.history_in_window - len(self._window)))
        return why

    def _forget(self, now_ns: int) -> None:
        """Drop what no limit looks back to, so that memory is bounded by the pace of ten minutes."""
        limits = self._limits
        while self._window and now_ns - self._window[0] >= limits.history_window_s * SECOND_NS:
            self._window.popleft()
        same_ns, burst_ns = limits.history_same_s * SECOND_NS, limits.history_burst_s * SECOND_NS
        self._asked = {k: t for k, t in self._asked.items() if now_ns - t < same_ns}
        self._bursts = {k: d for k, d in self._bursts.items() if d and now_ns - d[-1] < burst_ns}


class Recent:
    """Remembers what was asked for within so many seconds: the same again is too early."""

    def __init__(self, seconds: float) -> None:
        self._within_ns = int(seconds * SECOND_NS)
        self._asked: dict[Hashable, int] = {}

    def take(self, now_ns: int, what: Hashable) -> bool:
        """Take a request for ``what`` and tell whether it may be answered; a refused one does not count."""
        self._asked = {k: t for k, t in self._asked.items() if now_ns - t < self._within_ns}
        if what in self._asked:
            return False
        self._asked[what] = now_ns
        return True
