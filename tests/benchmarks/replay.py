"""Whole runs of the command: throughput of three processes and of one, memory, and latency at a steady pace."""

import os
import tempfile
from pathlib import Path

import psutil

from algotrade.bus.topics import PLANES
from tests.benchmarks.table import Row, at_least, at_most, median, show
from tests.benchmarks.ticks import ibm, paced, repeated
from tests.integration.runs import Started, demo

RUNS = 5
MEMORY_WEEKS = 13


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
    return [
        at_least(f"three processes, {name}", many, 200_000, "events/s", f"one process {alone:,.0f}"),
        at_least("one process over three", alone / many, 5, "x"),
        at_least("intents per 2,000 quotes", 2_000 * summary["intents"] / 287_795, 1, "x"),
        at_most("lost and duplicated", summary["events_lost"] + summary["events_duplicated"], 0, "records"),
        Row("orders, each two flushed appends in a row", f"{summary['orders']:,}"),
    ]


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
