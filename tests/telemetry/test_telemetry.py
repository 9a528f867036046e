import io
import json
import urllib.error
import urllib.request

import pytest

from algotrade.domain import SimulatedClock
from algotrade.telemetry import METRICS, TelemetryError, TelemetryServer, configure_log, get_log
from algotrade.telemetry.metrics import Histogram


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def state():
    return {"bus": True, "broker": True}


@pytest.fixture
def server(state):
    latency = Histogram()
    for value in (60e-6, 90e-6, 3.0):
        latency.observe(value)
    served = TelemetryServer(port=0, ready=lambda: state, samples=lambda: {
        "algotrade_records_handled_total": 12.0,
        "algotrade_orders_refused_total": {("price_collar",): 3.0},
        "algotrade_order_latency_seconds": latency,
    })
    yield served
    served.close()


def test_healthz_answers_as_long_as_the_process_does(server):
    assert get(server.port, "/healthz") == (200, "ok\n")


def test_readyz_names_what_is_missing(server, state):
    assert get(server.port, "/readyz") == (200, '{"bus": true, "broker": true}\n')
    state["broker"] = False
    assert get(server.port, "/readyz") == (503, '{"bus": true, "broker": false}\n')


def test_metrics_carry_unit_help_and_value(server):
    status, text = get(server.port, "/metrics")

    assert status == 200
    assert "# HELP algotrade_records_handled_total " + METRICS["algotrade_records_handled_total"].help in text
    assert "algotrade_records_handled_total 12.0" in text
    assert 'algotrade_orders_refused_total{reason="price_collar"} 3.0' in text
    assert 'algotrade_order_latency_seconds_bucket{le="0.0001"} 2.0' in text
    assert "algotrade_order_latency_seconds_count 3.0" in text
    assert "algotrade_ready 1.0" in text


def test_another_path_says_which_there_are(server):
    assert get(server.port, "/nope")[0] == 404


def test_a_port_in_use_is_named(server):
    with pytest.raises(TelemetryError, match=rf"metrics port {server.port} on 127.0.0.1 .*allowed: a free port, or 0"):
        TelemetryServer(port=server.port, ready=dict, samples=dict)


def test_every_metric_follows_the_naming_rules():
    for name, metric in METRICS.items():
        assert name.startswith("algotrade_")
        assert metric.help[0].isupper()
        assert name.endswith("_total") == (metric.kind == "counter")
        if metric.unit == "seconds":
            assert name.endswith("_seconds")


def test_the_log_is_one_json_object_a_line_with_the_clocks_time():
    stream = io.StringIO()
    configure_log(plane="order-plane", clock=SimulatedClock(1_381_132_800_054_321_000), stream=stream)
    get_log().info("started", port=1)
    get_log().debug("unseen")

    assert json.loads(stream.getvalue()) == {
        "event": "started", "level": "info", "plane": "order-plane", "port": 1, "time": "2013-10-07T08:00:00.054321Z"}
