"""Writes small data files in the documented schema, and reads feeds to their end."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from algotrade.domain import Instrument, Instruments, Kind, MarketBatch
from algotrade.domain.market import LAYOUTS, Records
from algotrade.feeds import Feed, ReplayFeed

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
# A Monday.
START_NS = int(np.datetime64("2024-01-08T14:30", "ns").astype(np.int64))

NUMBERS = {
    "quotes": ("bid", "ask", "bid_size", "ask_size"),
    "trades": ("price", "size"),
    "bars": ("open", "high", "low", "close", "volume"),
}


def instruments(*symbols: str) -> Instruments:
    return Instruments(Instrument(id=i, symbol=symbol) for i, symbol in enumerate(symbols))


def write_parquet(path: Path, columns: Mapping[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(dict(columns)), path, **options)
    return path


def table_of(shape: str, times_ns: Sequence[int], symbols: Sequence[str] | str = "A") -> dict[str, Any]:
    """Return the columns of a file whose prices all differ from row to row."""
    count = len(times_ns)
    symbols = [symbols] * count if isinstance(symbols, str) else list(symbols)
    prices = {name: 100.0 + np.arange(count) / 100 for name in NUMBERS[shape]}
    return {"ts_event": pa.array(times_ns, pa.int64()), "symbol": pa.array(symbols, pa.string()), **prices}


def drain(feed: Feed) -> list[MarketBatch]:
    try:
        batches = []
        while (batch := feed.read()) is not None:
            batches.append(batch)
        return batches
    finally:
        feed.close()


def joined(batches: Iterable[MarketBatch]) -> dict[Kind, Records]:
    batches = list(batches)
    return {kind: np.concatenate([np.empty(0, LAYOUTS[kind]), *(b.arrays()[kind] for b in batches)]) for kind in Kind}


def replay(paths: Sequence[Path], known: Instruments, **options: Any) -> dict[Kind, Records]:
    return joined(drain(ReplayFeed(paths, known, **options)))


def by_sequence(arrays: Mapping[Kind, Records]) -> list[tuple[Kind, Any]]:
    """Return every record of the run in order, with its kind."""
    rows = [(kind, record) for kind, records in arrays.items() for record in records]
    return sorted(rows, key=lambda row: int(row[1]["sequence"]))
