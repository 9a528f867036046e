"""Snapshots: complete with their end markers and never otherwise."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.session.snapshots import Part, Snapshots
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract, Execution, Order, OrderState
from tests.ibkr.session.server import END

S = 10**9
ZERO = Decimal(0)


class Asker:
    """A sender and a broker that answers at once, unless told otherwise."""

    def __init__(self):
        self.snapshots = Snapshots()
        self.now_ns = 0
        self.ids = 0
        self.asked = []

    def new_id(self):
        self.ids += 1
        return self.ids

    def ask(self):
        due = self.snapshots.due(self.now_ns, self.new_id)
        for request in due:
            self.snapshots.asked(request, self.now_ns)
        self.asked += due
        return due

    def answer(self, request):
        self.snapshots.told(END[type(request)](request), self.now_ns)

    def finish(self, withheld=()):
        while requests := self.ask():
            for request in requests:
                if type(request) not in withheld:
                    self.answer(request)


def begun():
    asker = Asker()
    asker.snapshots.begin(0, new_connection=True)
    return asker


def test_all_five_questions_are_put_and_complete():
    asker = begun()
    asker.finish()
    assert asker.snapshots.is_complete
    assert {type(request) for request in asker.asked} == set(END)
    facts = asker.snapshots.facts()
    assert facts.open_orders == facts.completed_orders == facts.executions == facts.positions == ()


@pytest.mark.parametrize("withheld", list(END), ids=lambda t: t.__name__)
def test_one_end_marker_withheld_is_never_complete_and_is_asked_for_again(withheld):
    asker = begun()
    asker.finish([withheld])
    assert not asker.snapshots.is_complete
    assert len(asker.snapshots.missing) == (2 if withheld is r.RequestOpenOrders else 1)
    asked_at = []
    for second in range(1, 400):
        asker.now_ns = second * S
        if any(isinstance(request, withheld) for request in asker.ask()):
            asked_at.append(second)
    assert asked_at[:4] == [10, 30, 70, 130], "10 s, then twice as long, up to a minute"
    asker.answer([request for request in asker.asked if isinstance(request, withheld)][-1])
    asker.finish()
    # Markers that never came are still waited for: the one that did come stands for the first of them.
    while not asker.snapshots.is_complete:
        asker.now_ns += 10 * S
        asker.finish()
        assert asker.now_ns < 1_000 * S
    assert asker.snapshots.is_complete


def test_a_marker_that_was_asked_for_before_the_outage_does_not_count():
    """1101 and 1102 come on a socket that lives: what was asked before them may be answered after."""
    asker = begun()
    before = asker.ask()
    asker.snapshots.void()
    assert not asker.snapshots.is_complete
    asker.snapshots.begin(0, new_connection=False)
    again = asker.ask()
    for request in before:
        asker.answer(request)
    assert asker.snapshots.missing == list(Part)
    for request in again:
        asker.answer(request)
    asker.finish()
    assert asker.snapshots.is_complete


def test_empty_snapshot_on_disconnect():
    """An interrupted snapshot is void, not empty; what it had told so far is not kept."""
    asker = begun()
    asker.ask()
    asker.snapshots.told(position(1), 0)
    asker.snapshots.told(a.PositionEnd(), 0)
    asker.snapshots.void()
    assert asker.snapshots.missing == list(Part)
    asker.snapshots.told(a.OpenOrderEnd(), 0)
    asker.snapshots.begin(0, new_connection=True)
    assert asker.snapshots.missing == list(Part)
    assert asker.snapshots.facts().positions == ()


@given(st.permutations([r.RequestCompletedOrders, r.RequestExecutions, r.RequestPositions, r.RequestOpenOrders]),
       st.sets(st.sampled_from(list(END))))
def test_complete_exactly_if_no_marker_is_withheld(order, withheld):
    asker = begun()
    for _ in range(3):
        requests = sorted(asker.ask(), key=lambda q: order.index(type(q)) if type(q) in order else 9)
        for request in requests:
            if type(request) not in withheld:
                asker.answer(request)
    assert asker.snapshots.is_complete == (not withheld)


@given(st.lists(st.sampled_from([*(type(make(r.RequestExecutions(req_id=1))) for make in END.values())]), max_size=30))
def test_markers_that_nobody_asked_for_complete_nothing(markers):
    asker = begun()
    for marker in markers:
        asker.snapshots.told(marker(**({"req_id": 77} if marker is a.ExecutionDataEnd else {})), 0)
    assert asker.snapshots.missing == list(Part)


def test_executions_filtered_by_the_owner_prove_nothing():
    asker = begun()
    asker.ask()
    asker.snapshots.asked(r.RequestExecutions(req_id=500, symbol="IBM"), 0)
    asker.snapshots.told(a.ExecutionDataEnd(req_id=500), 0)
    assert Part.EXECUTIONS in asker.snapshots.missing


def test_a_refused_question_is_named():
    asker = begun()
    (request,) = [q for q in asker.ask() if isinstance(q, r.RequestExecutions)]
    asker.snapshots.told(a.ErrorMessage(req_id=request.req_id, code=321, message="no such account"), 0)
    assert asker.snapshots.refused[Part.EXECUTIONS] == "321 no such account"
    assert Part.EXECUTIONS in asker.snapshots.missing


def position(con_id, quantity=1):
    return a.PositionData(account="DU1", contract=Contract(con_id=con_id), position=Decimal(quantity),
                          average_cost=None)


def execution(exec_id):
    return a.ExecutionData(req_id=-1, order_id=1, contract=Contract(con_id=1), execution=Execution(
        exec_id=exec_id, time="", account="DU1", exchange="", side="BOT", shares=Decimal(1), price=Decimal(1),
        perm_id=1, client_id=1))


def test_facts_are_the_latest_of_each_thing():
    asker = begun()
    asker.ask()
    open_order = a.OpenOrder(order_id=1, contract=Contract(), order=Order(perm_id=9), state=OrderState(status="A"))
    later = a.OpenOrder(order_id=1, contract=Contract(), order=Order(perm_id=9), state=OrderState(status="B"))
    told = [position(1), position(1, 2), position(2), execution("a.01"), execution("a.01"), execution("b.01"),
            open_order, later]
    for answer in told:
        asker.snapshots.told(answer, 0)
    facts = asker.snapshots.facts()
    assert [p.position for p in facts.positions] == [2, 1]
    assert [e.execution.exec_id for e in facts.executions] == ["a.01", "b.01"]
    assert facts.open_orders == (later,)


def test_a_stream_without_end_does_not_fill_memory(monkeypatch):
    monkeypatch.setattr("algotrade.ibkr.session.snapshots.FACTS_MAX", 10)
    asker = begun()
    asker.ask()
    for number in range(50):
        asker.snapshots.told(execution(str(number)), 0)
    asker.finish()
    for request in asker.asked:
        asker.answer(request)
    assert len(asker.snapshots.facts().executions) == 10
    assert asker.snapshots.is_too_large
    assert not asker.snapshots.is_complete
