"""What a client subscribed to that follows the market: top of the book, every tick, depth.

Each keeps what it last told, so that it tells changes alone, and can catch up after it was left out.
"""

from typing import Protocol

from algotrade.gateway.listings import Listing
from algotrade.gateway.market import PRICE_DECIMALS, Flow, QuoteRow, Top, TradeRow
from algotrade.gateway.ticks import (
    ALL_LAST_KIND,
    ASK,
    ASK_SIZE,
    BID,
    BID_ASK_KIND,
    BID_SIZE,
    CLOSE,
    HALTED,
    HIGH,
    LAST,
    LAST_KIND,
    LAST_SIZE,
    LAST_TIME,
    LOW,
    MIDPOINT_KIND,
    OPEN,
    RT_VOLUME,
    VOLUME,
    TickFrames,
)
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire.answers.market import MarketDepth, MarketDepthL2

CAN_AUTO_EXECUTE = 1
"""The mask of a bid or ask that can be hit at once."""

TICK_KINDS = {"Last": LAST_KIND, "AllLast": ALL_LAST_KIND, "BidAsk": BID_ASK_KIND, "MidPoint": MIDPOINT_KIND}
TIMES_OF_DAY = ((HIGH, "high"), (LOW, "low"), (CLOSE, "close"), (OPEN, "open"))

INSERT, UPDATE = 0, 1


class Subscription(Protocol):
    """Something that follows one instrument."""

    listing: Listing
    conflated: bool
    """May be left out while its client is slow: ``catch_up`` tells the latest."""

    def follow(self, flow: Flow, out: list[bytes]) -> None:
        """Tell what happened."""
        ...

    def catch_up(self, top: Top, out: list[bytes]) -> None:
        """Tell where the market stands, as far as that was not told."""
        ...

    def pass_time(self, now_ns: int, out: list[bytes]) -> None:
        """Tell what the time alone brings."""
        ...


class Quotes:
    """The top of the book, the last price and the day's prices (L1): changes only.

    A price comes with its size; a size of its own only where the price stayed (documented: both reach the client).
    """

    conflated = True

    def __init__(self, req_id: int, listing: Listing, *, delayed: bool, rt_volume: bool) -> None:
        self.listing = listing
        self._frames = TickFrames(req_id, delayed=delayed)
        self._rt_volume = rt_volume
        self._bid: float | None = None
        self._ask: float | None = None
        self._bid_size = self._ask_size = self._last_size = self._volume = -1.0
        self._last: float | None = None
        self._time_s = 0
        self._day: dict[int, float] = {}
        self._halted = False

    def follow(self, flow: Flow, out: list[bytes]) -> None:
        """Tell every change, in the order of the run, then what the day became."""
        for row in flow.quotes if not flow.trades else flow.merged:
            if type(row) is QuoteRow:
                self._quote(row.bid, row.ask, row.bid_size, row.ask_size, out)
            elif type(row) is TradeRow:
                self._print(row.price, row.size, out)
                if self._rt_volume:
                    out.append(self._rt(row, flow.top))
        if flow.trades:
            self._after_prints(flow.top, out)

    def catch_up(self, top: Top, out: list[bytes]) -> None:
        """Tell where the market stands."""
        if not self._halted:
            self._halted = True
            out.append(self._frames.generic(HALTED, 0.0))  # recorded data know of no halts
        if top.bid is not None and top.ask is not None:
            self._quote(top.bid, top.ask, top.bid_size, top.ask_size, out)
        if top.last is not None:
            self._print(top.last, top.last_size, out)
        self._after_prints(top, out)

    def pass_time(self, now_ns: int, out: list[bytes]) -> None:
        """Time alone changes nothing here."""

    def _quote(self, bid: float, ask: float, bid_size: float, ask_size: float, out: list[bytes]) -> None:
        frames = self._frames
        if bid != self._bid:
            self._bid, self._bid_size = bid, bid_size
            out.append(frames.price(BID, bid, bid_size, CAN_AUTO_EXECUTE))
        elif bid_size != self._bid_size:
            self._bid_size = bid_size
            out.append(frames.size(BID_SIZE, bid_size))
        if ask != self._ask:
            self._ask, self._ask_size = ask, ask_size
            out.append(frames.price(ASK, ask, ask_size, CAN_AUTO_EXECUTE))
        elif ask_size != self._ask_size:
            self._ask_size = ask_size
            out.append(frames.size(ASK_SIZE, ask_size))

    def _print(self, price: float, size: float, out: list[bytes]) -> None:
        if price != self._last:
            self._last, self._last_size = price, size
            out.append(self._frames.price(LAST, price, size, 0))
        elif size != self._last_size:
            self._last_size = size
            out.append(self._frames.size(LAST_SIZE, size))

    def _after_prints(self, top: Top, out: list[bytes]) -> None:
        if top.volume != self._volume:
            self._volume = top.volume
            out.append(self._frames.size(VOLUME, top.volume))
        if top.time_s != self._time_s:
            self._time_s = top.time_s
            out.append(self._frames.text(LAST_TIME, str(top.time_s)))
        for kind, name in TIMES_OF_DAY:
            value = getattr(top, name)
            if value is not None and value != self._day.get(kind):
                self._day[kind] = value
                out.append(self._frames.price(kind, value, 0.0, 0))

    def _rt(self, row: TradeRow, top: Top) -> bytes:
        average = top.traded_value / top.volume if top.volume else row.price
        return self._frames.text(RT_VOLUME, f"{row.price};{row.size};{row.time_s * 1000};{top.volume};{average};true")


class Ticks:
    """Every tick: trades, quotes or midpoints (tick-by-tick). Never conflated.

    ``ignore_size``  quotes whose prices did not change are left out
    """

    conflated = False

    def __init__(self, req_id: int, listing: Listing, tick_type: str, *, ignore_size: bool) -> None:
        self.listing = listing
        self._frames = TickFrames(req_id)
        self._kind = TICK_KINDS[tick_type]
        self._ignore_size = ignore_size
        self._told: tuple[float, float] | None = None
        self._exchange = listing.contract.primary_exchange or listing.contract.exchange

    def follow(self, flow: Flow, out: list[bytes]) -> None:
        """Tell each tick."""
        frames = self._frames
        if self._kind in {LAST_KIND, ALL_LAST_KIND}:
            out += [frames.last(self._kind, t.time_s, t.price, t.size, self._exchange) for t in flow.trades]
        elif self._kind == MIDPOINT_KIND:
            for q in flow.quotes:
                middle = round((q.bid + q.ask) / 2, PRICE_DECIMALS)
                if (middle, 0.0) != self._told:
                    self._told = (middle, 0.0)
                    out.append(frames.midpoint(q.time_s, middle))
        elif not self._ignore_size:
            out += [frames.bid_ask(q.time_s, q.bid, q.ask, q.bid_size, q.ask_size, 0) for q in flow.quotes]
        else:
            for q in flow.quotes:
                if (q.bid, q.ask) != self._told:
                    self._told = (q.bid, q.ask)
                    out.append(frames.bid_ask(q.time_s, q.bid, q.ask, q.bid_size, q.ask_size, 0))

    def catch_up(self, top: Top, out: list[bytes]) -> None:
        """Say nothing: where the market stands is no tick."""

    def pass_time(self, now_ns: int, out: list[bytes]) -> None:
        """Time alone changes nothing here."""


class Depth:
    """The book: its first row on either side, which is what a quote tells. Deeper rows are not known, and not told."""

    conflated = True

    def __init__(self, req_id: int, listing: Listing, codec: Codec, *, is_smart: bool) -> None:
        self.listing = listing
        self._req_id = req_id
        self._codec = codec
        self._is_smart = is_smart
        self._told: dict[int, tuple[float, float]] = {}
        self._maker = listing.contract.primary_exchange or listing.contract.exchange

    def follow(self, flow: Flow, out: list[bytes]) -> None:
        """Tell each change."""
        for q in flow.quotes:
            self._row(0, q.ask, q.ask_size, out)
            self._row(1, q.bid, q.bid_size, out)

    def catch_up(self, top: Top, out: list[bytes]) -> None:
        """Tell where the book stands."""
        if top.bid is not None and top.ask is not None:
            self._row(0, top.ask, top.ask_size, out)
            self._row(1, top.bid, top.bid_size, out)

    def pass_time(self, now_ns: int, out: list[bytes]) -> None:
        """Time alone changes nothing here."""

    def _row(self, side: int, price: float, size: float, out: list[bytes]) -> None:
        before = self._told.get(side)
        if before == (price, size):
            return
        self._told[side] = (price, size)
        operation = INSERT if before is None else UPDATE
        if self._is_smart:
            row = MarketDepthL2(req_id=self._req_id, position=0, market_maker=self._maker, operation=operation,
                                side=side, price=price, size=size, is_smart_depth=True)
            out.append(self._codec.encode(row))
        else:
            out.append(self._codec.encode(MarketDepth(req_id=self._req_id, position=0, operation=operation, side=side,
                                                      price=price, size=size)))
