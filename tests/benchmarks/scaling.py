"""What a quote costs each plane over Kafka, by the number of shards: the measured points of docs/SCALING.md.

On one small machine more processes are no faster; what can be measured is the processor time that each of them takes
for a quote, and how it grows. The arithmetic for larger sites starts from there.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, PLANES, STRATEGY_PLANE
from tests.benchmarks.table import Row, show
from tests.integration.runs import Started
from tools.kafka.cluster import running

INSTRUMENTS = 200
BROKER = "broker"
# Shards, quotes, quotes per second (0: as fast as possible).
POINTS = ((1, 1_500_000, 0), (2, 1_500_000, 0), (3, 1_500_000, 0), (1, 100_000, 5_000), (3, 100_000, 5_000))


def ticks(folder: Path, quotes: int, per_second: int) -> Path:
    """Write quotes of ``INSTRUMENTS`` symbols in turn, at an even pace."""
    rng = np.random.default_rng(7)
    number = np.arange(quotes) % INSTRUMENTS
    bid = np.round(100 + number + np.cumsum(rng.integers(-1, 2, quotes)) * 0.01, 2)
    target = folder / "quotes.parquet"
    pq.write_table(pa.table({
        "ts_event": 1_381_154_400 * 10**9 + np.arange(quotes) * (10**9 // (per_second or 5_000)),
        "symbol": pa.DictionaryArray.from_arrays(pa.array(number.astype(np.int32)), [f"S{i}" for i in range(200)]),
        "bid": bid, "ask": np.round(bid + 0.01, 2), "bid_size": rng.integers(1, 20, quotes) * 100,
        "ask_size": rng.integers(1, 20, quotes) * 100,
    }), target)
    return target


def spent_s(run: Started) -> dict[str, float]:
    """Return the processor time that the planes' processes and the broker have taken so far, by plane."""
    spent: dict[str, float] = dict.fromkeys((*PLANES, BROKER), 0.0)
    for process in (*psutil.Process(run.process.pid).children(), *psutil.Process().children()):
        words, times = process.cmdline(), process.cpu_times()
        name = next((plane for plane in PLANES if "run" in words and plane in words),
                    BROKER if words and words[0].endswith("java") else "")
        if name:
            spent[name] += times.user + times.system
    return spent


def point(servers: str, shards: int, quotes: int, per_second: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder, bus = Path(name), f"kafka://{servers}/scale-{shards}-{per_second}"
        run = Started(folder / "out", ["--data", ticks(folder, quotes, per_second), "--speed",
                                       "1" if per_second else "max", "--bus", bus, "--shards", str(shards)], bus)
        first, last = quotes // 10, quotes * 9 // 10
        run.wait_until_handled(DATA_PLANE, first)
        before = spent_s(run)
        # Each plane is looked at when it has handled the same stretch.
        after: dict[str, float] = {}
        for plane in (DATA_PLANE, STRATEGY_PLANE, ORDER_PLANE):
            run.wait_until_handled(plane, last)
            after[plane] = spent_s(run)[plane]
        after[BROKER] = spent_s(run)[BROKER]
        code, output = run.end(timeout_s=300)
        assert code == 0, output
    pace = f"{per_second:,} quotes/s" if per_second else "full speed"
    costs = ", ".join(f"{plane} {(after[plane] - before[plane]) / (last - first) * 1e6:.2f}"
                      for plane in (*PLANES, BROKER))
    return [Row(f"{shards} shards, {INSTRUMENTS} instruments, {pace}", f"{costs} us a quote")]


def main() -> None:
    os.environ["ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS"] = "1000000"
    with running(1) as cluster:
        rows = [row for shards, quotes, pace in POINTS for row in point(cluster.address, shards, quotes, pace)]
        show("processor time of all processes of a plane together, Kafka with one broker", rows)


if __name__ == "__main__":
    sys.exit(main())
