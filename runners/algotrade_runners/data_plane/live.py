"""The data plane in real time: a live feed is numbered, judged and published; what cannot be published is conflated.

Records get their numbers before the quality gate, as in a replay. The numbers go on behind the highest that the logs
have, so that no number is ever given twice. Nothing can be read again here, so the logs are flushed to the disk.

Overload: a topic is full where a reader has fallen behind by all that retention may hold. Then what waits is kept up to
``RECORDS_WAITING_MAX``; beyond, of each kind and instrument only the newest record is kept, marked with ``Flag.GAP``,
and the others are counted. A strategy that comes back sees where the market is, not where it was.
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from algotrade.bus import Bus, MarketWriter, Snapshots, TopicFull
from algotrade.bus.topics import DATA_PLANE
from algotrade.domain import Clock, Kind, MarketBatch, Records
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.market import Flag, joined
from algotrade.feeds import LiveFeed, QualityGate, Verdict
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Samples
from algotrade_runners.data_plane.plane import DataState
from algotrade_runners.host import LIVE_WAIT_S
from algotrade_runners.replay_time import handled_name
from algotrade_runners.tally import last_sequence

RECORDS_WAITING_MAX = 100_000
SNAPSHOT_NS = 60 * NANOSECONDS_PER_SECOND


class LiveDataPlane:
    """Publishes what a live feed brings, each record once; what the gate keeps back goes to its own topic, counted."""

    name = DATA_PLANE

    def __init__(self, *, bus: Bus, feed: LiveFeed, gate: QualityGate, writer: MarketWriter, snapshots: Snapshots,
                 clock: Clock, state: DataState) -> None:
        self._bus = bus
        self._feed = feed
        self._gate = gate
        self._writer = writer
        self._snapshots = snapshots
        self._clock = clock
        self.state = state
        self._sequence = max(state.read.last_sequence, *writer.last_sequences.values(), writer.last_quarantined)
        self._unsent: tuple[MarketBatch, Verdict] | None = None
        self._waiting: MarketBatch | None = None
        self._conflated = dict.fromkeys(Kind, 0)
        self._full = 0
        self._waits = 0
        self._saved_ns = clock.monotonic_ns()
        state.started_ns = 0
        self.done = False
        self.wait_s = LIVE_WAIT_S

    def step(self) -> bool:
        """Publish what came; False where nothing did, or where a topic is full."""
        came = self._feed.poll()
        if came is not None:
            self._wait_with(came)
        if self._unsent is None and self._waiting is not None:
            due, self._waiting = self._waiting, None
            self._unsent = self._judged(due)
        progressed = self._unsent is not None and self._publish(*self._unsent)
        if progressed:
            self._unsent = None
        if self._clock.monotonic_ns() - self._saved_ns >= SNAPSHOT_NS:
            self._save()
        self._waits += not progressed
        return progressed

    def stop(self) -> None:
        """End the subscriptions, and write a snapshot."""
        self._feed.close()
        self._save()

    def samples(self) -> Samples:
        """Return the metrics as they are."""
        counts = self._gate.record_counts
        return {
            **self._feed.samples(),
            "algotrade_records_read_total": {(kind.name.lower(),): float(counts[kind].sum()) for kind in Kind},
            "algotrade_records_published_total": {(kind.name.lower(),): float(counts[kind][0]) for kind in Kind},
            "algotrade_records_quarantined_total": float(self.state.quarantined),
            "algotrade_records_conflated_total": {
                (kind.name.lower(),): float(count) for kind, count in self._conflated.items()},
            "algotrade_quality_flags_total": {
                (kind.name.lower(), str(flag.name).lower()): float(count)
                for (kind, flag), count in self._gate.counts().items()},
            "algotrade_event_time_seconds": self.state.read.last_time_ns / 1e9,
            "algotrade_snapshots_total": self._snapshots.saved,
            "algotrade_bus_waits_total": self._waits,
            "algotrade_topic_full_total": self._full,
        }

    def ready(self) -> Mapping[str, bool]:
        """Return whether what this plane depends on is there."""
        return self._feed.ready()

    def _wait_with(self, came: MarketBatch) -> None:
        """Keep ``came`` behind what waits already, within bounds."""
        if not self.state.started_ns:
            self.state.started_ns = self._clock.monotonic_ns()
        waiting = came if self._waiting is None else _together(self._waiting, came)
        if self._unsent is not None and len(waiting) > RECORDS_WAITING_MAX:
            before = {kind: len(array) for kind, array in waiting.arrays().items()}
            waiting = conflated(waiting)
            lost = {kind: before[kind] - len(array) for kind, array in waiting.arrays().items()}
            for kind, count in lost.items():
                self._conflated[kind] += count
            get_log().warning("conflated", **{kind.name.lower() + "s": count for kind, count in lost.items()})
        self._waiting = waiting

    def _judged(self, due: MarketBatch) -> tuple[MarketBatch, Verdict]:
        self._sequence = numbered(due, self._sequence)
        return due, self._gate.check(due)

    def _publish(self, due: MarketBatch, verdict: Verdict) -> bool:
        """Publish a verdict; False, to be called again with the same, where a topic is full."""
        now_ns = self._clock.time_ns()
        through = last_sequence(due)
        name = handled_name(self.name)
        promises = {name: through} if through > self._bus.promised(name) else {}
        try:
            self._writer.quarantine(verdict.quarantined, origin_time_ns=now_ns)
            self._writer.publish(verdict.passed, through=through, origin_time_ns=now_ns, promises=promises)
        except TopicFull:
            self._full += 1
            return False
        self.state.read.add(due)
        self.state.published.add(verdict.passed)
        self.state.quarantined += len(verdict.quarantined)
        return True

    def _save(self) -> None:
        state = self.state
        state.gate = self._gate.state()
        state.ends = self._writer.ends
        state.quality = {f"{kind.name.lower()} {str(flag.name).lower()}": count
                         for (kind, flag), count in self._gate.counts().items()}
        self._snapshots.save(msgspec.msgpack.encode(state), {})
        self._saved_ns = self._clock.monotonic_ns()


def numbered(batch: MarketBatch, after: int) -> int:
    """Write the numbers of ``batch`` in place, from ``after + 1`` on in the order of the run; return the last one.

    The order is that of the replay's merge: event time, then kind, then the order within the kind. A record whose time
    is before that of one that came earlier stays behind it: the gate will say so.
    """
    arrays = batch.arrays()
    times = [np.maximum.accumulate(array["event_time_ns"]) for array in arrays.values()]
    kinds = [np.full(len(array), kind, dtype=np.int8) for kind, array in arrays.items()]
    order = np.lexsort((np.concatenate(kinds), np.concatenate(times)))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(after + 1, after + 1 + len(order))
    start = 0
    for array in arrays.values():
        array["sequence"] = ranks[start : start + len(array)]
        start += len(array)
    return after + len(order)


def conflated(batch: MarketBatch) -> MarketBatch:
    """Return the newest record of each kind and instrument, in their order, marked with ``Flag.GAP``."""
    return MarketBatch.of({kind: _newest(array) for kind, array in batch.arrays().items()})


def _newest(array: Records) -> Records:
    if not len(array):
        return array
    _, from_behind = np.unique(array["instrument"][::-1], return_index=True)
    kept: Records = array[np.sort(len(array) - 1 - from_behind)].copy()
    kept["flags"] |= np.uint32(Flag.GAP)
    return kept


def _together(first: MarketBatch, then: MarketBatch) -> MarketBatch:
    mine, others = first.arrays(), then.arrays()
    return MarketBatch.of({kind: joined([mine[kind], others[kind]]) for kind in Kind})


