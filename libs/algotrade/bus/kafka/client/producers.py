"""Who appends: one that waits until it is safe, and one that does not wait."""

import contextlib
from collections.abc import Callable, Iterable

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, Message, Producer

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client.errors import OnError, named, translated
from algotrade.bus.kafka.client.headers import headers_of
from algotrade.bus.kafka.client.settings import DELIVERY_S_MAX, POLL_S, RECORD_BYTES_MAX, client_of
from algotrade.bus.kafka.records import Lane, Record
from algotrade.bus.port import BusUnreachable


class Appender:
    """An idempotent producer that waits until all in-sync replicas have what it sends."""

    def __init__(self, address: KafkaAddress, access: KafkaAccess, on_error: OnError | None = None) -> None:
        self._producer = client_of(Producer, address, access, {
            "enable.idempotence": True, "acks": "all", "linger.ms": 0,
            "delivery.timeout.ms": int(DELIVERY_S_MAX * 1000), "request.timeout.ms": 10_000,
            "message.max.bytes": RECORD_BYTES_MAX, "queue.buffering.max.kbytes": 512 << 10,
            "partitioner": "consistent", "error_cb": named(on_error),
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

        def delivered(i: int) -> Callable[[KafkaError | None, Message], None]:
            def note(error: KafkaError | None, message: Message) -> None:
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
              delivered: Callable[[KafkaError | None, Message], None]) -> None:
        while True:
            try:
                self._producer.produce(topic, record.value, record.key, partition, on_delivery=delivered,
                                       headers=headers_of(record))
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

    def __init__(self, address: KafkaAddress, access: KafkaAccess, on_error: OnError | None = None) -> None:
        self._producer = client_of(Producer, address, access, {
            "acks": 1, "linger.ms": 0, "max.in.flight.requests.per.connection": 1, "message.timeout.ms": 5_000,
            "queue.buffering.max.messages": 10_000, "error_cb": named(on_error),
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
