"""Level 1 and every tick become quotes and trades: each change once, in order, at honest times, and nothing judged."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Kind
from algotrade.domain.market import Flag
from algotrade.feeds.ibkr import IbkrFeedSettings
from algotrade.feeds.ibkr.output import AHEAD_NS_MAX, Output
from algotrade.feeds.ibkr.quotes import LevelOne, Tape, TopOfBook, every_tick
from algotrade.feeds.quality import QualityGate, QualityRules
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire import answers as a
from tests.feeds.ibkr.world import START_NS, S, World, ask, bid

NAN = math.nan


def level_one() -> tuple[LevelOne, Output]:
    out = Output()
    return LevelOne(0, out), out


def rows(out: Output, kind: Kind) -> list[tuple[float, ...]]:
    """Take what came of ``kind`` as tuples of its values."""
    batch = out.take()
    names = {Kind.QUOTE: ("bid", "ask", "bid_size", "ask_size"), Kind.TRADE: ("price", "size")}[kind]
    return [] if batch is None else [tuple(float(x[n]) for n in names) for x in batch.arrays()[kind]]


def test_a_quote_comes_with_every_change_once_both_sides_are_known():
    world = World()
    top = world.top()
    world.tell(bid(top, 10.0, 5.0))
    assert world.step() is None
    world.tell(ask(top, 10.2, 7.0), a.TickSize(req_id=top, tick_type=0, size=5.0))  # the size again: no change
    world.step()
    world.tell(a.TickSize(req_id=top, tick_type=3, size=8.0), bid(top, 10.1, 5.0), bid(top, 10.1, 5.0))
    world.step(1)

    quotes = world.records(Kind.QUOTE)
    assert quotes[["bid", "ask", "bid_size", "ask_size"]].tolist() == [
        (10.0, 10.2, 5.0, 7.0), (10.0, 10.2, 5.0, 8.0), (10.1, 10.2, 5.0, 8.0)]
    assert quotes["event_time_ns"].tolist() == quotes["receive_time_ns"].tolist() == [START_NS] * 3
    assert set(quotes["instrument"]) == {0}
    assert set(quotes["sequence"]) == {0}
    assert quotes["flags"].tolist() == [Flag.GAP, 0, 0]


@pytest.mark.parametrize(("price", "size", "expected"), [
    (-1.0, 0.0, (NAN, NAN)), (-1.0, None, (NAN, NAN)), (None, 100.0, (NAN, NAN)),  # none on this side
    (-1.0, 100.0, (-1.0, 100.0)), (-5.0, 0.0, (-5.0, 0.0)), (0.0, 0.0, (0.0, 0.0)),  # values, whatever they are
    (10.0, None, (10.0, NAN)), (1e300, 1.0, (1e300, 1.0)),
])
def test_what_is_no_price_is_unknown_and_what_is_one_goes_on(price, size, expected):
    one, out = level_one()
    one.price(bid(1, price, size), 1, 0, quotes=True, trades=True)
    one.price(ask(1, 10.5, 1.0), 1, 0, quotes=True, trades=True)
    (row,) = rows(out, Kind.QUOTE)
    np.testing.assert_equal(row, (expected[0], 10.5, expected[1], 1.0))


def test_the_gate_counts_what_it_keeps_back_of_the_feed():
    """Nothing is dropped on the way: a missing side, a zero, a crossed book all reach the gate as they are."""
    world = World()
    top = world.top()
    world.tell(bid(top, 10.0), ask(top, 10.2), bid(top, -1.0, 0.0), bid(top, 0.0), bid(top, 11.0), bid(top, 10.1))
    batch = world.step()
    gate = QualityGate(world.instruments, QualityRules(), {})
    verdict = gate.check(batch)
    counts = gate.counts()
    assert len(batch.quotes) == 5
    assert counts[Kind.QUOTE, Flag.NOT_FINITE] == 1
    assert counts[Kind.QUOTE, Flag.NOT_POSITIVE] == 1
    assert counts[Kind.QUOTE, Flag.CROSSED] == 1
    assert counts[Kind.QUOTE, Flag.GAP] == 1
    assert len(verdict.passed) == 3


def tape(*events) -> list[tuple[float, float]]:
    """Return the trades of ``events``: ("p", price, size), ("s", size), ("v", volume), ("rt", text)."""
    out = Output()
    one = Tape(0, out)
    for i, (what, *values) in enumerate(events):
        {"p": one.price, "s": one.size, "v": one.volume, "rt": one.rt_volume}[what](*values, i, 0)
    return rows(out, Kind.TRADE)


def test_what_a_subscription_tells_first_is_no_trade():
    assert tape(("p", 10.0, 100.0), ("s", 100.0), ("v", 5_000.0)) == []
    assert tape(("v", 5_000.0), ("p", 10.0, None), ("s", 100.0)) == []
    assert tape(("p", -1.0, 0.0), ("p", 10.0, 100.0), ("s", 100.0)) == []


def test_trades_are_read_from_last_price_size_and_volume_where_there_is_no_rt_volume():
    first = [("p", 10.0, 100.0), ("s", 100.0), ("v", 1_000.0)]
    assert tape(
        *first,
        ("p", 10.1, 200.0), ("s", 200.0), ("v", 1_200.0),  # one trade, told three times
        ("s", 300.0), ("v", 1_500.0),                      # at the same price
        ("v", 1_800.0),                                    # at the same price and of the same size
        ("p", 10.2, None), ("s", 50.0), ("v", 1_850.0),
    ) == [(10.1, 200.0), (10.1, 300.0), (10.1, 300.0), (10.2, 50.0)]


def test_rt_volume_tells_each_trade_once():
    first = [("p", 10.0, 100.0), ("v", 1_000.0), ("rt", ";0;1767623400000;1000;10.0;false")]
    assert tape(
        *first,
        ("p", 10.1, 200.0), ("rt", "10.1;200;1767623401000;1200;10.0;true"), ("v", 1_200.0),
        ("rt", "10.1;200;1767623401000;1400;10.0;false"), ("v", 1_400.0),
        ("s", 300.0), ("rt", "10.1;300;1767623402000;1700;10.0;true"),
    ) == [(10.1, 200.0), (10.1, 200.0), (10.1, 300.0)]


def test_an_indication_without_size_is_no_trade():
    assert tape(("p", 10.0, 100.0), ("rt", "10.1;1;1;1;1;true"), ("rt", "10.1;0;1;1;1;true")) == [(10.1, 1.0)]


def test_a_text_that_is_no_rt_volume_is_counted_and_changes_nothing():
    world = World()
    top = world.top()
    for text in ("", "10.0", "a;b;c;d;e;f", "1;2;3;4;5;6;7"):
        world.tell(a.TickString(req_id=top, tick_type=48, value=text))
    world.tell(a.TickString(req_id=top, tick_type=45, value="1767623400"))
    assert world.step() is None
    assert world.feed.samples()["algotrade_feed_unreadable_total"] == 4


def test_every_tick_keeps_the_exchanges_seconds_and_the_order_within_them():
    world = World(IbkrFeedSettings(tick_by_tick=("AAPL",)))
    last, quote = (q.req_id for q in world.session.asked if hasattr(q, "tick_type"))
    second = START_NS // S
    world.step(1.5)
    world.tell(
        a.TickByTick(req_id=last, tick_type=1, time_s=second, price=10.0, size=1.0),
        a.TickByTick(req_id=quote, tick_type=3, time_s=second, bid=9.9, ask=10.1, bid_size=1.0, ask_size=2.0),
        a.TickByTick(req_id=last, tick_type=1, time_s=second, price=10.1, size=2.0),
        a.TickByTick(req_id=last, tick_type=1, time_s=second + 1, price=10.2, size=3.0),
        a.TickByTick(req_id=last, tick_type=1, time_s=second, price=10.3, size=4.0),       # late: raised
        a.TickByTick(req_id=last, tick_type=1, time_s=second + 9_999, price=10.4, size=5.0))  # nonsense: ours
    world.step()
    trades, quotes = world.records(Kind.TRADE), world.records(Kind.QUOTE)
    assert trades["price"].tolist() == [10.0, 10.1, 10.2, 10.3, 10.4]
    assert (trades["event_time_ns"] - START_NS).tolist() == [0, 0, S, S, S + S // 2]
    assert set(trades["receive_time_ns"]) == {START_NS + 3 * S // 2}
    assert quotes[["bid", "ask", "bid_size", "ask_size"]].tolist() == [(9.9, 10.1, 1.0, 2.0)]
    samples = world.feed.samples()
    assert samples["algotrade_feed_times_corrected_total"] == {("raised",): 1.0, ("ahead",): 1.0}


def test_level_one_fills_in_until_every_quote_comes_and_when_it_is_refused():
    world = World(IbkrFeedSettings(tick_by_tick=("AAPL",)), symbols=("AAPL",))
    top = world.top()
    last, quote = (q.req_id for q in world.session.asked if hasattr(q, "tick_type"))
    world.tell(bid(top, 10.0), ask(top, 10.2))
    world.step()
    assert len(world.records(Kind.QUOTE)) == 1  # nothing better yet
    world.tell(a.TickByTick(req_id=quote, tick_type=3, time_s=START_NS // S, bid=10.0, ask=10.1, bid_size=1.0,
                            ask_size=1.0), bid(top, 10.05), a.TickSize(req_id=top, tick_type=0, size=7.0))
    world.step()
    assert world.records(Kind.QUOTE)["ask"].tolist() == [10.2, 10.1]  # told by every quote from now on
    # Trades of level 1 are left to the subscription that will tell every one, and so is none told twice.
    rt = a.TickString(req_id=top, tick_type=48, value="10.0;5;1;1;1;true")
    world.tell(rt)
    world.step()
    assert len(world.records(Kind.TRADE)) == 0
    world.code(10190, last, "Max number of tick-by-tick requests has been reached")
    world.tell(rt)
    world.step()
    assert world.records(Kind.TRADE)["size"].tolist() == [5.0]
    assert world.feed.ready()["data"] is False


def test_delayed_ticks_are_flagged_by_their_own_numbers_and_by_the_data_type():
    world = World(IbkrFeedSettings(delayed=True))
    top = world.top()
    world.tell(a.TickPrice(req_id=top, tick_type=66, price=10.0, size=1.0, mask=0),
               a.TickPrice(req_id=top, tick_type=67, price=10.2, size=1.0, mask=0))
    world.step()
    assert world.records(Kind.QUOTE)["flags"][-1] & Flag.DELAYED
    for data_type, is_delayed in ((2, True), (3, True), (4, True), (1, False)):
        world.tell(a.MarketDataType(req_id=top, data_type=data_type), bid(top, 10.0 + data_type / 100),
                   a.TickString(req_id=top, tick_type=48, value="10.0;5;1;1;1;true"))
        world.step(1)
        for kind in (Kind.QUOTE, Kind.TRADE):
            assert bool(world.records(kind)["flags"][-1] & Flag.DELAYED) == is_delayed, (kind, data_type)


def test_a_stranger_to_the_book_changes_nothing():
    """Highs, lows and options' ticks are no quotes."""
    one, out = level_one()
    for kind in (6, 7, 9, 13, 14, 37, 72):
        one.price(a.TickPrice(req_id=1, tick_type=kind, price=5.0, size=1.0, mask=0), 1, 0, quotes=True, trades=True)
    for kind in (21, 27, 86):
        one.size(a.TickSize(req_id=1, tick_type=kind, size=5.0), 1, 0, quotes=True, trades=True)
    every_tick(a.TickByTick(req_id=1, tick_type=4, time_s=1, price=5.0), 0, 1, 0, out)
    assert out.take() is None


PRICE = st.sampled_from([None, -1.0, 0.0, 9.5, 10.0, 10.5])
SIZE = st.sampled_from([None, 0.0, 1.0, 100.0])
EVENT = st.tuples(st.booleans(), st.booleans(), PRICE, SIZE)


@given(st.lists(EVENT, max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_quotes_are_the_changes_of_the_book_however_they_are_cut(events, cuts):
    """Against a plain book that is compared after every message; where polls cut the stream changes nothing."""
    out, book = Output(), None
    book = TopOfBook(0, out)
    plain = {True: None, False: None}
    expected, last, came = [], None, []
    for i, (is_price, side, price, size) in enumerate(events):
        if i in cuts:
            came += rows(out, Kind.QUOTE)
        if is_price:
            absent = price is None or (price == -1.0 and not size)
            kept = NAN if plain[side] is None else plain[side][1]
            plain[side] = (NAN, NAN) if absent else (price, kept if size is None else size)
            book.price(int(side), price, size, i, 0)
        else:
            if plain[side] is not None:
                plain[side] = (plain[side][0], NAN if size is None else size)
            book.size(int(side), size, i, 0)
        now = (plain[False], plain[True])
        if None not in now and repr(now) != repr(last):
            last = now
            expected.append((now[0][0], now[1][0], now[0][1], now[1][1]))
    came += rows(out, Kind.QUOTE)
    assert repr(came) == repr(expected)


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([Kind.QUOTE, Kind.TRADE]),
                          st.integers(-5, 15), st.integers(0, 3)), max_size=60))
def test_event_times_never_go_back_within_an_instrument(ticks):
    """Nor does the order change, nor is anything lost, nor a receive time touched, whatever the exchange says."""
    out = Output()
    receive_ns, given_ns, order = 0, [], {kind: [] for kind in (Kind.QUOTE, Kind.TRADE)}
    merged: dict[int, list[int]] = {0: [], 1: []}
    for n, (instrument, kind, event_s, passed_s) in enumerate(ticks):
        receive_ns += passed_s * S
        given_ns.append(receive_ns)
        order[kind].append((instrument, n))
        if kind is Kind.QUOTE:
            out.quote(instrument, event_s * S, receive_ns, 0, n, n, 1.0, 1.0)
        else:
            out.trade(instrument, event_s * S, receive_ns, 0, n, 1.0)
    batch = out.take()
    if batch is None:
        assert not ticks
        return
    for kind, value in ((Kind.QUOTE, "bid"), (Kind.TRADE, "price")):
        array = batch.arrays()[kind]
        assert [(int(x["instrument"]), int(x[value])) for x in array] == order[kind]
        assert [int(x["receive_time_ns"]) for x in array] == [given_ns[n] for _, n in order[kind]]
    by_n = {int(x[v]): x for kind, v in ((Kind.QUOTE, "bid"), (Kind.TRADE, "price")) for x in batch.arrays()[kind]}
    for n, (instrument, *_) in enumerate(ticks):
        merged[instrument].append(int(by_n[n]["event_time_ns"]))
        assert by_n[n]["event_time_ns"] <= max(0, int(by_n[n]["receive_time_ns"])) + AHEAD_NS_MAX
    assert all(times == sorted(times) for times in merged.values())


@pytest.mark.parametrize("version", [157, 163, 164, 178])
def test_ticks_of_any_version_come_off_the_wire_into_records(version):
    codec, world = Codec(version), World()
    top = world.top()
    for answer in (bid(top, 10.0), ask(top, 10.2), a.TickString(req_id=top, tick_type=48, value="10;5;1;1;1;true")):
        world.tell(codec.decode_answer(codec.encode(answer)[4:]))
    batch = world.step()
    assert (len(batch.quotes), len(batch.trades)) == (1, 1)
