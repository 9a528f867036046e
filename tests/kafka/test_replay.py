"""A dead letter replayed beside running planes on a real broker: an intent that comes late never trades."""

from decimal import Decimal
from itertools import count

from algotrade.bus import Message, Schema, TopicReader, Undecodable, bus_at, encode_value, values_of
from algotrade.bus.dead_letters import DeadLetters
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE
from algotrade.domain import (
    ExecType,
    ExecutionReport,
    IntentId,
    NewOrder,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from algotrade.execution.order_manager import REPLAYED_LATE
from tests.integration.runs import Started, algotrade
from tests.kafka.long import long
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures

RUNS = count(1)
# Of a strategy that the run does not have, so that its own goes on as if nothing were.
LATE = NewOrder(id=IntentId(strategy="other", run="r", sequence=7, number=0), instrument=0, event_time_ns=5,
                expires_at_ns=2**62, side=Side.BUY, quantity=Decimal(1), order_type=OrderType.MARKET,
                time_in_force=TimeInForce.DAY)


def bury(bus):
    """Put a letter among the dead as if software before ours had not been able to read an intent."""
    looker = bus_at(bus, {}).open(None)
    message = Message(10**6, b"0", encode_value(Schema.INTENT, LATE))
    DeadLetters(looker, "orders.intents", 0, ORDER_PLANE).bury([(message, Undecodable("version", "version 2"))])
    looker.close()


def late_reports(bus):
    looker = bus_at(bus, {}).open(None)
    reader = TopicReader(looker, "orders.reports", values_of(Schema.REPORT, ExecutionReport), group="test")
    found = []
    while received := reader.read(256):
        found += [one.value for one in received if one.value.reason == REPLAYED_LATE]
    looker.close()
    return found


def replay(bus):
    done = algotrade("bus", "dead", "replay", "orders.intents.dead", "0", "--bus", bus)
    assert done.returncode == 0, done.stderr
    assert "1 replayed, 0 refused" in done.stdout


@long
def test_a_late_intent_expires_while_planes_run_are_killed_and_start_again(
        broker, undisturbed, ticks, tmp_path):  # noqa: F811
    bus, out = f"kafka://{broker.address}/replay{next(RUNS)}", tmp_path / "out"
    run = Started(out, [*ticks, "--speed", "150", "--bus", bus], bus)
    run.wait_until_handled(DATA_PLANE, 3_000)
    bury(bus)
    replay(bus)
    run.wait_until_handled(ORDER_PLANE, 15_000)
    (first,) = late_reports(bus)
    assert (first.exec_type, first.status, first.intent_id) == (ExecType.EXPIRED, OrderStatus.EXPIRED, LATE.id)
    replay(bus)
    run.planes()[ORDER_PLANE].kill()
    assert run.end()[0] == 5

    done = algotrade("demo", "--out", out, "--resume", bus, *ticks, "--speed", "max")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(late_reports(bus)) == {first}
    assert len(late_reports(bus)) >= 2
    replay(bus)
    done = algotrade("demo", "--out", out, "--resume", bus, *ticks, "--speed", "max")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(late_reports(bus)) == {first}
    assert len(late_reports(bus)) >= 3
    for name in ("fills.csv", "positions.csv"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name
    orders = (out / "orders.csv").read_text().splitlines()
    assert sum(REPLAYED_LATE in line for line in orders) == 1
