"""Replay: any number of data files as one merged, numbered run."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from algotrade.domain.instrument import Instruments
from algotrade.domain.market import LAYOUTS, MarketBatch, Records
from algotrade.feeds.merge import Lane, Merger, split_before
from algotrade.feeds.port import FeedError
from algotrade.feeds.records import file_records
from algotrade.feeds.scan import Scan, Stretch, scan
from algotrade.feeds.spool import Spool
from algotrade.feeds.tables import Table, open_table

CHUNK_RECORDS = 1 << 16
"""Records that wait in memory for all sources together, about; with more than 1,000 sources, 64 of each."""

_LANE_RECORDS_MIN = 64

# An open Parquet file holds a few megabytes of pages. Beyond so many, files are spooled one after the other first.
_FILES_OPEN_MAX = 8


class ReplayFeed:
    """Merges the files ``paths`` by event time, numbers the run from 1, and gives it out in stretches.

    Order: event time, then quotes before trades before bars, then the order of ``paths``, then the order in the file
    (``feeds.merge`` says what becomes of a record that goes back in time). Memory is bounded by ``chunk_records``,
    which never changes the result. Every file is scanned when the feed is made; files ordered by (symbol, time), and
    all files where there are more than eight, are first copied to a temporary file of 48 to 80 bytes a record.

    ``bar_duration_ns``  how long a bar lasts; None: as ``feeds.records.bar_closes_ns`` infers it, file by file
    ``after_sequence``   go on behind this record of the run: what is before is read again and dropped

    Raises ``FeedError`` where a file is missing, broken, unsorted, or names a symbol that is not in ``instruments``.
    """

    def __init__(
        self, paths: Sequence[Path], instruments: Instruments, *,
        bar_duration_ns: int | None = None, chunk_records: int = CHUNK_RECORDS, after_sequence: int = 0,
    ) -> None:
        assert chunk_records > 0
        assert after_sequence >= 0
        assert bar_duration_ns is None or bar_duration_ns > 0
        self._ids = {instrument.symbol: instrument.id for instrument in instruments}
        self._bar_duration_ns = bar_duration_ns
        self._files = [self._scanned(path) for path in paths]
        self._records_total = sum(file.scan.rows for file in self._files)
        if after_sequence > self._records_total:
            raise FeedError(f"{', '.join(map(str, paths))}: hold {self._records_total} records; cannot go on behind "
                            f"record {after_sequence}: these are other files than those of the run")
        self._chunk_records = chunk_records
        self._after_sequence = after_sequence
        self._merger: Merger | None = None
        self._spool: Spool | None = None
        self._closers: list[Callable[[], None]] = []

    @property
    def records_total(self) -> int:
        """Return how many records the whole run holds, those before ``after_sequence`` included."""
        return self._records_total

    def read(self) -> MarketBatch | None:
        """Return the next stretch of the run, or None at its end; ``Feed.read``."""
        if self._merger is None:
            self._merger = self._merged()
        while (batch := self._merger.read()) is not None:
            _, batch = split_before(batch, self._after_sequence + 1)
            if len(batch):
                return batch
        return None

    def close(self) -> None:
        """Close the files and remove the temporary one."""
        while self._closers:
            self._closers.pop()()

    def _scanned(self, path: Path) -> "_File":
        table = open_table(path)
        found = scan(table, duration_ns=self._bar_duration_ns)
        unknown = [symbol for symbol in found.symbols if symbol not in self._ids]
        if unknown:
            raise FeedError(f"{path}: holds the unknown symbols {_listed(unknown)}; "
                            f"allowed: the known instruments {_listed(self._ids)}")
        return _File(table=table, scan=found)

    def _merged(self) -> Merger:
        direct = len(self._files) <= _FILES_OPEN_MAX
        count = sum(max(1, len(file.scan.stretches)) for file in self._files)
        lane_records = max(min(_LANE_RECORDS_MIN, self._chunk_records), self._chunk_records // max(1, count))
        lanes: list[Lane] = []
        for file in self._files:
            if direct and not file.scan.by_symbol:
                lanes.append(self._direct_lane(file, lane_records))
            else:
                lanes.extend(self._spooled_lanes(file, lane_records))
        # Stable: within a kind the order of the files, and of the symbols in a file, stays.
        lanes.sort(key=lambda lane: lane.kind)
        return Merger(lanes, lane_records_min=max(1, lane_records // 2))

    def _records(self, file: "_File", rows_max: int) -> Generator[Records]:
        rows = 0
        for records in file_records(file.table, file.scan.shape, self._ids, rows_max=rows_max,
                                    duration_ns=self._bar_duration_ns, spacing_ns=file.scan.spacing_ns):
            rows += len(records)
            if len(records):
                yield records
        if rows != file.scan.rows:
            raise FeedError(f"{file.table.path}: holds {rows} rows now and held {file.scan.rows} when the feed was "
                            "made; allowed: a file that nobody writes to while it is read")

    def _direct_lane(self, file: "_File", lane_records: int) -> Lane:
        records = self._records(file, lane_records)
        self._closers.append(records.close)
        return Lane(file.scan.shape.kind, lambda: next(records, None))

    def _spooled_lanes(self, file: "_File", lane_records: int) -> Iterator[Lane]:
        if self._spool is None:
            self._spool = Spool()
            self._closers.append(self._spool.close)
        shape, stretches = file.scan.shape, file.scan.stretches or (Stretch("", 0, file.scan.rows),)
        begins = [self._spool.append(records) for records in self._records(file, self._chunk_records)]
        for stretch in stretches:
            begin = begins[0] + stretch.first_row * LAYOUTS[shape.kind].itemsize
            yield Lane(shape.kind, self._spool.reader(shape.kind, begin, stretch.rows, chunk_records=lane_records))


class _File(msgspec.Struct, frozen=True):
    table: Table
    scan: Scan


def _listed(symbols: Iterable[str]) -> str:
    names = sorted(symbols)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return (", ".join(names[:20]) or "none") + more
