"""Compiling beforehand what would be compiled at its first use: every signal, and what the planes run."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from algotrade.domain import Kind, SystemClock
from algotrade.domain.market import no_records, read_only
from algotrade.execution.walk import move_marks
from algotrade.jit import cache_dir
from algotrade.risk.marks import MARK
from algotrade.signals import catalog
from algotrade.telemetry import configure_log
from algotrade_runners.cli.demo import Options, demo
from algotrade_runners.cli.prepare import Request
from algotrade_runners.cli.signal_facts import is_series
from algotrade_runners.host import StopFlag

ROWS = 2_000
PANEL_SIDE = 8
START_NS = 1_000_000_000 * 10**9


def kernels() -> tuple[int, int]:
    """Return how many compiled functions the cache holds, and their bytes."""
    files = list(cache_dir().rglob("*.nbc"))
    return len(files), sum(file.stat().st_size for file in files)


def warm_signals(names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Compile the signals, on all processors; yield each name, and whether it could be compiled beforehand."""
    # Spawned, not forked: the compiler starts threads.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        yield from zip(names, pool.map(warm_signal, names), strict=True)


def warm_signal(name: str) -> bool:
    """Compile what ``batch``, ``feed``, ``sweep`` and ``update`` run, for the default capacity.

    False for an entry that takes no such inputs: it is compiled at its first use.
    """
    entry = catalog[name]
    columns = [_column(item) for item in entry.inputs]
    try:
        entry.batch(*columns)
    except ValueError:
        return False
    if is_series(entry):
        entry.update(entry.state(), *(float(column[0]) for column in columns))
    return True


def _column(item: Any) -> npt.NDArray[Any]:
    """Return 64 observations of an input of a series, or as few of a panel's as are of the same types."""
    if item.name == "time_ns":
        return np.arange(64)
    return np.resize(np.linspace(100.0, 101.0, 64), [PANEL_SIDE] * len(getattr(item, "axes", ())) or 64)


def warm_planes() -> None:
    """Run the three planes on a few made-up quotes and trades, and on bars, as `algotrade demo` does."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(1)
        times = START_NS + np.arange(ROWS) * 60 * 10**9
        price = np.round(100 + np.cumsum(rng.integers(-5, 6, ROWS)) * 0.01, 2)
        sizes = rng.integers(1, 20, ROWS) * 100.0
        stamped = {"ts_event": times, "symbol": ["WARM"] * ROWS}
        high, low = price + 0.05, price - 0.05
        tables = {
            "quotes": {"bid": price, "ask": np.round(price + 0.01, 2), "bid_size": sizes, "ask_size": sizes[::-1]},
            "trades": {"price": price, "size": sizes},
            "bars": {"open": price, "high": high, "low": low, "close": price, "volume": sizes}}
        for kind, columns in tables.items():
            pq.write_table(pa.table({**stamped, **columns}), folder / f"{kind}.parquet")
        # A batch of a single record is another type to the compiler: its columns are contiguous.
        pq.write_table(pq.read_table(folder / "quotes.parquet").slice(0, 1), folder / "one.parquet")
        configure_log(plane="warm", clock=SystemClock(), level="error")
        for kinds in (("quotes", "trades"), ("bars",), ("one",)):
            request = Request(data=tuple(folder / f"{kind}.parquet" for kind in kinds), out=folder / "out",
                              bus="local:unused", strategy=None, speed=0.0, seed=1, resume=False, broker_process=False)
            with Path(os.devnull).open("w") as nothing:
                demo(Options(request=request, processes=1, plain=True), Console(file=nothing), StopFlag())
    # Of the live planes alone.
    quotes, trades, bars = (read_only(no_records(kind)) for kind in Kind)
    move_marks(quotes, trades, bars, np.zeros(1, MARK))


def size_text(size_bytes: int) -> str:
    """Return bytes as megabytes, to one decimal."""
    return f"{Decimal(size_bytes) / 1_000_000:.1f} MB"
