"""How fast a replay goes: as fast as possible, or so many times as fast as it happened."""

import msgspec
import numpy as np

from algotrade.domain.clock import Clock
from algotrade.domain.market import MarketBatch
from algotrade.feeds.merge import split_before


class Paced(msgspec.Struct, frozen=True, kw_only=True):
    """A batch cut at now: ``due`` can go, and the first record of ``rest`` is due in ``wait_ns`` (0: nothing waits)."""

    due: MarketBatch
    rest: MarketBatch
    wait_ns: int


class Pace:
    """Maps event time to ``clock``'s monotonic time. It never sleeps: the caller does, or has other work meanwhile.

    ``factor``  10 replays ten seconds of the market in one; None: everything is due at once

    The first record that is shown is due at that moment; one second of event time later is ``1 / factor`` seconds
    later. A record that goes back in time is due with the one before it.
    """

    def __init__(self, factor: float | None, clock: Clock) -> None:
        if factor is not None and not 0 < factor < float("inf"):
            raise ValueError(f"pace is {factor}; allowed: above 0, or none for as fast as possible")
        self._factor = factor
        self._clock = clock
        self._start: tuple[int, int] | None = None
        """Event time and monotonic time of the first record, ns."""

    @property
    def is_paced(self) -> bool:
        """Tell whether records ever have to wait."""
        return self._factor is not None

    def cut(self, batch: MarketBatch) -> Paced:
        """Return which records of ``batch`` are due now, which are not, and how long until the next one is."""
        nothing = MarketBatch.of({})
        if self._factor is None or not len(batch):
            return Paced(due=batch, rest=nothing, wait_ns=0)
        now_ns = self._clock.monotonic_ns()
        if self._start is None:
            self._start = (_first_event_time_ns(batch), now_ns)
        event_start_ns, start_ns = self._start
        reached_ns = event_start_ns + int((now_ns - start_ns) * self._factor)
        following = _first_after(batch, reached_ns)
        if following is None:
            return Paced(due=batch, rest=nothing, wait_ns=0)
        sequence, event_time_ns = following
        due, rest = split_before(batch, sequence)
        # At least 1, or a caller that waits exactly so long would come back a rounding too early, for ever.
        wait_ns = max(1, start_ns + int((event_time_ns - event_start_ns) / self._factor) - now_ns)
        return Paced(due=due, rest=rest, wait_ns=wait_ns)


def _first_event_time_ns(batch: MarketBatch) -> int:
    firsts = [records[0] for records in batch.arrays().values() if len(records)]
    return int(min(firsts, key=lambda record: int(record["sequence"]))["event_time_ns"])


def _first_after(batch: MarketBatch, time_ns: int) -> tuple[int, int] | None:
    """Return (sequence, event time) of the first record in the run whose event time is after ``time_ns``."""
    found = []
    for records in batch.arrays().values():
        later = records["event_time_ns"] > time_ns
        if later.any():
            record = records[int(np.argmax(later))]
            found.append((int(record["sequence"]), int(record["event_time_ns"])))
    return min(found, default=None)
