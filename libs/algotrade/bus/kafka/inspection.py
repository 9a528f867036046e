"""How a running cluster differs from the table of topics, and what of it would be unsafe with real money."""

from collections.abc import Mapping

import msgspec

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator
from algotrade.bus.kafka.cluster import run_of, shards_there
from algotrade.bus.kafka.names import MIN_ISR, REPLICATION, ClusterTopic, cluster_topics
from algotrade.bus.kafka.records import TopicFacts
from algotrade.bus.topics import TOPICS, Topic, with_shards


class Finding(msgspec.Struct, frozen=True):
    """One difference or danger: where, what is there, what should be. ``unsafe``: it can lose what was acknowledged."""

    where: str
    what: str
    found: str
    wanted: str
    unsafe: bool


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of a run as they should be and as they are (None: missing), and what was found."""

    wanted: dict[str, ClusterTopic]
    there: dict[str, TopicFacts | None]
    findings: tuple[Finding, ...]


def inspect_cluster(address: KafkaAddress, access: KafkaAccess, table: Mapping[str, Topic] = TOPICS) -> Inspection:
    """Compare the cluster with ``table``; nothing is changed."""
    run = run_of(address)
    admin = Administrator(address, access)
    brokers = admin.broker_configs()
    # Three brokers are what live trading needs; a smaller cluster is told so by its topics' replication.
    shards = shards_there(run, admin.topics()) or 1
    wanted = {topic.name: topic for topic in cluster_topics(run, with_shards(table, shards), REPLICATION)}
    described = admin.described(list(wanted))
    there = {name: described.get(name) for name in wanted}
    findings = [finding for number, config in sorted(brokers.items()) for finding in _of_broker(number, config)]
    for name, facts in there.items():
        findings += _of_topic(wanted[name], facts)
    return Inspection(wanted=wanted, there=there, findings=tuple(findings))


def _of_broker(number: str, config: Mapping[str, str]) -> list[Finding]:
    safe = {"auto.create.topics.enable": "false", "unclean.leader.election.enable": "false"}
    findings = [Finding(f"broker {number}", key, config.get(key, ""), value, unsafe=True)
                for key, value in safe.items() if config.get(key, value) != value]
    copies = int(config.get("offsets.topic.replication.factor", REPLICATION))
    if copies < REPLICATION:
        findings.append(Finding(f"broker {number}", "offsets.topic.replication.factor", str(copies), str(REPLICATION),
                                unsafe=True))
    return findings


def _of_topic(wanted: ClusterTopic, facts: TopicFacts | None) -> list[Finding]:
    if facts is None:
        return [Finding(wanted.name, "topic", "missing", "there", unsafe=False)]
    findings = []
    if facts.partitions != wanted.partitions:
        findings.append(Finding(wanted.name, "partitions", str(facts.partitions), str(wanted.partitions), unsafe=True))
    if facts.replication < wanted.replication:
        findings.append(Finding(wanted.name, "replication", str(facts.replication), str(wanted.replication),
                                unsafe=True))
    if facts.in_sync < facts.replication:
        findings.append(Finding(wanted.name, "in-sync replicas", str(facts.in_sync), str(facts.replication),
                                unsafe=facts.in_sync < MIN_ISR))
    for key, value in wanted.config.items():
        found = facts.config.get(key, "")
        if found != value:
            findings.append(Finding(wanted.name, key, found, value, unsafe=key in _SAFETY))
    return findings


_SAFETY = {"min.insync.replicas", "unclean.leader.election.enable", "cleanup.policy", "retention.ms",
           "retention.bytes"}
"""Settings whose other values can lose messages."""
