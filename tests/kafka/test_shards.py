"""Several data planes and strategy planes share the instruments out: the files are those of one of each."""

import random
import signal
import threading
from itertools import count

import pytest

from algotrade.bus.kafka import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Seats
from algotrade.bus.kafka.names import candidates
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, STRATEGY_PLANE
from tests.integration.runs import Started, algotrade, demo
from tests.integration.ticks import write_quotes
from tests.kafka.checker import check_market, check_run
from tests.kafka.long import long
from tests.torture.drills import RESULTS

RUNS = count(1)
SHARDS = 3
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")
REBALANCES = 20
REBALANCE_S = 3.0


@pytest.fixture(scope="module", autouse=True)
def busy():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS", "20000")
        patch.setenv("ALGOTRADE__SNAPSHOTS__RECORDS_BETWEEN", "5000")
        yield


@pytest.fixture(scope="module")
def ticks(busy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ticks")
    files = [write_quotes(folder / f"{symbol}.parquet", 15_000, seed, symbol) for seed, symbol in enumerate(SYMBOLS)]
    return [word for file in files for word in ("--data", file)]


@pytest.fixture(scope="module")
def unshared(ticks, tmp_path_factory):
    out = tmp_path_factory.mktemp("unshared") / "out"
    assert demo(out, *ticks)["fills"] > 100
    return out


@pytest.fixture
def bus(broker):
    return f"kafka://{broker.address}/shards{next(RUNS)}"


def check(bus, out, unshared):
    for name in RESULTS:
        assert (out / name).read_bytes() == (unshared / name).read_bytes(), name
    check_run(bus, out, SHARDS)
    check_market(bus, SHARDS, len(SYMBOLS) * 15_000)


def test_three_of_each_make_what_one_of_each_makes(bus, ticks, unshared, tmp_path):
    summary = demo(tmp_path / "out", *ticks, "--bus", bus, "--shards", str(SHARDS))

    assert (summary["events_lost"], summary["events_duplicated"]) == (0, 0)
    check(bus, tmp_path / "out", unshared)


@long
def test_the_shards_of_a_killed_process_go_to_the_others(bus, ticks, unshared, tmp_path):
    run = Started(tmp_path / "out", [*ticks, "--bus", bus, "--shards", str(SHARDS), "--speed", "100"], bus)
    run.wait_until_handled(ORDER_PLANE, 10_000)
    planes = run.planes()
    planes[DATA_PLANE].kill()
    planes[STRATEGY_PLANE].kill()

    code, output = run.end()
    assert code == 0, output
    check(bus, tmp_path / "out", unshared)


def test_a_run_keeps_its_shards(bus, ticks, tmp_path):
    run = Started(tmp_path / "out", [*ticks, "--bus", bus, "--shards", "2", "--speed", "100"], bus)
    run.wait_until_handled(ORDER_PLANE, 1_000)
    run.process.send_signal(signal.SIGINT)
    assert run.end()[0] == 130

    done = algotrade("bus", "create", "--bus", bus, "--shards", "3")

    assert done.returncode != 0
    assert "has 2 shards; allowed: 2, or a new run" in done.stdout + done.stderr


@long
def test_shards_that_are_dealt_out_anew_twenty_times_in_a_minute(bus, ticks, unshared, tmp_path):
    """Strangers to the work join each group and leave it again: what they are dealt stands still, and then moves on."""
    run = Started(tmp_path / "out", [*ticks, "--bus", bus, "--shards", str(SHARDS), "--speed", "60"], bus)
    run.wait_until_handled(ORDER_PLANE, 2_000)
    address, chance = KafkaAddress.parse(bus, {}), random.Random(1)  # noqa: S311 -- a drill, no secret
    members = {DATA_PLANE: [], STRATEGY_PLANE: []}
    for _ in range(REBALANCES):
        plane = chance.choice(list(members))
        if members[plane]:
            members[plane].pop().close()
        else:
            members[plane].append(Seats(address, KafkaAccess(), *candidates(address.run, plane)))
        look(members, REBALANCE_S)
    for seats in (*members[DATA_PLANE], *members[STRATEGY_PLANE]):
        seats.close()

    code, output = run.end(timeout_s=240)
    assert code == 0, output
    check(bus, tmp_path / "out", unshared)


def look(members, seconds):
    """Be a living member of the groups for so long."""
    waiting = threading.Event()
    for _ in range(int(seconds / 0.1)):
        for seats in (*members[DATA_PLANE], *members[STRATEGY_PLANE]):
            seats.look()
        waiting.wait(0.1)
