"""Planes of `algotrade demo` over a real broker are killed with kill -9: the run goes on to the same files."""

import os
from itertools import count

import pytest

from algotrade.bus.topics import PLANES
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import Drill

DRILLS = int(os.environ.get("TORTURE_DRILLS", "1"))
RUNS = count(1)


@pytest.fixture
def bus(broker):
    return f"kafka://{broker.address}/drill{next(RUNS)}"


@pytest.mark.parametrize("number", range(DRILLS))
@pytest.mark.parametrize("plane", PLANES)
def test_a_killed_run_goes_on_to_the_same_files(plane, number, undisturbed, ticks, bus, tmp_path):  # noqa: F811
    Drill(plane, number).do(tmp_path / "out", ticks, undisturbed, bus)
