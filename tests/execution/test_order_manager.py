"""The order manager with the simulated broker: lives of orders by example, and invariants over random ones."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import ExecType, Fill, OrderStatus, Side, TimeInForce, fold
from algotrade.execution.broker import BrokerEvent
from algotrade.execution.order_book import ENDED_KEPT
from algotrade.execution.order_manager import ManagerState
from algotrade.execution.simulated import BrokerState
from algotrade.risk import Limits
from tests.execution.world import LIMITS, World, cancel, intent_id, new, replace


def kinds(reports):
    return [(r.exec_type, r.status) for r in reports]


def test_a_market_order_is_accepted_and_filled_by_the_next_quote():
    world = World()
    world.quote(9_999, 10_001)

    assert kinds(world.intent(new(1, 5))) == [(ExecType.NEW, OrderStatus.NEW)]
    filled = world.quote(9_998, 10_002)

    assert kinds(filled) == [(ExecType.TRADE, OrderStatus.FILLED)]
    assert (filled[0].last_price, filled[0].cumulative_quantity, filled[0].leaves_quantity) == (Decimal("100.02"), 5, 0)
    assert filled[0].execution_id == "s.r.1.0-1"
    assert world.manager.ledger.position(0).quantity == 5
    assert world.manager.orders.open_orders() == []


def test_a_partly_filled_order_is_canceled_for_the_rest():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 50, limit=10_001))
    assert kinds(world.quote(9_999, 10_001, size=20)) == [(ExecType.TRADE, OrderStatus.PARTIALLY_FILLED)]

    canceled = world.intent(cancel(3, 1))

    assert kinds(canceled) == [(ExecType.CANCELED, OrderStatus.CANCELED)]
    assert (canceled[0].request_id, canceled[0].cumulative_quantity) == (intent_id(3), 20)
    assert kinds(world.quote(9_000, 9_001)) == []


def test_a_replaced_order_keeps_what_was_filled_and_trades_at_its_new_price():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 50, limit=10_001))
    world.quote(9_999, 10_001, size=20)

    replaced = world.intent(replace(3, 1, quantity=60, limit=10_010))

    assert kinds(replaced) == [(ExecType.REPLACED, OrderStatus.PARTIALLY_FILLED)]
    assert (replaced[0].quantity, replaced[0].leaves_quantity, replaced[0].limit_price) == (60, 40, Decimal("100.10"))
    assert world.quote(10_004, 10_005)[0].status is OrderStatus.FILLED


@pytest.mark.parametrize("request_of", [cancel, lambda s, t: replace(s, t, quantity=9)])
def test_a_request_for_an_order_that_ended_or_never_was_is_refused_with_its_reason(request_of):
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5))
    world.quote(9_999, 10_001)

    ended = world.intent(request_of(3, 1))
    unknown = world.intent(request_of(4, 2))

    assert [(r.exec_type, r.reason) for r in ended + unknown] == [
        (ExecType.CANCEL_REJECTED, "order_is_filled"), (ExecType.CANCEL_REJECTED, "order_unknown")]
    assert unknown[0].side is None


def test_a_replace_that_the_gate_refuses_leaves_the_order_as_it_was():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 50, limit=9_990))

    refused = world.intent(replace(2, 1, quantity=10_000_000))

    assert (refused[0].exec_type, refused[0].reason) == (ExecType.CANCEL_REJECTED, "order_quantity_max")
    assert kinds(world.quote(9_980, 9_985)) == [(ExecType.TRADE, OrderStatus.FILLED)]


def test_an_expired_intent_is_reported_and_never_sent():
    world = World()
    world.quote(9_999, 10_001)

    reports = world.intent(new(5, 5, expires_at_ns=5))

    assert [(r.exec_type, r.reason) for r in reports] == [(ExecType.EXPIRED, "intent_expired")]
    assert world.broker.working_orders == 0


def test_an_order_without_a_reference_price_is_rejected():
    assert World().intent(new(1, 5))[0].reason == "reference_missing"


def test_a_duplicate_intent_has_no_effect_but_its_last_report_again():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5))
    filled = world.quote(9_999, 10_001)

    assert world.intent(new(1, 5)) == filled
    assert world.broker.working_orders == 0
    assert world.manager.ledger.position(0).quantity == 5


def test_an_intent_that_comes_back_changed_is_a_bug():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5))
    with pytest.raises(AssertionError, match="came back changed"):
        world.intent(new(1, 6))


def test_an_execution_is_booked_once_and_also_after_the_order_ended():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5, limit=9_000))
    world.intent(cancel(2, 1))
    late = BrokerEvent(exec_type=ExecType.TRADE, order_id=1, event_time_ns=9, execution_id="x", quantity=Decimal(5),
                       price=Decimal(90), commission=Decimal(1))

    first, second = world.manager.on_broker(late), world.manager.on_broker(late)

    assert [(r.status, r.reason) for r in first] == [(OrderStatus.CANCELED, "late_fill")]
    assert second == []
    assert world.manager.ledger.position(0).quantity == 5
    assert world.manager.late_fills == 1


def test_evidence_about_an_order_of_others_is_counted_and_changes_nothing():
    world = World()
    others = BrokerEvent(exec_type=ExecType.TRADE, order_id=77, event_time_ns=9, execution_id="x", quantity=Decimal(5),
                         price=Decimal(90), commission=Decimal(1))

    assert world.manager.on_broker(others) == []
    assert world.manager.unmatched == 1
    assert world.manager.ledger.position(0).quantity == 0
    restored = World().manager
    restored.restore(world.manager.state())
    assert restored.unmatched == 1


def test_a_day_order_expires_with_its_day():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5, limit=9_000, tif=TimeInForce.DAY))
    day_ns = 86_400 * 10**9

    assert kinds(world.quote(8_000, 8_001, at=day_ns)) == [(ExecType.EXPIRED, OrderStatus.EXPIRED)]


def test_a_crossed_quote_fills_nobody_and_prices_nothing():
    world = World()
    world.quote(9_999, 10_001)
    world.intent(new(1, 5))
    assert world.quote(10_005, 10_001, flags=4) == []
    assert world.intent(new(3, 5))[0].reason == "reference_suspect"


def test_what_is_kept_of_ended_orders_is_bounded():
    world = World()
    world.quote(9_999, 10_001)
    for i in range(1, ENDED_KEPT + 50):
        world.intent(new(i, 1, expires_at_ns=0))
    assert len(world.manager.state().orders.orders) == ENDED_KEPT
    assert world.intent(new(1, 1, expires_at_ns=0)) == []


actions = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.integers(1, 30), st.sampled_from(Side), st.sampled_from(TimeInForce),
                  st.one_of(st.none(), st.integers(9_990, 10_010)), st.one_of(st.none(), st.integers(9_990, 10_010))),
        st.tuples(st.just("cancel"), st.integers(1, 60)),
        st.tuples(st.just("replace"), st.integers(1, 60), st.integers(1, 40),
                  st.one_of(st.none(), st.integers(9_990, 10_010))),
        st.tuples(st.just("quote"), st.integers(9_990, 10_010), st.integers(0, 4), st.integers(1, 25)),
    ),
    max_size=40,
)


def act(world, sequence, action):
    match action:
        case ("new", quantity, side, tif, limit, stop):
            return world.intent(new(sequence, quantity, side=side, tif=tif, limit=limit, stop=stop))
        case ("cancel", target):
            return world.intent(cancel(sequence, target))
        case ("replace", target, quantity, limit):
            return world.intent(replace(sequence, target, quantity=quantity, limit=limit))
        case ("quote", bid, spread, size):
            return world.quote(bid, bid + spread, size=size)


@settings(max_examples=200)
@given(actions)
def test_invariants_hold_whatever_happens(rows):
    world = World()
    world.quote(9_999, 10_001)
    for sequence, action in enumerate(rows, start=1):
        act(world, sequence, action)
        check(world)


def check(world):
    """Hold the reports, the ledger, the gate and the broker against one another."""
    open_orders = world.manager.orders.open_orders()
    for order in open_orders:
        assert order.cumulative_quantity + order.leaves_quantity == order.quantity
        assert order.leaves_quantity > 0
    assert world.broker.working_orders == len(open_orders)

    assert [r.sequence for r in world.reports] == list(range(1, len(world.reports) + 1))
    trades = [r for r in world.reports if r.exec_type is ExecType.TRADE]
    assert len({r.execution_id for r in trades}) == len(trades)
    fills = [
        Fill(execution_id=r.execution_id, intent_id=r.intent_id, instrument=r.instrument, side=r.side,
             quantity=r.last_quantity, price=r.last_price, commission=r.commission, event_time_ns=r.event_time_ns)
        for r in trades
    ]
    positions = fold(fills, {0: Decimal(1), 1: Decimal(1)})
    assert {p.instrument: p for p in world.manager.ledger.positions()} == positions
    assert world.gate.position_lots(0) == (positions[0].quantity if 0 in positions else 0)

    state = msgspec.structs.asdict(world.gate.state())
    assert state["working_orders"] == len(open_orders)
    working = {Side.BUY: 0, Side.SELL: 0}
    for order in open_orders:
        working[order.intent.side] += int(order.leaves_quantity)
    book = world.gate._book
    assert (book["working_buy_lots"][0], book["working_sell_lots"][0]) == (working[Side.BUY], working[Side.SELL])


@settings(max_examples=100)
@given(actions, st.integers(0, 40))
def test_a_snapshot_goes_on_as_if_nothing_had_happened(rows, cut):
    world = World()
    world.quote(9_999, 10_001)
    for sequence, action in enumerate(rows[:cut], start=1):
        act(world, sequence, action)

    # Through the wire form, as a restart would.
    manager = msgspec.msgpack.decode(msgspec.msgpack.encode(world.manager.state()), type=ManagerState)
    broker = msgspec.msgpack.decode(msgspec.msgpack.encode(world.broker.state()), type=BrokerState)
    other = World(LIMITS)
    other.gate.restore(world.gate.state())
    other.manager.restore(manager)
    other.broker.restore(broker)
    other.now = world.now

    for sequence, action in enumerate(rows[cut:], start=cut + 1):
        assert act(other, sequence, action) == act(world, sequence, action)


def test_the_working_order_limit_bounds_what_the_broker_holds():
    world = World(Limits(working_orders_max=2))
    world.quote(9_999, 10_001)
    for i in (1, 2):
        assert world.intent(new(i, 1, limit=9_990))[0].exec_type is ExecType.NEW
    assert world.intent(new(3, 1, limit=9_990))[0].reason == "working_orders_max"
