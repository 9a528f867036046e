"""The core against any order of events: hypothesis drives connection, broker, owner and clock."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from algotrade.ibkr.session import (
    ArmingChanged,
    LinkChanged,
    LinkLost,
    RequestRefused,
    SessionError,
    SocketState,
    Unsent,
    Written,
)
from algotrade.ibkr.session.link import FARM_CODES, OrderLinkState
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import framed
from algotrade.ibkr.wire import requests as r
from tests.ibkr.session.server import END, notice, order
from tests.ibkr.session.test_core import Link
from tests.ibkr.session.test_snapshots import execution, position


class Session(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.leads = True
        self.link = Link(fence=lambda: self.leads)
        self.asked = []
        """What the broker was asked and has not answered, on this connection."""
        self.told_since = set()
        """Snapshots that the broker has told to their end, asked for since the last outage."""
        self.accepted, self.number, self.skew_known = [], 0, False

    # The connection.

    @precondition(lambda self: self.link.core.links.socket is SocketState.DOWN)
    @rule()
    def connect(self):
        self.link.greet()
        self.link.tell(a.ManagedAccounts(accounts="DU1"), a.NextValidId(order_id=1))
        self.link.core.started()
        self.asked, self.told_since, self.skew_known = [], set(), False

    def is_connected(self):
        return self.link.core.links.socket is SocketState.CONNECTED

    @precondition(is_connected)
    @rule()
    def drop(self):
        self.link.core.lost(LinkLost("dropped"))
        self.asked, self.told_since, self.skew_known = [], set(), False

    @precondition(is_connected)
    @rule(code=st.sampled_from([1100, 1101, 1102, 2110]))
    def outage(self, code):
        self.link.tell(notice(code))
        self.asked = [(request, False) for request, _ in self.asked]
        self.told_since = set()

    @precondition(is_connected)
    @rule(code=st.sampled_from([*FARM_CODES, 202, 399, 10197]))
    def other_code(self, code):
        self.link.tell(notice(code, "x:farm"))

    # The broker answers when it likes.

    @precondition(lambda self: self.asked and self.is_connected())
    @rule()
    def answer(self):
        """Answers come in the order of the questions, as they do on one socket."""
        (request, counts), *self.asked = self.asked
        self.link.reply(request)
        if isinstance(request, r.RequestCurrentTime):
            self.skew_known = True
        elif counts:
            self.told_since.add(type(request))

    @precondition(is_connected)
    @rule()
    def unasked(self):
        self.link.tell(execution("x.01"), position(1))

    @precondition(is_connected)
    @rule(payload=st.binary(min_size=1, max_size=20))
    def garbage_about_market_data(self, payload):
        self.link.tell(framed(b"1\0" + payload))

    # The owner asks.

    @rule(count=st.integers(1, 60))
    def place(self, count):
        for _ in range(count):
            self.number += 1
            self.ask(order(self.number))

    @rule()
    def cancel(self):
        self.number += 1
        self.ask(r.CancelOrder(order_id=self.number))

    @rule(leads=st.booleans())
    def lead(self, leads):
        self.leads = leads

    def ask(self, request):
        try:
            self.link.core.request(request)
        except RequestRefused:
            return
        self.accepted.append(request)

    # Time.

    @rule(seconds=st.floats(0, 12))
    def time_passes(self, seconds):
        link = self.link
        link.clock.advance_to(link.clock.time_ns() + int(seconds * 1e9))
        try:
            link.core.step()
        except SessionError as error:
            link.core.lost(error)
            self.asked, self.told_since, self.skew_known = [], set(), False
        while (frame := link.core.take()) is not None:
            request = link.codec.decode_request(frame[4:])
            if isinstance(request, r.PlaceOrder):
                assert self.leads
                assert not link.core.disarmed_because
            if type(request) in END or isinstance(request, r.RequestCurrentTime):
                self.asked.append((request, True))
        link.events += link.core.events()

    # What must hold.

    @invariant()
    def armed_means_that_everything_was_told(self):
        core = self.link.core
        if not core.disarmed_because:
            assert core.links.socket is SocketState.CONNECTED
            assert core.links.orders is OrderLinkState.UP
            assert self.told_since == set(END)
            assert self.skew_known

    @invariant()
    def every_request_comes_out_once(self):
        core = self.link.core
        self.link.events += core.events()
        out = [e.request for e in self.link.events if isinstance(e, Written | Unsent)]
        waiting = sum(core.sender.queued(lane) for lane in (0, 1))
        assert len(out) + waiting == len(self.accepted)
        assert {repr(x) for x in out} <= {repr(x) for x in self.accepted}
        assert len({repr(x) for x in out}) == len(out)

    @invariant()
    def arming_is_told_when_it_changes(self):
        told = [e.armed for e in self.link.events if isinstance(e, ArmingChanged)]
        assert told == [number % 2 == 0 for number in range(len(told))]
        assert (told[-1:] == [True]) == (not self.link.core.disarmed_because)

    @invariant()
    def subscriptions_are_asked_for_anew_on_every_connection(self):
        ready = [e for e in self.link.events if isinstance(e, LinkChanged) and e.state == "connected"]
        assert all(change.resubscribe for change in ready)
        assert [change.connection for change in ready] == sorted({change.connection for change in ready})


Session.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestSession = Session.TestCase
