"""The bus port: one delivery contract, whatever carries it (local, memory, Kafka).

The contract, proven for every body by one test-suite (``tests/bus/contract.py``):

1. A topic is a log of partitions. A partition's positions count up from 0; order holds inside a partition.
2. What ``append`` returned is durable: it survives kill -9 of any process (and, on topics marked ``durable``,
   power loss). An ``append`` is all or nothing.
3. Delivery is at least once: a reader names the position it goes on from, and keeps that position inside its own
   snapshot, written together with its state. The bus remembers nothing on a reader's behalf; ``commit`` tells it only
   what a group will never ask for again, for retention and for lag metrics.
4. Retention is bounded by bytes per topic. What a named reader has not committed is never dropped: a full topic makes
   ``append`` raise ``TopicFull``, and the writer waits. A position older than the log's start raises ``PositionGone``.
5. A promise is a shared number per name that only rises, is not durable, and becomes visible after everything that was
   appended before it.
6. ``lead(topic)`` gives a lease with an epoch; what an older epoch appends afterwards raises ``Superseded``.

Not thread safe: a plane owns its bus object.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

PROMISE_NONE = -1
"""What a name promised before anyone promised anything."""

PROMISE_END = 2**63 - 1
"""Promised by whoever has nothing more to say: the end of input."""


class BusError(Exception):
    """Something outside this program keeps the bus from working; the message names what and where."""


class TopicUnknown(BusError):
    """The topic is not in the table that the bus was opened with."""


class TopicFull(BusError):
    """The topic holds its bound of bytes that a named reader has not committed yet; wait and try again."""


class PositionGone(BusError):
    """The position asked for is older than the log's start: retention has passed it."""


class Superseded(BusError):
    """A newer lease on the topic exists: this leader must stop at once."""


class DiskFull(BusError):
    """The disk under the bus is full; nothing of the failed append was kept."""


class FormatUnsupported(BusError):
    """The bus folder was written by another version of the format, or is no bus folder."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as read: ``value`` is the framed bytes (``bus.codec`` takes them apart)."""

    position: int
    key: bytes
    value: bytes


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One message to append: the partition key and the framed bytes."""

    key: bytes
    value: bytes


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to lead ``topic`` until a lease with a higher epoch exists."""

    topic: str
    epoch: int


class Bus(Protocol):
    """Appends to, reads from and waits on topics; see the module's contract."""

    def append(self, topic: str, messages: Sequence[Outgoing], *, lease: Lease | None = None) -> list[int]:
        """Append all ``messages`` in order, or none, and return their positions; durable on return.

        Raises ``TopicFull``, ``DiskFull``, ``Superseded`` (only with ``lease``), ``TopicUnknown``.
        """
        ...

    def read(self, topic: str, position: int, *, messages_max: int, partition: int = 0) -> list[Message]:
        """Return up to ``messages_max`` messages from ``position`` on, at once; an empty list when there are none.

        Raises ``PositionGone`` where ``position`` is older than the log's start.
        """
        ...

    def bounds(self, topic: str, partition: int = 0) -> tuple[int, int]:
        """Return (oldest position kept, position that the next message will get); equal when nothing is kept."""
        ...

    def partition_for(self, topic: str, key: bytes) -> int:
        """Return the partition that messages with ``key`` go to."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Sleep until something may have been appended or promised by another process, or ``timeout_s`` has passed.

        May wake for nothing. What was appended or promised before the call but not yet looked at wakes it at once.
        """
        ...

    def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Declare durably that ``group`` will never read below these positions, by (topic, partition)."""
        ...

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """Return what ``group`` last committed there, 0 where it never did."""
        ...

    def trim(self, topic: str, below: int, partition: int = 0) -> None:
        """Forget the messages before position ``below``; the writer of a compacted topic does this."""
        ...

    def promise(self, name: str, value: int) -> None:
        """Raise ``name``'s promise to ``value``; lowering it is our bug, and an assertion."""
        ...

    def promised(self, name: str) -> int:
        """Return ``name``'s promise, ``PROMISE_NONE`` where there is none."""
        ...

    def lead(self, topic: str) -> Lease:
        """Take the lead of ``topic`` with a higher epoch than any before."""
        ...

    def topics(self) -> Iterable[str]:
        """Return the names of the topics this bus knows, in the table's order."""
        ...

    def close(self) -> None:
        """Give everything back; a second call does nothing."""
        ...
