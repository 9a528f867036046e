"""History, live bars, ticks and symbols: the broker's rules, written down a second time as an oracle."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.session.pacing import SMALL_BARS
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract
from tests.ibkr.session.test_sender import S, Wire, history


def violations(written):
    """Return what the broker would have refused (162, 420): every documented rule over (time, request) pairs."""
    found = []
    same, burst, small, live, symbols, ticks = (defaultdict(list) for _ in range(6))
    for t, request in written:
        weight = 2 if getattr(request, "what_to_show", "") == "BID_ASK" else 1
        match request:
            case r.RequestMatchingSymbols():
                symbols[0].append(t)
            case r.RequestTickByTick():
                ticks[request.contract].append(t)
            case r.RequestRealTimeBars():
                live[0].append(t)
            case _:
                rest = repr(request).partition(",")[2]
                same[rest].append(t)
                burst[request.contract, request.what_to_show] += [t] * weight
                if getattr(request, "bar_size", "1 sec") in SMALL_BARS:
                    small[0] += [t] * weight
    for name, times, most, span in (
        ("same", same, 1, 15 * S), ("burst", burst, 5, 2 * S), ("small", small, 60, 600 * S),
        ("live", live, 60, 600 * S), ("symbols", symbols, 1, S), ("ticks", ticks, 1, 15 * S),
    ):
        for key, at in times.items():
            found += [(name, key, t) for t in at if sum(1 for other in at if t <= other < t + span) > most]
    return found


contracts = st.integers(1, 3).map(lambda n: Contract(con_id=n))
requests = st.one_of(
    st.builds(lambda n, size, what: (
        lambda i: history(i, contract=Contract(con_id=n), bar_size=size, what_to_show=what)),
              st.integers(1, 3), st.sampled_from(["1 secs", "30 secs", "1 min", "1 day"]),
              st.sampled_from(["TRADES", "BID_ASK"])),
    st.builds(lambda c: (lambda i: r.RequestTickByTick(req_id=i, contract=c, tick_type="Last")), contracts),
    st.builds(lambda c: (lambda i: r.RequestRealTimeBars(
        req_id=i, contract=c, bar_size_s=5, what_to_show="TRADES", use_rth=False)), contracts),
    st.just(lambda i: r.RequestMatchingSymbols(req_id=i, pattern="IBM")),
)


@given(st.lists(st.tuples(st.integers(0, 5 * S), requests), min_size=1, max_size=60))
def test_the_broker_never_has_a_reason_to_refuse(asked):
    wire = Wire()
    for number, (pause_ns, make) in enumerate(asked, start=1):
        wire.run_to(wire.now_ns + pause_ns)
        wire.put(make(number))
        wire.sender.answered(number - 1)
    wire.run_to(wire.now_ns + 3_600 * S)
    assert not violations([(t, q.request) for t, q in wire.written])
    assert len(wire.written) == len(asked), "each is written in the end"


def test_more_than_60_small_bars_take_ten_minutes():
    wire = Wire()
    for number in range(1, 71):
        wire.put(history(number, bar_size="1 secs"))
        wire.sender.answered(number)
    wire.run_to(599 * S)
    assert len(wire.written) < 60
    for number in range(1, 71):
        wire.sender.answered(number)
    wire.run_to(660 * S)
    assert len(wire.written) == 70
    assert not violations([(t, q.request) for t, q in wire.written])


def test_at_most_45_are_open_at_once_and_an_answer_lets_the_next_go():
    wire = Wire()
    for number in range(1, 61):
        wire.put(history(number))
    wire.run_to(30 * S)
    assert len(wire.written) == 45
    for number in range(1, 11):
        wire.sender.answered(number)
    wire.run_to(60 * S)
    assert len(wire.written) == 55
    wire.run_to(300 * S)
    assert len(wire.written) == 60, "one that is never answered does not hold its place for ever"


def test_one_that_has_to_wait_does_not_hold_up_the_others():
    wire = Wire()
    wire.put(history(1, contract=Contract(con_id=1)))
    wire.put(history(2, contract=Contract(con_id=1)))
    wire.put(history(3, contract=Contract(con_id=3)))
    wire.write()
    assert [q.request.req_id for _, q in wire.written] == [1, 3]


def test_cold_start_200_symbols():
    """Contract, quotes, live ticks and a day of minute bars of 200 symbols: no pacing error, and done in time."""
    wire = Wire()
    for number in range(1, 201):
        contract = Contract(con_id=number)
        wire.put(r.RequestContractData(req_id=number, contract=contract))
        wire.put(r.RequestMarketData(req_id=1_000 + number, contract=contract))
        wire.put(r.RequestTickByTick(req_id=2_000 + number, contract=contract, tick_type="Last"))
        wire.put(history(3_000 + number, contract=contract))
    while len(wire.written) < 800:
        wire.run_to(wire.now_ns + S // 10)
        for _, q in wire.written:
            wire.sender.answered(q.request.req_id)
        assert wire.now_ns < 30 * S
    assert not violations([(t, q.request) for t, q in wire.written if not isinstance(
        q.request, r.RequestContractData | r.RequestMarketData)])
