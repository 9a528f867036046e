"""The network between the planes and a broker is cut while they run: the files are those of the undisturbed run."""

import logging
import tempfile
import threading
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from algotrade.bus import BusUnreachable, TopicUnknown
from algotrade.bus.kafka import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import LOOK_S_MAX, Administrator, Appender, Fetcher, Seats, lifeline
from algotrade.bus.kafka.client.errors import UNKNOWN, asked
from algotrade.bus.kafka.records import Record
from algotrade.bus.topics import ORDER_PLANE, PLANES
from algotrade_runners.host import EXIT_WORLD
from tests.integration.holes import EXIT_PLANE_DIED, events, resumed
from tests.integration.runs import Started
from tests.kafka.long import long
from tests.kafka.proxy import Proxy
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import RESULTS
from tools.kafka.cluster import Cluster

RUNS = count(1)
SPEED = "200"
"""Times real time: 1,500 records a second for 30 s."""

PATIENCE_S_MAX = 75
"""Longer than any plane waits for the cluster."""


@pytest.fixture(scope="module")
def cut_off():
    """A broker that clients reach through a proxy only."""
    proxy = Proxy()
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        cluster = Cluster(Path(folder), advertised=proxy.address)
        proxy.upstream = cluster.address
        try:
            cluster.start()
            cluster.wait_ready()
            yield proxy
        finally:
            cluster.stop()
            proxy.close()


@pytest.fixture
def bus(cut_off):
    return f"kafka://{cut_off.address}/network{next(RUNS)}"


def pause(seconds):
    """Let real time pass for real sockets; nothing in the test depends on how much it was."""
    threading.Event().wait(seconds)


def started(out, ticks, bus):  # noqa: F811
    run = Started(out, [*ticks, "--speed", SPEED, "--bus", bus], bus)
    run.wait_until_handled(ORDER_PLANE, 3_000)
    return run


def assert_same(out, undisturbed):  # noqa: F811
    for name in RESULTS:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name


CUTS = {"reset": (Proxy.reset, False), "black_hole": (Proxy.black_hole, False), "half_open": (Proxy.black_hole, True)}


@long
@pytest.mark.parametrize("seconds", [5, 20])
@pytest.mark.parametrize("kind", CUTS)
def test_a_cut_is_got_over(kind, seconds, cut_off, bus, undisturbed, ticks, tmp_path):  # noqa: F811
    """Half open: the broker's side of the old connections is gone, and nobody says so."""
    cut, forgets = CUTS[kind]
    run = started(tmp_path, ticks, bus)

    cut(cut_off)
    pause(seconds)
    cut_off.heal(forgets=forgets)

    code, output = run.end()
    assert code == 0, output
    assert_same(tmp_path, undisturbed)


@pytest.mark.parametrize("code", sorted(UNKNOWN - {KafkaError.UNKNOWN_TOPIC_OR_PART}))
def test_only_a_broker_says_that_a_topic_is_missing(code, cut_off):
    """A client that was cut off calls a topic unknown that it has only not heard of again (observed)."""
    client = AdminClient({"bootstrap.servers": cut_off.address, "logger": logging.getLogger("silent")})
    there = f"there{next(RUNS)}"
    client.create_topics([NewTopic(there, 1, 1)])[there].result()
    look = partial(client.list_topics, timeout=LOOK_S_MAX)

    def ask():
        raise KafkaException(KafkaError(code))

    with pytest.raises(TopicUnknown, match=r"missing: .*algotrade bus create"):
        asked("missing", ask, 0.0, look)
    with pytest.raises(BusUnreachable, match=rf"{there}: .*no broker said so"):
        asked(there, ask, 0.0, look)
    with pytest.raises(BusUnreachable, match=r"missing: .*no broker said so"):
        asked("missing", ask, 0.0)
    cut_off.reset()
    try:
        with pytest.raises(BusUnreachable, match=r"missing: .*no broker said so"):
            asked("missing", ask, 0.0, look)
    finally:
        cut_off.heal()


def test_a_topic_that_is_deleted_while_it_is_read_is_missing(cut_off):
    address = KafkaAddress.parse(f"kafka://{cut_off.address}/network{next(RUNS)}", {})
    administrator, fetcher = Administrator(address, KafkaAccess()), Fetcher(address, KafkaAccess(), "reader")
    administrator.create([("doomed", 1, 1, {})])
    assert fetcher.bounds(("doomed", 0)) == (0, 0)

    administrator.delete(["doomed"])

    def read_on():
        for _ in range(PATIENCE_S_MAX):  # the broker goes on answering until it has heard of it
            assert fetcher.bounds(("doomed", 0)) == (0, 0)
            pause(1)

    with pytest.raises(TopicUnknown, match="doomed: "):
        read_on()
    fetcher.close()


def until(found):
    """Return what ``found`` gives once it gives something."""
    for _ in range(PATIENCE_S_MAX * 10):
        if what := found():
            return what
        pause(0.1)
    raise AssertionError(f"{found} in {PATIENCE_S_MAX} s")


@pytest.fixture
def impatient(monkeypatch):
    """Clients are given up as soon as they have told that they have no connection."""
    monkeypatch.setattr(lifeline, "LOST_S", 0.0)


@pytest.fixture
def topic(cut_off):
    """A topic of two partitions, its name and who may write to it: (name, address, append)."""
    address = KafkaAddress.parse(f"kafka://{cut_off.address}/network{next(RUNS)}", {})
    name = f"{address.run}.numbers"
    Administrator(address, KafkaAccess()).create([(name, 2, 1, {})])

    def append(partition, numbers):
        appender = Appender(address, KafkaAccess())
        appender.append([((name, partition), Record(b"", b"%d" % number, 0)) for number in numbers])
        appender.close()

    return name, address, append


def test_a_reader_that_lost_its_cluster_goes_on_with_a_new_client_where_it_was(cut_off, topic, impatient):
    name, address, append = topic
    fetcher = Fetcher(address, KafkaAccess(), "reader", is_polled=True)
    read = {0: [], 1: []}

    def fetch():
        for (_, partition), record in fetcher.fetch(0.05):
            read[partition].append(int(record.value))

    append(0, range(10))
    append(1, range(5))
    for partition in read:
        fetcher.assign((name, partition), 0)
    until(lambda: fetch() or (len(read[0]), len(read[1])) == (10, 5))
    fetcher.pause((name, 1))
    first = fetcher._consumer

    cut_off.reset()
    until(lambda: fetch() or fetcher._consumer is not first)
    cut_off.heal()
    append(1, range(5, 7))
    append(0, range(10, 20))
    until(lambda: fetch() or len(read[0]) == 20)
    assert fetcher.bounds((name, 1)) == (0, 7)
    assert read == {0: [*range(20)], 1: [*range(5)]}, "what is paused stays so"

    fetcher.resume((name, 1))
    until(lambda: fetch() or len(read[1]) == 7)
    assert read == {0: [*range(20)], 1: [*range(7)]}
    fetcher.close()


def test_a_question_is_answered_by_a_new_client_where_the_old_one_is_lost(cut_off, topic, impatient):
    """Nothing is read meanwhile, so that only the question tells."""
    name, address, append = topic
    append(0, range(3))
    cut_off.reset()
    fetcher = Fetcher(address, KafkaAccess(), "reader")
    first = fetcher._consumer
    healing = threading.Timer(6.0, cut_off.heal)
    healing.start()
    assert fetcher.bounds((name, 0)) == (0, 3)
    healing.join()
    assert fetcher._consumer is not first
    fetcher.close()


def test_a_member_that_lost_its_cluster_gives_up_its_seats_and_joins_anew(cut_off, topic, impatient):
    name, address, _ = topic
    seats = Seats(address, KafkaAccess(), "members", name)
    assert until(lambda: seats.look(0.05) and dict(seats.held)) == {0: 1, 1: 1}

    cut_off.reset()
    until(lambda: not seats.look(0.05))
    cut_off.heal()
    assert until(lambda: len(seats.look(0.05)) == 2 and dict(seats.held)) == {0: 2, 1: 2}, "given anew"
    seats.close()


def test_who_watches_a_cluster_that_it_lost_hears_it_again(cut_off, topic, impatient):
    name, address, _ = topic
    administrator = Administrator(address, KafkaAccess())
    assert administrator.answers(name)
    first = administrator._admin

    cut_off.reset()
    assert not administrator.answers(name)
    assert not administrator.answers(name)
    cut_off.heal()
    until(lambda: administrator.answers(name))
    assert administrator._admin is not first


@long
@pytest.mark.parametrize("cut", [Proxy.reset, Proxy.black_hole], ids=["reset", "black_hole"])
def test_a_cut_longer_than_patience_ends_the_run_and_loses_nothing(
        cut, cut_off, bus, undisturbed, ticks, tmp_path):  # noqa: F811
    run = started(tmp_path, ticks, bus)

    cut(cut_off)
    pause(PATIENCE_S_MAX)
    cut_off.heal()

    code, output = run.end()
    assert code == EXIT_PLANE_DIED, output
    assert f"ended with exit code {EXIT_WORLD}" in output
    stopped = [event["kind"] for plane in PLANES for event in events(tmp_path, plane, "stopped_by_the_world")]
    assert set(stopped) == {"BusUnreachable"}
    code, output = resumed(tmp_path, ticks, bus)
    assert code == 0, output
    assert_same(tmp_path, undisturbed)
