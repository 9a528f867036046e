"""The market's clock: it runs so many times as fast as the host's, or stands still until it is stepped."""

from algotrade.domain import Clock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND


class MarketClock:
    """Market time = start + speed x monotonic time passed + what it was stepped by.

    ``start_ns``  market time when it is made, ns since 1970 UTC
    ``speed``     10: ten seconds of the market in one; 0: only stepped
    ``hold_s``    seconds of the host for which time stands still first
    """

    def __init__(self, clock: Clock, start_ns: int, speed: float, hold_s: float = 0.0) -> None:
        if not 0 <= speed < float("inf"):
            raise ValueError(f"speed is {speed}; allowed: 0 or more")
        self._clock = clock
        self._speed = speed
        self._start_ns = start_ns
        self._began_ns = clock.monotonic_ns() + int(hold_s * NANOSECONDS_PER_SECOND)

    @property
    def runs(self) -> bool:
        """Tell whether time passes by itself."""
        return self._speed > 0

    def now_ns(self) -> int:
        """Return market time, ns since 1970 UTC; it never goes back."""
        return self._at(self._clock.monotonic_ns())

    def _at(self, monotonic_ns: int) -> int:
        return self._start_ns + int(max(0, monotonic_ns - self._began_ns) * self._speed)

    def reading(self) -> dict[str, float]:
        """Return market time and monotonic time of one moment, ns, and the speed: who has these has this clock.

        Market time stands still before that moment where that is yet to come.
        """
        monotonic_ns = max(self._clock.monotonic_ns(), self._began_ns)
        return {"market_ns": self._at(monotonic_ns), "monotonic_ns": monotonic_ns, "speed": self._speed}

    def advance(self, step_ns: int) -> None:
        """Step on by ``step_ns`` of market time, which is not negative."""
        assert step_ns >= 0, f"market time cannot go back by {-step_ns}"
        self._start_ns += step_ns
