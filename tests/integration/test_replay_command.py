"""`algotrade bus dead replay` on a local bus: what it appends, and what it refuses."""

from decimal import Decimal

from algotrade.bus import LocalBus, Message, Outgoing, Schema, Undecodable, decode, encode, encode_value, values_of
from algotrade.bus.dead_letters import DEAD_VALUE_BYTES_MAX, DeadLetters
from algotrade.bus.topics import ORDER_PLANE, STRATEGY_PLANE
from algotrade.domain import IntentId, NewOrder, OrderType, Side, TimeInForce
from tests.integration.runs import algotrade

LATE = NewOrder(id=IntentId(strategy="s", run="r", sequence=7, number=0), instrument=0, event_time_ns=5,
                expires_at_ns=9, side=Side.BUY, quantity=Decimal(1), order_type=OrderType.MARKET,
                time_in_force=TimeInForce.DAY)


def buried(folder, *values):
    """Bury ``values`` as if a reader of intents had met them; twice, as two readers do."""
    writer, bus = (LocalBus(folder, plane) for plane in (STRATEGY_PLANE, ORDER_PLANE))
    positions = writer.append("orders.intents", [Outgoing(b"k", value) for value in values])
    for reader in (ORDER_PLANE, "another"):
        letters = DeadLetters(bus, "orders.intents", 0, reader)
        letters.bury([(Message(at, b"k", value), Undecodable("version", "version 2"))
                      for at, value in zip(positions, values, strict=True)])
    writer.close()
    bus.close()


def test_a_dead_letter_is_replayed_once_it_can_be_read(tmp_path):
    buried(tmp_path / "bus", encode_value(Schema.INTENT, LATE), b"still no message of ours".ljust(40),
           b"x" * (DEAD_VALUE_BYTES_MAX + 1), encode(Schema.REPORT, b"x"))
    address = f"local:{tmp_path / 'bus'}"

    def replay(*words):
        return algotrade("bus", "dead", "replay", *words, "--bus", address)

    for position, why in ((1, "still does not decode: magic"), (2, "truncated"), (3, "REPORT where INTENT belongs"),
                          (99, "there is no letter")):
        refused = replay("orders.intents.dead", str(position))
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
    for topic in ("snapshots.order-plane.dead", "orders.journal.dead", "control.dead", "orders.intents", "nonsense"):
        refused = replay(topic, "0")
        assert (refused.returncode, "nothing of it is replayed" in refused.stderr) == (1, True)
    bus = LocalBus(tmp_path / "bus", ORDER_PLANE)
    assert bus.bounds("orders.intents") == (0, 4)

    in_use = replay("orders.intents.dead", "0")
    assert (in_use.returncode, "in use by a running process" in in_use.stderr) == (3, True)
    bus.close()
    done = replay("orders.intents.dead", "0")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0, "orders.intents.dead 0: orders.intents/0 position 0 -> 4"), done.stderr
    everything = replay("orders.intents.dead", "--all")
    assert everything.returncode == 1
    assert "1 replayed, 3 refused" in everything.stdout
    assert replay("orders.intents.dead").returncode == 2

    bus = LocalBus(tmp_path / "bus", None)
    for message in bus.read("orders.intents", 4, messages_max=9):
        frame = decode(message.value)
        assert (message.key, frame.is_replayed) == (b"k", True)
        assert values_of(Schema.INTENT, NewOrder)(frame) == LATE
    assert bus.bounds("orders.intents") == (0, 6)
    bus.close()
