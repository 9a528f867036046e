"""One client: its requests, what it subscribed to, and what is told to it. No sockets, no clock of its own."""

from collections.abc import Callable

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway import reference
from algotrade.gateway.bars import BID_ASK
from algotrade.gateway.floor import Family, Floor
from algotrade.gateway.history import answer_bars, answer_head, contract_key, parse_query, source_of
from algotrade.gateway.market import Flow, Market
from algotrade.gateway.market_data import Opening, SubscriptionDesk
from algotrade.gateway.past_ticks import answer_ticks
from algotrade.gateway.refusals import (
    duplicate,
    history_error,
    no_depth,
    no_history_query,
    not_valid,
    too_early,
    unknown_id,
)
from algotrade.gateway.subscriptions import Subscription
from algotrade.ibkr.wire import Answer, Codec, Request
from algotrade.ibkr.wire.answers.link import CurrentTime, ErrorMessage
from algotrade.ibkr.wire.requests import (
    CancelHeadTimestamp,
    CancelHistoricalData,
    CancelMarketData,
    CancelMarketDepth,
    CancelRealTimeBars,
    CancelTickByTick,
    RequestContractData,
    RequestCurrentTime,
    RequestHeadTimestamp,
    RequestHistoricalData,
    RequestHistoricalTicks,
    RequestMarketData,
    RequestMarketDataType,
    RequestMarketDepth,
    RequestMarketRule,
    RequestMatchingSymbols,
    RequestOptionParameters,
    RequestRealTimeBars,
    RequestTickByTick,
)

DATA_TYPES = {1, 2, 3, 4}


class Session:
    """A client that has introduced itself.

    ``send``       takes bytes for it, and never blocks
    ``is_behind``  tells whether so much waits for it that market data have to be conflated
    """

    def __init__(self, client_id: int, floor: Floor, codec: Codec, send: Callable[[bytes], None],
                 is_behind: Callable[[], bool]) -> None:
        self.client_id = client_id
        self._floor = floor
        self._codec = codec
        self._send = send
        self._is_behind = is_behind
        self._out: list[bytes] = []
        self._desk = SubscriptionDesk(floor, codec)
        self._held: dict[tuple[Family, int], Subscription] = {}
        self._followers: dict[tuple[bool, int], list[Subscription]] = {}
        self._left_out = False
        self._handlers: dict[type[Request], Callable[..., list[Answer]]] = {
            RequestMarketData: self._market_data, RequestTickByTick: self._tick_by_tick,
            RequestMarketDepth: self._depth, RequestRealTimeBars: self._real_time_bars,
            RequestHistoricalData: self._history, RequestHistoricalTicks: self._past_ticks,
            CancelMarketData: lambda r: self._cancel(Family.QUOTES, r.req_id, unknown_id),
            CancelTickByTick: lambda r: self._cancel(Family.TICKS, r.req_id, unknown_id),
            CancelMarketDepth: lambda r: self._cancel(Family.DEPTH, r.req_id, no_depth),
            CancelRealTimeBars: lambda r: self._cancel(Family.BARS, r.req_id, unknown_id),
            CancelHistoricalData: self._cancel_history,
            CancelHeadTimestamp: lambda _: [],  # every such request was answered at once
            RequestMarketDataType: self._data_type,
            RequestHeadTimestamp: lambda r: [answer_head(floor, r)],
            RequestContractData: lambda r: reference.contract_data(floor, r),
            RequestMarketRule: lambda r: reference.market_rule(floor, r),
            RequestMatchingSymbols: lambda r: reference.matching_symbols(floor, r),
            RequestOptionParameters: lambda r: reference.option_parameters(floor, r),
            RequestCurrentTime: lambda _: [CurrentTime(
                time_s=floor.market_clock.now_ns() // NANOSECONDS_PER_SECOND)],
        }

    def handles(self, request: Request) -> bool:
        """Tell whether ``request`` is answered here; the others are about orders and the account."""
        return type(request) in self._handlers

    def handle(self, request: Request) -> None:
        """Answer ``request``, which ``handles`` said yes to."""
        self.tell(self._handlers[type(request)](request))
        self.flush()

    def tell(self, answers: list[Answer]) -> None:
        """Put ``answers`` behind what waits for ``flush``."""
        self._out += map(self._codec.encode, answers)

    def flush(self) -> None:
        """Send what was told, in one piece."""
        if self._out:
            data, self._out = b"".join(self._out), []
            self._send(data)

    def follow(self, instrument: int, flow: Flow, *, delayed: bool) -> None:
        """Take what happened to an instrument, and tell who subscribed to it."""
        for one in self._followers.get((delayed, instrument), ()):
            if one.conflated and self._is_behind():
                self._left_out = True
            else:
                one.follow(flow, self._out)

    def pass_time(self, now_ns: int) -> None:
        """Take the market's time."""
        for one in self._held.values():
            one.pass_time(now_ns, self._out)

    def catch_up(self) -> None:
        """Tell where the market stands, after the client was behind."""
        if not self._left_out:
            return
        self._left_out = False
        for (delayed, instrument), followers in self._followers.items():
            for one in followers:
                if one.conflated:
                    one.catch_up(self._market(delayed=delayed).tops[instrument], self._out)
        self.flush()

    def quotes_held(self) -> list[int]:
        """Return the request ids of the quotes that are subscribed to."""
        return [req_id for family, req_id in self._held if family is Family.QUOTES]

    def close(self) -> None:
        """Forget every subscription, and give back what it held of the login's limits."""
        for family, _ in self._held:
            self._floor.held[family] -= 1
        self._held.clear()
        self._followers.clear()

    # Requests.

    def _market(self, *, delayed: bool) -> Market:
        market = self._floor.delayed if delayed else self._floor.market
        assert market is not None
        return market

    def _hold(self, family: Family, req_id: int, one: Subscription, *, delayed: bool = False) -> None:
        self._held[family, req_id] = one
        self._followers.setdefault((delayed, one.listing.instrument.id), []).append(one)
        self._floor.held[family] += 1

    def _drop(self, family: Family, req_id: int) -> bool:
        one = self._held.pop((family, req_id), None)
        if one is None:
            return False
        for followers in self._followers.values():
            if one in followers:
                followers.remove(one)
        self._floor.held[family] -= 1
        return True

    def _cancel(self, family: Family, req_id: int, unknown: Callable[[int], ErrorMessage]) -> list[Answer]:
        return [] if self._drop(family, req_id) else [unknown(req_id)]

    def _cancel_history(self, request: CancelHistoricalData) -> list[Answer]:
        if not self._drop(Family.HISTORY, request.req_id):
            return [no_history_query(request.req_id)]
        return [history_error(request.req_id, f"API historical data query cancelled: {request.req_id}")]

    def _data_type(self, request: RequestMarketDataType) -> list[Answer]:
        if request.data_type not in DATA_TYPES:
            return [not_valid(-1, f"Market data type is {request.data_type}. Legal ones are: 1, 2, 3, 4")]
        self._desk.data_type = request.data_type
        return []

    def _market_data(self, request: RequestMarketData) -> list[Answer]:
        if (Family.QUOTES, request.req_id) in self._held:
            return [duplicate(request.req_id)]
        return self._opened(Family.QUOTES, request.req_id, self._desk.quotes(request))

    def _tick_by_tick(self, request: RequestTickByTick) -> list[Answer]:
        if (Family.TICKS, request.req_id) in self._held:
            return [duplicate(request.req_id)]
        return self._opened(Family.TICKS, request.req_id, self._desk.ticks(request))

    def _depth(self, request: RequestMarketDepth) -> list[Answer]:
        if (Family.DEPTH, request.req_id) in self._held:
            return [duplicate(request.req_id)]
        return self._opened(Family.DEPTH, request.req_id, self._desk.depth(request))

    def _real_time_bars(self, request: RequestRealTimeBars) -> list[Answer]:
        if (Family.BARS, request.req_id) in self._held:
            return [duplicate(request.req_id)]
        return self._opened(Family.BARS, request.req_id, self._desk.bars(request))

    def _opened(self, family: Family, req_id: int, opening: Opening) -> list[Answer]:
        """Tell the opening's answers, hold what it opened, and tell where the market stands."""
        self.tell(opening.answers)
        one = opening.subscription
        if one is not None:
            top = self._market(delayed=opening.delayed).tops[one.listing.instrument.id]
            one.catch_up(top, self._out)
            if not opening.once:
                self._hold(family, req_id, one, delayed=opening.delayed)
        return opening.closing

    def _history(self, request: RequestHistoricalData) -> list[Answer]:
        floor, req_id = self._floor, request.req_id
        if (Family.HISTORY, req_id) in self._held:
            return [duplicate(req_id)]
        listing = floor.listing_for(req_id, request.contract)
        query = listing if isinstance(listing, ErrorMessage) else parse_query(request, listing)
        if isinstance(query, ErrorMessage):
            return [query]
        if query.is_small:
            why = self._paced(request, BID_ASK if query.shown == BID_ASK else "")
            if why is not None:
                return [too_early(req_id, why)]
        if floor.held[Family.HISTORY] >= floor.limits.history_open:
            return [history_error(req_id, f"more than {floor.limits.history_open} requests are open")]
        answer, bars = answer_bars(floor, query)
        kind = source_of(floor.market.tape, query.listing.instrument.id, query.shown)
        if query.kept and kind is not None and not isinstance(answer, ErrorMessage):
            kept = self._desk.kept(query, kind, bars)
            self._hold(Family.HISTORY, req_id, kept, delayed=floor.delayed is not None)
        return [answer]

    def _paced(self, request: RequestHistoricalData | RequestHistoricalTicks, shown: str) -> str | None:
        """Return why a request for small bars or ticks comes too early."""
        contract = contract_key(request.contract)
        if isinstance(request, RequestHistoricalData):
            whole = (contract, request.end, request.bar_size, request.duration, request.what_to_show, request.use_rth)
        else:
            whole = (contract, request.start, request.end, str(request.count), request.what_to_show, request.use_rth)
        return self._floor.pacing.take(self._floor.clock.monotonic_ns(), whole, (contract, request.what_to_show),
                                       weight=2 if shown == BID_ASK else 1)

    def _past_ticks(self, request: RequestHistoricalTicks) -> list[Answer]:
        listing = self._floor.listing_for(request.req_id, request.contract)
        if isinstance(listing, ErrorMessage):
            return [listing]
        why = self._paced(request, request.what_to_show)
        if why is not None:
            return [too_early(request.req_id, why)]
        return [answer_ticks(self._floor, request, listing)]
