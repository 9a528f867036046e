"""Markets that close, clocks that run, data that come late: what --calendar, --speed and --start-at lead to."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from algotrade.domain import Instruments, Sessions, SimulatedClock
from algotrade.ibkr.wire.answers.history import HistoricalSchedule
from algotrade.ibkr.wire.answers.market import MarketDataType
from algotrade.ibkr.wire.requests import RequestHistoricalData, RequestMarketData, RequestMarketDataType
from tests.gateway.raw import IBM as IBM_ASKED
from tests.gateway.raw import Raw
from tests.gateway.world import INSTRUMENTS, LIBRARIES, OPEN_NS, SECOND_NS, connected, market, served

DAY_NS = 86_400 * SECOND_NS
OPEN = datetime.fromtimestamp(OPEN_NS // SECOND_NS, UTC)
NYSE = Instruments(msgspec.structs.replace(i, mic="XNYS") if i.symbol != "EUR.USD" else i for i in INSTRUMENTS)
OPENS = tuple(OPEN_NS + n * DAY_NS for n in (-1, 0, 1))
SESSIONS = {n: Sessions(opens_ns=OPENS, closes_ns=tuple(t + 23_400 * SECOND_NS for t in OPENS)) for n in (0, 2)}


@pytest.fixture(params=LIBRARIES.values(), ids=list(LIBRARIES))
def client(request):
    """A client an hour after the close; records go from five minutes before the open on."""
    batch = market(seconds=600, begin_ns=OPEN_NS - 300 * SECOND_NS)
    with served(batch, NYSE, sessions=SESSIONS, start_ns=OPEN_NS + 27_000 * SECOND_NS) as hosted, \
            connected(request.param, hosted) as found:
        yield found


def bars_of(client, *, regular, duration="1 D", size="1 min"):
    return client.run(client.ib.reqHistoricalDataAsync(
        client.stock(), "", duration, size, "TRADES", regular, formatDate=2))


def test_regular_hours_leave_out_what_was_before(client):
    assert [b.date for b in bars_of(client, regular=True)] == [OPEN + timedelta(minutes=n) for n in range(5)]
    assert [b.date for b in bars_of(client, regular=False)] == [OPEN + timedelta(minutes=n) for n in range(-5, 5)]
    (day,) = bars_of(client, regular=True, size="1 day")
    assert (day.date, day.barCount) == (date(2013, 10, 8), 300)


def test_seconds_are_counted_back_from_the_close(client):
    assert [b.date for b in bars_of(client, regular=True, duration="23100 S", size="5 mins")] == []
    assert len(bars_of(client, regular=True, duration="23400 S", size="5 mins")) == 1


def test_hours_and_schedule_are_the_calendars(client):
    (details,) = client.run(client.ib.reqContractDetailsAsync(client.stock()))
    assert details.liquidHours == "20131008:0930-20131008:1600;20131009:0930-20131009:1600"
    assert details.tradingHours == "20131008:0400-20131008:2000;20131009:0400-20131009:2000"
    schedule = client.run(client.ib.reqHistoricalScheduleAsync(client.stock(), 2))
    assert [(s.startDateTime, s.endDateTime, s.refDate) for s in schedule.sessions] == [
        ("20131007-09:30:00", "20131007-16:00:00", "20131007"), ("20131008-09:30:00", "20131008-16:00:00", "20131008")]


def test_history_is_what_lies_before_the_start(client):
    assert int(client.run(client.ib.reqCurrentTimeAsync()).timestamp()) == OPEN_NS // SECOND_NS + 27_000
    ticker = client.ib.reqMktData(client.stock())
    client.until(client.ib.pendingTickersEvent, lambda: ticker.volume > 0)
    assert (ticker.last, ticker.bid, ticker.time is not None) == (180.05, 180.04, True)


def test_frozen_data_are_told_as_such_while_the_market_is_closed():
    night = {"sessions": SESSIONS, "start_ns": OPEN_NS + 12 * 3600 * SECOND_NS}
    with served(market(), NYSE, **night) as hosted, Raw(hosted.port).start() as client:
        client.ask(RequestMarketDataType(data_type=2), RequestMarketData(req_id=1, contract=IBM_ASKED))
        assert client.until(lambda m: isinstance(m, MarketDataType)).data_type == 2
        client.ask(RequestMarketDataType(data_type=1), RequestMarketData(req_id=2, contract=IBM_ASKED))
        assert client.until(lambda m: isinstance(m, MarketDataType) and m.req_id == 2).data_type == 1
        client.ask(RequestHistoricalData(
            req_id=3, contract=IBM_ASKED, end="", bar_size="1 day", duration="1 D", use_rth=1, what_to_show="SCHEDULE",
            format_date=1))
        assert len(client.until(lambda m: isinstance(m, HistoricalSchedule)).sessions) == 1


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=list(LIBRARIES))
def test_market_time_runs_at_its_speed(library):
    clock = SimulatedClock(SECOND_NS)
    with served(clock=clock, speed=10.0) as hosted, connected(library, hosted) as client:
        ticker = client.ib.reqMktData(client.stock())
        client.run(client.ib.reqCurrentTimeAsync())
        hosted.call(lambda _: clock.advance_to(2 * SECOND_NS))
        client.until(client.ib.pendingTickersEvent, lambda: ticker.volume == sum(100 + n % 4 for n in range(10)))
        assert ticker.last == 180.03
        assert int(client.run(client.ib.reqCurrentTimeAsync()).timestamp()) == OPEN_NS // SECOND_NS + 9
