"""Whether a subscription still tells anything: silence is noticed, and answered by asking again, ever slower.

No I/O and no clock: times are the host's monotonic ns, for a link's time-outs do not depend on how fast a market is
replayed; whether the market is open, the caller says by its own time.
"""

from bisect import bisect_right
from enum import Enum

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.session import Sessions

RETRY_NS_MAX = 600 * NANOSECONDS_PER_SECOND
"""Longest time between two attempts to bring a subscription back; the first waits for its bound."""
SNAPSHOT_NS_MAX = 3 * NANOSECONDS_PER_SECOND
"""What comes so soon after it was asked for is where the market stands, and no proof that anything moves."""
REFUSED_NS_MIN = 60 * NANOSECONDS_PER_SECOND
"""How long after a refusal the same is asked again for the first time."""


class Life(Enum):
    """What is known of a subscription."""

    OFF = "off"
    """Not asked for: there is no link."""
    ASKED = "asked"
    """Asked for; nothing came yet."""
    LIVE = "live"
    """Ticks come."""
    DOUBTED = "doubted"
    """It told things until something happened to its link or farm; a tick has to prove that it lives."""
    STALE = "stale"
    """Silent for too long while its market is open."""
    REFUSED = "refused"
    """IB said no, or blocks it."""


class Watch:
    """One subscription.

    ``stale_ns``   silence that is too long
    ``verify_ns``  how soon a tick has to come after something cast doubt on it
    """

    def __init__(self, *, stale_ns: int, verify_ns: int) -> None:
        self._stale_ns = stale_ns
        self._verify_ns = verify_ns
        self._due_ns: int | None = None
        self._is_open = True
        self._attempts = 0
        self._asked_ns = 0
        self.life = Life.OFF
        self.because = ""
        """Why it is not live; "" where it is, or simply waits for its first tick."""

    def off(self, because: str) -> None:
        """Take note that the link is gone, and the subscription with it."""
        self.life, self.because, self._due_ns, self._attempts = Life.OFF, because, None, 0

    def asked(self, now_ns: int) -> None:
        """Take note that it was asked for, for the first time or again."""
        if self.life is not Life.STALE and self.life is not Life.REFUSED:
            self.life, self.because = Life.ASKED, ""
        self._asked_ns = now_ns
        self._due_ns = now_ns + self._wait_ns(self._stale_ns)

    def accepted(self) -> None:
        """Take note that IB answered, with nothing of the market yet."""
        if self.life is Life.REFUSED:
            self.life, self.because = Life.ASKED, ""

    def ticked(self, now_ns: int) -> bool:
        """Take note that something of the market came; tell whether that is news."""
        news = self.life is not Life.LIVE
        self.life, self.because = Life.LIVE, ""
        if now_ns - self._asked_ns > SNAPSHOT_NS_MAX:
            self._attempts = 0
        self._due_ns = now_ns + self._wait_ns(self._stale_ns)
        return news

    def doubted(self, because: str, now_ns: int) -> None:
        """Doubt that it outlived what happened; a tick has to come soon, if its market is open."""
        if self.life in {Life.LIVE, Life.ASKED, Life.DOUBTED}:
            self.life, self.because = Life.DOUBTED, because
        if self.life in {Life.DOUBTED, Life.STALE}:
            due_ns = now_ns + self._verify_ns
            self._due_ns = due_ns if self._due_ns is None else min(self._due_ns, due_ns)

    def refused(self, because: str, now_ns: int) -> None:
        """Take note that IB does not give it. It is asked for again, at first after ``REFUSED_NS_MIN``."""
        self.life, self.because = Life.REFUSED, because
        self._due_ns = now_ns + self._wait_ns(REFUSED_NS_MIN)

    def check(self, now_ns: int, *, is_open: bool) -> bool:
        """Tell whether it is to be asked for again; ``asked`` has to follow then."""
        opened, self._is_open = is_open and not self._is_open, is_open
        if self.life is Life.OFF or (self.life is not Life.REFUSED and not is_open):
            return False
        if opened and self.life is not Life.REFUSED:  # nothing was expected until now
            self._due_ns = now_ns + self._wait_ns(self._stale_ns)
        if self._due_ns is None or now_ns < self._due_ns:
            return False
        if self.life is not Life.REFUSED:
            doubt = f", after {self.because}" if self.life is Life.DOUBTED else ""
            self.life, self.because = Life.STALE, f"silent while its market is open{doubt}"
        self._attempts += 1
        return True

    def is_well(self, *, is_open: bool) -> bool:
        """Tell whether nothing is wrong with it: it is live, or its market is closed and it was not refused."""
        return self.life is Life.LIVE or (not is_open and self.life in {Life.ASKED, Life.DOUBTED, Life.STALE})

    def _wait_ns(self, first_ns: int) -> int:
        return min(first_ns << min(self._attempts, 20), max(first_ns, RETRY_NS_MAX))


def is_open_at(hours: Sessions, time_ns: int) -> bool:
    """Tell what ``Sessions.is_open`` does, a hundred times as fast: it is asked for every subscription all the time."""
    if not hours.opens_ns:
        return True
    last_open = bisect_right(hours.opens_ns, time_ns) - 1
    return last_open >= 0 and time_ns < hours.closes_ns[last_open]
