"""Market data: top of the book, its rows, ticks, bars of five seconds."""

from typing import ClassVar

from algotrade.ibkr.wire.kinds import Flag, Float, FloatWhere, Int, Int0, MaybeFloat, Text, TickType
from algotrade.ibkr.wire.layout import Layout, fields, when
from algotrade.ibkr.wire.message import Answer


class TickPrice(Answer, frozen=True, kw_only=True, gc=False):
    """A price of the top of the book, with the size there where it belongs to one. -1: there is none."""

    ID: ClassVar[int] = 1
    VERSION: ClassVar[int | None] = 6
    req_id: Int
    tick_type: Int
    price: MaybeFloat
    size: MaybeFloat
    mask: Int0


class TickSize(Answer, frozen=True, kw_only=True, gc=False):
    """A size of the top of the book."""

    ID: ClassVar[int] = 2
    VERSION: ClassVar[int | None] = 6
    req_id: Int
    tick_type: Int
    size: MaybeFloat


class TickGeneric(Answer, frozen=True, kw_only=True, gc=False):
    """Another number of an instrument: halted (49), shortable (46), ..."""

    ID: ClassVar[int] = 45
    VERSION: ClassVar[int | None] = 6
    req_id: Int
    tick_type: Int
    value: MaybeFloat


class TickString(Answer, frozen=True, kw_only=True, gc=False):
    """Text of an instrument: the time of its last trade (45), RT volume (48), ..."""

    ID: ClassVar[int] = 46
    VERSION: ClassVar[int | None] = 6
    req_id: Int
    tick_type: Int
    value: Text


class TickSnapshotEnd(Answer, frozen=True, kw_only=True):
    """A snapshot is whole."""

    ID: ClassVar[int] = 57
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class MarketDataType(Answer, frozen=True, kw_only=True):
    """What kind of data follows: live (1), frozen (2), delayed (3), delayed and frozen (4)."""

    ID: ClassVar[int] = 58
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    data_type: Int


class TickReqParams(Answer, frozen=True, kw_only=True):
    """What belongs to a subscription: the smallest price step, where quotes come from."""

    ID: ClassVar[int] = 81
    req_id: Int
    min_tick: MaybeFloat
    bbo_exchange: Text
    snapshot_permissions: Int0


class MarketDepth(Answer, frozen=True, kw_only=True, gc=False):
    """A row of the book: ``operation`` insert (0), update (1), delete (2); ``side`` ask (0), bid (1)."""

    ID: ClassVar[int] = 12
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    position: Int
    operation: Int
    side: Int
    price: Float
    size: Float


class MarketDepthL2(Answer, frozen=True, kw_only=True, gc=False):
    """A row of the book of one market maker or exchange."""

    ID: ClassVar[int] = 13
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    position: Int
    market_maker: Text
    operation: Int
    side: Int
    price: Float
    size: Float
    is_smart_depth: Flag


class TickByTick(Answer, frozen=True, kw_only=True, gc=False):
    """One tick: ``tick_type`` last (1), all last (2), bid and ask (3), midpoint (4); the exchange's ``time_s``."""

    ID: ClassVar[int] = 99
    req_id: Int
    tick_type: TickType
    time_s: Int
    price: FloatWhere = None
    size: FloatWhere = None
    bid: FloatWhere = None
    ask: FloatWhere = None
    bid_size: FloatWhere = None
    ask_size: FloatWhere = None
    mask: Int0 = 0
    exchange: Text = ""
    special_conditions: Text = ""
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id tick_type time_s"),
        when("tick_type", *fields("price size mask exchange special_conditions"), test="x in (1, 2)"),
        when("tick_type", *fields("bid ask bid_size ask_size mask"), test="x == 3"),
        when("tick_type", *fields("price"), test="x == 4"),
    )


class RealTimeBar(Answer, frozen=True, kw_only=True, gc=False):
    """A bar of five seconds that began at ``time_s``."""

    ID: ClassVar[int] = 50
    VERSION: ClassVar[int | None] = 3
    req_id: Int
    time_s: Int
    open: Float
    high: Float
    low: Float
    close: Float
    volume: Float
    wap: Float
    count: Int
