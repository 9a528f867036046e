"""From arrow batches to records of the domain's fixed layouts."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from algotrade.domain.market import LAYOUTS, Kind, Records
from algotrade.feeds.columns import SymbolCodes, numbers, times_ns
from algotrade.feeds.schema import RECEIVED_COLUMN, SYMBOL_COLUMN, TIME_COLUMN, Shape, columns_read
from algotrade.feeds.tables import Table

_MINUTE_NS = 60 * 1_000_000_000
_HOUR_NS = 60 * _MINUTE_NS
_DAY_NS = 24 * _HOUR_NS

# Days are 23 to 25 hours apart where the clocks change; 20 to 28 tells them from half days and from weeks.
_DAILY_MIN_NS, _DAILY_MAX_NS = 20 * _HOUR_NS, 28 * _HOUR_NS

# 09:30 in New York, in summer and in winter, and how long the regular session lasts from there.
_REGULAR_OPENS_NS = (13 * _HOUR_NS + 30 * _MINUTE_NS, 14 * _HOUR_NS + 30 * _MINUTE_NS)
_REGULAR_SESSION_NS = 6 * _HOUR_NS + 30 * _MINUTE_NS


def bar_closes_ns(
    opens_ns: npt.NDArray[np.int64], *, duration_ns: int | None, spacing_ns: int | None
) -> npt.NDArray[np.int64]:
    """Return when bars that start at ``opens_ns`` are complete, int64 ns UTC, shape (rows,).

    A ``duration_ns`` that the caller gave holds as it is. Else ``spacing_ns``, the smallest spacing seen in the file,
    is the duration, except for daily bars (20 to 28 hours apart): one that starts at 13:30 or 14:30 UTC, which is 09:30
    in New York, closes 6.5 hours later with the regular US session, another one 24 hours later.
    """
    if duration_ns is not None:
        return opens_ns + duration_ns
    assert spacing_ns is not None, "the scan refuses bars without a spacing"
    if not _DAILY_MIN_NS <= spacing_ns <= _DAILY_MAX_NS:
        return opens_ns + spacing_ns
    regular = np.isin(opens_ns % _DAY_NS, _REGULAR_OPENS_NS)
    closes: npt.NDArray[np.int64] = opens_ns + np.where(regular, _REGULAR_SESSION_NS, _DAY_NS)
    return closes


def file_records(
    table: Table, shape: Shape, instrument_ids: Mapping[str, int], *,
    rows_max: int, duration_ns: int | None, spacing_ns: int | None,
) -> Iterator[Records]:
    """Yield the rows of ``table`` in order as records of ``shape.kind``, sequences and flags 0.

    A missing number is NaN. Raises ``FeedError`` as ``times_ns`` and ``SymbolCodes`` do.
    """
    codes = SymbolCodes(table.path, instrument_ids)
    row = 0
    for batch in table.batches(columns_read(shape, table.columns), rows_max):
        records = np.zeros(batch.num_rows, LAYOUTS[shape.kind])
        stamped = times_ns(table.path, TIME_COLUMN, batch.column(TIME_COLUMN), row)
        records["event_time_ns"] = stamped
        if shape.stamped_with_start:
            records["event_time_ns"] = bar_closes_ns(stamped, duration_ns=duration_ns, spacing_ns=spacing_ns)
        if shape.kind is Kind.BAR:
            records["open_time_ns"] = stamped
        records["receive_time_ns"] = records["event_time_ns"]
        if RECEIVED_COLUMN in table.columns:
            received = times_ns(table.path, RECEIVED_COLUMN, batch.column(RECEIVED_COLUMN), row)
            records["receive_time_ns"] = received
        records["instrument"] = codes.encode(batch.column(SYMBOL_COLUMN), row)
        for field, column in (*shape.fields, *shape.sizes):
            found = column in table.columns
            records[field] = numbers(table.path, column, batch.column(column)) if found else np.nan
        row += batch.num_rows
        yield records
