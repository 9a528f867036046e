"""Builds the data plane from settings, on a bus that is already open."""

from collections.abc import Callable, Mapping
from pathlib import Path

from algotrade.bus import Bus, LogShortened, MarketWriter, Snapshots, TopicReader
from algotrade.bus.market import market_lanes
from algotrade.bus.market_reader import rising_records
from algotrade.bus.topics import DATA_PLANE
from algotrade.domain import Clock, Kind, MarketBatch
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.feeds import Feed, LiveFeed, Pace, QualityGate, ReplayFeed
from algotrade.telemetry import get_log
from algotrade_runners.data_plane.live import LiveDataPlane
from algotrade_runners.data_plane.plane import Begun, DataPlane, DataState
from algotrade_runners.settings import Settings

SNAPSHOTS_TOPIC = f"snapshots.{DATA_PLANE}"
MESSAGES_PER_READ = 64


def build_feed(settings: Settings, after_sequence: int = 0) -> ReplayFeed:
    """Return the feed that the settings name, from behind ``after_sequence`` on."""
    duration_s = settings.feed.bar_duration_s
    return ReplayFeed(
        [Path(path) for path in settings.feed.paths], settings.universe(), after_sequence=after_sequence,
        bar_duration_ns=round(duration_s * NANOSECONDS_PER_SECOND) if duration_s else None)


def build_gate(settings: Settings) -> QualityGate:
    """Return the quality gate that the settings describe."""
    return QualityGate(settings.universe(), settings.quality, settings.sessions())


def begin(settings: Settings, bus: Bus, shards: frozenset[int],
          open_feed: Callable[[Settings, int], Feed] = build_feed) -> Begun:
    """Return what goes on with ``shards``, from the newest snapshot of the one that is furthest behind.

    Where a market log has lost what was published before a snapshot (it is not flushed), the feed is read again from
    its beginning: what the logs have stays, what they lost is published again.
    """
    snapshots = tuple(Snapshots(bus, SNAPSHOTS_TOPIC, DATA_PLANE, shard) for shard in sorted(shards))
    states = [one.restored(DataState) or DataState() for one in snapshots]
    state = min(states, key=lambda state: state.read.last_sequence, default=DataState())
    try:
        writer = MarketWriter(bus, shards=shards, ends=[end for one in states for end in one.ends])
    except LogShortened as hole:
        get_log().warning("log_hole", **hole.where, then="the feed is read again from its beginning")
        state, writer = DataState(), MarketWriter(bus, shards=shards)
    return Begun(state, open_feed(settings, state.read.last_sequence), build_gate(settings), writer, snapshots)


def build_data_plane(settings: Settings, bus: Bus, clock: Clock) -> DataPlane:
    """Return the data plane, restored from its newest snapshots where there are any."""
    return DataPlane(
        bus=bus, begin=lambda shards: begin(settings, bus, shards), clock=clock,
        pace=Pace(settings.feed.speed or None, clock), records_between=settings.snapshots.records_between)


def build_live_data_plane(settings: Settings, bus: Bus, clock: Clock,
                          open_feed: Callable[[Mapping[int, int]], LiveFeed]) -> LiveDataPlane:
    """Return the data plane that publishes a live feed, restored from its newest snapshot where there is one.

    ``open_feed``  is told the event time of the last bar that was published, by instrument id
    """
    snapshots = Snapshots(bus, SNAPSHOTS_TOPIC, DATA_PLANE)
    state = snapshots.restored(DataState) or DataState()
    gate = build_gate(settings)
    if state.gate:
        gate.restore(state.gate)
    _remember(bus, gate, {(end.topic, end.partition): end.position for end in state.ends})
    return LiveDataPlane(bus=bus, feed=open_feed(gate.last_times_ns(Kind.BAR)), gate=gate, writer=MarketWriter(bus),
                         snapshots=snapshots, clock=clock, state=state)


def _remember(bus: Bus, gate: QualityGate, ends: Mapping[tuple[str, int], int]) -> None:
    """Show the gate what was published behind the snapshot's ``ends``.

    A process that was killed has left no other memory of it, and what a live feed fills back must not be published
    twice.
    """
    for lane in market_lanes(bus):
        oldest, following = bus.bounds(lane.topic, lane.partition)
        begin = max(oldest, min(ends.get((lane.topic, lane.partition), oldest), following))
        reader = TopicReader(bus, lane.topic, rising_records(lane.kind), group=DATA_PLANE, partition=lane.partition,
                             position=begin, buries=False)
        while received := reader.read(MESSAGES_PER_READ):
            for one in received:
                gate.check(MarketBatch.of({lane.kind: one.value}))
