"""kill -9 of any plane at any moment, then `--resume`: the same final files as those of the undisturbed run.

`make torture` does many drills per plane; `make test` does one, of the same seeds.
"""

import os

import pytest

from algotrade.bus.topics import PLANES
from tests.torture.drills import Drill

DRILLS = int(os.environ.get("TORTURE_DRILLS", "1"))


@pytest.mark.parametrize("number", range(DRILLS))
@pytest.mark.parametrize("plane", PLANES)
def test_a_killed_run_goes_on_to_the_same_files(plane, number, undisturbed, ticks, tmp_path):
    Drill(plane, number).do(tmp_path / "out", ticks, undisturbed, bus="")
