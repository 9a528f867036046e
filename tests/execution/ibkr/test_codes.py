"""Errors are hints: whatever the broker's code, and whatever state the order is in, none of them ends it."""

import ibapi.errors
import pytest

from algotrade.domain import OrderStatus
from algotrade.execution.ibkr.codes import (
    CANCELED,
    DATA,
    DOCUMENTED,
    LINK,
    NOT_CANCELED,
    NOT_CHANGED,
    NOTE,
    REFUSED,
    UNSURE,
    Doing,
    Hint,
    hint_of,
)
from algotrade.ibkr import session as s
from tests.execution.ibkr.world import Desk, cancel, error, execution, new, open_order, replace, status_of

NOT_KNOWN = [code for code in range(17, 12_000, 229) if code not in DOCUMENTED][:50]
HUNDREDS = (*range(100, 600), 1_100, 1_101, 1_102, 1_300, *range(2_100, 2_200), *range(10_000, 10_400))
"""Wherever the broker's pages of codes have any: every number, so that one added tomorrow is in it, too."""
CODES = sorted({*DOCUMENTED, *NOT_KNOWN, *HUNDREDS})


def pending_new(desk):
    desk.intent(new(1, limit=100))


def working(desk):
    pending_new(desk)
    desk.say(status_of("Submitted"))


def partly_filled(desk):
    working(desk)
    desk.say(execution(40))


def pending_cancel(desk):
    working(desk)
    desk.intent(cancel(2, 1))


def pending_replace(desk):
    working(desk)
    desk.intent(replace(2, 1, limit=99))


def unknown(desk):
    working(desk)
    desk.say(status_of("Inactive"))


def filled(desk):
    working(desk)
    desk.say(execution(100))


def canceled(desk):
    pending_cancel(desk)
    desk.say(status_of("Cancelled"))


STATES = {
    OrderStatus.PENDING_NEW: pending_new, OrderStatus.NEW: working, OrderStatus.PARTIALLY_FILLED: partly_filled,
    OrderStatus.PENDING_CANCEL: pending_cancel, OrderStatus.PENDING_REPLACE: pending_replace,
    OrderStatus.UNKNOWN: unknown, OrderStatus.FILLED: filled, OrderStatus.CANCELED: canceled,
}


def test_there_are_fifty_codes_that_nobody_documented_and_the_whole_table():
    assert (len(NOT_KNOWN), len(DOCUMENTED) >= 150) == (50, True)
    assert set(HUNDREDS) >= DOCUMENTED
    own_client = {pair.code() for pair in vars(ibapi.errors).values() if isinstance(pair, ibapi.errors.CodeMsgPair)}
    assert set(HUNDREDS) >= own_client >= {502, 504, 509}


@pytest.mark.parametrize("status", STATES, ids=lambda status: status.name)
def test_no_code_ends_an_order_by_itself(status):
    for code in CODES:
        desk = Desk()
        STATES[status](desk)
        assert desk.status() is status
        executed = desk.quantity()
        desk.say(error(code), error(code))
        desk.wait(1)
        desk.wait(100)  # silence, however long, is no evidence either

        after = desk.order()
        assert after.status is status if status.is_terminal else not after.status.is_terminal, code
        assert desk.quantity() == executed
        assert desk.reserved() == (0 if status.is_terminal else 100 - executed), code


@pytest.mark.parametrize("status", [status for status in STATES if not status.is_terminal], ids=lambda s: s.name)
def test_an_order_that_a_look_finds_open_after_any_code_works_on(status):
    for code in CODES:
        desk = Desk()
        STATES[status](desk)
        desk.say(error(code))
        desk.wait(3)
        desk.connect(open_order(limit=100))

        assert not desk.status().is_terminal, code
        assert desk.broker.samples()["algotrade_ibkr_orders_unknown"] == 0
        assert desk.reserved() == desk.order().leaves_quantity or desk.manager.orders.requests(1)


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_a_refused_order_is_rejected_once_a_look_does_not_find_it(code):
    desk = Desk()
    pending_new(desk)
    assert desk.say(error(code, message="no")) == []
    desk.wait(2)
    assert desk.looks == 1

    [report] = desk.answer_look()

    assert (report.status, report.reason) == (OrderStatus.REJECTED, f"ib_{code}: no")
    assert desk.reserved() == 0


@pytest.mark.parametrize("code", sorted(REFUSED - DATA))
def test_a_refusal_of_an_order_that_the_broker_works_is_not_believed(code):
    desk = Desk()
    working(desk)
    desk.say(error(code))
    desk.wait(3)
    desk.answer_look()
    desk.wait(11)
    desk.answer_look()

    assert not desk.status().is_terminal
    assert desk.reserved() == 100


@pytest.mark.parametrize("code", sorted(NOT_CHANGED))
def test_a_refused_change_leaves_the_original_alive(code):
    desk = Desk()
    pending_replace(desk)

    [report] = desk.say(error(code, message="no"))

    assert (report.exec_type.name, report.status) == ("CANCEL_REJECTED", OrderStatus.NEW)
    assert report.reason == f"ib_{code}: no"
    desk.wait(2)
    assert desk.looks == 1


@pytest.mark.parametrize("code", sorted(NOT_CANCELED))
def test_a_refused_cancel_is_settled_by_a_look(code):
    desk = Desk()
    pending_cancel(desk)
    assert desk.say(error(code)) == []
    desk.wait(0)

    [report] = desk.answer_look(open_order(limit=100))

    assert (report.exec_type.name, report.status) == ("CANCEL_REJECTED", OrderStatus.NEW)


@pytest.mark.parametrize("code", sorted(NOT_CANCELED))
def test_a_cancel_that_came_too_late_is_settled_by_executions(code):
    desk = Desk()
    pending_cancel(desk)
    desk.say(error(code))
    desk.wait(0)

    [report] = desk.answer_look(execution(100))

    assert (report.exec_type.name, report.status) == ("TRADE", OrderStatus.FILLED)


def test_an_accepted_cancel_waits_for_the_state_and_is_asked_for_where_that_does_not_come():
    desk = Desk()
    pending_cancel(desk)

    assert desk.say(error(202, message="Order Canceled - reason:")) == []
    assert desk.status() is OrderStatus.PENDING_CANCEL
    desk.wait(1)
    assert desk.looks == 0
    desk.wait(2)
    assert desk.looks == 1
    reports = desk.answer_look()
    assert [r.status for r in reports] == [OrderStatus.UNKNOWN]


@pytest.mark.parametrize(("code", "doing", "hint"), [
    (201, Doing.PLACING, Hint.REFUSED), (201, Doing.MODIFYING, Hint.NOT_CHANGED), (201, Doing.WORKING, Hint.UNSURE),
    (110, Doing.PLACING, Hint.REFUSED), (104, Doing.PLACING, Hint.UNSURE), (202, Doing.PLACING, Hint.CANCELED),
    (10147, Doing.CANCELING, Hint.NOT_CANCELED), (200, Doing.WORKING, Hint.DATA), (200, Doing.PLACING, Hint.REFUSED),
    (399, Doing.PLACING, Hint.NOTE), (2150, Doing.WORKING, Hint.NOTE), (2102, Doing.MODIFYING, Hint.NOT_CHANGED),
    (10999, Doing.WORKING, Hint.NOTE), (777, Doing.WORKING, Hint.UNSURE), (10328, Doing.WORKING, Hint.UNSURE),
    (1100, Doing.PLACING, Hint.LINK), (2104, Doing.WORKING, Hint.LINK), (101, Doing.PLACING, Hint.DATA),
])
def test_what_a_code_means_depends_on_what_was_under_way(code, doing, hint):
    assert hint_of(code, doing) is hint


def test_the_rows_of_the_table_overlap_only_where_what_was_under_way_tells_them_apart():
    alone = [LINK, NOTE, CANCELED, NOT_CANCELED, UNSURE]
    for row in alone:
        for other in (LINK, NOTE, CANCELED, NOT_CANCELED, UNSURE, REFUSED, NOT_CHANGED, DATA):
            assert row is other or not row & other


def test_a_code_on_an_id_of_an_earlier_connection_is_about_nothing_of_ours():
    desk = Desk()
    working(desk)
    desk.disconnect()
    desk.connect(open_order(limit=100, order_id=9))

    desk.say(error(10328, req_id=1))

    assert desk.status() is OrderStatus.NEW
    desk.say(error(10328, req_id=9))
    assert desk.status() is OrderStatus.UNKNOWN
    assert desk.link(s.Channel.FARM, s.FarmState.BROKEN, code=2103) == []
