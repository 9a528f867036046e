"""How far the host's clock and the broker's differ, from answers that are cut to whole seconds."""

from collections import deque

from algotrade.domain.clock import NANOSECONDS_PER_SECOND

SKEW_NS_MAX = NANOSECONDS_PER_SECOND
"""More than this blocks arming."""
PROBES_KEPT = 8
TRIP_NS_MAX = NANOSECONDS_PER_SECOND
"""An answer that took longer would allow almost any difference: it proves nothing."""


class ClockSkew:
    """The broker's clock less ours.

    The broker answers whole seconds, and somewhere between question and answer: one answer says only that at some
    moment between the two its clock was somewhere within that second. Several answers narrow that: what they all allow
    is kept. Where they contradict each other a clock was set meanwhile, and the newest is right.
    """

    def __init__(self) -> None:
        self._bounds: deque[tuple[int, int]] = deque(maxlen=PROBES_KEPT)
        self._asked_time_ns: int | None = None
        self.probed_ns: int | None = None
        """Monotonic time of the last answer, None before the first."""
        self.asked_ns: int | None = None
        """Monotonic time of the last question, None before the first."""

    def asked(self, time_ns: int, monotonic_ns: int) -> None:
        """Note that the broker was asked.

        A question that was never answered is replaced. Should its answer still come, it is taken for this one's: wrong
        by no more than the time between the two.
        """
        self._asked_time_ns = time_ns
        self.asked_ns = monotonic_ns

    def told(self, time_s: int, time_ns: int, monotonic_ns: int) -> None:
        """Take the answer, which came when our clocks showed these times; one that nobody asked for is passed over."""
        if self._asked_time_ns is None:
            return
        asked_time_ns, self._asked_time_ns = self._asked_time_ns, None
        if self.asked_ns is not None and monotonic_ns - self.asked_ns > TRIP_NS_MAX:
            return
        self.probed_ns = monotonic_ns
        low = time_s * NANOSECONDS_PER_SECOND
        self._bounds.append((low - time_ns, low + NANOSECONDS_PER_SECOND - asked_time_ns))
        low, high = self._range()
        if low > high:
            newest = self._bounds[-1]
            self._bounds.clear()
            self._bounds.append(newest)

    def reset(self) -> None:
        """Forget everything, on a new connection."""
        self._bounds.clear()
        self._asked_time_ns = None
        self.probed_ns = self.asked_ns = None

    @property
    def skew_ns(self) -> int | None:
        """Return the least difference that all answers allow: 0 where they allow none; None before the first."""
        if not self._bounds:
            return None
        low, high = self._range()
        return max(low, 0) + min(high, 0)

    def _range(self) -> tuple[int, int]:
        return max(low for low, _ in self._bounds), min(high for _, high in self._bounds)
