"""Whole runs of the command: throughput of three processes and of one, memory, and latency at a steady pace."""

import os
import tempfile
import time
from pathlib import Path

import psutil

from algotrade.bus import MemoryBus
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, PLANES, STRATEGY_PLANE
from algotrade.config import load
from algotrade.domain import SystemClock
from algotrade_runners.data_plane.build import build_data_plane
from algotrade_runners.host import Plane, StopFlag
from algotrade_runners.one_process import run_together
from algotrade_runners.order_plane.build import build_order_plane
from algotrade_runners.settings import Settings
from algotrade_runners.strategy_plane.build import build_strategy_plane
from tests.benchmarks.table import Row, at_least, at_most, median, show
from tests.benchmarks.ticks import ibm, paced, repeated
from tests.integration.runs import Started, demo

RUNS = 5
MEMORY_WEEKS = 16


def throughput(folder: Path) -> list[Row]:
    """Replay the week in three processes and in one, in turn."""
    name, files = ibm(folder)
    words = [word for file in files for word in ("--data", file)]
    demo(folder / "warm", *words)
    three, one = [], []
    for run in range(RUNS):
        three.append(demo(folder / f"three{run}", *words))
        one.append(demo(folder / f"one{run}", *words, "--processes", "1"))
    summary = three[0]
    assert len({s["fills_sha256"] for s in three + one}) == 1, "runs differ"
    many, alone = (median([s["events_per_s"] for s in runs]) for runs in (three, one))
    settings = load(folder / "three0" / "config.toml", Settings, {})
    return [
        at_least(f"three processes, {name}", many, 200_000, "events/s", f"one process {alone:,.0f}"),
        at_least("one process over three", alone / many, 5, "x"),
        at_least("intents per 2,000 quotes", 2_000 * summary["intents"] / 287_795, 1, "x"),
        at_most("lost and duplicated", summary["events_lost"] + summary["events_duplicated"], 0, "records"),
        Row("orders, each two flushed appends in a row", f"{summary['orders']:,}"),
        *profile(settings, summary["orders"]),
    ]


class Timed:
    """A plane, and the seconds that its steps took."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.spent_s = 0.0

    def step(self) -> bool:
        begin = time.perf_counter()
        try:
            return self._plane.step()
        finally:
            self.spent_s += time.perf_counter() - begin

    def __getattr__(self, name: str):
        return getattr(self._plane, name)


def profile(settings: Settings, orders: int) -> list[Row]:
    """Say where one process spends its time: the same planes, their steps timed; the median run of several."""
    runs = sorted((_profiled(settings) for _ in range(RUNS)), key=lambda spent: sum(spent.values()))
    spent = runs[RUNS // 2]
    total = sum(spent.values())
    return [
        Row(f"one process, {plane}", f"{spent[plane] * 1e3:,.0f} ms", beside=f"{100 * spent[plane] / total:.0f} %")
        for plane in PLANES
    ] + [Row("one process, strategy and order plane per order", f"{(total - spent[DATA_PLANE]) / orders * 1e6:,.0f} us",
             beside="each order cuts the batches at three moments")]


def _profiled(settings: Settings) -> dict[str, float]:
    shared, clock = MemoryBus(), SystemClock()
    planes = [Timed(build_data_plane(settings, shared.client(DATA_PLANE), clock)),
              Timed(build_strategy_plane(settings, shared.client(STRATEGY_PLANE))),
              Timed(build_order_plane(settings, shared.client(ORDER_PLANE), clock))]
    run_together(planes, shared.client(), StopFlag())
    return {plane.name: plane.spent_s for plane in planes}


def memory(folder: Path) -> list[Row]:
    """Watch each plane's resident memory between 1 and 5 million records."""
    _, files = ibm(folder)
    words = [word for file in repeated(files, folder, MEMORY_WEEKS) for word in ("--data", file)]
    run = Started(folder / "memory", words)
    resident: dict[int, dict[str, int]] = {}
    for millions in (1, 5):
        resident[millions] = {}
        for plane in PLANES:
            run.wait_until_handled(plane, millions * 1_000_000)
            resident[millions][plane] = _resident(run, plane)
    code, output = run.end(timeout_s=600)
    assert code == 0, output
    return [
        at_most(f"{plane}: growth of resident memory, 1 M to 5 M records",
                100 * (resident[5][plane] / resident[1][plane] - 1), 1, "%", f"{resident[1][plane] / 2**20:,.0f} MiB")
        for plane in PLANES
    ]


def latency(folder: Path) -> list[Row]:
    """Replay 20,000 quotes a second in real time; from quote published to order accepted."""
    os.environ["ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS"] = "50"
    summary = demo(folder / "paced", "--data", paced(folder, 20, 20_000), "--speed", "1")
    del os.environ["ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS"]
    beside = f"{summary['orders']:,} orders, {summary['events_per_s']:,.0f} events/s"
    return [
        at_most("quote published to order accepted, p50", summary["order_latency_ms_p50"], 5, "ms", beside),
        at_most("quote published to order accepted, p99", summary["order_latency_ms_p99"], 30, "ms"),
    ]


def _resident(run: Started, plane: str) -> int:
    process = run.planes().get(plane)
    assert process is not None, f"the {plane} has ended too early to be measured"
    return int(process.memory_info().rss)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for title, bench in (("replay", throughput), ("memory", memory), ("latency at a steady pace", latency)):
            show(f"{title} ({psutil.cpu_count()} cores, median of {RUNS} where repeated)", bench(Path(folder)))


if __name__ == "__main__":
    main()
