"""The network between the planes and a broker is cut while they run: the files are those of the undisturbed run."""

import logging
import tempfile
import threading
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from algotrade.bus import BusUnreachable, TopicUnknown
from algotrade.bus.kafka import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator, Fetcher
from algotrade.bus.kafka.client.errors import UNKNOWN, asked
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


@pytest.mark.parametrize(("kind", "seconds"), [
    ("half_open", 5), *(pytest.param(kind, 5, marks=long) for kind in ("reset", "black_hole")),
    *(pytest.param(kind, 20, marks=long) for kind in CUTS)])
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

    def ask():
        raise KafkaException(KafkaError(code))

    with pytest.raises(TopicUnknown, match=r"missing: .*algotrade bus create"):
        asked("missing", ask, 0.0, client)
    with pytest.raises(BusUnreachable, match=rf"{there}: .*no broker said so"):
        asked(there, ask, 0.0, client)
    with pytest.raises(BusUnreachable, match=r"missing: .*no broker said so"):
        asked("missing", ask, 0.0)
    cut_off.reset()
    try:
        with pytest.raises(BusUnreachable, match=r"missing: .*no broker said so"):
            asked("missing", ask, 0.0, client)
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
