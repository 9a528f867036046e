"""Tick files for benchmarks: IBM's week where the shared data are, else a made-up one of the same size."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.ticks import write_quotes, write_trades
from tests.shared_data import FOLDER

QUOTES = FOLDER / "us_equity_ticks" / "quotes_IBM_20131007_20131011.parquet"
TRADES = FOLDER / "us_equity_ticks" / "trades_IBM_20131007_20131011.parquet"
WEEK_NS = 7 * 86_400 * 10**9


def ibm(folder: Path) -> tuple[str, list[Path]]:
    """Return what the files are, and quotes and trades."""
    if QUOTES.exists() and TRADES.exists():
        return "IBM 2013-10-07..11", [QUOTES, TRADES]
    return "made-up ticks", [write_quotes(folder / "quotes.parquet", 287_795),
                             write_trades(folder / "trades.parquet", 126_395)]


def repeated(files: list[Path], folder: Path, weeks: int) -> list[Path]:
    """Write ``files`` so many weeks in a row, week after week."""
    written = []
    for file in files:
        table = pq.read_table(file).select(
            [c for c in ("ts_event", "symbol", "bid", "ask", "bid_size", "ask_size", "price", "size")
             if c in pq.read_schema(file).names])
        target = folder / f"{weeks}-weeks-{file.name}"
        with pq.ParquetWriter(target, table.schema, compression="zstd") as writer:
            for week in range(weeks):
                times = table.column("ts_event").to_numpy() + week * WEEK_NS
                writer.write_table(table.set_column(0, table.schema.field(0), pa.array(times)))
        written.append(target)
    return written


def paced(folder: Path, seconds: int, per_second: int, seed: int = 3) -> Path:
    """Write quotes of ``seconds`` at an even ``per_second``."""
    rng = np.random.default_rng(seed)
    rows = seconds * per_second
    bid = np.round(100 + np.cumsum(rng.integers(-1, 2, rows)) * 0.01, 2)
    target = folder / "paced.parquet"
    pq.write_table(pa.table({
        "ts_event": 1_381_154_400 * 10**9 + np.arange(rows) * (10**9 // per_second),
        "symbol": pa.array(["AAA"] * rows).dictionary_encode(), "bid": bid, "ask": np.round(bid + 0.01, 2),
        "bid_size": rng.integers(1, 20, rows) * 100, "ask_size": rng.integers(1, 20, rows) * 100,
    }), target)
    return target
