"""What is in doubt, and what settles it: looks, states, executions."""

from decimal import Decimal

import pytest

from algotrade.domain import ExecType, OrderStatus
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.execution.ibkr.world import (
    SECOND,
    Desk,
    cancel,
    completed,
    error,
    execution,
    intent_id,
    kinds,
    new,
    open_order,
    replace,
    status_of,
    working,
)


def test_an_order_without_an_answer_is_looked_for_after_two_seconds_and_found():
    desk = Desk()
    desk.intent(new(1, limit=100))
    assert desk.wait(1.9) == []
    assert desk.looks == 0

    desk.wait(0.2)
    [report] = desk.answer_look(open_order(limit=100))

    assert (report.exec_type, report.status) == (ExecType.NEW, OrderStatus.NEW)
    desk.wait(100)
    assert desk.looks == 1


def test_a_look_asks_for_all_four_and_waits_for_each_end():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.wait(2.5)
    look = desk.session.asked[1:]
    assert [type(one) for one in look] == [
        r.RequestOpenOrders, r.RequestCompletedOrders, r.RequestPositions, r.RequestExecutions]
    ends = [a.OpenOrderEnd(), a.CompletedOrdersEnd(), a.ExecutionDataEnd(req_id=look[3].req_id), a.PositionEnd()]

    for missing in range(4):
        assert desk.say(*(end for i, end in enumerate(ends) if i != missing)) == []
        desk.wait(31)  # begun again, because it took too long
        assert desk.looks == missing + 2
        look = [one for one in desk.session.asked if isinstance(one, r.RequestExecutions)]
        ends[2] = a.ExecutionDataEnd(req_id=look[-1].req_id)
    assert desk.status() is OrderStatus.PENDING_NEW
    assert [r.status for r in desk.say(*ends)] == [OrderStatus.UNKNOWN]


def test_an_end_marker_of_another_question_ends_no_look():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.wait(2.5)

    assert desk.say(a.OpenOrderEnd(), a.CompletedOrdersEnd(), a.ExecutionDataEnd(req_id=5), a.PositionEnd()) == []


def test_what_was_said_after_a_look_began_is_settled_by_the_next():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.intent(new(2, limit=100))
    desk.wait(2.5)
    assert desk.looks == 1
    desk.say(open_order(limit=100, reference="s.r.2.0", order_id=2, perm_id=2), status_of("PendingSubmit"))
    desk.clock.advance_to(desk.clock.time_ns() + SECOND)
    desk.say(error(201, req_id=1))

    desk.answer_look(open_order(limit=100, reference="s.r.2.0", order_id=2, perm_id=2))
    assert desk.status(1) is OrderStatus.PENDING_NEW
    desk.wait(5)
    desk.answer_look(open_order(limit=100, reference="s.r.2.0", order_id=2, perm_id=2))

    assert desk.status(1) is OrderStatus.REJECTED


def test_an_order_sent_while_a_look_goes_on_is_not_missed_by_it():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.wait(2.5)
    desk.clock.advance_to(desk.clock.time_ns() + SECOND)
    desk.intent(new(2, limit=100))

    desk.answer_look(open_order(limit=100))

    assert desk.status(2) is OrderStatus.PENDING_NEW


def test_a_look_that_another_order_wanted_says_nothing_of_one_that_still_waits_for_its_turn():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.session.holds = True
    desk.intent(new(2, limit=100))
    desk.wait(2.5)
    assert desk.looks == 1

    desk.answer_look(open_order(limit=100))

    assert desk.status(2) is OrderStatus.PENDING_NEW


def test_two_looks_in_a_row_count_as_two_only_ten_seconds_apart():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.wait(2.5)
    desk.answer_look()
    for n in range(3):
        desk.intent(new(2 + n, limit=100, instrument=1))
        desk.wait(2.5)
        others = [open_order(limit=100, reference=f"s.r.{2 + i}.0", order_id=2 + i, perm_id=2 + i, instrument=1)
                  for i in range(n + 1)]
        desk.answer_look(*others)
    assert (desk.looks, desk.count("orders_not_found")) == (4, 0)

    desk.wait(3)
    desk.answer_look(*others)

    assert (desk.looks, desk.count("orders_not_found")) == (5, 1)


@pytest.mark.parametrize("request_of", [lambda: cancel(2, 1), lambda: replace(2, 1, limit=99)])
def test_a_request_without_an_answer_is_settled_by_two_looks(request_of):
    desk = working()
    desk.intent(request_of())
    desk.wait(2.5)
    assert desk.answer_look(open_order(limit=100)) == []
    desk.wait(5)
    assert desk.looks == 1
    desk.wait(6)
    assert desk.looks == 2

    [report] = desk.answer_look(open_order(limit=100))

    assert (report.exec_type, report.status, report.reason) == (
        ExecType.CANCEL_REJECTED, OrderStatus.NEW, "not_done_by_broker")


def test_a_request_that_was_sent_while_a_look_went_on_is_not_settled_by_it():
    desk = working()
    desk.say(status_of("Resting"))
    desk.wait(0)
    assert desk.looks == 1
    desk.clock.advance_to(desk.clock.time_ns() + SECOND)
    desk.intent(cancel(2, 1))
    desk.say(error(10147))

    assert desk.answer_look(open_order(limit=100)) == []
    desk.wait(3)
    assert kinds(desk.answer_look(open_order(limit=100))) == [(ExecType.CANCEL_REJECTED, OrderStatus.NEW)]


def test_an_order_that_fills_while_a_change_would_make_it_larger_is_filled():
    desk = working()
    desk.intent(replace(2, 1, quantity=150))
    desk.say(execution(100))
    assert (desk.status(), desk.reserved()) == (OrderStatus.PENDING_REPLACE, 50)

    reports = desk.say(status_of("Filled", filled=100, remaining=0))

    assert kinds(reports) == [(ExecType.CANCEL_REJECTED, OrderStatus.FILLED)]
    assert (reports[0].reason, desk.reserved()) == ("order_is_filled", 0)


def test_a_correction_that_is_told_before_what_it_corrects_ends_its_order_all_the_same():
    desk = working()
    desk.say(execution(60, exec_id="a.a.a.01"), execution(30, exec_id="a.a.b.02"),
             status_of("Filled", filled=100, remaining=0))
    assert desk.status() is OrderStatus.PARTIALLY_FILLED

    reports = desk.say(execution(40, exec_id="a.a.b.01"))

    assert [(r.status, r.reason, r.cumulative_quantity) for r in reports] == [
        (OrderStatus.CANCELED, "nothing_left", 90)]


def test_a_cancel_that_the_broker_works_on_is_not_refused():
    desk = working()
    desk.intent(cancel(2, 1))
    for _ in range(5):
        desk.wait(11)
        assert desk.answer_look(open_order("PendingCancel", limit=100)) == []

    assert desk.status() is OrderStatus.PENDING_CANCEL
    assert kinds(desk.say(status_of("Cancelled"))) == [(ExecType.CANCELED, OrderStatus.CANCELED)]


def test_a_change_is_done_when_the_broker_shows_it():
    desk = working()
    desk.intent(replace(2, 1, quantity=150, limit="99.5"))
    assert desk.say(status_of("Submitted"), open_order(limit=100), open_order(limit="99.5", quantity=100)) == []

    [report] = desk.say(open_order(limit="99.5", quantity=150))

    assert (report.exec_type, report.status, report.request_id) == (
        ExecType.REPLACED, OrderStatus.NEW, intent_id(2))
    assert (report.quantity, report.limit_price) == (150, Decimal("99.5"))
    assert desk.say(open_order(limit="99.5", quantity=150)) == []
    assert desk.count("terms_differ") == 0


def test_a_change_that_was_sent_into_an_outage_is_found_done():
    desk = working()
    desk.intent(replace(2, 1, limit=99))
    desk.disconnect()
    assert desk.status() is OrderStatus.UNKNOWN

    reports = desk.connect(open_order(limit=99))

    assert kinds(reports)[-1] == (ExecType.NEW, OrderStatus.NEW)
    assert reports[0].exec_type is ExecType.REPLACED
    assert desk.order().limit_price == 99


def test_an_acknowledged_order_with_nothing_under_way_is_not_doubted_when_the_link_goes():
    desk = working()

    assert desk.disconnect() == []
    assert desk.connect(open_order(limit=100)) == []
    assert desk.status() is OrderStatus.NEW


def test_an_order_that_ended_while_nobody_listened_is_found_among_those_done():
    desk = working()
    desk.disconnect()

    assert kinds(desk.connect(completed("Cancelled"))) == [(ExecType.CANCELED, OrderStatus.CANCELED)]


def test_inactive_is_not_known_until_it_shows_what_it_is():
    desk = Desk()
    desk.intent(new(1, limit=100))
    assert kinds(desk.say(status_of("Inactive", why="locate"))) == [(ExecType.ORDER_STATUS, OrderStatus.UNKNOWN)]
    desk.wait(0)
    assert desk.looks == 1
    assert desk.answer_look(open_order("Inactive", limit=100)) == []

    assert kinds(desk.say(status_of("Submitted"))) == [(ExecType.NEW, OrderStatus.NEW)]


def test_inactive_after_a_refusal_is_refused_once_a_look_shows_no_more():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(error(201, message="margin"), status_of("Inactive"))
    desk.wait(0)

    [report] = desk.answer_look(open_order("Inactive", limit=100))

    assert (report.status, report.reason) == (OrderStatus.REJECTED, "ib_201: margin")


def test_filled_without_executions_makes_us_ask_for_them_and_is_no_fill():
    desk = working()
    desk.say(status_of("Filled", filled=100, remaining=0), status_of("Filled", filled=100, remaining=0))
    assert (desk.status(), desk.quantity()) == (OrderStatus.NEW, 0)
    desk.wait(4)
    assert desk.looks == 0
    desk.wait(2)
    assert desk.looks == 1

    desk.answer_look(execution(100))

    assert (desk.status(), desk.quantity()) == (OrderStatus.FILLED, 100)


def test_filled_without_executions_even_when_asked_is_not_known():
    desk = working()
    desk.say(status_of("Filled", filled=100, remaining=0))
    desk.wait(6)

    [report] = desk.answer_look()

    assert (report.status, report.reason, desk.reserved()) == (OrderStatus.UNKNOWN, "fills_missing", 100)
    assert desk.count("fills_missing") == 1
    assert kinds(desk.say(execution(100))) == [(ExecType.TRADE, OrderStatus.FILLED)]


def test_an_order_whose_size_the_broker_cut_ends_when_that_is_filled():
    desk = working(quantity=60)
    assert desk.count("terms_differ") == 1

    reports = desk.say(execution(60), status_of("Filled", filled=60, remaining=0))

    assert kinds(reports) == [(ExecType.TRADE, OrderStatus.PARTIALLY_FILLED), (ExecType.CANCELED, OrderStatus.CANCELED)]
    assert reports[1].reason == "nothing_left"


def test_states_that_were_overtaken_or_are_told_again_change_nothing():
    desk = working()
    desk.say(*[status_of("Submitted")] * 5, *[open_order(limit=100)] * 5)
    desk.say(execution(100))
    before = len(desk.reports)

    desk.say(status_of("Submitted"), status_of("PreSubmitted"), open_order(limit=100),
             status_of("Filled", filled=100, remaining=0), status_of("Submitted"), execution(100))

    assert len(desk.reports) == before
    assert desk.count("states_overtaken") == 4
    assert desk.count("executions_repeated") == 1


def test_an_order_that_ended_here_and_is_open_at_the_broker_disarms():
    desk = working()
    desk.say(execution(60, exec_id="a.b.c.01"), execution(100, exec_id="a.b.c.02"))
    assert desk.status() is OrderStatus.FILLED
    desk.say(status_of("Submitted", filled=60, remaining=40))
    desk.wait(0)
    assert desk.looks == 1

    desk.answer_look(open_order(limit=100), execution(100, exec_id="a.b.c.02"))

    assert desk.broker.disarmed_because == "1 orders that ended are open at the broker"
    assert desk.count("ended_but_open") == 1
    desk.wait(3)
    desk.answer_look(open_order(limit=100))
    assert desk.count("ended_but_open") == 1
    desk.say(status_of("Submitted", filled=60, remaining=40))
    desk.wait(3)
    desk.answer_look()
    assert desk.broker.disarmed_because == ""


def test_an_order_that_ends_while_a_look_goes_on_is_not_alive():
    desk = working()
    desk.say(status_of("Resting"))
    desk.wait(0)

    desk.answer_look(open_order(limit=100), execution(100), status_of("Filled", filled=100, remaining=0))

    assert (desk.status(), desk.broker.disarmed_because) == (OrderStatus.FILLED, "")


def test_a_state_that_nobody_documented_makes_us_look():
    desk = working()
    desk.say(status_of("Resting"))
    desk.wait(0)

    assert (desk.looks, desk.count("states_not_known"), desk.status()) == (1, 1, OrderStatus.NEW)
