"""The venue's kernels against an oracle in plain Python, and each stated assumption as an example."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import OrderType, TimeInForce
from algotrade.domain.session import NEVER_NS
from algotrade.matching.fill import UNLIMITED_LOTS, available_lots, spread_ticks, to_ticks
from algotrade.matching.orders import CANCELED, EVENT, EXPIRED, FILLED, WORKING
from algotrade.matching.venue import expire, meet_bar, meet_moment, next_expiry_ns

NONE = -(2**63)


@dataclass
class Resting:
    order_id: int
    side: int
    order_type: OrderType
    time_in_force: TimeInForce
    lots: int
    limit: int = 0
    stop: int = 0
    born: int = 0
    triggered: bool = False
    resting: bool = False

    def row(self):
        return (self.order_id, self.born, NEVER_NS, self.lots, self.limit, self.stop, 0, self.side,
                int(self.order_type), int(self.time_in_force), int(self.triggered), int(self.resting))


def table(orders):
    working = np.zeros(len(orders) + 1, dtype=WORKING)
    working[: len(orders)] = [o.row() for o in orders]
    return working


def told(events, n):
    return [(int(e["order_id"]), int(e["kind"]), int(e["lots"]), int(e["price_ticks"])) for e in events[:n]]


def moment(orders, bid, ask, *, bid_lots=UNLIMITED_LOTS, ask_lots=UNLIMITED_LOTS, one_size=False, slippage=0):
    working, events = table(orders), np.zeros(2 * len(orders) + 1, dtype=EVENT)
    count, n = meet_moment(working, len(orders), 0, 9, 99, bid, ask, bid_lots, ask_lots, one_size, slippage, events)
    return told(events, n), working[:count]


def bar(orders, opened, high, low, close, *, lots=UNLIMITED_LOTS, cost=0, open_time=0):
    working, events = table(orders), np.zeros(2 * len(orders) + 1, dtype=EVENT)
    count, n = meet_bar(working, len(orders), 0, 9, 99, open_time, opened, high, low, close, lots, cost, events)
    return told(events, n), working[:count]


BUY, SELL = 1, -1
MARKET, LIMIT, STOP, STOP_LIMIT = OrderType
DAY, GTC, IOC, FOK = TimeInForce

orders = st.lists(
    st.builds(
        Resting, order_id=st.integers(1, 99), side=st.sampled_from([BUY, SELL]), order_type=st.sampled_from(OrderType),
        time_in_force=st.sampled_from(TimeInForce), lots=st.integers(1, 20), limit=st.integers(90, 110),
        stop=st.integers(90, 110), triggered=st.booleans(), resting=st.booleans(),
    ),
    max_size=6, unique_by=lambda o: o.order_id,
)


def oracle_moment(rows, bid, ask, bid_lots, ask_lots, one_size, slippage):
    """Say in words what ``meet_moment`` promises."""
    events, left, room = [], [], {BUY: ask_lots, SELL: bid_lots}
    for o in rows:
        taker = ask if o.side == BUY else bid
        if o.order_type in {STOP, STOP_LIMIT} and not o.triggered:
            left.append(o.order_id)
            continue
        price = taker + o.side * slippage
        reachable = True
        if o.order_type in {LIMIT, STOP_LIMIT}:
            reachable = taker <= o.limit if o.side == BUY else taker >= o.limit
            if o.resting or (price > o.limit if o.side == BUY else price < o.limit):
                price = o.limit
        filled = min(o.lots, room[o.side]) if reachable else 0
        if o.time_in_force == FOK and filled < o.lots:
            filled = 0
        if filled:
            events.append((o.order_id, FILLED, filled, price))
            for side in (BUY, SELL) if one_size else (o.side,):
                room[side] -= filled
        if filled < o.lots and o.time_in_force in {IOC, FOK}:
            events.append((o.order_id, CANCELED, o.lots - filled, 0))
        elif filled < o.lots:
            left.append(o.order_id)
    return events, left


@given(orders, st.integers(90, 110), st.integers(0, 5), st.integers(0, 30), st.integers(0, 30), st.booleans(),
       st.integers(0, 2))
def test_a_quote_or_a_trade_does_what_the_oracle_says(rows, bid, spread, bid_lots, ask_lots, one_size, slippage):
    ask = bid + spread
    ask_lots = bid_lots if one_size else ask_lots

    events, left = moment(rows, bid, ask, bid_lots=bid_lots, ask_lots=ask_lots, one_size=one_size, slippage=slippage)

    assert (events, [int(r["order_id"]) for r in left]) == oracle_moment(
        rows, bid, ask, bid_lots, ask_lots, one_size, slippage)
    fired = {o.order_id for o in rows if o.order_type in {STOP, STOP_LIMIT} and not o.triggered
             and (ask >= o.stop if o.side == BUY else bid <= o.stop)}
    assert fired <= {int(r["order_id"]) for r in left if r["triggered"]}


@given(orders, st.integers(90, 110), st.integers(0, 8), st.integers(0, 8), st.integers(0, 40))
def test_a_bar_never_fills_outside_its_range_or_beyond_a_limit_or_its_volume(rows, opened, up, down, lots):
    events, _ = bar(rows, opened, opened + up, opened - down, opened, lots=lots)

    by_id = {o.order_id: o for o in rows}
    for order_id, kind, _, price in events:
        if kind == FILLED:
            o = by_id[order_id]
            assert opened - down <= price <= opened + up
            if o.order_type in {LIMIT, STOP_LIMIT}:
                assert o.side * (o.limit - price) >= 0
    assert sum(e[2] for e in events if e[1] == FILLED) <= lots


def test_a_market_order_takes_the_far_side_and_gives_slippage():
    assert moment([Resting(1, BUY, MARKET, DAY, 5)], 99, 101, slippage=2)[0] == [(1, FILLED, 5, 103)]
    assert moment([Resting(1, SELL, MARKET, DAY, 5)], 99, 101, slippage=2)[0] == [(1, FILLED, 5, 97)]


def test_a_limit_order_improves_on_arrival_and_gets_its_own_price_once_it_rests():
    arriving = Resting(1, BUY, LIMIT, GTC, 5, limit=105)
    assert moment([arriving], 99, 101)[0] == [(1, FILLED, 5, 101)]
    arriving.resting = True
    assert moment([arriving], 99, 101)[0] == [(1, FILLED, 5, 105)]


def test_orders_share_the_size_of_a_record_in_order_of_arrival():
    rows = [Resting(1, BUY, MARKET, DAY, 6), Resting(2, BUY, MARKET, DAY, 6), Resting(3, SELL, MARKET, DAY, 6)]

    events, left = moment(rows, 99, 101, ask_lots=8, bid_lots=8)

    assert events == [(1, FILLED, 6, 101), (2, FILLED, 2, 101), (3, FILLED, 6, 99)]
    assert [(int(r["order_id"]), int(r["lots"])) for r in left] == [(2, 4)]


def test_nobody_sells_for_nothing():
    assert moment([Resting(1, SELL, MARKET, DAY, 5)], 2, 3, slippage=5)[0] == [(1, FILLED, 5, 1)]
    assert bar([Resting(1, SELL, MARKET, DAY, 5)], 2, 3, 1, 2, cost=5)[0] == [(1, FILLED, 5, 1)]
    assert bar([Resting(1, SELL, STOP, DAY, 5, stop=2)], 3, 3, 1, 2, cost=5)[0] == [(1, FILLED, 5, 1)]


def test_a_stop_that_fires_meets_the_next_record():
    events, left = moment([Resting(1, BUY, STOP, DAY, 5, stop=101)], 99, 101)
    assert events == []
    assert left["triggered"].tolist() == [1]
    fired = Resting(1, BUY, STOP, DAY, 5, stop=101, triggered=True)
    assert moment([fired], 103, 105)[0] == [(1, FILLED, 5, 105)]


def test_a_bar_is_met_at_its_open_by_orders_born_before_and_at_its_close_by_those_born_inside():
    before, inside = Resting(1, BUY, MARKET, DAY, 5, born=10), Resting(2, BUY, MARKET, DAY, 5, born=11)

    assert bar([before, inside], 100, 110, 90, 105, open_time=10)[0] == [(1, FILLED, 5, 100), (2, FILLED, 5, 105)]


@pytest.mark.parametrize(("order", "expected"), [
    (Resting(1, BUY, LIMIT, DAY, 5, limit=95), []),  # touched at the low: those before us in the queue
    (Resting(1, BUY, LIMIT, DAY, 5, limit=96), [(1, FILLED, 5, 96)]),  # traded through
    (Resting(1, BUY, LIMIT, DAY, 5, limit=102), [(1, FILLED, 5, 100)]),  # the open is better
    (Resting(1, SELL, LIMIT, DAY, 5, limit=110), []),
    (Resting(1, SELL, LIMIT, DAY, 5, limit=109), [(1, FILLED, 5, 109)]),
    (Resting(1, BUY, STOP, DAY, 5, stop=108), [(1, FILLED, 5, 108)]),
    (Resting(1, BUY, STOP, DAY, 5, stop=98), [(1, FILLED, 5, 100)]),  # opened beyond the stop
    (Resting(1, BUY, STOP, DAY, 5, stop=111), []),
    (Resting(1, SELL, STOP, DAY, 5, stop=96), [(1, FILLED, 5, 96)]),
    (Resting(1, SELL, STOP, DAY, 5, stop=104), [(1, FILLED, 5, 100)]),
    (Resting(1, SELL, STOP_LIMIT, DAY, 5, stop=96, limit=95), []),  # fires here, may fill from the next bar on
    (Resting(1, BUY, LIMIT, IOC, 5, limit=90), [(1, CANCELED, 5, 0)]),
    (Resting(1, BUY, LIMIT, IOC, 5, limit=97), [(1, CANCELED, 5, 0)]),  # now is the open, the low comes later
    (Resting(1, SELL, LIMIT, FOK, 5, limit=105), [(1, CANCELED, 5, 0)]),
    (Resting(1, BUY, LIMIT, FOK, 5, limit=100), [(1, FILLED, 5, 100)]),
    (Resting(1, SELL, STOP, IOC, 5, stop=96), [(1, FILLED, 5, 96)]),  # its moment is when it fires
    (Resting(1, BUY, MARKET, FOK, 5), [(1, FILLED, 5, 100)]),
])
def test_the_bar_assumptions_by_example(order, expected):
    assert bar([order], 100, 110, 95, 105)[0] == expected


def test_a_stop_limit_fires_in_one_bar_and_fills_in_a_later_one():
    order = Resting(1, BUY, STOP_LIMIT, DAY, 5, stop=108, limit=109)
    _, left = bar([order], 100, 110, 95, 105)
    assert left["triggered"].tolist() == [1]
    order.triggered = True
    assert bar([order], 107, 112, 104, 105)[0] == [(1, FILLED, 5, 107)]


def test_an_order_whose_day_ended_expires():
    working, events = table([Resting(1, BUY, LIMIT, DAY, 5), Resting(2, BUY, LIMIT, GTC, 5)]), np.zeros(4, dtype=EVENT)
    working["expires_ns"][0] = 50

    assert next_expiry_ns(working, 2) == 50
    count, n = expire(working, 2, 7, 50, events)

    assert told(events, n) == [(1, EXPIRED, 5, 0)]
    assert working["order_id"][:count].tolist() == [2]


def test_prices_and_sizes_become_ticks_and_lots():
    assert to_ticks(183.63, 0.01) == 18363
    assert available_lots(float("nan"), 100.0, 0.1) == UNLIMITED_LOTS
    assert available_lots(950.0, 100.0, 1.0) == 9
    assert available_lots(0.3, 0.1, 1.0) == 3
    assert available_lots(1e19, 1.0, 1.0) == UNLIMITED_LOTS
    assert spread_ticks(1.0, 100.0, 0.01) == 1
    assert spread_ticks(1.1, 100.0, 0.01) == 2
    assert spread_ticks(0.0, 100.0, 0.01) == 0
