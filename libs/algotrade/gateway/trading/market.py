"""Batches of market records: which of them orders have to meet one by one, and the last price of all the others."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from algotrade.domain import LAYOUTS, QUARANTINE, Kind, MarketBatch, Records

FEW = 16
"""Records that are not worth numpy's overhead."""
_PUT_ASIDE = int(QUARANTINE)


class QuoteRow(NamedTuple):
    """A quote's fields, in the order of its layout."""

    sequence: int
    event_time_ns: int
    receive_time_ns: int
    instrument: int
    flags: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float


class TradeRow(NamedTuple):
    """A trade's fields, in the order of its layout."""

    sequence: int
    event_time_ns: int
    receive_time_ns: int
    instrument: int
    flags: int
    price: float
    size: float


class BarRow(NamedTuple):
    """A bar's fields, in the order of its layout."""

    sequence: int
    event_time_ns: int
    receive_time_ns: int
    instrument: int
    flags: int
    open_time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


Row = QuoteRow | TradeRow | BarRow
ROWS: dict[Kind, type[QuoteRow] | type[TradeRow] | type[BarRow]] = {
    Kind.QUOTE: QuoteRow, Kind.TRADE: TradeRow, Kind.BAR: BarRow}
assert all(ROWS[kind]._fields == LAYOUTS[kind].names for kind in Kind), "rows follow the layouts"


def usable(kind: Kind, records: Records) -> npt.NDArray[np.bool_]:
    """Tell which records have prices: above 0, finite, a quote not crossed, and not put aside by a quality gate."""
    if kind is Kind.QUOTE:
        low, high = records["bid"], records["ask"]
    elif kind is Kind.TRADE:
        low = high = records["price"]
    else:
        low, high = records["low"], records["high"]
    good: npt.NDArray[np.bool_] = (
        (low > 0) & (low <= high) & (high < np.inf) & ((records["flags"] & _PUT_ASIDE) == 0))
    return good


def marks(kind: Kind, records: Records) -> npt.NDArray[np.float64]:
    """Return the price that each record marks its instrument with: midpoint, price or close."""
    if kind is Kind.QUOTE:
        return np.asarray(0.5 * (records["bid"] + records["ask"]))
    return np.asarray(records["price" if kind is Kind.TRADE else "close"])


def last_of_each(instruments: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return the row of each instrument's last record."""
    _, from_end = np.unique(instruments[::-1], return_index=True)
    return np.sort(len(instruments) - 1 - from_end)


def split(batch: MarketBatch, hot: set[int]) -> tuple[list[tuple[Kind, Records]], list[tuple[Kind, Records]]]:
    """Return (records of instruments in ``hot``, last records of the others), each by kind; unusable ones left out.

    Of a few records all are hot: to look at them one by one is quicker than to sort them out.
    """
    if len(batch) <= FEW:
        return [(kind, records) for kind, records in batch.arrays().items() if len(records)], []
    wanted = np.array(sorted(hot), dtype=np.int32)
    mine, rest = [], []
    for kind, records in batch.arrays().items():
        if len(records):
            good = records[usable(kind, records)]
            is_hot = np.isin(good["instrument"], wanted)
            mine.append((kind, good[is_hot]))
            cold = good[~is_hot]
            rest.append((kind, cold[last_of_each(cold["instrument"])] if len(cold) else cold))
    return mine, rest


def merged(parts: list[tuple[Kind, Records]]) -> Iterator[tuple[Kind, Row]]:
    """Return the records of several kinds one by one, in the order of their sequence, as plain Python values."""
    rows = [(kind, ROWS[kind]._make(row)) for kind, records in parts for row in records.tolist()]
    if len(parts) > 1:
        rows.sort(key=lambda kind_and_row: kind_and_row[1].sequence)
    return iter(rows)
