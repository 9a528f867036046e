"""The gate on recorded data with known defects: exact counts, and precision and recall where the truth has labels.

``pytest -s`` shows the table. A label never looks at what the gate looks at: see each labelling function.
"""

import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest

from algotrade.domain import Flag, Kind
from algotrade.feeds import QualityRules
from tests.feeds.corpora import Judged, one_session, regular_sessions
from tests.feeds.market_files import MINUTE_NS, SECOND_NS
from tests.shared_data import shared_data

IBM_QUOTES = "us_equity_ticks/quotes_IBM_20131007_20131011"
TICK_DAYS = regular_sessions("2013-10-07", "2013-10-11")


@pytest.mark.parametrize(("name", "kind", "expected"), [
    (IBM_QUOTES, Kind.QUOTE, {Flag.CROSSED: 204, Flag.LOCKED: 1_547, Flag.NOT_POSITIVE: 1}),
    ("us_equity_ticks/quotes_BAC_20131007_20131011", Kind.QUOTE,
     {Flag.CROSSED: 75, Flag.LOCKED: 40_713, Flag.NOT_POSITIVE: 1}),
    ("us_equity_taq/quotes_XXX_venue_bbo_20180102_20180103", Kind.QUOTE, {Flag.NOT_POSITIVE: 96}),
    ("fx/fxcm_GBPUSD_1min_quotebars_201202", Kind.QUOTE, {Flag.CROSSED: 347, Flag.LOCKED: 306}),
    # What their README calls a side at 0 is NaN in the file.
    ("futures/lean_ES_1min_quotes_20131006_20131011", Kind.QUOTE,
     {Flag.CROSSED: 5, Flag.LOCKED: 117, Flag.NOT_FINITE: 3_180}),
    ("us_equity_daily/djia31_2006_2017", Kind.BAR,
     {Flag.INCONSISTENT: 151, Flag.NOT_FINITE: 25, Flag.NOT_POSITIVE: 1}),
    ("us_equity_daily/lean_daily_raw", Kind.BAR, {}),
    ("us_equity_bars/us60_1min_20180216_20180420", Kind.BAR, {}),
    ("us_equity_ticks/trades_SPY_20131007_20131011", Kind.TRADE, {}),
])
def test_the_known_defects_are_counted_exactly(name, kind, expected):
    judged = Judged(name, kind)

    exact = (Flag.CROSSED, Flag.LOCKED, Flag.NOT_FINITE, Flag.NOT_POSITIVE, Flag.INCONSISTENT, Flag.OUT_OF_ORDER,
             Flag.DUPLICATE)
    assert {flag: judged.counts[flag] for flag in exact if flag in judged.counts} == expected
    assert judged.quarantined == sum(expected.get(flag, 0) for flag in exact[2:])


def test_the_one_sided_quotes_are_the_first_of_their_file():
    judged = Judged(IBM_QUOTES, Kind.QUOTE)

    assert np.flatnonzero(judged.flagged(Flag.NOT_POSITIVE)).tolist() == [0]


def test_unchanged_quotes_are_repeated():
    judged = Judged(IBM_QUOTES, Kind.QUOTE, sessions=TICK_DAYS)

    # The README counts the regular session.
    assert np.count_nonzero(judged.flagged(Flag.REPEATED) & ~judged.flagged(Flag.OUTSIDE_SESSION)) == 49_149


def test_the_daily_low_of_zero_is_quarantined():
    judged = Judged("us_equity_daily/djia31_2006_2017", Kind.BAR)
    found = judged.flagged(Flag.NOT_POSITIVE)

    assert (judged.symbols[found].tolist(), judged.started()[found].tolist()) == (
        ["HD"], [np.datetime64("2009-04-17T09:30").astype(object)])


def test_missing_minutes_are_gaps():
    judged = Judged("futures/6EH4_1min_202401", Kind.BAR, sessions=one_session("2024-01-01", "2024-02-02"))

    assert judged.counts[Flag.GAP] == 375


@pytest.mark.parametrize(("bound_s", "silences"), [(349, 0), (348, 1)])
def test_the_longest_silence_of_the_euro_is_348_seconds(bound_s, silences):
    judged = Judged("fx/oanda_EURUSD_ticks_20140504_20140509", Kind.QUOTE,
                    QualityRules(stale_after_ns=bound_s * SECOND_NS), one_session("2014-05-04", "2014-05-11"))

    assert judged.counts.get(Flag.STALE, 0) == silences


def test_the_labor_day_halt_of_es_is_the_only_silence_of_an_hour():
    judged = Judged("futures/mlfinpy_ES_trades_20130901_20130903", Kind.TRADE,
                    QualityRules(stale_after_ns=3_600 * SECOND_NS), one_session("2013-09-01", "2013-09-05"))
    found = np.flatnonzero(judged.flagged(Flag.STALE))
    times = judged.records["event_time_ns"]

    assert [(int(times[i] - times[i - 1]) // SECOND_NS) for i in found] == [23_400]


def test_the_bar_before_the_open_is_outside_the_session_and_only_that_one():
    judged = Judged("us_equity_bars/us60_1min_20180216_20180420", Kind.BAR,
                    sessions=regular_sessions("2018-02-16", "2018-04-20"))
    minute = judged.started() - judged.started().astype("M8[D]")

    assert (judged.flagged(Flag.OUTSIDE_SESSION) == (minute < np.timedelta64(570, "m"))).all()
    assert judged.flagged(Flag.OUTSIDE_SESSION).any()


def test_the_seven_for_one_split_of_apple_is_a_jump():
    judged = Judged("us_equity_bars/lean_1min_trades", Kind.BAR)
    apple = judged.symbols == "AAPL"
    split = np.flatnonzero(apple & (judged.started() >= np.datetime64("2014-06-09")))[0]

    assert judged.flagged(Flag.PRICE_JUMP)[split]


# What follows measures PRICE_JUMP, which is a judgement: how much of what is wrong it finds, and how much is wrong
# of what it finds.


def shifted_rows(judged):
    """Label the rows of the corrupt file that come from another time of day; return (wrong, labelled, from 11:00 on).

    From 11:00 on, the file shows each day's quiet hours before the open in place of the regular session. Prices there
    are ordinary; the volume is not: wrong is a (symbol, day) whose median volume from 11:00 on is below 15 % of the
    symbol's own median volume before 11:00. (It is 0.1 % to 12.2 % in all of them; an ordinary afternoon has half the
    volume of the morning or more.) SPY and VIXY have no regular session in the file at all, so nothing to compare with:
    they are left out.
    """
    started, volume = judged.started(), judged.records["volume"]
    late = started - started.astype("M8[D]") >= np.timedelta64(660, "m")
    wrong = np.zeros(len(volume), bool)
    labelled = ~np.isin(judged.symbols, ["SPY", "VIXY"])
    for symbol in np.unique(judged.symbols[labelled]):
        mine = judged.symbols == symbol
        regular = np.median(volume[mine & ~late])
        for day in np.unique(started[mine].astype("M8[D]")):
            block = mine & late & (started.astype("M8[D]") == day)
            wrong[block] = np.median(volume[block]) < 0.15 * regular
    return wrong, labelled, late


def far_from_the_median_around(judged, share, half_width):
    """Label the bars whose high or low is ``share`` away from the median close of the bars around, later ones too."""
    close = judged.records["close"]
    padded = np.pad(close, half_width, mode="edge")
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half_width + 1), axis=1)
    return np.maximum(judged.records["high"] / medians, medians / judged.records["low"]) - 1.0 > share


def split_days(judged):
    """Label each symbol's first bar behind a split of at least 5:4, by the adjustment factors of the same source."""
    factors = pq.read_table(shared_data("us_equity_daily/adjustment_factors.parquet")).sort_by("date").to_pylist()
    days = judged.started().astype("M8[D]")
    wrong = np.zeros(len(judged.records), bool)
    for symbol in np.unique(judged.symbols):
        bars = np.flatnonzero(judged.symbols == symbol)
        mine = [row for row in factors if row["symbol"] == symbol]
        for before, after in pairwise(mine):
            behind = bars[days[bars] > np.datetime64(before["date"])]
            if not 0.8 <= before["split_factor"] / after["split_factor"] <= 1.25 and len(behind):
                wrong[behind[0]] = True
    return wrong


def far_from_their_minute(judged, share):
    """Label the trades whose price is ``share`` away from the median price of their minute, later ones included."""
    prices, minutes = judged.records["price"], judged.records["event_time_ns"] // MINUTE_NS
    order = np.lexsort((prices, minutes))
    _, first, place, count = np.unique(minutes, return_index=True, return_inverse=True, return_counts=True)
    medians = prices[order][first + count // 2][place]
    return np.maximum(prices / medians, medians / prices) - 1.0 > share


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    lines = [f"{'corpus':44}{'records':>10}{'wrong':>7}{'flagged':>9}{'precision':>11}{'recall':>8}"]
    yield lines
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def measured(table, corpus, flagged, wrong):
    """Add a line to the table and return (precision, recall); NaN where there is nothing to find, or was found."""
    hits = np.count_nonzero(flagged & wrong)
    precision = hits / np.count_nonzero(flagged) if flagged.any() else float("nan")
    recall = hits / np.count_nonzero(wrong) if wrong.any() else float("nan")
    table.append(f"{corpus:44}{len(flagged):10,}{np.count_nonzero(wrong):7,}{np.count_nonzero(flagged):9,}"
                 f"{precision:11.3f}{recall:8.3f}")
    return precision, recall


@pytest.mark.parametrize(("confirm", "precision_min", "recall_min", "found_min"), [
    (QualityRules().jump_confirm_records, 0.6, 0.03, 0.65), (60, 0.6, 0.25, 0.6)])
def test_rows_of_another_time_of_day(table, confirm, precision_min, recall_min, found_min):
    """A wrong level that stays looks like a real move: the gate tells that it begins, not that it lasts.

    Precision by rows counts the way back as an error too: the first good bars of the next day are far from the price
    that was trusted last. A longer confirmation finds more rows, and holds real moves back as long.
    """
    judged = Judged("dirty/us27_5min_20260203_20260206_corrupt", Kind.BAR, QualityRules(jump_confirm_records=confirm))
    wrong, labelled, late = shifted_rows(judged)
    flagged, day = judged.flagged(Flag.PRICE_JUMP), judged.started().astype("M8[D]")
    assert (np.count_nonzero(wrong), np.count_nonzero(labelled)) == (6_000, 7_800)
    assert (wrong == (late & labelled)).all()

    precision, recall = measured(
        table, f"corrupt 5 min bars, rows, confirmed by {confirm}", flagged[labelled], wrong[labelled])
    found = np.array([(flagged & wrong & (judged.symbols == symbol) & (day == one)).any()
                      for symbol in np.unique(judged.symbols[wrong]) for one in np.unique(day)])
    _, found_share = measured(table, "  of them stretches", found, np.ones(len(found), bool))

    assert precision > precision_min
    assert recall > recall_min
    assert found_share > found_min


def test_false_prints_after_hours(table):
    judged = Judged("us_equity_bars/spy_1min_ext_20250701_20250730", Kind.BAR)
    wrong = far_from_the_median_around(judged, 0.01, 30)
    listed = np.isin(judged.started(), np.array(
        ["2025-07-10T16:55", "2025-07-18T17:37", "2025-07-21T17:16"], "M8[m]"))

    precision, recall = measured(table, "SPY 1 min, prints 1 % off", judged.flagged(Flag.PRICE_JUMP), wrong)

    assert (wrong & listed).sum() == 3
    assert (judged.flagged(Flag.PRICE_JUMP) & listed).sum() == 3
    assert precision > 0.95
    assert recall > 0.99


def test_blocks_at_an_old_price(table):
    name = "us_equity_ticks/trades_SPY_20131007_20131011"
    judged = Judged(name, Kind.TRADE)
    marked = pq.read_table(shared_data(f"{name}.parquet"), columns=["suspicious"])["suspicious"].to_numpy()

    precision, recall = measured(table, "SPY trades, marked by the exchange", judged.flagged(Flag.PRICE_JUMP), marked)

    assert np.count_nonzero(marked) == 10
    assert recall == 1.0
    assert precision > 0.25

    precision, recall = measured(table, "SPY trades, 1 % off their minute", judged.flagged(Flag.PRICE_JUMP),
                                 far_from_their_minute(judged, 0.01))
    assert precision > 0.9
    assert recall > 0.9


def test_splits_in_raw_daily_prices(table):
    judged = Judged("us_equity_daily/lean_daily_raw", Kind.BAR)

    _, recall = measured(table, "raw daily bars, splits", judged.flagged(Flag.PRICE_JUMP), split_days(judged))

    assert recall > 0.9
    assert np.mean(judged.flagged(Flag.PRICE_JUMP)) < 0.006


@pytest.mark.parametrize(("name", "kind", "share_max"), [
    ("us_equity_bars/us60_1min_20180216_20180420", Kind.BAR, 0.0013),
    ("us_equity_ticks/trades_IBM_20131007_20131011", Kind.TRADE, 0.00002),
    ("us_equity_ticks/quotes_BAC_20131007_20131011", Kind.QUOTE, 0.0),
    (IBM_QUOTES, Kind.QUOTE, 0.00005),
    ("fx/oanda_EURUSD_ticks_20140504_20140509", Kind.QUOTE, 0.0),
])
def test_clean_data_are_left_alone(table, name, kind, share_max):
    """Nothing is known to be wrong here: what is flagged are real moves, most of them overnight."""
    flagged = Judged(name, kind).flagged(Flag.PRICE_JUMP)

    measured(table, f"clean: {name.rpartition('/')[2][:36]}", flagged, np.zeros(len(flagged), bool))

    assert np.mean(flagged) <= share_max
