"""What IB limits: the counters against plain models of the rules, and each refusal over a socket."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Instrument, Instruments, SimulatedClock
from algotrade.gateway import LimitsSet
from algotrade.gateway.limits import SECOND_NS, HistoryPacing, MessageRate, Recent, Verdict
from algotrade.ibkr.wire.answers.contracts import ContractDataEnd
from algotrade.ibkr.wire.answers.history import HistoricalData, HistoricalTicksLast
from algotrade.ibkr.wire.answers.link import CurrentTime, ErrorMessage
from algotrade.ibkr.wire.answers.market import TickReqParams
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import (
    CancelHistoricalData,
    CancelMarketData,
    CancelMarketDepth,
    CancelRealTimeBars,
    CancelTickByTick,
    RequestContractData,
    RequestCurrentTime,
    RequestHistoricalData,
    RequestHistoricalTicks,
    RequestMarketData,
    RequestMarketDataType,
    RequestMarketDepth,
    RequestRealTimeBars,
    RequestTickByTick,
)
from tests.gateway.raw import EUR, IBM, Raw
from tests.gateway.world import OPEN_NS, market, served

GAPS = st.lists(st.integers(0, 400_000_000), min_size=60, max_size=200)


class OwnPace(SimulatedClock):
    """Time that a test moves by itself; requests of one test come at one moment otherwise."""

    def later(self, seconds: float) -> None:
        self.advance_to(self.monotonic_ns() + int(seconds * SECOND_NS))


@given(GAPS)
def test_never_more_than_the_rate_in_any_second(gaps):
    rate, taken, now = MessageRate(LimitsSet(messages=5, strikes=10**9)), [], 0
    for gap in gaps:
        now += gap
        room = sum(now - t < SECOND_NS for t in taken) < 5
        verdict = rate.take(now)
        assert verdict is (Verdict.TAKEN if room else Verdict.REFUSED)
        if room:
            taken.append(now)


def test_who_goes_on_above_the_rate_is_cut_off_and_a_pause_clears_that():
    rate = MessageRate(LimitsSet(messages=2, strikes=2))
    assert [rate.take(0) for _ in range(5)] == [Verdict.TAKEN] * 2 + [Verdict.REFUSED] * 2 + [Verdict.CUT_OFF]
    rate = MessageRate(LimitsSet(messages=2, strikes=2))
    assert [rate.take(0) for _ in range(4)][-1] is Verdict.REFUSED
    assert [rate.take(SECOND_NS) for _ in range(4)] == [Verdict.TAKEN] * 2 + [Verdict.REFUSED] * 2


@given(st.lists(st.tuples(st.integers(0, 40_000_000_000), st.integers(0, 1), st.integers(1, 2)), max_size=150))
def test_no_window_of_ten_minutes_gets_more_than_its_share(asked):
    limits = LimitsSet(history_in_window=6, history_same_s=0, history_burst=10**6)
    pacing, counted, now = HistoryPacing(limits), [], 0
    for n, (gap, series, weight) in enumerate(asked):
        now += gap
        within = sum(w for t, w in counted if now - t < 600 * SECOND_NS)
        why = pacing.take(now, n, series, weight)
        assert (why is not None) == (within + weight > 6)
        counted.append((now, min(weight, 6 - within)))


def test_the_same_request_within_fifteen_seconds_and_six_of_a_series_within_two():
    pacing = HistoryPacing(LimitsSet())
    assert pacing.take(0, "a", "x") is None
    assert "same request" in pacing.take(14 * SECOND_NS, "a", "x")
    assert pacing.take(30 * SECOND_NS, "a", "x") is None
    later = 60 * SECOND_NS
    told = [pacing.take(later + n * SECOND_NS // 4, ("b", n), "y") for n in range(6)]
    assert [why is None for why in told] == [True] * 5 + [False]
    assert pacing.take(later + SECOND_NS, ("c", 0), "z") is None
    assert pacing.take(later + 4 * SECOND_NS, ("b", 9), "y") is None


def test_recent_forgets_in_time():
    recent = Recent(15)
    assert [recent.take(t * SECOND_NS, "x") for t in (0, 14, 15, 16)] == [True, False, True, False]


def test_fifty_messages_a_second_then_100_then_the_end():
    clock = OwnPace()
    with served(clock=clock, limits=LimitsSet(strikes=5)) as hosted, Raw(hosted.port).start() as client:
        client.ask(*[RequestCurrentTime()] * 49)  # the introduction was the first
        client.until(lambda _: sum(isinstance(m, CurrentTime) for m in client.seen) == 49)
        client.ask(RequestCurrentTime())
        assert client.error(100).req_id == -1
        hosted.call(lambda _: clock.later(1))
        client.ask(RequestCurrentTime())
        client.until(lambda _: sum(isinstance(m, CurrentTime) for m in client.seen) == 50)
        client.ask(*[RequestCurrentTime()] * 60)
        assert client.closed()
        assert sum(isinstance(m, ErrorMessage) and m.code == 100 for m in client.seen) == 1 + 5 + 1


def test_market_data_lines_are_counted_over_all_clients():
    with served(limits=LimitsSet(lines=3)) as hosted, \
            Raw(hosted.port).start(1) as one, Raw(hosted.port).start(2) as two:
        one.ask(*(RequestMarketData(req_id=n, contract=IBM) for n in (1, 2)))
        one.until(lambda m: isinstance(m, TickReqParams) and m.req_id == 2)
        two.ask(RequestMarketData(req_id=1, contract=IBM), RequestMarketData(req_id=2, contract=IBM))
        assert two.error(101).req_id == 2
        two.ask(RequestMarketData(req_id=3, contract=IBM, is_snapshot=True))
        two.until(lambda m: isinstance(m, TickReqParams) and m.req_id == 3)
        one.ask(CancelMarketData(req_id=1))
        one.ask(RequestMarketData(req_id=1, contract=IBM))
        one.until(lambda _: sum(isinstance(m, TickReqParams) and m.req_id == 1 for m in one.seen) == 2)


def test_lines_are_free_again_when_their_client_is_gone():
    with served(limits=LimitsSet(lines=1)) as hosted:
        for client_id in (1, 2):
            with Raw(hosted.port).start(client_id) as client:
                client.ask(RequestMarketData(req_id=1, contract=IBM))
                client.until(lambda m: isinstance(m, TickReqParams))
            while hosted.call(lambda g: g.held()):
                hosted.advance(0)


def test_a_hundred_lines_by_default():
    many = Instruments([Instrument(id=i, symbol=f"S{'ABCDEFGHIJ'[i // 26]}{chr(65 + i % 26)}", tick=Decimal("0.01"))
                        for i in range(101)])
    clock = OwnPace()
    with served(market(), many, clock=clock) as hosted, Raw(hosted.port).start() as client:
        for n, instrument in enumerate(many):
            hosted.call(lambda _: clock.later(0.03))
            client.ask(RequestMarketData(req_id=n, contract=Contract(
                symbol=instrument.symbol, sec_type="STK", exchange="SMART", currency="USD")))
        assert client.error(101).req_id == 100
        assert sum(isinstance(m, TickReqParams) for m in client.seen) == 100


def test_three_books_three_tick_subscriptions():
    with served() as hosted, Raw(hosted.port).start() as client:
        client.ask(*(RequestMarketDepth(req_id=n, contract=IBM, rows=5) for n in range(1, 5)))
        assert client.error(309).req_id == 4
        kinds = ("Last", "AllLast", "BidAsk", "MidPoint")
        client.ask(*(RequestTickByTick(req_id=n, contract=IBM, tick_type=k) for n, k in enumerate(kinds)))
        assert client.error(10190).req_id == 3


def test_the_same_ticks_again_within_fifteen_seconds_are_420():
    clock = OwnPace()
    with served(clock=clock) as hosted, Raw(hosted.port).start() as client:
        client.ask(RequestTickByTick(req_id=1, contract=IBM, tick_type="Last"), CancelTickByTick(req_id=1),
                   RequestTickByTick(req_id=2, contract=IBM, tick_type="Last"))
        assert client.error(420).req_id == 2
        hosted.call(lambda _: clock.later(15))
        client.ask(RequestTickByTick(req_id=3, contract=IBM, tick_type="Last"))
        while not hosted.call(lambda g: g.held()):
            hosted.advance(0)


def history(req_id: int, **changes) -> RequestHistoricalData:
    asked = {"contract": IBM, "end": "", "bar_size": "5 secs", "duration": "60 S", "use_rth": 0,
             "what_to_show": "TRADES", "format_date": 2, **changes}
    return RequestHistoricalData(req_id=req_id, **asked)


def test_small_bars_are_paced_and_large_ones_are_not():
    with served(start_ns=OPEN_NS + 60 * SECOND_NS) as hosted, Raw(hosted.port).start() as client:
        client.ask(history(1), history(2))
        assert client.error(162).req_id == 2
        client.ask(*(history(n, bar_size="1 min") for n in range(10, 20)))
        client.until(lambda m: isinstance(m, HistoricalData) and m.req_id == 19)
        assert {m.req_id for m in client.seen if isinstance(m, HistoricalData)} == {1, *range(10, 20)}


def test_sixty_in_ten_minutes_and_bid_ask_twice():
    clock = OwnPace()
    limits = LimitsSet(history_in_window=4)
    with served(clock=clock, limits=limits, start_ns=OPEN_NS + 60 * SECOND_NS) as hosted, \
            Raw(hosted.port).start() as client:
        client.ask(history(1, what_to_show="BID_ASK"), history(2), history(3, duration="30 S"),
                   history(4, duration="20 S"))
        assert client.error(162).req_id == 4
        ticks = RequestHistoricalTicks(req_id=5, contract=IBM, start="20131008-13:30:00", end="", count=5,
                                       what_to_show="TRADES", use_rth=0)
        client.ask(ticks)
        client.until(lambda m: isinstance(m, ErrorMessage) and m.req_id == 5 and m.code == 162)
        client.ask(RequestRealTimeBars(req_id=6, contract=IBM, bar_size_s=5, what_to_show="TRADES", use_rth=False))
        assert client.error(420).req_id == 6
        hosted.call(lambda _: clock.later(601))
        client.ask(ticks)
        client.until(lambda m: isinstance(m, HistoricalTicksLast))


def test_fifty_requests_for_history_may_be_open():
    with served(limits=LimitsSet(history_open=2), start_ns=OPEN_NS + 60 * SECOND_NS) as hosted, \
            Raw(hosted.port).start() as client:
        client.ask(*(history(n, bar_size="1 min", keep_up_to_date=True) for n in (1, 2, 3)))
        assert client.error(162).req_id == 3


def test_ticker_ids_are_unique_and_ends_need_a_beginning():
    with served(start_ns=OPEN_NS + 60 * SECOND_NS) as hosted, Raw(hosted.port).start() as client:
        twice = (RequestMarketData(req_id=1, contract=IBM), RequestTickByTick(req_id=1, contract=IBM, tick_type="Last"),
                 RequestMarketDepth(req_id=1, contract=IBM, rows=1),
                 RequestRealTimeBars(req_id=1, contract=IBM, bar_size_s=5, what_to_show="BID", use_rth=False),
                 history(1, bar_size="1 min", keep_up_to_date=True))
        client.ask(*twice, *twice)
        client.until(lambda _: sum(isinstance(m, ErrorMessage) and m.code == 322 for m in client.seen) == 5)
        client.ask(CancelMarketData(req_id=9), CancelTickByTick(req_id=9), CancelRealTimeBars(req_id=9))
        client.until(lambda _: sum(isinstance(m, ErrorMessage) and m.code == 300 for m in client.seen) == 3)
        client.ask(CancelMarketDepth(req_id=9), CancelHistoricalData(req_id=9))
        assert client.error(310)
        assert client.error(366)


def test_what_is_not_valid_is_321_and_what_is_not_known_200():
    with served() as hosted, Raw(hosted.port).start() as client:
        nothing = Contract(symbol="NONE", sec_type="STK", exchange="SMART", currency="USD")
        for req_id, request in enumerate((
                RequestMarketData(req_id=0, contract=nothing), RequestContractData(req_id=1, contract=nothing),
                RequestTickByTick(req_id=2, contract=nothing, tick_type="Last"),
                RequestMarketDepth(req_id=3, contract=nothing, rows=1), history(4, contract=nothing),
                RequestContractData(req_id=5, contract=Contract(con_id=12345)))):
            client.ask(request)
            client.until(lambda m, r=req_id: isinstance(m, ErrorMessage) and m.req_id == r and m.code == 200)
        for req_id, request in enumerate((
                RequestMarketData(req_id=10, contract=IBM, generic_ticks="999"),
                RequestMarketData(req_id=11, contract=IBM, generic_ticks="233", is_snapshot=True),
                RequestTickByTick(req_id=12, contract=IBM, tick_type="Every"),
                RequestMarketDepth(req_id=13, contract=EUR, rows=0),
                RequestRealTimeBars(req_id=14, contract=IBM, bar_size_s=5, what_to_show="X", use_rth=False)), 10):
            client.ask(request)
            client.until(lambda m, r=req_id: isinstance(m, ErrorMessage) and m.req_id == r and m.code == 321)
        client.ask(RequestMarketDataType(data_type=9))
        client.until(lambda m: isinstance(m, ErrorMessage) and m.req_id == -1 and m.code == 321)
        assert not any(isinstance(m, ContractDataEnd) for m in client.seen)
