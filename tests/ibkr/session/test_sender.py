"""The paced sender, against every history that hypothesis thinks of."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.session.errors import QueueFull
from algotrade.ibkr.session.sender import (
    BURST_MAX,
    BURST_SPAN_NS,
    KEPT_FOR_CANCELS,
    MESSAGES_PER_S_MAX,
    QUEUED_MAX,
    HandedBack,
    Lane,
    PacedSender,
    Queued,
    lane_of,
)
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract
from tests.ibkr.session.server import order

S = 10**9
MS = 10**6


def queued(request):
    return Queued(request, repr(request).encode(), lane_of(request))


def subscription(number):
    return r.RequestMarketData(req_id=number, contract=Contract(con_id=number))


def history(number, **more):
    fields = {"contract": Contract(con_id=number), "end": "", "bar_size": "1 min", "duration": "1 D", "use_rth": 0,
              "what_to_show": "TRADES", "format_date": 2, **more}
    return r.RequestHistoricalData(req_id=number, **fields)


MAKERS = {
    Lane.CANCEL: lambda n: r.CancelOrder(order_id=1_000_000 + n), Lane.ORDER: order,
    Lane.STATE: lambda n: r.RequestExecutions(req_id=n), Lane.SUBSCRIBE: subscription, Lane.HISTORY: history,
}


class Wire:
    """Drives a sender by a simulated clock and keeps what was written when."""

    def __init__(self, refusal=lambda: ""):
        self.sender = PacedSender(refusal)
        self.now_ns = 0
        self.written = []
        self.back = []

    def put(self, request):
        self.back += self.sender.put(queued(request))

    def write(self):
        while (taken := self.sender.take(self.now_ns)) is not None:
            if isinstance(taken, HandedBack):
                self.back.append(taken)
            else:
                self.written.append((self.now_ns, taken))

    def run_to(self, until_ns):
        """Write whenever the sender says that it is time, as the session does."""
        self.write()
        while (wait_ns := self.sender.wait_ns(self.now_ns)) is not None and self.now_ns + wait_ns <= until_ns:
            self.now_ns += wait_ns
            before = len(self.written) + len(self.back)
            self.write()
            assert len(self.written) + len(self.back) > before, "the sender said that it was time, and it was not"
        self.now_ns = until_ns


def most_in(span_ns, times):
    return max((sum(1 for other in times if t <= other <= t + span_ns) for t in times), default=0)


def most_in_a_second(times):
    return most_in(S, times)


steps = st.lists(st.tuples(
    st.integers(0, 700 * MS), st.lists(st.tuples(st.sampled_from(list(Lane)), st.integers(1, 60)), max_size=3)),
    min_size=1, max_size=12)


@given(steps)
def test_no_second_holds_more_than_45_and_nothing_is_lost_or_reordered(history_of_puts):
    wire, put, number = Wire(), [], 0
    for pause_ns, puts in history_of_puts:
        wire.run_to(wire.now_ns + pause_ns)
        for lane, count in puts:
            for _ in range(count):
                number += 1
                request = MAKERS[lane](number)
                put.append(request)
                wire.put(request)
        wire.write()
    times = [t for t, _ in wire.written]
    assert most_in_a_second(times) <= MESSAGES_PER_S_MAX
    others = [t for t, q in wire.written if q.lane is not Lane.CANCEL]
    assert most_in_a_second(others) <= MESSAGES_PER_S_MAX - KEPT_FOR_CANCELS
    assert most_in(BURST_SPAN_NS, others) <= BURST_MAX
    wire.back += wire.sender.unsent("the end")
    requests = [q.request for _, q in wire.written] + [back.queued.request for back in wire.back]
    assert Counter(map(repr, requests)) == Counter(map(repr, put))
    for lane in Lane:
        sent = [q.request for _, q in wire.written if q.lane is lane]
        assert sent == [request for request in put if request in sent and lane_of(request) is lane]


@given(st.integers(1, 1_000))
def test_everything_queued_is_written_in_the_time_that_the_pace_allows(count):
    wire = Wire()
    for number in range(1, count + 1):
        wire.put(order(number))
    wire.run_to((count // 40 + 1) * (S + 1))
    assert [q.request.order_id for _, q in wire.written] == list(range(1, count + 1))


@given(st.integers(0, 3 * S))
def test_a_cancel_is_on_the_wire_within_50_ms_behind_1000_requests(asked_ns):
    wire = Wire()
    for number in range(1, 1_001):
        wire.put(MAKERS[list(Lane)[1 + number % 4]](number))
    wire.run_to(asked_ns)
    wire.put(r.CancelOrder(order_id=5_000))
    wire.run_to(asked_ns + 50 * MS)
    assert any(isinstance(q.request, r.CancelOrder) for _, q in wire.written)


def test_five_cancels_go_at_once_however_busy_the_second_was():
    wire = Wire()
    for number in range(1, 200):
        wire.put(subscription(number))
    wire.run_to(S - 1)
    assert len(wire.written) == 40
    for number in range(KEPT_FOR_CANCELS + 1):
        wire.put(r.CancelOrder(order_id=1_000 + number))
    wire.write()
    cancels = [t for t, q in wire.written if q.lane is Lane.CANCEL]
    assert cancels == [S - 1] * KEPT_FOR_CANCELS
    wire.run_to(S + 1)
    assert len([q for _, q in wire.written if q.lane is Lane.CANCEL]) == KEPT_FOR_CANCELS + 1


def test_urgent_goes_first():
    wire = Wire()
    for lane in reversed(Lane):
        wire.put(MAKERS[lane](lane + 1))
    wire.write()
    assert [q.lane for _, q in wire.written] == list(Lane)


@pytest.mark.parametrize("lane", list(Lane))
def test_a_full_queue_is_an_error_to_the_caller_and_keeps_what_it_has(lane):
    wire = Wire()
    for number in range(1, QUEUED_MAX[lane] + 1):
        wire.put(MAKERS[lane](number))
    with pytest.raises(QueueFull, match=str(QUEUED_MAX[lane])):
        wire.put(MAKERS[lane](10**6))
    assert wire.sender.queued(lane) == QUEUED_MAX[lane]


def test_the_fence_is_asked_for_each_order_and_for_nothing_else():
    asked = []
    wire = Wire(lambda: asked.append(1) or "fenced")
    wire.put(order(1))
    wire.put(r.CancelOrder(order_id=2))
    wire.put(subscription(3))
    wire.put(order(4))
    wire.write()
    assert [back.queued.request.order_id for back in wire.back] == [1, 4]
    assert {back.because for back in wire.back} == {"fenced"}
    assert [type(q.request) for _, q in wire.written] == [r.CancelOrder, r.RequestMarketData]
    assert len(asked) == 2


def test_an_order_that_is_fenced_off_takes_no_place_in_the_second():
    fenced = [True]
    wire = Wire(lambda: "fenced" if fenced[0] else "")
    for number in range(1, 101):
        wire.put(order(number))
    wire.write()
    assert len(wire.back) == 100
    fenced[0] = False
    for number in range(101, 141):
        wire.put(order(number))
    wire.write()
    assert len(wire.written) == BURST_MAX


def test_a_cancel_never_overtakes_its_order():
    """Were the order sent after its cancel, it would live: so it is handed back, and its children with it."""
    wire = Wire()
    wire.put(order(1))
    wire.put(order(2, parent_id=1))
    wire.put(order(3))
    wire.put(r.CancelOrder(order_id=1))
    assert [back.queued.request.order_id for back in wire.back] == [1, 2]
    wire.write()
    assert [q.request.order_id for _, q in wire.written] == [1, 3]
    assert isinstance(wire.written[0][1].request, r.CancelOrder), "a change of a working order may have waited"


def test_a_global_cancel_takes_back_every_order_that_waits():
    wire = Wire()
    for number in range(1, 4):
        wire.put(order(number))
    wire.put(r.RequestGlobalCancel())
    assert [back.queued.request.order_id for back in wire.back] == [1, 2, 3]
    wire.write()
    assert [type(q.request) for _, q in wire.written] == [r.RequestGlobalCancel]


def test_the_end_of_a_subscription_does_not_overtake_its_beginning():
    wire = Wire()
    wire.put(r.RequestTickByTick(req_id=1, contract=Contract(con_id=1), tick_type="Last"))
    wire.put(r.RequestTickByTick(req_id=2, contract=Contract(con_id=1), tick_type="Last"))  # waits 15 s
    wire.write()
    wire.put(r.CancelTickByTick(req_id=2))
    assert [back.queued.request.req_id for back in wire.back] == [2, 2]
    wire.put(r.CancelTickByTick(req_id=1))
    wire.write()
    assert [q.request.req_id for _, q in wire.written] == [1, 1]


def test_what_the_library_wrote_counts_too():
    wire = Wire()
    wire.sender.note_written(0, 2)
    for number in range(1, 100):
        wire.put(order(number))
    wire.run_to(S)
    assert len(wire.written) == MESSAGES_PER_S_MAX - KEPT_FOR_CANCELS - 2


def test_30_minutes_at_full_pace_are_steady():
    wire = Wire()
    number = 0
    while wire.now_ns < 1_800 * S:
        while wire.sender.queued(Lane.SUBSCRIBE) < 500:
            number += 1
            wire.put(subscription(number))
        wire.run_to(wire.now_ns + 10 * S)
    times = [t for t, _ in wire.written]
    assert all(later - first > S for first, later in zip(times, times[40:], strict=False))
    assert len(times) >= 1_799 * 40
    assert all(a <= b for a, b in pairwise(times))
