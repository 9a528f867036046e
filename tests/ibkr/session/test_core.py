"""The session's core on a simulated clock, without sockets: bytes in, events and frames out."""

from decimal import Decimal

import pytest

from algotrade.domain import SimulatedClock
from algotrade.ibkr.session import (
    AccountRefused,
    ArmingChanged,
    ClientIdInUse,
    Disarmed,
    IbkrSettings,
    LinkChanged,
    LinkDown,
    LinkLost,
    NotAnApiPort,
    OrderIdsRolledBack,
    Quarantined,
    ReadOnly,
    SnapshotTaken,
    Told,
    Unsent,
    VersionRefused,
    Written,
)
from algotrade.ibkr.session.core import EVENTS_MAX, SILENCE_NS_MAX, Core
from algotrade.ibkr.session.failures import closed
from algotrade.ibkr.wire import Codec, WireError, framed
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract
from tests.ibkr.session.server import END, notice, order
from tests.ibkr.session.test_snapshots import execution, position

S = 10**9
NOON_NS = 1_767_700_000 * S  # a Tuesday in January 2026, 11:46 UTC: no maintenance


class Link:
    """A core, and the broker at the other end of a wire that is a list."""

    def __init__(self, version=176, fence=lambda: True, accounts="DU1234567", next_id=1, order_id_min=1, **settings):
        self.clock = SimulatedClock(NOON_NS)
        self.core = Core(IbkrSettings(**settings), self.clock, fence, order_id_min)
        self.codec = Codec(version)
        self.version, self.accounts, self.next_id = version, accounts, next_id
        self.skew_s = 0
        self.withheld = set()
        self.written = []
        self.events = []

    def greet(self):
        self.core.opening()
        self.core.received(framed(b"%d\x0020260106 06:46:40 EST\0" % self.version))

    def connect(self):
        self.greet()
        self.tell(a.ManagedAccounts(accounts=self.accounts), a.NextValidId(order_id=self.next_id))
        self.core.started()
        self.run()
        return self

    def tell(self, *answers):
        self.core.received(b"".join(x if isinstance(x, bytes) else self.codec.encode(x) for x in answers))

    def run(self):
        """Step, and let the broker answer, until nothing is written any more."""
        while True:
            self.core.step()
            frames = []
            while (frame := self.core.take()) is not None:
                frames.append(self.codec.decode_request(frame[4:]))
            self.written += frames
            self.events += self.core.events()
            if not frames:
                return
            for request in frames:
                self.reply(request)

    def reply(self, request):
        if type(request) in self.withheld:
            return
        if isinstance(request, r.RequestCurrentTime):
            self.tell(a.CurrentTime(time_s=self.clock.time_ns() // S + self.skew_s))
        elif type(request) in END:
            self.tell(END[type(request)](request))

    def wait(self, seconds):
        """Let time pass in steps, as the session's thread would look every now and then."""
        until_ns = self.clock.time_ns() + int(seconds * S)
        while self.clock.time_ns() < until_ns:
            self.clock.advance_to(min(until_ns, self.clock.time_ns() + 300_000_000))
            self.run()

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def test_arms_after_the_snapshots_and_the_clock():
    link = Link().connect()
    assert link.core.disarmed_because == ""
    assert [event.armed for event in link.told(ArmingChanged)] == [True]
    kinds = [type(event) for event in link.events]
    assert kinds.index(SnapshotTaken) < kinds.index(ArmingChanged)
    assert {type(q) for q in link.written} == {*END, r.RequestCurrentTime}


@pytest.mark.parametrize("withheld", [*END, r.RequestCurrentTime], ids=lambda t: t.__name__)
def test_whatever_is_withheld_keeps_it_disarmed_by_name(withheld):
    link = Link()
    link.withheld = {withheld}
    link.connect()
    name = {r.RequestOpenOrders: "open orders of this client", r.RequestAllOpenOrders: "open orders of all",
            r.RequestCompletedOrders: "completed orders", r.RequestExecutions: "executions",
            r.RequestPositions: "positions", r.RequestCurrentTime: "clock is not known"}[withheld]
    assert name in link.core.disarmed_because
    with pytest.raises(Disarmed, match=name):
        link.core.request(order(1))
    for _ in range(30):
        link.tell(notice(2104, "OK:usfarm"))
        link.wait(10)
    assert name in link.core.disarmed_because
    assert len([q for q in link.written if isinstance(q, withheld)]) > 3, "it is asked again"
    link.withheld = set()
    for _ in range(60):
        link.wait(10)
    assert link.core.disarmed_because == ""


@pytest.mark.parametrize("skew_s", [-3600, -3, 3, 3600])
def test_clock_skew_blocks_arming(skew_s):
    link = Link()
    link.skew_s = skew_s
    link.connect()
    assert "clock is" in link.core.disarmed_because
    link.skew_s = 0
    link.wait(10)
    assert link.core.disarmed_because == ""


def test_a_clock_that_is_set_while_armed_disarms():
    link = Link().connect()
    link.skew_s = 5
    link.wait(6)
    assert "clock is" in link.core.disarmed_because
    assert [event.armed for event in link.told(ArmingChanged)] == [True, False]


@pytest.mark.parametrize(("code", "resubscribe", "verify"), [(1101, True, False), (1102, False, True)])
def test_an_outage_disarms_at_once_and_arms_after_new_snapshots(code, resubscribe, verify):
    link = Link().connect()
    link.tell(notice(1100, "lost"))
    assert "1100" in link.core.disarmed_because
    link.tell(execution_told := execution("a.01"))
    link.run()
    assert execution_told in [event.answer for event in link.told(Told)], "what happens meanwhile is heard"
    asked = len(link.written)
    link.tell(notice(code, "restored"))
    assert "open orders" in link.core.disarmed_because
    link.wait(1)
    assert link.core.disarmed_because == ""
    assert {*END} <= {type(q) for q in link.written[asked:]}
    change = next(e for e in link.told(LinkChanged) if e.code == code)
    assert (change.resubscribe, change.verify) == (resubscribe, verify)


def test_exec_window_lost_in_1100():
    """A fill of the outage comes with the executions that are asked for after it, as any other does."""
    link = Link().connect()
    link.tell(notice(1100))
    link.withheld = {r.RequestExecutions}
    link.tell(notice(1102))
    link.run()
    (question,) = [q for q in link.written[-5:] if isinstance(q, r.RequestExecutions)]
    link.tell(execution("missed.01"), a.ExecutionDataEnd(req_id=question.req_id))
    link.wait(1)
    assert "missed.01" in [e.answer.execution.exec_id for e in link.told(Told) if isinstance(e.answer, a.ExecutionData)]
    assert link.told(SnapshotTaken)[-1].facts.executions[0].execution.exec_id == "missed.01"
    assert link.core.disarmed_because == ""


@pytest.mark.parametrize("code", [2103, 2105, 2157])
def test_farm_flap_keeps_order_channel(code):
    link = Link().connect()
    link.tell(notice(code, "broken:usfarm"))
    link.run()
    assert link.core.disarmed_because == ""
    link.core.request(order(1))
    link.run()
    assert isinstance(link.written[-1], r.PlaceOrder)
    assert link.told(LinkChanged)[-1].state == "broken"


def test_farm_ok_without_1102():
    link = Link().connect()
    link.tell(notice(1100), notice(2104, "OK:usfarm"), notice(2106, "OK:ushmds"))
    link.run()
    assert "1100" in link.core.disarmed_because


@pytest.mark.parametrize("code", [1300, 502, 503, 504, 507, 509])
def test_codes_that_end_the_connection(code):
    link = Link().connect()
    with pytest.raises(LinkLost, match=str(code)):
        link.tell(notice(code, "port is now 7496"))


def test_what_comes_with_the_end_of_a_connection_is_heard():
    link = Link().connect()
    with pytest.raises(LinkLost):
        link.tell(notice(1300, "reset"), execution("a.01"))
    assert [e.answer.execution.exec_id for e in link.core.events() if isinstance(e, Told)
            and isinstance(e.answer, a.ExecutionData)] == ["a.01"]


def test_codes_and_farms_without_end_do_not_fill_memory():
    link = Link().connect()
    for number in range(2_000):
        link.tell(notice(20_000 + number), notice(2104, f"OK:farm{number}"))
        link.core.events()
    assert len(link.core.codes) <= 501
    assert len(link.core.links.farms) <= 101


def test_unsent_orders_come_back_when_the_connection_ends_and_nothing_is_both():
    link = Link().connect()
    for number in range(1, 61):
        link.core.request(order(number))
    link.run()
    link.core.lost(LinkLost("gone"))
    link.events += link.core.events()
    written = [event.request.order_id for event in link.told(Written)]
    unsent = [event.request.order_id for event in link.told(Unsent)]
    assert written + unsent == list(range(1, 61))
    assert unsent
    assert all("gone" in event.because for event in link.told(Unsent))
    with pytest.raises(LinkDown):
        link.core.request(order(99))
    assert "not connected: gone" in link.core.disarmed_because


def test_the_sessions_own_questions_do_not_come_back():
    link = Link()
    link.greet()
    link.tell(a.ManagedAccounts(accounts="DU1"), a.NextValidId(order_id=1))
    link.core.started()
    link.core.step()
    link.core.lost(LinkLost("gone"))
    assert not [event for event in link.core.events() if isinstance(event, Unsent)]


def test_an_order_that_waits_while_the_link_breaks_is_handed_back_but_cancels_go():
    link = Link().connect()
    for number in range(1, 51):
        link.core.request(order(number))
    link.run()
    link.tell(notice(1100))
    link.core.request(r.CancelOrder(order_id=1))
    link.wait(2)
    assert len(link.told(Unsent)) > 0
    assert all("disarmed before it was sent" in event.because for event in link.told(Unsent))
    assert isinstance(link.written[-1], r.CancelOrder) or r.CancelOrder(order_id=1) in link.written


def test_the_fence_hands_orders_back():
    leads = [True]
    link = Link(fence=lambda: leads[0]).connect()
    link.core.request(order(1))
    leads[0] = False
    link.run()
    assert [event.request.order_id for event in link.told(Unsent)] == [1]
    assert "no longer leads" in link.told(Unsent)[0].because


def test_a_session_that_only_reads_sends_no_order_and_no_cancel():
    link = Link(read_only=True).connect()
    for request in (order(1), r.CancelOrder(order_id=1), r.RequestGlobalCancel()):
        with pytest.raises(ReadOnly):
            link.core.request(request)
    assert "only reads" in link.core.disarmed_because
    assert link.told(SnapshotTaken)


def test_a_value_that_may_not_go_on_the_wire_is_an_error_to_the_caller():
    link = Link().connect()
    with pytest.raises(WireError, match="NaN"):
        link.core.request(order(1, lmt_price=Decimal("NaN")))
    link.run()
    assert not [q for q in link.written if isinstance(q, r.PlaceOrder)]


def test_client_id_in_use():
    link = Link()
    link.greet()
    with pytest.raises(ClientIdInUse, match="client id 1 is in use"):
        link.tell(notice(326, "Unable to connect as the client id is in use"))
    assert isinstance(link.core.why_lost(""), ClientIdInUse), "and not that the other side closed"


@pytest.mark.parametrize("accounts", ["U1234567", "DU1,DU2", ""])
def test_a_wrong_account_refuses_to_start(accounts):
    link = Link(accounts=accounts)
    with pytest.raises(AccountRefused):
        link.connect()


def test_an_account_that_changes_on_a_live_connection_ends_it():
    link = Link().connect()
    with pytest.raises(AccountRefused):
        link.tell(a.ManagedAccounts(accounts="U7654321"))


@pytest.mark.parametrize("greeting", [
    b"HTTP/1.1 400 Bad Request\r\n\r\n", framed(b"hello\0"), framed(b"176\0"), framed(b"SSH-2.0\0x\0"), b"\0\0\0\0",
])
def test_what_is_no_greeting_is_no_api_port(greeting):
    link = Link()
    link.core.opening()
    with pytest.raises(NotAnApiPort):
        link.core.received(greeting)


@pytest.mark.parametrize("version", [100, 156, 179, 226])
def test_versions_that_are_not_known_are_refused(version):
    link = Link()
    link.core.opening()
    with pytest.raises(VersionRefused, match=f"{version}; allowed: 157 to 178"):
        link.core.received(framed(b"%d\x00now\0" % version))


def test_a_length_that_cannot_be_ends_the_connection():
    link = Link().connect()
    with pytest.raises(LinkLost, match="stream broke"):
        link.core.received(b"\x7f\xff\xff\xff")


def test_an_order_answer_that_cannot_be_read_disarms_until_everything_was_told_again():
    link = Link().connect()
    link.tell(framed(b"3\x00one\0"))
    link.run()
    (found,) = link.told(Quarantined)
    assert found.is_order
    assert found.payload == b"3\x00one\0"
    assert "could not be read" in link.core.disarmed_because
    asked = len(link.written)
    for _ in range(7):
        link.wait(5)
    assert {*END} <= {type(q) for q in link.written[asked:]}
    assert link.core.disarmed_because == ""


def test_market_data_that_cannot_be_read_is_kept_and_disarms_nothing():
    link = Link().connect()
    link.tell(framed(b"1\x006\x001\x001\x00nan\x00100\x000\0"))
    link.run()
    (found,) = link.told(Quarantined)
    assert not found.is_order
    assert link.core.disarmed_because == ""


def test_quarantine_is_bounded():
    link = Link().connect()
    for _ in range(300):
        link.tell(framed(b"3\x00" + b"x" * 10_000))
    assert len(link.core.quarantine) == 100
    assert all(len(found.payload) <= 4096 for found in link.core.quarantine)


def test_a_silent_socket_is_half_open():
    link = Link().connect()
    link.withheld = {r.RequestCurrentTime}
    for _ in range(SILENCE_NS_MAX // S):
        link.wait(1)
    with pytest.raises(LinkLost, match="half open"):
        link.wait(1)


def test_an_owner_that_takes_nothing_is_disarmed():
    link = Link().connect()
    tick = link.codec.encode(a.PositionEnd())
    link.core.received(tick * EVENTS_MAX)
    assert link.core.is_full
    assert "nobody takes" in link.core.disarmed_because
    link.run()
    link.run()
    assert link.core.disarmed_because == ""


def test_order_ids_follow_what_others_use_and_never_go_back():
    link = Link(next_id=10, order_id_min=50).connect()
    assert [(e.told, e.kept) for e in link.told(OrderIdsRolledBack)] == [(10, 50)]
    assert link.core.order_ids.next_order_id() == 50
    link.tell(a.OrderStatus(order_id=70, status="Submitted", filled=Decimal(0), remaining=Decimal(1),
                            avg_fill_price=Decimal(0), perm_id=1, parent_id=0, last_fill_price=Decimal(0), client_id=2,
                            why_held="", mkt_cap_price=None))
    assert link.core.order_ids.next_order_id() == 71


def test_snapshots_carry_what_was_told():
    link = Link()
    link.withheld = {r.RequestPositions}
    link.connect()
    link.tell(position(7, 3), a.PositionEnd())
    link.run()
    (taken,) = link.told(SnapshotTaken)
    assert [p.position for p in taken.facts.positions] == [3]


def test_maintenance_is_named_with_its_end():
    link = Link()
    link.clock.advance_to(NOON_NS + 18 * 3600 * S)  # 05:46 UTC on Wednesday: 00:46 in New York
    link.core.opening()
    link.core.lost(LinkLost("gone"))
    assert link.core.disarmed_because == "not connected: gone (daily reset until 06:45 UTC)"


def test_a_close_says_how_far_it_had_come():
    settings = IbkrSettings()
    assert "without a word" in str(closed(settings, "", was_ready=False, had_bytes=False))
    assert "before it named" in str(closed(settings, "reset", was_ready=False, had_bytes=True))
    assert "(reset)" in str(closed(settings, "reset", was_ready=True, had_bytes=True))


def test_history_that_was_answered_makes_room():
    link = Link().connect()
    for number in range(1, 60):
        link.core.request(r.RequestHistoricalData(
            req_id=number, contract=Contract(con_id=number), end="", bar_size="1 min", duration="1 D", use_rth=0,
            what_to_show="TRADES", format_date=2))
    link.wait(3)
    link.wait(3)
    asked = [q.req_id for q in link.written if isinstance(q, r.RequestHistoricalData)]
    assert len(asked) == 45
    for req_id in asked:
        link.tell(notice(162, "no data", req_id))
    link.wait(3)
    assert len([q for q in link.written if isinstance(q, r.RequestHistoricalData)]) == 59
