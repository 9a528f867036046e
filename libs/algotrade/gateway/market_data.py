"""Requests that open a subscription: what is refused, what is told first, and what then follows the market."""

import msgspec

from algotrade.domain import Kind
from algotrade.gateway.bars import BID_ASK, MIDPOINT, SHOWN, TRADES, Bars
from algotrade.gateway.floor import Family, Floor
from algotrade.gateway.history import Query, contract_key, source_of
from algotrade.gateway.limits import LimitsSet
from algotrade.gateway.listings import Listing
from algotrade.gateway.live_bars import FiveSeconds, KeptBars, RealTimeBars
from algotrade.gateway.past_ticks import latest
from algotrade.gateway.refusals import (
    history_error,
    live_query_too_early,
    no_depth_permission,
    no_live_permission,
    no_tick_permission,
    not_subscribed,
    not_valid,
    shown_delayed,
    too_many_lines,
    too_many_tick_requests,
    too_much_depth,
)
from algotrade.gateway.subscriptions import TICK_KINDS, Depth, Quotes, Subscription, Ticks
from algotrade.ibkr.wire import Answer, Codec
from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.ibkr.wire.answers.market import MarketDataType, TickReqParams, TickSnapshotEnd
from algotrade.ibkr.wire.requests import (
    RequestMarketData,
    RequestMarketDepth,
    RequestRealTimeBars,
    RequestTickByTick,
)

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4

GENERIC_TICKS = {
    100, 101, 104, 105, 106, 162, 165, 221, 225, 232, 233, 236, 256, 258, 292, 293, 294, 295, 318, 375, 411, 456, 460,
    499, 506, 513, 576, 577, 578, 586, 587, 588, 595, 614, 619, 623,
}
"""The generic ticks that may be asked for (documented); of those, 233 is told and the others are silent."""

RT_VOLUME_TICK = 233
BBO_EXCHANGE = "9c0001"
SNAPSHOT_PERMISSIONS = 3
DEPTH_ROWS_MAX = 100


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What a request leads to: ``answers`` first, then where the market stands, then ``closing``.

    ``subscription``  None where the request is refused; ``once``: it ends at once
    """

    answers: list[Answer]
    subscription: Subscription | None = None
    delayed: bool = False
    once: bool = False
    closing: list[Answer] = []


def _refused(error: Answer) -> Opening:
    return Opening(answers=[error])


class SubscriptionDesk:
    """Opens subscriptions for one client.

    ``data_type``  what it chose: live (1), frozen (2), delayed (3) or delayed and frozen (4)
    """

    def __init__(self, floor: Floor, codec: Codec) -> None:
        self.data_type = LIVE
        self._floor = floor
        self._codec = codec

    @property
    def _limits(self) -> LimitsSet:
        return self._floor.limits

    def quotes(self, request: RequestMarketData) -> Opening:
        """Open the top of the book, or tell it once."""
        req_id, floor = request.req_id, self._floor
        listing = floor.listing_for(req_id, request.contract)
        if isinstance(listing, ErrorMessage):
            return _refused(listing)
        generic = _generic(request.generic_ticks)
        if generic is None:
            legal = ",".join(map(str, sorted(GENERIC_TICKS)))
            return _refused(not_valid(req_id, f"Incorrect generic tick list of {request.generic_ticks}. "
                                              f"Legal ones for ({listing.contract.sec_type}) are: {legal}"))
        if request.is_snapshot and generic:
            return _refused(not_valid(req_id, "Snapshot market data subscription is not applicable to generic ticks"))
        delayed = floor.delayed is not None
        if delayed and self.data_type in {LIVE, FROZEN}:
            return _refused(not_subscribed(req_id))
        if not request.is_snapshot and floor.held[Family.QUOTES] >= self._limits.lines:
            return _refused(too_many_lines(req_id))
        answers: list[Answer] = [shown_delayed(req_id)] if delayed else []
        answers.append(MarketDataType(req_id=req_id, data_type=self._told_type(listing, delayed=delayed)))
        answers.append(TickReqParams(req_id=req_id, min_tick=float(listing.instrument.tick), bbo_exchange=BBO_EXCHANGE,
                                     snapshot_permissions=SNAPSHOT_PERMISSIONS))
        return Opening(
            answers=answers, delayed=delayed, once=request.is_snapshot,
            subscription=Quotes(req_id, listing, delayed=delayed, rt_volume=RT_VOLUME_TICK in generic),
            closing=[TickSnapshotEnd(req_id=req_id)] if request.is_snapshot else [])

    def _told_type(self, listing: Listing, *, delayed: bool) -> int:
        """Return the type of the data: frozen where the market is closed and that was asked for."""
        closed = not listing.trading_sessions.is_open(self._floor.now_ns)
        if delayed:
            return DELAYED_FROZEN if closed and self.data_type == DELAYED_FROZEN else DELAYED
        return FROZEN if closed and self.data_type in {FROZEN, DELAYED_FROZEN} else LIVE

    def ticks(self, request: RequestTickByTick) -> Opening:
        """Open every tick, after the newest of the past where that was asked for."""
        req_id, floor = request.req_id, self._floor
        listing = floor.listing_for(req_id, request.contract)
        if isinstance(listing, ErrorMessage):
            return _refused(listing)
        if request.tick_type not in TICK_KINDS:
            return _refused(not_valid(req_id, f"Tick type is {request.tick_type!r}. "
                                              f"Legal ones are: {', '.join(TICK_KINDS)}"))
        if floor.delayed is not None:
            return _refused(no_tick_permission(req_id))
        if floor.held[Family.TICKS] >= self._limits.tick_by_tick:
            return _refused(too_many_tick_requests(req_id))
        asked = (contract_key(listing.contract), request.tick_type)
        if not floor.ticks_asked.take(floor.clock.monotonic_ns(), asked):
            return _refused(live_query_too_early(req_id, "the same ticks within "
                                                         f"{self._limits.tick_by_tick_again_s:.0f} s"))
        shown = {"BidAsk": BID_ASK, "MidPoint": MIDPOINT}.get(request.tick_type, TRADES)
        past = [latest(floor, req_id, listing, shown, request.count)] if request.count > 0 else []
        return Opening(answers=past, subscription=Ticks(req_id, listing, request.tick_type,
                                                        ignore_size=request.ignore_size))

    def depth(self, request: RequestMarketDepth) -> Opening:
        """Open the book."""
        req_id, floor = request.req_id, self._floor
        listing = floor.listing_for(req_id, request.contract)
        if isinstance(listing, ErrorMessage):
            return _refused(listing)
        if not 1 <= request.rows <= DEPTH_ROWS_MAX:
            return _refused(not_valid(req_id, f"Number of rows is {request.rows}; allowed: 1 to {DEPTH_ROWS_MAX}"))
        if floor.delayed is not None:
            return _refused(no_depth_permission(req_id))
        if floor.held[Family.DEPTH] >= self._limits.depth:
            return _refused(too_much_depth(req_id, self._limits.depth))
        return Opening(answers=[], subscription=Depth(req_id, listing, self._codec, is_smart=request.is_smart_depth))

    def bars(self, request: RequestRealTimeBars) -> Opening:
        """Open bars of five seconds."""
        req_id, floor = request.req_id, self._floor
        listing = floor.listing_for(req_id, request.contract)
        if isinstance(listing, ErrorMessage):
            return _refused(listing)
        if request.what_to_show not in SHOWN or request.what_to_show == BID_ASK:
            legal = ", ".join(name for name in SHOWN if name != BID_ASK)
            return _refused(not_valid(req_id, f"What to show is {request.what_to_show!r}. Legal ones are: {legal}"))
        if floor.delayed is not None:
            return _refused(no_live_permission(req_id))
        asked = (contract_key(request.contract), "5 secs live", request.what_to_show, request.use_rth)
        why = floor.pacing.take(floor.clock.monotonic_ns(), asked, (asked[0], request.what_to_show))
        if why is not None:
            return _refused(live_query_too_early(req_id, why))
        kind = source_of(floor.market.tape, listing.instrument.id, request.what_to_show)
        if kind not in {Kind.QUOTE, Kind.TRADE}:
            return _refused(history_error(req_id, f"no {request.what_to_show} data of {listing.instrument.symbol}"))
        source = FiveSeconds(listing, kind, request.what_to_show, regular_hours=request.use_rth)
        return Opening(answers=[], subscription=RealTimeBars(req_id, listing, source, self._codec))

    def kept(self, query: Query, kind: Kind, bars: Bars | None) -> KeptBars:
        """Return what keeps an answered request for history up to date."""
        return KeptBars(query, kind, bars, self._codec)


def _generic(text: str) -> set[int] | None:
    """Return the generic ticks that are asked for, None where one is none. ``mdoff`` switches quotes off: not known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not all(name.isdigit() and int(name) in GENERIC_TICKS for name in names):
        return None
    return {int(name) for name in names}
