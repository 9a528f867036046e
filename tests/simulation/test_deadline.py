"""An order that has a last moment, as one for the close has, while the broker cannot be reached."""

from decimal import Decimal

import msgspec

from algotrade.bus import MemoryBus, Outgoing, Schema, TopicReader, encode_value, values_of
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import STRATEGY_PLANE, TOPICS
from algotrade.domain import ExecType, ExecutionReport, OrderStatus, SimulatedClock
from algotrade_runners.order_plane.build import build_live_order_plane
from algotrade_runners.replay_time import INTENTS_TOPIC, REPORTS_TOPIC
from tests.execution.ibkr.world import new
from tests.simulation.exchange import Exchange, Session
from tests.simulation.test_planes import settings_of

DEADLINE_NS = 20 * 3_600 * 10**9
STEPS = 20


class Cut(Session):
    """A session whose link to the broker is lost while ``is_cut``; it arms, for it was connected before."""

    is_cut = True

    def may_send(self, intent):
        return not self.is_cut

    @property
    def disarmed_because(self):
        return "no link to the broker" if self.is_cut else ""


def test_moc_deadline_while_down():
    """The intent is answered the moment that its time is over, link or no link, and is never sent late."""
    bus, clock, exchange = MemoryBus(TOPICS), SimulatedClock(DEADLINE_NS - 10), Exchange()
    session = Cut(exchange, dice=None)
    session.events = list
    plane = build_live_order_plane(settings_of(1), bus.client("order-plane"), clock, session)
    intent = msgspec.structs.replace(new(1, Decimal(5), limit=100), expires_at_ns=DEADLINE_NS)
    bus.client(STRATEGY_PLANE).append(INTENTS_TOPIC, [Outgoing(instrument_key(0), encode_value(Schema.INTENT, intent))])
    reader = TopicReader(bus.client(), REPORTS_TOPIC, values_of(Schema.REPORT, ExecutionReport), group="test")

    def reports():
        for _ in range(STEPS):
            plane.step()
        return [one.value for one in reader.read(100)]

    assert reports() == []
    clock.advance_to(DEADLINE_NS)
    (late,) = reports()
    assert (late.exec_type, late.status, late.reason) == (ExecType.EXPIRED, OrderStatus.EXPIRED, "intent_expired")
    assert late.intent_id == intent.id

    session.is_cut = False
    assert reports() == []
    assert exchange.placed == []
