import json
import os
import subprocess
import sys
from pathlib import Path

import numba

from tests.strategy.digests import digests

ROOT = Path(__file__).resolve().parents[2]

# Our `tests` is a folder without __init__, and a package of that name in site-packages would go before it.
PROGRAM = """
import json, sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = ["tests"]
from tests.strategy.digests import digests
print(json.dumps(digests()))
"""


def test_interpreted_kernels_find_the_same_to_the_last_bit():
    """Compiled code reads out of range without a word; the interpreter raises IndexError there."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", PROGRAM], check=True, capture_output=True, text=True,
        cwd=ROOT, env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT / "libs")},
    )

    assert not numba.config.DISABLE_JIT, "this process shall be the compiled one"
    assert json.loads(run.stdout) == digests()
