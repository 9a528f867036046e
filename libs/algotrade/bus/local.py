"""The durable bus of one host: SQLite files in a folder, one per writing process, and nothing to install or to start.

Each process writes only its own file, so planes never wait for one another's transactions; all read all. Promises and
hints are in shared memory (``board``), wake-ups are FIFOs (``bell``). Everything survives kill -9 of any process at any
moment: SQLite recovers its write-ahead log, the kernel drops the locks of the dead, and half-made files have no name
yet.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

import apsw

from algotrade.bus.bell import Bells
from algotrade.bus.board import Board
from algotrade.bus.folder import BusFolder, remove_folder
from algotrade.bus.logfile import SQLITE_VERSION_MIN, LogReader, LogWriter, TopicPart
from algotrade.bus.port import PROMISE_NONE, BusError, Lease, Message, Outgoing
from algotrade.bus.rules import by_partition, check_partition, check_position, check_writer, partition_of, topic_named
from algotrade.bus.topics import DEAD_WRITER, TOPICS, Topic
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, SystemClock
from algotrade.telemetry.metrics import Histogram, Labels, Samples

_WRITER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_HINT = "next:"


class LocalBus:
    """The bus in ``folder``, made where it is missing, opened as ``writer``; see ``port.Bus`` for the methods.

    ``writer``  ``Topic.writer`` of the topics it may append to, and the group it may commit for; None only looks (and
                may append dead letters, as everybody may)
    ``topics``  the table; a process with a newer table adds the new topics to its own file

    Raises ``FormatUnsupported`` and ``BusError`` for a folder that cannot be used.
    """

    def __init__(self, folder: str | PathLike[str], writer: str | None, topics: Mapping[str, Topic] = TOPICS) -> None:
        _check_sqlite()
        assert writer is None or (_WRITER.fullmatch(writer) and writer != DEAD_WRITER), f"writer {writer!r}"
        self._table = dict(topics)
        self._writer = writer
        self._readers: dict[str, LogReader] = {}
        self._writers: dict[str, LogWriter] = {}
        self._own_promises: dict[str, int] = {}
        self._leases: dict[str, Lease] = {}
        self._seen_promises: dict[str, int] = {}
        self._hints = {(t.name, p): f"{_HINT}{t.name}/{p}" for t in topics.values() for p in range(t.partitions)}
        self._inputs = [(t.name, p) for t in topics.values() if t.writer not in (writer, DEAD_WRITER)
                        for p in range(t.partitions)]
        self._taken: dict[tuple[str, int], int] = {}
        self._clock = SystemClock()
        self._append_latency = Histogram()
        self._epoch = 0
        self._folder = BusFolder(Path(folder), create=True, in_use=writer is not None)
        self._board: Board | None = None
        self._bells: Bells | None = None
        try:
            self._board = Board(self._folder)
            self._bells = Bells(self._folder, self._board, writer or "observer")
            if writer is not None:
                self._own_file(writer)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def remove(folder: str | PathLike[str]) -> None:
        """Remove a bus folder, so that a start begins clean; nothing happens where there is none.

        Raises ``FormatUnsupported`` for what is not a bus folder, ``BusError`` while a process writes in it.
        """
        remove_folder(Path(folder))

    @staticmethod
    def check_unused(folder: str | PathLike[str]) -> None:
        """Raise ``BusError`` while a process writes in the folder, ``FormatUnsupported`` for what is no bus folder."""
        opened = BusFolder(Path(folder), create=False)
        try:
            with opened.unused():
                pass
        finally:
            opened.close()

    @staticmethod
    def forget_promises(folder: str | PathLike[str]) -> None:
        """Take back every promise; who starts all planes of a folder calls this before the first one.

        Raises ``BusError`` while a process writes in the folder.
        """
        opened = BusFolder(Path(folder), create=True)
        try:
            with opened.unused():
                board = Board(opened)
                board.forget()
                board.close()
        finally:
            opened.close()

    def append(self, topic: str, messages: Sequence[Outgoing], *, lease: Lease | None = None) -> list[int]:
        """Append ``messages`` in one transaction; on return they survive as the topic's row says."""
        return self.append_all([(topic, messages)], lease=lease)[0]

    def append_all(self, appends: Sequence[tuple[str, Sequence[Outgoing]]], *, lease: Lease | None = None,
                   promises: Mapping[str, int] | None = None,
                   holding: Mapping[str, int] | None = None,
                   soon: bool = False) -> list[list[int]]:  # noqa: ARG002 -- here telling costs nothing
        """Append to several topics in one transaction, flushed if one of them is to be; then promise, then ring."""
        parts = []
        for topic, messages in appends:
            row = topic_named(self._table, topic)
            check_writer(row, self._writer)
            assert lease is None or topic_named(self._table, lease.topic).writer == row.writer, f"{lease} for {topic}"
            parts.append(TopicPart(row, by_partition(row, messages), messages))
        positions: list[list[int]] = [[] for _ in parts]
        if any(part.messages for part in parts):
            (writer,) = {part.topic.writer for part in parts}
            began_ns = self._clock.monotonic_ns()
            positions = self._own_file(writer).append(parts, lease, self._limit)
            self._append_latency.observe((self._clock.monotonic_ns() - began_ns) / NANOSECONDS_PER_SECOND)
        raised = self._raise({**(holding or {}), **(promises or {})})
        if raised or any(positions):
            self._ring()
        return positions

    def read(self, topic: str, position: int, *, messages_max: int, partition: int = 0) -> list[Message]:
        """Return messages from ``position`` on; with nothing new, this costs no SELECT."""
        row = topic_named(self._table, topic)
        check_partition(row, partition)
        if self._opened_board.get(self._hints[topic, partition]) == position:
            return []
        file = self._file(row.writer)
        messages = [] if file is None else file.read(topic, partition, position, messages_max)
        if not messages or messages[0].position != position:
            # Either there is nothing, or what was asked for is gone: the bounds tell. They are read second, and the
            # log's start only ever rises, so they cannot hide a gap.
            check_position(topic, partition, position, self.bounds(topic, partition))
            assert not messages, f"{topic}/{partition} has a hole at position {position}"
        self._taken[topic, partition] = position + len(messages)
        return messages

    def bounds(self, topic: str, partition: int = 0) -> tuple[int, int]:
        """Return where the log begins and ends."""
        row = topic_named(self._table, topic)
        check_partition(row, partition)
        file = self._file(row.writer)
        if file is None:
            return 0, 0
        state = file.state(topic, partition)
        return state.oldest, state.following

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of ``topic``."""
        return topic_named(self._table, topic).partitions

    def partition_for(self, topic: str, key: bytes) -> int:
        """Return the partition of ``key``."""
        return partition_of(topic_named(self._table, topic), key)

    def wait(self, timeout_s: float) -> None:
        """Sleep until another process rings, for 100 ms at the most."""
        assert self._bells is not None
        self._bells.wait(timeout_s)

    def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Note in this process's own file that ``group`` needs nothing below ``positions``."""
        assert group == self._writer, f"{self._writer} may not commit for {group}"
        for topic, partition in positions:
            check_partition(topic_named(self._table, topic), partition)
        if positions:
            self._own_file(group).commit(group, positions)
            self._ring()

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """Return what ``group`` committed, from its file."""
        check_partition(topic_named(self._table, topic), partition)
        file = self._file(group)
        return 0 if file is None else file.committed(group, topic, partition)

    def trim(self, topic: str, below: int, partition: int = 0) -> None:
        """Forget messages before ``below``."""
        row = topic_named(self._table, topic)
        check_writer(row, self._writer)
        check_partition(row, partition)
        assert row.compacted, f"{topic} is not compacted: retention is what shortens it"
        self._own_file(row.writer).trim(topic, partition, below)

    def promise(self, name: str, value: int) -> None:
        """Raise a promise on the board, and ring.

        A name has one promising process. Should a predecessor of it still be alive, it could undo a raise between two
        of its instructions; no reader sees that, because what it has seen of a promise never falls.
        """
        if self._raise({name: value}):
            self._ring()

    def _raise(self, promises: Mapping[str, int]) -> bool:
        """Raise promises on the board; tell whether any of them is new to others."""
        raised = False
        board = self._opened_board
        for name, value in promises.items():
            assert not name.startswith(_HINT), f"promise name {name!r}"
            assert value >= self._own_promises.get(name, PROMISE_NONE), f"promise {name} lowered to {value}"
            self._own_promises[name] = value
            if value > board.get(name):
                # After the hints and commits of everything appended before; see the board on memory order.
                board.fence()
                board.set(name, value)
                raised = True
        return raised

    def promised(self, name: str) -> int:
        """Return a promise; what was appended before it is found by every read that follows."""
        board = self._opened_board
        value = max(board.get(name), self._seen_promises.get(name, PROMISE_NONE))
        self._seen_promises[name] = value
        board.fence()
        return value

    def lead(self, topic: str, shard: int = 0) -> Lease:
        """Take the lead of ``topic``; the leader before gets ``Superseded`` at its next append with its lease."""
        assert shard == 0, f"shard {shard}: on one host one process has them all"
        row = topic_named(self._table, topic)
        check_writer(row, self._writer)
        lease = self._own_file(row.writer).lead(topic)
        self._epoch = lease.epoch
        return lease

    def campaign(self, topic: str, shard: int = 0) -> Lease | None:
        """Take the lead when asked for the first time: on one host whoever starts last leads."""
        if topic not in self._leases:
            self._leases[topic] = self.lead(topic, shard)
        return self._leases[topic]

    def shares(self, topic: str) -> frozenset[int]:
        """Return all partitions."""
        return frozenset(range(self.partitions(topic)))

    def topics(self) -> Iterable[str]:
        """Return the topics' names."""
        return tuple(self._table)

    def samples(self) -> Samples:
        """Return how far this plane is behind in what others write, and how long its appends take."""
        board = self._opened_board
        behind: dict[Labels, float] = {
            (topic, str(p)): max(0, board.peek(self._hints[topic, p]) - taken)
            for topic, p in self._inputs if (taken := self._taken.get((topic, p))) is not None}
        return {
            "algotrade_bus_lag_messages": behind,
            "algotrade_bus_append_latency_seconds": self._append_latency,
            "algotrade_bus_epoch": self._epoch,
        }

    def reachable(self) -> bool:
        """Return True: the bus is here."""
        return True

    def close(self) -> None:
        """Close every file; a second call does nothing."""
        for file in (*self._readers.values(), *self._writers.values()):
            file.close()
        self._readers.clear()
        self._writers.clear()
        if self._bells is not None:
            self._bells.close()
        if self._board is not None:
            self._board.close()
        self._folder.close()

    @property
    def _opened_board(self) -> Board:
        assert self._board is not None
        return self._board

    def _ring(self) -> None:
        assert self._bells is not None
        self._bells.ring()

    def _hint(self, topic: str, partition: int, following: int) -> None:
        # Stored under the file's write lock and before the commit. So it is never too low, which would hide a message,
        # and when it is too high, because the commit fails or has yet to come, a look finds nothing.
        self._opened_board.set(self._hints[topic, partition], following)

    def _limit(self, topic: str, partition: int) -> int:
        """Return the position below which every named reader has committed."""
        return min(self.committed(reader, topic, partition) for reader in self._table[topic].readers)

    def _own_file(self, writer: str) -> LogWriter:
        file = self._writers.get(writer)
        if file is None:
            rows = [topic for topic in self._table.values() if topic.writer == writer]
            file = self._writers[writer] = LogWriter(self._folder, f"{writer}.db", rows, self._hint)
        return file

    def _file(self, writer: str) -> LogReader | None:
        """Return the file of ``writer``, None as long as it does not exist."""
        file: LogReader | None = self._writers.get(writer) or self._readers.get(writer)
        if file is None:
            path = self._folder.path / f"{writer}.db"
            if not path.exists():
                return None
            file = self._readers[writer] = LogReader(path)
        return file


def _check_sqlite() -> None:
    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split("."))) < SQLITE_VERSION_MIN:
        raise BusError(f"SQLite is {version}; allowed: {'.'.join(map(str, SQLITE_VERSION_MIN))} or newer")
