"""What follows the market, as people's clients see it: top of the book, ticks, depth, bars of five seconds."""

import math
from datetime import UTC, datetime

import pytest

from tests.gateway.world import LIBRARIES, OPEN_NS, SECOND_NS, connected, served

OPEN = datetime.fromtimestamp(OPEN_NS // SECOND_NS, UTC)


@pytest.fixture(params=LIBRARIES.values(), ids=list(LIBRARIES))
def library(request):
    return request.param


@pytest.fixture
def client(library):
    with served() as hosted, connected(library, hosted) as found:
        yield found


def test_quotes_tell_what_stands_and_then_what_changes(client):
    client.advance(3)
    ticker = client.ib.reqMktData(client.stock())
    client.until(client.ib.pendingTickersEvent, lambda: not math.isnan(ticker.low))
    assert (ticker.bid, ticker.bidSize, ticker.ask, ticker.askSize) == (180.02, 500, 180.04, 500)
    assert (ticker.last, ticker.lastSize, ticker.volume) == (180.03, 102, 303)
    assert (ticker.open, ticker.high, ticker.low, ticker.halted) == (180.01, 180.03, 180.01, 0)
    assert (ticker.minTick, ticker.marketDataType) == (0.01, 1)

    client.advance(1)
    client.until(client.ib.pendingTickersEvent, lambda: ticker.volume == 406)
    assert (ticker.bid, ticker.ask, ticker.last, ticker.lastSize) == (180.03, 180.05, 180.04, 103)


def test_a_snapshot_ends_by_itself(client):
    client.advance(1)
    tickers = client.run(client.ib.reqTickersAsync(client.stock()))
    assert [(t.bid, t.ask, t.last) for t in tickers] == [(180.0, 180.02, 180.01)]
    client.advance(10)
    assert tickers[0].bid == 180.0


def test_a_cancelled_subscription_falls_silent(client):
    stock = client.stock()
    ticker = client.ib.reqMktData(stock)
    client.advance(1)
    client.until(client.ib.pendingTickersEvent, lambda: ticker.last == 180.01)
    client.ib.cancelMktData(stock)
    client.run(client.ib.reqCurrentTimeAsync())
    client.advance(5)
    client.run(client.ib.reqCurrentTimeAsync())
    assert ticker.last == 180.01


@pytest.mark.parametrize(("tick_type", "expected"), [
    ("Last", [(180.01, 100), (180.02, 101), (180.03, 102)]), ("AllLast", [(180.01, 100), (180.02, 101), (180.03, 102)]),
    ("BidAsk", [(180.0, 180.02, 300, 500), (180.01, 180.03, 400, 500), (180.02, 180.04, 500, 500)]),
    ("MidPoint", [(180.01,), (180.02,), (180.03,)]),
])
def test_every_tick_is_told(client, tick_type, expected):
    stock, seen = client.stock(), []
    ticker = client.ib.reqTickByTickData(stock, tick_type)
    ticker.updateEvent += lambda t: seen.extend(t.tickByTicks)
    client.run(client.ib.reqCurrentTimeAsync())
    client.advance(3)
    client.until(ticker.updateEvent, lambda: len(seen) == 3)
    fields = {"Last": ("price", "size"), "AllLast": ("price", "size"), "MidPoint": ("midPoint",),
              "BidAsk": ("bidPrice", "askPrice", "bidSize", "askSize")}[tick_type]
    assert [tuple(getattr(t, f) for f in fields) for t in seen] == expected


def test_depth_is_the_first_row_and_no_more(client):
    client.advance(1)
    ticker = client.ib.reqMktDepth(client.stock(), numRows=5)
    client.until(ticker.updateEvent, lambda: ticker.domBids and ticker.domAsks)
    assert [(r.price, r.size) for r in ticker.domBids] == [(180.0, 300)]
    client.advance(1)
    client.until(ticker.updateEvent, lambda: ticker.domBids[0].price == 180.01)
    assert [(r.price, r.size) for r in ticker.domAsks] == [(180.03, 500)]
    assert len(ticker.domBids) == 1


def test_bars_of_five_seconds_come_when_they_are_complete(client):
    bars = client.ib.reqRealTimeBars(client.stock(), 5, "TRADES", False)
    client.run(client.ib.reqCurrentTimeAsync())
    client.advance(4.9)
    client.run(client.ib.reqCurrentTimeAsync())
    assert len(bars) == 0
    client.advance(5.2)
    client.until(bars.updateEvent, lambda: len(bars) == 2)
    first = bars[0]
    assert first.time == OPEN
    assert (first.open_, first.high, first.low, first.close) == (180.01, 180.05, 180.01, 180.05)
    assert (first.volume, first.count) == (100 + 101 + 102 + 103 + 100, 5)
    assert first.wap == pytest.approx((180.01 * 100 + 180.02 * 101 + 180.03 * 102 + 180.04 * 103 + 180.05 * 100) / 506)


def test_without_recorded_trades_the_last_price_is_the_midpoint(client):
    pair = client.lib.Forex("EURUSD")
    client.run(client.ib.qualifyContractsAsync(pair))
    client.advance(2)
    ticker = client.ib.reqMktData(pair)
    client.until(client.ib.pendingTickersEvent, lambda: not math.isnan(ticker.last))
    assert (ticker.bid, ticker.ask, ticker.last, ticker.lastSize) == (1.1001, 1.1002, 1.10015, 0)
    assert ticker.askSize == 1  # the file has no sizes


def test_the_time_is_the_markets(client):
    client.advance(61)
    told = client.run(client.ib.reqCurrentTimeAsync())
    assert int(told.timestamp()) == OPEN_NS // SECOND_NS + 60


def test_a_login_without_permission_sees_what_was_fifteen_minutes_ago(library):
    with served(data="delayed") as hosted, connected(library, hosted) as client:
        stock = client.stock()
        client.advance(902)
        client.ib.reqMktData(stock)
        assert client.until_error(354)
        client.ib.reqMarketDataType(3)
        client.ib.reqTickByTickData(stock, "Last")
        assert client.until_error(10189)
        client.ib.cancelMktData(stock)
        ticker = client.ib.reqMktData(stock)
        assert client.until_error(10167)
        client.until(client.ib.pendingTickersEvent, lambda: not math.isnan(ticker.last))
        assert (ticker.bid, ticker.last, ticker.marketDataType) == (180.01, 180.02, 3)
        client.advance(1)
        client.until(client.ib.pendingTickersEvent, lambda: ticker.last == 180.03)


def test_generic_ticks(client):
    ticker = client.ib.reqMktData(client.stock(), "233")
    client.advance(3)
    client.until(client.ib.pendingTickersEvent, lambda: ticker.rtVolume == 303 or ticker.volume == 303)
    assert ticker.vwap == pytest.approx((180.01 * 100 + 180.02 * 101 + 180.03 * 102) / 303)
