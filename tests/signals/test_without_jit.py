import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np

from tests.signals.interpreted import results

ROOT = Path(__file__).resolve().parents[2]

# Our `tests` is a folder without __init__, and a package of that name in site-packages would go before it.
PROGRAM = """
import runpy, sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = ["tests"]
runpy.run_module("tests.signals.interpreted", run_name="__main__")
"""


def test_interpreted_signals_read_nothing_out_of_range_and_find_the_same_to_the_last_bit(tmp_path):
    """Compiled code reads out of range without a word; the interpreter raises IndexError there.

    The one has rings as long as its windows, the other ones of the default capacity: which changes nothing either.
    """
    run = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", PROGRAM, str(tmp_path / "found.npz")], check=False,
        capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT / "libs")},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert not numba.config.DISABLE_JIT, "this process shall be the compiled one"

    compiled = results(at_capacity=False)
    with np.load(tmp_path / "found.npz") as interpreted:
        assert set(interpreted) == set(compiled)
        for name, values in compiled.items():
            np.testing.assert_array_equal(interpreted[name], values, err_msg=name)
