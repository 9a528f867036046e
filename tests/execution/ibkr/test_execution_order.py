"""Executions, corrections and costs as the wire tells them: in any order, repeated, they make the same book.

200 examples by default; ``ALGOTRADE_CHAOS_EXAMPLES=10000`` for more.
"""

import os
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.execution.ledger import execution_and_revision
from algotrade.ibkr.wire import answers as a
from tests.execution.ibkr.world import Desk, commission, execution, new

EXAMPLES = int(os.environ.get("ALGOTRADE_CHAOS_EXAMPLES", "200"))


@st.composite
def told(draw):
    """Return every answer about 1 to 20 executions: corrected, taken back, costs told, not known yet, or never."""
    answers = []
    for i in range(draw(st.integers(1, 20))):
        order = draw(st.sampled_from((1, 2)))
        for revision in range(1, draw(st.sampled_from((1, 1, 2, 4))) + 1):
            exec_id = f"0000e0d5.65{i:03}.01.{revision:02}"
            answers.append(execution(
                draw(st.integers(0 if revision > 1 else 1, 90)), exec_id=exec_id, reference=f"s.r.{order}.0",
                order_id=draw(st.sampled_from((order, 0, 99))), perm_id=draw(st.sampled_from((order + 1_000, 0))),
                price=str(Decimal(draw(st.integers(9_000, 11_000))) / 100)))
            cost = draw(st.sampled_from((None, "-1", "0.35", "-0.12", "2")))
            if cost is not None:
                answers.append(commission(cost, exec_id=exec_id))
    return answers


def truth(answers):
    """Say plainly what stands in the end: quantity, price and cost by execution."""
    facts, costs = {}, {}
    for one in answers:
        exec_id = one.execution.exec_id if isinstance(one, a.ExecutionData) else one.exec_id
        name, revision = execution_and_revision(exec_id)
        kept = facts if isinstance(one, a.ExecutionData) else costs
        if isinstance(one, a.CommissionReport) and one.commission == -1:
            continue
        if revision >= kept.get(name, (0, None))[0]:
            kept[name] = (revision, one)
    return {
        name: (one.execution.shares, one.execution.price, costs[name][1].commission if name in costs else 0)
        for name, (_, one) in facts.items() if one.execution.shares
    }


@settings(max_examples=EXAMPLES)
@given(told(), st.randoms(use_true_random=False))
def test_any_order_of_answers_makes_the_same_book(answers, random):
    desk = Desk()
    desk.intent(new(1, 5_000, limit=100))
    desk.intent(new(2, 5_000, limit=100))
    stream = [one for one in answers for _ in range(random.randint(1, 3))]
    random.shuffle(stream)
    while stream:
        some = random.randint(1, 10)
        desk.say(*stream[:some])
        stream = stream[some:]
        if random.random() < 0.1:  # a restart in between changes nothing
            memory = desk.broker.state()
            after = Desk(connected=False, memory=memory)
            after.manager.restore(desk.manager.state())
            after.gate.restore(desk.gate.state())
            after.broker.arm()
            after.connect()
            told_before = [one for one in answers if one not in stream]
            after.say(*told_before)  # the day's executions are told again on every connection
            desk = after

    book = truth(answers)
    position = desk.manager.ledger.position(0)
    assert desk.quantity() == sum(quantity for quantity, _, _ in book.values())
    assert position.paid == sum(quantity * price for quantity, price, _ in book.values())
    assert position.commission == sum(cost for _, _, cost in book.values())
    assert {execution_and_revision(f.execution_id)[0]: (f.quantity, f.price, f.commission)
            for f in desk.manager.ledger.fills()} == book
    assert not desk.broker.set_aside
    assert desk.count("foreign_executions") == 0


def test_a_cost_not_known_yet_takes_the_place_of_none():
    desk = Desk()
    desk.intent(new(1, 100, limit=100))
    first, second = "0000e0d5.65000.01.01", "0000e0d5.65000.01.02"

    desk.say(commission("0.35", exec_id=first), commission("-1", exec_id=second))
    desk.say(*(execution(10, exec_id=exec_id, reference="s.r.1.0", order_id=1) for exec_id in (second, first)))

    assert desk.manager.ledger.position(0).commission == Decimal("0.35")
