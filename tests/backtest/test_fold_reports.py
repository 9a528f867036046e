from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.backtest.fold_reports import RunFold, RunTooLarge
from algotrade.domain import ExecType, OrderStatus, Side
from tests.backtest.makers import intent, liquidation, report, trade


def folded(*reports, **bounds):
    fold = RunFold(**bounds)
    fold.feed(reports)
    return fold


HISTORY = [
    report(1, ExecType.NEW, OrderStatus.NEW),
    trade(2, "e1", 4),
    report(3, ExecType.REJECTED, OrderStatus.REJECTED, intent_id=intent(9), order_id=2, reason="price_collar: 5 % off"),
    report(4, ExecType.CANCEL_REJECTED, OrderStatus.PARTIALLY_FILLED, reason="too_late"),
    report(5, ExecType.CANCEL_REJECTED, OrderStatus.REJECTED, intent_id=intent(77), order_id=0, side=None,
           order_type=None, time_in_force=None, reason="unknown_order"),
    trade(6, "e2", 6),
    report(7, ExecType.CANCELED, OrderStatus.CANCELED, cumulative_quantity=Decimal(10)),
    report(8, ExecType.REJECTED, OrderStatus.REJECTED, intent_id=intent(10), order_id=3, reason="price_collar"),
    # The order manager has forgotten the first order; what became of it stays what it was.
    report(9, ExecType.CANCEL_REJECTED, OrderStatus.REJECTED, order_id=0, side=None, order_type=None,
           time_in_force=None, reason="order_unknown"),
]


@given(st.lists(st.integers(0, len(HISTORY) - 1), max_size=30))
def test_reports_that_come_again_change_nothing(again):
    """At-least-once delivery goes back and repeats everything from there."""
    once, often = folded(*HISTORY), RunFold()

    for place in range(len(HISTORY)):
        often.feed([HISTORY[place]])
        for back in again:
            often.feed(HISTORY[min(back, place):place + 1])

    assert (often.fills, often.orders) == (once.fills, once.orders)
    assert (often.rejects, often.cancel_rejects) == (once.rejects, once.cancel_rejects)
    assert once.duplicates == 0


def test_the_fold_keeps_fills_the_last_state_of_each_order_and_why_orders_were_refused():
    fold = folded(*HISTORY)

    assert [(f.execution_id, f.quantity, f.price, f.side) for f in fold.fills] == [
        ("e1", 4, Decimal("100.25"), Side.BUY), ("e2", 6, Decimal("100.25"), Side.BUY)]
    assert [(o.order_id, o.status, o.first_event_time_ns, o.last_event_time_ns, o.reason) for o in fold.orders] == [
        (1, OrderStatus.CANCELED, 1, 7, ""), (2, OrderStatus.REJECTED, 3, 3, "price_collar: 5 % off"),
        (3, OrderStatus.REJECTED, 8, 8, "price_collar")]
    assert fold.rejects == {"price_collar": 2}
    assert fold.cancel_rejects == {"order_unknown": 1, "too_late": 1, "unknown_order": 1}


def test_an_execution_that_comes_under_a_new_sequence_is_booked_once():
    fold = folded(trade(1, "e1", 4), trade(2, "e1", 4))

    assert (len(fold.fills), fold.duplicates) == (1, 1)


def test_a_correction_takes_the_place_of_the_execution_it_corrects():
    fix = ExecType.TRADE_CORRECT

    fold = folded(trade(1, "0000.aa.01", 4), trade(2, "0000.bb.01", 5), trade(3, "0000.aa.02", 3, exec_type=fix),
                  trade(4, "0000.aa.03", 2, exec_type=fix))

    assert [(f.execution_id, f.quantity) for f in fold.fills] == [("0000.aa.03", 2), ("0000.bb.01", 5)]


def test_a_correction_to_nothing_takes_the_fill_back():
    fold = folded(trade(1, "0000.aa.01", 4), trade(2, "0000.aa.02", 0, exec_type=ExecType.TRADE_CORRECT))

    assert fold.fills == []


def test_what_the_broker_liquidated_is_listed_by_itself_as_it_was_last_told():
    told = [liquidation(1, "a.b.01", 40), liquidation(2, "a.c.01", 5), liquidation(3, "a.b.02", 30),
            liquidation(4, "a.c.02", 0)]

    fold = folded(*told, told[0])

    assert [(one.execution_id, one.quantity) for one in fold.liquidations] == [("a.b.02", 30)]
    assert (list(fold.fills), list(fold.orders), fold.duplicates) == ([], [], 1)


def test_a_run_beyond_its_bounds_is_refused_with_the_bound():
    orders = [report(n, ExecType.NEW, OrderStatus.NEW, intent_id=intent(n)) for n in (1, 2, 3)]

    with pytest.raises(RunTooLarge, match="more than 2 orders"):
        folded(*orders, orders_max=2)
    with pytest.raises(RunTooLarge, match="more than 1 fills"):
        folded(trade(1, "e1", 1), trade(2, "e2", 1), fills_max=1)
