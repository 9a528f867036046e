"""The market's clock: it runs so many times as fast as the host's, or stands still until it is stepped."""

from algotrade.domain import Clock


class MarketClock:
    """Market time = start + speed x monotonic time passed + what it was stepped by.

    ``start_ns``  market time when it is made, ns since 1970 UTC
    ``speed``     10: ten seconds of the market in one; 0: only stepped
    """

    def __init__(self, clock: Clock, start_ns: int, speed: float) -> None:
        if not 0 <= speed < float("inf"):
            raise ValueError(f"speed is {speed}; allowed: 0 or more")
        self._clock = clock
        self._speed = speed
        self._start_ns = start_ns
        self._began_ns = clock.monotonic_ns()

    @property
    def runs(self) -> bool:
        """Tell whether time passes by itself."""
        return self._speed > 0

    def now_ns(self) -> int:
        """Return market time, ns since 1970 UTC; it never goes back."""
        return self._start_ns + int((self._clock.monotonic_ns() - self._began_ns) * self._speed)

    def advance(self, step_ns: int) -> None:
        """Step on by ``step_ns`` of market time, which is not negative."""
        assert step_ns >= 0, f"market time cannot go back by {-step_ns}"
        self._start_ns += step_ns
