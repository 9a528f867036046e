"""The subscriptions of a feed: what each asks for, and what it is known by."""

from collections.abc import Iterator, Mapping
from enum import Enum

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.instrument import Instruments
from algotrade.domain.market import Kind
from algotrade.feeds.ibkr.quotes import GENERIC_TICKS
from algotrade.feeds.ibkr.settings import IbkrFeedSettings
from algotrade.feeds.ibkr.times import duration_text
from algotrade.feeds.ibkr.watchdog import Watch
from algotrade.ibkr.contracts import Qualified
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire import requests as r

FORMAT_EPOCH = 2
"""Bars are dated in seconds since 1970 UTC; days all the same as yyyymmdd (documented)."""
WAITS_S, SMALL_WAITS_S, SMALL_S = 120, 600, 30
"""Seconds that a request for history may wait for its turn, and has to reach back further: so many of bars
above 30 seconds, and of those up to 30 seconds."""
BAR_STALE_S_MAX = 600.0
"""Longest silence of bars: history that is kept up to date tells of a forming bar every few seconds (observed)."""

_WITH_RT_VOLUME = frozenset({"STK", "FUT", "OPT", "FOP", "WAR", "CFD"})
"""Kinds of contract that RT volume may be asked for; of others the whole request would be refused (assumed)."""


class What(Enum):
    """What a subscription brings."""

    TOP = "top of the book"
    TRADE_TICKS = "every trade"
    QUOTE_TICKS = "every quote"
    BARS = "bars"


KINDS: dict[What, tuple[Kind, ...]] = {
    What.TOP: (Kind.QUOTE, Kind.TRADE), What.TRADE_TICKS: (Kind.TRADE,), What.QUOTE_TICKS: (Kind.QUOTE,),
    What.BARS: (),
}
"""The records that are behind a gap after an interruption; bars are filled back instead."""

TICK_TYPES = {What.TRADE_TICKS: "Last", What.QUOTE_TICKS: "BidAsk"}


class Stream:
    """One subscription of one instrument. Ids of 0: not asked for.

    ``history_id``        the request whose history is awaited; that of the bars where these are kept up to date
    ``asked_from_ns``     from when on that history reaches if it is told at once, in market time
    ``reach_ns``          how far back it reaches from when it is told
    ``history_asked_ns``  when it was asked for, by the host's clock
    ``began_ns``          since when whole bars are streamed, in market time
    """

    def __init__(self, what: What, qualified: Qualified, watch: Watch) -> None:
        self.what = what
        self.qualified = qualified
        self.instrument = qualified.instrument.id
        self.watch = watch
        self.req_id = 0
        self.history_id = 0
        self.asked_from_ns = 0
        self.reach_ns = 0
        self.history_asked_ns = -(2**62)
        self.began_ns = 0
        self.asked_ns = 0
        self.is_delayed = False


def streams_of(
    settings: IbkrFeedSettings, instruments: Instruments, qualified: Mapping[int, Qualified],
) -> Iterator[Stream]:
    """Yield the subscriptions of all instruments, the top of the book first."""
    stale_s, verify_ns = settings.stale_s_max, round(settings.verify_s_max * NANOSECONDS_PER_SECOND)
    size = settings.bar_size
    wanted = [(What.TOP, i, stale_s) for i in instruments] if settings.quotes else []
    for symbol in settings.tick_by_tick:
        wanted += [(what, instruments.by_symbol(symbol), stale_s) for what in TICK_TYPES]
    if size is not None:
        bar_stale_s = max(stale_s, min(2.0 * size.duration_s, BAR_STALE_S_MAX))
        wanted += [(What.BARS, i, bar_stale_s) for i in instruments]
    for what, instrument, silence_s in wanted:
        watch = Watch(stale_ns=round(silence_s * NANOSECONDS_PER_SECOND), verify_ns=verify_ns)
        yield Stream(what, qualified[instrument.id], watch)


def ends_of(stream: Stream, settings: IbkrFeedSettings) -> list[Request]:
    """Return what ends ``stream`` as it was last asked for; nothing where it was not."""
    ends: list[Request] = []
    is_live_bar = settings.bar_size is not None and settings.bar_size.is_live_bar
    if stream.req_id:
        match stream.what:
            case What.TOP:
                ends.append(r.CancelMarketData(req_id=stream.req_id))
            case What.BARS if is_live_bar:
                ends.append(r.CancelRealTimeBars(req_id=stream.req_id))
            case What.BARS:
                ends.append(r.CancelHistoricalData(req_id=stream.req_id))
            case _:
                ends.append(r.CancelTickByTick(req_id=stream.req_id))
    if stream.history_id not in {0, stream.req_id}:
        ends.append(r.CancelHistoricalData(req_id=stream.history_id))
    return ends


def question_of(stream: Stream, settings: IbkrFeedSettings) -> Request:
    """Return the request of anything but history, by the stream's ``req_id``."""
    contract = stream.qualified.contract
    if stream.what is What.TOP:
        generic = GENERIC_TICKS if contract.sec_type in _WITH_RT_VOLUME else ""
        return r.RequestMarketData(req_id=stream.req_id, contract=contract, generic_ticks=generic)
    if stream.what is What.BARS:
        return r.RequestRealTimeBars(req_id=stream.req_id, contract=contract, bar_size_s=5,
                                     what_to_show=settings.what_to_show, use_rth=settings.use_rth)
    return r.RequestTickByTick(req_id=stream.req_id, contract=contract, tick_type=TICK_TYPES[stream.what])


def history_of(stream: Stream, settings: IbkrFeedSettings, known_to_ns: int | None, now_ns: int) -> Request:
    """Return the request for bars from ``known_to_ns`` on, by the stream's ``history_id``; notes how far it reaches."""
    size = settings.bar_size
    assert size is not None, "history is asked for bars"
    seconds = settings.backfill_s
    if known_to_ns is not None:
        waits_s = SMALL_WAITS_S if size.duration_s <= SMALL_S else WAITS_S
        seconds = (now_ns - known_to_ns) / NANOSECONDS_PER_SECOND + 2 * size.duration_s + waits_s
    duration, reach_s = duration_text(seconds, size)
    stream.reach_ns = reach_s * NANOSECONDS_PER_SECOND
    stream.asked_from_ns = now_ns - stream.reach_ns
    return r.RequestHistoricalData(
        req_id=stream.history_id, contract=stream.qualified.contract, end="", bar_size=size.name, duration=duration,
        use_rth=int(settings.use_rth), what_to_show=settings.what_to_show, format_date=FORMAT_EPOCH,
        keep_up_to_date=not size.is_live_bar)
