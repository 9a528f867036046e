"""A kernel's disk cache notices an edit in another file; numba's own does not."""

import os
import subprocess
import sys
from pathlib import Path

from algotrade import jit

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


def test_old_generations_are_dropped_and_none_that_is_in_use(tmp_path):
    hour, newest_s = 3_600, 1_790_000_000
    ages_s = [0, 60, *(k * hour for k in range(2, 12))]
    for age_s in ages_s:
        folder = tmp_path / f"{age_s}"
        folder.mkdir()
        os.utime(folder, (newest_s - age_s, newest_s - age_s))
    busy = [tmp_path / f"busy {k}" for k in range(8)]
    for folder in busy:
        folder.mkdir()
        os.utime(folder, (newest_s - hour / 2, newest_s - hour / 2))

    jit._prune(tmp_path)

    assert sorted(tmp_path.iterdir()) == sorted([*busy, tmp_path / "0", tmp_path / "60"])
    for folder in busy:
        folder.rmdir()
    for k in range(9):
        (tmp_path / f"old {k}").mkdir()
        os.utime(tmp_path / f"old {k}", (newest_s - (9 + k) * hour, newest_s - (9 + k) * hour))
    jit._prune(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["0", "60", "old 0", "old 1", "old 2", "old 3"]
