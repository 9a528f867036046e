"""Strangers write to every topic of a run, while planes run, are killed and go on: no crash, no other file, no silence.

What a plane meets that is not a message goes to a dead-letter topic, with who met it, why, and where it stood.
"""

from itertools import count

import pytest
from confluent_kafka import Producer

from algotrade.bus import MarketReader, MarketWriter, Outgoing, bus_at
from algotrade.bus.dead_letters import DEAD_KEY_BYTES_MAX, DEAD_VALUE_BYTES_MAX
from algotrade.bus.kafka import KafkaAccess, KafkaAddress, KafkaBus, create_topics
from algotrade.bus.kafka.records import Record
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, PLANES, STRATEGY_PLANE, TOPICS
from tests.bus.worlds import values
from tests.integration.runs import Started, algotrade
from tests.kafka.long import long
from tests.kafka.poison import CONTROL, DEAD, HEADERS, LEADERS, READ, Stranger, letters_on
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import RESULTS

RUNS = count(1)
SPEED = "600"
"""Ten seconds of data: what is put among it comes before its end, behind which nobody reads any more."""

READERS = {
    **{topic: {STRATEGY_PLANE, ORDER_PLANE} for topic in ("market.quotes", "market.trades", "market.bars")},
    "orders.intents": {ORDER_PLANE}, "orders.reports": {STRATEGY_PLANE}, "promises": set(PLANES),
}
"""Who reads what while nobody starts again. A plane reads its own topics, and its snapshots, when it starts."""


@pytest.fixture
def bus(broker):
    return f"kafka://{broker.address}/poison{next(RUNS)}"


@pytest.fixture
def stranger(bus):
    made = Stranger(bus)
    yield made
    made.close()


def assert_same_files(out, undisturbed):  # noqa: F811
    for name in RESULTS:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name


def letters_of(bus, stranger):
    """Return reader -> (topic, position) of its letters; each keeps what was there, whatever it was."""
    place = bus_at(bus, {})
    looker = place.open(None)
    try:
        letters = letters_on(looker)
    finally:
        looker.close()
    assert letters
    found = {}
    for key, letter in letters:
        assert (key, letter.partition, letter.headers) == (b"stranger", 0, HEADERS)
        assert letter.value == stranger.written[letter.topic, letter.position]
        assert letter.size_bytes == len(letter.value)
        assert letter.reason
        where = found.setdefault(letter.reader, [])
        assert (letter.topic, letter.position) not in where, f"{letter.reader} buried {letter.topic} twice"
        where.append((letter.topic, letter.position))
    return found


def assert_buried(found, stranger, readers):
    for topic, who in readers.items():
        wanted = {at for at in stranger.written if at[0] == topic}
        for reader in who:
            missing = wanted - set(found[reader])
            assert not missing, f"{topic}: {len(missing)} of {len(wanted)} are not among the letters of the {reader}"


@long
def test_a_run_among_strangers_writes_the_same_files(bus, stranger, undisturbed, ticks, tmp_path):  # noqa: F811
    run = Started(tmp_path / "out", [*ticks, "--speed", SPEED, "--bus", bus], bus)
    for moment in (1, 8_000, 20_000):
        run.wait_until_handled(DATA_PLANE, moment)
        stranger.put([*READ, *CONTROL, *DEAD])
        stranger.put(LEADERS, {"a claim to the lead that nobody follows up": b""})
    code, output = run.end()

    assert code == 0, output
    assert_same_files(tmp_path / "out", undisturbed)
    found = letters_of(bus, stranger)
    assert_buried(found, stranger, READERS)
    assert {topic for reader in PLANES for topic, _ in found[reader]} >= {*CONTROL, *READERS}


@long
@pytest.mark.parametrize("plane", PLANES)
def test_a_killed_run_among_strangers_goes_on_to_the_same_files(
        plane, bus, stranger, undisturbed, ticks, tmp_path):  # noqa: F811
    run = Started(tmp_path / "out", [*ticks, "--speed", SPEED, "--bus", bus], bus)
    run.wait_until_handled(ORDER_PLANE, 5_000)
    stranger.put([*READ, *CONTROL, *DEAD])
    run.wait_until_handled(ORDER_PLANE, 12_000)
    run.planes()[plane].kill()
    code, output = run.end()
    assert code == 5, output
    stranger.put([*READ, *CONTROL, *DEAD])

    done = algotrade("demo", "--out", tmp_path / "out", "--resume", bus, *ticks, "--speed", "max")

    assert done.returncode == 0, done.stdout + done.stderr
    assert_same_files(tmp_path / "out", undisturbed)
    found = letters_of(bus, stranger)
    met = {topic for letters in found.values() for topic, _ in letters}
    assert met >= {*READERS, *CONTROL, "orders.journal", *(f"snapshots.{name}" for name in PLANES)}
    listed = algotrade("bus", "dead", "list", "--bus", bus)
    assert listed.returncode == 0, listed.stderr
    assert "no letter" in listed.stdout


@pytest.fixture
def run_bus(bus):
    """An empty run's topics, and how to open it."""
    address = KafkaAddress.parse(bus, {})
    create_topics(address, KafkaAccess())
    opened = []

    def opener(writer):
        opened.append(KafkaBus(address, KafkaAccess(), writer, TOPICS))
        return opened[-1]

    yield opener
    for one in opened:
        one.close()


def test_retention_counts_past_strangers(run_bus, stranger):
    """A writer that starts where neither the oldest nor the newest record is its own still knows what it holds."""
    first = run_bus(STRATEGY_PLANE)
    lane = (f"{stranger.address.run}.orders.intents", 0)
    stranger.put(["orders.intents"])
    first.append("orders.intents", [Outgoing(b"k", b"v" * 67)] * 50)
    stranger.put(["orders.intents"] * 3)

    again = run_bus(STRATEGY_PLANE)
    kept = again._kept_of(TOPICS["orders.intents"], lane)
    assert (kept.kept_bytes, kept.through) == (5_000, 5_000)
    again.append("orders.intents", [Outgoing(b"k", b"v" * 67)])
    third = run_bus(STRATEGY_PLANE)
    assert third._kept_of(TOPICS["orders.intents"], lane).through == 5_100


def test_a_stranger_with_a_huge_key_and_many_headers_is_kept_in_part(run_bus, stranger):
    huge = Stranger(str(stranger.address))
    huge._appender.append([((f"{stranger.address.run}.market.quotes", 0), _huge())])
    huge.close()
    reader = run_bus(STRATEGY_PLANE)
    assert MarketReader(reader, group=STRATEGY_PLANE).poll() is None
    ((key, letter),) = letters_on(reader)
    assert (len(key), letter.key_bytes) == (DEAD_KEY_BYTES_MAX, 2 << 20)
    assert (len(letter.value), letter.size_bytes) == (DEAD_VALUE_BYTES_MAX, (1 << 20) + 5)
    assert not letter.is_whole
    assert len(letter.headers) == 6


def _huge():
    return Record(b"k" * (2 << 20), b"v" * ((1 << 20) + 5), 0,
                  headers=tuple((f"name{i}", b"h" * 10_000) for i in range(60)))


def test_the_marks_of_a_strangers_transaction_stop_nobody(run_bus, stranger):
    """They take an offset each, and no reader is ever given them: also where they are the last thing in a log."""
    for topic in ("orders.intents", "market.quotes", "promises", f"leader.{STRATEGY_PLANE}"):
        producer = Producer({"bootstrap.servers": ",".join(stranger.address.servers), "transactional.id": f"x{topic}",
                             "log_level": 0})
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(f"{stranger.address.run}.{topic}", b"stranger")
        producer.commit_transaction(30)

    orders = run_bus(ORDER_PLANE)
    low, end = orders.bounds("orders.intents")
    assert (low, end) == (0, 2)
    assert values(orders, "orders.intents") == [b"stranger"]
    assert orders.read("orders.intents", 1, messages_max=1) == []
    strategy = run_bus(STRATEGY_PLANE)
    strategy.append("orders.intents", [Outgoing(b"k", b"v")], lease=strategy.lead("orders.intents"))
    assert values(orders, "orders.intents", 2) == [b"v"]
    MarketWriter(run_bus(DATA_PLANE))
