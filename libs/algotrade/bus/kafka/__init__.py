"""The bus over Apache Kafka: the same contract, between hosts. Needs the extra ``kafka`` (confluent-kafka)."""

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.acls import Principal, create_acls
from algotrade.bus.kafka.body import KafkaBus
from algotrade.bus.kafka.cluster import create_topics, delete_topics, forget_promises, has_topics
from algotrade.bus.kafka.inspection import Finding, Inspection, inspect_cluster

__all__ = ["Finding", "Inspection", "KafkaAccess", "KafkaAddress", "KafkaBus", "Principal", "create_acls",
           "create_topics", "delete_topics", "forget_promises", "has_topics", "inspect_cluster"]
