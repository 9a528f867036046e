"""Positions that move by no execution that was told: asked about once, and never where ours explain them."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Side
from algotrade.execution.ibkr.unexplained import EXECUTION_NS_MAX, Unexplained
from tests.execution.ibkr.world import SECOND, Desk, execution, position

CONTRACT, OTHER = 1, 2


def watching(positions=()) -> Unexplained:
    unexplained = Unexplained([CONTRACT, OTHER], Counter())
    told(unexplained, dict(positions), 0)
    return unexplained


def told(unexplained, positions, now_ns) -> None:
    """Let a look tell these positions, and all executions."""
    for con_id, quantity in positions.items():
        unexplained.position(con_id, Decimal(quantity), now_ns)
    unexplained.listed()
    unexplained.all_told(now_ns)


trades = st.lists(st.tuples(st.sampled_from([CONTRACT, OTHER, 3]), st.integers(-9, 9).filter(bool), st.booleans(),
                            st.integers(0, EXECUTION_NS_MAX - 1)), max_size=20)


@given(trades, st.integers(-50, 50))
def test_what_executions_explain_is_never_asked_about(moves, held):
    """The position before its execution or behind it, within the time that either may take."""
    unexplained, now_ns = watching({CONTRACT: held}), 0
    positions = Counter({CONTRACT: held})
    for con_id, quantity, is_position_first, apart_ns in moves:
        positions[con_id] += quantity
        for is_position in (is_position_first, not is_position_first):
            if is_position:
                unexplained.position(con_id, Decimal(positions[con_id]), now_ns)
            else:
                unexplained.executed(con_id, Decimal(quantity))
            assert not unexplained.is_due(now_ns)
            now_ns += apart_ns
            assert not unexplained.is_due(now_ns)
        now_ns += 10 * SECOND
        assert not unexplained.is_due(now_ns)


@given(st.integers(-9, 9).filter(bool), st.integers(-9, 9))
def test_what_nothing_explains_is_asked_about_once_in_time(moved, held):
    unexplained = watching({CONTRACT: held})
    unexplained.position(CONTRACT, Decimal(held + moved), 0)

    assert not unexplained.is_due(EXECUTION_NS_MAX - 1)
    assert unexplained.is_due(EXECUTION_NS_MAX)
    assert not unexplained.is_due(2 * EXECUTION_NS_MAX)

    unexplained.executed(CONTRACT, Decimal(moved))
    told(unexplained, {CONTRACT: held + moved}, EXECUTION_NS_MAX)
    assert not unexplained.is_due(10 * EXECUTION_NS_MAX)
    assert unexplained._counts == {"positions_moved": 1}


def test_what_no_execution_ever_explains_is_said_and_then_taken_as_it_is():
    """A transfer, or an execution of before midnight."""
    unexplained = watching({CONTRACT: 5})
    unexplained.position(CONTRACT, Decimal(7), 0)
    assert unexplained.is_due(EXECUTION_NS_MAX)

    told(unexplained, {CONTRACT: 7}, EXECUTION_NS_MAX)

    assert unexplained._counts == {"positions_moved": 1, "positions_unexplained": 1}
    unexplained.position(CONTRACT, Decimal(7), EXECUTION_NS_MAX)
    assert not unexplained.is_due(10 * EXECUTION_NS_MAX)


def test_what_moves_while_it_is_asked_is_asked_about_again():
    """Between the positions and the executions of a look somebody trades, and its execution is not among them."""
    unexplained = watching({CONTRACT: 5})
    unexplained.position(CONTRACT, Decimal(5), 0)
    unexplained.listed()
    unexplained.position(CONTRACT, Decimal(3), 1)
    unexplained.all_told(2)

    assert unexplained.is_due(EXECUTION_NS_MAX + 2)
    assert "positions_unexplained" not in unexplained._counts


def test_before_all_was_told_nothing_is_compared():
    unexplained = Unexplained([CONTRACT], Counter())
    unexplained.position(CONTRACT, Decimal(7), 0)
    unexplained.executed(CONTRACT, Decimal(3))
    assert not unexplained.is_due(10 * EXECUTION_NS_MAX)
    assert not unexplained._counts.total()


@pytest.mark.parametrize("strange", [position(40, account="DU7"), position(40, instrument=1)])
def test_only_our_account_counts_and_each_contract_by_itself(strange):
    desk = Desk()
    looks = desk.looks
    desk.say(strange, execution(40, reference="", order_id=0, perm_id=5, client_id=0, instrument=1))
    desk.wait(10)
    assert desk.looks == looks


def test_a_person_who_trades_is_found_out_by_the_position_and_a_correction_too():
    desk = Desk()
    desk.say(position(40))
    desk.wait(4)
    manual = {"reference": "", "order_id": 0, "perm_id": 5, "client_id": 0}
    desk.answer_look(execution(40, exec_id="m.m.m.01", **manual), position(40))
    assert (desk.count("foreign_executions"), desk.count("positions_moved")) == (1, 1)

    desk.say(position(30))
    desk.wait(4)
    corrected = execution(30, exec_id="m.m.m.02", **manual)
    desk.answer_look(execution(40, exec_id="m.m.m.01", **manual), corrected, position(30))

    desk.wait(20)
    assert (desk.count("foreign_executions"), desk.count("positions_moved"), desk.looks) == (2, 2, 2)
    assert desk.count("positions_unexplained") == 0
    assert desk.broker.account_positions[0].quantity == 30 * Side.BUY
