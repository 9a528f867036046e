"""The tape, its clock, and the contracts."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import TRADE, Flag, Instrument, InstrumentError, Instruments, Kind, MarketBatch, SimulatedClock
from algotrade.domain.session import ALWAYS_OPEN, Sessions
from algotrade.gateway import Gateway, Listings, TapeError, tape
from algotrade.gateway.clock import MarketClock
from algotrade.gateway.generate import generated
from algotrade.gateway.tape import Cursor, Tape
from algotrade.gateway.times import TimeError, hours_text, parse_moment, zone_of
from algotrade.ibkr.wire.records import Contract
from tests.gateway.world import EASTERN, INSTRUMENTS, OPEN_NS, SECOND_NS, market, numbered

DAY_NS = 86_400 * SECOND_NS


def whole(dues, kind=Kind.TRADE):
    return np.concatenate([due.shown.arrays()[kind] for due in dues])


@given(st.lists(st.integers(0, 90 * SECOND_NS), max_size=30))
def test_every_record_becomes_due_once_in_order_however_time_goes(steps):
    batch, now, dues = market(seconds=300), OPEN_NS, []
    played = Tape([batch], INSTRUMENTS)
    cursor = Cursor(played, OPEN_NS)
    for step in [*steps, 400 * DAY_NS]:
        now += step
        while cursor.reached_ns < now:
            dues.append(cursor.take(now))
            assert all((r["event_time_ns"] <= cursor.reached_ns).all() for r in dues[-1].shown.arrays().values())
    for kind in (Kind.QUOTE, Kind.BAR):
        after = batch.arrays()[kind]
        assert whole(dues, kind).tobytes() == after[after["event_time_ns"] > OPEN_NS].tobytes()  # as bytes: NaN is NaN
    recorded = np.concatenate([due.recorded.trades for due in dues])
    assert np.array_equal(recorded, batch.trades[batch.trades["event_time_ns"] > OPEN_NS])
    assert cursor.next_ns() is None


def test_one_step_is_bounded(monkeypatch):
    monkeypatch.setattr(tape, "TAKEN_MAX", 10)
    cursor = Cursor(Tape([market(seconds=300)], INSTRUMENTS), OPEN_NS)
    dues = []
    while cursor.next_ns() is not None:
        dues.append(cursor.take(OPEN_NS + 400 * DAY_NS))
    assert max(len(due.recorded.quotes) for due in dues) <= 10 + 2  # those of one moment come together


def test_midpoints_stand_in_for_prints_and_the_broker_never_sees_them():
    played = Tape([market(seconds=10)], INSTRUMENTS)
    assert played.assumed == {1}
    (due,) = [Cursor(played, OPEN_NS - 1).take(OPEN_NS + 10 * SECOND_NS)]
    made = due.shown.trades[due.shown.trades["instrument"] == 1]
    assert made["price"].tolist() == [1.10005, 1.10015, 1.10025, 1.10035, 1.10045] * 2
    assert set(made["size"]) == {0}
    assert set(due.recorded.trades["instrument"]) == {0}


def test_quarantined_records_are_left_out():
    batch = market(seconds=10)
    batch.trades["flags"][3] = int(Flag.NOT_POSITIVE)
    assert len(Tape([batch], INSTRUMENTS).records(Kind.TRADE, 0, 0, 2**62)) == 9


def test_history_is_cut_by_time_alone():
    played, trades = Tape([market(seconds=100)], INSTRUMENTS), market(seconds=100).trades
    found = played.records(Kind.TRADE, 0, int(trades["event_time_ns"][10]), int(trades["event_time_ns"][20]))
    assert np.array_equal(found, trades[11:21])


def test_newest_is_the_last_of_each_instrument():
    played = Tape([market(seconds=100)], INSTRUMENTS)
    newest = played.newest(OPEN_NS + 50 * SECOND_NS)
    assert newest.quotes["instrument"].tolist() == [0, 1]
    assert set(newest.quotes["event_time_ns"]) == {OPEN_NS + 50 * SECOND_NS}
    assert newest.trades["event_time_ns"].tolist() == [OPEN_NS + 49 * SECOND_NS + SECOND_NS // 2]


def test_what_cannot_be_served_is_refused(monkeypatch):
    rows = np.zeros(2, TRADE)
    rows["event_time_ns"], rows["sequence"] = [2, 1], [1, 2]
    with pytest.raises(TapeError, match="go back"):
        Tape([MarketBatch.of({Kind.TRADE: rows})], INSTRUMENTS)
    monkeypatch.setattr(tape, "RECORDS_MAX", 10)
    with pytest.raises(TapeError, match="more than 10 records"):
        Tape([market()], INSTRUMENTS)


def test_market_time_runs_so_many_times_as_fast_and_can_be_stepped():
    host = SimulatedClock(5 * SECOND_NS)
    clock, stepped = MarketClock(host, OPEN_NS, 10), MarketClock(host, OPEN_NS, 0)
    host.advance_to(6 * SECOND_NS)
    assert (clock.now_ns(), stepped.now_ns()) == (OPEN_NS + 10 * SECOND_NS, OPEN_NS)
    for one in (clock, stepped):
        one.advance(3 * SECOND_NS)
    assert (clock.now_ns(), stepped.now_ns()) == (OPEN_NS + 13 * SECOND_NS, OPEN_NS + 3 * SECOND_NS)
    assert (clock.runs, stepped.runs) == (True, False)


@pytest.mark.parametrize("wrong", [
    {"speed": -1.0}, {"speed": float("inf")}, {"version_max": 156}, {"version_max": 179}])
def test_a_gateway_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="allowed: "):
        Gateway(INSTRUMENTS, [market(seconds=1)], **wrong)


def test_the_same_seed_makes_the_same_market():
    one, two, other = (generated(INSTRUMENTS, seed, OPEN_NS, 600) for seed in (7, 7, 8))
    assert np.array_equal(one.quotes, two.quotes)
    assert np.array_equal(one.trades, two.trades)
    assert not np.array_equal(one.quotes["bid"], other.quotes["bid"][: len(one.quotes)])
    played = Tape([one], INSTRUMENTS)
    assert played.span_ns is not None
    assert (one.quotes["ask"] > one.quotes["bid"]).all()
    assert (one.quotes["bid"] > 0).all()
    assert not played.assumed


LISTINGS = Listings(
    [Instrument(id=0, symbol="IBM", mic="XNYS"), Instrument(id=1, symbol="EUR.USD"),
     Instrument(id=2, symbol="ESZ3", multiplier=Decimal(50), tick=Decimal("0.25")), Instrument(id=3, symbol="ESH4"),
     Instrument(id=4, symbol="AAPL", mic="XNAS")], {}, OPEN_NS)


@pytest.mark.parametrize(("wanted", "found"), [
    (Contract(symbol="IBM"), ["IBM"]),
    (Contract(symbol="IBM", sec_type="STK", exchange="SMART", currency="USD"), ["IBM"]),
    (Contract(symbol="IBM", exchange="NYSE"), ["IBM"]), (Contract(symbol="IBM", primary_exchange="NYSE"), ["IBM"]),
    (Contract(symbol="IBM", exchange="LSE"), []), (Contract(symbol="IBM", currency="EUR"), []),
    (Contract(symbol="IBM", sec_type="OPT"), []), (Contract(symbol="AAPL", primary_exchange="ISLAND"), ["AAPL"]),
    (Contract(symbol="EUR", sec_type="CASH", currency="USD", exchange="IDEALPRO"), ["EUR.USD"]),
    (Contract(local_symbol="EUR.USD"), ["EUR.USD"]), (Contract(symbol="ES", sec_type="FUT"), ["ESZ3", "ESH4"]),
    (Contract(symbol="ES", last_trade_date="201312"), ["ESZ3"]), (Contract(symbol="ES", multiplier="50"), ["ESZ3"]),
    (Contract(symbol="ES", last_trade_date="20140321"), ["ESH4"]), (Contract(local_symbol="ESZ3"), ["ESZ3"]),
    (Contract(), []), (Contract(sec_type="STK"), []), (Contract(con_id=1_254_168_183), ["IBM"]),
    (Contract(con_id=1_254_168_183, symbol="MSFT"), []), (Contract(con_id=1), []),
])
def test_contracts_are_found_by_what_they_are_given(wanted, found):
    assert [x.instrument.symbol for x in LISTINGS.find(wanted)] == found


def test_two_symbols_of_one_contract_id_are_refused(monkeypatch):
    monkeypatch.setattr("algotrade.gateway.listings._CON_IDS", 1)
    with pytest.raises(InstrumentError, match="'IBM' and 'MSFT' make one contract id"):
        Listings([Instrument(id=0, symbol="IBM"), Instrument(id=1, symbol="MSFT")], {}, OPEN_NS)


def test_hours_as_ib_writes_them():
    opens = tuple(OPEN_NS + n * DAY_NS for n in (0, 1, 3))
    sessions = Sessions(opens_ns=opens, closes_ns=tuple(t + 23_400 * SECOND_NS for t in opens))
    assert hours_text(sessions, EASTERN, OPEN_NS) == (
        "20131008:0930-20131008:1600;20131009:0930-20131009:1600;20131010:CLOSED;20131011:0930-20131011:1600")
    assert hours_text(ALWAYS_OPEN, EASTERN, OPEN_NS).split(";")[-1] == "20131014:0000-20131015:0000"


@given(st.integers(0, 4 * 10**9))
def test_moments_come_back_from_their_text(seconds):
    from algotrade.gateway.times import dashed, spaced

    time_ns = seconds * SECOND_NS
    assert parse_moment(dashed(time_ns), EASTERN) == time_ns
    tokyo = zone_of("Japan")
    assert parse_moment(spaced(time_ns, tokyo, "Japan"), EASTERN) == time_ns


@pytest.mark.parametrize("text", ["now", "20131008", "20131008 25:00:00", "20130230 10:00:00", "20131008T10:00:00",
                                  "20131008 10:00:00 Nowhere", "20131008   10:00:00", "20131008-10:00:00 UTC", ""])
def test_what_is_no_moment(text):
    with pytest.raises(TimeError, match="allowed: "):
        parse_moment(text, EASTERN)


def test_numbering_helper_is_a_merge():
    batch = numbered({Kind.TRADE: market(seconds=3).trades.copy()})
    assert batch.trades["sequence"].tolist() == [1, 2, 3]
    assert Instruments([INSTRUMENTS[0]])[0].symbol == "IBM"
