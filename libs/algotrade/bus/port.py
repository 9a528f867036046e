"""The bus port: one delivery contract, whatever carries it (local, memory, Kafka).

The contract, proven for every body by one test-suite (``tests/bus/contract.py``):

1. A topic is a log of partitions. A partition's positions count up from 0; order holds inside a partition.
2. What ``append`` returned is durable: it survives kill -9 of any process (and, on topics marked ``durable``,
   power loss). An ``append`` is all or nothing. A topic has one writer, and its writer sees at once what it, or a
   predecessor of it, has appended; to others it becomes visible soon, in order.
3. Delivery is at least once: a reader names the position it goes on from, and keeps that position inside its own
   snapshot, written together with its state. The bus remembers nothing on a reader's behalf; ``commit`` tells it only
   what a group will never ask for again, for retention and for lag metrics.
4. Retention is bounded by bytes per topic, spread evenly over its partitions. What a named reader has not committed is
   never dropped: a full topic makes ``append`` raise ``TopicFull``, and the writer waits. A position older than the
   log's start raises ``PositionGone``, one behind its end ``LogShortened``.
5. A promise is a shared number per name that only rises, is not durable, and becomes visible after everything that was
   appended before it: whoever reads the promise first and then the log misses nothing that the promise speaks of.
6. ``lead(topic)`` gives a lease with an epoch; what an older epoch appends afterwards raises ``Superseded``. Several
   processes of one plane may stand for the lead (``campaign``); one of them has it, the others follow.

Not thread safe: a plane owns its bus object. Other threads may only ask for ``samples`` and ``reachable``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from algotrade.telemetry.metrics import Samples

PROMISE_NONE = -1
"""What a name promised before anyone promised anything."""

PROMISE_END = 2**63 - 1
"""Promised by whoever has nothing more to say: the end of input."""


CAMPAIGN_S_MAX = 30.0
"""A process that stands for a lead and does not ask for so long has given its turn away."""


class BusError(Exception):
    """Something outside this program keeps the bus from working; the message names what and where."""


class TopicUnknown(BusError):
    """The topic is not in the table that the bus was opened with."""


class TopicFull(BusError):
    """The topic holds its bound of bytes that a named reader has not committed yet; wait and try again."""


class LogHole(BusError):
    """Messages that somebody counts on are missing; a plane that meets this logs ``log_hole`` before it ends.

    Of ``topic``/``partition``, from position ``start`` up to ``stop``, which is not missing itself.
    """

    def __init__(self, text: str, *, topic: str, partition: int, start: int, stop: int) -> None:
        super().__init__(text)
        self.topic, self.partition, self.start, self.stop = topic, partition, start, stop

    @property
    def where(self) -> dict[str, str | int]:
        """Return the fields of the event ``log_hole``."""
        return {"topic": self.topic, "partition": self.partition, "from": self.start, "to": self.stop}


class PositionGone(LogHole):
    """The position asked for is older than the log's start: retention, or somebody's hand, has passed it."""


class LogShortened(LogHole):
    """The position asked for lies behind the log's end: the log has lost its tail (power loss, an old backup)."""


class Superseded(BusError):
    """A newer lease on the topic exists: this leader must stop at once."""


class DiskFull(BusError):
    """The disk under the bus is full; nothing of the failed append was kept."""


class BusUnreachable(BusError):
    """The cluster did not answer within the bound; what was being appended may or may not be there."""


class BusForbidden(BusError):
    """The cluster knows who we are, or does not, and says no."""


class FormatUnsupported(BusError):
    """The bus folder was written by another version of the format, or is no bus folder."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as read: ``value`` is the framed bytes (``bus.codec`` takes them apart).

    ``headers``      what it carries besides, on a body that has them: a stranger's; ours have none
    ``appended_ns``  when it was appended, by its writer's clock, ns since 1970 UTC; 0 on a body that keeps no times
    """

    position: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    appended_ns: int = 0


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One message to append: the partition key and the framed bytes."""

    key: bytes
    value: bytes


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to lead ``shard`` of ``topic`` until a lease with a higher epoch exists."""

    topic: str
    epoch: int
    shard: int = 0


class Bus(Protocol):
    """Appends to, reads from and waits on topics; see the module's contract."""

    def append(self, topic: str, messages: Sequence[Outgoing], *, lease: Lease | None = None) -> list[int]:
        """Append all ``messages`` in order, or none, and return their positions; durable on return.

        ``lease`` may be on another topic of the same writer: one lead covers all that a plane writes.
        Raises ``TopicFull``, ``DiskFull``, ``Superseded`` (only with ``lease``), ``TopicUnknown``.
        Appending to a topic that another plane writes is our bug, and an assertion.
        """
        ...

    def append_all(self, appends: Sequence[tuple[str, Sequence[Outgoing]]], *, lease: Lease | None = None,
                   promises: Mapping[str, int] | None = None,
                   holding: Mapping[str, int] | None = None, soon: bool = False) -> list[list[int]]:
        """Append to several topics that one plane writes, flushed together; return the positions topic by topic.

        Then raise ``promises``, as ``promise`` does, and wake readers once for all of it. ``holding`` are promises that
        hold already, whatever becomes of the append: a body that takes long to append sends them along. ``soon`` is for
        promises that nobody waits for: a body to which telling is dear may tell them with the next ones. Bodies with
        transactions (local, memory) append all or none; on Kafka a crash may leave a part. Raises as ``append``.
        """
        ...

    def read(self, topic: str, position: int, *, messages_max: int, partition: int = 0) -> list[Message]:
        """Return up to ``messages_max`` messages from ``position`` on, at once; an empty list only when there are none.

        Raises ``PositionGone`` where ``position`` is older than the log's start, ``LogShortened`` where it lies behind
        the log's end.
        """
        ...

    def bounds(self, topic: str, partition: int = 0) -> tuple[int, int]:
        """Return (oldest position kept, position that the next message will get); equal when nothing is kept."""
        ...

    def partitions(self, topic: str) -> int:
        """Return how many partitions ``topic`` has; they are numbered from 0."""
        ...

    def partition_for(self, topic: str, key: bytes) -> int:
        """Return the partition that messages with ``key`` go to."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Sleep until something may have been appended, promised or committed by another process.

        Returns after ``timeout_s`` at the latest, and may return earlier for nothing. What was appended or promised
        before the call but not yet looked at wakes it at once.
        """
        ...

    def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Declare durably that ``group`` will never read below these positions, by (topic, partition).

        ``group`` is the name this bus was opened under. A position below an earlier commit changes nothing.
        """
        ...

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """Return what ``group`` last committed there, 0 where it never did."""
        ...

    def trim(self, topic: str, below: int, partition: int = 0) -> None:
        """Forget the messages before position ``below``; the writer of a compacted topic does this."""
        ...

    def promise(self, name: str, value: int) -> None:
        """Raise ``name``'s promise to ``value``.

        Lowering what this object promised is our bug, and an assertion. A value at or below what a predecessor
        promised changes nothing: after a restart the same promises are made once more.
        """
        ...

    def promised(self, name: str) -> int:
        """Return ``name``'s promise, ``PROMISE_NONE`` where there is none. Seen from one object it never falls."""
        ...

    def lead(self, topic: str, shard: int = 0) -> Lease:
        """Take the lead of a ``shard`` of ``topic`` with a higher epoch than any before; only its writer may."""
        ...

    def campaign(self, topic: str, shard: int = 0) -> Lease | None:
        """Stand for the lead of a ``shard`` of ``topic``: return the lease once it is this process's turn, else None.

        To be asked again and again, at least every ``CAMPAIGN_S_MAX`` seconds: who does not ask counts as gone. When
        its turn comes the lead is taken as by ``lead``; from then on the same lease is returned. Raises ``Superseded``
        once a newer one is known of. Where nobody deals out turns (local), whoever asks first after the others leads.
        """
        ...

    def shares(self, topic: str) -> frozenset[int]:
        """Return the partitions of ``topic`` that are this process's to write now; asked like ``campaign``.

        Several processes of one plane share its shards out among themselves; where there is no group for that, one
        process has them all. A shard that is gone may be another's already.
        """
        ...

    def topics(self) -> Iterable[str]:
        """Return the names of the topics this bus knows, in the table's order."""
        ...

    def samples(self) -> Samples:
        """Return the bus's metrics as they are, those that its body has (``telemetry.metrics``, ``algotrade_bus_*``).

        Another thread may call this, and ``reachable``, and nothing else: both only read what may move meanwhile.
        """
        ...

    def reachable(self) -> bool:
        """Tell whether what carries the bus is there: always, unless that is elsewhere and has long been silent."""
        ...

    def close(self) -> None:
        """Give everything back; a second call does nothing."""
        ...
