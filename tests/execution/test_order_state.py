import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import OrderStatus
from algotrade.domain.order import TERMINAL
from algotrade.execution.order_state import IMPOSSIBLE, MATRIX, TABLE, OrderEvent, follow

OURS = {OrderEvent.CANCEL_SENT, OrderEvent.REPLACE_SENT, OrderEvent.LOST}
EVIDENCE = set(OrderEvent) - OURS
FILLS = {OrderEvent.FILLED_PARTLY, OrderEvent.FILLED_WHOLLY}


def test_the_matrix_is_the_table():
    for status in OrderStatus:
        for event in OrderEvent:
            assert MATRIX[status, event] == TABLE[status].get(event, IMPOSSIBLE)


def test_a_fill_is_possible_in_every_state_and_moves_no_terminal_one():
    for status in OrderStatus:
        for event in FILLS:
            assert follow(status, event, 1) is not None
            if status.is_terminal:
                assert follow(status, event, 1) is status


def test_nothing_but_evidence_ends_an_order():
    for status in set(OrderStatus) - TERMINAL:
        for event in OURS:
            following = follow(status, event, 0)
            assert following is None or not following.is_terminal


def test_unknown_is_left_by_evidence_only():
    assert {e for e in OrderEvent if follow(OrderStatus.UNKNOWN, e, 0) not in {None, OrderStatus.UNKNOWN}} <= EVIDENCE


@pytest.mark.parametrize("status", [OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE])
def test_a_refused_request_leaves_the_order_working(status):
    assert follow(status, OrderEvent.REQUEST_REJECTED, 0) is OrderStatus.NEW
    assert follow(status, OrderEvent.REQUEST_REJECTED, 5) is OrderStatus.PARTIALLY_FILLED


@given(st.lists(st.sampled_from(OrderEvent), max_size=40))
def test_once_ended_an_order_stays_ended_unless_the_broker_shows_that_it_lives(events):
    status, filled = OrderStatus.PENDING_NEW, 0
    for event in events:
        filled += event in FILLS
        following = follow(status, event, filled)
        if following is not None:
            assert not status.is_terminal or following is status or event is OrderEvent.RESTATED
            assert following is not OrderStatus.PENDING_NEW or status is OrderStatus.PENDING_NEW
            status = following


def test_every_state_can_be_reached_and_every_open_one_left():
    reached, frontier = {OrderStatus.PENDING_NEW}, [OrderStatus.PENDING_NEW]
    while frontier:
        for following in TABLE[frontier.pop()].values():
            for status in {following, OrderStatus.PARTIALLY_FILLED if following is OrderStatus.NEW else following}:
                if status not in reached:
                    reached.add(status)
                    frontier.append(status)
    assert reached == set(OrderStatus)
    for status in set(OrderStatus) - TERMINAL:
        assert set(TABLE[status].values()) & TERMINAL
