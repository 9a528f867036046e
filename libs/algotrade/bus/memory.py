"""The bus in one process, without disk: deterministic, and as faulty as a seed asks for.

Planes share a ``MemoryBus`` through one ``client`` each, as on the local body each opens the folder under its name.
What a client's death leaves behind is what a crash of its process would: the logs, the commits and the promises stay.
"""

import random
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from algotrade.bus.port import PROMISE_NONE, BusError, Lease, Message, Outgoing, Superseded
from algotrade.bus.rules import (
    by_partition,
    check_partition,
    check_position,
    check_writer,
    full,
    partition_bytes_max,
    partition_of,
    size_bytes,
    topic_named,
)
from algotrade.bus.topics import TOPICS, Topic
from algotrade.telemetry.metrics import Samples

PROMISES_KEPT_MAX = 256
"""So many past values of a promise are kept for clients that see it late."""


class Faults:
    """What goes wrong, drawn from ``seed``: the same calls in the same order meet the same faults.

    ``duplicate``  probability that a message is stored twice: the retry of an append whose acknowledgement was lost
    ``delay``      probability that a look of another client does not see yet what is new; what it sees keeps the order,
                   and a promise is never seen before what was appended ahead of it
    ``drop``       probability that ``append`` raises ``BusError`` and keeps nothing
    """

    def __init__(self, seed: int, *, duplicate: float = 0.0, delay: float = 0.0, drop: float = 0.0) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- a seeded test world, not a secret
        self._duplicate = duplicate
        self._delay = delay
        self._drop = drop

    def copies(self) -> int:
        """Return how often the message in hand is stored: once or twice."""
        return 2 if self._random.random() < self._duplicate else 1

    def drops(self) -> bool:
        """Tell whether the append in hand fails."""
        return self._random.random() < self._drop

    def seen(self, before: int, newest: int) -> int:
        """Return how far a look that has seen up to ``before`` sees now, at most ``newest``."""
        return self._random.randint(before, newest) if self._random.random() < self._delay else newest


class _Log:
    """One partition: what is kept, and the event number of each message (``MemoryBus.next_event``)."""

    def __init__(self) -> None:
        self.oldest = 0
        self.bytes = 0
        self.messages: list[Message] = []
        self.events: list[int] = []

    @property
    def following(self) -> int:
        return self.oldest + len(self.messages)

    def drop(self, count: int) -> None:
        self.bytes -= sum(size_bytes(Outgoing(m.key, m.value)) for m in self.messages[:count])
        del self.messages[:count]
        del self.events[:count]
        self.oldest += count


class MemoryBus:
    """The logs, commits and promises that the clients share. ``topics`` is the table, ``faults`` may be none.

    ``elects``  of the clients that stand for a lead, the first has it until it is closed or unseated, as in a group of
                processes; without, whoever asks last leads
    """

    def __init__(self, topics: Mapping[str, Topic] = TOPICS, *, faults: Faults | None = None,
                 elects: bool = False) -> None:
        self.table = dict(topics)
        self.faults = faults
        self.elects = elects
        self.seats: dict[tuple[str, int], MemoryClient] = {}
        """Whose turn it is to lead a shard of a topic, where ``elects``."""
        self.logs = {(t.name, p): _Log() for t in topics.values() for p in range(t.partitions)}
        self.commits: dict[tuple[str, str, int], int] = {}
        self.promises: dict[str, list[tuple[int, int]]] = {}
        """Name -> (event number, value), in order: a client may be shown an older one."""
        self.epochs: dict[tuple[str, int], int] = {}
        self._events = 0

    def client(self, writer: str | None = None) -> "MemoryClient":
        """Return a bus object for the plane ``writer``; None for one that only looks."""
        return MemoryClient(self, writer)

    def unseat(self, topic: str, shard: int = 0) -> None:
        """Give the lead of a shard to whoever asks next, as a group does that has not heard of its holder."""
        self.seats.pop((topic, shard), None)

    def next_event(self) -> int:
        """Return the next event number: appends and promises of all clients stand in one order."""
        self._events += 1
        return self._events

    def store(self, appends: Sequence[tuple[Topic, Sequence[Outgoing]]]) -> list[list[int]]:
        """Append to every topic, all or none, with retention and faults; return the positions by topic."""
        parts = [(topic, messages, self._copied(by_partition(topic, messages))) for topic, messages in appends]
        drops = {
            (topic.name, p): self._room(topic, p, sum(size_bytes(messages[i]) for i in rows))
            for topic, messages, by_p in parts for p, rows in by_p.items()}
        for key, count in drops.items():
            self.logs[key].drop(count)
        event = self.next_event()
        return [self._store(topic, messages, rows, event) for topic, messages, rows in parts]

    def _copied(self, parts: dict[int, list[int]]) -> dict[int, list[int]]:
        if self.faults is None:
            return parts
        return {p: [i for i in rows for _ in range(self.faults.copies())] for p, rows in parts.items()}

    def _store(self, topic: Topic, messages: Sequence[Outgoing], parts: dict[int, list[int]], event: int) -> list[int]:
        positions = [0] * len(messages)
        for partition, rows in parts.items():
            log = self.logs[topic.name, partition]
            for i in rows:
                # Of two copies, the later position is the one that was acknowledged.
                positions[i] = log.following
                log.messages.append(Message(log.following, messages[i].key, messages[i].value))
                log.events.append(event)
                log.bytes += size_bytes(messages[i])
        return positions

    def note_promise(self, name: str, value: int) -> None:
        """Raise a promise. Older values are kept for clients that are to see them late, as many as the bound says."""
        history = self.promises.setdefault(name, [])
        if history and value <= history[-1][1]:
            return
        if self.faults is None:
            history.clear()
        elif len(history) >= PROMISES_KEPT_MAX:
            del history[: PROMISES_KEPT_MAX // 2]
        history.append((self.next_event(), value))

    def _room(self, topic: Topic, partition: int, incoming_bytes: int) -> int:
        """Return how many of the oldest messages must go; raises ``TopicFull``."""
        log = self.logs[topic.name, partition]
        over_bytes = log.bytes + incoming_bytes - partition_bytes_max(topic)
        count = 0
        limit = min((self.commits.get((r, topic.name, partition), 0) for r in topic.readers), default=log.following)
        while over_bytes > 0:
            if log.oldest + count >= min(limit, log.following):
                raise full(topic, partition, log.bytes, limit)
            oldest = log.messages[count]
            over_bytes -= size_bytes(Outgoing(oldest.key, oldest.value))
            count += 1
        return count


class MemoryClient:
    """One plane's view of a ``MemoryBus``; see ``port.Bus`` for what each method means."""

    def __init__(self, shared: MemoryBus, writer: str | None) -> None:
        self._shared = shared
        self._writer = writer
        self._own_promises: dict[str, int] = {}
        self._leases: dict[tuple[str, int], Lease] = {}
        # Position up to which each log is visible to this client; all of it at the start, as after a restart.
        self._visible = {log: shared.logs[log].following for log in shared.logs}
        self._seen_promises: dict[str, int] = {}  # name -> event number of the value seen last

    def append(self, topic: str, messages: Sequence[Outgoing], *, lease: Lease | None = None) -> list[int]:
        """Append ``messages``, all or none."""
        return self.append_all([(topic, messages)], lease=lease)[0]

    def append_all(self, appends: Sequence[tuple[str, Sequence[Outgoing]]], *, lease: Lease | None = None,
                   promises: Mapping[str, int] | None = None,
                   holding: Mapping[str, int] | None = None,
                   soon: bool = False) -> list[list[int]]:  # noqa: ARG002 -- here telling costs nothing
        """Append to several topics, all or none, then promise."""
        rows = [(topic_named(self._shared.table, topic), messages) for topic, messages in appends]
        positions: list[list[int]] = [[] for _ in rows]
        for row, _ in rows:
            check_writer(row, self._writer)
            if lease is not None:
                self._check_lease(row, lease)
        if any(messages for _, messages in rows):
            if self._shared.faults is not None and self._shared.faults.drops():
                raise BusError(f"{', '.join(t for t, _ in appends)}: the append was lost, as the seed has it")
            positions = self._shared.store(rows)
        for name, value in {**(holding or {}), **(promises or {})}.items():
            self.promise(name, value)
        return positions

    def _check_lease(self, topic: Topic, lease: Lease) -> None:
        assert topic_named(self._shared.table, lease.topic).writer == topic.writer, f"{lease} for {topic.name}"
        newest = self._shared.epochs.get((lease.topic, lease.shard), 0)
        if lease.epoch != newest:
            raise Superseded(f"epoch {lease.epoch} of {lease.topic} is over; epoch {newest} leads")

    def read(self, topic: str, position: int, *, messages_max: int, partition: int = 0) -> list[Message]:
        """Return messages from ``position`` on."""
        row = topic_named(self._shared.table, topic)
        check_partition(row, partition)
        log = self._shared.logs[topic, partition]
        end = log.following if self._shared.faults is None else self._look(row, partition, self._shared.faults)
        if not log.oldest <= position < end:
            check_position(topic, partition, position, (log.oldest, log.following))
            return []
        start = position - log.oldest
        return log.messages[start:min(start + messages_max, end - log.oldest)]

    def _look(self, topic: Topic, partition: int, faults: Faults) -> int:
        """Return up to where this client sees the log, after one more look at it."""
        newest = self._shared.logs[topic.name, partition].following
        if topic.writer != self._writer:
            newest = faults.seen(self._visible[topic.name, partition], newest)
        self._visible[topic.name, partition] = newest
        return newest

    def bounds(self, topic: str, partition: int = 0) -> tuple[int, int]:
        """Return where the log begins and ends, as far as this client sees."""
        row = topic_named(self._shared.table, topic)
        check_partition(row, partition)
        log = self._shared.logs[topic, partition]
        end = log.following if self._shared.faults is None else self._look(row, partition, self._shared.faults)
        return log.oldest, max(log.oldest, end)

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of ``topic``."""
        return topic_named(self._shared.table, topic).partitions

    def partition_for(self, topic: str, key: bytes) -> int:
        """Return the partition of ``key``."""
        return partition_of(topic_named(self._shared.table, topic), key)

    def wait(self, timeout_s: float) -> None:
        """Return at once: who would append meanwhile runs in this same thread."""

    def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Note that ``group`` needs nothing below ``positions``."""
        assert group == self._writer, f"{self._writer} may not commit for {group}"
        for (topic, partition), position in positions.items():
            check_partition(topic_named(self._shared.table, topic), partition)
            key = (group, topic, partition)
            self._shared.commits[key] = max(position, self._shared.commits.get(key, 0))

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """Return what ``group`` committed."""
        check_partition(topic_named(self._shared.table, topic), partition)
        return self._shared.commits.get((group, topic, partition), 0)

    def trim(self, topic: str, below: int, partition: int = 0) -> None:
        """Forget messages before ``below``."""
        row = topic_named(self._shared.table, topic)
        check_writer(row, self._writer)
        check_partition(row, partition)
        assert row.compacted, f"{topic} is not compacted: retention is what shortens it"
        log = self._shared.logs[topic, partition]
        log.drop(max(0, min(below, log.following) - log.oldest))

    def promise(self, name: str, value: int) -> None:
        """Raise a promise."""
        assert value >= self._own_promises.get(name, PROMISE_NONE), f"promise {name} lowered to {value}"
        self._own_promises[name] = value
        self._shared.note_promise(name, value)

    def promised(self, name: str) -> int:
        """Return a promise; from here on everything that was appended before it is visible to this client."""
        history = self._shared.promises.get(name)
        if not history:
            return PROMISE_NONE
        faults = self._shared.faults
        if faults is None:
            return history[-1][1]
        seen = self._seen_promises.get(name, 0)
        # How many of the kept values it saw before; it may see that many again, or more.
        before = bisect_left(history, (seen + 1,))
        count = len(history) if name in self._own_promises else faults.seen(before, len(history))
        if count == 0:
            return PROMISE_NONE
        event, value = history[count - 1]
        if event > seen:
            self._seen_promises[name] = event
            self._reveal(event)
        return value

    def _reveal(self, event: int) -> None:
        for key, log in self._shared.logs.items():
            self._visible[key] = max(self._visible[key], log.oldest + bisect_left(log.events, event))

    def lead(self, topic: str, shard: int = 0) -> Lease:
        """Take the lead of a shard of ``topic``."""
        check_writer(topic_named(self._shared.table, topic), self._writer)
        epoch = self._shared.epochs.get((topic, shard), 0) + 1
        self._shared.epochs[topic, shard] = epoch
        return Lease(topic=topic, epoch=epoch, shard=shard)

    def campaign(self, topic: str, shard: int = 0) -> Lease | None:
        """Take the lead when it is this client's turn."""
        seat = (topic, shard)
        lease = self._leases.get(seat)
        if self._shared.elects and self._shared.seats.setdefault(seat, self) is self:
            # Also where this client had it before: who had it meanwhile has led.
            if lease is None or lease.epoch != self._shared.epochs[seat]:
                lease = self._leases[seat] = self.lead(topic, shard)
        elif lease is not None:
            self._check_lease(topic_named(self._shared.table, topic), lease)
        elif not self._shared.elects:
            lease = self._leases[seat] = self.lead(topic, shard)
        return lease

    def shares(self, topic: str) -> frozenset[int]:
        """Return all partitions, or with elections those that nobody else has."""
        return frozenset(p for p in range(self.partitions(topic)) if not self._shared.elects
                         or self._shared.seats.setdefault((topic, p), self) is self)

    def topics(self) -> Iterable[str]:
        """Return the topics' names."""
        return tuple(self._shared.table)

    def samples(self) -> Samples:
        """Return nothing: who appends and who reads are one thread."""
        return {}

    def reachable(self) -> bool:
        """Return True: the bus is here."""
        return True

    def close(self) -> None:
        """Give up every lead; the clients share all else."""
        for topic, shard in [seat for seat, client in self._shared.seats.items() if client is self]:
            self._shared.unseat(topic, shard)
