"""The session against a real socket, with both client libraries."""

import pytest

from algotrade.domain import SystemClock
from algotrade.ibkr.session import (
    AccountRefused,
    ClientIdInUse,
    ClosedAtOnce,
    IbkrSettings,
    LinkChanged,
    LinkDown,
    NotAnApiPort,
    NothingListens,
    Quarantined,
    Session,
    SilentPort,
    SocketState,
    StartRefused,
    Told,
    Unsent,
    VersionRefused,
    Written,
    reconnect,
)
from algotrade.ibkr.session.session import Witness
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import framed
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract
from tests.ibkr.session.server import DEADLINE_S, END, ScriptedServer, notice, order
from tests.ibkr.session.test_snapshots import execution


@pytest.fixture(params=["ib_insync", "ib_async"])
def library(request):
    return request.param


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def connect(library, server):
    """Make a session to the server; every session made is closed at the end."""
    made = []

    def make(clock=None, **settings):
        own = {name: settings.pop(name) for name in ("fence", "order_id_min", "witness") if name in settings}
        settings = {"port": server.port, "client": library, "connect_s": 5.0, "region": "none", **settings}
        wanted = IbkrSettings(**settings)
        session = Session(wanted, clock or SystemClock(), **own)
        made.append(session)
        session.start()
        return session

    yield make
    for session in made:
        session.close()


def wait_until(session, condition):
    """Wait for the session's own events, never for time, until ``condition``; return all events."""
    events = []
    clock = SystemClock()
    until_ns = clock.monotonic_ns() + int(DEADLINE_S * 1e9)
    while not condition(events):
        assert clock.monotonic_ns() < until_ns, (session.disarmed_because, session.failure)
        session.wait(0.5)
        events += session.events()
    return events + session.events()  # what made it true may have come after the last look


def armed(session):
    return wait_until(session, lambda _: not session.disarmed_because)


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def first_failure(session):
    assert not session.connected(DEADLINE_S)
    return session.failure


def cut(size):
    return lambda data: (data[at : at + size] for at in range(0, len(data), size))


class SkewedClock(SystemClock):
    """The host's clock, set wrong by so many seconds."""

    def __init__(self, seconds):
        self.seconds = seconds

    def time_ns(self):
        return super().time_ns() + self.seconds * 10**9


def test_connects_and_arms(connect, server, library):
    session = connect()
    assert session.connected(DEADLINE_S)
    events = armed(session)
    assert (session.account, session.accounts) == ("DU1234567", ("DU1234567",))
    assert session.server_version == 176
    assert session.failure is None
    assert server.client_versions == {"ib_insync": "v157..176", "ib_async": "v157..178"}[library]
    assert [change.state for change in of(events, LinkChanged) if change.channel == "socket"] == [
        "connecting", "connected"]
    assert [q.client_id for q in server.asked(r.StartApi)] == [1]


@pytest.mark.parametrize("version", [157, 163, 164, 166, 169, 170, 176, 178])
def test_every_version_connects_and_arms(connect, server, version, library):
    server.version = version
    session = connect()
    armed(session)
    assert session.server_version == (min(version, 176) if library == "ib_insync" else version)
    session.request(order(session.next_order_id()))
    server.wait_asked(r.PlaceOrder)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_stream_in_pieces_connects_and_arms(connect, server, size):
    server.chunk = cut(size)
    armed(connect())


def test_what_comes_in_one_piece_with_the_greeting_is_not_lost(connect, server):
    """Greeting, accounts, id and notices in one segment, before we have asked for anything."""
    codec_176 = a.ManagedAccounts(accounts="DU1234567"), a.NextValidId(order_id=5), notice(2104, "OK:early")
    from algotrade.ibkr.wire import Codec

    told = b"".join(map(Codec(176).encode, codec_176))
    server.chunk = lambda data: [data + told] if b"EST" in data else [data]
    session = connect()
    assert session.connected(DEADLINE_S)
    armed(session)
    assert "early" in session.links[2]
    assert session.next_order_id() >= 5


def test_nobody_listens(connect, server):
    server.close()
    assert isinstance(first_failure(connect()), NothingListens)


def test_an_unknown_host(connect):
    assert isinstance(first_failure(connect(host="no-such-host.invalid")), NothingListens)


def test_closed_at_once(connect, server):
    server.close_at_once = True
    assert isinstance(first_failure(connect()), ClosedAtOnce)


def test_silence(connect, server):
    server.greeting = None
    assert isinstance(first_failure(connect(connect_s=0.3)), SilentPort)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", framed(b"220 mail\0ready\0")])
def test_not_an_api_port(connect, server, greeting):
    server.greeting = greeting
    assert isinstance(first_failure(connect()), NotAnApiPort)


def test_a_version_too_old_ends_the_session(connect, server):
    server.version = 150
    session = connect()
    with pytest.raises(VersionRefused):
        session.connected(DEADLINE_S)
    with pytest.raises(VersionRefused):
        session.request(r.RequestIds())


@pytest.mark.parametrize("withheld", [a.ManagedAccounts, a.NextValidId], ids=lambda t: t.__name__)
def test_account_or_id_that_never_comes(connect, server, withheld):
    server.withheld = {withheld}
    failure = first_failure(connect(connect_s=0.5))
    assert isinstance(failure, StartRefused)
    assert {a.ManagedAccounts: "account", a.NextValidId: "order id"}[withheld] in str(failure)


def test_closed_after_the_greeting(connect, server):
    server.close_after_greeting = True
    assert isinstance(first_failure(connect()), StartRefused)


def test_dup_client_id_326(connect, server, monkeypatch):
    """The fence is respected: disarmed by that name, and the next tries ask for the same id, until it is free."""
    monkeypatch.setattr(reconnect, "CLIENT_ID_WAIT_S", 0.02)
    server.refuse_code = 326
    session = connect(client_id=7)
    assert isinstance(first_failure(session), ClientIdInUse)
    assert "client id 7 is in use" in session.disarmed_because
    server.wait_asked(r.StartApi, 3)
    server.refuse_code = None
    armed(session)
    assert {q.client_id for q in server.asked(r.StartApi)} == {7}


@pytest.mark.parametrize("accounts", ["U1234567", "DU1,DU2"])
def test_account_mismatch_ends_the_session(connect, server, accounts):
    server.accounts = accounts
    session = connect()
    with pytest.raises(AccountRefused):
        session.connected(DEADLINE_S)
    with pytest.raises(AccountRefused):
        wait_until(session, lambda _: False)
    assert not server.asked(r.RequestOpenOrders)


@pytest.mark.parametrize("withheld", list(END), ids=lambda t: t.__name__)
def test_an_end_marker_withheld_is_named(connect, server, withheld):
    server.withheld = {withheld}
    session = connect()
    last = {r.RequestOpenOrders: r.RequestOpenOrders}.get(withheld, r.RequestAllOpenOrders)
    server.wait_asked(last)
    server.wait_asked(withheld)
    wait_until(session, lambda _: session.skew_ns is not None and session.disarmed_because.count("not told") == (
        2 if withheld is r.RequestOpenOrders else 1))
    with pytest.raises(Exception, match="not told to the end"):
        session.request(order(1))


@pytest.mark.parametrize("seconds", [-30, 30])
def test_clock_skew_blocks_arming(connect, seconds):
    session = connect(clock=SkewedClock(seconds))
    wait_until(session, lambda _: session.snapshot is not None and session.skew_ns is not None)
    assert "clock is" in session.disarmed_because
    assert abs(session.skew_ns / 1e9 + seconds) < 2


@pytest.mark.parametrize("end", ["reset", "hang_up"])
def test_a_drop_disarms_and_the_next_connection_arms_anew(connect, server, end):
    session = connect()
    armed(session)
    getattr(server, end)()
    events = wait_until(session, lambda events: [
        change for change in of(events, LinkChanged) if change.state == SocketState.DOWN])
    server.wait_for(lambda: server.connections == 2)
    events += wait_until(session, lambda _: not session.disarmed_because)
    assert [change.connection for change in of(events, LinkChanged) if change.resubscribe] == [2]
    assert len(server.asked(r.RequestPositions)) == 2


def test_orders_go_out_and_are_told_as_written(connect, server):
    session = connect()
    armed(session)
    first, second = session.next_order_id(), session.next_order_id()
    assert second == first + 1
    assert session.request(order(first)) == 1
    session.request(r.CancelOrder(order_id=first))
    events = wait_until(session, lambda events: len(of(events, Written) + of(events, Unsent)) == 2)
    server.wait_asked(r.CancelOrder)
    assert {type(event.request) for event in of(events, Written)} >= {r.CancelOrder}


def test_1000_orders_drain_in_order_at_the_brokers_pace(connect, server):
    """A hundred are enough to see the pace on a real socket; the thousand are on the simulated clock."""
    tape = Tape()
    session = connect(witness=tape)
    armed(session)
    for number in range(100):
        session.request(order(number + 1))
    server.wait_asked(r.PlaceOrder, 100)
    assert [q.order_id for q in server.asked(r.PlaceOrder)] == list(range(1, 101))
    at = tape.asked_ns
    assert max(sum(1 for other in at if t <= other < t + 10**9) for t in at) <= 45


def test_unsent_and_written_are_every_order_exactly_once_when_the_link_drops(connect, server):
    session = connect()
    armed(session)
    for number in range(200):
        session.request(order(number + 1))
    server.wait_asked(r.PlaceOrder, 10)
    server.reset()
    events = wait_until(session, lambda events: len(of(events, Written) + of(events, Unsent)) == 200)
    written, unsent = ({event.request.order_id for event in of(events, kind)} for kind in (Written, Unsent))
    assert not written & unsent
    assert written | unsent == set(range(1, 201))
    arrived = {q.order_id for q in server.asked(r.PlaceOrder)}
    assert arrived <= written, "what came back as unsent has never arrived"


def test_live_executions_and_those_asked_for_come_alike(connect, server):
    server.before[r.RequestExecutions] = [execution("old.01")]
    session = connect()
    events = armed(session)
    server.tell(execution("new.01"))
    events += wait_until(session, lambda events: [
        e for e in of(events, Told) if isinstance(e.answer, a.ExecutionData)])
    told = [e.answer.execution.exec_id for e in of(events, Told) if isinstance(e.answer, a.ExecutionData)]
    assert told == ["old.01", "new.01"]


def test_a_broken_length_drops_the_link_and_the_session_comes_back(connect, server):
    session = connect()
    armed(session)
    server.tell(b"\x7f\xff\xff\xff")
    server.wait_for(lambda: server.connections == 2)
    armed(session)


def test_garbage_is_quarantined_and_the_link_kept(connect, server):
    session = connect()
    armed(session)
    server.tell(framed(b"999\0what is this\0"))
    (found,) = of(wait_until(session, lambda events: of(events, Quarantined)), Quarantined)
    assert found.payload == b"999\0what is this\0"
    assert not session.disarmed_because
    assert server.connections == 1


def test_1300_never_goes_to_the_port_it_names(connect, server):
    session = connect()
    armed(session)
    other = ScriptedServer()
    try:
        server.tell(notice(1300, f"Socket port has been reset, new port {other.port}"))
        server.wait_for(lambda: server.connections == 2)
        armed(session)
        assert other.connections == 0
    finally:
        other.close()


def test_a_slow_owner_makes_the_broker_wait_and_loses_nothing(connect, server, monkeypatch):
    monkeypatch.setattr("algotrade.ibkr.session.core.EVENTS_MAX", 2_000)
    session = connect()
    armed(session)
    ticks = 20_000
    tick = a.TickSize(req_id=1, tick_type=0, size=1.0)
    server.tell(*[tick] * ticks)
    clock = SystemClock()
    until_ns = clock.monotonic_ns() + int(DEADLINE_S * 1e9)
    while "nobody takes" not in session.disarmed_because:
        assert clock.monotonic_ns() < until_ns
        session.wait(0.01)
    found = []
    wait_until(session, lambda events: found.append(1) or len(
        [e for e in of(events, Told) if isinstance(e.answer, a.TickSize)]) == ticks)
    wait_until(session, lambda _: not session.disarmed_because)


def test_closing_hands_back_what_waits(connect, server):
    session = connect()
    armed(session)
    for number in range(100):
        session.request(order(number + 1))
    session.close()
    events = session.events()
    assert len(of(events, Written)) + len(of(events, Unsent)) == 100
    with pytest.raises(LinkDown):
        session.request(order(500))


def test_a_bug_in_the_sessions_thread_reaches_the_owner(connect, server):
    def fence():
        raise ZeroDivisionError

    session = connect(fence=fence)
    armed(session)
    session.request(order(1))
    with pytest.raises(ZeroDivisionError):
        wait_until(session, lambda _: False)
    assert "ZeroDivisionError" in session.disarmed_because


class Tape(Witness):
    def __init__(self):
        self.told_bytes, self.asked_bytes, self.asked_ns, self.marks = b"", b"", [], []

    def connected(self):
        self.marks.append("open")

    def told(self, data):
        self.told_bytes += data

    def asked(self, data):
        self.asked_bytes += data
        self.asked_ns.append(SystemClock().monotonic_ns())

    def disconnected(self, because):
        self.marks.append(because)


def test_the_witness_hears_every_byte_from_the_first_to_the_last(connect, server):
    tape = Tape()
    session = connect(witness=tape)
    armed(session)
    session.request(r.RequestContractData(req_id=session.next_request_id(), contract=Contract(con_id=1)))
    server.wait_asked(r.RequestContractData)
    session.close()
    assert tape.asked_bytes.startswith(b"API\0")
    assert tape.told_bytes[4:].startswith(b"176\0")
    from algotrade.ibkr.wire import Codec, Splitter

    asked = [Codec(176).decode_request(p) for p in Splitter().feed(tape.asked_bytes[4:])[1:]]
    assert asked == server.requests
    assert tape.marks == ["open", "Closed"]


def test_metrics(connect, server):
    from algotrade.telemetry.metrics import PlaneCollector

    session = connect()
    armed(session)
    server.tell(notice(2103, "broken:usfarm"))
    wait_until(session, lambda events: [e for e in of(events, LinkChanged) if e.state == "broken"])
    samples = session.samples()
    assert samples["algotrade_ibkr_armed"] == samples["algotrade_ibkr_connects_total"] == 1
    assert samples["algotrade_ibkr_farms_broken"] == 1
    assert samples["algotrade_ibkr_codes_total"]["2103",] == 1
    assert len(list(PlaneCollector(session.samples).collect())) == len(samples)


@pytest.mark.parametrize("stage", ["silent", "retrying", "ready"])
def test_closing_does_not_wait(connect, server, stage):
    if stage == "silent":
        server.greeting = None
    elif stage == "retrying":
        server.close_at_once = True
    session = connect(connect_s=60.0)
    if stage == "silent":
        server.wait_for(lambda: server.connections)
    else:
        assert session.connected(DEADLINE_S) == (stage == "ready")
    clock = SystemClock()
    began_ns = clock.monotonic_ns()
    session.close()
    assert clock.monotonic_ns() - began_ns < 2 * 10**9
    assert session.disarmed_because
