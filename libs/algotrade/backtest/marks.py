"""Prices of a run, thinned to a bounded number of time bins: what positions are valued at, and what charts draw."""

import numpy as np
import numpy.typing as npt

from algotrade.domain.instrument import Instruments
from algotrade.domain.market import QUARANTINE, Flag, MarketBatch, Records
from algotrade.jit import jit

DAY_NS = 86_400 * 1_000_000_000

MARK = np.dtype([("time_ns", "<i8"), ("instrument", "<i4"), ("price", "<f8")])
"""What one unit of an instrument was worth at a time, in its currency. Never NaN: an unknown price has no row."""

PRICES = np.dtype([("time_ns", "<i8"), ("low", "<f8"), ("high", "<f8"), ("last", "<f8")])
"""One instrument's prices in one bin: lowest, highest and last, and the time of the last."""

CELL = np.dtype([("rank", "<i8"), ("time_ns", "<i8"), ("low", "<f8"), ("high", "<f8"), ("last", "<f8")])
"""One bin of one instrument, 40 bytes. ``rank`` is that of the best kind of price seen, 0 before the first."""

BAR_RANK, TRADE_RANK, QUOTE_RANK = 1, 2, 3
"""A quote's mid is the best evidence of a value: trades bounce between bid and ask, a bar's close is one of them."""

UNTRUSTED = int(QUARANTINE | Flag.CROSSED | Flag.PRICE_JUMP)
"""Records so flagged mark nothing; the same as in the risk gate, and whatever strategies never saw."""


@jit
def fold_cells(
    cells: Records, rows: npt.NDArray[np.int64], times_ns: npt.NDArray[np.int64], lows: npt.NDArray[np.float64],
    highs: npt.NDArray[np.float64], lasts: npt.NDArray[np.float64], rank: int,
) -> None:
    """Fold prices of one kind, in time order, into ``cells``; ``rows`` says which cell each belongs to.

    A better kind of price replaces what a lesser one left in the cell, and a lesser one leaves no trace: so the
    result does not depend on how the kinds were interleaved, nor on where a run was cut into batches.
    """
    for i in range(len(rows)):
        row = rows[i]
        if cells[row]["rank"] > rank:
            continue
        if cells[row]["rank"] < rank:
            cells[row]["rank"] = rank
            cells[row]["low"] = lows[i]
            cells[row]["high"] = highs[i]
        cells[row]["low"] = min(cells[row]["low"], lows[i])
        cells[row]["high"] = max(cells[row]["high"], highs[i])
        cells[row]["last"] = lasts[i]
        cells[row]["time_ns"] = times_ns[i]


class MarkSampler:
    """Keeps the last price of every instrument in every time bin, and the range it moved in.

    The price is the mid of the bin's last two-sided, uncrossed quote; without one that of its last trade; without one
    the close of its last bar. Records flagged as crossed, as a price jump or for quarantine are passed over.

    ``bins`` of equal length cover [first_ns, last_ns]. Two rules make the result fit for daily returns: no bin is
    longer than a UTC day, and none straddles midnight UTC. So there are up to ``bins`` plus two a day of them.
    Memory is 40 bytes * bins * instruments, taken at the start, whatever the number of records.
    """

    def __init__(self, instruments: Instruments, first_ns: int, last_ns: int, bins: int = 2_000) -> None:
        assert first_ns <= last_ns, f"the run ends at {last_ns}, before its start at {first_ns}"
        assert bins > 0, f"{bins} bins"
        self._first_ns, self._last_ns = first_ns, last_ns
        self._bin_ns = min(DAY_NS, -(-(last_ns - first_ns + 1) // bins))
        self._bins_per_day = -(-DAY_NS // self._bin_ns)
        self._instruments = len(instruments)
        self._first_bin = self._bin(first_ns)
        bins_used = self._bin(last_ns) - self._first_bin + 1
        self._cells: Records = np.zeros(bins_used * self._instruments, dtype=CELL)

    def feed(self, batch: MarketBatch) -> None:
        """Take in the next stretch of the run; every record lies in [first_ns, last_ns]."""
        quotes, trades, bars = batch.quotes, batch.trades, batch.bars
        # NaN on either side fails the comparison, so a one-sided quote is left out here.
        two_sided = (quotes["bid"] > 0) & (quotes["bid"] <= quotes["ask"])
        quotes = quotes[two_sided]
        mids = quotes["bid"] + (quotes["ask"] - quotes["bid"]) / 2
        self._fold(quotes, mids, mids, mids, QUOTE_RANK)
        self._fold(trades, trades["price"], trades["price"], trades["price"], TRADE_RANK)
        lows, highs = np.fmin(bars["low"], bars["close"]), np.fmax(bars["high"], bars["close"])
        self._fold(bars, lows, highs, bars["close"], BAR_RANK)

    def marks(self) -> Records:
        """Return the last price of each instrument in each bin as ``MARK`` rows, in time order."""
        used = np.flatnonzero(self._cells["rank"])
        marks = np.empty(len(used), dtype=MARK)
        marks["time_ns"] = self._cells["time_ns"][used]
        marks["instrument"] = used % max(self._instruments, 1)
        marks["price"] = self._cells["last"][used]
        return marks[np.argsort(marks["time_ns"], kind="stable")]

    def prices(self, instrument: int) -> Records:
        """Return the price range of ``instrument`` in each bin that has a price, as ``PRICES`` rows in time order."""
        cells = self._cells[instrument::self._instruments]
        cells = cells[cells["rank"] > 0]
        prices = np.empty(len(cells), dtype=PRICES)
        for field in ("time_ns", "low", "high", "last"):
            prices[field] = cells[field]
        return prices

    def _bin(self, time_ns: int) -> int:
        return time_ns // DAY_NS * self._bins_per_day + time_ns % DAY_NS // self._bin_ns

    def _fold(
        self, records: Records, lows: npt.NDArray[np.float64], highs: npt.NDArray[np.float64],
        lasts: npt.NDArray[np.float64], rank: int,
    ) -> None:
        trusted = np.flatnonzero((lasts > 0) & np.isfinite(lasts) & (records["flags"] & UNTRUSTED == 0))
        if not len(trusted):
            return
        times_ns = records["event_time_ns"][trusted]
        assert times_ns.min() >= self._first_ns, f"a record of {times_ns.min()} before the run's start"
        assert times_ns.max() <= self._last_ns, f"a record of {times_ns.max()} behind the run's end"
        bins = times_ns // DAY_NS * self._bins_per_day + times_ns % DAY_NS // self._bin_ns - self._first_bin
        instruments = records["instrument"][trusted]
        assert instruments.max() < self._instruments, f"instrument {instruments.max()} of {self._instruments}"
        rows = bins * self._instruments + instruments
        fold_cells(self._cells, rows, times_ns, lows[trusted], highs[trusted], lasts[trusted], rank)
