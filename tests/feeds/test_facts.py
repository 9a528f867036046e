"""What the first pass finds, against a plain reading of the same rows."""

import itertools
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Kind
from algotrade.feeds import FeedError, inspect, instruments_of
from tests.feeds.market_files import MINUTE_NS, SECOND_NS, START_NS, table_of, write_parquet
from tests.shared_data import shared_data

rows = st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ABC")), min_size=2, max_size=300)


def breaks(times):
    """Count the times that are below one before them."""
    return sum(time < max(times[:i]) for i, time in enumerate(times) if i)


@given(rows, st.sampled_from(["none", "time", "symbol"]), st.lists(st.integers(0, 299), max_size=3), st.integers(1, 99))
def test_order_and_spacing_are_found_as_a_plain_reading_finds_them(
    tmp_path_factory, found, ordered, moved, group,
):
    key = {"none": lambda _: 0, "time": lambda row: row[0], "symbol": lambda row: (row[1], row[0])}[ordered]
    found = sorted(found, key=key)
    for i in moved:
        # A few rows go back in time, without leaving their symbol.
        found[i % len(found)] = (0, found[i % len(found)][1])
    times, symbols = [time for time, _ in found], [symbol for _, symbol in found]
    path = write_parquet(tmp_path_factory.mktemp("scan") / "x.parquet",
                         table_of("bars", [START_NS + t * SECOND_NS for t in times], symbols), row_group_size=group)
    begun = [s for i, s in enumerate(symbols) if not i or symbols[i - 1] != s]
    by_time = breaks(times)
    apart = [[t for t, s in found if s == symbol] for symbol in dict.fromkeys(symbols)]
    by_symbol = sum(map(breaks, apart)) if len(set(begun)) == len(begun) else len(found)
    spacings = [b - a for part in apart for a, b in itertools.pairwise(part) if b > a]

    if min(by_time, by_symbol) > 0.01 * len(found):
        with pytest.raises(FeedError, match="goes back in time"):
            inspect(path)
        return
    if not spacings:
        with pytest.raises(FeedError, match="no symbol has bars at two times"):
            inspect(path)
        return
    facts = inspect(path)

    assert facts.order == ("symbol, time" if by_symbol < by_time else "time")
    assert facts.out_of_order == min(by_time, by_symbol)
    assert facts.bar_spacing_ns == min(spacings) * SECOND_NS
    assert (facts.rows, facts.symbols) == (len(found), tuple(dict.fromkeys(symbols)))
    assert facts.first_time_ns == START_NS + min(times) * SECOND_NS
    assert facts.last_time_ns == START_NS + max(times) * SECOND_NS


@pytest.mark.parametrize(("prices", "tick"), [
    ([100.0, 25.0], "1"), ([100.5], "0.1"), ([0.01, 99.99], "0.01"), ([1.23456], "0.00001"),
    ([100.1 + 0.2, 0.1 * 3], "0.1"), ([1 / 3], "1E-9"), ([np.nan, np.inf, 2.5], "0.1"), ([145.25, 1e-4], "0.0001"),
])
def test_the_tick_is_what_the_prices_need(tmp_path, prices, tick):
    table = table_of("trades", [START_NS + i for i in range(len(prices))])

    facts = inspect(write_parquet(tmp_path / "x.parquet", {**table, "price": prices}))

    assert facts.tick == Decimal(tick)


def test_instruments_come_from_the_files_with_the_finest_tick(tmp_path):
    times = [START_NS, START_NS + MINUTE_NS]
    facts = [
        inspect(write_parquet(tmp_path / f"{i}.parquet", {**table_of("trades", times, symbol), "price": [price, 2.0]}))
        for i, (symbol, price) in enumerate((("B", 1.5), ("A", 1.0), ("A", 1.25)))]

    found = instruments_of(facts)

    assert [(i.id, i.symbol, i.tick) for i in found] == [(0, "A", Decimal("0.01")), (1, "B", Decimal("0.1"))]


def test_a_renamed_copy_has_the_same_hash_and_another_price_has_not(tmp_path):
    table = table_of("quotes", [START_NS, START_NS + 1])
    same = [inspect(write_parquet(tmp_path / name, table)).sha256 for name in ("a.parquet", "b.parquet")]

    other = inspect(write_parquet(tmp_path / "c.parquet", {**table, "bid": [1.0, 2.0]})).sha256

    assert same[0] == same[1] != other


@pytest.mark.parametrize(("name", "shape", "kind", "rows", "symbols", "order", "tick"), [
    ("us_equity_ticks/quotes_IBM_20131007_20131011", "quotes", Kind.QUOTE, 287_795, 1, "time", "0.01"),
    ("us_equity_ticks/trades_IBM_20131007_20131011", "trades", Kind.TRADE, 126_395, 1, "time", "0.01"),
    ("fx/oanda_EURUSD_1min_quotebars", "quote bars", Kind.QUOTE, 18_184, 1, "time", "0.00001"),
    ("us_equity_bars/us24_1min_20190211_20190215", "bars", Kind.BAR, 43_164, 24, "symbol, time", "0.0001"),
    ("us_equity_daily/wiki5_public_domain_2000_2013", "bars", Kind.BAR, 12_154, 5, "symbol, time", "0.0001"),
])
def test_the_facts_of_real_files(name, shape, kind, rows, symbols, order, tick):
    facts = inspect(shared_data(f"{name}.parquet"))

    assert (facts.shape, facts.kind, facts.rows, len(facts.symbols)) == (shape, kind, rows, symbols)
    assert (facts.order, facts.out_of_order, facts.tick) == (order, 0, Decimal(tick))


@pytest.mark.parametrize(("name", "message"), [
    ("book/es_mbo_ESH4_20231225", "column 'order_id' says that rows are order-book events"),
    ("book/binance_spot_ETHUSDT_depth_20240808", "column 'update_id' says that rows are order-book events"),
    ("book/lobster_AMZN_L1_20120621", "columns are those of quotes and of trades"),
    ("us_equity_daily/symbol_map", "columns are symbol, until_date, ticker, exchange; allowed"),
])
def test_files_of_other_things_are_not_taken_for_market_data(name, message):
    with pytest.raises(FeedError, match=message):
        inspect(shared_data(f"{name}.parquet"))
