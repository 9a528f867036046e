"""Frames of the messages that come by the thousand, without a record in between.

The generic encoder checks each field of a record that has to be made first. These write the same bytes, which a test
compares for every version, at several times the pace.
"""

import functools
import struct
from collections.abc import Callable

from algotrade.ibkr.wire.numbers import encode_float

_pack: Callable[[int], bytes] = struct.Struct(">I").pack

BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE, HIGH, LOW, VOLUME, CLOSE, OPEN = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14
LAST_TIME, RT_VOLUME, HALTED = 45, 48, 49

DELAYED = {
    BID: 66, ASK: 67, LAST: 68, BID_SIZE: 69, ASK_SIZE: 70, LAST_SIZE: 71, HIGH: 72, LOW: 73, VOLUME: 74, CLOSE: 75,
    OPEN: 76, LAST_TIME: 88, HALTED: 90,
}
"""The tick types of delayed data (documented)."""

LAST_KIND, ALL_LAST_KIND, BID_ASK_KIND, MIDPOINT_KIND = 1, 2, 3, 4


@functools.lru_cache(maxsize=1 << 16)  # the same few prices and sizes come again and again
def number(value: float) -> str:
    """Write a finite float as the wire has it. Zero has no sign: the cache could not tell the two apart."""
    return encode_float(value + 0.0, "tick")


class TickFrames:
    """The frames of one request's ticks.

    ``delayed``  with the tick types of delayed data
    """

    def __init__(self, req_id: int, *, delayed: bool = False) -> None:
        kinds = {kind: DELAYED.get(kind, kind) if delayed else kind
                 for kind in (*DELAYED, RT_VOLUME)}
        self._price = {kind: f"1\x006\x00{req_id}\x00{told}\x00" for kind, told in kinds.items()}
        self._size = {kind: f"2\x006\x00{req_id}\x00{told}\x00" for kind, told in kinds.items()}
        self._generic = {kind: f"45\x006\x00{req_id}\x00{told}\x00" for kind, told in kinds.items()}
        self._text = {kind: f"46\x006\x00{req_id}\x00{told}\x00" for kind, told in kinds.items()}
        self._tick = f"99\x00{req_id}\x00"

    def price(self, kind: int, price: float, size: float, mask: int) -> bytes:
        """Return a TickPrice."""
        text = f"{self._price[kind]}{number(price)}\x00{number(size)}\x00{mask}\x00"
        return _pack(len(text)) + text.encode()

    def size(self, kind: int, size: float) -> bytes:
        """Return a TickSize."""
        text = f"{self._size[kind]}{number(size)}\x00"
        return _pack(len(text)) + text.encode()

    def generic(self, kind: int, value: float) -> bytes:
        """Return a TickGeneric."""
        text = f"{self._generic[kind]}{number(value)}\x00"
        return _pack(len(text)) + text.encode()

    def text(self, kind: int, value: str) -> bytes:
        """Return a TickString; ``value`` is ASCII."""
        text = f"{self._text[kind]}{value}\x00"
        return _pack(len(text)) + text.encode()

    def last(self, kind: int, time_s: int, price: float, size: float, exchange: str) -> bytes:
        """Return a TickByTick of a trade."""
        text = f"{self._tick}{kind}\x00{time_s}\x00{number(price)}\x00{number(size)}\x000\x00{exchange}\x00\x00"
        return _pack(len(text)) + text.encode()

    def bid_ask(self, time_s: int, bid: float, ask: float, bid_size: float, ask_size: float, mask: int) -> bytes:
        """Return a TickByTick of a quote."""
        text = (f"{self._tick}3\x00{time_s}\x00{number(bid)}\x00{number(ask)}\x00{number(bid_size)}\x00"
                f"{number(ask_size)}\x00{mask}\x00")
        return _pack(len(text)) + text.encode()

    def midpoint(self, time_s: int, price: float) -> bytes:
        """Return a TickByTick of a midpoint."""
        text = f"{self._tick}4\x00{time_s}\x00{number(price)}\x00"
        return _pack(len(text)) + text.encode()
