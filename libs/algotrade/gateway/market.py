"""The state of the market as it has been played so far: the top of each instrument's book, its last price, its day."""

import functools
from collections.abc import Iterator

import msgspec
import numpy as np

from algotrade.domain import Kind, MarketBatch, Records
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.listings import Listing, Listings
from algotrade.gateway.tape import Cursor, Due, Tape
from algotrade.gateway.times import local

HISTORY_KINDS = (Kind.TRADE, Kind.BAR)

PRICE_DECIMALS = 9
"""Midpoints are told to so many decimals: no instrument has a finer tick, and what is behind them is arithmetic."""


class Top(msgspec.Struct):
    """What is known of an instrument now. None: nothing yet.

    ``open`` to ``close``, ``volume`` and ``traded_value`` are of the day, in the listing's zone; ``close`` of the day
    before. ``time_s`` of the last price, seconds since 1970 UTC.
    """

    bid: float | None = None
    ask: float | None = None
    bid_size: float = 0.0
    ask_size: float = 0.0
    last: float | None = None
    last_size: float = 0.0
    time_s: int = 0
    day: int = -1
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float = 0.0
    traded_value: float = 0.0


class QuoteRow(msgspec.Struct, frozen=True, gc=False):
    """A quote, ready to be told."""

    sequence: int
    time_s: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """A print, ready to be told."""

    sequence: int
    time_s: int
    price: float
    size: float


class Flow:
    """What became due of one instrument in one step; rows are made when first asked for."""

    def __init__(self, top: Top, quotes: Records, trades: Records, bars: Records, lot: float) -> None:
        self.top = top
        self._lot = lot
        self.quote_records = quotes
        self.trade_records = trades
        self.bar_records = bars

    @functools.cached_property
    def quotes(self) -> list[QuoteRow]:
        """Return the quotes, in their order."""
        q = self.quote_records
        return list(map(QuoteRow, q["sequence"].tolist(), _seconds(q), q["bid"].tolist(), q["ask"].tolist(),
                        quoted_sizes(q, "bid_size", self._lot), quoted_sizes(q, "ask_size", self._lot)))

    @functools.cached_property
    def trades(self) -> list[TradeRow]:
        """Return the prints, in their order; a bar is told as one print of its close and volume (assumed)."""
        t, b = self.trade_records, self.bar_records
        rows = list(map(TradeRow, t["sequence"].tolist(), _seconds(t), t["price"].tolist(), _sizes(t, "size")))
        if len(b):
            rows += map(TradeRow, b["sequence"].tolist(), _seconds(b), b["close"].tolist(), _sizes(b, "volume"))
        return rows

    @functools.cached_property
    def merged(self) -> list[QuoteRow | TradeRow]:
        """Return quotes and prints as they happened."""
        if not self.quotes or not self.trades:
            return [*self.quotes, *self.trades]
        return sorted([*self.quotes, *self.trades], key=lambda row: row.sequence)


def _seconds(records: Records) -> list[int]:
    seconds: list[int] = (records["event_time_ns"] // NANOSECONDS_PER_SECOND).tolist()
    return seconds


def quoted_sizes(records: Records, field: str, lot: float) -> list[float]:
    """Return the sizes of quotes; one that is not known, or 0, is told as a lot (assumed): 0 would mean no quote."""
    sizes = records[field]
    told: list[float] = np.where(sizes > 0, sizes, lot).tolist()
    return told


def _sizes(records: Records, field: str) -> list[float]:
    sizes: list[float] = np.nan_to_num(records[field]).tolist()
    return sizes


class Market:
    """Plays a tape: ``take`` moves it on, ``tops`` is where it stands.

    ``lag_ns``  how far it is behind the market's clock: 15 minutes for delayed data
    """

    def __init__(self, tape: Tape, listings: Listings, start_ns: int, lag_ns: int = 0) -> None:
        self.tape = tape
        self._listings = {listing.instrument.id: listing for listing in listings}
        self._lag_ns = lag_ns
        self._cursor = Cursor(tape, start_ns - lag_ns)
        self.tops = {i: self._before(x, start_ns - lag_ns) for i, x in self._listings.items()}

    @property
    def reached_ns(self) -> int:
        """Return the time of the market up to which it was played: what is known lies at or before it."""
        return self._cursor.reached_ns

    def next_ns(self) -> int | None:
        """Return the market's clock when the next record becomes due, None at the end."""
        time_ns = self._cursor.next_ns()
        return None if time_ns is None else time_ns + self._lag_ns

    def take(self, now_ns: int) -> Due:
        """Play up to ``now_ns`` of the market's clock, or part of the way: ``reached_ns`` says how far."""
        due = self._cursor.take(now_ns - self._lag_ns)
        return msgspec.structs.replace(due, reached_ns=due.reached_ns + self._lag_ns)

    def flows(self, batch: MarketBatch) -> Iterator[tuple[int, Flow]]:
        """Yield (instrument, flow) of every instrument in ``batch``, its top brought up to date."""
        arrays = batch.arrays()
        held = {kind: np.unique(records["instrument"]).tolist() for kind, records in arrays.items() if len(records)}
        alone = len({i for ids in held.values() for i in ids}) == 1
        for instrument in sorted({i for ids in held.values() for i in ids}):
            quotes, trades, bars = (
                records if alone else records[records["instrument"] == instrument]
                if instrument in held.get(kind, ()) else records[:0] for kind, records in arrays.items())
            top = self.tops[instrument]
            self._update(self._listings[instrument], top, quotes, trades, bars)
            yield instrument, Flow(top, quotes, trades, bars, float(self._listings[instrument].instrument.lot))

    def _before(self, listing: Listing, now_ns: int) -> Top:
        """Return the state that history up to ``now_ns`` left behind: the last quote, the day's prices, the close."""
        top, zone = Top(), listing.zone
        today = local(now_ns, zone).date().toordinal()
        id_ = listing.instrument.id
        week_ns = now_ns - 10 * 86_400 * NANOSECONDS_PER_SECOND  # a day's close lies behind a long weekend at most
        quotes = self.tape.records(Kind.QUOTE, id_, week_ns, now_ns)
        trades, bars = (self.tape.records(kind, id_, week_ns, now_ns) for kind in HISTORY_KINDS)
        self._update(listing, top, quotes[-1:], trades, bars)
        if top.day not in {-1, today}:
            _roll(top, today)
        return top

    @staticmethod
    def _update(listing: Listing, top: Top, quotes: Records, trades: Records, bars: Records) -> None:
        if len(quotes):
            newest, lot = quotes[-1:], float(listing.instrument.lot)
            (top.bid,), (top.ask,) = newest["bid"].tolist(), newest["ask"].tolist()
            (top.bid_size,), (top.ask_size,) = (quoted_sizes(newest, f, lot) for f in ("bid_size", "ask_size"))
        if len(trades):
            _print(top, trades, ("price", "price", "price", "price", "size"), listing)
        if len(bars):
            _print(top, bars, ("open", "high", "low", "close", "volume"), listing)


def _days(records: Records, listing: Listing) -> list[tuple[int, int, int]]:
    """Return (day, first row, row behind) for each day in the listing's zone that the records lie in."""
    seconds = records["event_time_ns"] // NANOSECONDS_PER_SECOND
    zone = listing.zone
    first, last = (local(int(records["event_time_ns"][row]), zone).date().toordinal() for row in (0, -1))
    if first == last:
        return [(first, 0, len(records))]
    hours, place = np.unique(seconds // 3600, return_inverse=True)
    ordinals = np.array([local(h * 3600 * NANOSECONDS_PER_SECOND, zone).date().toordinal() for h in hours.tolist()])
    days, begins = np.unique(ordinals[place], return_index=True)
    ends = [*begins[1:].tolist(), len(records)]
    return list(zip(days.tolist(), begins.tolist(), ends, strict=True))


def _print(top: Top, records: Records, fields: tuple[str, str, str, str, str], listing: Listing) -> None:
    opens, highs, lows, closes, sizes = fields
    for day, begin, end in _days(records, listing):
        rows = records[begin:end]
        if day != top.day:
            _roll(top, day)
        high, low = float(rows[highs].max()), float(rows[lows].min())
        top.open = float(rows[opens][0]) if top.open is None else top.open
        top.high = high if top.high is None else max(top.high, high)
        top.low = low if top.low is None else min(top.low, low)
        size = np.nan_to_num(rows[sizes])
        top.volume += float(size.sum())
        top.traded_value += float((size * rows[closes]).sum())
        top.last, top.last_size = float(rows[closes][-1]), float(size[-1])
    top.time_s = int(records["event_time_ns"][-1]) // NANOSECONDS_PER_SECOND


def _roll(top: Top, day: int) -> None:
    """Begin a new day: yesterday's last price is its close."""
    top.day, top.close = day, top.last if top.last is not None else top.close
    top.open = top.high = top.low = None
    top.volume = top.traded_value = 0.0
