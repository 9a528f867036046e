"""History: bars, ticks, sessions."""

from typing import ClassVar

from algotrade.ibkr.wire.kinds import Flag, Float, Int, MaybeFloat, MaybeInt, Text
from algotrade.ibkr.wire.layout import Constant, Layout, fields
from algotrade.ibkr.wire.message import Answer
from algotrade.ibkr.wire.records import Part


class HistoricalBar(Part, frozen=True, kw_only=True):
    """One bar. ``date`` is text in the instrument's zone, a day, or seconds since 1970 UTC, as was asked for."""

    date: Text
    open: Float
    high: Float
    low: Float
    close: Float
    volume: Float
    wap: Float
    count: Int


class HistoricalData(Answer, frozen=True, kw_only=True):
    """The bars that were asked for, oldest first."""

    ID: ClassVar[int] = 17
    req_id: Int
    start: Text
    end: Text
    bars: tuple[HistoricalBar, ...]


class HistoricalDataUpdate(Answer, frozen=True, kw_only=True):
    """The newest bar of a request that is kept up to date; it may change until the next begins."""

    ID: ClassVar[int] = 90
    req_id: Int
    count: MaybeInt
    date: Text
    open: MaybeFloat
    close: MaybeFloat
    high: MaybeFloat
    low: MaybeFloat
    wap: MaybeFloat
    volume: MaybeFloat


class HeadTimestamp(Answer, frozen=True, kw_only=True):
    """How far back there is history."""

    ID: ClassVar[int] = 88
    req_id: Int
    timestamp: Text


class HistoricalMidpoint(Part, frozen=True, kw_only=True):
    """A midpoint, as ``96`` tells."""

    time_s: Int
    price: Float
    size: Float
    LAYOUT: ClassVar[Layout | None] = (*fields("time_s"), Constant("0"), *fields("price size"))


class HistoricalTicks(Answer, frozen=True, kw_only=True):
    """Midpoints of the past."""

    ID: ClassVar[int] = 96
    req_id: Int
    ticks: tuple[HistoricalMidpoint, ...]
    is_done: Flag


class HistoricalBidAsk(Part, frozen=True, kw_only=True):
    """A quote of the past."""

    time_s: Int
    mask: Int
    bid: Float
    ask: Float
    bid_size: Float
    ask_size: Float


class HistoricalTicksBidAsk(Answer, frozen=True, kw_only=True):
    """Quotes of the past."""

    ID: ClassVar[int] = 97
    req_id: Int
    ticks: tuple[HistoricalBidAsk, ...]
    is_done: Flag


class HistoricalLast(Part, frozen=True, kw_only=True):
    """A trade of the past."""

    time_s: Int
    mask: Int
    price: Float
    size: Float
    exchange: Text
    special_conditions: Text


class HistoricalTicksLast(Answer, frozen=True, kw_only=True):
    """Trades of the past."""

    ID: ClassVar[int] = 98
    req_id: Int
    ticks: tuple[HistoricalLast, ...]
    is_done: Flag


class Session(Part, frozen=True, kw_only=True):
    """One trading session, in the schedule's zone."""

    start: Text
    end: Text
    ref_date: Text


class HistoricalSchedule(Answer, frozen=True, kw_only=True):
    """The trading sessions of a stretch of the past."""

    ID: ClassVar[int] = 106
    req_id: Int
    start: Text
    end: Text
    time_zone: Text
    sessions: tuple[Session, ...]
