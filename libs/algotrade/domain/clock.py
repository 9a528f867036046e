"""The one place that reads the time. Everything else is handed a ``Clock``."""

import time
from typing import Protocol

NANOSECONDS_PER_SECOND = 1_000_000_000
NANOSECONDS_PER_MILLISECOND = 1_000_000


class Clock(Protocol):
    """Two readings: ``time_ns`` stamps records, ``monotonic_ns`` measures durations."""

    def time_ns(self) -> int:
        """Return nanoseconds since 1970-01-01 UTC; may jump when the host's clock is set."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds since an arbitrary start; never goes back; comparable between processes of a host."""
        ...


class SystemClock:
    """The host's clocks."""

    def time_ns(self) -> int:
        """Return the wall clock, nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Return the monotonic clock, nanoseconds."""
        return time.monotonic_ns()


class SimulatedClock:
    """A clock that stands still until it is told to advance; tests and simulations own one.

    Both readings move together. Moving back is our bug, and an assertion.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def time_ns(self) -> int:
        """Return the simulated time, nanoseconds since 1970-01-01 UTC."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """Return the simulated time."""
        return self._now_ns

    def advance_to(self, time_ns: int) -> None:
        """Move to ``time_ns``, which is not before now."""
        assert time_ns >= self._now_ns, f"simulated time cannot go back from {self._now_ns} to {time_ns}"
        self._now_ns = time_ns


class ScaledClock:
    """A clock that runs ``speed`` times as fast as the host's: the market time of a simulated gateway.

    Until the host's monotonic reading ``anchor_ns`` it stands at ``start_ns`` (1970 UTC), so processes of one host that
    are given the same three numbers agree on the time. Durations (``monotonic_ns``) are the host's own: a time-out
    does not shrink because a replay is fast.
    """

    def __init__(self, clock: Clock, *, start_ns: int, anchor_ns: int, speed: float) -> None:
        assert speed > 0, f"speed is {speed}"
        self._clock = clock
        self._start_ns = start_ns
        self._anchor_ns = anchor_ns
        self._speed = speed

    def time_ns(self) -> int:
        """Return the market time, nanoseconds since 1970-01-01 UTC."""
        return self._start_ns + int(max(0, self._clock.monotonic_ns() - self._anchor_ns) * self._speed)

    def monotonic_ns(self) -> int:
        """Return the host's monotonic clock, nanoseconds."""
        return self._clock.monotonic_ns()
