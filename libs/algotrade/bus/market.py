"""Puts the merged run of market records on the bus, and promises how far each topic partition has come.

A kind has a topic, and an instrument a partition of it. After every batch the writer promises for each partition, idle
ones too: every record with sequence <= n of this partition has been appended. A reader that knows this of all
partitions can put the run together again (``market_reader``) without waiting for a record that may never come.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.bus.codec import Undecodable, decode, decode_records, encode_records
from algotrade.bus.port import PROMISE_END, PROMISE_NONE, Bus, Outgoing
from algotrade.bus.rules import shortened
from algotrade.bus.topics import MARKET_BARS, MARKET_QUARANTINE, MARKET_QUOTES, MARKET_TRADES
from algotrade.domain.market import Kind, MarketBatch, Records

MARKET_TOPICS: dict[Kind, str] = {Kind.QUOTE: MARKET_QUOTES, Kind.TRADE: MARKET_TRADES, Kind.BAR: MARKET_BARS}

RECORDS_MAX = 2048
"""Records in one message: some 128 KiB, behind which larger ones are hardly faster."""

MESSAGES_PER_APPEND_MAX = 16
"""Bounds what one append asks of retention at once."""


def instrument_key(instrument: int) -> bytes:
    """Return the partition key of an instrument id."""
    return b"%d" % instrument


def promise_name(topic: str, partition: int) -> str:
    """Return the name under which the writer promises for one topic partition."""
    return f"{topic}/{partition}"


class Lane(msgspec.Struct, frozen=True, order=True):
    """One topic partition of one kind of record."""

    kind: Kind
    partition: int

    @property
    def topic(self) -> str:
        """Return the topic's name."""
        return MARKET_TOPICS[self.kind]

    @property
    def promise(self) -> str:
        """Return the name of the lane's promise."""
        return promise_name(self.topic, self.partition)


def market_lanes(bus: Bus, shards: Collection[int] | None = None) -> list[Lane]:
    """Return the partitions of the three market topics, of some shards or of all."""
    return [Lane(kind, p) for kind, topic in MARKET_TOPICS.items() for p in range(bus.partitions(topic))
            if shards is None or p in shards]


class LogPosition(msgspec.Struct, frozen=True):
    """A place in one topic partition."""

    topic: str
    partition: int
    position: int


class MarketWriter:
    """The one writer of the market topics, or of some ``shards`` of them; it passes over what belongs to others.

    At the start it looks up the last sequence in each topic partition, and never publishes at or below it: a data plane
    that was killed repeats from its snapshot, and what is in the log already stays as it is. For the same reason
    ``publish`` may be called again with a batch that a ``TopicFull`` cut short.

    ``ends`` are those that a predecessor's snapshot holds. A log that ends before has lost what that one published, and
    whoever reads on behind its snapshot would never publish it again: then ``LogShortened`` is raised.

    ``repeated``  records that were not published because their partition has them already
    """

    def __init__(self, bus: Bus, *, records_max: int = RECORDS_MAX, shards: Collection[int] | None = None,
                 ends: Sequence[LogPosition] = ()) -> None:
        assert records_max > 0, f"records_max is {records_max}"
        self._ends = {(topic, p): bus.bounds(topic, p)[1]
                      for topic in (*MARKET_TOPICS.values(), MARKET_QUARANTINE) for p in range(bus.partitions(topic))
                      if shards is None or p in shards}
        for end in ends:
            following = self._ends.get((end.topic, end.partition))
            if following is not None and following < end.position:
                raise shortened(end.topic, end.partition, end.position, following)
        self._bus = bus
        self._records_max = records_max
        self._last = {lane: last_sequence(bus, lane.topic, lane.partition) for lane in market_lanes(bus, shards)}
        self._last_quarantined = last_sequence(bus, MARKET_QUARANTINE, 0)
        self._partitions = {kind: _PartitionTable(bus, topic) for kind, topic in MARKET_TOPICS.items()}
        self._promised = PROMISE_NONE
        self._is_alone = bus.partitions(MARKET_QUOTES) == 1
        # What was promised of these lanes before, by whoever had them: that holds, and is not said again.
        self._promised_before = {lane: bus.promised(lane.promise) for lane in self._last}
        self.repeated = 0

    @property
    def last_sequences(self) -> dict[Lane, int]:
        """Return the last sequence in each topic partition, 0 where it is empty."""
        return dict(self._last)

    @property
    def last_quarantined(self) -> int:
        """Return the last sequence among the records that were kept back, 0 where there are none."""
        return self._last_quarantined

    @property
    def ends(self) -> tuple[LogPosition, ...]:
        """Return where each log ends as far as this writer knows: what belongs into a snapshot."""
        return tuple(LogPosition(topic, p, end) for (topic, p), end in self._ends.items())

    def publish(self, batch: MarketBatch, *, through: int | None = None, origin_time_ns: int = 0,
                promises: Mapping[str, int] = {}) -> None:
        """Append ``batch`` and promise every sequence up to ``through``: by default the last one of the batch.

        Batches come in the order of the run. ``through`` is above the last record where the run went on with records
        that are not published (quarantine). ``origin_time_ns`` is when this happens by the host's clock, ``promises``
        what else holds once all of it is there.
        Raises what ``Bus.append`` raises; then call it again with the same batch.
        """
        filled = [(kind, array) for kind, array in batch.arrays().items() if len(array)]
        last = max((int(array["sequence"][-1]) for _, array in filled), default=PROMISE_NONE)
        through = last if through is None else through
        assert last <= through < PROMISE_END, f"batch goes to sequence {last}, promised is {through}"
        parts = [part for kind, array in filled for part in self._parts(kind, array, origin_time_ns)]
        for start in range(0, max(1, len(parts)), MESSAGES_PER_APPEND_MAX):
            some = parts[start:start + MESSAGES_PER_APPEND_MAX]
            by_topic: dict[str, list[Outgoing]] = {}
            for part in some:
                by_topic.setdefault(part.lane.topic, []).append(part.message)
            is_last = start + MESSAGES_PER_APPEND_MAX >= len(parts)
            lanes = self._promises(through) if is_last else {}
            # Of a partition that gets nothing, the promise is true before the others have got theirs.
            busy = {part.lane.promise for part in some}
            after = {name: value for name, value in lanes.items() if name in busy} | (dict(promises) if is_last else {})
            positions = self._bus.append_all(
                list(by_topic.items()), promises=after,
                holding={name: value for name, value in lanes.items() if name not in busy},
                # A record tells by itself how far its partition has come, and the next batch tells the rest. Of other
                # shards nobody knows, until they say so.
                soon=self._is_alone)
            given = {topic: iter(places) for topic, places in zip(by_topic, positions, strict=True)}
            for part in some:
                self._last[part.lane] = part.last_sequence
                self._ends[part.lane.topic, part.lane.partition] = next(given[part.lane.topic]) + 1
        self._promised = max(self._promised, through)

    def quarantine(self, batch: MarketBatch, *, origin_time_ns: int = 0) -> None:
        """Append records that the quality gate kept back to their own topic; nothing is promised of it."""
        fresh = [(kind, above(array, self._last_quarantined)) for kind, array in batch.arrays().items()]
        pieces = [(kind, piece) for kind, array in fresh for piece in self._pieces(array)]
        if not pieces:
            return
        # The last message has the highest sequence, so that a restart finds it with one look.
        pieces.sort(key=lambda kind_piece: int(kind_piece[1]["sequence"][-1]))
        positions = self._bus.append(MARKET_QUARANTINE, [
            Outgoing(instrument_key(int(piece["instrument"][0])), encode_records(kind, piece, origin_time_ns))
            for kind, piece in pieces
        ])
        self._last_quarantined = int(pieces[-1][1]["sequence"][-1])
        self._ends[MARKET_QUARANTINE, 0] = positions[-1] + 1

    def finish(self) -> None:
        """Promise that nothing more will come, on any partition."""
        self._bus.append_all([], promises=self._promises(PROMISE_END))
        self._promised = PROMISE_END

    def _parts(self, kind: Kind, array: Records, origin_time_ns: int) -> Iterator["_Part"]:
        """Yield the messages that carry what of ``array`` its partitions do not have yet, in order."""
        assert rises(array["sequence"]), f"sequences of {kind.name} do not rise"
        for partition, rows in self._partitions[kind].split(array):
            lane = Lane(kind, partition)
            if lane not in self._last:
                continue
            fresh = above(rows, self._last[lane])
            self.repeated += len(rows) - len(fresh)
            for piece in self._pieces(fresh):
                message = Outgoing(
                    instrument_key(int(piece["instrument"][0])), encode_records(kind, piece, origin_time_ns))
                yield _Part(lane, int(piece["sequence"][-1]), message)

    def _pieces(self, array: Records) -> Sequence[Records]:
        return [array[i:i + self._records_max] for i in range(0, len(array), self._records_max)]

    def _promises(self, value: int) -> dict[str, int]:
        return {lane.promise: value for lane, before in self._promised_before.items()
                if value > max(before, self._promised)}


class _Part(msgspec.Struct, frozen=True, gc=False):
    """One message for one topic partition."""

    lane: Lane
    last_sequence: int
    message: Outgoing


class _PartitionTable:
    """Instrument id -> partition, looked up once per instrument."""

    def __init__(self, bus: Bus, topic: str) -> None:
        self._bus = bus
        self._topic = topic
        self._count = bus.partitions(topic)
        self._table: npt.NDArray[np.int32] = np.empty(0, dtype=np.int32)

    def split(self, array: Records) -> list[tuple[int, Records]]:
        """Return the records of each partition that has any, in their order."""
        if self._count == 1:
            return [(0, array)]
        instruments = array["instrument"]
        for instrument in range(len(self._table), int(instruments.max()) + 1):
            partition = self._bus.partition_for(self._topic, instrument_key(instrument))
            self._table = np.append(self._table, np.int32(partition))
        partitions = self._table[instruments]
        return [(int(p), array[partitions == p]) for p in np.unique(partitions)]


def rises(sequences: npt.NDArray[np.int64]) -> bool:
    """Tell whether each sequence is above the one before."""
    return bool((sequences[1:] > sequences[:-1]).all())


def above(array: Records, sequence: int) -> Records:
    """Return the rows of ``array`` (rising sequences) above ``sequence``, as a view."""
    if not len(array) or array["sequence"][0] > sequence:
        return array
    return array[int(np.searchsorted(array["sequence"], sequence, side="right")):]


def last_sequence(bus: Bus, topic: str, partition: int) -> int:
    """Return the last sequence in a topic partition of records, 0 where there is none.

    What does not decode is passed over here; a reader sends it to the dead-letter topic when it gets there.
    """
    oldest, following = bus.bounds(topic, partition)
    for position in range(following - 1, oldest - 1, -1):
        sequence = sequence_at(bus, topic, partition, position)
        if sequence:
            return sequence
    return 0


def sequence_at(bus: Bus, topic: str, partition: int, position: int) -> int:
    """Return the last sequence in the message at ``position``; 0 for none, and for one that says nothing of the run.

    Such are those without records, undecodable and replayed ones.
    """
    messages = bus.read(topic, position, messages_max=1, partition=partition)
    if not messages or messages[0].position != position:
        return 0  # On some bodies positions are taken by what is no message.
    try:
        frame = decode(messages[0].value)
        array = decode_records(frame)
    except Undecodable:
        return 0
    return int(array["sequence"][-1]) if len(array) and not frame.is_replayed else 0
