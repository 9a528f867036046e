"""Bars are what a plain reading of the rules makes of the records."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import QUOTE, TRADE, Instrument, Kind, Sessions
from algotrade.domain.session import ALWAYS_OPEN
from algotrade.gateway.bars import (
    BAR_SIZES,
    BID_ASK,
    TRADES,
    parse_duration,
    put_together,
    series_of,
    starts_ns,
    trading_days,
)
from algotrade.gateway.listings import listed

NEW_YORK = ZoneInfo("America/New_York")
SECOND_NS = 10**9
DST = int(datetime(2013, 11, 2, tzinfo=NEW_YORK).timestamp())  # the clocks go back on the 3rd
IBM = listed(Instrument(id=0, symbol="IBM", tick=Decimal("0.01")), ALWAYS_OPEN, 0)
TIMES = st.lists(st.integers(0, 3 * 86_400 * 10), min_size=1, max_size=80).map(sorted)
TIMED = [size for size in BAR_SIZES.values() if size.unit == "time"]


def records(times, dtype):
    rows = np.zeros(len(times), dtype)
    rows["event_time_ns"] = DST * SECOND_NS + np.array(times) * SECOND_NS // 10
    return rows


def plain_start(time_ns: int, size) -> int:
    """The beginning of the bar, by the wall clock in New York; calendars by the calendar."""
    wall = datetime.fromtimestamp(time_ns // SECOND_NS, NEW_YORK)
    if size.unit == "time":
        into = (wall.hour * 3600 + wall.minute * 60 + wall.second) % (size.ns // SECOND_NS)
        return time_ns // SECOND_NS * SECOND_NS - into * SECOND_NS
    day = wall.date()
    if size.unit == "week":
        day -= timedelta(days=day.weekday())
    elif size.unit == "month":
        day = day.replace(day=1)
    return int(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp()) * SECOND_NS


@given(TIMES, st.sampled_from(list(BAR_SIZES.values())))
def test_a_bar_begins_by_the_wall_clock_also_when_clocks_change(times, size):
    found = starts_ns(records(times, TRADE)["event_time_ns"], size, IBM)
    assert found.tolist() == [plain_start(t, size) for t in records(times, TRADE)["event_time_ns"].tolist()]


@given(TIMES, st.sampled_from(TIMED), st.data())
def test_bars_of_trades_are_what_a_loop_makes_of_them(times, size, data):
    rows = records(times, TRADE)
    rows["price"] = data.draw(st.lists(st.integers(1, 500), min_size=len(times), max_size=len(times)))
    rows["size"] = data.draw(st.lists(st.sampled_from([0, 1, 100, np.nan]), min_size=len(times), max_size=len(times)))
    bars = put_together(series_of(rows, Kind.TRADE, TRADES), size, IBM, TRADES)
    groups: dict[int, list[tuple[float, float]]] = {}
    for t, p, s in zip(rows["event_time_ns"].tolist(), rows["price"].tolist(), rows["size"].tolist(), strict=True):
        groups.setdefault(plain_start(t, size), []).append((p, 0 if np.isnan(s) else s))
    assert bars.starts_ns.tolist() == list(groups)
    for i, group in enumerate(groups.values()):
        prices, volume = [p for p, _ in group], sum(s for _, s in group)
        assert (bars.open[i], bars.high[i], bars.low[i], bars.close[i]) == (
            prices[0], max(prices), min(prices), prices[-1])
        assert (bars.volume[i], bars.count[i]) == (volume, len(group))
        average = sum(p * s for p, s in group) / volume if volume else sum(prices) / len(prices)
        assert bars.average[i] == pytest.approx(average)


def test_bid_and_ask_are_averaged_over_time():
    rows = records([0, 10, 40, 60], QUOTE)  # tenths of a second
    rows["bid"], rows["ask"] = [10, 20, 30, 40], [11, 21, 31, 41]
    bars = put_together(series_of(rows, Kind.QUOTE, BID_ASK), BAR_SIZES["5 secs"], IBM, BID_ASK)
    assert bars.open.tolist() == [(10 * 1 + 20 * 3 + 30 * 1) / 5, 40]
    assert bars.close.tolist() == [(11 * 1 + 21 * 3 + 31 * 1) / 5, 41]
    assert (bars.low.tolist(), bars.high.tolist()) == ([10, 40], [31, 41])


def test_a_trading_day_is_the_one_on_which_its_session_closes():
    def at(day, hour):
        return int(datetime(2013, 10, day, hour, tzinfo=NEW_YORK).timestamp()) * SECOND_NS

    overnight = Sessions(opens_ns=(at(7, 18), at(8, 18)), closes_ns=(at(8, 17), at(9, 17)))
    future = listed(Instrument(id=0, symbol="ESZ3", tick=Decimal("0.25"), mic="CMES"), overnight, at(7, 0))
    times = np.array([at(7, 19), at(8, 10), at(8, 17), at(8, 18), at(9, 16)])
    epoch = date(1970, 1, 1).toordinal()
    assert [date.fromordinal(epoch + d).day for d in trading_days(times, future).tolist()] == [8, 8, 8, 9, 9]


@pytest.mark.parametrize(("text", "count", "unit"), [
    ("60 S", 60, "S"), ("1 D", 1, "D"), ("2 W", 2, "W"), ("3 M", 3, "M"), ("10 Y", 10, "Y"), ("3600", 3600, "S")])
def test_durations(text, count, unit):
    found = parse_duration(text)
    assert found is not None
    assert (found.count, found.unit) == (count, unit)


@pytest.mark.parametrize("text", ["", "1", "D", "1D", "-1 D", "1.5 D", "0 D", " 1 D", "1 D ", "9999999 S", "1 d"][2:])
def test_what_is_no_duration(text):
    assert parse_duration(text) is None
