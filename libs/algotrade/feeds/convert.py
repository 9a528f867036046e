"""Converting data files: CSV to Parquet and back, in the documented schema, sorted by time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from algotrade.feeds.columns import SymbolCodes, numbers, times_ns
from algotrade.feeds.port import FeedError
from algotrade.feeds.schema import NUMBER_COLUMNS, RECEIVED_COLUMN, SYMBOL_COLUMN, TIME_COLUMN, recognise
from algotrade.feeds.tables import Table, is_csv, open_table, translated

ROWS_MAX = 10_000_000
"""Rows that are sorted in memory, at 40 to 120 bytes each, twice while they move: about 2.5 GB at most."""

TARGET_SUFFIXES = (".csv", ".parquet")

_BATCH_ROWS = 1 << 18


class Converted(msgspec.Struct, frozen=True, kw_only=True):
    """What ``convert`` did: rows written, how many had stood behind a later one, columns it did not carry over."""

    rows: int
    moved: int
    columns_left_out: tuple[str, ...]


def convert(source: Path, target: Path, *, replace: bool = False, rows_max: int = ROWS_MAX) -> Converted:
    """Write the rows of ``source`` to ``target``, sorted by ``ts_event``; rows of one time keep their order.

    The format is that of the names: .csv or .parquet (.csv.gz to read). ``ts_event`` becomes int64 ns UTC, numbers
    become doubles, and columns that the schema does not know are left out. ``target`` appears complete or not at all.
    Raises ``FeedError`` where ``source`` cannot be read or has more than ``rows_max`` rows, or ``target`` has another
    name, exists (unless ``replace``) or cannot be written.
    """
    if target.suffix.lower() not in TARGET_SUFFIXES:
        raise FeedError(f"{target}: ends in {target.suffix or 'no suffix'!r}; allowed: a name that ends in "
                        f"{' or '.join(TARGET_SUFFIXES)}")
    if target.exists() and not replace:
        raise FeedError(f"{target}: exists; allowed: a new file, unless told to replace it")
    table = open_table(source)
    shape = recognise(source, table.columns)
    columns = [column for column in shape.documented if column in table.columns]
    rows, moved = _sorted_rows(table, columns, rows_max)
    write_table(rows, target)
    left_out = tuple(column for column in table.columns if column not in columns)
    return Converted(rows=rows.num_rows, moved=moved, columns_left_out=left_out)


def write_table(rows: Any, target: Path) -> None:
    """Write arrow table ``rows`` to ``target``, CSV or Parquet by its name, through a file beside it."""
    with _replaced(target) as part:
        if is_csv(target):
            pyarrow.csv.write_csv(rows, part)
        else:
            # Times rise by small steps: as differences they take a fifth of the space.
            texts = [f.name for f in rows.schema if pa.types.is_dictionary(f.type)]
            pq.write_table(rows, part, compression="zstd", use_dictionary=texts,
                           column_encoding={TIME_COLUMN: "DELTA_BINARY_PACKED"})


def _sorted_rows(table: Table, columns: list[str], rows_max: int) -> tuple[Any, int]:
    batches, count = [], 0
    codes = SymbolCodes(table.path)
    for batch in table.batches(columns, _BATCH_ROWS):
        codes.encode(batch.column(SYMBOL_COLUMN), count)
        arrays = [_normal(table.path, name, batch.column(name), count) for name in columns]
        batches.append(pa.record_batch(arrays, names=columns))
        count += batch.num_rows
        if count > rows_max:
            raise FeedError(f"{table.path}: has more than {rows_max} rows; allowed: that many, to sort in memory; "
                            "split the file")
    if not count:
        raise FeedError(f"{table.path}: holds no rows; allowed: one or more")
    rows = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    times = rows.column(TIME_COLUMN).to_numpy()
    moved = int(np.count_nonzero(times < np.maximum.accumulate(times)))
    return (rows.take(pa.array(np.argsort(times, kind="stable"))) if moved else rows), moved


def _normal(path: Path, name: str, array: Any, first_row: int) -> Any:
    if name in {TIME_COLUMN, RECEIVED_COLUMN}:
        return pa.array(times_ns(path, name, array, first_row))
    if name == SYMBOL_COLUMN:
        with translated(path):
            return array.cast(pa.dictionary(pa.int32(), pa.string()))
    if name not in NUMBER_COLUMNS:
        return array
    # A missing number stays missing: NaN is a double, and an empty field in CSV.
    return pa.array(numbers(path, name, array), from_pandas=True)


@contextmanager
def _replaced(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target`` that takes its place at the end, or is removed."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _written(target):
            yield part
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _written(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise FeedError(f"{target}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
