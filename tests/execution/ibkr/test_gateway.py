"""The broker against the simulated Gateway, through the session's core, byte for byte but without sockets."""

from decimal import Decimal

import numpy as np
import pytest

from algotrade.domain import ExecType, OrderStatus, Side, TimeInForce
from algotrade.execution.ledger import execution_and_revision
from algotrade.gateway.trading import Presets
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Order
from tests.execution.ibkr.gateway import CLIENT, SECOND, Floor
from tests.gateway.trading.world import ACCOUNT, LISTINGS


def kinds(reports):
    return [(report.exec_type, report.status) for report in reports]


def test_a_market_order_is_acknowledged_filled_and_costed():
    floor = Floor()
    floor.quote(99.99, 100.01)
    order = floor.new(100)
    assert kinds(floor.send(order)) == [(ExecType.NEW, OrderStatus.NEW)]

    made = floor.quote(99.99, 100.01)

    assert kinds(made)[0] == (ExecType.TRADE, OrderStatus.FILLED)
    ledger = floor.manager.ledger
    assert (floor.position(), floor.held(), ledger.uncosted) == (100, 100, 0)
    assert ledger.position(0).commission > 0
    assert abs(made[0].event_time_ns - floor.clock.time_ns()) <= SECOND
    assert floor.manager.unmatched == 0


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_is_not_filled_at_once_ends(tif):
    floor = Floor()
    floor.quote(99.99, 100.01)
    order = floor.new(100, limit="99.50", tif=tif)
    floor.send(order)
    floor.quote(99.99, 100.01)
    floor.wait(5)

    assert floor.status(order) is OrderStatus.CANCELED
    assert floor.position() == floor.held() == 0


def test_a_limit_order_is_changed_partly_filled_and_cancelled():
    floor = Floor()
    floor.quote(99.99, 100.01)
    order = floor.new(100, limit="99.90")
    floor.send(order)

    changed = floor.send(floor.replace(order, quantity=150, limit="99.95"))
    assert kinds(changed) == [(ExecType.REPLACED, OrderStatus.NEW)]
    floor.quote(99.90, 99.94, size=40)
    assert (floor.status(order), floor.position()) == (OrderStatus.PARTIALLY_FILLED, floor.held())
    done = floor.send(floor.cancel(order))

    assert kinds(done) == [(ExecType.CANCELED, OrderStatus.CANCELED)]
    assert floor.position() == floor.held() == 40
    assert floor.gate._book["working_buy_lots"][0] == 0
    assert floor.manager.unmatched == 0


def test_a_bracket_closes_what_it_opened_with_one_of_two_exits():
    floor = Floor()
    floor.quote(99.99, 100.01)
    entry = floor.new(100)
    profit = floor.new(100, side=Side.SELL, limit="101", parent=entry.id, oca_group="exit")
    loss = floor.new(100, side=Side.SELL, stop="99", parent=entry.id, oca_group="exit")
    for intent in (entry, profit, loss):
        floor.send(intent)
    floor.quote(99.99, 100.01)
    assert (floor.status(entry), floor.position()) == (OrderStatus.FILLED, 100)

    floor.quote(101.50, 101.52)
    floor.quote(101.50, 101.52)
    floor.wait(3)

    assert (floor.status(profit), floor.status(loss)) == (OrderStatus.FILLED, OrderStatus.CANCELED)
    assert floor.position() == floor.held() == 0


def test_corrections_busts_liquidations_and_people_at_the_screen():
    floor = Floor()
    floor.quote(99.99, 100.01)
    order = floor.new(100)
    floor.send(order)
    floor.quote(99.99, 100.01)
    [exec_id] = [e.exec_id for e in floor.trading.state().executions]

    floor.wire.tell(floor.trading.correct(exec_id, floor.clock.time_ns(), quantity=Decimal(60), price=Decimal(100)))
    floor.pump()
    assert floor.position() == floor.held() == 60
    floor.wire.tell(floor.trading.bust(exec_id[:-2] + "02", floor.clock.time_ns()))
    floor.pump()
    assert floor.position() == floor.held() == 0
    assert floor.manager.ledger.position(0).commission == 0

    again = floor.new(100)
    floor.send(again)
    floor.quote(99.99, 100.01)
    contract = LISTINGS.by_instrument(0).contract
    floor.trading.liquidate(ACCOUNT, contract.con_id, Decimal(30), floor.clock.time_ns())
    manual = Order(action="BUY", total_quantity=Decimal(5), order_type="MKT", tif="DAY", account=ACCOUNT)
    floor.trading.manual_order(contract, manual, floor.clock.time_ns())
    floor.quote(99.99, 100.01)
    floor.disconnect()
    floor.connect()
    floor.wait(3)

    assert floor.held() == 75
    assert floor.position() == 100  # ours; the account's own truth stands beside it
    assert [p.quantity for p in floor.broker.account_positions if p.instrument == 0] == [75]
    assert (floor.count("liquidations"), floor.count("foreign_executions")) == (1, 1)


def test_fills_of_an_outage_are_caught_up_with():
    floor = Floor()
    floor.quote(99.99, 100.01)
    resting, market = floor.new(100, limit="99.90"), floor.new(50)
    floor.send(resting)
    floor.send(market)
    floor.disconnect()
    assert not floor.broker.may_send(floor.new(1))
    floor.quote(99.80, 99.82)
    assert (floor.position(), floor.held()) == (0, 150)

    floor.connect()

    assert floor.position() == floor.held() == 150
    assert (floor.status(resting), floor.status(market)) == (OrderStatus.FILLED, OrderStatus.FILLED)
    assert floor.manager.ledger.uncosted == 0
    assert floor.broker.disarmed_because == ""


def test_a_restart_finds_its_orders_and_their_fills():
    floor = Floor()
    floor.quote(99.99, 100.01)
    resting, market = floor.new(100, limit="99.90"), floor.new(50)
    floor.send(resting)
    floor.send(market)
    before = len(floor.reports)
    floor.restart()
    floor.pump()
    assert len(floor.reports) == before
    floor.quote(99.80, 99.82)

    assert floor.position() == floor.held() == 150
    floor.send(floor.new(1, limit="99"))
    assert [one.order_id for one in floor.arrived if isinstance(one, r.PlaceOrder)] == [1, 2, 3]


def test_an_order_that_vanishes_on_its_way_is_not_known_not_found_and_not_sent_again():
    floor = Floor()
    floor.quote(99.99, 100.01)
    floor.wire.drops = {r.PlaceOrder}
    order = floor.new(100)
    floor.send(order)
    floor.wire.drops = set()
    floor.wait(30)

    assert (floor.status(order), floor.count("orders_not_found"), floor.count("looks")) == (OrderStatus.UNKNOWN, 1, 2)
    assert floor.gate._book["working_buy_lots"][0] == 100
    assert not any(isinstance(one, r.PlaceOrder) for one in floor.arrived)


def test_an_order_whose_answers_vanish_is_found_by_looking():
    floor = Floor()
    floor.quote(99.99, 100.01)
    floor.wire.withholds = {a.OpenOrder, a.OrderStatus}
    order = floor.new(100, limit="99")
    floor.send(order)
    floor.wire.withholds = set()
    floor.wait(3)

    assert floor.status(order) is OrderStatus.NEW


def test_executions_that_vanish_are_asked_for():
    floor = Floor()
    floor.quote(99.99, 100.01)
    floor.wire.withholds = {a.ExecutionData, a.CommissionReport}
    order = floor.new(100)
    floor.send(order)
    floor.quote(99.99, 100.01)
    assert (floor.status(order), floor.held()) == (OrderStatus.NEW, 100)
    floor.wire.withholds = set()
    floor.wait(8)

    assert (floor.status(order), floor.position()) == (OrderStatus.FILLED, 100)


def test_an_order_that_the_broker_refuses_is_rejected_after_a_look():
    floor = Floor(presets=Presets(size=Decimal(500)))
    floor.quote(99.99, 100.01)
    order = floor.new(1_000, limit="99")
    floor.send(order)
    floor.wait(5)

    report = floor.reports[-1]
    assert (report.exec_type, floor.status(order)) == (ExecType.REJECTED, OrderStatus.REJECTED)
    assert report.reason.startswith("ib_383")
    assert floor.gate._book["working_buy_lots"][0] == 0


def test_a_gateway_that_restarts_and_rolls_its_ids_back_confuses_nothing():
    floor = Floor()
    floor.quote(99.99, 100.01)
    first = floor.new(100, limit="99.90")
    floor.send(first)
    floor.send(floor.cancel(first))
    floor.wire.disconnect()
    floor.trading.restarted(floor.clock.time_ns(), rolls_back_ids=True)
    floor.connect()
    second = floor.new(100, limit="99.80")
    floor.send(second)

    placed = [one.order_id for one in floor.arrived if isinstance(one, r.PlaceOrder)]
    assert placed == sorted(set(placed))
    assert (floor.status(first), floor.status(second)) == (OrderStatus.CANCELED, OrderStatus.NEW)
    assert floor.count("order_ids_rolled_back") == 1


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_our_book_is_the_gateways_in_the_end(seed):
    """Random orders, changes and cancels over a link that repeats, mixes, breaks and loses; then it is left in peace."""
    dice = np.random.default_rng(seed)
    floor = Floor()
    floor.wire.mixes = np.random.default_rng(seed + 1_000)
    price, sent = 100.0, []
    for _ in range(120):
        price = round(price + float(dice.choice([-0.05, 0.0, 0.05])), 2)
        act(floor, dice, price, sent)
        for instrument in range(3):
            floor.quote(round(price - 0.01, 2), round(price + 0.01, 2), float(dice.integers(1, 80)), instrument)
    if not floor.wire.is_connected:
        floor.connect()
    floor.wire.drops, floor.wire.withholds = set(), set()
    floor.disconnect()
    floor.connect()
    floor.wait(40)

    assert [floor.position(i) for i in range(3)] == [floor.held(i) for i in range(3)]
    working = working_refs(floor)
    for intent in sent:
        status = floor.status(intent)
        if str(intent.id) in working:
            assert status in {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}, (seed, intent.id, status)
        elif not status.is_terminal:
            assert status is OrderStatus.UNKNOWN, (seed, intent.id, status)
            assert str(intent.id) not in arrived(floor), "only what never arrived may stay unknown"
    placed = [one.order.order_ref for one in floor.arrived if isinstance(one, r.PlaceOrder)]
    assert len({(one.order_id) for one in floor.arrived if isinstance(one, r.PlaceOrder)}) == len(set(placed))
    assert floor.broker.disarmed_because == ""
    assert floor.count("splits") == floor.count("fills_missing") == 0


def act(floor, dice, price, sent):
    """Do one thing, or none."""
    if dice.random() < 0.5:
        floor.wire.drops = set()
    what = dice.random()
    mine = [intent for intent in sent if not floor.status(intent).is_terminal]
    if what < 0.30:
        side = Side.BUY if dice.random() < 0.5 else Side.SELL
        limit = None if dice.random() < 0.3 else str(round(price + float(dice.choice([-0.1, -0.02, 0.02, 0.1])), 2))
        intent = floor.new(int(dice.integers(1, 120)), side=side, limit=limit, instrument=int(dice.integers(3)))
        if floor.broker.may_send(intent):
            floor.send(intent)
            sent.append(intent)
    elif what < 0.45 and mine:
        request = floor.cancel(mine[int(dice.integers(len(mine)))])
        if floor.broker.may_send(request):
            floor.send(request)
    elif what < 0.60 and mine:
        target = mine[int(dice.integers(len(mine)))]
        request = floor.replace(target, quantity=int(dice.integers(1, 150)))
        if floor.broker.may_send(request):
            floor.send(request)
    elif what < 0.66 and floor.wire.is_connected:
        floor.disconnect()
    elif what < 0.78 and not floor.wire.is_connected:
        floor.connect()
    elif what < 0.82:
        floor.wire.drops = {r.PlaceOrder}
    elif what < 0.86:
        floor.wire.withholds = {a.OrderStatus} if not floor.wire.withholds else set()
    elif what < 0.88 and floor.wire.is_connected:
        floor.restart()
        floor.wire.mixes = np.random.default_rng(int(dice.integers(1 << 30)))
    elif what < 0.90:
        executions = {execution_and_revision(e.exec_id)[0]: e for e in floor.trading.state().executions}
        if executions:
            one = list(executions.values())[int(dice.integers(len(executions)))]
            floor.wire.tell(floor.trading.correct(one.exec_id, floor.clock.time_ns(), price=one.price,
                                                  quantity=Decimal(int(dice.integers(0, 100)))))
    elif what < 0.96:
        floor.wait(float(dice.integers(1, 15)))


def arrived(floor):
    return {one.order.order_ref for one in floor.arrived if isinstance(one, r.PlaceOrder)}


def working_refs(floor):
    told = floor.trading.handle(CLIENT, r.RequestAllOpenOrders(), floor.clock.time_ns())
    return {answer.order.order_ref for _, answer in told if isinstance(answer, a.OpenOrder)}
