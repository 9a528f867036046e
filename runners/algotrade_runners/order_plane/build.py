"""Builds the order plane from settings, on a bus that is already open."""

from typing import Any

import msgspec

from algotrade.bus import Bus, Leadership, MarketReader, RepeatingOutput, Schema, Snapshots, TopicReader, values_of
from algotrade.bus.topics import ORDER_PLANE
from algotrade.domain import Clock, OrderIntent, Records
from algotrade.execution import OrderManager, SimulatedBroker
from algotrade.execution.remote.broker import RemoteBroker
from algotrade.risk import Gate
from algotrade_runners.order_plane.plane import INTENTS_TOPIC, JOURNAL_TOPIC, OrderPlane, OrderState, ReplayBroker
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
    leadership = Leadership(bus, JOURNAL_TOPIC, broker.arm)
    leadership.claim()
    snapshots = Snapshots(bus, SNAPSHOTS_TOPIC, ORDER_PLANE)
    body = snapshots.load()
    state = OrderState() if body is None else msgspec.msgpack.decode(body, type=OrderState)
    of_intents: Any = OrderIntent  # a union of tagged structs: msgspec takes it, type checkers call it no type
    return OrderPlane(
        bus=bus, leadership=leadership, snapshots=snapshots, gate=gate, broker=broker, clock=clock, state=state,
        market=MarketReader(bus, group=ORDER_PLANE, cursor=state.cursor),
        intents=TopicReader(bus, INTENTS_TOPIC, values_of(Schema.INTENT, of_intents), group=ORDER_PLANE,
                            position=state.intents_position),
        journal=RepeatingOutput(bus, JOURNAL_TOPIC, position=state.journal_position),
        reports=RepeatingOutput(bus, "orders.reports", position=state.reports_position),
        manager=OrderManager(instruments, gate), model=settings.venue, seed=settings.run.seed,
        records_between=settings.snapshots.records_between,
    )
