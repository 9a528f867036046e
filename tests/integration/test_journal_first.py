"""Nothing is sent to a broker outside this process before its journal entry is on the bus."""

from decimal import Decimal

import numpy as np

from algotrade.bus import PROMISE_END, MarketWriter, MemoryBus, Outgoing, Schema, TopicReader, encode_value, values_of
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, STRATEGY_PLANE
from algotrade.domain import (
    QUOTE,
    CancelOrder,
    IntentId,
    Kind,
    MarketBatch,
    NewOrder,
    OrderType,
    ReplaceOrder,
    Side,
    SystemClock,
    TimeInForce,
)
from algotrade.execution import JournalEntry, SimulatedBroker
from algotrade_runners.order_plane.build import build_order_plane
from algotrade_runners.order_plane.state import JOURNAL_TOPIC
from algotrade_runners.replay_time import INTENTS_TOPIC, intents_time
from algotrade_runners.settings import BusSettings, FeedSettings, Settings, StrategySettings

SETTINGS = Settings(bus=BusSettings(url="local:unused"), feed=FeedSettings(paths=("unused",)),
                    instruments=({"symbol": "A"},), strategy=StrategySettings(name="ofi"))
SECOND_NS = 1_000_000_000
STEPS_MAX = 100


class OutsideBroker(SimulatedBroker):
    """Fills as the simulated one does, but looks at the journal before it takes a command, as others would."""

    acts_outside = True

    def __init__(self, bus, marks):
        super().__init__(SETTINGS.universe(), SETTINGS.venue, SETTINGS.commission, {}, marks,
                         SETTINGS.risk.working_orders_max)
        self.bus = bus
        self.sent = []

    def send(self, command):
        self.sent.append((type(command).__name__.lower(), command.order_id))
        assert [(entry.action, entry.order_id) for entry in journal(self.bus)] == self.sent
        super().send(command)


def journal(bus):
    reader = TopicReader(bus.client(), JOURNAL_TOPIC, values_of(Schema.JOURNAL, JournalEntry), group="test")
    return [received.value for received in reader.read(100)]


def intents():
    """Return an order, a change to it and its cancel, each born of a quote of its own."""
    ids = [IntentId(strategy="s", run=SETTINGS.run.id, sequence=i, number=0) for i in (1, 2, 3)]
    common = [{"id": one, "instrument": 0, "event_time_ns": one.sequence * SECOND_NS, "expires_at_ns": 2**62}
              for one in ids]
    return [
        NewOrder(**common[0], side=Side.BUY, quantity=Decimal(5), order_type=OrderType.LIMIT,
                 time_in_force=TimeInForce.GTC, limit_price=Decimal(99)),
        ReplaceOrder(**common[1], target=ids[0], quantity=Decimal(7)),
        CancelOrder(**common[2], target=ids[0]),
    ]


def publish(bus):
    """Put four quotes and all intents on the bus, to their ends."""
    quotes = np.array([(i, i * SECOND_NS, i * SECOND_NS, 0, 0, 99.99, 100.01, 9.0, 9.0) for i in (1, 2, 3, 4)],
                      dtype=QUOTE)
    market = MarketWriter(bus.client(DATA_PLANE))
    market.publish(MarketBatch.of({Kind.QUOTE: quotes}))
    market.finish()
    messages = [Outgoing(instrument_key(0), encode_value(Schema.INTENT, intent)) for intent in intents()]
    bus.client(STRATEGY_PLANE).append_all([(INTENTS_TOPIC, messages)], promises={intents_time(): PROMISE_END})


def test_every_command_is_in_the_journal_before_a_broker_outside_gets_it():
    bus = MemoryBus()
    publish(bus)
    plane = build_order_plane(SETTINGS, bus.client(ORDER_PLANE), SystemClock())
    plane._broker = OutsideBroker(bus, plane._gate.marks)

    for _ in range(STEPS_MAX):
        if plane.done:
            break
        plane.step()

    assert plane.done
    assert plane._broker.sent == [("place", 1), ("replace", 1), ("cancel", 1)]
    assert [entry.request_id.sequence for entry in journal(bus)] == [1, 2, 3]
