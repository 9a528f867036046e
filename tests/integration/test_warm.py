"""What `algotrade warm` compiles is what the commands run: after it, nothing more is compiled."""

import os
import subprocess
import sys

import numpy as np
import pytest

from algotrade.signals import catalog
from algotrade_runners.cli.warm import warm_signal
from tests.integration.runs import algotrade
from tests.integration.ticks import write_quotes, write_trades
from tests.signals.panels import along, arrays

SIGNALS = ("rsi", "bollinger")
FIRST_USE = """
from algotrade.signals import catalog
signal = catalog["rsi"]
signal.batch([1.0, 2.0, 3.0])
signal.update(signal.state(), 1.0)
print([sum(f.stats.cache_misses.values()) for f in (signal._loops.run, signal.update)])
"""


def compiled(folder) -> set[str]:
    return {path.name for path in folder.rglob("*.nbc")}


@pytest.mark.slow
def test_after_warming_the_planes_and_signals_nothing_is_compiled_again(tmp_path):
    cache = {**os.environ, "ALGOTRADE_CACHE_DIR": str(tmp_path / "cache")}
    program = ("from algotrade_runners.cli.warm import warm_planes, warm_signal\nwarm_planes()\n"
               f"assert all(map(warm_signal, {SIGNALS}))")
    subprocess.run([sys.executable, "-c", program], check=True, env=cache)
    before = compiled(tmp_path / "cache")
    assert before

    quotes, trades = write_quotes(tmp_path / "q.parquet", 5_000), write_trades(tmp_path / "t.parquet", 5_000)
    files = ["--data", quotes, "--data", trades]
    assert algotrade("demo", "--out", tmp_path / "ticks", *files, env=cache).returncode == 0
    assert algotrade("demo", "--out", tmp_path / "bars", env=cache).returncode == 0
    for signal in SIGNALS:
        assert algotrade("signals", "plot", signal, "--out", tmp_path / "plot.html", env=cache).returncode == 0
    assert compiled(tmp_path / "cache") == before

    first = subprocess.run([sys.executable, "-c", FIRST_USE], check=True, env=cache, capture_output=True, text=True)
    assert first.stdout.split() == ["[0,", "0]"]


@pytest.mark.parametrize("name", [entry.name for entry in catalog.values() if entry.kind == "panel"])
def test_what_is_warmed_of_an_entry_of_many_symbols_is_what_panels_and_rows_run(name):
    entry, given = catalog[name], arrays(catalog[name])

    assert warm_signal(name)
    assert len(entry._run.signatures) == 1
    entry.batch(*given)
    if not entry.history:
        entry.batch(*(along(item, array, "times", 0) for item, array in zip(entry.inputs, given, strict=True)))
    entry.batch(*(array for item, array in zip(entry.inputs, given, strict=True) if item.default is None))
    for array in given:
        array.flags.writeable = False  # as pandas hands out its own
    entry.batch(*given)
    entry.batch(*(np.asfortranarray(array.astype(np.int32)) for array in given))
    assert len(entry._run.signatures) == 1
