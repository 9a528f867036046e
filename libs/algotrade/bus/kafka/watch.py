"""Knows how long ago the cluster last answered, whatever the plane is doing: a thread of its own asks now and then.

The plane's own traffic could not tell. An idle plane has none, one that computes does not look, and over a connection
that is cut without a word nothing comes back for as long as the plane cares to wait.
"""

import threading
from collections.abc import Callable

from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock

UNREACHABLE_S = 10.0
"""A cluster that has not answered for so long counts as away: a broker's restart, or a new leader, takes less."""

ASK_AGAIN_S = 1.0
"""Between two questions, each of which costs one small request."""


class Watch:
    """Asks until ``close``. ``ask`` tells whether the cluster answered; it is called in the watch's thread."""

    def __init__(self, ask: Callable[[], bool], clock: Clock, *, ask_again_s: float = ASK_AGAIN_S) -> None:
        self._ask = ask
        self._clock = clock
        self._ask_again_s = ask_again_s
        self._heard_ns = clock.monotonic_ns()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    @property
    def silent_s(self) -> float:
        """Return how long ago the cluster last answered; may be asked from any thread."""
        return (self._clock.monotonic_ns() - self._heard_ns) / NANOSECONDS_PER_SECOND

    def close(self) -> None:
        """Ask no more. A question that is still open is left to end by itself: the plane has no time to wait for it."""
        self._closing.set()
        self._thread.join(self._ask_again_s / 10)

    def _run(self) -> None:
        while not self._closing.wait(self._ask_again_s):
            if self._ask():
                self._heard_ns = self._clock.monotonic_ns()
