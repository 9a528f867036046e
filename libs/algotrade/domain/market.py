"""Market data records: fixed little-endian layouts, one row per event, the same on disk, on the bus and in kernels.

A record is never changed once published. Common fields of the three kinds:

``sequence``         position in the merged run of all sources, from 1, numbered **before** the quality gate
``event_time_ns``    when it happened at the venue, ns since 1970 UTC; for a bar, when it was complete (its close)
``receive_time_ns``  when it reached us (live); equal to ``event_time_ns`` in a replay
``instrument``       ``Instrument.id``
``flags``            what the quality gate noticed, a bit set of ``Flag``

Prices are float64 in the instrument's currency, sizes float64 in units of the instrument. NaN = unknown.
The layout version stands in every message's header: a reader accepts the current version and the one before.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from enum import IntEnum, IntFlag

import msgspec
import numpy as np
import numpy.typing as npt

Record = np.void
Records = npt.NDArray[Record]

LAYOUT_VERSION = 1


class Kind(IntEnum):
    """The kinds of market record. The number is the order among records of one time: quotes go before trades."""

    QUOTE = 0
    TRADE = 1
    BAR = 2


class Flag(IntFlag):
    """What the quality gate noticed about a record; several may hold at once (``feeds.quality``)."""

    STALE = 1
    """The instrument had been silent longer than allowed before this record."""
    LOCKED = 2
    """Bid equals ask: ordinary for moments."""
    CROSSED = 4
    """Bid above ask."""
    GAP = 8
    """One or more bars are missing before this one."""
    PRICE_JUMP = 16
    """Too far from the last price that was trusted."""
    OUTSIDE_SESSION = 32
    """The instrument's market was closed."""
    REPEATED = 64
    """The same values as the record before, at a later time."""
    DELAYED = 128
    """Not of this moment: delayed or frozen data, as a broker sends without a subscription. Nothing is priced by it."""
    NOT_FINITE = 256
    """A price or size is NaN or infinite."""
    NOT_POSITIVE = 512
    """A price is zero or negative, or a size is negative."""
    OUT_OF_ORDER = 1024
    """Older than the record before it."""
    DUPLICATE = 2048
    """A second time the same time and values, where that cannot be a second event."""
    INCONSISTENT = 4096
    """The values contradict one another: a bar whose high is below its low, open or close."""


QUARANTINE = Flag.NOT_FINITE | Flag.NOT_POSITIVE | Flag.OUT_OF_ORDER | Flag.DUPLICATE | Flag.INCONSISTENT
"""The flags that keep a record from strategies; the others travel with it."""

_COMMON = [
    ("sequence", "<i8"),
    ("event_time_ns", "<i8"),
    ("receive_time_ns", "<i8"),
    ("instrument", "<i4"),
    ("flags", "<u4"),
]

QUOTE = np.dtype([*_COMMON, ("bid", "<f8"), ("ask", "<f8"), ("bid_size", "<f8"), ("ask_size", "<f8")])
"""Best bid and offer, 64 bytes. Size in units of the instrument (shares, contracts), NaN where not known."""

TRADE = np.dtype([*_COMMON, ("price", "<f8"), ("size", "<f8")])
"""A print on the tape, 48 bytes; never an order or a fill of ours."""

BAR = np.dtype(
    [*_COMMON, ("open_time_ns", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"),
     ("volume", "<f8")]
)
"""Open, high, low, close and volume of [open_time_ns, event_time_ns], 80 bytes."""

LAYOUTS: dict[Kind, np.dtype[np.void]] = {Kind.QUOTE: QUOTE, Kind.TRADE: TRADE, Kind.BAR: BAR}

assert [LAYOUTS[k].itemsize for k in Kind] == [64, 48, 80], "a changed layout needs a new LAYOUT_VERSION"


def no_records(kind: Kind) -> Records:
    """Return an empty array of ``kind``'s layout."""
    return np.empty(0, dtype=LAYOUTS[kind])


def joined(parts: Sequence[Records]) -> Records:
    """Return the records of ``parts``, all of one layout, one part after the other; a single part is not copied."""
    if len(parts) == 1:
        return parts[0]
    # As plain bytes, which numpy joins ten times as fast as fields.
    layout = parts[0].dtype
    whole: Records = np.concatenate([part.view(f"V{layout.itemsize}") for part in parts]).view(layout)
    return whole


def read_only(records: Records) -> Records:
    """Return ``records`` as a read-only contiguous view: one type, so that one machine code serves every source."""
    if records.flags.writeable or not records.flags.c_contiguous:
        records = np.ascontiguousarray(records).view()
        records.flags.writeable = False
    return records


def rows_to(records: Records, field: str, value: int) -> int:
    """Return how many of ``records`` come before the first whose ``field`` is above ``value``; the field never falls.

    By bisection of the rows themselves: numpy's own search would first copy the whole field out of them.
    """
    return bisect_right(records[field], value)


class MarketBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the merged run: one array per kind, each in sequence order.

    Interleaving them by ``sequence`` gives the run back. Arrays are shared, not copied: nobody writes to them.
    """

    quotes: Records
    trades: Records
    bars: Records

    @classmethod
    def of(cls, arrays: Mapping[Kind, Records]) -> "MarketBatch":
        """Return the batch of ``arrays``; a kind that is missing is empty."""
        quotes, trades, bars = (arrays.get(kind, no_records(kind)) for kind in Kind)
        return cls(quotes=quotes, trades=trades, bars=bars)

    def __len__(self) -> int:
        return len(self.quotes) + len(self.trades) + len(self.bars)

    def arrays(self) -> dict[Kind, Records]:
        """Return the three arrays by kind."""
        return {Kind.QUOTE: self.quotes, Kind.TRADE: self.trades, Kind.BAR: self.bars}
