"""Bars out of records: IB's sizes and durations, and how records are put together."""

import re
from datetime import date, timedelta, tzinfo
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.domain import Kind, Records, Sessions
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.listings import Listing
from algotrade.gateway.market import PRICE_DECIMALS
from algotrade.gateway.times import DAY_NS, local, midnight_ns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TRADES, MIDPOINT, BID, ASK, BID_ASK = "TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK"
SHOWN = (TRADES, MIDPOINT, BID, ASK, BID_ASK)
NOT_KNOWN = -1.0
"""Volume, average and count of bars of quotes (observed)."""

Unit = Literal["time", "day", "week", "month"]


class BarSize(msgspec.Struct, frozen=True):
    """A size of bars: so many nanoseconds, or a stretch of the calendar, where ``ns`` is 0."""

    text: str
    unit: Unit
    ns: int = 0


BAR_SIZES = {
    size.text: size for size in (
        *(BarSize(f"{n} {'sec' if n == 1 else 'secs'}", "time", n * NANOSECONDS_PER_SECOND)
          for n in (1, 5, 10, 15, 30)),
        *(BarSize(f"{n} {'min' if n == 1 else 'mins'}", "time", n * 60 * NANOSECONDS_PER_SECOND)
          for n in (1, 2, 3, 5, 10, 15, 20, 30)),
        *(BarSize(f"{n} {'hour' if n == 1 else 'hours'}", "time", n * 3600 * NANOSECONDS_PER_SECOND)
          for n in (1, 2, 3, 4, 8)),
        BarSize("1 day", "day"), BarSize("1 week", "week"), BarSize("1 month", "month"))}
"""IB's sizes (documented). Sizes of several hours begin at hours of the day in the instrument's zone (assumed)."""

BAR_SIZE_ALIASES = {"1 secs": "1 sec", "1 W": "1 week", "1W": "1 week", "1 M": "1 month", "1M": "1 month",
                    "1D": "1 day", "1 D": "1 day"}

_DURATION = re.compile(r"([1-9]\d{0,5}) ([SDWMY])")


class Duration(msgspec.Struct, frozen=True):
    """How far back a request goes: seconds, trading days, weeks, months, years."""

    count: int
    unit: str

    @property
    def days_about(self) -> float:
        """Return about how many days that is."""
        return self.count * {"S": 1 / 86_400, "D": 1, "W": 7, "M": 30, "Y": 365}[self.unit]


def parse_duration(text: str) -> Duration | None:
    """Return what ``text`` says, None where it is not ``N S|D|W|M|Y``; without a unit these are seconds."""
    match = _DURATION.fullmatch(f"{text} S" if text.isdigit() else text)
    return None if match is None else Duration(int(match[1]), match[2])


class Bars(msgspec.Struct, frozen=True):
    """Bars, oldest first; ``starts_ns`` since 1970 UTC, of days and longer midnight in the zone."""

    starts_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    average: Floats
    count: Ints


def zone_offsets_ns(times_ns: Ints, zone: tzinfo) -> Ints:
    """Return what is added to UTC in ``zone`` at each of ``times_ns``, looked up once an hour."""
    hours, place = np.unique(times_ns // (3600 * NANOSECONDS_PER_SECOND), return_inverse=True)
    offsets = []
    for hour in hours.tolist():
        offset = local(hour * 3600 * NANOSECONDS_PER_SECOND, zone).utcoffset()
        assert offset is not None, "a zone knows its offset"
        offsets.append(int(offset.total_seconds()) * NANOSECONDS_PER_SECOND)
    return np.array(offsets, np.int64)[place]


def trading_days(times_ns: Ints, listing: Listing) -> Ints:
    """Return the trading day, counted from 1970-01-01, that each time belongs to.

    That is the day in the listing's zone on which the session closes; outside sessions, the day itself.
    """
    zone, sessions = listing.zone, listing.trading_sessions
    days = (times_ns + zone_offsets_ns(times_ns, zone)) // DAY_NS
    if sessions.opens_ns:
        place, open_ = _in_session(times_ns, sessions)
        closes = np.array(sessions.closes_ns, np.int64)[place[open_]]
        days[open_] = (closes - 1 + zone_offsets_ns(closes - 1, zone)) // DAY_NS
    return days


def in_sessions(times_ns: Ints, sessions: Sessions) -> npt.NDArray[np.bool_]:
    """Tell of each time whether the market is open."""
    return np.ones(len(times_ns), np.bool_) if not sessions.opens_ns else _in_session(times_ns, sessions)[1]


def _in_session(times_ns: Ints, sessions: Sessions) -> tuple[Ints, npt.NDArray[np.bool_]]:
    place = np.searchsorted(np.array(sessions.opens_ns, np.int64), times_ns, side="right") - 1
    return place, (place >= 0) & (times_ns < np.array(sessions.closes_ns, np.int64)[np.maximum(place, 0)])


def starts_ns(times_ns: Ints, size: BarSize, listing: Listing) -> Ints:
    """Return when the bar begins that each time lies in."""
    zone = listing.zone
    if size.unit == "time":
        offsets = zone_offsets_ns(times_ns, zone)
        starts: Ints = (times_ns + offsets) // size.ns * size.ns - offsets
        return starts
    days, place = np.unique(trading_days(times_ns, listing), return_inverse=True)
    begins = [midnight_ns(_first_day(date.fromordinal(_EPOCH + day), size.unit), zone) for day in days.tolist()]
    return np.array(begins, np.int64)[place]


_EPOCH = date(1970, 1, 1).toordinal()


def _first_day(day: date, unit: Unit) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


class Series(msgspec.Struct, frozen=True):
    """What bars are made of: times, prices, and sizes where there are any. Of ticks, all four prices are the same."""

    times_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    size: Floats | None

    def where(self, wanted: npt.NDArray[np.bool_]) -> "Series":
        """Return a part of it."""
        return Series(self.times_ns[wanted], self.open[wanted], self.high[wanted], self.low[wanted],
                      self.close[wanted], None if self.size is None else self.size[wanted])


def series_of(records: Records, kind: Kind, shown: str) -> Series:
    """Return ``records`` of ``kind`` as ``shown`` wants them; BID_ASK has bids as open and low, asks as high and close.

    A bar's time is when it begins.
    """
    times = np.ascontiguousarray(records["open_time_ns" if kind is Kind.BAR else "event_time_ns"])
    if kind is Kind.BAR:
        open_, high, low, close = (np.ascontiguousarray(records[f]) for f in ("open", "high", "low", "close"))
        return Series(times, open_, high, low, close, np.nan_to_num(records["volume"]))
    if kind is Kind.TRADE:
        price = np.ascontiguousarray(records["price"])
        return Series(times, price, price, price, price, np.nan_to_num(records["size"]))
    bid, ask = np.ascontiguousarray(records["bid"]), np.ascontiguousarray(records["ask"])
    if shown == BID_ASK:
        return Series(times, bid, ask, bid, ask, None)
    price = {MIDPOINT: np.round((bid + ask) / 2, PRICE_DECIMALS), BID: bid, ASK: ask}[shown]
    return Series(times, price, price, price, price, None)


def put_together(series: Series, size: BarSize, listing: Listing, shown: str) -> Bars:
    """Return the bars of ``series``, which is not empty; stretches without a record have none (assumed).

    The average is weighted by size; of quotes, volume, average and count are ``NOT_KNOWN``. BID_ASK has the averages of
    bid and ask over time as open and close (documented).
    """
    starts = starts_ns(series.times_ns, size, listing)
    begins = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    ends = np.append(begins[1:], len(starts)) - 1
    high, low = np.maximum.reduceat(series.high, begins), np.minimum.reduceat(series.low, begins)
    count = ends - begins + 1
    open_, close = series.open[begins], series.close[ends]
    if series.size is None:
        if shown == BID_ASK:
            open_, close = _over_time(series, starts, begins, count, size)
        unknown = np.full(len(begins), NOT_KNOWN)
        return Bars(starts[begins], open_, high, low, close, unknown, unknown, np.full(len(begins), -1))
    volume = np.add.reduceat(series.size, begins)
    middle = (series.high + series.low + series.close) / 3
    value = np.add.reduceat(series.size * middle, begins)
    plain = np.add.reduceat(middle, begins) / count
    average = np.where(volume > 0, value / np.where(volume > 0, volume, 1), plain)
    return Bars(starts[begins], open_, high, low, close, volume, average, count)


def _over_time(series: Series, starts: Ints, begins: Ints, count: Ints, size: BarSize) -> tuple[Floats, Floats]:
    """Return the averages of bid and ask over time, each quote for as long as it stood within its bar."""
    until = np.append(series.times_ns[1:], series.times_ns[-1])
    if size.unit == "time":
        until[-1] = starts[-1] + size.ns
        until = np.minimum(until, starts + size.ns)
    else:
        last = np.append(begins[1:], len(starts)) - 1
        until[last] = series.times_ns[last]
    weight = (until - series.times_ns).astype(np.float64)
    whole = np.add.reduceat(weight, begins)
    flat = whole == 0  # all quotes of the bar at one time: each counts the same
    weight = np.where(np.repeat(flat, count), 1.0, weight)
    whole = np.where(flat, count, whole)
    return (np.add.reduceat(series.open * weight, begins) / whole,
            np.add.reduceat(series.close * weight, begins) / whole)
