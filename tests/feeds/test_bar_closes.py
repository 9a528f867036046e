"""When a bar is complete: its event time, which decides what a strategy may know."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from algotrade.domain import Kind
from algotrade.feeds import FeedError
from algotrade.feeds.records import bar_closes_ns
from tests.feeds.market_files import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    START_NS,
    instruments,
    replay,
    table_of,
    write_parquet,
)

KNOWN = instruments("A", "B")


def bars(tmp_path, opens_ns, symbols="A", **options):
    return replay([write_parquet(tmp_path / "bars.parquet", table_of("bars", opens_ns, symbols))], KNOWN,
                  **options)[Kind.BAR]


def opening(zone, day, hour, minute):
    moment = dt.datetime.fromisoformat(day).replace(hour=hour, minute=minute, tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * SECOND_NS


@pytest.mark.parametrize("duration_ns", [SECOND_NS, MINUTE_NS, 5 * MINUTE_NS, HOUR_NS])
def test_the_duration_is_the_smallest_spacing_within_a_symbol(tmp_path, duration_ns):
    opens = [START_NS + i * duration_ns for i in (0, 3, 4, 9)]
    # B's bars lie between A's: the spacing between different symbols means nothing.
    both = sorted([(t, "A") for t in opens] + [(t + duration_ns // 3, "B") for t in opens])

    found = bars(tmp_path, [t for t, _ in both], [s for _, s in both])

    assert (found["event_time_ns"] - found["open_time_ns"] == duration_ns).all()
    assert found["open_time_ns"].tolist() == [t for t, _ in both]


def test_a_daily_bar_from_half_past_nine_in_new_york_closes_with_the_session(tmp_path):
    # The clocks change on 2024-03-10: one day is 23 hours long.
    days = ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12"]
    opens = [opening("America/New_York", day, 9, 30) for day in days]

    assert bars(tmp_path, opens)["event_time_ns"].tolist() == [
        opening("America/New_York", day, 16, 0) for day in days]


def test_another_daily_bar_closes_a_day_later(tmp_path):
    opens = [opening("Asia/Tokyo", day, 9, 0) for day in ("2024-03-07", "2024-03-08")]

    assert bars(tmp_path, opens)["event_time_ns"].tolist() == [t + DAY_NS for t in opens]


def test_a_weekly_bar_is_not_known_before_its_week_is_over():
    opens = np.array([START_NS, START_NS + 7 * DAY_NS])

    assert (bar_closes_ns(opens, duration_ns=None, spacing_ns=7 * DAY_NS) == opens + 7 * DAY_NS).all()


def test_a_given_duration_holds_as_it_is(tmp_path):
    opens = [START_NS, START_NS + DAY_NS]

    assert (bars(tmp_path, opens, bar_duration_ns=DAY_NS)["event_time_ns"] == np.array(opens) + DAY_NS).all()


def test_one_bar_has_no_spacing_and_needs_a_given_duration(tmp_path):
    with pytest.raises(FeedError, match=r"no symbol has bars at two times.*allowed: two bars of a symbol, or"):
        bars(tmp_path, [START_NS, START_NS], ["A", "B"])

    assert len(bars(tmp_path, [START_NS, START_NS], ["A", "B"], bar_duration_ns=MINUTE_NS)) == 2


def test_quote_bars_become_quotes_at_their_close(tmp_path):
    columns = table_of("trades", [START_NS, START_NS + MINUTE_NS])
    numbers = {f"{side}_{c}": np.array([1.0, 2.0]) + k + 10 * (side == "ask")
               for side in ("bid", "ask") for k, c in enumerate(("open", "high", "low", "close"))}
    path = write_parquet(tmp_path / "q.parquet",
                         {"ts_event": columns["ts_event"], "symbol": columns["symbol"], **numbers})

    quotes = replay([path], KNOWN)[Kind.QUOTE]

    assert quotes["event_time_ns"].tolist() == [START_NS + MINUTE_NS, START_NS + 2 * MINUTE_NS]
    assert quotes["bid"].tolist() == [4.0, 5.0]
    assert quotes["ask"].tolist() == [14.0, 15.0]
    assert np.isnan(quotes["bid_size"]).all()
