"""Corrections, costs that come late, fills beyond the order, and orders of which nothing is heard: one rule a test."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from algotrade.domain import ExecType, OrderStatus, Side, report_records
from algotrade.execution import ledger as ledger_module
from algotrade.execution.broker import BrokerEvent
from algotrade.execution.ledger import execution_and_revision
from algotrade.strategy.holding import HOLDING, fold_report, mark_pending
from tests.execution.world import World, cancel, intent_id, new


def working(quantity=10, side=Side.BUY):
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, quantity, side=side, limit=9_990 if side is Side.BUY else 10_010))
    return world


def told(execution_id, quantity, price="100", commission=None, order_id=1):
    return BrokerEvent(exec_type=ExecType.TRADE, order_id=order_id, event_time_ns=9, execution_id=execution_id,
                       quantity=Decimal(quantity), price=Decimal(price),
                       commission=None if commission is None else Decimal(commission))


def lost(reason="link_lost"):
    return BrokerEvent(exec_type=ExecType.ORDER_STATUS, order_id=1, event_time_ns=9, reason=reason)


@pytest.mark.parametrize(("execution_id", "parts"), [
    ("0000e0d5.662a73b3.01.01", ("0000e0d5.662a73b3.01", 1)),
    ("0000e0d5.662a73b3.01.12", ("0000e0d5.662a73b3.01", 12)),
    ("s.r.1.0-1", ("s.r.1.0-1", 1)),
    ("x", ("x", 1)),
    ("a.b.c.5", ("a.b.c.5", 1)),
])
def test_the_last_group_of_an_execution_id_counts_its_corrections(execution_id, parts):
    assert execution_and_revision(execution_id) == parts


def test_a_correction_reverses_and_books_anew_in_one_step():
    world = working()
    world.manager.on_broker(told("a.b.c.01", 4, "100", "1"))

    [report] = world.manager.on_broker(told("a.b.c.02", 3, "99"))

    assert (report.exec_type, report.status, report.execution_id) == (
        ExecType.TRADE_CORRECT, OrderStatus.PARTIALLY_FILLED, "a.b.c.02")
    assert (report.last_quantity, report.last_price, report.corrected_quantity) == (3, 99, -1)
    assert (report.cumulative_quantity, report.average_price, report.leaves_quantity) == (3, 99, 7)
    position = world.manager.ledger.position(0)
    assert (position.quantity, position.paid, position.cost, position.commission) == (3, 297, 297, 1)
    assert world.gate.position_lots(0) == 3
    assert world.gate._book["working_buy_lots"][0] == 7
    assert world.manager.corrections == 1


@pytest.mark.parametrize("late", ["a.b.c.01", "a.b.c.02"])
def test_a_lower_or_equal_correction_that_comes_late_is_passed_over(late):
    world = working()
    world.manager.on_broker(told("a.b.c.02", 3))

    assert world.manager.on_broker(told(late, 4)) == []
    assert world.manager.ledger.position(0).quantity == 3


def test_an_execution_that_is_taken_back_leaves_nothing_and_its_order_working():
    world = working()
    world.manager.on_broker(told("a.b.c.01", 4, "100", "1"))

    [report] = world.manager.on_broker(told("a.b.c.02", 0))

    assert (report.exec_type, report.status, report.corrected_quantity) == (
        ExecType.TRADE_CORRECT, OrderStatus.NEW, -4)
    position = world.manager.ledger.position(0)
    assert (position.quantity, position.paid, position.commission) == (0, 0, 0)
    assert world.gate._book["working_buy_lots"][0] == 10
    assert world.manager.on_broker(told("a.b.c.02", 0, "100", "1")) == []


def test_what_is_taken_back_before_it_was_told_is_never_booked():
    world = working()

    assert world.manager.on_broker(told("a.b.c.02", 0)) == []
    assert world.manager.on_broker(told("a.b.c.01", 4)) == []
    assert world.manager.ledger.position(0).quantity == 0


def test_a_corrected_fill_costs_what_the_last_correction_was_told_to_cost():
    world = working()
    world.manager.on_broker(told("a.b.c.02", 3, "99"))
    world.manager.on_broker(told("a.b.c.02", 3, "99", "0.80"))

    assert world.manager.on_broker(told("a.b.c.01", 4, "100", "1")) == []
    assert world.manager.ledger.position(0).commission == Decimal("0.80")


def test_a_commission_that_comes_late_is_booked_and_told():
    world = working()
    [trade] = world.manager.on_broker(told("a.b.c.01", 4))
    assert (trade.commission, world.manager.ledger.uncosted) == (0, 1)

    [report] = world.manager.on_broker(told("a.b.c.01", 4, "100", "-0.25"))

    assert (report.exec_type, report.commission, report.corrected_quantity) == (
        ExecType.TRADE_CORRECT, Decimal("-0.25"), 0)
    assert (world.manager.ledger.position(0).commission, world.manager.ledger.uncosted) == (Decimal("-0.25"), 0)
    assert world.manager.corrections == 0
    assert world.manager.on_broker(told("a.b.c.01", 4)) == []


def test_a_fill_beyond_the_order_is_booked_told_and_counted():
    world = working(10)

    [report] = world.manager.on_broker(told("a.b.c.01", 14))

    assert (report.status, report.reason, report.cumulative_quantity, report.leaves_quantity) == (
        OrderStatus.FILLED, "overfill", 14, 0)
    assert world.manager.ledger.position(0).quantity == 14
    assert world.manager.overfills == 1
    assert world.manager.orders.open_orders() == []
    assert world.gate._book["working_buy_lots"][0] == 0


def test_a_correction_beyond_the_order_is_an_overfill_too():
    world = working(10)
    world.manager.on_broker(told("a.b.c.01", 4))

    [report] = world.manager.on_broker(told("a.b.c.02", 11))

    assert (report.reason, report.status, world.manager.overfills) == ("overfill", OrderStatus.FILLED, 1)


def test_an_order_of_which_nothing_is_known_keeps_its_risk_reserved_and_says_so_once():
    world = working()

    [report] = world.manager.on_broker(lost())

    assert (report.exec_type, report.status, report.reason) == (
        ExecType.ORDER_STATUS, OrderStatus.UNKNOWN, "link_lost")
    assert world.gate._book["working_buy_lots"][0] == 10
    assert world.manager.on_broker(lost()) == []
    assert world.manager.unmatched == 0


def test_not_knowing_answers_no_request_and_ends_no_order():
    world = working()
    world.manager.on_intent(cancel(2, 1), 2)
    [report] = world.manager.on_broker(lost())
    assert (report.request_id, len(world.manager.orders.requests(1))) == (intent_id(1), 1)

    [found] = world.manager.on_broker(BrokerEvent(exec_type=ExecType.NEW, order_id=1, event_time_ns=9))

    assert found.status is OrderStatus.PENDING_CANCEL
    [done] = world.manager.on_broker(BrokerEvent(exec_type=ExecType.CANCELED, order_id=1, event_time_ns=9))
    assert (done.status, done.request_id) == (OrderStatus.CANCELED, intent_id(2))
    assert world.manager.on_broker(lost()) == []
    assert world.manager.orders.get(1).status is OrderStatus.CANCELED


def test_corrections_reach_back_as_far_as_fills_are_kept_and_are_counted_beyond(monkeypatch):
    monkeypatch.setattr(ledger_module, "FILLS_KEPT", 3)
    world = working(1_000)
    for i in range(6):
        world.manager.on_broker(told(f"a.b.{i}.01", 10, str(100 + i), "1"))

    assert world.manager.on_broker(told("a.b.0.02", 5)) == []
    [report] = world.manager.on_broker(told("a.b.4.02", 5, "104"))

    assert report.corrected_quantity == -5
    position = world.manager.ledger.position(0)
    assert (position.quantity, position.paid, position.commission) == (55, 6_150 - 520, 6)
    assert world.manager.ledger.uncorrectable == 1
    restored = World().manager
    restored.restore(world.manager.state())
    assert restored.state() == world.manager.state()
    assert restored.ledger.positions() == world.manager.ledger.positions()


def test_a_kernel_strategy_follows_corrections_of_its_last_order_and_of_older_ones():
    world = working(100)
    world.intent(new(2, 100, limit=9_980))
    holding = np.zeros(1, dtype=HOLDING)[0]
    mark_pending(holding, 2, 0)

    reports = [
        world.manager.on_broker(one) for one in (
            told("a.b.1.01", 10), told("a.b.2.01", 20, order_id=2), told("a.b.1.02", 4),
            told("a.b.2.02", 25, order_id=2), told("a.b.1.02", 4, "100", "1"), told("a.b.2.03", 0, order_id=2))
    ]

    for row in report_records([r for some in reports for r in some]):
        fold_report(holding, row, 1.0)
    assert holding["position_lots"] == world.manager.ledger.position(0).quantity == 4


def test_a_correction_of_a_filled_order_leaves_it_ended():
    world = working(10)
    world.manager.on_broker(told("a.b.c.01", 10))

    [report] = world.manager.on_broker(told("a.b.c.02", 6))

    assert (report.status, report.cumulative_quantity, report.leaves_quantity) == (OrderStatus.FILLED, 6, 0)
    assert world.manager.ledger.position(0).quantity == world.gate.position_lots(0) == 6
    state = msgspec.structs.asdict(world.gate.state())
    assert state["working_orders"] == 0
