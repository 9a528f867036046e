"""The session against a real socket, with both client libraries."""

import pytest

from algotrade.domain import SystemClock
from algotrade.ibkr.session import IbkrSettings, Session
from tests.ibkr.session.server import DEADLINE_S, ScriptedServer


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
        wanted = IbkrSettings(**{"port": server.port, "client": library, "connect_s": 5.0, **settings})
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
    return events


def armed(session):
    return wait_until(session, lambda _: not session.disarmed_because)


def test_connects_and_arms(connect, library):
    session = connect()
    assert session.connected(DEADLINE_S)
    armed(session)
    assert session.account == "DU1234567"
    assert session.server_version == 176
