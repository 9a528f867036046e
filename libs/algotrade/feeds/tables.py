"""Opening a data file: Parquet or CSV, read as a stream of arrow batches in bounded memory.

No exception of pyarrow or of the system leaves this library: each becomes a ``FeedError`` that names the file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from algotrade.feeds.port import FeedError
from algotrade.feeds.schema import NUMBER_COLUMNS, SYMBOL_COLUMN, TIME_COLUMN, is_time

_PARQUET_MAGIC = b"PAR1"
_CSV_SUFFIXES = (".csv", ".csv.gz")

# Compressed bytes of a column read from the file at a time; arrow's default is the whole column of a row group.
_PARQUET_BUFFER_BYTES = 1 << 18
_CSV_BLOCK_BYTES = 1 << 20

_CSV_ALLOWED = "as many fields in each line as names in the first, and numbers where the schema has numbers"


class Table(Protocol):
    """A file of rows with named columns."""

    path: Path

    columns: dict[str, Any]
    """Name to arrow type, in the order of the file."""

    def batches(self, columns: Sequence[str], rows_max: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, ``columns`` of them, in batches of about ``rows_max`` (CSV: about 1 MB)."""
        ...


def open_table(path: Path) -> Table:
    """Return the table in ``path``: CSV where its name ends in .csv or .csv.gz, else Parquet.

    Raises ``FeedError`` where there is none that can be read.
    """
    with translated(path):
        if path.is_dir():
            raise FeedError(f"{path}: is a folder; allowed: a Parquet or CSV file")
        with path.open("rb") as file:
            magic = file.read(len(_PARQUET_MAGIC))
    if not magic:
        raise FeedError(f"{path}: is empty (0 bytes); allowed: a Parquet or CSV file with rows")
    if is_csv(path):
        return CsvTable(path)
    if magic != _PARQUET_MAGIC:
        raise FeedError(f"{path}: starts with {magic!r}; allowed: a Parquet file (PAR1), or a name that ends in "
                        + " or ".join(_CSV_SUFFIXES))
    return ParquetTable(path)


def is_csv(path: Path) -> bool:
    """Tell whether the name of ``path`` says that it is CSV."""
    return path.name.lower().endswith(_CSV_SUFFIXES)


def read_csv(path: Path) -> Any:
    """Return the whole of a small CSV file as an arrow table."""
    with translated(path):
        return pyarrow.csv.read_csv(path)


class ParquetTable:
    """A Parquet file. Its row groups may be of any size: pages are decoded as they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated(path), pq.ParquetFile(path) as file:
            self.columns = _columns(path, file.schema_arrow)

    def batches(self, columns: Sequence[str], rows_max: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, see ``Table``."""
        symbol = self.columns.get(SYMBOL_COLUMN)
        texts = [SYMBOL_COLUMN] if symbol is not None and not pa.types.is_null(symbol) else []
        with translated(self.path), pq.ParquetFile(
            self.path, read_dictionary=texts, buffer_size=_PARQUET_BUFFER_BYTES, pre_buffer=False,
        ) as file:
            yield from file.iter_batches(batch_size=rows_max, columns=list(columns))


class CsvTable:
    """A CSV file with one line of column names. Numbers are doubles, whatever the first lines look like."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated(path, allowed=_CSV_ALLOWED), self._reader(pyarrow.csv.ConvertOptions()) as reader:
            found = _columns(path, reader.schema)
        self.columns = {name: _csv_type(name, kind) for name, kind in found.items()}

    def batches(self, columns: Sequence[str], rows_max: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, see ``Table``."""
        types = {name: self.columns[name] for name in columns}
        options = pyarrow.csv.ConvertOptions(include_columns=list(columns), column_types=types)
        rows = 0
        try:
            with translated(self.path, allowed=_CSV_ALLOWED), self._reader(options) as reader:
                for batch in reader:
                    for start in range(0, batch.num_rows, rows_max):
                        yield batch.slice(start, rows_max)
                    rows += batch.num_rows
        except FeedError as error:
            raise FeedError(f"{error} (behind row {rows}, counted from 0)") from error

    def _reader(self, options: Any) -> Any:
        return pyarrow.csv.open_csv(
            self.path, convert_options=options, read_options=pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK_BYTES))


def _columns(path: Path, schema: Any) -> dict[str, Any]:
    twice = [name for name in schema.names if schema.names.count(name) > 1]
    if twice:
        raise FeedError(f"{path}: column {twice[0]!r} is there more than once; allowed: each column once")
    return dict(zip(schema.names, schema.types, strict=True))


def _csv_type(name: str, found: Any) -> Any:
    if name in NUMBER_COLUMNS:
        return pa.float64()
    if name == SYMBOL_COLUMN:
        return pa.dictionary(pa.int32(), pa.string())
    if name.startswith(TIME_COLUMN[:3]) and is_time(found) and pa.types.is_timestamp(found):
        # The first lines may hold whole seconds only.
        return pa.timestamp("ns", found.tz)
    return found


def plain(array: Any) -> npt.NDArray[Any]:
    """Return ``array``, numbers without nulls, as a read-only numpy array that shares its memory.

    Its own ``to_numpy`` would import pandas where that is installed, which takes half a second.
    """
    return np.from_dlpack(array)


@contextmanager
def translated(path: Path, *, what: str = "", allowed: str = "a complete Parquet or CSV file") -> Iterator[None]:
    """Turn every exception of pyarrow and of the system into a ``FeedError`` that names ``path`` and ``what`` of it."""
    try:
        yield
    except FileNotFoundError as error:
        raise FeedError(f"{path}: does not exist; allowed: a Parquet or CSV file") from error
    # ValueError: arrow's own ArrowInvalid, and text that is no UTF-8.
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n", maxsplit=1)[0]
        raise FeedError(f"{path}: {what}cannot be read: {reason}; allowed: {allowed}") from error
