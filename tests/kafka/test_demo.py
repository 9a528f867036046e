"""`algotrade demo` over a real broker: the fills of the local bus, byte for byte, also through kills."""

import os
from itertools import count

import pytest

from algotrade.bus.topics import PLANES
from tests.integration.runs import algotrade, demo
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import RESULTS, Drill

DRILLS = int(os.environ.get("TORTURE_DRILLS", "1"))
RUNS = count(1)


@pytest.fixture
def bus(broker):
    return f"kafka://{broker.address}/drill{next(RUNS)}"


def test_the_files_are_those_of_the_local_bus(undisturbed, ticks, bus, tmp_path):  # noqa: F811
    summary = demo(tmp_path / "out", *ticks, "--bus", bus)

    assert (summary["events_lost"], summary["events_duplicated"]) == (0, 0)
    for name in RESULTS:
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_second_run_on_the_same_cluster_starts_clean(broker, ticks, tmp_path):  # noqa: F811
    first, second = (demo(tmp_path / name, *ticks, "--bus", f"kafka://{broker.address}")
                     for name in ("first", "second"))

    assert first["fills_sha256"] == second["fills_sha256"]
    assert (first["resumed"], second["resumed"], second["events_lost"]) == (False, False, 0)


def test_a_run_that_is_not_there_cannot_be_resumed(broker, ticks, tmp_path):  # noqa: F811
    done = algotrade("demo", *ticks, "--out", tmp_path, "--resume", f"kafka://{broker.address}/never-was")

    assert done.returncode != 0
    assert "never-was holds no run to resume" in done.stderr + done.stdout


@pytest.mark.parametrize("number", range(DRILLS))
@pytest.mark.parametrize("plane", PLANES)
def test_a_killed_run_goes_on_to_the_same_files(plane, number, undisturbed, ticks, bus, tmp_path):  # noqa: F811
    Drill(plane, number).do(tmp_path / "out", ticks, undisturbed, bus)
