"""IB's own client, 9.81, unmodified: market data and history as its users get them."""

import pytest

from tests.gateway.official import ibm, official
from tests.gateway.world import OPEN_NS, SECOND_NS, served

OPEN_S = OPEN_NS // SECOND_NS


@pytest.fixture
def world():
    with served() as hosted, official(hosted) as client:
        yield hosted, client


def followed(hosted, client, count=1):
    """Wait until the subscriptions are open, then let two seconds pass."""
    while hosted.call(lambda g: g.held()) < count:
        hosted.advance(0)
    hosted.advance(2 * SECOND_NS)


def test_it_connects_and_asks_for_a_contract(world):
    _, client = world
    assert client.serverVersion() == 157
    assert client.wait("managedAccounts") == [("DU1234567",)]
    client.wait("error", 3)
    assert [args[1] for args in client.told["error"]] == [2104, 2106, 2158]
    client.reqContractDetails(3, ibm())
    client.wait("contractDetailsEnd")
    (req_id, details), = client.told["contractDetails"]
    assert (req_id, details.contract.conId, details.minTick) == (3, 1_254_168_183, 0.01)


def test_top_of_the_book(world):
    hosted, client = world
    client.reqMktData(1, ibm(), "233", False, False, [])
    followed(hosted, client)
    assert client.wait("tickPrice", where=lambda a: a[:3] == (1, 1, 180.01))
    assert client.wait("tickSize", where=lambda a: a == (1, 0, 300))
    assert client.wait("tickPrice", where=lambda a: a[:3] == (1, 4, 180.02))
    assert client.wait("tickString", where=lambda a: a[1] == 48)[0][2].startswith("180.01;100")
    assert client.wait("tickReqParams")[0][:2] == (1, 0.01)
    client.reqMktData(2, ibm(), "", True, False, [])
    assert client.wait("tickSnapshotEnd") == [(2,)]


def test_every_tick_and_depth(world):
    hosted, client = world
    client.reqTickByTickData(1, ibm(), "AllLast", 0, False)
    client.reqTickByTickData(2, ibm(), "BidAsk", 0, False)
    client.reqTickByTickData(3, ibm(), "MidPoint", 0, False)
    client.reqMktDepth(4, ibm(), 5, False, [])
    client.reqMktDepth(5, ibm(), 5, True, [])
    followed(hosted, client, 5)
    assert client.wait("tickByTickAllLast")[0][:5] == (1, 2, OPEN_S, 180.01, 100)
    assert client.wait("tickByTickBidAsk")[0][:6] == (2, OPEN_S, 180.0, 180.02, 300, 500)
    assert client.wait("tickByTickMidPoint")[0] == (3, OPEN_S, 180.01)
    assert client.wait("updateMktDepth")[:2] == [(4, 0, 0, 0, 180.02, 500), (4, 0, 0, 1, 180.0, 300)]
    assert client.wait("updateMktDepthL2")[0] == (5, 0, "NYSE", 0, 0, 180.02, 500, True)


def test_bars_of_five_seconds_and_history(world):
    hosted, client = world
    client.reqRealTimeBars(1, ibm(), 5, "TRADES", False, [])
    followed(hosted, client)
    hosted.advance(4 * SECOND_NS)
    assert client.wait("realtimeBar")[0][:7] == (1, OPEN_S, 180.01, 180.05, 180.01, 180.05, 506)
    client.reqHistoricalData(2, ibm(), "", "60 S", "5 secs", "TRADES", 0, 2, True, [])
    client.wait("historicalDataEnd")
    (_, first), (_, second) = client.told["historicalData"]
    assert (first.date, first.open, first.close, first.volume, first.barCount) == (str(OPEN_S), 180.01, 180.05, 506, 5)
    assert second.date == str(OPEN_S + 5)
    hosted.advance(5 * SECOND_NS)
    assert client.wait("historicalDataUpdate")[0][1].volume > second.volume
    client.cancelHistoricalData(2)
    assert "cancelled" in client.wait("error", where=lambda a: a[1] == 162)[0][2]


def test_ticks_of_the_past_and_the_rest(world):
    hosted, client = world
    hosted.advance(10 * SECOND_NS)
    start = "20131008 09:30:00 US/Eastern"
    for n, shown in enumerate(("TRADES", "BID_ASK", "MIDPOINT")):
        client.reqHistoricalTicks(n, ibm(), start, "", 2, shown, 0, False, [])
    trades = client.wait("historicalTicksLast")[0][1]
    assert [(t.time, t.price, t.size) for t in trades] == [(OPEN_S, 180.01, 100), (OPEN_S + 1, 180.02, 101)]
    assert [t.priceBid for t in client.wait("historicalTicksBidAsk")[0][1]] == [180.0, 180.01]
    assert [t.price for t in client.wait("historicalTicks")[0][1]] == [180.01, 180.02]
    client.reqHeadTimeStamp(5, ibm(), "TRADES", 0, 1)
    assert client.wait("headTimestamp") == [(5, "20131008-13:30:00")]
    client.reqMarketRule(2001)
    assert [(r.lowEdge, r.increment) for r in client.wait("marketRule")[0][1]] == [(0, 0.01)]
    client.reqMatchingSymbols(6, "IB")
    assert client.wait("symbolSamples")[0][1][0].contract.symbol == "IBM"
    client.reqCurrentTime()
    assert client.wait("currentTime") == [(OPEN_S + 9,)]
    client.reqMktData(7, ibm(), "999", False, False, [])
    assert client.wait("error", where=lambda a: a[:2] == (7, 321))


def test_the_ends_of_the_account(world):
    _, client = world
    client.reqPositions()
    client.wait("positionEnd")
    client.reqAllOpenOrders()
    client.wait("openOrderEnd")
