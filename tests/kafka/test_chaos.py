"""Three brokers that fail while the planes run: the files are those of the undisturbed run."""

import signal
import threading
import time
from itertools import count, pairwise

import pytest

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator, Fetcher
from algotrade.bus.topics import ORDER_PLANE
from tests.integration.runs import Started
from tests.integration.ticks import write_quotes, write_trades
from tests.kafka.checker import check_run
from tests.kafka.figures import measured
from tests.kafka.long import long
from tests.torture.drills import RESULTS, undisturbed_run
from tools.kafka.cluster import running

pytestmark = long
RUNS = count(1)
FLOW_S_MAX = 10.0
FLOW_S_WATCHED = 25.0
SPEED = "600"
"""Times real time: 4,500 records a second for 100 s."""


@pytest.fixture(scope="module", autouse=True)
def busy():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS", "100000")
        patch.setenv("ALGOTRADE__SNAPSHOTS__RECORDS_BETWEEN", "20000")
        yield


@pytest.fixture(scope="module")
def ticks(busy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ticks")
    return ["--data", write_quotes(folder / "quotes.parquet", 300_000), "--data",
            write_trades(folder / "trades.parquet", 150_000)]


@pytest.fixture(scope="module")
def undisturbed(ticks, tmp_path_factory):
    return undisturbed_run(tmp_path_factory.mktemp("undisturbed") / "out", ticks)


@pytest.fixture(scope="module")
def brokers():
    with running(3) as cluster:
        yield cluster


def kill_each(cluster):
    """Kill -9 each broker in turn; the next one once it is back."""
    for node in (1, 2, 3):
        cluster.kill(node)
        pause(3)
        cluster.start_node(node)
        cluster.wait_ready()
        cluster.wait_in_sync()


def roll(cluster):
    """Restart each broker in order, as an upgrade does."""
    for node in (1, 2, 3):
        cluster.stop_node(node)
        cluster.start_node(node)
        cluster.wait_ready()
        cluster.wait_in_sync()


def freeze(cluster):
    """Stop one broker for 20 s; it keeps its sockets and says nothing."""
    cluster.signal(1, signal.SIGSTOP)
    pause(20)
    cluster.signal(1, signal.SIGCONT)


def all_down(cluster):
    """Kill all brokers, and start them after 20 s."""
    for node in (1, 2, 3):
        cluster.kill(node)
    pause(20)
    for node in (1, 2, 3):
        cluster.start_node(node)
    cluster.wait_ready()


def pause(seconds):
    """Let real time pass for real brokers; nothing in the test depends on how much it was."""
    threading.Event().wait(seconds)


@pytest.mark.parametrize("disturb", [kill_each, roll, freeze, all_down])
def test_brokers_fail_and_nothing_is_lost(disturb, brokers, undisturbed, ticks, tmp_path):
    bus = f"kafka://{brokers.address}/chaos{next(RUNS)}"
    run = Started(tmp_path / "out", [*ticks, "--speed", SPEED, "--bus", bus], bus)
    run.wait_until_handled(ORDER_PLANE, 5_000)

    disturb(brokers)

    code, output = run.end(timeout_s=300)
    assert code == 0, output
    for name in RESULTS:
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed / name).read_bytes(), name
    check_run(bus, tmp_path / "out")


def test_orders_flow_again_soon_after_their_broker_died(brokers, undisturbed, ticks, tmp_path):
    bus = f"kafka://{brokers.address}/chaos{next(RUNS)}"
    run = Started(tmp_path / "out", [*ticks, "--speed", SPEED, "--bus", bus], bus)
    run.wait_until_handled(ORDER_PLANE, 5_000)
    node = brokers.leader(f"{bus.rpartition('/')[2]}.orders.reports")
    killed = time.monotonic()
    brokers.kill(node)

    moments, ends = [killed], [0]

    def look(bus):
        end = bus.bounds("orders.reports")[1]
        if end > ends[-1]:
            moments.append(time.monotonic())
            ends.append(end)
        return time.monotonic() - killed > FLOW_S_WATCHED

    run.wait_until(look)
    brokers.start_node(node)
    brokers.wait_ready()
    code, output = run.end(timeout_s=300)

    assert code == 0, output
    silence_s = max(after - before for before, after in pairwise(moments))
    measured("no report after the broker of the reports died, s", silence_s)
    assert silence_s <= FLOW_S_MAX
    for name in RESULTS:
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed / name).read_bytes(), name
    check_run(bus, tmp_path / "out")


def test_who_asks_how_far_a_log_goes_hears_it_soon_after_its_leader_died(brokers):
    """Of a log that it does not read, too; and another broker answers, so that it keeps its client."""
    address = KafkaAddress.parse(f"kafka://{brokers.address}/chaos{next(RUNS)}", {})
    log = f"asked{next(RUNS)}"
    Administrator(address, KafkaAccess()).create([(log, 1, 3, {})])
    fetcher = Fetcher(address, KafkaAccess(), "asks")
    for _ in range(3):
        brokers.wait_in_sync()
        assert fetcher.bounds((log, 0)) == (0, 0)
        client, node = fetcher._consumer, brokers.leader(log)

        brokers.kill(node)
        killed = time.monotonic()
        assert fetcher.bounds((log, 0)) == (0, 0)

        silence_s = time.monotonic() - killed
        measured("no answer after the broker of a log died, s", silence_s)
        assert silence_s <= FLOW_S_MAX
        assert fetcher._consumer is client
        brokers.start_node(node)
        brokers.wait_ready()
