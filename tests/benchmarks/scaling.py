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

from algotrade.bus import Bus
from algotrade.bus.topics import ORDER_PLANE, PLANES
from algotrade_runners.replay_time import handled
from tests.benchmarks.table import Row, show
from tests.integration.runs import Started
from tools.kafka.cluster import running

BROKER = "broker"
# Shards, instruments, quotes, quotes per second (0: as fast as possible).
POINTS = (
    (1, 200, 1_500_000, 0), (2, 200, 1_500_000, 0), (3, 200, 1_500_000, 0),
    (1, 10_000, 1_500_000, 0), (3, 10_000, 1_500_000, 0),
    (1, 200, 100_000, 5_000), (3, 200, 100_000, 5_000),
)


def ticks(folder: Path, instruments: int, quotes: int, per_second: int) -> Path:
    """Write quotes of so many symbols in turn, at an even pace."""
    rng = np.random.default_rng(7)
    number = np.arange(quotes) % instruments
    bid = np.round(100 + number + np.cumsum(rng.integers(-1, 2, quotes)) * 0.01, 2)
    target = folder / "quotes.parquet"
    pq.write_table(pa.table({
        "ts_event": 1_381_154_400 * 10**9 + np.arange(quotes) * (10**9 // (per_second or 5_000)),
        "symbol": pa.DictionaryArray.from_arrays(
            pa.array(number.astype(np.int32)), [f"S{i}" for i in range(instruments)]),
        "bid": bid, "ask": np.round(bid + 0.01, 2), "bid_size": rng.integers(1, 20, quotes) * 100,
        "ask_size": rng.integers(1, 20, quotes) * 100,
    }), target)
    return target


class Spent:
    """The processor time of the planes' processes and the broker, by how far each plane has come."""

    def __init__(self, run: Started) -> None:
        self._run = run
        self.samples: dict[str, list[tuple[int, float]]] = {name: [] for name in (*PLANES, BROKER)}

    def look(self, bus: Bus) -> bool:
        """Take a sample of everybody who is still there; never enough."""
        spent: dict[str, float] = {}
        for process in (*psutil.Process(self._run.process.pid).children(), *psutil.Process().children()):
            try:
                words, times = process.cmdline(), process.cpu_times()
            except psutil.Error:  # it has just ended
                continue
            name = next((plane for plane in PLANES if "run" in words and plane in words),
                        BROKER if words and words[0].endswith("java") else "")
            if name:
                spent[name] = spent.get(name, 0.0) + times.user + times.system
        for name, seconds in spent.items():
            # A plane of which a process has ended is done: what is left is less than it took.
            if not self.samples[name] or seconds >= self.samples[name][-1][1]:
                self.samples[name].append((handled(bus, ORDER_PLANE if name == BROKER else name), seconds))
        return False

    def cost_us(self, name: str, quotes: int) -> float:
        """Return microseconds a quote, from a tenth of the run on."""
        rows = [row for row in self.samples[name] if quotes // 10 <= row[0] <= quotes]
        (first, before), (last, after) = rows[0], rows[-1]
        return (after - before) / (last - first) * 1e6


def point(servers: str, shards: int, instruments: int, quotes: int, per_second: int) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder, bus = Path(name), f"kafka://{servers}/scale-{shards}-{instruments}-{per_second}"
        run = Started(folder / "out", ["--data", ticks(folder, instruments, quotes, per_second), "--speed",
                                       "1" if per_second else "max", "--bus", bus, "--shards", str(shards)], bus)
        spent = Spent(run)
        run.wait_until(spent.look)
        code, output = run.end(timeout_s=300)
        assert code == 0, output
    pace = f"{per_second:,} quotes/s" if per_second else "full speed"
    costs = ", ".join(f"{name} {spent.cost_us(name, quotes):.2f}" for name in spent.samples)
    return Row(f"shards: {shards}, instruments: {instruments:,}, {pace}", f"{costs} us a quote")


def main() -> None:
    os.environ["ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS"] = "1000000"
    with running(1) as cluster:
        rows = [point(cluster.address, *each) for each in POINTS]
        show("processor time of all processes of a plane together, Kafka with one broker", rows)


if __name__ == "__main__":
    sys.exit(main())
