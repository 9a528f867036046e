"""Requests for the past: bars, ticks, the first moment, the schedule."""

from datetime import date, timedelta

import msgspec
import numpy as np

from algotrade.domain import Kind
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.bars import (
    BAR_SIZE_ALIASES,
    BAR_SIZES,
    SHOWN,
    TRADES,
    Bars,
    BarSize,
    Duration,
    Series,
    in_sessions,
    parse_duration,
    put_together,
    series_of,
    trading_days,
)
from algotrade.gateway.floor import Floor
from algotrade.gateway.listings import Listing
from algotrade.gateway.refusals import history_error, not_valid
from algotrade.gateway.tape import Tape
from algotrade.gateway.times import (
    DAY_NS,
    TimeError,
    dashed,
    local,
    midnight_ns,
    parse_moment,
    sessions_within,
    spaced,
)
from algotrade.ibkr.wire import Answer
from algotrade.ibkr.wire.answers.history import (
    HeadTimestamp,
    HistoricalBar,
    HistoricalData,
    HistoricalSchedule,
    Session,
)
from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import RequestHeadTimestamp, RequestHistoricalData

BARS_MAX = 100_000
"""Bars in one answer: about 10 MB, below the largest frame. IB's own bounds by size are lower (documented)."""

SCHEDULE = "SCHEDULE"
SMALL_BARS_NS = 30 * NANOSECONDS_PER_SECOND
KEPT_SHOWN = ("TRADES", "MIDPOINT", "BID", "ASK")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A request for bars that is valid. ``end_ns`` None: up to now."""

    req_id: int
    listing: Listing
    size: BarSize
    duration: Duration
    shown: str
    regular_hours: bool
    epoch_dates: bool
    end_ns: int | None
    kept: bool

    @property
    def is_small(self) -> bool:
        """Tell whether the pace of its bars is limited."""
        return self.size.unit == "time" and self.size.ns <= SMALL_BARS_NS


def parse_query(request: RequestHistoricalData, listing: Listing) -> Query | ErrorMessage:
    """Return what is asked for, or why it cannot be."""
    size = BAR_SIZES.get(BAR_SIZE_ALIASES.get(request.bar_size, request.bar_size))
    duration = parse_duration(request.duration)
    wrong, end_ns = _wrong(request, size, duration), None
    if wrong is None and request.end:
        try:
            end_ns = parse_moment(request.end, listing.zone)
        except TimeError as error:
            wrong = f"Invalid end date/time: {error}"
    if wrong is not None:
        return not_valid(request.req_id, wrong)
    assert size is not None
    assert duration is not None
    return Query(req_id=request.req_id, listing=listing, size=size, duration=duration, shown=request.what_to_show,
                 regular_hours=bool(request.use_rth), epoch_dates=request.format_date == 2, end_ns=end_ns,
                 kept=request.keep_up_to_date)


def _wrong(request: RequestHistoricalData, size: BarSize | None, duration: Duration | None) -> str | None:
    if size is None:
        return f"Historical data bar size setting is invalid. Legal ones are: {', '.join(BAR_SIZES)}"
    if duration is None:
        return (f"Historical data query duration {request.duration!r} is invalid. "
                "Legal ones are: N S, N D, N W, N M, N Y")
    found = [
        (duration.unit == "D" and duration.count > 365,
         "Historical data requests for durations longer than 365 days must be made in years."),
        (request.what_to_show not in (*SHOWN, SCHEDULE),
         f"What to show is {request.what_to_show!r}. Legal ones are: {', '.join((*SHOWN, SCHEDULE))}"),
        (request.format_date not in {1, 2}, f"Format date is {request.format_date}. Legal ones are: 1, 2"),
        (request.keep_up_to_date and (request.end or request.what_to_show not in KEPT_SHOWN or _below_five(size)),
         f"Keep up to date needs an empty end, bars of 5 secs or more, and one of: {', '.join(KEPT_SHOWN)}"),
        (request.what_to_show == SCHEDULE and size.unit != "day",
         "Historical schedule is available for bars of 1 day only"),
    ]
    return next((cause for is_wrong, cause in found if is_wrong), None)


def _below_five(size: BarSize) -> bool:
    return size.unit == "time" and size.ns < 5 * NANOSECONDS_PER_SECOND


def answer_bars(floor: Floor, query: Query) -> tuple[Answer, Bars | None]:
    """Return the answer to ``query``, and its bars where there are any."""
    now_ns = floor.history_ns
    end_ns = now_ns if query.end_ns is None else min(query.end_ns, now_ns)
    if query.shown == SCHEDULE:
        return _schedule(query, end_ns), None
    series, begin_ns = _series(floor.market.tape, query, end_ns, open_end=query.end_ns is None or end_ns < query.end_ns)
    bars = put_together(series, query.size, query.listing, query.shown) if len(series.times_ns) else None
    zone, name = query.listing.zone, query.listing.time_zone_id
    if bars is None:
        if query.kept:
            return HistoricalData(req_id=query.req_id, start=spaced(begin_ns, zone, name),
                                  end=spaced(end_ns, zone, name), bars=()), None
        return _nothing(query), None
    if len(bars.starts_ns) > BARS_MAX:
        return history_error(query.req_id, f"{len(bars.starts_ns)} bars exceed the {BARS_MAX} of one query"), None
    return HistoricalData(req_id=query.req_id, start=spaced(begin_ns, zone, name), end=spaced(end_ns, zone, name),
                          bars=tuple(_told(bars, query))), bars


def _nothing(query: Query) -> ErrorMessage:
    contract = query.listing.contract
    return history_error(query.req_id, "HMDS query returned no data: "
                                       f"{contract.local_symbol}@{contract.exchange} {query.shown.title()}")


def date_text(start_ns: int, query: Query) -> str:
    """Return how ``query`` wants a bar's time: a day, seconds since 1970 UTC, or a moment in the listing's zone."""
    if query.size.unit != "time":
        return f"{local(start_ns, query.listing.zone):%Y%m%d}"
    if query.epoch_dates:
        return str(start_ns // NANOSECONDS_PER_SECOND)
    return spaced(start_ns, query.listing.zone, query.listing.time_zone_id)


def _told(bars: Bars, query: Query) -> list[HistoricalBar]:
    columns = (bars.starts_ns, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.average, bars.count)
    return [HistoricalBar(date=date_text(t, query), open=o, high=h, low=low, close=c, volume=v, wap=w, count=n)
            for t, o, h, low, c, v, w, n in zip(*(column.tolist() for column in columns), strict=True)]


def source_of(tape: Tape, instrument: int, shown: str) -> Kind | None:
    """Return which records ``shown`` is made of, None where there are none of the instrument."""
    kinds = (Kind.TRADE, Kind.BAR) if shown == TRADES else (Kind.QUOTE,)
    return next((kind for kind in kinds if tape.has(kind, instrument)), None)


def _series(tape: Tape, query: Query, end_ns: int, *, open_end: bool) -> tuple[Series, int]:
    """Return what the bars are made of and when they begin: records up to ``end_ns``, with it where the end is open."""
    listing = query.listing
    kind = source_of(tape, listing.instrument.id, query.shown)
    # A bar that closes at the end belongs to it; a tick at the end is the next bar's first.
    through_ns = end_ns if open_end or kind is Kind.BAR else end_ns - 1
    back_ns = _earliest_ns(query, end_ns)
    if kind is None:
        return series_of(tape.records(Kind.TRADE, listing.instrument.id, 0, -1), Kind.TRADE, TRADES), back_ns
    records = tape.records(kind, listing.instrument.id, back_ns - 1, through_ns)
    if kind is Kind.BAR and query.size.unit == "time":
        records = records[records["event_time_ns"] - records["open_time_ns"] <= query.size.ns]
    series = series_of(records, kind, query.shown)
    if query.regular_hours:
        series = series.where(in_sessions(series.times_ns, listing.liquid_sessions))
    begin_ns = back_ns
    if query.duration.unit == "D" and len(series.times_ns):
        days = trading_days(series.times_ns, listing)
        kept = np.unique(days)[-query.duration.count :]
        series = series.where(days >= kept[0])
        begin_ns = midnight_ns(date.fromordinal(_EPOCH + int(kept[0])), listing.zone)
    return series.where(series.times_ns >= begin_ns) if query.duration.unit != "D" else series, begin_ns


_EPOCH = date(1970, 1, 1).toordinal()


def _earliest_ns(query: Query, end_ns: int) -> int:
    """Return where to begin to look; a duration in days is counted in trading days, so that is further back."""
    count, zone = query.duration.count, query.listing.zone
    match query.duration.unit:
        case "S":
            sessions = query.listing.liquid_sessions if query.regular_hours else query.listing.trading_sessions
            if sessions.opens_ns and not sessions.is_open(end_ns):
                # While the market is closed, seconds are counted back from its close (observed).
                end_ns = max((c for c in sessions.closes_ns if c <= end_ns), default=end_ns)
            return end_ns - count * NANOSECONDS_PER_SECOND
        case "D":
            return end_ns - (2 * count + 12) * DAY_NS
        case "W":
            return end_ns - 7 * count * DAY_NS
        case unit:
            months = count * (12 if unit == "Y" else 1)
            now = local(end_ns, zone)
            year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
            first = date(max(year, 1971), month + 1, 1)
            day = min(now.day, ((first + timedelta(days=31)).replace(day=1) - timedelta(days=1)).day)
            return midnight_ns(first.replace(day=day), zone)


def _schedule(query: Query, end_ns: int) -> HistoricalSchedule:
    zone, listing = query.listing.zone, query.listing
    sessions = listing.liquid_sessions if query.regular_hours else listing.trading_sessions
    begin_ns = end_ns - round(query.duration.days_about * DAY_NS)
    found = sessions_within(sessions, begin_ns, end_ns, zone)
    told = [Session(start=dashed(o, zone), end=dashed(c, zone), ref_date=f"{local(c - 1, zone):%Y%m%d}")
            for o, c in found]
    return HistoricalSchedule(req_id=query.req_id, start=dashed(begin_ns, zone), end=dashed(end_ns, zone),
                              time_zone=listing.time_zone_id, sessions=tuple(told))


def answer_head(floor: Floor, request: RequestHeadTimestamp) -> Answer:
    """Return the first moment of the past that there are data of, in UTC; 162 where there are none."""
    listing = floor.listing_for(request.req_id, request.contract)
    if isinstance(listing, ErrorMessage):
        return listing
    if request.what_to_show not in SHOWN or request.format_date not in {1, 2}:
        return not_valid(request.req_id, f"What to show {request.what_to_show!r}, format date {request.format_date}: "
                                         f"legal ones are {', '.join(SHOWN)}, and 1 or 2")
    tape = floor.market.tape
    kind = source_of(tape, listing.instrument.id, request.what_to_show)
    first_ns = None if kind is None else tape.first_ns(kind, listing.instrument.id)
    if first_ns is None or first_ns > floor.history_ns:
        return history_error(request.req_id, "No head time stamp")
    text = dashed(first_ns) if request.format_date == 1 else str(first_ns // NANOSECONDS_PER_SECOND)
    return HeadTimestamp(req_id=request.req_id, timestamp=text)


def contract_key(contract: Contract) -> tuple[object, ...]:
    """Return what makes two requests ask for the same contract."""
    return contract.con_id, contract.symbol, contract.local_symbol, contract.exchange, contract.last_trade_date


