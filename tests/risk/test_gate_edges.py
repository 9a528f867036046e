"""The gate exactly at its limits, and after a restart at them."""

from decimal import Decimal

import pytest

from algotrade.domain import Flag, Instrument, Instruments, IntentId, NewOrder, OrderType, Side, TimeInForce
from algotrade.risk import Approved, Gate, Limits, Reason, Refused
from algotrade.risk.marks import move_mark, no_marks

SECOND_NS = 1_000_000_000
INSTRUMENTS = Instruments([Instrument(id=0, symbol="A"), Instrument(id=1, symbol="B")])


def order(quantity, *, side=Side.BUY, limit=None, stop=None):
    order_type = OrderType.LIMIT if limit else OrderType.STOP if stop else OrderType.MARKET
    return NewOrder(
        id=IntentId(strategy="s", run="r", sequence=1, number=0), instrument=0, event_time_ns=0, expires_at_ns=2**62,
        side=side, quantity=Decimal(quantity), order_type=order_type, time_in_force=TimeInForce.DAY,
        limit_price=None if limit is None else Decimal(limit), stop_price=None if stop is None else Decimal(stop))


def gate(**limits):
    """Return a gate whose instruments are all marked at 100."""
    made = Gate(Limits(**limits), INSTRUMENTS, {})
    for i in range(len(INSTRUMENTS)):
        move_mark(made.marks, i, 0, 100.0, 0)
    return made


def test_as_many_orders_may_work_as_the_limit_says_and_not_one_more():
    made = gate(working_orders_max=3)

    made.reserve(0, Side.BUY, 2, orders=2)
    assert isinstance(made.check(order(1), 0), Approved)
    made.reserve(0, Side.BUY, 1, orders=1)
    assert made.check(order(1), 0) == Refused(Reason.WORKING_ORDERS_MAX)


def test_an_order_leaves_the_rate_window_exactly_when_the_window_has_passed():
    made, first_ns = gate(orders_per_window_max=2, order_window_ns=SECOND_NS), 5
    for _ in range(2):
        assert isinstance(made.check(order(1), first_ns), Approved)

    assert made.check(order(1), first_ns + SECOND_NS - 1) == Refused(Reason.ORDER_RATE_MAX)
    assert isinstance(made.check(order(1), first_ns + SECOND_NS), Approved)


@pytest.mark.parametrize(("new", "notional"), [
    (order(10, side=Side.SELL, limit=99), 1_000),  # it may be filled at the reference, above its limit
    (order(10, side=Side.SELL, limit=120), 1_200),
    (order(10, side=Side.BUY, limit=99), 990),
    (order(10, side=Side.BUY, stop=120), 1_200),  # it fires at 120 and pays that or more
    (order(10, side=Side.SELL, stop=80), 1_000),
])
def test_an_order_is_valued_at_its_worst_price(new, notional):
    assert isinstance(gate(order_notional_max=Decimal(notional)).check(new, 0), Approved)
    assert gate(order_notional_max=Decimal(notional - 1)).check(new, 0) == Refused(Reason.ORDER_NOTIONAL_MAX)


@pytest.mark.parametrize(("gross_max", "verdict"), [(3_000, Approved), (2_999, Refused)])
def test_a_cheap_limit_does_not_cheapen_what_is_held(gross_max, verdict):
    """10 long and 10 to buy, 10 short of the other one: 30 units at the mark of 100, though the limit is 50."""
    made = gate(gross_exposure_max=Decimal(gross_max), net_exposure_max=Decimal(1_500))
    made.book(0, Side.BUY, 10)
    made.book(1, Side.SELL, 10)

    assert isinstance(made.check(order(10, limit=50), 0), verdict)


def test_a_restored_gate_restricts_what_its_own_limits_say():
    free, restricted = gate(), gate(restricted=frozenset({"A"}))

    restarted = gate(restricted=frozenset({"A"}))
    restarted.restore(free.state())
    assert restarted.check(order(1), 0) == Refused(Reason.INSTRUMENT_RESTRICTED)
    restarted = gate()
    restarted.restore(restricted.state())
    assert isinstance(restarted.check(order(1), 0), Approved)


def test_a_restored_gate_still_counts_the_orders_that_work():
    made = gate(working_orders_max=1)
    made.reserve(0, Side.BUY, 1, orders=1)

    restarted = gate(working_orders_max=1)
    restarted.restore(made.state())

    assert restarted.check(order(1), 0) == Refused(Reason.WORKING_ORDERS_MAX)


@pytest.mark.parametrize("flag", [Flag.PRICE_JUMP, Flag.CROSSED])
def test_an_untrusted_price_leaves_the_mark_and_makes_it_suspect(flag):
    marks = no_marks(1)
    move_mark(marks, 0, 5, 100.0, 0)

    move_mark(marks, 0, 6, 150.0, int(flag))

    assert marks[0].tolist() == (5, 100.0, 1)
