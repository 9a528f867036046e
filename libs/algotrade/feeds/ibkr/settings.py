"""What the feed from Interactive Brokers is asked for, and within which bounds."""

from typing import NamedTuple

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND

_MINUTE_S = 60
_DAY_S = 86_400


class BarSize(NamedTuple):
    """``name`` as IB writes it; ``history_s_max``: the longest stretch that one request may ask for (documented)."""

    name: str
    duration_s: int
    history_s_max: int

    @property
    def duration_ns(self) -> int:
        """Return how long a bar lasts; a day's bar lasts as long as its session."""
        return self.duration_s * NANOSECONDS_PER_SECOND

    @property
    def is_day(self) -> bool:
        """Tell whether bars are days, whose edges are those of the market's sessions."""
        return self.duration_s == _DAY_S

    @property
    def is_live_bar(self) -> bool:
        """Tell whether whole bars are streamed as they end, instead of history that is kept up to date."""
        return self.duration_s == 5


BAR_SIZES: dict[str, BarSize] = {size.name: size for size in (
    BarSize("5 secs", 5, 3_600), BarSize("10 secs", 10, 4 * 3_600), BarSize("15 secs", 15, 4 * 3_600),
    BarSize("30 secs", 30, 8 * 3_600),
    BarSize("1 min", _MINUTE_S, _DAY_S), BarSize("2 mins", 2 * _MINUTE_S, 2 * _DAY_S),
    BarSize("3 mins", 3 * _MINUTE_S, 7 * _DAY_S), BarSize("5 mins", 5 * _MINUTE_S, 7 * _DAY_S),
    BarSize("10 mins", 10 * _MINUTE_S, 7 * _DAY_S), BarSize("15 mins", 15 * _MINUTE_S, 7 * _DAY_S),
    BarSize("20 mins", 20 * _MINUTE_S, 7 * _DAY_S), BarSize("30 mins", 30 * _MINUTE_S, 28 * _DAY_S),
    BarSize("1 day", _DAY_S, 365 * _DAY_S),
)}
"""Hours are left out: where a bar of an hour begins differs by market."""

SHOWN = ("TRADES", "MIDPOINT", "BID", "ASK")


class IbkrFeedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Live market data of Interactive Brokers.

    ``quotes``              top of the book: quotes and trades of every instrument
    ``bars``                size of the bars as IB writes it ("5 secs", "1 min", "1 day", ...); empty: no bars
    ``what_to_show``        what bars are made of: TRADES, MIDPOINT (currencies have no trades), BID or ASK
    ``use_rth``             bars of regular hours alone
    ``backfill_s``          bars of so many seconds before the first start; after a gap, bars from the last one known on
    ``bar_grace_s``         how long after its end a bar that none follows is complete; IB adds to it every five seconds
    ``tick_by_tick``        symbols of which every tick is asked for, with the exchange's time; two subscriptions each
    ``tick_by_tick_max``    such subscriptions that the account allows (IB: 3 with 100 lines; documented)
    ``lines_max``           market data lines that the account allows; open windows of TWS use the same ones
    ``history_open_max``    requests for bars that may be open at once (IB: 50; documented)
    ``delayed``             take delayed data where there is no subscription: flagged, and nothing is priced by them
    ``stale_s_max``         silence of an instrument within its liquid hours, after which it is asked for again
    ``verify_s_max``        how soon a tick has to prove that subscriptions outlived a lost link (1102) or farm
    """

    quotes: bool = True
    bars: str = ""
    what_to_show: str = "TRADES"
    use_rth: bool = True
    backfill_s: float = 3_600.0
    bar_grace_s: float = 7.0
    tick_by_tick: tuple[str, ...] = ()
    tick_by_tick_max: int = 3
    lines_max: int = 100
    history_open_max: int = 50
    delayed: bool = False
    stale_s_max: float = 30.0
    verify_s_max: float = 10.0

    def __post_init__(self) -> None:
        if self.bars and self.bars not in BAR_SIZES:
            raise ValueError(f"bars is {self.bars!r}; allowed: empty, or {', '.join(BAR_SIZES)}")
        if not self.bars and not self.quotes:
            raise ValueError("quotes is false and bars is empty; allowed: at least one of them")
        if self.what_to_show not in SHOWN:
            raise ValueError(f"what_to_show is {self.what_to_show!r}; allowed: {', '.join(SHOWN)}")
        if self.tick_by_tick and not self.quotes:
            raise ValueError("tick_by_tick names symbols and quotes is false; allowed: only with quotes")
        if len(set(self.tick_by_tick)) != len(self.tick_by_tick):
            raise ValueError(f"tick_by_tick is {list(self.tick_by_tick)}; allowed: each symbol once")
        for field, least, most in (
            ("tick_by_tick_max", 0, 1_000), ("lines_max", 1, 10_000), ("history_open_max", 1, 50),
            ("backfill_s", 0, 365 * _DAY_S), ("bar_grace_s", 0, 600), ("stale_s_max", 1, _DAY_S),
            ("verify_s_max", 1, 3_600),
        ):
            value = getattr(self, field)
            if not least <= value <= most:
                raise ValueError(f"{field} is {value}; allowed: {least} to {most}")

    @property
    def bar_size(self) -> BarSize | None:
        """Return the size of the bars, None for no bars."""
        return BAR_SIZES[self.bars] if self.bars else None
