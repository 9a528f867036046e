"""One SQLite file of the local bus: the logs of one writing process, with its commits and leases.

A table per topic partition, named ``topic/partition``, so that people can look inside with SQL:

    position    of the message
    end_bytes   bytes counted since the log began, up to and with this message
    key, value

and three more:

    logs      topic, partition -> oldest position kept, next position and bytes dropped, all as of the last deletion
    commits   group, topic, partition -> position below which the group will not read
    leases    topic -> newest epoch

So an append writes nothing but its message: where a log ends and how much it holds is in its last row, and ``logs``
changes only when something is deleted. That is a quarter of what would be written otherwise.

Settings that matter, each measured: write-ahead log, checkpointed by the writer alone and each 1000 pages (16000
stalled 190 ms); BEGIN IMMEDIATE, because a transaction that begins by reading and then writes gets BUSY at once;
every SELECT is fetched to its end, because an open one pins the write-ahead log. The standard library's ``sqlite3``
must never open such a file in this process: two SQLite libraries drop each other's locks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from algotrade.bus.folder import NEW_SUFFIX, BusFolder
from algotrade.bus.port import BusError, DiskFull, Lease, Message, Outgoing, Superseded
from algotrade.bus.rules import full, partition_bytes_max, size_bytes
from algotrade.bus.seam import Seam
from algotrade.bus.topics import Topic

SQLITE_VERSION_MIN = (3, 51, 3)
"""Up to 3.51.2 resetting the write-ahead log can corrupt a file (sqlite.org/wal.html, "WAL-reset bug")."""

BUSY_MS_MAX = 5_000
"""Longest wait for another process that writes the same file: two planes of one name, or a dead letter."""

CHECKPOINT_PAGES = 1_000
READER_CACHE_KIB = 256
"""A reader goes through a log once, so pages that it has seen are of no use to it."""

JOURNAL_BYTES_MAX = 16 << 20
_ENDS_PER_READ = 256

_TABLES = """
CREATE TABLE IF NOT EXISTS logs (
    topic TEXT NOT NULL, partition INTEGER NOT NULL,
    oldest INTEGER NOT NULL, next INTEGER NOT NULL, dropped_bytes INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commits (
    "group" TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY ("group", topic, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (topic TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


class LogState(msgspec.Struct, frozen=True, gc=False):
    """Where a log begins and ends, and the bytes counted up to its end and up to its beginning."""

    oldest: int
    following: int
    end_bytes: int
    dropped_bytes: int

    @property
    def kept_bytes(self) -> int:
        """Return what the log counts against its bound."""
        return self.end_bytes - self.dropped_bytes


_NO_LOG = LogState(0, 0, 0, 0)


class LogReader:
    """A file opened to be read; another process writes it. It never checkpoints, not even when it closes last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seam = Seam(path)
        with self.seam:
            # Not read-only: a reader of a write-ahead log takes part in its locks.
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            self.seam.connection = self._connection
            self._connection.set_busy_timeout(BUSY_MS_MAX)
            self._prepare()
        self._sql: dict[tuple[str, int], _Statements] = {}

    def _prepare(self) -> None:
        self._rows("PRAGMA query_only = ON")
        self._rows(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        self._rows("PRAGMA wal_autocheckpoint = 0")
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def state(self, topic: str, partition: int) -> LogState:
        """Return the bounds of a log; an empty one where the writer does not have it yet."""
        with self.seam:
            return self._state(topic, partition)

    def read(self, topic: str, partition: int, position: int, messages_max: int) -> list[Message]:
        """Return the messages that are there from ``position`` on, whatever the bounds."""
        with self.seam:
            if not self._has_log(topic, partition):
                return []
            sql = self._sql[topic, partition].read
            rows = self._rows(sql, (position, messages_max))
        return [Message(*row) for row in rows]

    def committed(self, group: str, topic: str, partition: int) -> int:
        """Return what ``group``, whose file this is, has committed; 0 where nothing."""
        with self.seam:
            rows = self._rows('SELECT position FROM commits WHERE "group" = ? AND topic = ? AND partition = ?',
                              (group, topic, partition))
        return rows[0][0] if rows else 0

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self.seam:
            self._connection.close()

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Execute one statement to its end."""
        return self._connection.execute(sql, bindings).fetchall()

    def _has_log(self, topic: str, partition: int) -> bool:
        if (topic, partition) in self._sql:
            return True
        # A writer with an older table has not made this log.
        if not self._rows("SELECT 1 FROM logs WHERE topic = ? AND partition = ?", (topic, partition)):
            return False
        self._sql[topic, partition] = _Statements(topic, partition)
        return True

    def _state(self, topic: str, partition: int) -> LogState:
        if not self._has_log(topic, partition):
            return _NO_LOG
        sql = self._sql[topic, partition].state
        ((oldest, following, end_bytes, dropped_bytes),) = self._rows(sql, (topic, partition))
        return LogState(oldest, following, end_bytes, dropped_bytes)


class _Statements:
    """The SQL on one log's table. SQLite cannot bind a table's name; this one comes from our own table of topics."""

    def __init__(self, topic: str, partition: int) -> None:
        assert '"' not in topic
        name = f'"{topic}/{partition}"'
        # One statement each, so that it sees one state of the file.
        self.read = f"SELECT position, key, value FROM {name} WHERE position >= ? ORDER BY position LIMIT ?"  # noqa: S608
        self.state = (
            f"SELECT oldest, coalesce((SELECT max(position) + 1 FROM {name}), next), "  # noqa: S608
            f"coalesce((SELECT end_bytes FROM {name} ORDER BY position DESC LIMIT 1), dropped_bytes), dropped_bytes "
            "FROM logs WHERE topic = ? AND partition = ?")
        self.ends = (
            f"SELECT position, end_bytes FROM {name} WHERE position >= ? AND position < ? "  # noqa: S608
            f"ORDER BY position LIMIT {_ENDS_PER_READ}")
        self.insert = f"INSERT INTO {name} VALUES (?, ?, ?, ?)"  # noqa: S608
        self.delete = f"DELETE FROM {name} WHERE position < ?"  # noqa: S608
        self.create = (
            f"CREATE TABLE IF NOT EXISTS {name} (position INTEGER PRIMARY KEY, end_bytes INTEGER NOT NULL, "
            "key BLOB NOT NULL, value BLOB NOT NULL) STRICT")


class TopicPart(msgspec.Struct, frozen=True):
    """What one append brings to one topic: ``rows`` are the indices of ``messages`` by partition."""

    topic: Topic
    rows: Mapping[int, Sequence[int]]
    messages: Sequence[Outgoing]


class LogWriter(LogReader):
    """A file opened by the process that writes it; made, complete, where it is missing.

    ``hint(topic, partition, next)`` is called inside each transaction that moves a log's end, before its commit. A
    second process of the same name may write the same file: SQLite's lock keeps their transactions apart.
    """

    def __init__(self, folder: BusFolder, name: str, topics: Sequence[Topic],
                 hint: Callable[[str, int, int], None]) -> None:
        self._hint = hint
        self._synchronous = ""
        self._states: dict[tuple[str, int], LogState] = {}  # as of data version ``_version``
        self._version = -1
        self._broken: BusError | None = None
        with folder.locked():
            if not (folder.path / name).exists():
                _create(folder, name)
        super().__init__(folder.path / name)
        with self._transaction(durable=False):
            for topic in topics:
                for partition in range(topic.partitions):
                    self._add_log(topic.name, partition)

    def _prepare(self) -> None:
        for pragma in (f"wal_autocheckpoint = {CHECKPOINT_PAGES}", f"journal_size_limit = {JOURNAL_BYTES_MAX}",
                       "secure_delete = OFF"):
            self._rows(f"PRAGMA {pragma}")

    def append(self, parts: Sequence["TopicPart"], lease: Lease | None,
               limit: Callable[[str, int], int]) -> list[list[int]]:
        """Append every part in one transaction, flushed if one of the topics is to be; return the positions by part.

        ``limit(topic, partition)`` tells below which position its named readers have committed; asked when room is
        short.
        """
        positions = [[0] * len(part.messages) for part in parts]
        with self._transaction(durable=any(part.topic.durable and part.messages for part in parts)):
            if lease is not None:
                self._check_lease(lease)
            for part, places in zip(parts, positions, strict=True):
                for partition, rows in part.rows.items():
                    first = self._append(part.topic, partition, [part.messages[i] for i in rows], limit)
                    for i, row in enumerate(rows):
                        places[row] = first + i
        return positions

    def _append(self, topic: Topic, partition: int, messages: Sequence[Outgoing],
                limit: Callable[[str, int], int]) -> int:
        """Append to one log and return the first position."""
        sizes = [size_bytes(message) for message in messages]
        state = self._states.get((topic.name, partition)) or self._state(topic.name, partition)
        over_bytes = state.kept_bytes + sum(sizes) - partition_bytes_max(topic)
        if over_bytes > 0:
            state = self._make_room(topic, partition, state, over_bytes, limit)
        first, end_bytes, rows = state.following, state.end_bytes, []
        for position, (message, size) in enumerate(zip(messages, sizes, strict=True), first):
            end_bytes += size
            rows.append((position, end_bytes, message.key, message.value))
        self._connection.executemany(self._sql[topic.name, partition].insert, rows)
        following = first + len(messages)
        self._states[topic.name, partition] = LogState(state.oldest, following, end_bytes, state.dropped_bytes)
        self._hint(topic.name, partition, following)
        return first

    def _make_room(self, topic: Topic, partition: int, state: LogState, over_bytes: int,
                   limit: Callable[[str, int], int]) -> LogState:
        """Delete the oldest messages that no named reader needs, as many as it takes; raises ``TopicFull``."""
        end = min(limit(topic.name, partition), state.following) if topic.readers else state.following
        enough_bytes = state.dropped_bytes + over_bytes
        below = state.oldest
        while rows := self._rows(self._sql[topic.name, partition].ends, (below, end)):
            for position, end_bytes in rows:
                below = position + 1
                if end_bytes >= enough_bytes:
                    return self._drop(topic.name, partition, state, below, end_bytes)
        raise full(topic, partition, state.kept_bytes, end)

    def trim(self, topic: str, partition: int, below: int) -> None:
        """Delete the messages before ``below``."""
        with self._transaction(durable=False):
            state = self._state(topic, partition)
            below = min(below, state.following)
            if below > state.oldest:
                ((_, end_bytes),) = self._rows(self._sql[topic, partition].ends, (below - 1, below))
                self._states[topic, partition] = self._drop(topic, partition, state, below, end_bytes)

    def _drop(self, topic: str, partition: int, state: LogState, below: int, dropped_bytes: int) -> LogState:
        self._rows(self._sql[topic, partition].delete, (below,))
        self._rows("UPDATE logs SET oldest = ?, next = ?, dropped_bytes = ? WHERE topic = ? AND partition = ?",
                   (below, state.following, dropped_bytes, topic, partition))
        return LogState(below, state.following, state.end_bytes, dropped_bytes)

    def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Store positions of ``group``, durably; a lower one than before changes nothing."""
        with self._transaction(durable=True):
            self._connection.executemany(
                "INSERT INTO commits VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "position = max(position, excluded.position)",
                [(group, topic, partition, position) for (topic, partition), position in positions.items()])

    def lead(self, topic: str) -> Lease:
        """Take the lead of ``topic``."""
        with self._transaction(durable=True):
            self._rows("INSERT INTO leases VALUES (?, 1) ON CONFLICT DO UPDATE SET epoch = epoch + 1", (topic,))
            return Lease(topic=topic, epoch=self._epoch(topic))

    def _epoch(self, topic: str) -> int:
        rows = self._rows("SELECT epoch FROM leases WHERE topic = ?", (topic,))
        return rows[0][0] if rows else 0

    def _check_lease(self, lease: Lease) -> None:
        newest = self._epoch(lease.topic)
        if lease.epoch != newest:
            raise Superseded(f"{self.path}: epoch {lease.epoch} of {lease.topic} is over; epoch {newest} leads")

    def _add_log(self, topic: str, partition: int) -> None:
        sql = self._sql[topic, partition] = _Statements(topic, partition)
        self._rows(sql.create)
        self._rows("INSERT INTO logs VALUES (?, ?, 0, 0, 0) ON CONFLICT DO NOTHING", (topic, partition))
        # A writer that was killed between hint and commit left a hint that is too high; that costs looks in vain.
        self._hint(topic, partition, self._state(topic, partition).following)

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[None]:
        """Run the body in one transaction: flushed to the disk at its end if ``durable``, rolled back if it raises."""
        if self._broken is not None:
            raise BusError(f"{self.path}: an earlier write failed, and what is on the disk is unknown: {self._broken}")
        try:
            with self.seam:
                synchronous = "FULL" if durable else "NORMAL"
                if synchronous != self._synchronous:
                    self._rows(f"PRAGMA synchronous = {synchronous}")
                    self._synchronous = synchronous
                self._rows("BEGIN IMMEDIATE")
                try:
                    if self._connection.data_version() != self._version:
                        # A second process of this name has written: what this one remembers of the logs is old.
                        self._states.clear()
                    yield
                    self._rows("COMMIT")
                    self._version = self._connection.data_version()
                except BaseException:
                    self._states.clear()
                    if self._connection.in_transaction:
                        self._rows("ROLLBACK")
                    raise
        except BusError as error:
            if isinstance(error.__cause__, apsw.IOError) and not isinstance(error, DiskFull):
                # After a failed flush the kernel may have dropped the pages: a retry would lie about them.
                self._broken = error
            raise


def _create(folder: BusFolder, name: str) -> None:
    """Build an empty file under another name and rename it; the caller holds the folder."""
    new = folder.path / (name + NEW_SUFFIX)
    with Seam(new):
        for leftover in (new, Path(f"{new}-wal"), Path(f"{new}-shm")):
            leftover.unlink(missing_ok=True)
        connection = apsw.Connection(str(new))
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute(_TABLES).fetchall()
        finally:
            connection.close()
    folder.settle(name)
