"""A kernel's disk cache notices an edit in another file; numba's own does not."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = "import caller; print(caller.twice(3.0), caller.twice.stats.cache_hits.total())"


def run(folder: Path, cache: Path) -> tuple[float, int]:
    out = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM], cwd=folder, check=True, capture_output=True, text=True,
        env={**os.environ, "ALGOTRADE_CACHE_DIR": str(cache)},
    ).stdout.split()
    return float(out[0]), int(out[1])


def test_an_edit_of_a_callee_in_another_file_is_seen(tmp_path):
    (tmp_path / "callee.py").write_text("from algotrade.jit import jit\n@jit\ndef scale(x):\n    return 2.0 * x\n")
    (tmp_path / "caller.py").write_text(
        "from algotrade.jit import jit\nfrom callee import scale\n@jit\ndef twice(x):\n    return scale(x)\n")
    cache = tmp_path / "cache"
    assert run(tmp_path, cache) == (6.0, 0)
    assert run(tmp_path, cache) == (6.0, 1)

    (tmp_path / "callee.py").write_text("from algotrade.jit import jit\n@jit\ndef scale(x):\n    return 5.0 * x\n")

    assert run(tmp_path, cache) == (15.0, 0)
