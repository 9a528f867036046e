"""A plane's snapshots: its whole state with the positions it goes on from, on its own compacted topic.

A snapshot is written as chunks in one append, so it is there wholly or not at all; should a chunk be missing or damaged
all the same, the hash of the whole tells, and the snapshot before it is used. That one must still find its inputs: what
is committed for retention are therefore always the positions of the older of the two that are kept.
"""

import hashlib
import itertools
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from algotrade.bus.codec import Schema, encode_value, values_of
from algotrade.bus.port import Bus, BusError, Lease, Outgoing, PositionGone
from algotrade.bus.reader import Received, TopicReader
from algotrade.bus.rules import WHAT_TO_DO

S = TypeVar("S", bound=msgspec.Struct)

CHUNK_BYTES_MAX = 512 << 10
SNAPSHOTS_KEPT = 2
MESSAGES_PER_READ_MAX = 16


class _Chunk(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot_chunk"):
    """``index`` of ``count``, of snapshot ``number``. ``sha256`` and ``positions`` are those of the whole snapshot.

    The schema version is that of the frame: a chunk of the version before decodes too.
    """

    number: int
    index: int
    count: int
    sha256: bytes
    positions: tuple[tuple[str, int, int], ...]
    data: bytes


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """A complete snapshot in the log."""

    number: int
    position: int
    """Of its first chunk."""
    positions: tuple[tuple[str, int, int], ...]
    body: bytes


class Snapshots:
    """Writes and finds the snapshots of the plane ``group``, or of a ``shard`` of it, on ``topic``.

    ``saved``       snapshots written by this object
    ``body_bytes``  size of the newest one, 0 before there is any
    ``dead``        undecodable chunks met, by reason; they went to the dead-letter topic
    """

    def __init__(self, bus: Bus, topic: str, group: str, shard: int = 0) -> None:
        self._bus = bus
        self._topic = topic
        self._group = group
        self._shard = shard
        self._key = _key_of(bus, topic, group, shard)
        self._kept: list[_Found] | None = None
        self.saved = 0
        self.body_bytes = 0
        self.dead: dict[str, int] = {}

    def load(self) -> bytes | None:
        """Return the body of the newest complete snapshot whose hash holds, None where there is none."""
        kept = self._find()
        if not kept:
            return None
        self.body_bytes = len(kept[-1].body)
        body = kept[-1].body
        self._kept = [_without_body(found) for found in kept]
        return body

    def restored(self, of: type[S]) -> S | None:
        """Return what ``load`` returns as the state that it is; raises ``BusError`` for one of another version."""
        body = self.load()
        try:
            return None if body is None else msgspec.msgpack.decode(body, type=of)
        except msgspec.DecodeError as error:
            raise BusError(
                f"the newest snapshot of the {self._group} ({self._topic}) was written by another version of this "
                f"program ({error}); allowed: to end the run with that version, or begin a new one") from error

    def forget(self) -> None:
        """Look in the log again before the next ``save``: another process may have written there since ``load``."""
        self._kept = None

    def check_inputs(self) -> None:
        """Raise ``PositionGone`` where the newest snapshot goes on from a position that its log has no more."""
        kept = self._find() if self._kept is None else self._kept
        for topic, partition, position in kept[-1].positions if kept else ():
            oldest, _ = self._bus.bounds(topic, partition)
            if position < oldest:
                raise PositionGone(
                    f"the newest snapshot of the {self._group} ({self._topic}) goes on from {topic}/{partition} "
                    f"position {position}, but that log begins at position {oldest}: what lies between was deleted "
                    f"before it was handled. Choose: {WHAT_TO_DO}",
                    topic=topic, partition=partition, start=position, stop=oldest)

    def positions(self) -> dict[tuple[str, int], int]:
        """Return where the plane would read on from if it were restored now, by (topic, partition); only looks."""
        kept = self._find(buries=False)
        return {(topic, partition): at for topic, partition, at in kept[-1].positions} if kept else {}

    def save(self, body: bytes, positions: Mapping[tuple[str, int], int], *, lease: Lease | None = None) -> None:
        """Write ``body`` durably, then commit for retention, then forget all but the newest ``SNAPSHOTS_KEPT``.

        ``positions`` are those the plane reads on from when it is restored from ``body``, by (topic, partition).
        Raises what ``Bus.append`` raises; nothing of the snapshot is kept then.
        """
        if self._kept is None:
            self._kept = [_without_body(found) for found in self._find()]
        number = self._kept[-1].number + 1 if self._kept else 1
        rows = tuple((topic, partition, position) for (topic, partition), position in sorted(positions.items()))
        chunks = _chunks(number, body, rows)
        written = self._bus.append(self._topic, [
            Outgoing(self._key, encode_value(Schema.SNAPSHOT, chunk)) for chunk in chunks
        ], lease=lease)
        newest = _Found(number=number, position=written[0], positions=rows, body=b"")
        self._kept = [*self._kept, newest][-SNAPSHOTS_KEPT:]
        if len(self._kept) == SNAPSHOTS_KEPT:
            oldest = self._kept[0]
            self._bus.commit(self._group, {(topic, partition): at for topic, partition, at in oldest.positions})
            self._bus.trim(self._topic, oldest.position, self._shard)
        self.saved += 1
        self.body_bytes = len(body)

    def _find(self, *, buries: bool = True) -> list[_Found]:
        """Return the complete snapshots in the log, oldest first, at most ``SNAPSHOTS_KEPT``."""
        reader = TopicReader(self._bus, self._topic, values_of(Schema.SNAPSHOT, _Chunk), group=self._group,
                             position=self._bus.bounds(self._topic, self._shard)[0], partition=self._shard,
                             buries=buries)
        parts: dict[tuple[int, bytes], dict[int, Received[_Chunk]]] = {}
        while received := reader.read(MESSAGES_PER_READ_MAX):
            for one in received:
                # A second copy of a chunk is the same chunk.
                parts.setdefault((one.value.number, one.value.sha256), {}).setdefault(one.value.index, one)
        self.dead = dict(reader.dead)
        newest_first = sorted(parts.values(), key=lambda chunks: max(c.position for c in chunks.values()), reverse=True)
        complete = (found for chunks in newest_first if (found := _joined(chunks)) is not None)
        return [found for found, _ in zip(complete, range(SNAPSHOTS_KEPT), strict=False)][::-1]


def _key_of(bus: Bus, topic: str, group: str, shard: int) -> bytes:
    """Return a key of the shard's own partition: the plane's name, numbered where that one lies elsewhere."""
    keys = (f"{group}{number or ''}".encode() for number in itertools.count())
    return next(key for key in keys if bus.partition_for(topic, key) == shard)


def _chunks(number: int, body: bytes, positions: tuple[tuple[str, int, int], ...]) -> list[_Chunk]:
    digest = hashlib.sha256(body).digest()
    count = max(1, -(-len(body) // CHUNK_BYTES_MAX))
    return [
        _Chunk(number=number, index=i, count=count, sha256=digest, positions=positions,
               data=body[i * CHUNK_BYTES_MAX:(i + 1) * CHUNK_BYTES_MAX])
        for i in range(count)
    ]


def _joined(chunks: Mapping[int, Received[_Chunk]]) -> _Found | None:
    first = next(iter(chunks.values())).value
    # The number first: a chunk that is not ours may announce more than memory holds.
    if len(chunks) != first.count or sorted(chunks) != list(range(first.count)):
        return None
    body = b"".join(chunks[i].value.data for i in range(first.count))
    if hashlib.sha256(body).digest() != first.sha256:
        return None
    return _Found(number=first.number, position=min(c.position for c in chunks.values()), positions=first.positions,
                  body=body)


def _without_body(found: _Found) -> _Found:
    return msgspec.structs.replace(found, body=b"")
