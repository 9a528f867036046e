"""The past, as people's clients see it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.gateway.world import LIBRARIES, OPEN_NS, SECOND_NS, connected, served

OPEN = datetime.fromtimestamp(OPEN_NS // SECOND_NS, UTC)


@pytest.fixture(params=LIBRARIES.values(), ids=list(LIBRARIES))
def client(request):
    with served() as hosted, connected(request.param, hosted) as found:
        yield found


def bars_of(client, contract, **asked):
    asked = {"endDateTime": "", "durationStr": "60 S", "barSizeSetting": "5 secs", "whatToShow": "TRADES",
             "useRTH": False, "formatDate": 2, **asked}
    return client.run(client.ib.reqHistoricalDataAsync(contract, **asked))


def none_of(bars) -> bool:
    return len(bars) == 0


def test_bars_of_trades(client):
    client.advance(60)
    bars = bars_of(client, client.stock(), barSizeSetting="1 min")
    assert [(b.date, b.open, b.high, b.low, b.close) for b in bars] == [(OPEN, 180.01, 180.07, 180.01, 180.04)]
    assert (bars[0].volume, bars[0].barCount) == (sum(100 + n % 4 for n in range(60)), 60)


@pytest.mark.parametrize(("shown", "first"), [
    ("MIDPOINT", (180.01, 180.05, 180.01, 180.05)), ("BID", (180.0, 180.04, 180.0, 180.04)),
    ("ASK", (180.02, 180.06, 180.02, 180.06)), ("BID_ASK", (180.02, 180.06, 180.0, 180.04)),
])
def test_bars_of_quotes(client, shown, first):
    client.advance(60)
    bars = bars_of(client, client.stock(), whatToShow=shown)
    assert len(bars) == 12
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].close) == pytest.approx(first)
    assert (bars[0].volume, bars[0].average, bars[0].barCount) == (-1, -1, -1)


def test_history_ends_where_the_market_is(client):
    client.advance(31)
    bars = bars_of(client, client.stock())
    assert [b.date for b in bars] == [OPEN + timedelta(seconds=5 * n) for n in range(7)]
    assert bars[-1].barCount == 1  # half past 30 s: one print of the seventh bar


def test_an_end_in_the_past_leaves_out_what_comes_at_it(client):
    client.advance(60)
    bars = bars_of(client, client.stock(), endDateTime=OPEN + timedelta(seconds=20), durationStr="10 S")
    assert [b.date for b in bars] == [OPEN + timedelta(seconds=10), OPEN + timedelta(seconds=15)]


@pytest.mark.parametrize("end", ["20131008 13:30:20 UTC", "20131008-13:30:20", "20131008 09:30:20 US/Eastern",
                                 "20131008 09:30:20", "20131008  09:30:20"])
def test_ends_may_be_written_in_every_way_that_ib_takes(client, end):
    client.advance(60)
    bars = bars_of(client, client.stock(), endDateTime=end, durationStr="5 S")
    assert [b.date for b in bars] == [OPEN + timedelta(seconds=15)]


@pytest.mark.parametrize("wrong", [
    {"endDateTime": "2013-10-08 09:30:00"}, {"endDateTime": "20131308 09:30:00"}, {"endDateTime": "20131008 09:30 UTC"},
    {"endDateTime": "20131008 09:30:00 Mars/Base"}, {"durationStr": "1 X"}, {"durationStr": "0 D"},
    {"durationStr": "366 D"}, {"barSizeSetting": "7 secs"}, {"whatToShow": "LAST"}, {"formatDate": 3},
])
def test_what_cannot_be_read_is_refused(client, wrong):
    asked = {"endDateTime": "", "durationStr": "60 S", "barSizeSetting": "5 secs", "whatToShow": "TRADES",
             "useRTH": 0, "formatDate": 2, "keepUpToDate": False, "chartOptions": [], **wrong}
    # Below the libraries' own requests: ib_async takes 321 for a warning, and waits on.
    client.ib.client.reqHistoricalData(77, client.stock(), *asked.values())
    assert client.until_error(321)[0] == 77


def test_daily_bars_come_from_recorded_bars(client):
    spy = client.stock("SPY")
    bars = bars_of(client, spy, durationStr="5 D", barSizeSetting="1 day", formatDate=1)
    assert [b.date for b in bars] == [date(2013, 10, 3) + timedelta(days=n) for n in range(5)]
    assert (bars[-1].open, bars[-1].high, bars[-1].low, bars[-1].volume) == (165, 168, 164, 1_000_000)
    assert none_of(bars_of(client, spy, durationStr="1 D", barSizeSetting="1 hour"))
    assert "no data" in client.until_error(162)[2]


@pytest.mark.parametrize(("duration", "size", "count"), [
    ("2 W", "1 week", 3), ("1 M", "1 month", 2), ("1 Y", "1 day", 28), ("10 D", "1 day", 10)])
def test_durations_and_sizes_of_the_calendar(client, duration, size, count):
    assert len(bars_of(client, client.stock("SPY"), durationStr=duration, barSizeSetting=size)) == count


def test_bars_are_kept_up_to_date(client):
    client.advance(32)
    bars = bars_of(client, client.stock(), barSizeSetting="10 secs", keepUpToDate=True)
    assert len(bars) == 4
    before = bars[-1].volume
    client.advance(14)
    client.until(bars.updateEvent, lambda: len(bars) == 5)
    whole = bars_of(client, client.stock(), barSizeSetting="10 secs", durationStr="70 S")
    assert bars[-1].date == OPEN + timedelta(seconds=40)
    assert bars[3].volume > before
    assert [(b.date, b.open, b.high, b.low, b.close, b.volume, b.barCount) for b in bars[:4]] == [
        (b.date, b.open, b.high, b.low, b.close, b.volume, b.barCount) for b in whole[:4]]
    client.ib.cancelHistoricalData(bars)
    assert "cancelled" in client.until_error(162)[2]


def test_a_recorded_bar_updates_the_daily_bars(client):
    bars = bars_of(client, client.stock("SPY"), durationStr="5 D", barSizeSetting="1 day", keepUpToDate=True)
    client.advance(6.5 * 3600 + 1)
    client.until(bars.updateEvent, lambda: len(bars) == 6)
    assert (bars[-1].date, bars[-1].close) == (date(2013, 10, 8), pytest.approx(168.8))


def test_ticks_of_the_past(client):
    client.advance(10)
    stock = client.stock()
    last = client.run(client.ib.reqHistoricalTicksAsync(stock, OPEN, "", 3, "TRADES", False))
    assert [(t.time, t.price, t.size) for t in last] == [
        (OPEN + timedelta(seconds=n), pytest.approx(180.01 + n / 100), 100 + n) for n in range(3)]
    quotes = client.run(client.ib.reqHistoricalTicksAsync(stock, "", OPEN + timedelta(seconds=5), 2, "BID_ASK", False))
    assert [(t.priceBid, t.priceAsk, t.sizeBid) for t in quotes] == [(180.04, 180.06, 400), (180.05, 180.07, 500)]
    middles = client.run(client.ib.reqHistoricalTicksAsync(stock, OPEN, "", 1, "MIDPOINT", False))
    assert [t.price for t in middles] == [180.01]
    client.ib.client.reqHistoricalTicks(99, stock, "", "", 5, "TRADES", 0, False, [])
    assert client.until_error(321)


def test_the_first_moment_and_the_schedule(client):
    client.advance(10)
    stock = client.stock()
    assert client.run(client.ib.reqHeadTimeStampAsync(stock, "TRADES", False, 2)) == OPEN
    told = client.run(client.ib.reqHeadTimeStampAsync(stock, "TRADES", False, 1))
    assert told == OPEN.replace(tzinfo=None)
    schedule = client.run(client.ib.reqHistoricalScheduleAsync(stock, 2))
    assert schedule.timeZone == "US/Eastern"
    assert [s.refDate for s in schedule.sessions] == ["20131006", "20131007", "20131008"]


def test_contracts_rules_and_symbols(client):
    details = client.run(client.ib.reqContractDetailsAsync(client.lib.Stock("IBM", "SMART", "USD")))
    assert [(d.contract.conId, d.minTick, d.timeZoneId) for d in details] == [(1_254_168_183, 0.01, "US/Eastern")]
    assert details[0].liquidHours.startswith("20131008:0000-20131009:0000;")
    rule = client.run(client.ib.reqMarketRuleAsync(int(details[0].marketRuleIds.split(",")[0])))
    assert [(r.lowEdge, r.increment) for r in rule] == [(0, 0.01)]
    found = client.run(client.ib.reqMatchingSymbolsAsync("ib"))
    assert [d.contract.symbol for d in found] == ["IBM"]
    assert client.run(client.ib.reqContractDetailsAsync(client.lib.Stock("NONE", "SMART", "USD"))) == []
    assert client.until_error(200)
    chains = client.run(client.ib.reqSecDefOptParamsAsync("IBM", "", "STK", details[0].contract.conId))
    assert chains == []
