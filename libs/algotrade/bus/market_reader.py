"""Gives the merged run of market records back from the topic partitions it was spread over.

No order holds between partitions. What makes the run whole again is the writer's promise (``market``): once every
partition is known to have come to sequence n, by its promise or by a record at or above n read from it, all records up
to n are there, and sorting them by sequence is the run. The promise is read first, then the log, never the other way
round: a record appended between the two looks would be missed and yet covered by the promise.
"""

from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress

import msgspec
import numpy as np

from algotrade.bus.codec import Frame, Undecodable, records_of
from algotrade.bus.market import Lane, LogPosition, above, market_lanes, rises, sequence_at
from algotrade.bus.port import PROMISE_END, Bus, PositionGone
from algotrade.bus.reader import TopicReader
from algotrade.bus.rules import check_position, shortened
from algotrade.domain.market import Kind, MarketBatch, Records, joined, no_records, rows_to
from algotrade.telemetry import get_log

RECORDS_BUFFERED_MAX = 1 << 18
"""Records held back by default: read, but behind what every partition is known to have reached."""

RECORDS_PER_READ = 8_192
"""Records that one look at one partition should bring; the buffer may exceed its bound by what it brings. Some 512 KiB:
larger looks are no faster, and what they hold would leave the processor's cache before it is used."""

MESSAGES_PER_READ = (4, 64)
"""Messages of one look, at least and at most: as many as it takes where they are as large as those of the last look. A
backlog of messages of one record each is caught up with ten times as fast as four at a time."""


class MarketCursor(msgspec.Struct, frozen=True):
    """How far a reader of the merged run has come: what belongs into a plane's snapshot.

    ``sequence``   everything up to it is handled, on every partition; 0 = nothing yet
    ``positions``  of the first message of each partition that is not wholly handled; a missing one is 0
    """

    sequence: int = 0
    positions: tuple[LogPosition, ...] = ()

    def commits(self) -> dict[tuple[str, int], int]:
        """Return the positions as ``Bus.commit`` and ``Snapshots.save`` take them."""
        return {(p.topic, p.partition): p.position for p in self.positions}


class MarketReader:
    """Reads the three market topics, or some ``shards`` of them, for ``group``, from ``cursor`` on.

    ``poll`` reads on and returns what is available, ``available`` returns the same without reading, ``consume`` says
    what is handled; a consumer may stop in the middle of a batch. How records were cut into messages and batches, and
    how often a message came, changes nothing of what is handed out.

    ``repeated``  records dropped because their partition had delivered that sequence before
    """

    def __init__(self, bus: Bus, *, group: str, cursor: MarketCursor = MarketCursor(),  # noqa: B008 -- frozen
                 records_buffered_max: int = RECORDS_BUFFERED_MAX, shards: Collection[int] | None = None) -> None:
        assert records_buffered_max > 0, f"records_buffered_max is {records_buffered_max}"
        self._buffered_max = records_buffered_max
        self._sequence = cursor.sequence
        positions = cursor.commits()
        self._lanes = [
            _LaneReader(bus, lane, group, positions.get((lane.topic, lane.partition), 0), cursor.sequence)
            for lane in market_lanes(bus, shards)
        ]
        self._batch: MarketBatch | None = None

    def poll(self) -> MarketBatch | None:
        """Read on without blocking; return what is available now, or None: then wait for the bus."""
        # What is available is handed out before more is read: it can be handled now, and a consumer that has to wait
        # with it in hand gains nothing by more. With nothing, the caller is going to sleep, so every lane must have
        # been read to its end first: the bell for what is there already has been drained.
        while not self._has_available() and self._look():
            pass
        return self.available() if self._has_available() else None

    def available(self) -> MarketBatch:
        """Return what is merged but not consumed, possibly nothing; arrays are shared, nobody writes to them."""
        if self._batch is None:
            by_kind: dict[Kind, list[Records]] = {}
            for lane in self._lanes:
                by_kind.setdefault(lane.kind, []).extend(lane.rows_to(self.frontier))
            self._batch = MarketBatch.of({kind: _merged(kind, arrays) for kind, arrays in by_kind.items()})
        return self._batch

    def consume(self, sequence: int) -> None:
        """Note that everything up to ``sequence`` is handled; it was available, and never goes back."""
        assert self._sequence <= sequence <= self.frontier, (
            f"consumed {sequence}; handled are {self._sequence}, available {self.frontier}")
        assert sequence < PROMISE_END, "consume the last record's sequence, not the end's"
        self._sequence = sequence
        if self._batch is not None:
            # A slice, not a new merge: a consumer that stops often consumes little at a time.
            self._batch = MarketBatch.of({
                kind: array[_count_to(array, sequence):] for kind, array in self._batch.arrays().items()})
        for lane in self._lanes:
            lane.drop_to(sequence)

    @property
    def frontier(self) -> int:
        """Return the sequence up to which the run is known; ``PROMISE_END`` once it is known to its end."""
        return min(lane.covered for lane in self._lanes)

    @property
    def sequence(self) -> int:
        """Return the sequence up to which everything was consumed."""
        return self._sequence

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is held back that was read and not consumed."""
        return not any(lane.held for lane in self._lanes)

    @property
    def ended(self) -> bool:
        """Tell whether the writer has finished and everything was consumed."""
        return self.is_empty and self.frontier == PROMISE_END

    @property
    def origin_time_ns(self) -> int:
        """Return the earliest publishing time of what is available, ns since 1970 UTC; 0 where none is known."""
        frontier = self.frontier
        return min((t for lane in self._lanes if (t := lane.origin_to(frontier))), default=0)

    @property
    def cursor(self) -> MarketCursor:
        """Return how far what was consumed goes."""
        return MarketCursor(self._sequence, tuple(
            LogPosition(lane.topic, lane.partition, lane.position) for lane in self._lanes))

    @property
    def repeated(self) -> int:
        """Return how many records were dropped as delivered before."""
        return sum(lane.repeated for lane in self._lanes)

    @property
    def dead(self) -> dict[str, int]:
        """Return how many messages went to the dead-letter topics, by reason."""
        total: dict[str, int] = {}
        for lane in self._lanes:
            for reason, count in lane.dead.items():
                total[reason] = total.get(reason, 0) + count
        return total

    def _has_available(self) -> bool:
        frontier = self.frontier
        return any(lane.held and lane.first <= frontier for lane in self._lanes)

    def _look(self) -> bool:
        """Read each lane once, as far as the buffer allows; False when nothing new was learnt."""
        frontier = self.frontier
        learnt = False
        for lane in self._lanes:
            if sum(one.buffered for one in self._lanes) >= self._buffered_max and (
                    lane.covered > frontier or self._has_available()):
                # Full. Only a lane that holds the others back is read on: what it brings makes room.
                continue
            learnt |= lane.look()
        if self.frontier != frontier:
            self._batch = None
        return learnt


class _LaneReader:
    """One topic partition: what was read of it and is not consumed, and how far it is known to be complete."""

    def __init__(self, bus: Bus, lane: Lane, group: str, position: int, sequence: int) -> None:
        self.kind, self.topic, self.partition = lane.kind, lane.topic, lane.partition
        self.covered = sequence
        self.held: deque[_Held] = deque()
        self.buffered = 0
        self.repeated = 0
        self._bus = bus
        self._promise = lane.promise
        self._read_to = sequence
        self._per_read = MESSAGES_PER_READ[0]
        self._reader = TopicReader(
            bus, lane.topic, rising_records(lane.kind), group=group, partition=lane.partition,
            position=_resumed(bus, lane, position, sequence),
        )

    @property
    def position(self) -> int:
        return self.held[0].position if self.held else self._reader.position

    @property
    def first(self) -> int:
        return int(self.held[0].array["sequence"][0])

    @property
    def dead(self) -> dict[str, int]:
        return self._reader.dead

    def look(self) -> bool:
        """Read the promise, then the log; tell whether anything was learnt."""
        before = self.covered
        if before == PROMISE_END:
            return False
        promised = self._bus.promised(self._promise)
        received = self._reader.read(self._per_read)
        if not received:
            self.covered = max(before, promised)
            return self.covered != before
        for message in received:
            # Late records are worth nothing, and no reader may take what another one has passed: so none does.
            fresh = message.value[:0] if message.is_replayed else above(message.value, self._read_to)
            self.repeated += len(message.value) - len(fresh)
            if len(fresh):
                self._read_to = int(fresh["sequence"][-1])
                self.held.append(_Held(message.position, message.origin_time_ns, fresh))
                self.buffered += len(fresh)
        size = max(1, sum(len(message.value) for message in received) // len(received))
        self._per_read = min(max(RECORDS_PER_READ // size, MESSAGES_PER_READ[0]), MESSAGES_PER_READ[1])
        self.covered = max(before, self._read_to)
        return True

    def rows_to(self, sequence: int) -> list[Records]:
        rows = []
        for held in self.held:
            array = held.array if held.last <= sequence else held.array[:_count_to(held.array, sequence)]
            if len(array):
                rows.append(array)
            if held.last > sequence:
                break
        return rows

    def origin_to(self, sequence: int) -> int:
        """Return the earliest origin of the messages with records up to ``sequence``; 0 for none."""
        origin_time_ns = 0
        for held in self.held:
            if held.array["sequence"][0] > sequence:
                break
            if held.origin_time_ns and not 0 < origin_time_ns <= held.origin_time_ns:
                origin_time_ns = held.origin_time_ns
        return origin_time_ns

    def drop_to(self, sequence: int) -> None:
        while self.held and self.held[0].last <= sequence:
            self.buffered -= len(self.held.popleft().array)
        if self.held:
            count = _count_to(self.held[0].array, sequence)
            self.held[0].array = self.held[0].array[count:]
            self.buffered -= count


class _Held:
    """The rest of one message that is not consumed."""

    __slots__ = ("array", "last", "origin_time_ns", "position")

    def __init__(self, position: int, origin_time_ns: int, array: Records) -> None:
        self.position = position
        self.origin_time_ns = origin_time_ns
        self.array = array
        self.last = int(array["sequence"][-1])


def _count_to(array: Records, sequence: int) -> int:
    return rows_to(array, "sequence", sequence)


def _merged(kind: Kind, arrays: list[Records]) -> Records:
    """Return one array in sequence order; a single one is not copied."""
    if len(arrays) <= 1:
        return arrays[0] if arrays else no_records(kind)
    run = joined(arrays)
    if rises(run["sequence"]):
        return run
    return run.take(np.argsort(run["sequence"], kind="stable"))


def rising_records(kind: Kind) -> Callable[[Frame], Records]:
    """Return the function that takes a frame of a market topic apart; raises ``Undecodable`` for what is no such."""
    take = records_of(kind)

    def parse(frame: Frame) -> Records:
        array = take(frame)
        if not rises(array["sequence"]):
            raise Undecodable("order", "the sequences of the records do not rise")
        return array

    return parse


def _resumed(bus: Bus, lane: Lane, position: int, sequence: int) -> int:
    """Return where to go on in a lane whose log may have lost its tail since ``position`` was noted.

    Market topics are not flushed. After power loss the log may end before ``position``, and the writer, repeating from
    its source, has perhaps cut the same records into other messages since. So walk back until what lies before holds
    nothing above ``sequence``; what then comes twice is dropped by its sequence. Without power loss: one look.

    Raises ``PositionGone`` where the log begins behind ``position``.
    """
    oldest, following = bus.bounds(lane.topic, lane.partition)
    if position < oldest:
        check_position(lane.topic, lane.partition, position, (oldest, following))
    if position > following:
        get_log().warning("log_hole", **shortened(lane.topic, lane.partition, position, following).where)
        position = following
    at = position
    # Retention may pass what was committed while this looks: nothing of that was needed.
    with suppress(PositionGone):
        while at > oldest and not 0 < (last := sequence_at(bus, lane.topic, lane.partition, at - 1)) <= sequence:
            at -= 1
            if last:
                # A message that tells nothing (it does not decode) is no reason to stop, nor to be read again.
                position = at
    return position
