"""What every body of the bus does alike: partitions, sizes, and who may write what."""

import zlib
from collections.abc import Mapping, Sequence

from algotrade.bus.port import BusError, LogShortened, Outgoing, PositionGone, TopicFull, TopicUnknown
from algotrade.bus.topics import DEAD_WRITER, Topic

MESSAGE_OVERHEAD_BYTES = 32
"""Counted for each message beside its key and value, so that a log of empty messages is bounded too."""


def topic_named(topics: Mapping[str, Topic], name: str) -> Topic:
    """Return the row of ``name``; raises ``TopicUnknown``."""
    try:
        return topics[name]
    except KeyError:
        raise TopicUnknown(f"topic {name!r} is unknown; known: {', '.join(topics)}") from None


def partition_of(topic: Topic, key: bytes) -> int:
    """Return the partition of ``key``: the same in every process, Python version and body."""
    return zlib.crc32(key) % topic.partitions if topic.partitions > 1 else 0


def check_partition(topic: Topic, partition: int) -> None:
    """Assert that ``topic`` has ``partition``."""
    assert 0 <= partition < topic.partitions, f"{topic.name} has {topic.partitions} partitions; asked was {partition}"


def check_writer(topic: Topic, writer: str | None) -> None:
    """Assert that ``writer`` may append to ``topic``; dead letters are everybody's."""
    assert topic.writer in (writer, DEAD_WRITER), f"{topic.name} is written by {topic.writer}, not by {writer}"


def size_bytes(message: Outgoing) -> int:
    """Return what ``message`` counts against its topic's bound."""
    return len(message.key) + len(message.value) + MESSAGE_OVERHEAD_BYTES


def partition_bytes_max(topic: Topic) -> int:
    """Return the bound of one partition: an even share of the topic's."""
    return topic.retention_bytes_max // topic.partitions


def by_partition(topic: Topic, messages: Sequence[Outgoing]) -> dict[int, list[int]]:
    """Return the indices of ``messages`` per partition, in order, and refuse what can never fit."""
    indices: dict[int, list[int]] = {}
    if topic.partitions == 1:
        indices[0] = list(range(len(messages)))
    else:
        for i, message in enumerate(messages):
            indices.setdefault(partition_of(topic, message.key), []).append(i)
    bytes_max = partition_bytes_max(topic)
    for partition, rows in indices.items():
        total_bytes = sum(size_bytes(messages[i]) for i in rows)
        if total_bytes > bytes_max:
            # Not TopicFull: whoever waited for room would wait for ever.
            raise BusError(f"{topic.name}/{partition}: one append has {total_bytes} bytes; allowed: {bytes_max}")
    return indices


def full(topic: Topic, partition: int, kept_bytes: int, limit: int) -> TopicFull:
    """Return the error of a partition whose messages from position ``limit`` on a reader still needs."""
    return TopicFull(
        f"{topic.name}/{partition} holds {kept_bytes} of {partition_bytes_max(topic)} bytes, and no more than what is "
        f"below position {limit} may go before {' and '.join(topic.readers)} commit"
    )


WHAT_TO_DO = ("put the log back from a backup and start again, or begin a new run: `algotrade demo` without --resume, "
              "or a bus address with another run or folder")
"""Where messages are missing that a plane's state rests on, nothing else leads to a true state."""


def check_position(topic: str, partition: int, position: int, bounds: tuple[int, int]) -> None:
    """Raise ``PositionGone`` or ``LogShortened`` where nobody can read from ``position``."""
    oldest, following = bounds
    if position < oldest:
        raise PositionGone(
            f"{topic}/{partition} begins at position {oldest}; {position} is gone, deleted before it was read. "
            f"Choose: {WHAT_TO_DO}",
            topic=topic, partition=partition, start=position, stop=oldest)
    if position > following:
        raise shortened(topic, partition, position, following)


def shortened(topic: str, partition: int, position: int, following: int) -> LogShortened:
    """Return the error of a log that is known to have come to ``position`` and ends before ``following``."""
    return LogShortened(
        f"{topic}/{partition} ends before position {following}; there is no {position}: the log has lost its tail. "
        f"Start the planes again: market data is published again from its source. Where that is refused too, choose: "
        f"{WHAT_TO_DO}", topic=topic, partition=partition, start=following, stop=position)
