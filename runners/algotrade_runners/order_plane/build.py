"""Builds the order plane from settings, on a bus that is already open."""

from collections.abc import Sequence
from typing import Any

from algotrade.bus import Bus, Leadership, MarketReader, RepeatingOutput, Schema, Snapshots, TopicReader, values_of
from algotrade.bus.topics import ORDER_PLANE
from algotrade.domain import Clock, OrderIntent, Records, Report
from algotrade.execution import JournalEntry, JournalRecord, LiveBroker, OrderManager, SimulatedBroker
from algotrade.execution.remote.broker import RemoteBroker
from algotrade.risk import Gate
from algotrade_runners.order_plane.arrivals import Arrivals
from algotrade_runners.order_plane.live import LiveOrderPlane
from algotrade_runners.order_plane.plane import OrderPlane, ReplayBroker
from algotrade_runners.order_plane.state import JOURNAL_TOPIC, OrderState
from algotrade_runners.replay_time import INTENTS_TOPIC, REPORTS_TOPIC
from algotrade_runners.settings import Settings

SNAPSHOTS_TOPIC = f"snapshots.{ORDER_PLANE}"


def build_broker(settings: Settings, marks: Records, clock: Clock) -> ReplayBroker:
    """Return the simulated broker: in this process, or the session with one in a process of its own."""
    inner = SimulatedBroker(settings.universe(), settings.venue, settings.commission, settings.sessions(), marks,
                            settings.risk.working_orders_max)
    address = settings.broker.address()
    return inner if address is None else RemoteBroker(inner, address, settings.broker.client_id, clock)


def build_order_plane(settings: Settings, bus: Bus, clock: Clock) -> OrderPlane:
    """Return the order plane with the simulated broker, restored from its newest snapshot where there is one."""
    instruments = settings.universe()
    sessions = settings.sessions()
    gate = Gate(settings.risk, instruments, sessions)
    broker = build_broker(settings, gate.marks, clock)
    leadership = Leadership(bus, JOURNAL_TOPIC, may_act=broker.arm)
    leadership.claim()
    snapshots = Snapshots(bus, SNAPSHOTS_TOPIC, ORDER_PLANE)
    state = snapshots.restored(OrderState) or OrderState()
    snapshots.check_inputs()
    of_intents: Any = OrderIntent  # a union of tagged structs: msgspec takes it, type checkers call it no type
    return OrderPlane(
        bus=bus, leadership=leadership, snapshots=snapshots, gate=gate, broker=broker, clock=clock, state=state,
        market=MarketReader(bus, group=ORDER_PLANE, cursor=state.cursor),
        intents=Arrivals([
            TopicReader(bus, INTENTS_TOPIC, values_of(Schema.INTENT, of_intents), group=ORDER_PLANE, partition=shard,
                        position=position) for shard, position in _by_shard(bus, INTENTS_TOPIC, state.intents_positions)
        ], settings.venue, settings.run.seed, state.last_arrivals_ns),
        journal=RepeatingOutput(bus, JOURNAL_TOPIC, position=state.journal_position, plane=ORDER_PLANE,
                                parse=values_of(Schema.JOURNAL, JournalEntry)),
        reports=_report_outputs(bus, state), manager=OrderManager(instruments, gate), model=settings.venue,
        records_between=settings.snapshots.records_between,
    )


def build_live_order_plane(settings: Settings, bus: Bus, clock: Clock, broker: LiveBroker) -> LiveOrderPlane:
    """Return the order plane that trades through ``broker``, restored from its newest snapshot where there is one."""
    instruments = settings.universe()
    gate = Gate(settings.risk, instruments, settings.sessions())
    leadership = Leadership(bus, JOURNAL_TOPIC, may_act=broker.arm)
    leadership.claim()
    snapshots = Snapshots(bus, SNAPSHOTS_TOPIC, ORDER_PLANE)
    state = snapshots.restored(OrderState) or OrderState()
    snapshots.check_inputs()
    of_intents: Any = OrderIntent
    of_journal: Any = JournalRecord
    return LiveOrderPlane(
        bus=bus, leadership=leadership, snapshots=snapshots, gate=gate, broker=broker, clock=clock, state=state,
        market=MarketReader(bus, group=ORDER_PLANE, cursor=state.cursor),
        intents=[TopicReader(bus, INTENTS_TOPIC, values_of(Schema.INTENT, of_intents), group=ORDER_PLANE,
                             partition=shard, position=position)
                 for shard, position in _by_shard(bus, INTENTS_TOPIC, state.intents_positions)],
        inputs=TopicReader(bus, JOURNAL_TOPIC, values_of(Schema.JOURNAL, of_journal), group=ORDER_PLANE,
                           position=state.journal_position),
        journal=RepeatingOutput(bus, JOURNAL_TOPIC, position=state.journal_position, plane=ORDER_PLANE,
                                parse=values_of(Schema.JOURNAL, of_journal)),
        reports=_report_outputs(bus, state), manager=OrderManager(instruments, gate, takes_groups=True),
        records_between=settings.snapshots.records_between,
    )


def _report_outputs(bus: Bus, state: OrderState) -> list[RepeatingOutput]:
    of_reports: Any = Report
    return [RepeatingOutput(bus, REPORTS_TOPIC, position=position, shard=shard, plane=ORDER_PLANE,
                            parse=values_of(Schema.REPORT, of_reports))
            for shard, position in _by_shard(bus, REPORTS_TOPIC, state.reports_positions)]


def _by_shard(bus: Bus, topic: str, positions: Sequence[int]) -> list[tuple[int, int]]:
    """Return (shard, position to go on from) of every shard, 0 where a snapshot has none."""
    return list(enumerate(positions or [0] * bus.partitions(topic)))
