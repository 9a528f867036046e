"""Messages that are missing from a cluster's log are told, or published again; nothing goes on as if they had been."""

import os
import tempfile
from itertools import count
from pathlib import Path

import pytest

from algotrade.bus import open_bus
from algotrade.bus.kafka import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator
from algotrade.bus.topics import DATA_PLANE, MARKET_QUOTES, ORDER_PLANE, PLANES, STRATEGY_PLANE
from algotrade_runners.host import EXIT_WORLD
from tests.integration.holes import EXIT_PLANE_DIED, HANDLED, assert_refused, events, killed_run, resumed
from tests.integration.runs import Started
from tests.kafka.long import long
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import RESULTS
from tools.kafka.cluster import running

RUNS = count(1)


@pytest.fixture
def bus(broker):
    return f"kafka://{broker.address}/holes{next(RUNS)}"


def delete_quotes(bus, keep):
    """Delete all but the last ``keep`` quote messages, as somebody's hand may; return where the log begins then."""
    looking = open_bus(bus, None, {})
    try:
        begins = looking.bounds(MARKET_QUOTES)[1] - keep
    finally:
        looking.close()
    address = KafkaAddress.parse(bus, {})
    Administrator(address, KafkaAccess()).delete_records((f"{address.run}.{MARKET_QUOTES}", 0), begins)
    return begins


@long
def test_a_snapshot_older_than_the_log_is_refused(ticks, bus, tmp_path):  # noqa: F811
    killed_run(tmp_path, ticks, bus)
    begins = delete_quotes(bus, keep=1)

    assert_refused(tmp_path, *resumed(tmp_path, ticks, bus), MARKET_QUOTES, begins)


def test_a_running_plane_whose_input_is_deleted_under_it_ends_and_says_so(ticks, bus, tmp_path):  # noqa: F811
    run = Started(tmp_path, [*ticks, "--speed", "300", "--bus", bus], bus)
    run.wait_until_handled(ORDER_PLANE, 3_000)
    strategy = run.planes()[STRATEGY_PLANE]
    strategy.suspend()
    run.wait_until_handled(DATA_PLANE, 20_000)
    begins = delete_quotes(bus, keep=0)
    strategy.resume()

    code, output = run.end()
    assert code == EXIT_PLANE_DIED, output
    assert f"the {STRATEGY_PLANE} ended with exit code {EXIT_WORLD}" in output
    (hole,) = events(tmp_path, STRATEGY_PLANE, "log_hole")
    assert (hole["level"], hole["topic"], hole["partition"], hole["to"]) == ("error", MARKET_QUOTES, 0, begins)
    assert 0 < hole["from"] < begins
    (stopped,) = events(tmp_path, STRATEGY_PLANE, "stopped_by_the_world")
    assert stopped["kind"] == "PositionGone"
    assert "deleted before it was read" in stopped["error"]


@pytest.fixture
def own_broker():
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder, running(folder=Path(folder)) as cluster:
        yield cluster, Path(folder)


@long
def test_a_market_log_that_loses_its_tail_ends_the_run_and_is_published_again(
        own_broker, undisturbed, ticks, tmp_path):  # noqa: F811
    """What a loss of power does to brokers that had not flushed: the other logs have what came after it."""
    cluster, folder = own_broker
    bus = f"kafka://{cluster.address}/power"
    run = Started(tmp_path, [*ticks, "--speed", "300", "--bus", bus], bus)
    run.wait_until_handled(ORDER_PLANE, HANDLED)
    cluster.kill(1)
    (segment,) = (folder / "1" / "data" / f"power.{MARKET_QUOTES}-0").glob("*.log")
    os.truncate(segment, segment.stat().st_size // 3)
    cluster.start_node(1)
    cluster.wait_ready()

    code, output = run.end()
    assert code == EXIT_PLANE_DIED, output
    stopped = [event for plane in PLANES for event in events(tmp_path, plane, "stopped_by_the_world")]
    assert {event["kind"] for event in stopped} == {"LogShortened"}, output
    assert "there is no" in stopped[0]["error"]

    code, output = resumed(tmp_path, ticks, bus)
    assert code == 0, output
    (hole,) = [hole for hole in events(tmp_path, DATA_PLANE, "log_hole") if "then" in hole]
    assert (hole["topic"], hole["then"]) == (MARKET_QUOTES, "the feed is read again from its beginning")
    for name in RESULTS:
        assert (tmp_path / name).read_bytes() == (undisturbed / name).read_bytes(), name
