"""Ticks of the past, up to a thousand at a time."""

import numpy as np

from algotrade.domain import Kind, Records
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.bars import BID_ASK, MIDPOINT, TRADES, in_sessions
from algotrade.gateway.floor import Floor
from algotrade.gateway.listings import Listing
from algotrade.gateway.market import PRICE_DECIMALS, quoted_sizes
from algotrade.gateway.refusals import not_valid
from algotrade.gateway.times import TimeError, parse_moment
from algotrade.ibkr.wire import Answer
from algotrade.ibkr.wire.answers.history import (
    HistoricalBidAsk,
    HistoricalLast,
    HistoricalMidpoint,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
)
from algotrade.ibkr.wire.requests import RequestHistoricalTicks

TICKS_MAX = 1000
"""Ticks of one request (documented); those of the last second come whole, so a few more may be told (documented)."""

TICKS_TOLD_MAX = 20_000
"""No second is told beyond so many: the answer has to fit into a frame."""

_NEVER_NS = 2**62


def answer_ticks(floor: Floor, request: RequestHistoricalTicks, listing: Listing) -> Answer:
    """Return the ticks from ``start`` on, or up to ``end``; exactly one of the two has to be given (documented)."""
    wrong = None
    if request.what_to_show not in {TRADES, MIDPOINT, BID_ASK}:
        wrong = f"What to show is {request.what_to_show!r}. Legal ones are: TRADES, MIDPOINT, BID_ASK"
    elif not 1 <= request.count <= TICKS_MAX:
        wrong = f"Number of ticks is {request.count}; allowed: 1 to {TICKS_MAX}"
    elif bool(request.start) == bool(request.end):
        wrong = "Either start or end date/time has to be given, and not both"
    try:
        moment_ns = parse_moment(request.start or request.end, listing.zone) if wrong is None else 0
    except TimeError as error:
        wrong = f"Invalid date/time: {error}"
    if wrong is not None:
        return not_valid(request.req_id, wrong)
    kind = Kind.TRADE if request.what_to_show == TRADES else Kind.QUOTE
    through_ns = floor.history_ns if request.start else min(moment_ns, floor.history_ns)
    records = floor.market.tape.records(kind, listing.instrument.id, moment_ns - 1 if request.start else -_NEVER_NS,
                                        through_ns)
    if request.use_rth:
        records = records[in_sessions(np.ascontiguousarray(records["event_time_ns"]), listing.liquid_sessions)]
    if kind is Kind.QUOTE and request.ignore_size and len(records):
        changed = (np.diff(records["bid"], prepend=np.nan) != 0) | (np.diff(records["ask"], prepend=np.nan) != 0)
        records = records[changed]
    return told(request.req_id, listing, request.what_to_show, _limited(records, request.count, bool(request.start)))


def latest(floor: Floor, req_id: int, listing: Listing, shown: str, count: int) -> Answer:
    """Return the newest ``count`` ticks: what comes before the live ones where a request asks for that."""
    kind = Kind.TRADE if shown == TRADES else Kind.QUOTE
    records = floor.market.tape.records(kind, listing.instrument.id, -_NEVER_NS, floor.history_ns)
    return told(req_id, listing, shown, records[-min(count, TICKS_MAX):])


def _limited(records: Records, count: int, from_start: bool) -> Records:  # noqa: FBT001 -- one of two ends
    """Return ``count`` records from one end, and the rest of the second that the last of them lies in."""
    if len(records) <= count:
        return records
    seconds = records["event_time_ns"] // NANOSECONDS_PER_SECOND
    if from_start:
        end = int(np.searchsorted(seconds, seconds[count - 1], side="right"))
        return records[: min(end, TICKS_TOLD_MAX)]
    begin = int(np.searchsorted(seconds, seconds[-count], side="left"))
    return records[max(begin, len(records) - TICKS_TOLD_MAX) :]


def told(req_id: int, listing: Listing, shown: str, records: Records) -> Answer:
    """Return ``records`` as an answer."""
    seconds = (records["event_time_ns"] // NANOSECONDS_PER_SECOND).tolist()
    if shown == TRADES:
        exchange = listing.contract.primary_exchange or listing.contract.exchange
        rows = zip(seconds, records["price"].tolist(), np.nan_to_num(records["size"]).tolist(), strict=True)
        return HistoricalTicksLast(req_id=req_id, is_done=True, ticks=tuple(
            HistoricalLast(time_s=t, mask=0, price=p, size=s, exchange=exchange, special_conditions="")
            for t, p, s in rows))
    bids, asks = records["bid"].tolist(), records["ask"].tolist()
    if shown == MIDPOINT:
        return HistoricalTicks(req_id=req_id, is_done=True, ticks=tuple(
            HistoricalMidpoint(time_s=t, price=round((b + a) / 2, PRICE_DECIMALS), size=0.0)
            for t, b, a in zip(seconds, bids, asks, strict=True)))
    lot = float(listing.instrument.lot)
    sizes = (quoted_sizes(records, field, lot) for field in ("bid_size", "ask_size"))
    return HistoricalTicksBidAsk(req_id=req_id, is_done=True, ticks=tuple(
        HistoricalBidAsk(time_s=t, mask=0, bid=b, ask=a, bid_size=bs, ask_size=as_)
        for t, b, a, bs, as_ in zip(seconds, bids, asks, *sizes, strict=True)))
