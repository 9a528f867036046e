"""The first pass over a file: how many rows, in which order, which symbols, how far bars are apart."""

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.feeds.columns import SymbolCodes, time_text, times_ns
from algotrade.feeds.port import FeedError
from algotrade.feeds.schema import SYMBOL_COLUMN, TIME_COLUMN, Shape, recognise
from algotrade.feeds.tables import Table

SCAN_ROWS = 1 << 16

OUT_OF_ORDER_SHARE_MAX = 0.01
"""Rows that may go back in time: the quality gate quarantines each. A file with more of them is not sorted."""

# Today in seconds, milliseconds or microseconds since 1970, taken for nanoseconds, lies in the first weeks of 1970.
_UNIT_SUSPECT_NS = 60 * 86_400 * 1_000_000_000

_NEVER_NS = int(np.iinfo(np.int64).min)
_NO_SPACING_NS = int(np.iinfo(np.int64).max)

Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


class Stretch(msgspec.Struct, frozen=True):
    """Rows of one symbol that stand together: ``rows`` of them from ``first_row`` (counted from 0)."""

    symbol: str
    first_row: int
    rows: int


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What the first pass found.

    ``by_symbol``     the order is (symbol, time): ``stretches`` has one entry per symbol; else it is time
    ``out_of_order``  rows whose time is below one before them (in their stretch, where ``by_symbol``)
    ``spacing_ns``    smallest positive spacing within a symbol, of bars and quote bars; None of others, or if there is
                      no spacing
    """

    shape: Shape
    rows: int
    symbols: tuple[str, ...]
    first_time_ns: int
    last_time_ns: int
    by_symbol: bool
    stretches: tuple[Stretch, ...]
    out_of_order: int
    spacing_ns: int | None


def scan(table: Table, *, duration_ns: int | None = None) -> Scan:
    """Read times and symbols of ``table`` once, in bounded memory.

    Raises ``FeedError`` where there are no rows, more than ``OUT_OF_ORDER_SHARE_MAX`` of them go back in time, a time
    or symbol is missing, or bars have no spacing and no ``duration_ns`` is given.
    """
    shape = recognise(table.path, table.columns)
    codes = SymbolCodes(table.path)
    by_time, by_symbol, spacing = _TimeOrder(), _SymbolOrder(), _Spacing()
    rows, first_ns, last_ns = 0, _NO_SPACING_NS, _NEVER_NS
    for batch in table.batches([TIME_COLUMN, SYMBOL_COLUMN], SCAN_ROWS):
        if not batch.num_rows:
            continue
        times = times_ns(table.path, TIME_COLUMN, batch.column(TIME_COLUMN), rows)
        coded = codes.encode(batch.column(SYMBOL_COLUMN), rows)
        by_time.add(times, rows)
        by_symbol.add(times, coded, rows)
        if shape.stamped_with_start:
            spacing.add(times, coded)
        rows += batch.num_rows
        first_ns, last_ns = min(first_ns, int(times.min())), max(last_ns, int(times.max()))
    if not rows:
        raise FeedError(f"{table.path}: holds no rows; allowed: one or more")
    if max(-first_ns, last_ns) < _UNIT_SUSPECT_NS:
        raise FeedError(f"{table.path}: ts_event runs from {first_ns} to {last_ns}, which as nanoseconds since 1970 is "
                        f"{time_text(first_ns)} to {time_text(last_ns)}; allowed: nanoseconds, not a coarser unit")
    # The order that fewer rows break; time where both fit.
    split = by_symbol.contiguous and by_symbol.order.broken < by_time.broken
    chosen = by_symbol.order if split else by_time
    _refuse_unsorted(table, chosen, rows)
    if shape.stamped_with_start and duration_ns is None and spacing.smallest_ns is None:
        raise FeedError(f"{table.path}: no symbol has bars at two times, so their duration is not known; "
                        "allowed: two bars of a symbol, or a bar_duration_ns")
    return Scan(
        shape=shape, rows=rows, symbols=tuple(codes.codes), first_time_ns=int(first_ns), last_time_ns=int(last_ns),
        by_symbol=split, stretches=tuple(by_symbol.stretches(tuple(codes.codes), rows)) if split else (),
        out_of_order=chosen.broken, spacing_ns=spacing.smallest_ns,
    )


def _refuse_unsorted(table: Table, order: "_TimeOrder", rows: int) -> None:
    if order.broken <= OUT_OF_ORDER_SHARE_MAX * rows:
        return
    row, time_ns, before_ns = order.first_broken
    raise FeedError(
        f"{table.path}: row {row} (counted from 0) goes back in time: ts_event {time_ns} = {time_text(time_ns)} comes "
        f"after {before_ns} = {time_text(before_ns)}, and so do {order.broken / rows:.1%} of the rows; "
        f"allowed: {OUT_OF_ORDER_SHARE_MAX:.0%} (`algotrade data convert` sorts a file)")


class _TimeOrder:
    """Counts the rows below the running maximum of the times."""

    def __init__(self) -> None:
        self.broken = 0
        self.first_broken = (0, 0, 0)
        """Row, its time, and the latest time before it."""
        self.latest_ns = _NEVER_NS

    def add(self, times: Times, first_row: int) -> None:
        latest = np.maximum(np.maximum.accumulate(times), self.latest_ns)
        behind = times < latest
        count = int(np.count_nonzero(behind))
        if count and not self.broken:
            i = int(np.argmax(behind))
            self.first_broken = (first_row + i, int(times[i]), int(latest[i]))
        self.broken += count
        self.latest_ns = int(latest[-1])


class _SymbolOrder:
    """The same within each symbol, as long as the rows of a symbol stand together."""

    def __init__(self) -> None:
        self.order = _TimeOrder()
        self.contiguous = True
        self._starts: dict[int, int] = {}
        self._current = -1

    def add(self, times: Times, codes: Codes, first_row: int) -> None:
        if not self.contiguous:
            return
        before = np.concatenate([[self._current], codes[:-1]])
        starts = np.flatnonzero(codes != before)
        begun = codes[starts].tolist()
        # A symbol that begins again is not contiguous; checked first, for there may be as many starts as rows.
        if len(set(begun)) < len(begun) or not self._starts.keys().isdisjoint(begun):
            self.contiguous = False
            return
        for part, begin in enumerate([0, *starts.tolist()]):
            # Part 0 goes on with the last batch's symbol; it is empty where a symbol begins with the batch.
            end = int(starts[part]) if part < len(starts) else len(codes)
            if part:
                self.order.latest_ns = _NEVER_NS
            if begin < end:
                self.order.add(times[begin:end], first_row + begin)
        self._starts.update(zip(begun, (first_row + starts).tolist(), strict=True))
        self._current = int(codes[-1])

    def stretches(self, symbols: tuple[str, ...], rows: int) -> Iterator[Stretch]:
        edges = [*self._starts.values(), rows]
        for code, begin, end in zip(self._starts, edges[:-1], edges[1:], strict=True):
            yield Stretch(symbols[code], begin, end - begin)


class _Spacing:
    """The smallest positive distance between two times of a symbol."""

    def __init__(self) -> None:
        self._smallest_ns = _NO_SPACING_NS
        self._last_ns = np.empty(0, np.int64)

    @property
    def smallest_ns(self) -> int | None:
        return None if self._smallest_ns == _NO_SPACING_NS else int(self._smallest_ns)

    def add(self, times: Times, codes: Codes) -> None:
        fresh = int(codes.max()) + 1 - len(self._last_ns)
        self._last_ns = np.append(self._last_ns, np.full(max(fresh, 0), _NEVER_NS))
        order = np.argsort(codes, kind="stable")
        times, codes = times[order], codes[order]
        begins = np.concatenate([[True], codes[1:] != codes[:-1]])
        before = np.where(begins, self._last_ns[codes], np.concatenate([[_NEVER_NS], times[:-1]]))
        distances = (times - before)[(before != _NEVER_NS) & (times > before)]
        if len(distances):
            self._smallest_ns = min(self._smallest_ns, int(distances.min()))
        ends = np.concatenate([begins[1:], [True]])
        self._last_ns[codes[ends]] = times[ends]
