"""What is told of orders late, twice, in another order or not at all; who asks is told the truth."""

from decimal import Decimal

import pytest

from algotrade.gateway.faults import FaultRefused
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.gateway.faults.world import (
    executions,
    limit_order,
    market_order,
    placed,
    seen,
    statuses,
    world,
)

EVIDENCE = a.OpenOrder | a.OrderStatus | a.ExecutionData | a.CommissionReport


@pytest.fixture
def one():
    with world() as found:
        one_second_before_a_fill = 1
        found.advance(one_second_before_a_fill)
        yield found


def answered(client):
    client.ask(r.RequestExecutions(req_id=9))
    client.until(lambda m: isinstance(m, a.ExecutionDataEnd))
    return [m for m in client.seen if isinstance(m, a.ExecutionData) and m.req_id == 9]


def order_of(client, order_id):
    """Return the kinds of evidence of an order, as they came."""
    return [type(m).__name__ for m in seen(client, EVIDENCE)
            if getattr(m, "order_id", order_id) == order_id]


def test_an_execution_is_told_before_its_order_as_often_as_was_asked(one):
    with one.client() as client:
        one.set_off("execution_first")
        placed(client, market_order(1))
        one.advance(2)
        first = order_of(client, 1)
        assert first.index("ExecutionData") < min(
            i for i, (kind, m) in enumerate(zip(first, seen(client, EVIDENCE), strict=True))
            if kind == "OrderStatus" and m.status == "Filled")
        client.seen.clear()
        placed(client, market_order(2))
        one.advance(2)
        told = [m for m in seen(client, EVIDENCE) if getattr(m, "order_id", 2) == 2]
        filled = next(i for i, m in enumerate(told) if isinstance(m, a.ExecutionData))
        assert isinstance(told[0], a.OpenOrder)
        assert filled > 0


def test_an_execution_is_told_again_with_the_same_id(one):
    with one.client() as client:
        one.set_off("duplicated_executions", copies=2)
        placed(client, market_order(1))
        one.advance(2)
        told = executions(client)
        assert len(told) == 3
        assert len(set(told)) == 1
        assert len(answered(client)) == 1
        placed(client, market_order(2))
        one.advance(2)
        assert len(executions(client)) == 4


def test_a_commission_comes_late_or_never(one):
    with one.client() as client:
        one.set_off("commission_late", seconds=30)
        placed(client, market_order(1))
        one.advance(10)
        assert (len(executions(client)), seen(client, a.CommissionReport)) == (1, [])
        one.advance(25)
        (late,) = seen(client, a.CommissionReport)
        assert late.exec_id == executions(client)[0][0]
        one.set_off("commission_never")
        placed(client, market_order(2))
        one.advance(120)
        assert (len(executions(client)), len(seen(client, a.CommissionReport))) == (2, 1)
        placed(client, market_order(3))
        one.advance(2)
        assert len(seen(client, a.CommissionReport)) == 2


def test_a_lost_status_is_told_to_who_asks(one):
    with one.client() as client:
        one.set_off("status_lost", times=10)
        client.ask(limit_order(1))
        assert statuses(client) == []
        client.ask(r.RequestOpenOrders())
        client.until(lambda m: isinstance(m, a.OpenOrderEnd))
        assert [m.state.status for m in client.seen if isinstance(m, a.OpenOrder)][-1] in {"PreSubmitted", "Submitted"}


def test_a_late_cancel_lets_an_order_fill_first(one):
    with one.client() as client:
        client.ask(limit_order(1, "180.02"))
        assert statuses(client)
        one.set_off("cancel_late", seconds=30)
        client.ask(r.CancelOrder(order_id=1))
        one.advance(60)
        assert (statuses(client)[-1], [s for _, s in executions(client)]) == ("Filled", [100])
        assert 202 not in [m.code for m in seen(client, a.ErrorMessage)]
        client.ask(limit_order(2), r.CancelOrder(order_id=2))
        assert statuses(client, 2)[-1] == "Cancelled"


def test_an_order_vanishes_without_a_word_and_the_next_one_does_not(one):
    with one.client() as client:
        one.set_off("order_lost")
        placed(client, market_order(1), market_order(2))
        one.advance(3)
        assert (statuses(client, 1), [m.order_id for m in answered(client)]) == ([], [2])


def test_a_change_makes_a_second_order_with_an_id_of_its_own(one):
    with one.client() as client:
        client.ask(limit_order(1, "100"))
        assert statuses(client)
        one.set_off("lives_twice")
        client.ask(limit_order(1, "101"))
        statuses(client)
        client.seen.clear()
        client.ask(r.RequestAllOpenOrders())
        client.until(lambda m: isinstance(m, a.OpenOrderEnd))
        both = [m for m in client.seen if isinstance(m, a.OpenOrder)]
        assert sorted((m.order_id, m.order.lmt_price) for m in both) == [(1, Decimal(100)), (1, Decimal(101))]
        assert len({m.order.perm_id for m in both}) == 2
        client.ask(limit_order(1, "102"))  # the fault is used up: this changes one of the two
        statuses(client)
        assert len({m.order.perm_id for m in client.seen if isinstance(m, a.OpenOrder)}) == 2


def test_the_last_execution_is_corrected_and_taken_back(one):
    with one.client() as client:
        with pytest.raises(FaultRefused, match="no execution"):
            one.set_off("corrected")
        placed(client, market_order(1))
        one.advance(2)
        answered(client)  # what is asked for is not the last that happened
        one.set_off("corrected", quantity="60", price="179.5")
        one.set_off("busted")
        (first, second, third) = executions(client)
        root = first[0].rpartition(".")[0]
        assert [first, second, third] == [(f"{root}.01", 100), (f"{root}.02", 60), (f"{root}.03", 0)]
        assert one.trading.held("DU1234567", seen(client, a.ExecutionData)[0].contract.con_id) == 0


def test_the_broker_closes_a_holding_and_somebody_trades_by_hand(one):
    with one.client() as client:
        one.set_off("manual_trade", symbol="IBM", action="BUY", quantity="300")
        one.advance(2)
        client.ask(r.RequestExecutions(req_id=9))
        client.until(lambda m: isinstance(m, a.ExecutionDataEnd))
        (by_hand,) = [m for m in client.seen if isinstance(m, a.ExecutionData)]
        assert (by_hand.execution.shares, by_hand.execution.client_id, by_hand.order_id) == (300, 0, 0)
        with pytest.raises(FaultRefused, match="up to 300"):
            one.set_off("liquidation", symbol="IBM", quantity="301")
        one.set_off("liquidation", symbol="IBM", quantity="100")
        one.advance(2)
        one.set_off("liquidation", symbol="IBM")
        one.advance(2)
        assert one.trading.held("DU1234567", by_hand.contract.con_id) == 0
        with pytest.raises(FaultRefused, match="allowed: IBM, "):
            one.set_off("manual_trade", symbol="NONE")


def test_a_limit_order_by_hand_works_until_it_fills(one):
    with one.client() as client:
        one.set_off("manual_trade", symbol="IBM", action="SELL", quantity="10", limit="500")
        client.ask(r.RequestAllOpenOrders())
        client.until(lambda m: isinstance(m, a.OpenOrderEnd))
        (found,) = [m for m in client.seen if isinstance(m, a.OpenOrder)]
        assert (found.order.lmt_price, found.order.client_id, found.order.action) == (500, 0, "SELL")
