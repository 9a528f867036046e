"""What the universe needs of the account's allowances, and the refusal of one that does not fit."""

import msgspec

from algotrade.domain.instrument import InstrumentError, Instruments
from algotrade.feeds.ibkr.settings import IbkrFeedSettings
from algotrade.feeds.port import FeedError

TICKS_PER_SYMBOL = 2
"""Subscriptions of one symbol by tick: its trades, and its quotes."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a universe uses. Bars of five seconds take a market data line each, as the top of the book does."""

    lines: int
    tick_by_tick: int
    history_open: int


def need_of(settings: IbkrFeedSettings, instruments: int) -> Need:
    """Return what ``instruments`` instruments need."""
    size = settings.bar_size
    live_bars = instruments if size is not None and size.is_live_bar else 0
    return Need(
        lines=(instruments if settings.quotes else 0) + live_bars,
        tick_by_tick=TICKS_PER_SYMBOL * len(settings.tick_by_tick),
        history_open=instruments if size is not None and not size.is_live_bar else 0)


def check_budget(settings: IbkrFeedSettings, instruments: Instruments) -> Need:
    """Return what the universe needs; raise ``FeedError``, with the numbers, where the account does not allow it."""
    need = need_of(settings, len(instruments))
    for symbol in settings.tick_by_tick:
        try:
            instruments.by_symbol(symbol)
        except InstrumentError as error:
            raise FeedError(f"tick_by_tick: {error}") from error
    allowances = {
        "lines_max": (need.lines, settings.lines_max, "market data lines"),
        "tick_by_tick_max": (need.tick_by_tick, settings.tick_by_tick_max, "tick-by-tick subscriptions, two a symbol"),
        "history_open_max": (need.history_open, settings.history_open_max, "requests for bars that stay open"),
    }
    for name, (needed, allowed, what) in allowances.items():
        if needed > allowed:
            raise FeedError(f"{len(instruments)} instruments need {needed} {what}; allowed: {allowed} ({name}). "
                            "Trade fewer instruments, or raise the setting where the account has more")
    return need
