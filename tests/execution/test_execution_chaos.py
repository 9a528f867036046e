"""However executions, their corrections and their costs are told, the book in the end is the same.

A few hundred examples by default; ``ALGOTRADE_CHAOS_EXAMPLES=10000`` for all of them.
"""

import os
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.backtest.fold_reports import RunFold
from algotrade.domain import ExecType, Fill, Position, Side, fold, report_records
from algotrade.execution.broker import BrokerEvent
from algotrade.execution.ledger import execution_and_revision
from algotrade.execution.order_manager import ManagerState
from tests.execution.world import World, new

EXAMPLES = int(os.environ.get("ALGOTRADE_CHAOS_EXAMPLES", "200"))
ORDERS = {1: Side.BUY, 2: Side.SELL, 3: Side.BUY}
REPORTED = {ExecType.TRADE, ExecType.TRADE_CORRECT}


def world_with_orders() -> World:
    world = World()
    world.quote(9_999, 10_001)
    for number, side in ORDERS.items():
        world.intent(new(number, 500, side=side, limit=9_000 if side is Side.BUY else 11_000))
    return world


@st.composite
def executions(draw):
    """Return every statement of 1 to 50 executions: corrected up to four times, taken back, costs told or not."""
    told = []
    for i in range(draw(st.integers(1, 50))):
        order_id = draw(st.sampled_from(sorted(ORDERS)))
        for revision in range(1, draw(st.sampled_from((1, 1, 1, 2, 5))) + 1):
            quantity = draw(st.integers(0 if revision > 1 else 1, 90))
            price = Decimal(draw(st.integers(9_000, 11_000))) / 100
            commission = draw(st.sampled_from((None, None, "0.35", "-0.12", "1")))
            stated = BrokerEvent(
                exec_type=ExecType.TRADE, order_id=order_id, event_time_ns=10 + i, quantity=Decimal(quantity),
                execution_id=f"0000e0d5.65{i:03}.01.{revision:02}", price=price)
            told.append(stated)
            if commission is not None:
                told.append(msgspec.structs.replace(
                    stated, exec_type=ExecType.TRADE_CORRECT, commission=Decimal(commission)))
    return told


def truth(told):
    """Say plainly what stands in the end: the last revision of each execution, and the cost told with the last one."""
    facts, costs = {}, {}
    for one in told:
        name, revision = execution_and_revision(one.execution_id)
        if revision >= facts.get(name, (0, None))[0]:
            facts[name] = (revision, one)
        if one.commission is not None and revision >= costs.get(name, (0, None))[0]:
            costs[name] = (revision, one.commission)
    return {
        name: (one.order_id, one.quantity, one.price, costs.get(name, (0, Decimal(0)))[1])
        for name, (_, one) in facts.items() if one.quantity
    }


def sums(positions):
    return {(p.instrument, p.quantity, p.paid, p.commission) for p in positions if p != Position(instrument=0)}


@settings(max_examples=EXAMPLES)
@given(executions(), st.data(), st.randoms(use_true_random=False))
def test_any_order_repetition_delay_and_correction_gives_the_same_book(told, data, random):
    world = world_with_orders()
    stream = [one for one in told for _ in range(random.randint(1, 5))]
    random.shuffle(stream)
    cut = random.randrange(len(stream) + 1)
    reports = []
    for at, one in enumerate(stream):
        if at == cut:  # a restart in between changes nothing
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(world.manager.state()), type=ManagerState)
            world.manager.restore(state)
        reports += world.manager.on_broker(one)

    book = truth(told)
    value = {name: (Decimal(ORDERS[order]) * q, price, cost) for name, (order, q, price, cost) in book.items()}
    quantity = sum((q for q, _, _ in value.values()), Decimal(0))
    ledger, position = world.manager.ledger, world.manager.ledger.position(0)
    assert position.quantity == quantity == world.gate.position_lots(0)
    assert position.paid == sum(q * price for q, price, _ in value.values())
    assert position.commission == sum(cost for _, _, cost in value.values())
    assert sums(fold(ledger.fills(), {0: Decimal(1)}).values()) == sums([position])
    assert {execution_and_revision(f.execution_id)[0]: (f.quantity * f.side, f.price, f.commission)
            for f in ledger.fills()} == value
    for order_id in ORDERS:
        mine = [(q, price) for order, q, price, _ in book.values() if order == order_id]
        order = world.manager.orders.get(order_id)
        filled = sum((q for q, _ in mine), Decimal(0))
        assert order.cumulative_quantity == filled
        assert order.average_price == (sum(q * price for q, price in mine) / filled if filled else 0)
        assert order.leaves_quantity >= 0
    heard(reports, ledger.fills(), quantity)


def heard(reports, fills: list[Fill], quantity: Decimal) -> None:
    """Whoever folds the reports comes to the same fills, and whoever adds up what they change to the same position."""
    results = RunFold()
    results.feed(reports)
    assert sorted(results.fills, key=lambda f: f.execution_id) == [
        msgspec.structs.replace(f, event_time_ns=mine.event_time_ns)
        for f, mine in zip(sorted(fills, key=lambda f: f.execution_id),
                           sorted(results.fills, key=lambda f: f.execution_id), strict=True)]
    rows = report_records([r for r in reports if r.exec_type in REPORTED])
    assert (rows["side"] * rows["last_quantity"]).sum() == float(quantity)
