"""The memory of a replay does not grow with its files: measured in a process of its own."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from tests.feeds.market_files import MINUTE_NS, START_NS, write_parquet
from tests.shared_data import ROOT

SYMBOLS = 60
ROWS = 2_400_000

PROGRAM = """
import json, psutil, sys
from pathlib import Path
from algotrade.domain import Instrument, Instruments
from algotrade.feeds import QualityGate, QualityRules, ReplayFeed

resident = psutil.Process().memory_info

def replayed(path):
    known = Instruments(Instrument(id=i, symbol=f"S{i:02}") for i in range(int(sys.argv[3])))
    before = resident().rss
    feed, gate, records = ReplayFeed([Path(path)], known), QualityGate(known, QualityRules(), {}), 0
    most = resident().rss
    while (batch := feed.read()) is not None:
        records += len(batch)
        gate.check(batch)
        most = max(most, resident().rss)
    feed.close()
    return records, most - before

print(json.dumps([replayed(path) for path in sys.argv[1:3]]))
"""


def bars(path, rows, order):
    """Write ``rows`` bars of all symbols, which as records take 80 bytes each."""
    each = rows // SYMBOLS
    numbers, minutes = np.repeat(np.arange(SYMBOLS), each), np.tile(np.arange(each), SYMBOLS)
    if order == "time":
        numbers, minutes = np.tile(np.arange(SYMBOLS), each), np.repeat(np.arange(each), SYMBOLS)
    prices = 100.0 + np.random.default_rng(1).integers(0, 50, len(numbers)) / 100
    symbols = pa.DictionaryArray.from_arrays(numbers.astype(np.int32), [f"S{i:02}" for i in range(SYMBOLS)])
    return write_parquet(path, {
        "ts_event": START_NS + minutes * MINUTE_NS, "symbol": symbols,
        **dict.fromkeys(("open", "high", "low", "close"), prices), "volume": numbers},
        use_dictionary=["symbol"], row_group_size=200_000)


@pytest.mark.parametrize("order", ["time", "symbol, time"])
def test_four_times_the_rows_take_no_more_memory(tmp_path, order):
    small, large = bars(tmp_path / "small.parquet", ROWS // 4, order), bars(tmp_path / "large.parquet", ROWS, order)

    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(small), str(large), str(SYMBOLS)], check=True, capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "libs"), "TMPDIR": str(tmp_path)})

    (few, _), (many, grown_bytes) = json.loads(run.stdout)
    assert (few, many) == (ROWS // 4, ROWS)
    # As records the large file takes 192 MB; the slack of arrow's pool and of the allocator comes and goes (20 to 50).
    assert grown_bytes < 90e6
    assert {path.name for path in tmp_path.iterdir()} == {"small.parquet", "large.parquet"}
