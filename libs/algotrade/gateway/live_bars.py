"""Bars that grow while the market runs: of five seconds, and the newest bar of a request that is kept up to date."""

import msgspec
import numpy as np

from algotrade.domain import Kind
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.bars import NOT_KNOWN, Bars, Series, in_sessions, series_of, starts_ns
from algotrade.gateway.history import Query, date_text
from algotrade.gateway.listings import Listing
from algotrade.gateway.market import Flow, Top
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire.answers.history import HistoricalDataUpdate
from algotrade.ibkr.wire.answers.market import RealTimeBar

FIVE_SECONDS_NS = 5 * NANOSECONDS_PER_SECOND


class Growing(msgspec.Struct):
    """A bar that is not complete. ``value`` is the sum of price times size, ``prices`` that of the prices."""

    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    value: float = 0.0
    prices: float = 0.0
    count: int = 0

    @property
    def average(self) -> float:
        """Return the average price, weighted by size where there are sizes."""
        return self.value / self.volume if self.volume > 0 else self.prices / self.count

    def fold(self, other: "Growing") -> None:
        """Add a later bar."""
        self.high, self.low = max(self.high, other.high), min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.value += other.value
        self.prices += other.prices
        self.count += other.count


class FiveSeconds:
    """Cuts records into bars of five seconds; a stretch without a record has none (assumed)."""

    def __init__(self, listing: Listing, kind: Kind, shown: str, *, regular_hours: bool) -> None:
        self._listing = listing
        self._kind = kind
        self._shown = shown
        self._regular_hours = regular_hours
        self._bar: Growing | None = None

    @property
    def is_of_quotes(self) -> bool:
        """Tell whether sizes are not known."""
        return self._kind is Kind.QUOTE

    def follow(self, flow: Flow) -> list[Growing]:
        """Take what happened and return the bars that it completed."""
        records = flow.quote_records if self._kind is Kind.QUOTE else flow.trade_records
        series = series_of(records, self._kind, self._shown)
        if self._regular_hours:
            series = series.where(in_sessions(series.times_ns, self._listing.liquid_sessions))
        done = []
        for bar in _cut(series):
            if self._bar is not None and self._bar.start_ns == bar.start_ns:
                self._bar.fold(bar)
                continue
            done += self._complete()
            self._bar = bar
        return done

    def pass_time(self, now_ns: int) -> list[Growing]:
        """Return the bar that is complete at ``now_ns``."""
        if self._bar is None or now_ns < self._bar.start_ns + FIVE_SECONDS_NS:
            return []
        return self._complete()

    def _complete(self) -> list[Growing]:
        done, self._bar = [self._bar] if self._bar is not None else [], None
        return done


def _cut(series: Series) -> list[Growing]:
    if not len(series.times_ns):
        return []
    starts = series.times_ns // FIVE_SECONDS_NS * FIVE_SECONDS_NS
    begins = np.flatnonzero(np.diff(starts, prepend=-1))
    ends = np.append(begins[1:], len(starts))
    price = series.close
    size = np.zeros(len(price)) if series.size is None else series.size
    columns = (starts[begins], price[begins], np.maximum.reduceat(price, begins), np.minimum.reduceat(price, begins),
               price[ends - 1], np.add.reduceat(size, begins), np.add.reduceat(size * price, begins),
               np.add.reduceat(price, begins), ends - begins)
    return [Growing(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


class RealTimeBars:
    """Bars of five seconds, told when they are complete."""

    conflated = False

    def __init__(self, req_id: int, listing: Listing, source: FiveSeconds, codec: Codec) -> None:
        self.listing = listing
        self._req_id = req_id
        self._source = source
        self._codec = codec

    def follow(self, flow: Flow, out: list[bytes]) -> None:
        """Tell the bars that a later record completed."""
        out += map(self._told, self._source.follow(flow))

    def catch_up(self, top: Top, out: list[bytes]) -> None:
        """Say nothing: a bar is told once."""

    def pass_time(self, now_ns: int, out: list[bytes]) -> None:
        """Tell the bar that time completed."""
        out += map(self._told, self._source.pass_time(now_ns))

    def _told(self, bar: Growing) -> bytes:
        volume, average, count = (
            (NOT_KNOWN, NOT_KNOWN, -1) if self._source.is_of_quotes else (bar.volume, bar.average, bar.count))
        return self._codec.encode(RealTimeBar(
            req_id=self._req_id, time_s=bar.start_ns // NANOSECONDS_PER_SECOND, open=bar.open, high=bar.high,
            low=bar.low, close=bar.close, volume=volume, wap=average, count=count))


class KeptBars:
    """Keeps the newest bar of a request for history up to date: told every five seconds in which something happened.

    ``answered``  the bars that were told; the last goes on
    """

    conflated = False

    def __init__(self, query: Query, kind: Kind, answered: Bars | None, codec: Codec) -> None:
        self.listing = query.listing
        self._query = query
        self._kind = kind
        self._source = FiveSeconds(query.listing, kind, query.shown, regular_hours=query.regular_hours)
        self._codec = codec
        self._bar = None if answered is None else _last_of(answered)

    def follow(self, flow: Flow, out: list[bytes]) -> None:
        """Tell what became of the newest bar."""
        if self._kind is Kind.BAR:
            out += map(self._grown, self._recorded(flow))
        else:
            out += map(self._grown, self._source.follow(flow))

    def catch_up(self, top: Top, out: list[bytes]) -> None:
        """Say nothing: what was left out would be missing from the bar."""

    def pass_time(self, now_ns: int, out: list[bytes]) -> None:
        """Tell the newest bar where five seconds are over."""
        out += map(self._grown, self._source.pass_time(now_ns))

    def _recorded(self, flow: Flow) -> list[Growing]:
        records = flow.bar_records
        if self._query.size.unit == "time":
            records = records[records["event_time_ns"] - records["open_time_ns"] <= self._query.size.ns]
        series = series_of(records, Kind.BAR, self._query.shown)
        if self._query.regular_hours:
            series = series.where(in_sessions(series.times_ns, self.listing.liquid_sessions))
        size = series.size
        assert size is not None, "bars have volumes"
        middle = (series.high + series.low + series.close) / 3
        columns = (series.times_ns, series.open, series.high, series.low, series.close, size, size * middle, middle,
                   np.ones(len(size), np.int64))
        return [Growing(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _grown(self, part: Growing) -> bytes:
        start_ns = int(starts_ns(np.array([part.start_ns], np.int64), self._query.size, self.listing)[0])
        if self._bar is not None and self._bar.start_ns == start_ns:
            self._bar.fold(part)
        else:
            part.start_ns = start_ns
            self._bar = part
        bar = self._bar
        volume, average, count = (
            (NOT_KNOWN, NOT_KNOWN, -1) if self._kind is Kind.QUOTE else (bar.volume, bar.average, bar.count))
        return self._codec.encode(HistoricalDataUpdate(
            req_id=self._query.req_id, count=count, date=date_text(bar.start_ns, self._query), open=bar.open,
            close=bar.close, high=bar.high, low=bar.low, wap=average, volume=volume))


def _last_of(bars: Bars) -> Growing:
    count, volume, average = int(bars.count[-1]), float(bars.volume[-1]), float(bars.average[-1])
    return Growing(
        start_ns=int(bars.starts_ns[-1]), open=float(bars.open[-1]), high=float(bars.high[-1]),
        low=float(bars.low[-1]), close=float(bars.close[-1]), volume=volume, value=volume * average,
        prices=average * count, count=count)
