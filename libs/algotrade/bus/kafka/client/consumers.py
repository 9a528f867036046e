"""Who reads partitions, and who has a seat in a group that deals them out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import ClusterMetadata

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client.errors import (
    CUT_OFF,
    FORBIDDEN,
    PASSING,
    OnError,
    asked,
    named,
    translated,
    translating,
)
from algotrade.bus.kafka.client.headers import consumed
from algotrade.bus.kafka.client.lifeline import Lifeline, closed_beside
from algotrade.bus.kafka.client.settings import (
    CONSUME_MAX,
    LEISURE_BYTES,
    LOOK_S_MAX,
    POLL_S,
    PREFETCH_KIB_MAX,
    RECORD_BYTES_MAX,
    REQUEST_S_MAX,
    SESSION_S_MAX,
    client_of,
)
from algotrade.bus.kafka.records import Consumed, End, Lane
from algotrade.bus.port import CAMPAIGN_S_MAX, BusUnreachable
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, SystemClock


class Fetcher:
    """A consumer that reads the partitions it is told to from the offsets it is told to.

    ``tells_end``   ``fetch`` yields an ``End`` whenever it has come to the end of a partition
    ``at_leisure``  what comes may come a little later, and more at once
    ``is_polled``   ``fetch`` is called all the time, as by a plane: then a lost cluster is noticed in silence, too
    """

    def __init__(self, address: KafkaAddress, access: KafkaAccess, group: str,
                 on_error: OnError | None = None, *, tells_end: bool = False, at_leisure: bool = False,
                 is_polled: bool = False) -> None:
        self._lifeline = Lifeline()
        self._begun: dict[Lane, int] = {}
        self._paused: set[Lane] = set()
        self._make = partial(client_of, Consumer, address, access, {
            **(self._lifeline.settings if is_polled else {}),
            "group.id": group, "enable.auto.commit": False, "enable.auto.offset.store": False,
            "auto.offset.reset": "error", "fetch.wait.max.ms": 20,
            "fetch.min.bytes": LEISURE_BYTES if at_leisure else 1, "fetch.error.backoff.ms": 20,
            "fetch.queue.backoff.ms": 5, "queued.max.messages.kbytes": PREFETCH_KIB_MAX,
            "fetch.message.max.bytes": 1 << 20, "fetch.max.bytes": RECORD_BYTES_MAX,
            "receive.message.max.bytes": RECORD_BYTES_MAX + (1 << 20), "isolation.level": "read_uncommitted",
            "check.crcs": True, "enable.partition.eof": tells_end, "error_cb": named(on_error),
        })
        self._consumer = self._make()

    def _stay_connected(self) -> None:
        """Go on with a new client, from where each partition was read to, where this one has lost its cluster."""
        if not self._lifeline.gives_up():
            return
        read_to = {(p.topic, p.partition): p.offset for p in self._consumer.position(self._consumer.assignment())}
        given_up, self._consumer = self._consumer, self._make()
        closed_beside(given_up)
        parts = [TopicPartition(*lane, max(offset, self._begun[lane])) for lane, offset in read_to.items()]
        if parts:
            self._consumer.incremental_assign(parts)
            self._consumer.pause([TopicPartition(*lane) for lane in self._paused])

    def _asked(self, lane: Lane, ask: Callable[[], Any]) -> Any:
        """Return what ``ask`` gives in the end; while it is not answered nothing else tells whether there is a way."""
        def try_once() -> Any:
            self._stay_connected()
            try:
                with self._lifeline.asking():
                    return ask()
            except KafkaException as error:
                if error.args[0].code() in CUT_OFF:
                    self._hear_of_leaders(lane[0])
                raise

        return asked(lane[0], try_once, look=self._look)

    def _look(self, topic: str) -> ClusterMetadata:
        with self._lifeline.asking():
            found: ClusterMetadata = self._consumer.list_topics(topic, timeout=LOOK_S_MAX)
        return found

    def _hear_of_leaders(self, topic: str) -> None:
        """Have the client learn who leads ``topic``; of one that it does not read it goes on to ask a leader that died.

        And where another broker answers, the client is not cut off.
        """
        with suppress(KafkaException):
            self._look(topic)

    def assign(self, lane: Lane, offset: int) -> None:
        """Read ``lane`` from ``offset`` on; what was read of it before is forgotten, and so is a pause."""
        part = [TopicPartition(*lane, offset)]
        self._begun[lane] = offset
        self._paused.discard(lane)
        try:
            if lane in {(p.topic, p.partition) for p in self._consumer.assignment()}:
                self._consumer.incremental_unassign([TopicPartition(*lane)])
            self._consumer.incremental_assign(part)
            # A partition that was paused would be assigned so, and nothing of it would ever come.
            self._consumer.resume(part)
        except KafkaException as error:
            raise translated(error.args[0], lane[0]) from error

    def unassign(self, lane: Lane) -> None:
        """Read no more of ``lane``."""
        self._paused.discard(lane)
        with translating(lane[0]):
            self._consumer.incremental_unassign([TopicPartition(*lane)])

    def pause(self, lane: Lane) -> None:
        """Fetch no more of ``lane`` until ``resume``."""
        self._paused.add(lane)
        self._consumer.pause([TopicPartition(*lane)])

    def resume(self, lane: Lane) -> None:
        """Fetch ``lane`` again."""
        self._paused.discard(lane)
        self._consumer.resume([TopicPartition(*lane)])

    def fetch(self, timeout_s: float) -> Iterator[tuple[Lane, Consumed | End | None]]:
        """Yield what has come, after waiting up to ``timeout_s`` for the first; may end earlier with nothing.

        None instead of a record: the log no longer has what was asked for, and its lane has to be assigned anew.
        """
        self._stay_connected()
        # consume() alone would wait for a full batch: poll() waits for the first record, the rest is there.
        with translating("the cluster"):
            first = self._consumer.poll(timeout_s)
            if first is None:
                return
            messages = [first, *self._consumer.consume(CONSUME_MAX, 0)]
        for message in messages:
            error = message.error()
            lane = (message.topic() or "", message.partition() or 0)
            if error is None:
                yield lane, consumed(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
                yield lane, None
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                yield lane, End(message.offset() or 0)
            elif error.code() not in PASSING and not error.retriable():
                raise translated(error, lane[0])

    def bounds(self, lane: Lane) -> tuple[int, int]:
        """Return (oldest offset kept, next offset), as the cluster has it now."""
        low, high = self._asked(lane, lambda: self._consumer.get_watermark_offsets(
            TopicPartition(*lane), LOOK_S_MAX, cached=False))
        return low, high

    def committed(self, lane: Lane) -> int:
        """Return what the group committed there, 0 where it never did; asked again while its coordinator moves."""
        (part,) = self._asked(lane, lambda: self._consumer.committed([TopicPartition(*lane)], LOOK_S_MAX))
        if part.error is not None:
            raise translated(part.error, lane[0])
        return max(0, int(part.offset))

    def commit(self, positions: Mapping[Lane, int]) -> None:
        """Commit offsets for the group, durably."""
        parts = [TopicPartition(*lane, offset) for lane, offset in positions.items()]
        done = self._asked(next(iter(positions)), lambda: self._consumer.commit(offsets=parts, asynchronous=False))
        for part in done or []:
            if part.error is not None:
                raise translated(part.error, part.topic)

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


class Seats:
    """A place in a group that deals out the partitions of ``topic``: who has one does the work that it stands for.

    The cluster takes a seat from a member that it has not heard of for ``SESSION_S_MAX``, or that has not looked for
    ``CAMPAIGN_S_MAX``, and gives it to another. A member that joins takes none away from the others.

    ``held``        the partitions that are this member's now, each with how often it was given to it
    ``rebalances``  how often they were dealt out anew
    """

    def __init__(self, address: KafkaAddress, access: KafkaAccess, group: str, topic: str,
                 on_error: OnError | None = None) -> None:
        self.held: dict[int, int] = {}
        self.rebalances = 0
        self._given_times: dict[int, int] = {}
        self._topic = topic
        self._lifeline = Lifeline()
        self._make = partial(client_of, Consumer, address, access, {
            **self._lifeline.settings,
            "group.id": group, "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": int(SESSION_S_MAX * 1000),
            "heartbeat.interval.ms": 1_000, "max.poll.interval.ms": int(CAMPAIGN_S_MAX * 1000),
            "enable.auto.commit": False, "auto.offset.reset": "latest", "error_cb": named(on_error),
        })
        self._consumer = self._joined()

    def _joined(self) -> Consumer:
        consumer = self._make()
        with translating(self._topic):
            consumer.subscribe([self._topic], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)
        return consumer

    def wait_dealt(self) -> None:
        """Return once the group has dealt for the first time; raises ``BusUnreachable``."""
        clock = SystemClock()
        deadline_ns = clock.monotonic_ns() + int(REQUEST_S_MAX * NANOSECONDS_PER_SECOND)
        while not self.rebalances:
            self.look(POLL_S)
            if clock.monotonic_ns() > deadline_ns:
                raise BusUnreachable(f"{self._topic}: its group has dealt nothing in {REQUEST_S_MAX:.0f} s")

    def look(self, timeout_s: float = 0) -> Mapping[int, int]:
        """Return what is held, after hearing what the group has to say."""
        if self._lifeline.gives_up():
            given_up, self._consumer = self._consumer, self._joined()
            closed_beside(given_up)
            # Who does not hear from the group does not know: it has perhaps dealt them to others.
            self.held.clear()
            self.rebalances += 1
        with translating(self._topic):
            message = self._consumer.poll(timeout_s)
        error = None if message is None else message.error()
        if error is not None and error.code() in FORBIDDEN:
            raise translated(error, self._topic)
        return self.held

    def close(self) -> None:
        """Give the seats back at once."""
        self._consumer.close()

    def _given(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        # Assigned, or the group would take them back, and never fetched: the records are read elsewhere.
        consumer.incremental_assign([TopicPartition(part.topic, part.partition, OFFSET_END) for part in parts])
        consumer.pause(parts)
        for part in parts:
            self._given_times[part.partition] = self._given_times.get(part.partition, 0) + 1
            self.held[part.partition] = self._given_times[part.partition]
        self.rebalances += 1

    def _taken(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        consumer.incremental_unassign(parts)
        if consumer is not self._consumer:
            return  # One that was given up; what it had was given back then.
        for part in parts:
            self.held.pop(part.partition, None)
        self.rebalances += 1
