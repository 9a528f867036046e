"""Intents that were replayed: none trades, each is answered, the same way as often as it comes."""

import msgspec

from algotrade.domain import ExecType, OrderStatus
from algotrade.execution.order_book import LATE_KEPT, REQUESTS_KEPT
from algotrade.execution.order_manager import REPLAYED_LATE, ManagerState
from tests.execution.world import World, cancel, intent_id, new, replace


def late(world, intent, now=50):
    handling = world.manager.on_late(intent, now)
    assert handling.command is None
    return list(handling.reports), handling.is_again


def restarted(world):
    """Put the manager through a snapshot."""
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(world.manager.state()), type=ManagerState)
    world.manager.restore(state)
    return world


def test_one_that_nobody_knows_expires_although_its_strategy_is_far_beyond_it():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(7, 5))
    assert world.manager.orders.seen(new(3, 5))

    (report,), again = late(world, new(3, 5))

    assert (report.exec_type, report.status, report.reason) == (ExecType.EXPIRED, OrderStatus.EXPIRED, REPLAYED_LATE)
    assert (report.intent_id, report.event_time_ns, report.last_quantity) == (intent_id(3), 50, 0)
    assert not again
    assert [order.intent.id for order in world.manager.orders.open_orders()] == [intent_id(7)]
    assert world.manager.refused == {REPLAYED_LATE: 1}
    assert late(restarted(world), new(3, 5), now=99) == ([report], True)


def test_one_whose_order_is_known_brings_its_last_report_again():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5))
    (filled,) = world.quote(9_999, 10_001)

    assert late(restarted(world), new(1, 5)) == ([filled], True)
    # Somebody has changed the letter: it is known by its id, and what it says no longer matters.
    assert late(world, new(1, 500)) == ([filled], True)


def test_requests_are_refused_unless_they_were_handled():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5, limit=9_000))
    replaced = world.intent(replace(2, 1, quantity=6))
    last = replaced[-1]

    assert late(restarted(world), replace(2, 1, quantity=6)) == ([last], True)
    (of_known,), _ = late(world, cancel(3, 1))
    (of_unknown,), _ = late(world, cancel(4, 9))

    assert (of_known.exec_type, of_known.status, of_known.reason, of_known.request_id) == (
        ExecType.CANCEL_REJECTED, OrderStatus.NEW, REPLAYED_LATE, intent_id(3))
    assert (of_unknown.exec_type, of_unknown.order_id, of_unknown.reason) == (
        ExecType.CANCEL_REJECTED, 0, REPLAYED_LATE)
    assert late(restarted(world), cancel(4, 9)) == ([of_unknown], True)
    assert len(world.manager.orders.open_orders()) == 1


def test_an_order_after_a_late_one_trades_as_ever():
    world = World()
    world.quote(9_999, 10_001)
    late(world, new(900, 5))
    world.intent(new(2, 5))

    (filled,) = world.quote(9_999, 10_001)
    assert (filled.exec_type, filled.intent_id) == (ExecType.TRADE, intent_id(2))


def test_what_is_remembered_is_bounded():
    world = World()
    for number in range(1, 2 * LATE_KEPT):
        late(world, cancel(number, 10**6))
        world.intent(cancel(10**5 + number, 10**6))

    state = restarted(world).manager.state().orders
    assert len(state.late) == LATE_KEPT
    assert len(state.handled_requests) == REQUESTS_KEPT
    assert late(world, cancel(2 * LATE_KEPT - 1, 10**6))[1]
