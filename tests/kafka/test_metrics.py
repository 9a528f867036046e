"""What running planes tell of the bus over a real broker."""

import json
import signal
import threading
import urllib.error
import urllib.request
from itertools import count

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from algotrade.bus.kafka.watch import UNREACHABLE_S
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, PLANES, STRATEGY_PLANE
from tests.integration.runs import Started
from tests.integration.ticks import write_quotes
from tools.kafka.cluster import running

RUNS = count(1)

INPUTS = {
    DATA_PLANE: set(),
    STRATEGY_PLANE: {"market.quotes", "market.trades", "market.bars", "orders.reports"},
    ORDER_PLANE: {"market.quotes", "market.trades", "market.bars", "orders.intents"},
}


def scraped(port):
    """Return what a plane exports: name -> value by label values, in the order of the labels' names."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def port(out, plane):
    """Return where a plane of a started run answers."""
    return json.loads((out / "logs" / f"{plane}.log").read_text().splitlines()[0])["port"]


@pytest.fixture
def planes(broker, tmp_path):
    """The metrics of each plane, scraped in the middle of a run that is then stopped."""
    bus = f"kafka://{broker.address}/metrics{next(RUNS)}"
    words = ["--data", write_quotes(tmp_path / "quotes.parquet", 30_000), "--speed", "200", "--bus", bus]
    run = Started(tmp_path / "out", words, bus)
    run.wait_until_handled(ORDER_PLANE, 2_000)
    found = {plane: scraped(port(tmp_path / "out", plane)) for plane in PLANES}
    run.interrupt()
    assert run.end(timeout_s=20)[0] == 130
    return found


def test_running_planes_tell_of_their_bus(planes):
    for plane, found in planes.items():
        lags = found.get("algotrade_bus_lag_messages", {})
        assert {topic for _, topic in lags} == INPUTS[plane]
        assert all(0 <= lag < 2_000 for lag in lags.values()), lags
        seconds = found.get("algotrade_bus_lag_seconds", {})
        assert seconds.keys() == lags.keys()
        assert all(0 <= age < 10 for age in seconds.values()), seconds
        for idle in {"market.trades", "market.bars"} & INPUTS[plane]:
            assert (lags["0", idle], seconds["0", idle]) == (0, 0)
        assert found["algotrade_bus_append_latency_seconds_count"][()] > 0
        assert 0 < found["algotrade_bus_append_latency_seconds_sum"][()] < 60
        assert 0 <= found["algotrade_bus_undelivered"]["records",] < 1_000
        assert (found["algotrade_bus_epoch"][()] > 0) == (plane != DATA_PLANE)
        assert found["algotrade_bus_void_total"][()] == 0
        assert found["algotrade_bus_rebalances_total"][()] == 1


READY_S_MAX = 60


@pytest.fixture
def own_broker():
    with running() as cluster:
        yield cluster


def readiness(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def seconds_until(ready):
    """Return how long it took until ``ready`` said so."""
    waited_s = 0.0
    while not ready():
        assert waited_s < READY_S_MAX
        waited_s += 0.2
        threading.Event().wait(0.2)
    return waited_s


def test_a_plane_is_not_ready_while_the_cluster_is_silent(own_broker, tmp_path):
    """A broker that stands still keeps its connections: nothing but the missing answers tells."""
    bus = f"kafka://{own_broker.address}/silent"
    words = ["--data", write_quotes(tmp_path / "quotes.parquet", 90_000), "--speed", "60", "--bus", bus]
    run = Started(tmp_path / "out", words, bus)
    run.wait_until_handled(ORDER_PLANE, 500)
    ports = [port(tmp_path / "out", plane) for plane in PLANES]
    assert all(readiness(one) == (200, readiness(one)[1]) for one in ports)

    own_broker.signal(1, signal.SIGSTOP)
    assert UNREACHABLE_S - 3 < seconds_until(lambda: all(readiness(one)[0] == 503 for one in ports)) < 25
    for one in ports:
        status = readiness(one)[1]
        assert [name for name, is_there in status.items() if not is_there] == ["bus"]
        found = scraped(one)
        assert found["algotrade_bus_silent_seconds"][()] >= UNREACHABLE_S
        assert found["algotrade_ready"][()] == 0
    own_broker.signal(1, signal.SIGCONT)
    seconds_until(lambda: all(readiness(one)[0] == 200 for one in ports))
    errors = {name for one in ports for name, in scraped(one).get("algotrade_bus_errors_total", {})}
    assert errors & {"_TIMED_OUT", "_TRANSPORT", "_ALL_BROKERS_DOWN"}, errors

    handled = scraped(ports[-1])["algotrade_records_handled_total"][()]
    seconds_until(lambda: scraped(ports[-1])["algotrade_records_handled_total"][()] > handled)
    assert all(process.status() != psutil.STATUS_ZOMBIE for process in run.planes().values())
    run.interrupt()
    assert run.end(timeout_s=20)[0] == 130
