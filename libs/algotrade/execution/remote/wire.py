"""What a broker in a process of its own and its client say to each other: a request, an answer, one at a time.

A message on the socket is its length, four bytes big-endian, and a msgpack body. The session begins with ``Hello``.
Both sides count: commands, and the sequence of the last market record. Since a replay is the same however often it is
repeated, the pair names a moment of it, and a client that comes back says up to which it knows.
"""

import socket
import struct

import msgspec

from algotrade.execution.broker import BrokerError, BrokerEvent
from algotrade.execution.heard import Heard
from algotrade.execution.simulated import BrokerState

MESSAGE_BYTES_MAX = 64 << 20
CLIENT_ID_IN_USE = 326
"""Interactive Brokers' code for a second session of the same client id."""
MOMENT_GONE = 1
"""The broker no longer remembers what it told after the moment that the client knows."""

_LENGTH = struct.Struct(">I")


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """The first message: who comes, and up to which moment it knows.

    ``state``  the venue at that moment, as far as the client can tell: where a venue that has just begun goes on from
    """

    client_id: int
    commands: int
    sequence: int
    state: BrokerState


class Market(msgspec.Struct, frozen=True, kw_only=True, tag="market"):
    """Records that pass at the venue, in the layouts of ``domain.market``."""

    quotes: bytes
    trades: bytes
    bars: bytes


class StateWanted(msgspec.Struct, frozen=True, tag="state_wanted"):
    """Asks for the venue's whole state."""


class Told(msgspec.Struct, frozen=True):
    """What the broker told, and at which moment."""

    commands: int
    sequence: int
    event: BrokerEvent


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome"):
    """The session is open. The moment at which the venue is, and what was told since the client's."""

    commands: int
    sequence: int
    told: list[Told]


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """There is no session."""

    code: int
    text: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """What a command or records led to, in order."""

    events: list[BrokerEvent]
    working_orders: int


class StateIs(msgspec.Struct, frozen=True, kw_only=True, tag="state"):
    """The venue's whole state, but for the marks."""

    state: BrokerState


Request = Hello | Heard | Market | StateWanted
Reply = Welcome | Refused | Answer | StateIs

_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")
_REQUESTS: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def send(link: socket.socket, message: Request | Reply) -> None:
    """Send one message; raises ``OSError``."""
    body = _ENCODER.encode(message)
    assert len(body) <= MESSAGE_BYTES_MAX, f"message of {len(body)} bytes; allowed: {MESSAGE_BYTES_MAX}"
    link.sendall(_LENGTH.pack(len(body)) + body)


def receive_request(link: socket.socket) -> Request | None:
    """Return the next request, None at the end of the session; raises ``OSError`` and ``BrokerError``."""
    body = _receive(link)
    if body is None:
        return None
    try:
        return _REQUESTS.decode(body)
    except msgspec.DecodeError as error:
        raise BrokerError(f"a request that is none: {error}") from error


def receive_reply(link: socket.socket) -> Reply:
    """Return the answer; raises ``OSError`` and ``BrokerError``."""
    body = _receive(link)
    if body is None:
        raise BrokerError("the broker has closed the session")
    try:
        return _REPLIES.decode(body)
    except msgspec.DecodeError as error:
        raise BrokerError(f"the broker's answer is none: {error}") from error


def _receive(link: socket.socket) -> bytes | None:
    head = _exactly(link, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MESSAGE_BYTES_MAX:
        raise BrokerError(f"message of {length} bytes; allowed: {MESSAGE_BYTES_MAX}")
    return _exactly(link, length)


def _exactly(link: socket.socket, count: int) -> bytes | None:
    """Return ``count`` bytes, None where the stream ends before."""
    parts, left = [], count
    while left:
        part = link.recv(min(left, 1 << 20))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
