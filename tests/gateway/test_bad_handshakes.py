"""First bytes that are none of the protocol's: who sends them is let go, and nobody else notices."""

import socket
import struct

import pytest

from algotrade.gateway import connection
from algotrade.ibkr.wire.answers.link import CurrentTime
from algotrade.ibkr.wire.answers.market import TickByTick
from algotrade.ibkr.wire.requests import RequestCurrentTime, RequestTickByTick
from tests.gateway.raw import IBM, Raw, greeting
from tests.gateway.world import SECOND_NS, served

BAD = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": bytes([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]) + bytes(64),
    "garbage": bytes(range(255, 0, -1)) * 8,
    "a length beyond the limit": b"API\0" + struct.pack(">I", 2**31),
    "a greeting of no versions": b"API\0" + struct.pack(">I", 5) + b"hello",
    "versions long gone": greeting(1, 60),
    "an empty greeting": b"API\0" + struct.pack(">I", 0),
}
SILENT = {"nothing": b"", "half a word": b"AP", "half a length": b"API\0\0", "half a greeting": greeting()[:-3]}
SOCKETS = 40


def is_served(client):
    """Whether a client gets an answer and, as time goes on, ticks."""
    before = sum(isinstance(m, CurrentTime) for m in client.seen)
    client.ask(RequestCurrentTime())
    client.until_count(CurrentTime, before + 1)
    return True


@pytest.mark.parametrize("first", BAD.values(), ids=list(BAD))
def test_bad_handshake_does_not_wedge(first):
    with served() as hosted, Raw(hosted.port).start(1) as good:
        good.ask(RequestTickByTick(req_id=1, contract=IBM, tick_type="Last"))
        assert is_served(good)
        for _ in range(SOCKETS):
            with Raw(hosted.port) as bad:
                bad.link.sendall(first)
                assert bad.closed()
        hosted.advance(2 * SECOND_NS)
        good.until_count(TickByTick, 1)
        assert is_served(good)
        with Raw(hosted.port).start(2) as newcomer:
            assert is_served(newcomer)
            assert [client_id for client_id, _ in hosted.gateway.connections()] == [1, 2]


@pytest.mark.parametrize("first", SILENT.values(), ids=list(SILENT))
def test_bad_handshake_does_not_wedge_by_silence(first, monkeypatch):
    """Who says no more than that is let go as well, after a while; meanwhile others come and go."""
    monkeypatch.setattr(connection, "GREETING_S_MAX", 0.3)
    with served() as hosted, Raw(hosted.port).start(1) as good:
        silent = [socket.create_connection(("127.0.0.1", hosted.port)) for _ in range(SOCKETS)]
        try:
            for one in silent:
                one.sendall(first)
            with Raw(hosted.port).start(2) as newcomer:
                assert is_served(newcomer)
            assert is_served(good)
            for one in silent:
                one.settimeout(10)
                assert one.recv(100) == b""
            assert [client_id for client_id, _ in hosted.gateway.connections()] == [1]
        finally:
            for one in silent:
                one.close()
        assert is_served(good)
