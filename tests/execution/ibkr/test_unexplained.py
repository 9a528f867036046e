"""Positions that move by no execution that was told: asked about once, and never where ours explain them."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Side
from algotrade.execution.ibkr import executions, orders
from algotrade.execution.ibkr.unexplained import EXECUTION_NS_MAX, LOOKS_MAX, Unexplained
from algotrade.ibkr import session as s
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.execution.ibkr.test_scenarios import liquidated
from tests.execution.ibkr.world import SECOND, Desk, execution, new, open_order, position, status_of, working

CONTRACT, OTHER = 1, 2
MANUAL = {"reference": "", "order_id": 0, "perm_id": 5, "client_id": 0}


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
    for number, (con_id, quantity, is_position_first, apart_ns) in enumerate(moves):
        positions[con_id] += quantity
        for is_position in (is_position_first, not is_position_first):
            if is_position:
                unexplained.position(con_id, Decimal(positions[con_id]), now_ns)
            else:
                unexplained.executed(con_id, f"{number}.01", Decimal(quantity), now_ns)
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

    unexplained.executed(CONTRACT, "e.01", Decimal(moved), EXECUTION_NS_MAX)
    told(unexplained, {CONTRACT: held + moved}, EXECUTION_NS_MAX)
    assert not unexplained.is_due(10 * EXECUTION_NS_MAX)
    assert unexplained._counts == {"positions_moved": 1}


def test_what_no_execution_ever_explains_is_said_and_then_taken_as_it_is():
    """A transfer, or an execution of before midnight."""
    unexplained = watching({CONTRACT: 5})
    unexplained.position(CONTRACT, Decimal(7), 0)
    assert unexplained.is_due(EXECUTION_NS_MAX)

    told(unexplained, {CONTRACT: 7}, EXECUTION_NS_MAX)
    assert unexplained._counts == {"positions_moved": 1}
    assert unexplained.is_due(2 * EXECUTION_NS_MAX)
    told(unexplained, {CONTRACT: 7}, 2 * EXECUTION_NS_MAX)

    assert unexplained._counts == {"positions_moved": 2, "positions_unexplained": 1}
    unexplained.position(CONTRACT, Decimal(7), 2 * EXECUTION_NS_MAX)
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
    unexplained.executed(CONTRACT, "e.01", Decimal(3), 0)
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
    desk.answer_look(execution(40, exec_id="m.m.m.01", **MANUAL), position(40))
    assert (desk.count("foreign_executions"), desk.count("positions_moved")) == (1, 1)

    desk.say(position(30))
    desk.wait(4)
    corrected = execution(30, exec_id="m.m.m.02", **MANUAL)
    desk.answer_look(execution(40, exec_id="m.m.m.01", **MANUAL), corrected, position(30))

    desk.wait(20)
    assert (desk.count("foreign_executions"), desk.count("positions_moved"), desk.looks) == (2, 2, 2)
    assert desk.count("positions_unexplained") == 0
    assert desk.broker.account_positions[0].quantity == 30 * Side.BUY


def look(desk) -> None:
    """Make the broker look now, for no reason."""
    desk.broker._looks.is_wanted = True
    desk.wait(3)
    assert desk.broker._looks.is_running


def settle(desk, *answers) -> int:
    """Answer every look of the next half minute; return how many there were."""
    looks = desk.looks
    for _ in range(30):
        desk.wait(1)
        if desk.broker._looks.is_running:
            desk.answer_look(*answers)
    return desk.looks - looks


@pytest.mark.parametrize("lag_s", [-2.3, -0.7, 0.0, 0.7, 2.3])
@pytest.mark.parametrize("every_s", [0.5, 1.9])
def test_our_order_that_fills_in_many_parts_is_no_reason_to_ask(every_s, lag_s):
    """Positions always ahead of the executions, or behind them."""
    desk, held, executed, now_s = working(), 0, [], 0.0
    kinds = (0, False), (lag_s, True)
    moments = [(3 + i * every_s + late_s, is_position) for i in range(60) for late_s, is_position in kinds]
    for at_s, is_position in sorted(moments):
        desk.wait(at_s - now_s)
        now_s, held = at_s, held + is_position
        if is_position:
            desk.say(position(held))
        else:
            executed.append(execution(1, exec_id=f"e.{len(executed)}.01"))
            desk.say(executed[-1])
    assert settle(desk) == desk.looks == 0


def test_a_liquidation_amid_our_own_fills_is_found():
    desk, held, executed = working(), 0, []
    for i in range(20):
        executed.append(execution(1, exec_id=f"e.{i}.01"))
        desk.say(executed[-1])
        desk.wait(0.3)
        held += 1 - (i == 12)
        desk.say(position(held))
        desk.wait(0.3)
    settle(desk, *executed, liquidated(1), open_order(limit=100), position(held))
    assert (desk.count("liquidations"), desk.count("positions_unexplained"), desk.looks) == (1, 0, 1)


def test_a_fill_of_ours_during_a_look_is_no_alarm():
    """Completed orders are told last, and by then more has filled than the positions of the look say."""
    desk = working()
    look(desk)
    req_id = next(one.req_id for one in desk.session.asked if isinstance(one, r.RequestExecutions))
    desk.say(open_order(limit=100), a.OpenOrderEnd(), a.PositionEnd(), a.ExecutionDataEnd(req_id=req_id))
    desk.say(execution(40), position(40))
    desk.say(a.CompletedOrdersEnd())
    assert (settle(desk), desk.count("positions_unexplained")) == (0, 0)


def test_a_fill_of_ours_whose_position_comes_after_a_look_is_no_alarm():
    desk = working()
    look(desk)
    desk.answer_look(open_order(limit=100), execution(40))
    desk.say(position(40))
    assert (settle(desk), desk.count("positions_unexplained")) == (0, 0)


def test_a_reminder_ends_with_what_it_was_for():
    desk = working()
    desk.say(position(10))
    desk.wait(0.5)
    desk.say(execution(10, exec_id="e.1.01"))
    desk.wait(2.4)
    desk.say(position(20))
    desk.wait(0.2)
    desk.say(execution(10, exec_id="e.2.01"))
    assert settle(desk) == desk.looks == 0


def test_a_liquidation_between_executions_and_positions_of_a_snapshot_is_asked_about():
    desk = Desk()
    desk.disconnect()
    desk.connect(execution(100, **MANUAL), position(100), a.PositionEnd())
    desk.disconnect()
    desk.link(s.Channel.SOCKET, s.SocketState.CONNECTED)
    desk.snapshot(execution(100, **MANUAL), a.ExecutionDataEnd(req_id=1), position(60), a.PositionEnd())
    assert settle(desk, execution(100, **MANUAL), liquidated(40), position(60)) == 1
    assert (desk.count("liquidations"), desk.count("positions_unexplained")) == (1, 0)


def test_a_position_that_was_closed_in_an_outage_need_not_be_told():
    desk = Desk()
    desk.disconnect()
    desk.connect(execution(100, **MANUAL), position(100), a.PositionEnd())
    desk.disconnect()
    desk.connect(execution(100, **MANUAL), liquidated(100), a.PositionEnd())
    assert settle(desk) == 0
    desk.say(execution(50, exec_id="n.n.n.01", **MANUAL), position(50))
    assert (settle(desk), desk.count("positions_unexplained")) == (0, 0)


def test_executions_of_orders_that_were_forgotten_are_not_those_of_others(monkeypatch):
    monkeypatch.setattr(orders, "ENDED_KEPT", 4)
    desk, executed = Desk(), []
    for i in range(1, 9):
        desk.intent(new(i, limit=100))
        ids = {"order_id": i, "perm_id": 1000 + i}
        executed.append(execution(exec_id=f"e.{i}.01", reference=f"s.r.{i}.0", **ids))
        desk.say(executed[-1], status_of("Filled", filled=100, remaining=0, **ids), position(100 * i))
    look(desk)
    desk.answer_look(*executed, position(800))
    assert settle(desk) == 0
    assert (desk.count("foreign_executions"), desk.count("positions_unexplained")) == (0, 0)


def test_a_liquidation_whose_number_of_correction_is_0_is_told():
    desk = Desk()
    assert [one.quantity for one in desk.say(liquidated(40, exec_id="l.l.l.00"))] == [40]


def test_a_day_of_many_executions_of_others_is_counted_once():
    many = [execution(1, exec_id=f"m.{i}.01", **MANUAL) for i in range(5_000)]
    desk = Desk()
    desk.disconnect()
    desk.connect(*many, position(5_000), a.PositionEnd())
    look(desk)
    desk.answer_look(*many, position(5_000))
    assert (settle(desk), desk.count("foreign_executions")) == (0, 5_000)


def test_executions_that_are_told_again_once_more_are_kept_of_our_order_move_no_position(monkeypatch):
    monkeypatch.setattr(executions, "EXECUTIONS_KEPT", 4)
    desk = working()
    executed = [execution(1, exec_id=f"e.{i}.01") for i in range(8)]
    for i, one in enumerate(executed):
        desk.say(one, position(i + 1))
    look(desk)
    desk.answer_look(*executed, open_order(limit=100), position(8))
    assert (settle(desk), desk.count("positions_unexplained")) == (0, 0)


def test_a_transfer_amid_trading_is_not_asked_about_for_ever():
    unexplained, now_ns, looks = watching({CONTRACT: 100}), 0, 0
    for i in range(1, 20):
        now_ns += EXECUTION_NS_MAX
        unexplained.executed(CONTRACT, f"e.{i}.01", Decimal(1), now_ns)
        unexplained.position(CONTRACT, Decimal(60 + i), now_ns)
        if unexplained.is_due(now_ns):
            looks += 1
            told(unexplained, {CONTRACT: 60 + i}, now_ns)
    assert looks == LOOKS_MAX + 1
    assert unexplained._counts["positions_unexplained"] == 1
