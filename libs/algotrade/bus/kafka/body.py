"""The bus between hosts: Apache Kafka under the contract of ``bus.port``.

Positions are offsets. They rise, but not always by one: markers of epochs (``epochs``) and what they void have offsets
too. Markers apart, a record's value is the message's framed bytes, and its key the message's key.

What Kafka does not have is made here from what it has: a read that knows the log's end (``tail``), retention that
respects readers (``retention``), leases (``epochs``), promises (``promises``).
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from algotrade.bus.codec import Undecodable
from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import LOOK_S_MAX, Administrator, Appender, Fetcher, Seats, Teller
from algotrade.bus.kafka.cluster import shards_there
from algotrade.bus.kafka.counts import counted
from algotrade.bus.kafka.epochs import LeaderLog, installed
from algotrade.bus.kafka.fence import Fence
from algotrade.bus.kafka.membership import Membership
from algotrade.bus.kafka.meter import Meter
from algotrade.bus.kafka.names import (
    PROMISES,
    candidates,
    group_name,
    leader_topic,
    whole_name,
)
from algotrade.bus.kafka.promises import Promises
from algotrade.bus.kafka.records import Consumed, Lane, Record
from algotrade.bus.kafka.retention import Kept
from algotrade.bus.kafka.strangers import Strangers
from algotrade.bus.kafka.tail import Tails
from algotrade.bus.kafka.watch import UNREACHABLE_S, Watch
from algotrade.bus.port import BusError, BusUnreachable, Lease, Message, Outgoing, Superseded, TopicUnknown
from algotrade.bus.rules import (
    by_partition,
    check_partition,
    check_writer,
    full,
    partition_bytes_max,
    partition_of,
    shortened,
    size_bytes,
    topic_named,
)
from algotrade.bus.topics import DATA_PLANE, DEAD_WRITER, SHARED_OUT, TOPICS, Topic, led_together, with_shards
from algotrade.domain.clock import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND, SystemClock
from algotrade.telemetry.metrics import Samples

TELL_AGAIN_NS = 250 * NANOSECONDS_PER_MILLISECOND
"""A waiting writer tells its promises again after this: one may have been lost, or come before its hearer."""

SOON_NS = 20 * NANOSECONDS_PER_MILLISECOND
"""So long a promise may wait for another one to be told with."""

PROMISES_READ_BACK = 1_000
"""Records of the promises topic that a bus looks at when it is opened."""


class KafkaBus:
    """The bus of ``address.run``, opened as ``writer``; see ``port.Bus`` for the methods.

    ``writer``  ``Topic.writer`` of the topics it may append to, and the group it may commit for; None only looks (and
                may append dead letters, as everybody may)
    ``topics``  the table; ``create_topics`` has made it on the cluster

    Raises ``TopicUnknown`` where the cluster does not have them, ``BusUnreachable`` and ``BusForbidden``.
    """

    def __init__(self, address: KafkaAddress, access: KafkaAccess, writer: str | None,
                 topics: Mapping[str, Topic] = TOPICS) -> None:
        self._address, self._access, self._writer = address, access, writer
        self._admin = Administrator(address, access)
        self._table = with_shards(topics, shards_there(address.run, self._admin.topics()) or 1)
        self._lanes = {(row.name, p): (whole_name(address.run, row.name), p)
                       for row in self._table.values() for p in range(row.partitions)}
        self._labels = {lane: (topic, str(p)) for (topic, p), lane in self._lanes.items()}
        # A dead letter waits for people; a plane only looks whether it has buried something before.
        self._inputs = {lane for (topic, _), lane in self._lanes.items()
                        if topics[topic].writer not in (writer, DEAD_WRITER)}
        self._clock = SystemClock()
        self.meter = Meter()
        self._check_topics()
        self._appender = Appender(address, access, self.meter.error)
        self._teller = Teller(address, access, self.meter.error)
        # The data plane hears when its readers are ready, and who only looks is in no hurry either.
        self._fetcher = Fetcher(address, access, group_name(address, writer), self.meter.error,
                                at_leisure=writer in {None, DATA_PLANE}, is_polled=writer is not None)
        self._tails = Tails(self._fetcher, self._floor, lambda: self._new_fetcher(tells_end=True),
                            self._hear_beside)
        self._strangers = Strangers(self, writer, address.run)
        self._kept: dict[Lane, Kept] = {}
        self._own_ends: dict[Lane, int] = {}
        self._leader_logs: dict[Lane, LeaderLog] = {}
        self._fences: dict[int, Fence] = {}
        self._members: Membership | None = None
        self._leases: dict[int, tuple[int, Lease]] = {}
        """By shard, with how often its seat had been given to this process then."""
        self._commits: dict[tuple[str, int], int] = {}
        self._promises = Promises(writer or "observer")
        self._watch = Watch(lambda: self._admin.answers(whole_name(address.run, PROMISES)), self._clock)
        self._told_ns = 0
        self._untold = False
        self._closed = False
        self._hear_promises()

    def append(self, topic: str, messages: Sequence[Outgoing], *, lease: Lease | None = None) -> list[int]:
        """Append ``messages``; on return all in-sync replicas have them, and with a lease they are known to count."""
        return self.append_all([(topic, messages)], lease=lease)[0]

    def append_all(self, appends: Sequence[tuple[str, Sequence[Outgoing]]], *, lease: Lease | None = None,
                   promises: Mapping[str, int] | None = None,
                   holding: Mapping[str, int] | None = None, soon: bool = False) -> list[list[int]]:
        """Append to several topics at once; a crash may leave any part of it. Then promise.

        What holds already travels with what is appended: it arrives with it, and not a round trip later.
        """
        rows = []
        for topic, messages in appends:
            row = topic_named(self._table, topic)
            check_writer(row, self._writer)
            assert lease is None or topic_named(self._table, lease.topic).writer == row.writer, f"{lease} for {topic}"
            rows.append((row, messages, by_partition(row, messages)))
        if lease is not None:
            self._check_lease(lease)
        for row, messages, indices in rows:
            for partition, some in indices.items():
                self._make_room(row, partition, sum(size_bytes(messages[i]) for i in some))
        records = [record for row, messages, _ in rows for record in self._records(row, messages, lease)]
        if holding and not records:
            self._promise(holding)
        elif holding and self._promises.raise_to(holding):
            self._untold = True  # to who does not read these records
            lane, first = records[0]
            records[0] = lane, msgspec.structs.replace(first, told=self._promises.told(self._own_ends))
        offsets = self._send(records) if records else []
        for (lane, record), offset in zip(records, offsets, strict=True):
            self._note(lane, offset, record)
        if lease is not None and records:
            self._check_counts(lease, {lane: offset for (lane, _), offset in zip(records, offsets, strict=True)})
        if promises:
            self._promise(promises, soon=soon)
        given = iter(offsets)
        return [[next(given) for _ in messages] for _, messages, _ in rows]

    def read(self, topic: str, position: int, *, messages_max: int, partition: int = 0) -> list[Message]:
        """Return messages from ``position`` on."""
        return self._tails.read(topic, self._lane(topic, partition), position, messages_max)

    def bounds(self, topic: str, partition: int = 0) -> tuple[int, int]:
        """Return where the log begins and ends, as the cluster has it now."""
        return self._bounds(self._lane(topic, partition))

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of ``topic``."""
        return topic_named(self._table, topic).partitions

    def partition_for(self, topic: str, key: bytes) -> int:
        """Return the partition of ``key``."""
        return partition_of(topic_named(self._table, topic), key)

    def wait(self, timeout_s: float) -> None:
        """Sleep until something comes."""
        silent_ns = self._clock.monotonic_ns() - self._told_ns
        if self._promises.are_made and silent_ns > (SOON_NS if self._untold else TELL_AGAIN_NS):
            self._tell()
        if self._untold:
            timeout_s = min(timeout_s, SOON_NS / NANOSECONDS_PER_SECOND)
        self._tails.drain(timeout_s)
        self._strangers.bury()

    def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Commit group offsets, those that rise."""
        assert group == self._writer, f"{self._writer} may not commit for {group}"
        rising = {key: position for key, position in positions.items() if position > self.committed(group, *key)}
        if rising:
            self._fetcher.commit({self._lanes[key]: position for key, position in rising.items()})
            self._commits.update(rising)

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """Return what ``group`` committed, as the cluster has it now."""
        lane = self._lane(topic, partition)
        if group != self._writer:
            return self._admin.committed(whole_name(self._address.run, group), lane)
        if (topic, partition) not in self._commits:
            self._commits[topic, partition] = self._fetcher.committed(lane)
        return self._commits[topic, partition]

    def trim(self, topic: str, below: int, partition: int = 0) -> None:
        """Delete the records below ``below``."""
        row = topic_named(self._table, topic)
        check_writer(row, self._writer)
        lane = self._lane(topic, partition)
        assert row.compacted, f"{topic} is not compacted: retention is what shortens it"
        kept = self._kept_of(row, lane)
        below = min(below, kept.high)
        if below > kept.low:
            # Only room is at stake: what cannot go now, as no broker leads the partition, goes with the next trim.
            with contextlib.suppress(BusUnreachable):
                self._admin.delete_records(lane, below, patience_s=LOOK_S_MAX)
                kept.deleted(below)

    def promise(self, name: str, value: int) -> None:
        """Raise a promise."""
        self._promise({name: value})

    def promised(self, name: str) -> int:
        """Return a promise; what was appended before it is found by every read that follows."""
        self._tails.drain(0)
        self._strangers.bury()
        return self._promises.value(name)

    def lead(self, topic: str, shard: int = 0) -> Lease:
        """Take the lead of what this plane writes of ``shard``; it covers what a lease on any of its topics covers."""
        row = topic_named(self._table, topic)
        check_writer(row, self._writer)
        claims = (whole_name(self._address.run, leader_topic(row.writer)), shard)
        own = [(other, self._lanes[other.name, p]) for other, p in led_together(self._table, row.writer, shard)]
        # What another process of this plane has appended, deleted and committed since is asked for anew.
        for _, lane in own:
            self._kept.pop(lane, None)
        self._commits.clear()
        (offset,) = self._appender.append([(claims, Record(b"", b"", 0))])
        epoch = offset + 1
        markers = [(lane, Record(b"", b"", self._kept_of(other, lane).through, epoch, is_marker=True))
                   for other, lane in own]
        offsets = self._appender.append(markers)
        stand = {}
        for (lane, record), at in zip(markers, offsets, strict=True):
            self._note(lane, at, record)
            stand[lane] = at
        self._appender.append([(claims, Record(b"", installed(epoch, stand), 0))])
        # Our markers may have been so long on their way that a newer leader's stand before them, where the fence does
        # not look. Whoever claims after this has them behind ours, where it does.
        newest = self._leader_log(row.writer, shard).newest_claim
        if newest > epoch:
            raise Superseded(f"epoch {epoch} of {topic} is over before it began; epoch {newest} leads")
        if shard in self._fences:
            self._fences[shard].close()
        self._fences[shard] = Fence(self._new_fetcher(is_polled=True), stand)
        self.meter.epoch = epoch
        return Lease(topic=topic, epoch=epoch, shard=shard)

    def campaign(self, topic: str, shard: int = 0) -> Lease | None:
        """Take the lead once the group of this plane's processes gives it to this one."""
        now = self._joined(topic).given(shard)
        given, lease = self._leases.get(shard, (0, None))
        if now > given:
            # Also where this process had it before: who had it meanwhile has led.
            try:
                lease = self.lead(topic, shard)
            except Superseded:
                self._joined(topic).supersede(shard, now)
                raise
            self._leases[shard] = now, lease
        elif lease is not None:
            # The log says who leads, not the group: a seat may move before anybody has taken the lead.
            self._check_lease(lease)
        return lease

    def shares(self, topic: str) -> frozenset[int]:
        """Return the shards that the group of this plane's processes gives to this one; the first answer is awaited."""
        assert topic_named(self._table, topic).sharded, f"{topic} is not sharded"
        shares = self._joined(topic).look()
        for shard in shares.gained:
            for lane in self._lanes_of(shard):
                self._kept.pop(lane, None)  # another may have written there
        for shard in shares.left:
            self._leave(shard)
        return shares.held

    def _lanes_of(self, shard: int) -> list[Lane]:
        return [self._lanes[row.name, shard] for row in self._table.values() if row.sharded]

    def _leave(self, shard: int) -> None:
        """Stop reading what belongs to a shard that another process has now."""
        for lane in self._lanes_of(shard):
            self._tails.drop(lane)
        self._leases.pop(shard, None)
        fence = self._fences.pop(shard, None)
        if fence is not None:
            fence.close()

    def _joined(self, topic: str) -> Membership:
        """Return this process's place in the group of its plane, to which it belongs from the first question on."""
        row = topic_named(self._table, topic)
        check_writer(row, self._writer)
        if self._members is None:
            self._members = Membership(Seats(
                self._address, self._access, *candidates(self._address.run, row.writer), self.meter.error))
        self.meter.rebalances = self._members.rebalances
        return self._members

    def topics(self) -> Iterable[str]:
        """Return the topics' names."""
        return tuple(self._table)

    def samples(self) -> Samples:
        """Return what this bus counted, as it is."""
        return self.meter.samples(
            standings=self._tails.standings(), labels=self._labels, inputs=self._inputs, voided=self._tails.voided,
            silent_s=self._watch.silent_s,
            waiting={"records": self._appender.waiting, "promises": self._teller.waiting})

    def reachable(self) -> bool:
        """Tell whether the cluster has answered, and what is being appended has gone through, in ``UNREACHABLE_S``."""
        return self._watch.silent_s < UNREACHABLE_S and self.meter.appending_s(self._clock) < UNREACHABLE_S

    def close(self) -> None:
        """Leave the cluster; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._untold:
            self._tell()
        if self._members is not None:
            self._members.close()
        self._watch.close()
        self._teller.close()
        self._appender.close()
        for fence in self._fences.values():
            fence.close()
        self._fetcher.close()

    def _lane(self, topic: str, partition: int) -> Lane:
        check_partition(topic_named(self._table, topic), partition)
        return self._lanes[topic, partition]

    def _check_topics(self) -> None:
        there = self._admin.topics_with({name: partition + 1 for name, partition in sorted(self._lanes.values())})
        for name, partition in self._lanes.values():
            if there.get(name, 0) <= partition:
                raise TopicUnknown(f"the cluster at {self._address} has {there.get(name, 0)} partitions of {name}; "
                                   f"`algotrade bus create` makes the topics")

    def _bounds(self, lane: Lane) -> tuple[int, int]:
        low, high = self._fetcher.bounds(lane)
        self._tails.knows_end(lane, high)
        return low, high

    def _records(self, row: Topic, messages: Sequence[Outgoing], lease: Lease | None) -> list[tuple[Lane, Record]]:
        through: dict[Lane, int] = {}
        records = []
        for message in messages:
            lane = self._lanes[row.name, partition_of(row, message.key)]
            # Dead letters have many writers, and the broker's retention: nobody counts them.
            before = 0 if row.writer == DEAD_WRITER else through.get(lane) or self._kept_of(row, lane).through
            through[lane] = before + size_bytes(message)
            records.append((lane, Record(message.key, message.value, through[lane], lease.epoch if lease else 0)))
        return records

    def _send(self, records: Sequence[tuple[Lane, Record]]) -> list[int]:
        try:
            with self.meter.appending(self._clock):
                return self._appender.append(records)
        except BusError as error:
            if type(error) is BusError:
                # A log that was shortened under its writer shows itself so: the sequences of what comes next are wrong.
                for lane in {lane for lane, _ in records}:
                    self._check_end(lane, self._fetcher.bounds(lane)[1], error)
            raise

    def _check_end(self, lane: Lane, following: int, cause: BusError | None = None) -> None:
        """Raise ``LogShortened`` where ``lane`` goes only to ``following``, and had more from here.

        What was acknowledged is lost then, and this plane would never append it again: a restart looks what there is.
        """
        end = self._own_ends.get(lane, 0)
        if following < end:
            topic, partition = self._labels.get(lane, lane)
            raise shortened(topic, int(partition), end, following) from cause

    def _note(self, lane: Lane, offset: int, record: Record) -> None:
        self._check_end(lane, offset)
        self._tails.knows_end(lane, offset + 1)
        self._own_ends[lane] = offset + 1
        kept = self._kept.get(lane)
        if kept is not None:
            # A stranger may have written meanwhile: then this is not the record that was expected here, and the count
            # is right again at the next start.
            kept.appended(offset, max(0, record.bytes_through - kept.through))

    def _make_room(self, row: Topic, partition: int, size: int) -> None:
        if row.writer == DEAD_WRITER:
            return
        lane = self._lanes[row.name, partition]
        kept = self._kept_of(row, lane)

        def limit() -> int:
            return min((self.committed(reader, row.name, partition) for reader in row.readers), default=kept.high)

        below = kept.cut_for(size, limit)
        if below is None:
            raise full(row, partition, kept.kept_bytes, limit())
        if below > kept.low:
            self._admin.delete_records(lane, below)
            kept.deleted(below)

    def _kept_of(self, row: Topic, lane: Lane) -> Kept:
        kept = self._kept.get(lane)
        if kept is None:
            low, high = self._bounds(lane)
            below, through = counted(lambda: self._new_fetcher(tells_end=True), lane, low, high)
            kept = self._kept[lane] = Kept(partition_bytes_max(row), low, high, below, through)
        return kept

    def _new_fetcher(self, *, tells_end: bool = False, is_polled: bool = False) -> Fetcher:
        return Fetcher(self._address, self._access, group_name(self._address, None), self.meter.error,
                       tells_end=tells_end, is_polled=is_polled)

    def _floor(self, lane: Lane, position: int) -> tuple[int, int]:
        row = self._table[lane[0].removeprefix(whole_name(self._address.run, ""))]
        if row.writer == DEAD_WRITER:
            return 0, position
        shard = lane[1] if row.sharded and row.writer in SHARED_OUT else 0
        return self._leader_log(row.writer, shard).floor(lane, position)

    def _leader_log(self, writer: str, shard: int) -> LeaderLog:
        """Return what the leader topic of ``writer`` says now of ``shard``."""
        lane = (whole_name(self._address.run, leader_topic(writer)), shard)
        log = self._leader_logs.get(lane)
        if log is None:
            log = self._leader_logs[lane] = LeaderLog()
            self._tails.follow(lane, 0, self._strangers.kept_out(lane, partial(_take_claim, log)))
        self._tails.follow_to(lane, self._fetcher.bounds(lane)[1])
        return log

    def _check_lease(self, lease: Lease) -> None:
        assert lease.shard in self._fences, f"{lease} was not taken here"
        with self._superseded(lease):
            self._fences[lease.shard].look(lease)

    def _check_counts(self, lease: Lease, written: Mapping[Lane, int]) -> None:
        with self._superseded(lease):
            self._fences[lease.shard].read_back(lease, written)

    @contextlib.contextmanager
    def _superseded(self, lease: Lease) -> Iterator[None]:
        """Remember that a shard is another's, when the block finds out: the group may tell later."""
        try:
            yield
        except Superseded:
            if self._members is not None:
                self._members.supersede(lease.shard, self._leases.get(lease.shard, (0, lease))[0])
            raise

    def _promise(self, promises: Mapping[str, int], *, soon: bool = False) -> None:
        """Note promises, and tell them: at once, or ``soon`` with what else there will be to tell."""
        if self._promises.raise_to(promises):
            self._untold = True
        if self._untold and (not soon or self._clock.monotonic_ns() - self._told_ns > SOON_NS):
            self._tell()

    def _tell(self) -> None:
        self._told_ns = self._clock.monotonic_ns()
        self._untold = False
        self._teller.tell(whole_name(self._address.run, PROMISES), (self._writer or "").encode(),
                          self._promises.told(self._own_ends))

    def _hear(self, told: bytes) -> None:
        for topic, partition, position in self._promises.take(told):
            self._tails.knows_end((topic, partition), position)

    def _hear_beside(self, told: bytes) -> None:
        # A stranger's header: that the record itself is none of ours its reader will find.
        with contextlib.suppress(Undecodable):
            self._hear(told)

    def _hear_promises(self) -> None:
        """Follow the promises topic from a little before its end, and take in what is there."""
        lane = (whole_name(self._address.run, PROMISES), 0)
        low, end = self._fetcher.bounds(lane)
        self._tails.follow(lane, max(low, end - PROMISES_READ_BACK), self._strangers.kept_out(lane, self._take_told))
        self._tails.follow_to(lane, end)

    def _take_told(self, record: Consumed) -> None:
        self._hear(record.value)


def _take_claim(log: LeaderLog, record: Consumed) -> None:
    log.take(record.offset, record.value)
