"""Builds the strategy plane from settings, on a bus that is already open."""

from typing import Any

from algotrade.bus import Bus, Leadership, MarketReader, RepeatingOutput, Schema, Snapshots, TopicReader, values_of
from algotrade.bus.topics import STRATEGY_MERGES, STRATEGY_PLANE
from algotrade.domain import OrderIntent, Report
from algotrade.strategy import KernelRunner, Runnable
from algotrade_runners.replay_time import INTENTS_TOPIC, REPORTS_TOPIC
from algotrade_runners.settings import Settings, strategy_of
from algotrade_runners.strategy_plane.live import LiveStrategyPlane, Merge
from algotrade_runners.strategy_plane.plane import StrategyPlane, StrategyState

SNAPSHOTS_TOPIC = f"snapshots.{STRATEGY_PLANE}"


def build_strategy(settings: Settings) -> Runnable:
    """Return the strategy that the settings name, with its parameters, compiled."""
    definition, parameters = strategy_of(settings)
    return KernelRunner(definition, parameters, settings.universe(), settings.run.id)


def build_strategy_plane(settings: Settings, bus: Bus, strategy: Runnable | None = None,
                         shard: int = 0) -> StrategyPlane:
    """Return the strategy plane of a ``shard``, restored from its newest snapshot where there is one.

    ``strategy``: one of the caller's own, instead of the one that the settings name.
    """
    strategy = strategy or build_strategy(settings)
    leadership = Leadership(bus, INTENTS_TOPIC, shard=shard)
    leadership.claim()
    snapshots = Snapshots(bus, SNAPSHOTS_TOPIC, STRATEGY_PLANE, shard)
    state = snapshots.restored(StrategyState) or StrategyState()
    snapshots.check_inputs()
    of_intents: Any = OrderIntent  # a union of tagged structs: msgspec takes it, type checkers call it no type
    of_reports: Any = Report
    return StrategyPlane(
        bus=bus, leadership=leadership, snapshots=snapshots, strategy=strategy, state=state,
        market=MarketReader(bus, group=STRATEGY_PLANE, cursor=state.cursor, shards=(shard,)),
        reports=TopicReader(bus, REPORTS_TOPIC, values_of(Schema.REPORT, of_reports), group=STRATEGY_PLANE,
                            position=state.reports_position, partition=shard),
        output=RepeatingOutput(bus, INTENTS_TOPIC, position=state.intents_position, shard=shard, plane=STRATEGY_PLANE,
                               parse=values_of(Schema.INTENT, of_intents)), shard=shard,
        report_latency_ns=settings.venue.report_latency_ns, records_between=settings.snapshots.records_between,
    )


def build_live_strategy_plane(settings: Settings, bus: Bus, strategy: Runnable | None = None,
                              shard: int = 0) -> LiveStrategyPlane:
    """Return the strategy plane of a ``shard`` in real time, restored as ``build_strategy_plane`` does."""
    strategy = strategy or build_strategy(settings)
    leadership = Leadership(bus, INTENTS_TOPIC, shard=shard)
    leadership.claim()
    snapshots = Snapshots(bus, SNAPSHOTS_TOPIC, STRATEGY_PLANE, shard)
    state = snapshots.restored(StrategyState) or StrategyState()
    snapshots.check_inputs()
    of_intents: Any = OrderIntent
    of_reports: Any = Report
    of_merges = values_of(Schema.MERGE, Merge)
    return LiveStrategyPlane(
        bus=bus, leadership=leadership, snapshots=snapshots, strategy=strategy, state=state,
        market=MarketReader(bus, group=STRATEGY_PLANE, cursor=state.cursor, shards=(shard,)),
        reports=TopicReader(bus, REPORTS_TOPIC, values_of(Schema.REPORT, of_reports), group=STRATEGY_PLANE,
                            position=state.reports_position, partition=shard),
        merges=TopicReader(bus, STRATEGY_MERGES, of_merges, group=STRATEGY_PLANE, position=state.merges_position,
                           partition=shard),
        merge_output=RepeatingOutput(bus, STRATEGY_MERGES, position=state.merges_position, shard=shard,
                                     plane=STRATEGY_PLANE, parse=of_merges),
        output=RepeatingOutput(bus, INTENTS_TOPIC, position=state.intents_position, shard=shard, plane=STRATEGY_PLANE,
                               parse=values_of(Schema.INTENT, of_intents)), shard=shard,
        records_between=settings.snapshots.records_between,
    )
