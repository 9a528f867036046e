"""The one file that knows Kafka's client: how it is configured, what its errors mean, what a record carries."""

import contextlib
import logging
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_END,
    OFFSET_INVALID,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.msk import token_callback
from algotrade.bus.kafka.records import Consumed, End, Grant, Lane, Record, TopicFacts
from algotrade.bus.port import CAMPAIGN_S_MAX, BusError, BusForbidden, BusUnreachable, TopicUnknown
from algotrade.domain.clock import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND, SystemClock

_Client = TypeVar("_Client", Producer, Consumer, AdminClient)

REQUEST_S_MAX = 30.0
"""Longest wait for an answer of the cluster that a caller needs at once; behind it the cluster counts as gone."""

DELIVERY_S_MAX = 60.0
"""Longest time an append may take; a cluster that restarts, or loses a broker, is back before."""

LOOK_S_MAX = 2.0
"""Longest single attempt to learn what a cluster has, or to have it do something; then it is asked again."""

SETTLE_S_MAX = 5.0
"""How long a topic may be unknown before it counts as missing."""

SESSION_S_MAX = 6.0
"""A member of a group that was not heard of for so long is gone; the least that brokers allow by default."""

POLL_S = 0.05
RECORD_BYTES_MAX = 17 << 20
PREFETCH_KIB_MAX = 16 << 10
CONSUME_MAX = 512

_NUMBER = struct.Struct(">q")

_SILENCE = logging.getLogger("algotrade.bus.kafka")
_SILENCE.addHandler(logging.NullHandler())
_SILENCE.propagate = False

_COMMON: dict[str, Any] = {
    "client.id": "algotrade",
    # What happens is told by our own errors and metrics; librdkafka's lines would go to standard error past the log.
    # Fatal ones do at any level, unless they are handed to somebody.
    "log_level": 0, "logger": _SILENCE,
    "socket.keepalive.enable": True,
    # A connection whose other end is gone without a word shows only in an answer that does not come: it is given up so
    # long after the question that another one can have answered before ``REQUEST_S_MAX``, even if that is cut as well.
    "socket.timeout.ms": 8_000, "socket.connection.setup.timeout.ms": 4_000,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    "topic.metadata.refresh.interval.ms": 10_000,
    "metadata.max.age.ms": 30_000,
}


class Appender:
    """An idempotent producer that waits until all in-sync replicas have what it sends."""

    def __init__(self, address: KafkaAddress, access: KafkaAccess, on_error: "OnError | None" = None) -> None:
        self._producer = _client(Producer, address, access, {
            "enable.idempotence": True, "acks": "all", "linger.ms": 0,
            "delivery.timeout.ms": int(DELIVERY_S_MAX * 1000), "request.timeout.ms": 10_000,
            "message.max.bytes": RECORD_BYTES_MAX, "queue.buffering.max.kbytes": 512 << 10,
            "partitioner": "consistent", "error_cb": _named(on_error),
        })

    @property
    def waiting(self) -> int:
        """Return how many records are not delivered yet; may be asked from another thread."""
        return len(self._producer)

    def append(self, records: Iterable[tuple[Lane, Record]]) -> list[int]:
        """Send all ``records``, in their order per partition; return their offsets once the cluster has them all.

        An error leaves open which of them it has.
        """
        wanted = list(records)
        offsets = [OFFSET_INVALID] * len(wanted)
        failed: list[KafkaError] = []
        open_count = len(wanted)

        def delivered(i: int) -> Callable[[KafkaError | None, KafkaMessage], None]:
            def note(error: KafkaError | None, message: KafkaMessage) -> None:
                nonlocal open_count
                open_count -= 1
                if error is None:
                    offsets[i] = OFFSET_INVALID if (at := message.offset()) is None or at < 0 else at
                else:
                    failed.append(error)
            return note

        for i, ((topic, partition), record) in enumerate(wanted):
            self._send(topic, partition, record, delivered(i))
        while open_count:
            # Comes back at the latest when the delivery timeout has failed what is open.
            self._poll(wanted[0][0][0])
        if failed:
            raise translated(failed[0], wanted[0][0][0])
        if OFFSET_INVALID in offsets:
            # A repetition so late that the broker knows only that it has the record, not where.
            raise BusUnreachable(f"{wanted[0][0][0]}: appended, but where was not told; a restart looks")
        return offsets

    def _send(self, topic: str, partition: int, record: Record,
              delivered: Callable[[KafkaError | None, KafkaMessage], None]) -> None:
        while True:
            try:
                self._producer.produce(topic, record.value, record.key, partition, on_delivery=delivered,
                                       headers=_headers(record))
            except BufferError:
                self._poll(topic)
            except KafkaException as error:
                raise translated(error.args[0], topic) from error
            else:
                return

    def _poll(self, topic: str) -> None:
        """Let deliveries be told. A producer that cannot go on raises here, whatever was being delivered."""
        try:
            self._producer.poll(POLL_S)
        except KafkaException as error:
            raise translated(error.args[0], topic) from error

    def close(self) -> None:
        """Give up what was not delivered; nothing waits for it any more."""
        self._producer.purge()
        self._producer.flush(1.0)


class Teller:
    """A producer for records that nobody waits for: promises. A lost one is told again."""

    def __init__(self, address: KafkaAddress, access: KafkaAccess, on_error: "OnError | None" = None) -> None:
        self._producer = _client(Producer, address, access, {
            "acks": 1, "linger.ms": 0, "max.in.flight.requests.per.connection": 1, "message.timeout.ms": 5_000,
            "queue.buffering.max.messages": 10_000, "error_cb": _named(on_error),
        })

    @property
    def waiting(self) -> int:
        """Return how many records are not delivered yet; may be asked from another thread."""
        return len(self._producer)

    def tell(self, topic: str, key: bytes, value: bytes) -> None:
        """Send without waiting."""
        # A full buffer: the cluster is away. A promise is told again as long as it is the newest.
        with contextlib.suppress(BufferError):
            self._producer.produce(topic, value, key, 0)
        self._producer.poll(0)

    def close(self) -> None:
        """Send the last ones."""
        self._producer.flush(2.0)


class Fetcher:
    """A consumer that reads the partitions it is told to from the offsets it is told to.

    ``tells_end``  ``fetch`` yields an ``End`` whenever it has come to the end of a partition
    """

    def __init__(self, address: KafkaAddress, access: KafkaAccess, group: str,
                 on_error: "OnError | None" = None, *, tells_end: bool = False) -> None:
        self._consumer = _client(Consumer, address, access, {
            "group.id": group, "enable.auto.commit": False, "enable.auto.offset.store": False,
            "auto.offset.reset": "error", "fetch.wait.max.ms": 20, "fetch.error.backoff.ms": 20,
            "fetch.queue.backoff.ms": 5, "queued.max.messages.kbytes": PREFETCH_KIB_MAX,
            "fetch.message.max.bytes": 1 << 20, "fetch.max.bytes": RECORD_BYTES_MAX,
            "receive.message.max.bytes": RECORD_BYTES_MAX + (1 << 20), "isolation.level": "read_uncommitted",
            "check.crcs": True, "enable.partition.eof": tells_end, "error_cb": _named(on_error),
        })

    def assign(self, lane: Lane, offset: int) -> None:
        """Read ``lane`` from ``offset`` on; what was read of it before is forgotten, and so is a pause."""
        part = [TopicPartition(*lane, offset)]
        try:
            if lane in {(p.topic, p.partition) for p in self._consumer.assignment()}:
                self._consumer.incremental_unassign([TopicPartition(*lane)])
            self._consumer.incremental_assign(part)
            # A partition that was paused would be assigned so, and nothing of it would ever come.
            self._consumer.resume(part)
        except KafkaException as error:
            raise translated(error.args[0], lane[0]) from error

    def pause(self, lane: Lane) -> None:
        """Fetch no more of ``lane`` until ``resume``."""
        self._consumer.pause([TopicPartition(*lane)])

    def resume(self, lane: Lane) -> None:
        """Fetch ``lane`` again."""
        self._consumer.resume([TopicPartition(*lane)])

    def fetch(self, timeout_s: float) -> Iterator[tuple[Lane, Consumed | End | None]]:
        """Yield what has come, after waiting up to ``timeout_s`` for the first; may end earlier with nothing.

        None instead of a record: the log no longer has what was asked for, and its lane has to be assigned anew.
        """
        # consume() alone would wait for a full batch: poll() waits for the first record, the rest is there.
        first = self._consumer.poll(timeout_s)
        if first is None:
            return
        for message in (first, *self._consumer.consume(CONSUME_MAX, 0)):
            error = message.error()
            lane = (message.topic() or "", message.partition() or 0)
            if error is None:
                yield lane, _consumed(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
                yield lane, None
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                yield lane, End(message.offset() or 0)
            elif error.code() not in _PASSING and not error.retriable():
                raise translated(error, lane[0])

    def bounds(self, lane: Lane) -> tuple[int, int]:
        """Return (oldest offset kept, next offset), as the cluster has it now."""
        low, high = asked(lane[0], lambda: self._consumer.get_watermark_offsets(
            TopicPartition(*lane), LOOK_S_MAX, cached=False))
        return low, high

    def commit(self, positions: Mapping[Lane, int]) -> None:
        """Commit offsets for the group, durably."""
        parts = [TopicPartition(*lane, offset) for lane, offset in positions.items()]
        done = asked(parts[0].topic, lambda: self._consumer.commit(offsets=parts, asynchronous=False))
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
                 on_error: "OnError | None" = None) -> None:
        self.held: dict[int, int] = {}
        self.rebalances = 0
        self._given_times: dict[int, int] = {}
        self._topic = topic
        self._consumer = _client(Consumer, address, access, {
            "group.id": group, "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": int(SESSION_S_MAX * 1000),
            "heartbeat.interval.ms": 1_000, "max.poll.interval.ms": int(CAMPAIGN_S_MAX * 1000),
            "enable.auto.commit": False, "auto.offset.reset": "latest", "error_cb": _named(on_error),
        })
        self._consumer.subscribe([topic], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)

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
        message = self._consumer.poll(timeout_s)
        error = None if message is None else message.error()
        if error is not None and error.code() in _FORBIDDEN:
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
        for part in parts:
            self.held.pop(part.partition, None)
        self.rebalances += 1


class Administrator:
    """What is asked of the cluster beside records."""

    def __init__(self, address: KafkaAddress, access: KafkaAccess) -> None:
        self._denied: KafkaError | None = None
        self._deletions: dict[Lane, futures.Future[Any]] = {}
        self._cluster = ",".join(address.servers)
        self._protocol = access.settings.get("security.protocol", "PLAINTEXT")
        self._admin = _client(AdminClient, address, access, {"error_cb": self._note})

    def delete_records(self, lane: Lane, below: int, patience_s: float = DELIVERY_S_MAX) -> None:
        """Forget the records below an offset; raises ``BusUnreachable`` where that takes longer than ``patience_s``.

        It may still happen then. A request that is open is waited for by the next call before it makes its own:
        librdkafka 2.16 ends the process when such a request runs out of time while it looks for the partition's
        leader, so each gets as long as a cluster may take to come back.
        """
        part = TopicPartition(*lane, below)

        def ask() -> None:
            if lane in self._deletions:
                self._deleted(lane, patience_s)
            self._deletions[lane] = self._admin.delete_records([part], request_timeout=DELIVERY_S_MAX)[part]
            self._deleted(lane, patience_s).result()

        asked(lane[0], ask, patience_s)

    def _deleted(self, lane: Lane, patience_s: float) -> "futures.Future[Any]":
        """Return the open request of ``lane`` once it is done; raises ``TimeoutError``."""
        request = self._deletions[lane]
        if not futures.wait([request], patience_s).done:
            raise TimeoutError
        return self._deletions.pop(lane)

    def committed(self, group: str, lane: Lane) -> int:
        """Return what ``group`` committed there, 0 where it never did."""
        wanted = [ConsumerGroupTopicPartitions(group, [TopicPartition(*lane)])]
        answer = asked(lane[0], lambda: self._admin.list_consumer_group_offsets(
            wanted, request_timeout=REQUEST_S_MAX)[group].result(REQUEST_S_MAX))
        (part,) = answer.topic_partitions
        return max(0, int(part.offset))

    def answers(self, topic: str) -> bool:
        """Tell whether a broker answers within ``LOOK_S_MAX`` a question about ``topic``; for any thread."""
        try:
            self._admin.list_topics(topic, timeout=LOOK_S_MAX)
        except KafkaException:
            return False
        finally:
            self._admin.poll(0)
        return True

    def _note(self, error: KafkaError) -> None:
        if error.code() in _FORBIDDEN:
            self._denied = error

    def _metadata(self) -> Any:
        """Return what the cluster says of itself; being turned away is told at once, not when time has run out."""
        def ask() -> Any:
            try:
                return self._admin.list_topics(timeout=LOOK_S_MAX)
            except KafkaException:
                self._admin.poll(0)
                if self._denied is not None:
                    raise KafkaException(self._denied) from None
                raise

        try:
            return asked(self._cluster, ask, REQUEST_S_MAX)
        except BusUnreachable as error:
            raise BusUnreachable(f"{error}; allowed: brokers that run, and speak {self._protocol} there "
                                 "(KAFKA_SECURITY_PROTOCOL)") from error

    def topics(self) -> dict[str, int]:
        """Return the cluster's topics and how many partitions each has."""
        found = self._metadata().topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def topics_with(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Return the same, once the brokers know so many partitions of each topic, or after ``SETTLE_S_MAX``.

        A topic that was just made is known to one broker before the others.
        """
        clock, pause = SystemClock(), threading.Event()
        deadline_ns = clock.monotonic_ns() + int(SETTLE_S_MAX * NANOSECONDS_PER_SECOND)
        while True:
            there = self.topics()
            if all(there.get(name, 0) >= count for name, count in wanted.items()) or (
                    clock.monotonic_ns() > deadline_ns):
                return there
            pause.wait(POLL_S)

    def brokers(self) -> int:
        """Return how many brokers the cluster has now."""
        return len(self._metadata().brokers)

    def described(self, names: Sequence[str]) -> dict[str, TopicFacts]:
        """Return what the cluster says of those of ``names`` that it has."""
        found = self._metadata().topics
        there = [name for name in names if name in found]
        facts = {}
        configs = self._configs([ConfigResource(ResourceType.TOPIC, name) for name in there]) if there else {}
        for resource, config in configs.items():
            partitions = found[resource].partitions.values()
            facts[resource] = TopicFacts(
                partitions=len(partitions), replication=min(len(p.replicas) for p in partitions),
                in_sync=min(len(p.isrs) for p in partitions), config=config)
        return facts

    def broker_configs(self) -> dict[str, dict[str, str]]:
        """Return each broker's configuration, by its id."""
        configs: dict[str, dict[str, str]] = {}
        for number in self._metadata().brokers:
            # One at a time: each has to answer for itself, and the client refuses to ask for two.
            configs |= self._configs([ConfigResource(ResourceType.BROKER, str(number))])
        return configs

    def _configs(self, resources: Sequence[ConfigResource]) -> dict[str, dict[str, str]]:
        configs = {}
        for resource, future in self._admin.describe_configs(list(resources), request_timeout=REQUEST_S_MAX).items():
            where = f"broker {resource.name}" if resource.restype == ResourceType.BROKER else resource.name
            entries = asked(where, partial(future.result, REQUEST_S_MAX))
            configs[resource.name] = {name: entry.value or "" for name, entry in entries.items()}
        return configs

    def grant(self, grants: Sequence[Grant]) -> None:
        """Write access rules; those that are there stay."""
        bindings = [
            AclBinding(ResourceType[grant.kind.upper()], grant.name, ResourcePatternType.LITERAL, grant.principal, "*",
                       AclOperation[grant.operation], AclPermissionType.ALLOW) for grant in grants]
        for binding, future in self._admin.create_acls(bindings, request_timeout=REQUEST_S_MAX).items():
            asked(binding.name, partial(future.result, REQUEST_S_MAX))

    def create(self, topics: Sequence[tuple[str, int, int, Mapping[str, str]]]) -> list[str]:
        """Create topics (name, partitions, replication, configuration); return the names of the new ones."""
        if not topics:
            return []
        wanted = [NewTopic(name, partitions, replication, config=dict(config))
                 for name, partitions, replication, config in topics]
        made = []
        for name, future in self._admin.create_topics(wanted, request_timeout=REQUEST_S_MAX).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise translated(error.args[0], name) from error
            else:
                made.append(name)
        return made

    def delete(self, names: Sequence[str]) -> None:
        """Delete topics; those that are not there are none to delete."""
        if not names:
            return
        for name, future in self._admin.delete_topics(list(names), request_timeout=REQUEST_S_MAX).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise translated(error.args[0], name) from error


def _client(make: Callable[[dict[str, Any]], _Client], address: KafkaAddress, access: KafkaAccess,
            settings: Mapping[str, Any]) -> _Client:
    """Return a client of Kafka's; raises ``BusError`` for what it does not take, such as no certificate in a file."""
    token = {"oauth_cb": token_callback(access.msk_region)} if access.msk_region else {}
    try:
        return make({**_COMMON, **access.settings, **token, "bootstrap.servers": ",".join(address.servers), **settings})
    except KafkaException as error:
        raise BusError(f"{address}: {error.args[0].str()}; the KAFKA_* variables say who we are") from error


def asked(topic: str, ask: Callable[[], Any], patience_s: float = REQUEST_S_MAX) -> Any:
    """Return what ``ask`` gives, asking again for as long as the cluster is finding a leader or a coordinator."""
    clock = SystemClock()
    deadline_ns = clock.monotonic_ns() + int(patience_s * NANOSECONDS_PER_SECOND)
    pause = threading.Event()
    while True:
        try:
            return ask()
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if not (cause.retriable() or cause.code() in _SETTLING) or clock.monotonic_ns() > deadline_ns:
                raise translated(cause, topic) from error
        except TimeoutError as error:
            # Of a future that the client has not completed; its own errors of time are KafkaExceptions.
            if clock.monotonic_ns() > deadline_ns:
                raise BusUnreachable(f"{topic}: no answer in {patience_s:.0f} s") from error
        pause.wait(POLL_S)


def translated(error: KafkaError, topic: str) -> BusError:
    """Return what ``error`` means to a caller."""
    text = f"{topic}: {error.str()} ({error.name()})"
    code = error.code()
    if code in _UNKNOWN:
        return TopicUnknown(f"{text}; `algotrade bus create` makes the topics")
    if code in _FORBIDDEN:
        return BusForbidden(text)
    if code in _AWAY | _SETTLING or error.retriable():
        return BusUnreachable(text)
    return BusError(text)


_UNKNOWN = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}  # noqa: SLF001
_FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._AUTHENTICATION,  # noqa: SLF001
    KafkaError._SSL,  # noqa: SLF001
}
_AWAY = {
    KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._RESOLVE, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError.NOT_ENOUGH_REPLICAS,  # noqa: SLF001
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, KafkaError.COORDINATOR_NOT_AVAILABLE,
}
_SETTLING = {
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._WAIT_COORD, KafkaError.REQUEST_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._NOENT,  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE,
}
"""Answers of a cluster that is about to be able to give a better one; a new leader learns late how far its log goes."""

_PASSING = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT,  # noqa: SLF001
            KafkaError._RESOLVE, KafkaError._AUTO_OFFSET_RESET}  # noqa: SLF001
"""What a consumer gets over by itself, or what the next look at the bounds will tell better."""


_OURS = ("bytes", "epoch", "marker")


def _headers(record: Record) -> list[tuple[str, str | bytes | None]]:
    headers: list[tuple[str, str | bytes | None]] = list(record.headers)
    if record.bytes_through or record.is_marker:
        headers.append(("bytes", _NUMBER.pack(record.bytes_through)))
    if record.epoch:
        headers.append(("epoch", _NUMBER.pack(record.epoch)))
    if record.is_marker:
        headers.append(("marker", b""))
    return headers


def _consumed(message: KafkaMessage) -> Consumed:
    # A stranger's record has other headers, or none: it is a message like others, and will not decode.
    pairs: Any = message.headers() or ()
    headers = dict(pairs)
    others = tuple((name, _bytes(value)) for name, value in pairs if name not in _OURS)
    return Consumed(message.offset() or 0, _bytes(message.key()), _bytes(message.value()),
                    _number(headers.get("bytes")), _number(headers.get("epoch")), "marker" in headers,
                    max(0, message.timestamp()[1]) * NANOSECONDS_PER_MILLISECOND, others)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _number(data: Any) -> int:
    return max(0, int(_NUMBER.unpack(data)[0])) if isinstance(data, bytes) and len(data) == _NUMBER.size else 0


OnError = Callable[[str], None]
"""Hears the client's name of what went wrong beside the calls."""


def _named(on_error: OnError | None) -> Callable[[KafkaError], None]:
    """Return what the client calls. It changes nothing: what matters comes back from the call that it hinders."""
    return lambda error: None if on_error is None else on_error(error.name())
