"""The simulated broker on one record at a time, with every number worked out by hand."""

from decimal import Decimal

import numpy as np
import pytest

from algotrade.domain import Kind, MarketBatch, OrderStatus, Sessions, Side, TimeInForce
from algotrade.domain.market import LAYOUTS, Flag
from algotrade.matching import CommissionModel, VenueModel
from algotrade.risk import Limits
from tests.execution.world import NEVER, World, new, replace


def show(world, kind, **fields):
    """Let the broker see one record of instrument 0, one nanosecond after the last; return the reports."""
    world.now += 1
    row = np.zeros(1, dtype=LAYOUTS[kind])
    fields = {"sequence": world.now, "event_time_ns": world.now, "receive_time_ns": world.now, **fields}
    for name, value in fields.items():
        row[name] = value
    at, made = np.zeros(len(Kind), dtype=np.int64), []
    while world.broker.advance(MarketBatch.of({kind: row}), at, NEVER):
        made += world._told()
    return made


def quote(world, bid_size, ask_size):
    return show(world, Kind.QUOTE, bid=99.99, ask=100.01, bid_size=bid_size, ask_size=ask_size)


def trade(world, price):
    return show(world, Kind.TRADE, price=price, size=np.nan)


def bar(world, opened):
    """Show a bar that opened when the last record ended."""
    begins = world.now
    world.now += 10
    return show(world, Kind.BAR, open_time_ns=begins, open=opened, high=opened + 1, low=opened - 1, close=opened,
                volume=np.nan)


def fills(reports):
    return [(r.last_quantity, r.last_price) for r in reports]


def test_a_resting_order_replaced_through_the_market_takes_the_ask():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5, limit=9_990))
    assert world.quote(9_999, 10_001) == []

    world.intent(replace(2, 1, limit=10_010))

    assert fills(world.quote(10_004, 10_005)) == [(5, Decimal("100.05"))]


def test_where_quotes_are_known_a_trade_fills_nobody():
    world = World()
    quote(world, np.nan, np.nan)
    world.intent(new(1, 5))

    assert trade(world, 100.0) == []
    assert fills(quote(world, np.nan, np.nan)) == [(5, Decimal("100.01"))]


@pytest.mark.parametrize(("side", "expected"), [
    (Side.BUY, (8, Decimal("100.01"))), (Side.SELL, (3, Decimal("99.99"))),
])
def test_a_buyer_gets_the_size_of_the_ask_and_a_seller_that_of_the_bid(side, expected):
    world = World()
    quote(world, np.nan, np.nan)
    world.intent(new(1, 10, side=side))

    filled = quote(world, 3, 8)

    assert fills(filled) == [expected]
    assert filled[0].status is OrderStatus.PARTIALLY_FILLED


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "100.12"), (Side.SELL, "99.88")])
def test_on_a_trade_both_sides_pay_half_the_spread_and_slippage(side, price):
    world = World(model=VenueModel(half_spread_bps=10.0, slippage_ticks=2))
    trade(world, 100.0)
    world.intent(new(1, 5, side=side))

    assert fills(trade(world, 100.0)) == [(5, Decimal(price))]


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "100.12"), (Side.SELL, "99.88")])
def test_on_a_bar_both_sides_pay_half_the_spread_and_slippage(side, price):
    world = World(model=VenueModel(half_spread_bps=10.0, slippage_ticks=2))
    bar(world, 100.0)
    world.intent(new(1, 5, side=side))

    assert fills(bar(world, 100.0)) == [(5, Decimal(price))]


def test_the_commissions_of_partial_fills_add_up_to_that_of_the_order():
    world = World()
    quote(world, np.nan, np.nan)
    world.intent(new(1, 500))

    reports = [*quote(world, 300, 300), *quote(world, 300, 300)]

    assert [r.last_quantity for r in reports] == [300, 200]
    assert [r.commission for r in reports] == [Decimal("1.5"), 1]
    assert sum(r.commission for r in reports) == CommissionModel().total(Decimal(500), 500 * Decimal("100.01"))


def test_a_replace_born_inside_a_bar_does_not_meet_its_open():
    world = World()
    bar(world, 104)
    world.intent(new(12, 5, limit=9_000))
    world.now = 65
    world.intent(replace(65, 12, limit=10_420))

    world.now = 69
    filled = show(world, Kind.BAR, open_time_ns=20, open=100, high=104, low=98, close=104, volume=np.nan)

    assert fills(filled) == [(5, Decimal("104.01"))]  # the close, and half the assumed spread


def test_buyers_and_sellers_share_the_size_of_one_trade():
    world = World()
    trade(world, 100.0)
    world.intent(new(1, 10))
    world.intent(new(2, 10, side=Side.SELL))

    told = show(world, Kind.TRADE, price=100.0, size=10)

    assert sum(quantity for quantity, _ in fills(told)) == 10


def test_a_closed_market_fills_nobody():
    world = World()
    quote(world, 10, 10)
    world.intent(new(1, 5, limit=10_100))

    closed = int(Flag.OUTSIDE_SESSION)
    assert show(world, Kind.QUOTE, bid=99.99, ask=100.01, bid_size=10, ask_size=10, flags=closed) == []
    assert quote(world, 10, 10)[0].status is OrderStatus.FILLED


def test_a_lower_limit_on_working_orders_lets_those_that_work_work_on():
    world = World()
    quote(world, 10, 10)
    for i in range(1, 6):
        world.intent(new(i, 5, limit=9_000))
    lower = World(Limits(working_orders_max=2))

    lower.broker.restore(world.broker.state())

    assert lower.broker.working_orders == 5
    show(lower, Kind.QUOTE, bid=80.0, ask=80.01, bid_size=np.nan, ask_size=np.nan)
    assert lower.broker.working_orders == 0


def test_an_order_whose_day_is_over_can_no_longer_be_changed():
    world = World(sessions={0: Sessions(opens_ns=(0,), closes_ns=(100,))})
    quote(world, 10, 10)
    world.intent(new(1, 5, limit=9_000, tif=TimeInForce.DAY))
    world.now = 100

    told = world.intent(replace(100, 1, limit=9_100))

    assert [report.status for report in told] == [OrderStatus.EXPIRED]
    assert world.broker.working_orders == 0
