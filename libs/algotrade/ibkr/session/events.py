"""What a session tells its owner, in the order in which it happened."""

from typing import TypeAlias

import msgspec

from algotrade.ibkr.session.link import Channel
from algotrade.ibkr.session.snapshots import SnapshotFacts
from algotrade.ibkr.wire import Answer, Request


class Told(msgspec.Struct, frozen=True):
    """What the broker said, and when it reached us (ns since 1970 UTC; all of one read from the socket have the same).

    Answers to the session's own requests come too: executions that it asked for are told like live ones.
    """

    answer: Answer
    receive_time_ns: int


class Written(msgspec.Struct, frozen=True):
    """An order or a cancel was handed to the socket. Whether it arrived, only the broker can say.

    ``connection``  counts the connections of this session, from 1
    """

    request: Request
    time_ns: int
    connection: int


class Unsent(msgspec.Struct, frozen=True):
    """A request that was taken and certainly never left: no byte of it was handed to the socket."""

    request: Request
    because: str
    time_ns: int


class LinkChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A channel changed its state.

    ``channel``      the socket, the order link (between the Gateway and the broker), or a data farm
    ``name``         of the farm; "" for the others
    ``state``        one of ``SocketState``, ``OrderLinkState``, ``FarmState``, as text
    ``code``         the broker's, None where the socket itself told
    ``resubscribe``  every subscription is gone: ask again (a new connection, 1101)
    ``verify``       subscriptions were kept, as the broker says: see that ticks arrive (1102)
    """

    channel: Channel
    state: str
    time_ns: int
    connection: int
    name: str = ""
    code: int | None = None
    text: str = ""
    resubscribe: bool = False
    verify: bool = False


class ArmingChanged(msgspec.Struct, frozen=True):
    """Orders may be sent from here on, or no longer. ``because`` is "" or names every reason why not."""

    armed: bool
    because: str
    time_ns: int


class SnapshotTaken(msgspec.Struct, frozen=True):
    """All four snapshots of this connection are complete, each with its end marker."""

    facts: SnapshotFacts
    time_ns: int


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that could not be decoded. Nothing else was changed by it.

    ``is_order``  it is of a kind that tells of orders or positions, so the session is disarmed until all four snapshots
                  have been told again without such a one
    """

    payload: bytes
    because: str
    is_order: bool
    time_ns: int


class OrderIdsRolledBack(msgspec.Struct, frozen=True):
    """The broker's next order id is ``told``, below ``kept``, where this session goes on: a Gateway was restarted."""

    told: int
    kept: int
    time_ns: int


SessionEvent: TypeAlias = (
    Told | Written | Unsent | LinkChanged | ArmingChanged | SnapshotTaken | Quarantined | OrderIdsRolledBack
)
