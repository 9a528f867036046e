"""The broker against the simulated Gateway, through the session's core, byte for byte but without sockets."""

from decimal import Decimal

import pytest

from algotrade.domain import ExecType, Liquidation, OrderStatus, Side, TimeInForce
from algotrade.gateway.trading import Presets
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Order
from tests.execution.ibkr.gateway import SECOND, Floor
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


def test_a_liquidation_is_told_to_strategies_within_seconds():
    """A client is not told of executions that are not its own: the position moves, and so it asks."""
    floor = Floor()
    floor.quote(99.99, 100.01)
    floor.send(floor.new(100))
    floor.quote(99.99, 100.01)
    floor.wire.tell(floor.trading.liquidate(
        ACCOUNT, LISTINGS.by_instrument(0).contract.con_id, Decimal(30), floor.clock.time_ns()))
    before = floor.reports.copy()
    floor.quote(99.99, 100.01)

    floor.wait(6)

    [told] = floor.reports[len(before):]
    assert isinstance(told, Liquidation)
    assert (told.side, told.quantity) == (Side.SELL, 30)
    assert (floor.held(), floor.position()) == (70, 100)
    floor.wait(60)
    assert (floor.count("positions_moved"), floor.count("positions_unexplained"), floor.count("looks")) == (1, 0, 1)


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
    floor.restart()
    floor.wait(3)
    told = [(r.instrument, r.side, r.quantity) for r in floor.reports if isinstance(r, Liquidation)]
    assert told == [(0, Side.SELL, 30)]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_change_that_makes_a_second_order_is_reserved_twice_and_filled_twice(is_restarted):
    floor = Floor()
    floor.quote(99.99, 100.01)
    order = floor.new(100, limit="99.90")
    floor.send(order)
    floor.wire.doubles = 1
    floor.send(floor.replace(order, limit="99.80"))
    assert floor.reserved(Side.BUY) == floor.works(Side.BUY) == 200
    assert not floor.broker.may_send(floor.new(1))

    floor.quote(99.84, 99.85)
    if is_restarted:
        floor.restart()
    assert (floor.status(order), floor.position()) == (OrderStatus.PARTIALLY_FILLED, 100)
    assert floor.reserved(Side.BUY) == floor.works(Side.BUY) == 100
    floor.quote(99.70, 99.75)
    floor.wait(3)

    assert (floor.status(order), floor.position()) == (OrderStatus.FILLED, floor.held())
    assert (floor.held(), floor.reserved(Side.BUY), floor.gate.working_orders) == (200, 0, 0)
    assert floor.broker.disarmed_because == ""
    assert floor.manager.overfills == floor.manager.late_fills == floor.manager.unmatched == 0


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
