"""Feed -> quality gate -> bus, one batch per step."""

from collections.abc import Callable, Mapping

import msgspec

from algotrade.bus import Bus, LogPosition, MarketWriter, Snapshots, TopicFull
from algotrade.bus.topics import DATA_PLANE, MARKET_QUOTES, ORDER_PLANE, STRATEGY_PLANE
from algotrade.domain import Clock, Kind, MarketBatch
from algotrade.domain.clock import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from algotrade.feeds import Feed, Pace, QualityGate, Verdict
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Samples
from algotrade_runners.host import WAIT_S
from algotrade_runners.replay_time import INTENTS_TOPIC, handled_name, market_time, ready_name
from algotrade_runners.tally import Tally, last_sequence

PUBLISH_NS_MIN = 2 * NANOSECONDS_PER_MILLISECOND
"""Shortest time between two batches of a paced replay. Records that wait so long for others to travel with are there
earlier than if each went at once, for every message costs three processes a wake-up. At 20,000 quotes a second on two
cores, quote to order accepted takes 4.6, 4.0 and 4.2 ms at the median with 1, 2 and 3 ms here (``make bench``)."""


QUARANTINE_SHARD = 0
"""Who has it writes what the gate kept back, for all instruments."""


class DataState(msgspec.Struct, kw_only=True):
    """The data plane's snapshot: how far the feed was published, and what the gate remembers."""

    read: Tally = msgspec.field(default_factory=Tally)
    """All records of the feed, quarantined ones too."""
    published: Tally = msgspec.field(default_factory=Tally)
    quarantined: int = 0
    quality: dict[str, int] = {}
    """Records by kind and flag of the quality gate, as "quote crossed"."""
    gate: bytes = b""
    ends: tuple[LogPosition, ...] = ()
    """Of the market logs, as published so far."""
    finished: bool = False
    started_ns: int = 0
    """Monotonic clock at this process's first read."""


class Begun(msgspec.Struct, frozen=True):
    """What a plane needs to go on with some shards, from the earliest place at which one of them stands."""

    state: DataState
    feed: Feed
    gate: QualityGate
    writer: MarketWriter
    snapshots: tuple[Snapshots, ...]
    """One for each shard: whoever has it next begins there."""


class DataPlane:
    """Publishes the feed's records in order, each once; what the gate keeps back goes to its own topic, counted.

    It begins once both readers have said that they are ready, so that none of the measured time is their start.

    Several processes may share the instruments out among themselves. Each reads the whole feed, and so numbers and
    judges it alike, and publishes what belongs to its shards. One that gets a shard goes back to where that one stands
    in the log: what is there already is not published again, and nothing between is missed.

    ``begin``  opens everything for the shards it is given
    """

    name = DATA_PLANE

    def __init__(self, *, bus: Bus, begin: Callable[[frozenset[int]], Begun], pace: Pace, clock: Clock,
                 records_between: int) -> None:
        self._bus = bus
        self._begin = begin
        self._pace = pace
        self._clock = clock
        self._records_between = records_between
        self._published_ns = -PUBLISH_NS_MIN
        self._waits = 0
        self._full = 0
        self._has_readers = False
        self._promised: dict[str, int] = {}
        self.done = False
        self.wait_s = WAIT_S
        self._shards = bus.shares(MARKET_QUOTES)
        self._go_on_with(begin(self._shards))

    def step(self) -> bool:
        """Publish what is due; False while readers are not ready, nothing is due yet, or a topic is full."""
        self._follow_shards()
        self._has_readers = self._readers_ready()
        progressed = bool(self._shards) and self._has_readers and self._advance()
        self._waits += not progressed
        return progressed

    def stop(self) -> None:
        """Write a snapshot of where this plane stands; what was read but not published will be read again."""
        if self._unsent is None:
            self._save()
        self._feed.close()

    def samples(self) -> Samples:
        """Return the metrics as they are."""
        counts = self._gate.record_counts
        return {
            "algotrade_records_read_total": {(kind.name.lower(),): float(counts[kind].sum()) for kind in Kind},
            "algotrade_records_published_total": {(kind.name.lower(),): float(counts[kind][0]) for kind in Kind},
            "algotrade_records_quarantined_total": float(self.state.quarantined),
            "algotrade_quality_flags_total": {
                (kind.name.lower(), str(flag.name).lower()): float(count)
                for (kind, flag), count in self._gate.counts().items()},
            "algotrade_event_time_seconds": self.state.read.last_time_ns / 1e9,
            "algotrade_snapshots_total": sum(one.saved for one in self._snapshots),
            "algotrade_shards": len(self._shards),
            "algotrade_bus_waits_total": self._waits,
            "algotrade_topic_full_total": self._full,
        }

    def ready(self) -> Mapping[str, bool]:
        """Return whether this plane and what it depends on are there."""
        return {"feed": True, "readers": self._has_readers}

    def _follow_shards(self) -> None:
        """Begin anew with a shard that was another's; give up at once what is no longer ours."""
        shards = self._bus.shares(MARKET_QUOTES)
        if shards == self._shards:
            return
        before, self._shards = self._shards, shards
        came_to = self.state.read.last_sequence
        self._feed.close()
        self._go_on_with(self._begin(shards))
        get_log().info("shards", held=sorted(shards), gained=sorted(shards - before), lost=sorted(before - shards),
                       came_to=came_to, goes_on_behind=self.state.read.last_sequence)

    def _go_on_with(self, begun: Begun) -> None:
        self.state, self._feed, self._gate = begun.state, begun.feed, begun.gate
        self._writer, self._snapshots = begun.writer, begun.snapshots
        self._unpaced: MarketBatch | None = None
        self._unsent: tuple[MarketBatch, Verdict] | None = None
        self._saved_at = self.state.read.records
        if self.state.gate:
            self._gate.restore(self.state.gate)
        self.state.started_ns = 0
        names = (handled_name(self.name), *(market_time(shard) for shard in self._shards))
        self._promised = {name: self._bus.promised(name) for name in names}

    def _readers_ready(self) -> bool:
        names = [ready_name(ORDER_PLANE), *(
            ready_name(STRATEGY_PLANE, shard) for shard in range(self._bus.partitions(INTENTS_TOPIC)))]
        return all(self._bus.promised(name) > 0 for name in names)

    def _advance(self) -> bool:
        if self._unsent is None and not self.state.finished:
            self._unsent = self._check_next()
        if self._unsent is not None and not self._publish(*self._unsent):
            return False
        if self.state.finished:
            self._writer.finish()
            self.done = True
            return True
        progressed, self._unsent = self._unsent is not None, None
        return progressed

    def _check_next(self) -> tuple[MarketBatch, Verdict] | None:
        """Return what is due now and the gate's verdict on it; None where nothing is due yet, or at the end."""
        if self._pace.is_paced:
            rest_ns = self._published_ns + PUBLISH_NS_MIN - self._clock.monotonic_ns()
            if rest_ns > 0:
                self.wait_s = rest_ns / NANOSECONDS_PER_SECOND
                return None
        if self._unpaced is None:
            if not self.state.started_ns:
                self.state.started_ns = self._clock.monotonic_ns()
            self._unpaced = self._feed.read()
            if self._unpaced is None:
                self.state.finished = True
                return None
        paced = self._pace.cut(self._unpaced)
        self._unpaced = paced.rest if len(paced.rest) else None
        self.wait_s = paced.wait_ns / NANOSECONDS_PER_SECOND
        return (paced.due, self._gate.check(paced.due)) if len(paced.due) else None

    def _publish(self, due: MarketBatch, verdict: Verdict) -> bool:
        """Publish a verdict; False, to be called again with the same, where a topic is full."""
        now_ns = self._clock.time_ns()
        through = last_sequence(due)
        try:
            if QUARANTINE_SHARD in self._shards:
                self._writer.quarantine(verdict.quarantined, origin_time_ns=now_ns)
            promises = self._promises(due)
            self._writer.publish(verdict.passed, through=through, origin_time_ns=now_ns, promises=promises)
        except TopicFull:
            self._full += 1
            self.wait_s = WAIT_S
            return False
        self._promised |= promises
        self._published_ns = self._clock.monotonic_ns()
        self.state.read.add(due)
        self.state.published.add(verdict.passed)
        self.state.quarantined += len(verdict.quarantined)
        if self.state.read.records - self._saved_at >= self._records_between:
            self._save()
        return True

    def _promises(self, due: MarketBatch) -> dict[str, int]:
        """Return what is to be promised of ``due``; what is not new is left out, as where it goes back for a shard."""
        times_ns = [int(array["event_time_ns"][-1]) for array in due.arrays().values() if len(array)]
        latest_ns = max((self.state.read.last_time_ns, *times_ns))
        promises = {handled_name(self.name): last_sequence(due), **{market_time(n): latest_ns for n in self._shards}}
        return {name: value for name, value in promises.items() if value > self._promised.get(name, -1)}

    def _save(self) -> None:
        self.state.gate = self._gate.state()
        self.state.ends = self._writer.ends
        self.state.quality = {
            f"{kind.name.lower()} {str(flag.name).lower()}": count
            for (kind, flag), count in self._gate.counts().items()}
        for snapshots in self._snapshots:
            snapshots.save(msgspec.msgpack.encode(self.state), {})
        self._saved_at = self.state.read.records
