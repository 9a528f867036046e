"""What the broker does unasked: corrections, busts, liquidations; and its own restart."""

from decimal import Decimal

import pytest

from algotrade.ibkr.wire.answers.account import PositionData
from algotrade.ibkr.wire.answers.orders import CommissionReport, ExecutionData
from algotrade.ibkr.wire.requests import RequestExecutions, RequestPositions
from tests.gateway.trading.world import ACCOUNT, DAY, FUT, MONDAY, World, contract, order


def bought(world, quantity=100, price=100, instrument=0):
    order_id = world.place(order("BUY" if quantity > 0 else "SELL", abs(quantity)), instrument)
    world.quote(price, price, instrument)
    return order_id, world.executions()[-1].execution.exec_id


def test_a_correction_replaces_its_execution_under_the_next_id():
    world = World()
    order_id, exec_id = bought(world)
    world.ask(RequestPositions())

    sent = world.take(world.trading.correct(exec_id, world.now_ns, quantity=Decimal(50), price=Decimal(101)))

    told = [a for a in sent if isinstance(a, ExecutionData)]
    assert [(e.execution.exec_id, e.execution.shares, e.execution.cum_qty, e.execution.avg_price) for e in told] == [
        (exec_id[:-2] + "02", 50, 50, 101)]
    assert [a.exec_id for a in sent if isinstance(a, CommissionReport)] == [exec_id[:-2] + "02"]
    assert [p.position for p in sent if isinstance(p, PositionData)] == [50]
    assert world.holding() == 50
    assert world.cash() == 1_000_000 - 50 * 101 - 1
    assert world.status(order_id).filled == 100, "the order itself is another matter"
    asked = world.ask(RequestExecutions(req_id=1))
    assert [a.execution.exec_id[-2:] for a in asked if isinstance(a, ExecutionData)] == ["01", "02"]


def test_a_correction_of_a_correction_and_of_what_is_not_there():
    world = World()
    _, exec_id = bought(world)
    world.trading.correct(exec_id, world.now_ns, quantity=Decimal(50), price=Decimal(100))
    with pytest.raises(KeyError, match="not one of today"):
        world.trading.correct(exec_id, world.now_ns, quantity=Decimal(60), price=Decimal(100))
    world.trading.correct(exec_id[:-2] + "02", world.now_ns, quantity=Decimal(60), price=Decimal(100))
    assert world.holding() == 60
    with pytest.raises(KeyError, match="not one of today"):
        world.trading.bust("a.b.c.01", world.now_ns)
    world.at(MONDAY + DAY)
    with pytest.raises(KeyError, match="not one of today"):
        world.trading.bust(exec_id[:-2] + "03", world.now_ns)


def test_a_corrected_price_changes_what_later_sales_realised():
    world = World()
    _, exec_id = bought(world, 100, 100)
    bought(world, -100, 110)
    assert world.trading.state().accounts[ACCOUNT].holdings[0].realized == 998
    world.trading.correct(exec_id, world.now_ns, quantity=Decimal(100), price=Decimal(105))
    assert world.trading.state().accounts[ACCOUNT].holdings[0].realized == 498
    assert world.cash() == 1_000_000 + 498


@pytest.mark.parametrize("instrument", [0, FUT])
def test_a_bust_leaves_no_trace_in_the_account(instrument):
    world = World()
    _, exec_id = bought(world, 10, 100, instrument)
    world.take(world.trading.bust(exec_id, world.now_ns))
    assert world.holding(instrument) == 0
    assert world.cash() == 1_000_000


def test_a_liquidation_comes_from_nobody_and_fills_at_the_market():
    world = World(clients=(0, 1))
    bought(world, 100, 100)
    world.ask(RequestPositions(), 1)
    world.take(world.trading.liquidate(ACCOUNT, contract(0).con_id, Decimal(40), world.now_ns))
    assert world.holding() == 100
    world.quote(98, 98.1)

    executed = world.executions(0)[-1]
    assert (executed.order_id, executed.execution.client_id, executed.execution.order_ref) == (0, 0, "")
    assert (executed.execution.liquidation, executed.execution.side, executed.execution.price) == (1, "SLD", 98)
    assert world.of(PositionData, 1)[-1].position == 60
    with pytest.raises(ValueError, match="up to 60"):
        world.trading.liquidate(ACCOUNT, contract(0).con_id, Decimal(61), world.now_ns)
    with pytest.raises(ValueError, match="up to 0"):
        world.trading.liquidate(ACCOUNT, 1, Decimal(1), world.now_ns)


def test_after_a_restart_orders_work_on_and_what_was_held_is_gone():
    world = World()
    works = world.place(order(order_type="LMT", limit=90))
    held = world.place(order(order_type="LMT", limit=90, transmit=False))
    world.take(world.trading.restarted(world.now_ns, rolls_back_ids=True))
    world.connect(1)
    world.quote(89, 89.5)
    assert world.fills(works) == [(100, 89.5)]
    assert world.live(held) is None


def test_a_change_that_became_a_second_order_leaves_two_live_under_one_id():
    world = World()
    order_id = world.place(order(order_type="LMT", limit=90))
    first = world.status(order_id).perm_id
    world.take(world.trading.incarnate(1, order_id, order(order_type="LMT", limit=91, tif="DAY"), world.now_ns))
    assert world.status(order_id).perm_id > first
    world.quote(89, 89.5)
    assert world.fills(order_id) == [(100, 89.5)] * 2
    assert len({e.execution.perm_id for e in world.executions()}) == 2
    with pytest.raises(ValueError, match="is not open"):
        world.trading.incarnate(1, order_id, order(), world.now_ns)


def test_an_order_that_was_lost_is_nowhere():
    world = World()
    order_id = world.place(order(order_type="LMT", limit=90))
    before = list(world.sent)
    world.trading.lose(1, order_id)
    world.quote(89, 89.5)
    world.at(MONDAY + DAY)
    assert world.sent == before
    world.cancel(order_id)
    assert world.errors() == [(order_id, 10147)]
    with pytest.raises(ValueError, match="is not open"):
        world.trading.lose(1, order_id)


def test_what_a_corrected_sale_realised_is_told_anew():
    world = World()
    bought(world, 100, 100)
    _, exec_id = bought(world, -100, 110)
    assert world.commissions()[-1].realized_pnl == 998
    world.take(world.trading.correct(exec_id, world.now_ns, quantity=Decimal(50), price=Decimal(110)))
    assert world.commissions()[-1].realized_pnl == 500 - 1 - Decimal("0.5")
