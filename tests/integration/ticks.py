"""Made-up quotes and trades on disk, large enough to be interrupted."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START_NS = 1_381_154_400 * 10**9


def write_quotes(path: Path, rows: int, seed: int = 1, symbol: str = "AAA") -> Path:
    """Write a random walk of quotes, one to 400 ms apart."""
    rng = np.random.default_rng(seed)
    times = START_NS + np.cumsum(rng.integers(1, 400, rows)) * 10**6
    bid = np.round(100 + np.cumsum(rng.integers(-1, 2, rows)) * 0.01, 2)
    pq.write_table(pa.table({
        "ts_event": times, "symbol": pa.array([symbol] * rows).dictionary_encode(), "bid": bid,
        "ask": np.round(bid + 0.01 * rng.integers(1, 4, rows), 2), "bid_size": rng.integers(1, 20, rows) * 100,
        "ask_size": rng.integers(1, 20, rows) * 100,
    }), path)
    return path


def write_trades(path: Path, rows: int, seed: int = 2, symbol: str = "AAA") -> Path:
    """Write trades over about the same time."""
    rng = np.random.default_rng(seed)
    times = START_NS + np.cumsum(rng.integers(1, 800, rows)) * 10**6
    pq.write_table(pa.table({
        "ts_event": times, "symbol": pa.array([symbol] * rows).dictionary_encode(),
        "price": np.round(100 + np.cumsum(rng.integers(-1, 2, rows)) * 0.01, 2), "size": rng.integers(1, 9, rows) * 100,
    }), path)
    return path
