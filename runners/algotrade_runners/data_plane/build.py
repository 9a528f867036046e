"""Builds the data plane from settings, on a bus that is already open."""

from pathlib import Path

import msgspec

from algotrade.bus import Bus, MarketWriter, Snapshots
from algotrade.bus.topics import DATA_PLANE
from algotrade.domain import Clock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.feeds import Pace, QualityGate, ReplayFeed
from algotrade_runners.data_plane.plane import DataPlane, DataState
from algotrade_runners.settings import Settings

SNAPSHOTS_TOPIC = f"snapshots.{DATA_PLANE}"


def build_feed(settings: Settings, after_sequence: int = 0) -> ReplayFeed:
    """Return the feed that the settings name, from behind ``after_sequence`` on."""
    duration_s = settings.feed.bar_duration_s
    return ReplayFeed(
        [Path(path) for path in settings.feed.paths], settings.universe(), after_sequence=after_sequence,
        bar_duration_ns=round(duration_s * NANOSECONDS_PER_SECOND) if duration_s else None)


def build_gate(settings: Settings) -> QualityGate:
    """Return the quality gate that the settings describe."""
    return QualityGate(settings.universe(), settings.quality, settings.sessions())


def build_data_plane(settings: Settings, bus: Bus, clock: Clock) -> DataPlane:
    """Return the data plane, restored from its newest snapshot where there is one."""
    snapshots = Snapshots(bus, SNAPSHOTS_TOPIC, DATA_PLANE)
    body = snapshots.load()
    state = DataState() if body is None else msgspec.msgpack.decode(body, type=DataState)
    return DataPlane(
        bus=bus, snapshots=snapshots, writer=MarketWriter(bus), clock=clock, state=state,
        feed=build_feed(settings, state.read.last_sequence), gate=build_gate(settings),
        pace=Pace(settings.feed.speed or None, clock), records_between=settings.snapshots.records_between,
    )
