"""The top of the book and the last trade (L1), and every tick, as quotes and trades.

Nothing is judged here: zero, negative and crossed prices go on to the quality gate as they came. Two things are said by
IB in numbers that are no values: a price of -1 without a size is "none on this side", and an empty field is "unknown";
both become NaN, which the gate keeps from strategies and counts.
"""

import math
from enum import Enum

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.market import Flag
from algotrade.feeds.ibkr.output import Output, is_same
from algotrade.ibkr.wire.answers import TickByTick, TickPrice, TickSize, TickString

NAN = math.nan

_BID_SIZE, _BID, _ASK, _ASK_SIZE, _LAST, _LAST_SIZE, _VOLUME = 0, 1, 2, 3, 4, 5, 8
_RT_VOLUME = 48

DELAYED = {66: _BID, 67: _ASK, 68: _LAST, 69: _BID_SIZE, 70: _ASK_SIZE, 71: _LAST_SIZE, 74: _VOLUME}
"""Ticks of delayed data, and which they are; their numbers alone say so, whatever was told before (documented)."""

GENERIC_TICKS = "233"
"""Asks for RT volume (48): every trade with its size, instead of the last price when it changed."""

LAST_KINDS = frozenset({1, 2})
BID_ASK_KIND = 3


def _number(value: float | None) -> float:
    return NAN if value is None else value


def _is_absent(price: float | None, size: float | None) -> bool:
    """Tell whether IB says that there is no price: -1, and no size at it. With a size, -1 is a price like any other."""
    return price is None or (price == -1.0 and not size)


class TopOfBook:
    """Bid and ask of one instrument: a quote for each change, once something is known of both sides."""

    def __init__(self, instrument: int, out: Output) -> None:
        self._instrument = instrument
        self._out = out
        self.forget()

    def forget(self) -> None:
        """Know nothing, as before a subscription: what it tells first is the whole of both sides."""
        self._price = [NAN, NAN]
        self._size = [NAN, NAN]
        self._told = [False, False]

    def price(self, side: int, price: float | None, size: float | None, receive_ns: int, flags: int) -> None:
        """Take the price of ``side`` (0: bid, 1: ask), with its size where that came along."""
        absent = _is_absent(price, size)
        before = self._price[side], self._size[side]
        self._price[side] = NAN if absent else _number(price)
        if absent:
            self._size[side] = NAN
        elif size is not None:
            self._size[side] = size
        changed = not (is_same(self._price[side], before[0]) and is_same(self._size[side], before[1]))
        if changed or not self._told[side]:
            self._told[side] = True
            self._emit(receive_ns, flags)

    def size(self, side: int, size: float | None, receive_ns: int, flags: int) -> None:
        """Take the size of ``side``."""
        if self._told[side] and not is_same(self._size[side], _number(size)):
            self._size[side] = _number(size)
            self._emit(receive_ns, flags)

    def _emit(self, receive_ns: int, flags: int) -> None:
        if all(self._told):
            self._out.quote(self._instrument, receive_ns, receive_ns, flags, *self._price, *self._size)


class Source(Enum):
    """Where an instrument's trades are read from."""

    UNKNOWN = 0
    RT_VOLUME = 1
    LAST = 2


class Tape:
    """Trades of one instrument, from RT volume where IB sends it, else from the last price, size and volume.

    IB tells a trade in both ways where it tells RT volume at all, so which it is shows at the first trades: a trade by
    its last price waits until RT volume tells it again, or the next trade has come without that. What a subscription
    tells first is where the market stands, and no trade. By the last price not every trade is known: of several between
    two messages IB tells the last (91 % of the volume in 80 recorded minutes of 700.HK).
    """

    def __init__(self, instrument: int, out: Output) -> None:
        self._instrument = instrument
        self._out = out
        self._source = Source.UNKNOWN
        self.forget()

    def forget(self) -> None:
        """Know nothing of the last trade, as before a subscription."""
        self._price = self._size = self._volume = NAN
        self._has_price = self._has_volume = False
        self._echo = False
        self._told = False
        self._waiting: tuple[int, int, float, float] | None = None

    def price(self, price: float | None, size: float | None, receive_ns: int, flags: int) -> None:
        """Take the last price (4), with its size, which may follow once more; or without, and it follows for sure."""
        if _is_absent(price, size):
            return
        first, self._has_price = not self._has_price, True
        self._price = _number(price)
        self._echo = size is not None
        if size is not None:
            self._size = size
            if not first:
                self._traded(receive_ns, flags, size)

    def size(self, size: float | None, receive_ns: int, flags: int) -> None:
        """Take the last size (5): a trade at the last price, unless it repeats the size that came with the price."""
        echo, self._echo = self._echo and is_same(self._size, _number(size)), False
        first = not self._has_price or is_same(self._size, NAN)
        self._size = _number(size)
        if not echo and not first:
            self._traded(receive_ns, flags, self._size)

    def volume(self, volume: float | None, receive_ns: int, flags: int) -> None:
        """Take the day's volume (8): where it grew and no trade was told, one of the same price and size was."""
        before, known = self._volume, self._has_volume
        self._volume, self._has_volume = _number(volume), True
        grown = self._volume - before
        if known and self._has_price and not self._told and grown > 0:
            self._traded(receive_ns, flags, grown)
        self._told = False
        self._echo = False

    def rt_volume(self, text: str, receive_ns: int, flags: int) -> bool:
        """Take RT volume (48): ``price;size;time in ms;volume;average;single``. False where the text is another."""
        parts = text.split(";")
        if len(parts) != 6:
            return False
        if not parts[0]:  # tells the day's volume alone (observed)
            return True
        try:
            price, size = float(parts[0]), float(parts[1] or "nan")
        except ValueError:
            return False
        waiting, self._waiting = self._waiting, None
        if self._source is Source.LAST and waiting is None and is_same(price, self._price) and self._told:
            # RT volume begins with the trade that was told by its last price.
            self._source = Source.RT_VOLUME
            return True
        self._source = Source.RT_VOLUME
        self._emit(receive_ns, flags, price, size)
        return True

    def _traded(self, receive_ns: int, flags: int, size: float) -> None:
        self._told = True
        if self._source is Source.RT_VOLUME:
            return
        if self._source is Source.UNKNOWN:
            if self._waiting is None:
                self._waiting = (receive_ns, flags, self._price, size)
                return
            self._source = Source.LAST
            at_ns, with_flags, price, before = self._waiting
            self._waiting = None
            self._emit(at_ns, with_flags, price, before)
        self._emit(receive_ns, flags, self._price, size)

    def _emit(self, receive_ns: int, flags: int, price: float, size: float) -> None:
        if size == 0:  # an indication, not a print (observed where a day begins)
            self._out.counts["trades_without_size"] += 1
            return
        self._out.trade(self._instrument, receive_ns, receive_ns, flags, price, size)


class LevelOne:
    """One instrument's market data subscription, translated."""

    def __init__(self, instrument: int, out: Output) -> None:
        self.book = TopOfBook(instrument, out)
        self.tape = Tape(instrument, out)

    def forget(self) -> None:
        """Begin anew, as before a subscription."""
        self.book.forget()
        self.tape.forget()

    def price(self, tick: TickPrice, receive_ns: int, flags: int, *, quotes: bool, trades: bool) -> None:
        """Take a price. ``quotes``, ``trades``: whether these are read here, and not from every tick."""
        kind = DELAYED.get(tick.tick_type)
        if kind is not None:
            flags |= Flag.DELAYED
        kind = tick.tick_type if kind is None else kind
        if kind in {_BID, _ASK}:
            if quotes:
                self.book.price(int(kind == _ASK), tick.price, tick.size, receive_ns, flags)
        elif kind == _LAST and trades:
            self.tape.price(tick.price, tick.size, receive_ns, flags)

    def size(self, tick: TickSize, receive_ns: int, flags: int, *, quotes: bool, trades: bool) -> None:
        """Take a size, as ``price``."""
        kind = DELAYED.get(tick.tick_type)
        if kind is not None:
            flags |= Flag.DELAYED
        kind = tick.tick_type if kind is None else kind
        if kind in {_BID_SIZE, _ASK_SIZE}:
            if quotes:
                self.book.size(int(kind == _ASK_SIZE), tick.size, receive_ns, flags)
        elif trades and kind == _LAST_SIZE:
            self.tape.size(tick.size, receive_ns, flags)
        elif trades and kind == _VOLUME:
            self.tape.volume(tick.size, receive_ns, flags)

    def text(self, tick: TickString, receive_ns: int, flags: int, *, trades: bool) -> bool:
        """Take a text; False where it could not be read."""
        if tick.tick_type != _RT_VOLUME or not trades:
            return True
        return self.tape.rt_volume(tick.value, receive_ns, flags)


def every_tick(tick: TickByTick, instrument: int, receive_ns: int, flags: int, out: Output) -> None:
    """Add a tick of every tick (99), at the exchange's time, which is told in whole seconds; midpoints are left out."""
    event_ns = tick.time_s * NANOSECONDS_PER_SECOND
    if tick.tick_type in LAST_KINDS:
        out.trade(instrument, event_ns, receive_ns, flags, _number(tick.price), _number(tick.size))
    elif tick.tick_type == BID_ASK_KIND:
        out.quote(instrument, event_ns, receive_ns, flags, _number(tick.bid), _number(tick.ask),
                  _number(tick.bid_size), _number(tick.ask_size))
