"""The order manager where a broker's word crosses with a request, and where a number is exactly at its bound."""

from decimal import Decimal

import msgspec
import pytest

from algotrade.domain import ExecType, OrderStatus, Side
from algotrade.execution.broker import BrokerEvent
from algotrade.execution.order_book import ENDED_KEPT, TURNED_DOWN_KEPT
from algotrade.execution.order_manager import ManagerState
from tests.execution.world import World, cancel, intent_id, new, replace


def trade(number, quantity):
    return BrokerEvent(exec_type=ExecType.TRADE, order_id=1, event_time_ns=9, execution_id=f"x-{number}",
                       quantity=Decimal(quantity), price=Decimal(100), commission=Decimal(1))


def word(exec_type):
    return BrokerEvent(exec_type=exec_type, order_id=1, event_time_ns=9)


def working(side=Side.BUY):
    """Return a world in which order 1, for 10, works."""
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 10, side=side, limit=9_990 if side is Side.BUY else 10_010))
    return world


def reserved(world):
    """Return the lots that the gate reserves, and the orders that it counts."""
    book = world.gate._book
    return int(book["working_buy_lots"][0]), int(book["working_sell_lots"][0]), world.gate.state().working_orders


@pytest.mark.parametrize(("quantity", "meanwhile", "afterwards"), [(15, 15, 15), (4, 10, 4)])
def test_until_a_replace_is_answered_the_larger_of_both_sizes_is_reserved(quantity, meanwhile, afterwards):
    world = working()

    handling = world.manager.on_intent(replace(2, 1, quantity=quantity), 2)

    assert handling.command is not None
    assert reserved(world) == (meanwhile, 0, 1)
    world.manager.on_broker(word(ExecType.REPLACED))
    assert reserved(world) == (afterwards, 0, 1)


@pytest.mark.parametrize("end", [trade(1, 15), word(ExecType.CANCELED), word(ExecType.EXPIRED)])
@pytest.mark.parametrize("side", Side)
def test_an_order_that_ends_before_its_replace_is_answered_reserves_nothing(side, end):
    world = working(side)
    world.manager.on_intent(replace(2, 1, quantity=15), 2)

    [report] = world.manager.on_broker(end)

    assert report.status.is_terminal
    assert reserved(world) == (0, 0, 0)


def test_an_order_that_was_filled_beyond_its_quantity_is_filled():
    world = working()

    [report] = world.manager.on_broker(trade(1, 11))

    assert (report.status, report.cumulative_quantity, report.leaves_quantity) == (OrderStatus.FILLED, 11, 0)
    assert world.manager.ledger.position(0).quantity == 11
    assert reserved(world) == (0, 0, 0)


@pytest.mark.parametrize("request_of", [cancel, lambda s, t: replace(s, t, quantity=9)])
def test_a_request_that_arrives_when_it_expires_is_too_late(request_of):
    world = working()
    late, in_time = (msgspec.structs.replace(request_of(i, 1), expires_at_ns=i) for i in (5, 6))

    refused = world.manager.on_intent(late, 5)
    taken = world.manager.on_intent(in_time, 5)

    assert refused.command is None
    assert [(r.exec_type, r.reason) for r in refused.reports] == [(ExecType.CANCEL_REJECTED, "intent_expired")]
    assert taken.command is not None


def test_an_order_of_which_one_lot_was_filled_is_partially_filled_after_its_replace():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 10, limit=10_001))
    world.quote(9_999, 10_001, size=1)

    [replaced] = world.intent(replace(3, 1, limit=9_990))

    assert (replaced.exec_type, replaced.status) == (ExecType.REPLACED, OrderStatus.PARTIALLY_FILLED)
    assert (replaced.cumulative_quantity, replaced.leaves_quantity) == (1, 9)


def test_a_late_fill_answers_the_order_and_no_request_that_ended_with_it():
    world = working()
    world.manager.on_intent(cancel(2, 1), 2)

    [filled] = world.manager.on_broker(trade(1, 10))
    [late] = world.manager.on_broker(trade(2, 3))

    assert filled.status is OrderStatus.FILLED
    assert (late.reason, late.request_id) == ("late_fill", intent_id(1))


def test_orders_that_were_turned_down_push_out_none_that_went_to_the_broker():
    world = working()
    world.intent(cancel(2, 1))
    for i in range(3, 2 * TURNED_DOWN_KEPT):
        world.intent(msgspec.structs.replace(new(i, 1), expires_at_ns=i))

    [late] = world.manager.on_broker(trade(1, 4))

    assert (late.status, late.reason) == (OrderStatus.CANCELED, "late_fill")
    assert world.manager.ledger.position(0).quantity == 4
    assert len(world.manager.orders.state().orders) == 1 + TURNED_DOWN_KEPT
    restored = World().manager
    restored.restore(world.manager.state())
    assert restored.state() == world.manager.state()


def test_a_day_of_executions_told_twice_is_booked_once():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5_000, limit=9_990))
    executions = [trade(i, 1) for i in range(2_000)]

    booked = [len(world.manager.on_broker(event)) for event in executions * 2]

    assert booked == [1] * 2_000 + [0] * 2_000
    assert world.manager.ledger.position(0).quantity == 2_000


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "0", "-5"])
def test_a_replace_for_no_quantity_is_refused(quantity):
    world = working()
    refused = world.intent(msgspec.structs.replace(replace(2, 1), quantity=Decimal(quantity)))

    assert [(r.exec_type, r.reason) for r in refused] == [(ExecType.CANCEL_REJECTED, "quantity_not_positive")]
    assert world.manager.orders.get(1).quantity == 10


def restated(quantity):
    return BrokerEvent(exec_type=ExecType.RESTATED, order_id=1, event_time_ns=9, quantity=Decimal(quantity))


def test_an_order_of_which_more_may_fill_reserves_it_and_is_filled_by_no_less():
    world = working()

    [more] = world.manager.on_broker(restated(20))
    assert (more.status, more.quantity, more.leaves_quantity) == (OrderStatus.NEW, 20, 20)
    assert reserved(world) == (20, 0, 1)
    [part] = world.manager.on_broker(trade(1, 10))
    assert (part.status, part.reason, reserved(world)) == (OrderStatus.PARTIALLY_FILLED, "", (10, 0, 1))
    [less] = world.manager.on_broker(restated(10))

    assert (less.exec_type, less.status, reserved(world)) == (ExecType.RESTATED, OrderStatus.FILLED, (0, 0, 0))
    assert world.manager.overfills == world.manager.late_fills == 0


@pytest.mark.parametrize("end", [trade(1, 10), *map(word, (ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED))])
def test_an_order_that_ended_and_lives_is_open_again_and_kept(end):
    world = working()
    [ended] = world.manager.on_broker(end)
    filled = ended.cumulative_quantity
    assert world.manager.on_broker(restated(filled)) == []  # nothing of it may fill

    [back] = world.manager.on_broker(restated(filled + 7))

    assert back.status is (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW)
    assert reserved(world) == (7, 0, 1)
    for number in range(2, ENDED_KEPT + 5):
        world.manager.on_intent(new(number, 1, limit=9_990), number)
        world.manager.on_broker(BrokerEvent(exec_type=ExecType.CANCELED, order_id=number, event_time_ns=9))
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(world.manager.state()), type=ManagerState)
    world.manager.restore(state)
    [done] = world.manager.on_broker(trade(2, 7))
    assert (done.status, done.reason, reserved(world)) == (OrderStatus.FILLED, "", (0, 0, 0))
