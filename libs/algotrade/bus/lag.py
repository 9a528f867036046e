"""How far each reader is behind the end of what it reads."""

from collections.abc import Callable, Mapping

import msgspec

from algotrade.bus.codec import Undecodable, decode
from algotrade.bus.port import Bus, Message
from algotrade.bus.topics import TOPICS, Topic
from algotrade.domain.clock import NANOSECONDS_PER_SECOND


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """One reader of one topic partition.

    ``handled``     position of the first message that it is not known to have handled
    ``end``         position that the next message will get
    ``behind``      messages between the two. At most so many: on Kafka positions rise by more than one at times
    ``oldest_ns``   when the first of them was appended, ns since 1970 UTC by its writer's clock; 0: nobody knows
    ``kept_from``   what the reader has committed: retention keeps what lies behind
    """

    topic: str
    partition: int
    reader: str
    handled: int
    end: int
    behind: int
    oldest_ns: int
    kept_from: int


def lags(bus: Bus, handled: Callable[[str, str, int], int], table: Mapping[str, Topic] = TOPICS) -> list[Lag]:
    """Return the lag of every named reader; ``handled`` tells its position by reader, topic and partition."""
    return [_lag(bus, name, partition, reader, handled(reader, name, partition))
            for name, topic in table.items() for partition in range(bus.partitions(name)) for reader in topic.readers]


def _lag(bus: Bus, topic: str, partition: int, reader: str, handled: int) -> Lag:
    oldest, end = bus.bounds(topic, partition)
    # Behind the end where the log has lost its tail; before its start only while retention moves it on.
    at = min(max(handled, oldest), end)
    first = bus.read(topic, at, messages_max=1, partition=partition) if at < end else []
    return Lag(
        topic=topic, partition=partition, reader=reader, handled=handled, end=end,
        behind=end - first[0].position if first else 0, oldest_ns=appended_ns(first[0]) if first else 0,
        kept_from=bus.committed(reader, topic, partition))


def appended_ns(message: Message) -> int:
    """Return when ``message`` was appended, ns since 1970 UTC; 0 where neither the bus nor the message tells.

    A body that keeps no times has the one in the frame: when the market data behind the message was published.
    """
    if message.appended_ns:
        return message.appended_ns
    try:
        return max(0, decode(message.value).origin_time_ns)
    except Undecodable:
        return 0


def age_s(oldest_ns: int, now_ns: int) -> float:
    """Return how old what was appended at ``oldest_ns`` is; what comes from the future, by another clock, is new."""
    return max(0, now_ns - oldest_ns) / NANOSECONDS_PER_SECOND
