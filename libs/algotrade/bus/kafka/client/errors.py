"""What the errors of Kafka's client mean: asked again, translated, or passed over."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ClusterMetadata

from algotrade.bus.kafka.client.settings import POLL_S, REQUEST_S_MAX, SETTLE_S_MAX
from algotrade.bus.port import BusError, BusForbidden, BusUnreachable, TopicUnknown
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, SystemClock

UNKNOWN = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}  # noqa: SLF001
FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._AUTHENTICATION,  # noqa: SLF001
    KafkaError._SSL,  # noqa: SLF001
}
_AWAY = {
    KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._RESOLVE, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError.NOT_ENOUGH_REPLICAS,  # noqa: SLF001
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, KafkaError.COORDINATOR_NOT_AVAILABLE,
}
SETTLING = {
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._WAIT_COORD, KafkaError.REQUEST_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._NOENT,  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._DESTROY_BROKER,  # noqa: SLF001
    KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.REPLICA_NOT_AVAILABLE, KafkaError.BROKER_NOT_AVAILABLE, KafkaError.LISTENER_NOT_FOUND,
    KafkaError.NOT_CONTROLLER, KafkaError.NETWORK_EXCEPTION, KafkaError.KAFKA_STORAGE_ERROR,
}
"""Answers of a cluster that is about to be able to give a better one; a new leader learns late how far its log goes.

They are those that Kafka's protocol guide calls retriable (kafka.apache.org/protocol, "Error Codes") and that a leader
or a coordinator gives; the client itself calls none of them so. That all brokers are down is the client's own word, at
once, while the connections that it gave up are being made again.
"""

CUT_OFF = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT,  # noqa: SLF001
           KafkaError._WAIT_COORD}  # noqa: SLF001
"""Of a client that has no connection, or none that is answered."""

PASSING = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT,  # noqa: SLF001
           KafkaError._RESOLVE, KafkaError._AUTO_OFFSET_RESET}  # noqa: SLF001
"""What a consumer gets over by itself, or what the next look at the bounds will tell better."""


def asked(topic: str, ask: Callable[[], Any], patience_s: float = REQUEST_S_MAX,
          look: Callable[[str], ClusterMetadata] | None = None) -> Any:
    """Return what ``ask`` gives, asking again for as long as the cluster is finding a leader or a coordinator.

    A topic that is unknown may be one that the client has yet to hear of. It counts as missing when a broker says so,
    asked by ``look`` after ``SETTLE_S_MAX``: a client that is cut off calls a topic unknown, too.
    """
    clock = SystemClock()
    begun_ns = clock.monotonic_ns()
    pause = threading.Event()

    def is_over(limit_s: float) -> bool:
        return clock.monotonic_ns() > begun_ns + int(limit_s * NANOSECONDS_PER_SECOND)

    while True:
        try:
            return ask()
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.code() in UNKNOWN and is_over(min(patience_s, SETTLE_S_MAX)):
                if _is_missing(topic, cause, look):
                    raise translated(cause, topic) from error
                if is_over(patience_s):
                    raise BusUnreachable(f"{topic}: {cause.str()} ({cause.name()}); no broker said so") from error
            elif cause.code() not in UNKNOWN and (is_over(patience_s) or not _settles(cause)):
                raise translated(cause, topic) from error
        except TimeoutError as error:
            # Of a future that the client has not completed; its own errors of time are KafkaExceptions.
            if is_over(patience_s):
                raise BusUnreachable(f"{topic}: no answer in {patience_s:.0f} s") from error
        pause.wait(POLL_S)


def _settles(cause: KafkaError) -> bool:
    return cause.code() in SETTLING or cause.retriable()


def _is_missing(topic: str, cause: KafkaError, look: Callable[[str], ClusterMetadata] | None) -> bool:
    """Tell whether a broker says that it has no such topic; what a client believes by itself is no evidence."""
    if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return True
    if look is None:
        return False
    try:
        found = look(topic).topics.get(topic)
    except KafkaException:
        return False
    return found is not None and found.error is not None and found.error.code() in UNKNOWN


@contextmanager
def translating(topic: str) -> Iterator[None]:
    """Raise as ours what the client raises in the block."""
    try:
        yield
    except KafkaException as error:
        raise translated(error.args[0], topic) from error


def translated(error: KafkaError, topic: str) -> BusError:
    """Return what ``error`` means to a caller."""
    text = f"{topic}: {error.str()} ({error.name()})"
    code = error.code()
    if code in UNKNOWN:
        return TopicUnknown(f"{text}; `algotrade bus create` makes the topics")
    if code in FORBIDDEN:
        return BusForbidden(text)
    if code in _AWAY | SETTLING or error.retriable():
        return BusUnreachable(text)
    return BusError(text)


OnError = Callable[[str], None]
"""Hears the client's name of what went wrong beside the calls."""


def named(on_error: OnError | None) -> Callable[[KafkaError], None]:
    """Return what the client calls. It changes nothing: what matters comes back from the call that it hinders."""
    return lambda error: None if on_error is None else on_error(error.name())
