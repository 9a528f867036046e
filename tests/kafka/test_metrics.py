"""What running planes tell of the bus over a real broker."""

import json
import urllib.request
from itertools import count

import pytest
from prometheus_client.parser import text_string_to_metric_families

from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, PLANES, STRATEGY_PLANE
from tests.integration.runs import Started
from tests.integration.ticks import write_quotes

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


@pytest.fixture
def planes(broker, tmp_path):
    """The metrics of each plane, scraped in the middle of a run that is then stopped."""
    bus = f"kafka://{broker.address}/metrics{next(RUNS)}"
    words = ["--data", write_quotes(tmp_path / "quotes.parquet", 30_000), "--speed", "200", "--bus", bus]
    run = Started(tmp_path / "out", words, bus)
    run.wait_until_handled(ORDER_PLANE, 2_000)
    found = {}
    for plane in PLANES:
        first = json.loads((tmp_path / "out" / "logs" / f"{plane}.log").read_text().splitlines()[0])
        found[plane] = scraped(first["port"])
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
        assert found["algotrade_bus_void_total"][()] == found["algotrade_bus_rebalances_total"][()] == 0
