"""The topics of the table as the cluster knows them, and the two kinds that only this body has."""

from collections.abc import Mapping

import msgspec

from algotrade.bus.kafka.access import KafkaAddress
from algotrade.bus.topics import DATA_PLANE, DEAD_WRITER, SHARED_OUT, Topic

PROMISES = "promises"
LEADER_PREFIX = "leader."
INSTRUMENTS = "instruments"
"""Empty: a group deals out its partitions, which stand for the shards of a run."""


_SEGMENT_BYTES_MIN = 1 << 20
_SEGMENT_BYTES_MAX = 256 << 20
_PROMISE_BYTES = 4 << 20
REPLICATION = 3
MIN_ISR = 2
RECORD_BYTES_MAX = 4 << 20
"""Largest record of a topic: a batch of 2,048 quotes has 160 KiB, a chunk of a snapshot 512 KiB, a dead letter
up to 1 MiB and its frame."""


class ClusterTopic(msgspec.Struct, frozen=True):
    """One topic as it should be on the cluster."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


def whole_name(run: str, topic: str) -> str:
    """Return the name on the cluster of ``topic`` of ``run``."""
    return f"{run}.{topic}"


def candidates(run: str, writer: str) -> tuple[str, str]:
    """Return the group whose members share the work of ``writer``, and the topic that it deals out, shard by shard."""
    topic = INSTRUMENTS if writer == DATA_PLANE else leader_topic(writer)
    return whole_name(run, f"{writer}.candidates"), whole_name(run, topic)


def leader_topic(writer: str) -> str:
    """Return the topic on which candidates for ``writer`` claim their epochs."""
    return LEADER_PREFIX + writer


def cluster_topics(run: str, table: Mapping[str, Topic], brokers: int) -> list[ClusterTopic]:
    """Return every topic of a run for a cluster of so many brokers.

    Retention. Who writes a topic with named readers, or a compacted one, deletes what nobody needs any more, record by
    record: the broker must not, or it would drop what a reader has yet to see. Of the others (dead letters, what was
    quarantined) the broker drops the oldest. Leader topics are a handful of records, and kept whole: they say where
    each epoch begins. Promises are worth nothing after a second.
    """
    replication = min(REPLICATION, brokers)
    safe = {
        "cleanup.policy": "delete", "retention.ms": "-1", "unclean.leader.election.enable": "false",
        "min.insync.replicas": str(min(MIN_ISR, replication)), "max.message.bytes": str(RECORD_BYTES_MAX),
        "message.timestamp.type": "CreateTime",
    }
    topics = [ClusterTopic(whole_name(run, row.name), row.partitions, replication, safe | _retention(row))
              for row in table.values()]
    writers = dict.fromkeys(row.writer for row in table.values() if row.writer != DEAD_WRITER)
    shards = max((row.partitions for row in table.values() if row.sharded), default=1)
    topics += [ClusterTopic(whole_name(run, leader_topic(writer)), shards if writer in SHARED_OUT else 1, replication,
                            safe | {"retention.bytes": "-1"})
               for writer in writers]
    topics.append(ClusterTopic(whole_name(run, INSTRUMENTS), shards, replication, safe | {"retention.bytes": "-1"}))
    topics.append(ClusterTopic(whole_name(run, PROMISES), 1, replication, safe | {
        "min.insync.replicas": "1", "retention.bytes": str(_PROMISE_BYTES), "segment.bytes": str(_SEGMENT_BYTES_MIN),
        "retention.ms": "600000"}))
    return topics


def _retention(row: Topic) -> dict[str, str]:
    part_bytes = row.retention_bytes_max // row.partitions
    segment_bytes = min(_SEGMENT_BYTES_MAX, max(_SEGMENT_BYTES_MIN, part_bytes // 8))
    kept_by_writer = row.writer != DEAD_WRITER
    return {"segment.bytes": str(segment_bytes), "retention.bytes": "-1" if kept_by_writer else str(part_bytes)}


def group_name(address: KafkaAddress, writer: str | None) -> str:
    """Return the consumer group under which ``writer`` commits."""
    return whole_name(address.run, writer or "observer")
