"""Each order type and time in force on quotes, trades and bars."""

from decimal import Decimal
from itertools import product

import pytest

from algotrade.gateway.trading.orders import BOOK_TYPES, TIFS
from tests.gateway.trading.world import CCC, CLOSE, DAY, HOUR, MINUTE, MONDAY, OPEN, SECOND, World, order


def calm(world, bid=99.99, ask=100.01):
    world.quote(bid, ask)
    return world


def test_a_market_order_takes_the_far_side_of_the_next_quote():
    world = calm(World())
    bought, sold = world.place(order()), world.place(order("SELL", 40))

    world.quote(100.10, 100.12)

    assert world.fills(bought) == [(100, 100.12)]
    assert world.fills(sold) == [(40, 100.10)]
    assert world.statuses(bought) == ["Submitted", "Filled"]


def test_a_limit_order_takes_on_arrival_or_gets_its_own_price_once_it_rests():
    world = calm(World())
    takes, rests = world.place(order(order_type="LMT", limit=101)), world.place(order(order_type="LMT", limit=99.5))

    world.quote(99.99, 100.01)
    world.quote(99.40, 99.45)

    assert world.fills(takes) == [(100, 100.01)]
    assert world.fills(rests) == [(100, 99.5)]
    assert [e.execution.last_liquidity for e in world.executions()] == [2, 1]


def test_a_partial_fill_stays_submitted_and_sums_up():
    world = calm(World())
    order_id = world.place(order(order_type="LMT", limit=101))

    world.quote(100, 100.5, ask_size=30)
    status = world.status(order_id)
    assert (status.status, status.filled, status.remaining) == ("Submitted", 30, 70)
    world.quote(100, 100.7, ask_size=70)

    status = world.status(order_id)
    assert (status.status, status.filled, status.remaining) == ("Filled", 100, 0)
    assert status.avg_fill_price == Decimal("100.85")


def test_a_stop_waits_for_its_trigger_then_meets_the_next_record():
    world = calm(World())
    order_id = world.place(order("SELL", order_type="STP", aux=99))
    assert world.status(order_id).why_held == "trigger"

    world.quote(98.90, 98.95)
    assert world.fills(order_id) == []
    assert world.status(order_id).why_held == ""
    world.quote(98.80, 98.85)

    assert world.fills(order_id) == [(100, 98.80)]
    assert world.statuses(order_id) == ["PreSubmitted", "Submitted", "Filled"]


def test_a_stop_limit_does_not_sell_below_its_limit():
    world = calm(World())
    order_id = world.place(order("SELL", order_type="STP LMT", aux=99, limit=98.9))

    world.quote(98.50, 98.55)
    world.quote(98.50, 98.55)
    assert world.fills(order_id) == []
    world.quote(98.95, 98.99)

    assert world.fills(order_id) == [(100, 98.90)]


def test_a_trail_follows_the_market_and_never_back():
    world = calm(World(), 100.00, 100.02)
    order_id = world.place(order("SELL", order_type="TRAIL", aux=1))

    stops = []
    for bid in (100, 101, 100.5, 102, 101.5):
        world.quote(bid, bid + 0.02)
        stops.append(float(world.live(order_id).stop_ticks) / 100)
    assert stops == [99, 100, 100, 101, 101]
    world.quote(100.99, 101.01)
    world.quote(100.95, 100.97)

    assert world.fills(order_id) == [(100, 100.95)]


def test_a_percent_trail_starts_from_its_own_stop_price_and_tells_where_it_is():
    world = calm(World())
    order_id = world.place(order("BUY", order_type="TRAIL", trailing_percent=2, trail_stop_price=101))
    assert world.told(order_id).order.trail_stop_price == 101

    world.quote(97.99, 98.00)
    world.open_orders()
    assert world.told(order_id).order.trail_stop_price == Decimal("99.96")

    world.quote(99.95, 99.97)
    world.quote(100, 100.02)
    assert world.fills(order_id) == [(100, 100.02)]


def test_a_trail_in_bars_fires_when_the_close_came_back_from_the_high():
    world = World()
    world.bar(100, 100.2, 99.9, 100)
    order_id = world.place(order("SELL", order_type="TRAIL", aux=1))

    world.bar(100, 103, 99.9, 101)  # best 103, stop 102, close 101: it fired on the way back
    assert world.fills(order_id) == []
    assert world.status(order_id).why_held == ""
    world.bar(101.1, 101.5, 101, 101.2)

    assert [(q, round(p, 1)) for q, p in world.fills(order_id)] == [(100, 101.1)]


@pytest.mark.parametrize(("kind", "expected"), [("MIT", 98.98), ("LIT", 99)])
def test_if_touched_orders_wait_for_their_price_then_meet_the_next_record(kind, expected):
    world = calm(World())
    order_id = world.place(order("BUY", order_type=kind, aux=99, limit=99.1 if kind == "LIT" else None))

    world.quote(99.05, 99.07)
    assert world.status(order_id).why_held == "trigger"
    world.quote(98.98, 99.00)
    assert world.fills(order_id) == []
    world.quote(98.96, 98.98 if kind == "MIT" else 99)

    assert world.fills(order_id) == [(100, expected)]
    assert world.statuses(order_id) == ["PreSubmitted", "Submitted", "Filled"]


def test_a_touched_limit_order_keeps_to_its_limit():
    world = calm(World())
    order_id = world.place(order("SELL", order_type="LIT", aux=101, limit=100.9))

    world.quote(101, 101.02)
    world.quote(100.5, 100.52)
    assert world.fills(order_id) == []
    world.quote(100.95, 100.97)

    assert world.fills(order_id) == [(100, 100.9)]


def test_trades_fill_half_the_spread_away_and_bars_only_through_a_limit():
    on_trades = World()
    on_trades.trade(100)
    order_id = on_trades.place(order())
    on_trades.trade(100)
    assert on_trades.fills(order_id) == [(100, 100.01)]

    on_bars = World()
    on_bars.bar(100, 101, 99, 100)
    touched, through = (on_bars.place(order(order_type="LMT", limit=p)) for p in (99, 99.5))
    on_bars.bar(100, 101, 99, 100)
    assert on_bars.fills(touched) == []
    assert on_bars.fills(through) == [(100, 99.5)]


def test_quotes_go_before_trades():
    world = calm(World())
    order_id = world.place(order())

    world.trade(50)
    assert world.fills(order_id) == []
    world.quote(99.99, 100.01)

    assert world.fills(order_id) == [(100, 100.01)]


def test_a_crossed_quote_fills_nobody():
    world = calm(World())
    order_id = world.place(order())
    world.quote(101, 100)
    assert world.fills(order_id) == []


def test_what_is_for_at_once_ends_with_the_first_record():
    world = calm(World())
    part = world.place(order(order_type="LMT", limit=101, tif="IOC"))
    whole = world.place(order(order_type="LMT", limit=101, tif="FOK"))

    world.quote(100, 100.01, ask_size=60)

    assert world.fills(part) == [(60, 100.01)]
    assert world.statuses(part) == ["Submitted", "Submitted", "Cancelled"]
    assert world.fills(whole) == []
    assert world.statuses(whole) == ["Submitted", "Cancelled"]
    assert world.errors() == [(part, 202), (whole, 202)]


@pytest.mark.parametrize("tif", ["DAY", "GTC", "GTD"])
def test_when_an_order_expires(tif):
    world = World()
    order_id = world.place(order(order_type="LMT", limit=90, tif=tif, good_till_date="20260107 10:00:00 UTC"), CCC)

    ends = {"DAY": MONDAY + CLOSE, "GTD": MONDAY + 2 * DAY + 10 * HOUR, "GTC": None}[tif]
    if ends is None:
        world.at(MONDAY + 30 * DAY)
        assert world.live(order_id).stage == "book"
        return
    world.at(ends - 1)
    assert world.live(order_id).stage == "book"
    world.at(ends)
    assert world.status(order_id).status == "Cancelled"


def test_a_closed_market_holds_an_order_until_it_opens():
    world = World(now_ns=MONDAY + 2 * HOUR)
    order_id = world.place(order(order_type="LMT", limit=101), CCC)
    assert world.statuses(order_id) == ["PreSubmitted"]
    assert world.errors() == [(order_id, 399)]

    world.quote(100, 100.01, CCC)
    assert world.fills(order_id) == []
    world.at(MONDAY + OPEN)
    assert world.status(order_id).status == "Submitted"
    world.quote(100, 100.01, CCC)

    assert world.fills(order_id) == [(100, 100.01)]


def test_outside_regular_hours_only_who_asked_for_it_trades():
    world = World(now_ns=MONDAY + OPEN - HOUR)
    stays, trades = (world.place(order(order_type="LMT", limit=101, outside_rth=flag), CCC) for flag in (False, True))
    assert world.status(trades).status == "Submitted"

    world.quote(100, 100.01, CCC)

    assert world.fills(stays) == []
    assert world.fills(trades) == [(100, 100.01)]


@pytest.mark.parametrize("outside_rth", [False, True])
def test_a_day_order_ends_with_the_session_it_may_trade_in(outside_rth):
    world = World()
    order_id = world.place(order(order_type="LMT", limit=90, outside_rth=outside_rth), CCC)
    world.at(MONDAY + CLOSE)
    assert (world.status(order_id).status == "Cancelled") is not outside_rth
    world.at(MONDAY + CLOSE + 4 * HOUR)
    assert world.status(order_id).status == "Cancelled"


def test_orders_at_the_close_wait_for_its_price():
    world = World()
    moc = world.place(order("BUY", order_type="MOC"), CCC)
    good, bad = (world.place(order("BUY", order_type="LOC", limit=p), CCC) for p in (100.5, 99.5))
    world.quote(99.90, 99.92, CCC)
    assert world.statuses(moc) == ["PreSubmitted"]
    assert world.fills(moc) == []

    world.now_ns = MONDAY + CLOSE - SECOND
    world.quote(99.99, 100.01, CCC, after_ns=0)
    world.at(MONDAY + CLOSE)

    assert world.fills(moc) == [(100, 100)]
    assert world.fills(good) == [(100, 100)]
    assert world.statuses(bad) == ["PreSubmitted", "Cancelled"]


def test_the_bar_that_ends_at_the_close_tells_the_price_of_the_auction():
    world = World(now_ns=MONDAY + CLOSE - HOUR)
    moc = world.place(order("SELL", order_type="MOC"), CCC)
    world.now_ns = MONDAY + CLOSE - MINUTE

    world.bar(100, 101, 99, 100.4, instrument=CCC)
    assert world.now_ns == MONDAY + CLOSE
    assert world.fills(moc) == []
    world.at(MONDAY + CLOSE)

    assert world.fills(moc) == [(100, 100.4)]


def test_an_auction_without_a_price_ends_its_orders():
    world = World()
    moc = world.place(order(order_type="MOC"), CCC)
    world.at(MONDAY + CLOSE)
    assert world.statuses(moc) == ["PreSubmitted", "Cancelled"]


@pytest.mark.parametrize("quoted", [True, False])
def test_orders_for_the_opening_meet_the_first_record_of_the_session(quoted):
    world = World(now_ns=MONDAY + OPEN - HOUR)
    market, far = world.place(order(tif="OPG"), CCC), world.place(order(order_type="LMT", limit=95, tif="OPG"), CCC)
    if quoted:
        world.quote(89, 90, CCC)
        world.now_ns = MONDAY + OPEN
        world.quote(99.99, 100.01, CCC)
    else:
        world.bar(89, 90, 88, 89, instrument=CCC)
        world.now_ns = MONDAY + OPEN
        world.bar(100, 101, 94, 95, instrument=CCC)

    assert world.fills(market) == [(100, 100.01)]
    assert world.fills(far) == []
    assert world.statuses(far) == ["PreSubmitted", "Submitted", "Cancelled"]


def test_an_order_for_the_opening_placed_in_the_session_waits_for_the_next():
    world = calm(World())
    order_id = world.place(order(tif="OPG"), CCC)
    world.quote(99.99, 100.01, CCC)
    assert world.fills(order_id) == []
    world.now_ns = MONDAY + DAY + OPEN
    world.quote(100.99, 101.01, CCC)
    assert world.fills(order_id) == [(100, 101.01)]


def show(world, kind, price):
    {"quotes": lambda: world.quote(price - 0.01, price + 0.01, CCC),
     "trades": lambda: world.trade(price, instrument=CCC),
     "bars": lambda: world.bar(price, price + 0.02, price - 0.02, price, instrument=CCC)}[kind]()


PRICES = {"LMT": {"limit": 105}, "STP": {"aux": 101}, "STP LMT": {"aux": 101, "limit": 110}, "TRAIL": {"aux": 1},
          "MIT": {"aux": 99}, "LIT": {"aux": 99, "limit": 110}, "LOC": {"limit": 110}}


@pytest.mark.parametrize("kind", ["quotes", "trades", "bars"])
@pytest.mark.parametrize(("order_type", "tif"), sorted(product(BOOK_TYPES, TIFS)))
def test_every_type_with_every_time_in_force_fills_or_is_refused(kind, order_type, tif):
    """A buy of each kind fills in a market that falls to 98, rises to 103, closes and opens again, or is refused."""
    world = World()
    show(world, kind, 100)
    order_id = world.place(order(order_type=order_type, tif=tif, good_till_date="20260109 10:00:00 UTC",
                                 **PRICES.get(order_type, {})), CCC)
    if (order_type in {"MOC", "LOC"} and tif != "DAY") or (tif == "OPG" and order_type not in {"MKT", "LMT"}):
        assert world.errors() == [(order_id, 113 if order_type in {"MOC", "LOC"} else 111)]
        assert world.told_any(order_id) == []
        return
    for price in (99.5, 98, 98, 98, 101.5, 103, 103):
        show(world, kind, price)
    world.at(MONDAY + CLOSE)
    world.now_ns = MONDAY + DAY + OPEN
    show(world, kind, 100)
    assert sum(q for q, _ in world.fills(order_id)) == 100
    assert world.status(order_id).status == "Filled"
