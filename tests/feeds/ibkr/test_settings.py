"""Settings that cannot be are refused by name, with what is allowed; a universe that does not fit, with numbers."""

import pytest

from algotrade.config.load import ConfigError, convert
from algotrade.domain import Instrument, Instruments
from algotrade.feeds import FeedError
from algotrade.feeds.ibkr import BAR_SIZES, IbkrFeedSettings, check_budget
from algotrade.feeds.ibkr.codes import Effect, effect_of
from algotrade.feeds.ibkr.settings import BarSize
from algotrade.feeds.ibkr.times import duration_text


def universe(count: int) -> Instruments:
    return Instruments(Instrument(id=i, symbol=f"S{i}") for i in range(count))


@pytest.mark.parametrize(("field", "value"), [
    ("bars", "1 hour"), ("bars", "1min"), ("what_to_show", "trades"), ("tick_by_tick", ["A", "A"]),
    ("tick_by_tick_max", -1), ("lines_max", 0), ("history_open_max", 51), ("backfill_s", -1.0),
    ("bar_grace_s", float("nan")), ("stale_s_max", 0.5), ("verify_s_max", float("inf")),
])
def test_a_setting_that_cannot_be_is_named(field, value):
    with pytest.raises(ConfigError, match=f"{field} .*allowed"):
        convert({field: value}, IbkrFeedSettings, "test.toml")


def test_a_feed_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        IbkrFeedSettings(quotes=False)
    with pytest.raises(ValueError, match="only with quotes"):
        IbkrFeedSettings(quotes=False, bars="1 min", tick_by_tick=("A",))


@pytest.mark.parametrize("bars", ["", *BAR_SIZES])
def test_every_documented_size_is_one(bars):
    size = IbkrFeedSettings(bars=bars).bar_size
    assert (size is None) == (not bars)


@pytest.mark.parametrize(("settings", "count", "words"), [
    ({}, 101, ("101 instruments need 101 market data lines", "100 (lines_max)")),
    ({"bars": "5 secs"}, 51, ("need 102 market data lines",)),
    ({"bars": "1 min"}, 51, ("need 51 requests for bars", "50 (history_open_max)")),
    ({"tick_by_tick": ("S0", "S1")}, 2, ("need 4 tick-by-tick", "3 (tick_by_tick_max)")),
])
def test_a_universe_beyond_the_budget_is_refused_with_numbers(settings, count, words):
    with pytest.raises(FeedError) as refused:
        check_budget(IbkrFeedSettings(**settings), universe(count))
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_a_universe_that_fits_says_what_it_needs():
    need = check_budget(IbkrFeedSettings(bars="1 min", tick_by_tick=("S1",)), universe(50))
    assert (need.lines, need.tick_by_tick, need.history_open) == (50, 2, 50)
    assert check_budget(IbkrFeedSettings(lines_max=200), universe(200)).lines == 200


def test_a_tick_by_tick_symbol_that_is_none_is_refused():
    with pytest.raises(FeedError, match=r"tick_by_tick: .*'IBM'.*S0"):
        check_budget(IbkrFeedSettings(tick_by_tick=("IBM",)), universe(1))


@pytest.mark.parametrize(("code", "text", "effect"), [
    (162, "HMDS query returned no data: AAPL", Effect.EMPTY),
    (162, "API historical data query cancelled", Effect.REFUSED),
    (101, "", Effect.OVER_BUDGET), (309, "", Effect.OVER_BUDGET), (10190, "", Effect.OVER_BUDGET),
    (10197, "", Effect.COMPETING), (10167, "", Effect.DELAYED), (10225, "", Effect.ENDED), (10182, "", Effect.ENDED),
    (366, "", Effect.NOTED), (2176, "", Effect.NOTED), (420, "", Effect.REFUSED), (424242, "", Effect.REFUSED),
])
def test_what_a_code_means(code, text, effect):
    assert effect_of(code, text) is effect


@pytest.mark.parametrize(("seconds", "bars", "expected"), [
    (0, "1 min", ("120 S", 120)), (3_600, "1 min", ("3601 S", 3_601)), (90_000, "1 min", ("86400 S", 86_400)),
    (90_000, "5 mins", ("2 D", 172_800)), (10**9, "5 mins", ("7 D", 604_800)), (0, "5 secs", ("60 S", 60)),
    (10**6, "5 secs", ("3600 S", 3_600)), (0, "1 day", ("2 D", 172_800)), (10**9, "1 day", ("365 D", 31_536_000)),
])
def test_how_long_a_stretch_is_asked_for(seconds, bars, expected):
    assert duration_text(seconds, BAR_SIZES[bars]) == expected


def test_durations_reach_as_far_as_they_say():
    for size in BAR_SIZES.values():
        for seconds in (0, 59, 61, 3_599, 86_399, 86_400, 86_401, 200_000, 10**8):
            text, reach_s = duration_text(seconds, size)
            count, unit = text.split()
            assert int(count) * {"S": 1, "D": 86_400}[unit] == reach_s
            assert reach_s >= min(seconds, size.history_s_max)
            assert reach_s <= max(size.history_s_max, 2 * 86_400 if size.is_day else 0)
            assert isinstance(size, BarSize)
