"""What is asked of a cluster beside records: topics, configuration, access rules, deletions, offsets."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client.errors import FORBIDDEN, asked, translated
from algotrade.bus.kafka.client.lifeline import Lifeline
from algotrade.bus.kafka.client.settings import (
    DELIVERY_S_MAX,
    LOOK_S_MAX,
    POLL_S,
    REQUEST_S_MAX,
    SETTLE_S_MAX,
    client_of,
)
from algotrade.bus.kafka.records import Grant, Lane, TopicFacts
from algotrade.bus.port import BusUnreachable
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, SystemClock

T = TypeVar("T")


class Administrator:
    """What is asked of the cluster beside records."""

    def __init__(self, address: KafkaAddress, access: KafkaAccess) -> None:
        self._denied: KafkaError | None = None
        self._deletions: dict[Lane, futures.Future[Any]] = {}
        self._cluster = ",".join(address.servers)
        self._protocol = access.settings.get("security.protocol", "PLAINTEXT")
        self._lifeline = Lifeline()
        self._make = partial(client_of, AdminClient, address, access, {"error_cb": self._note})
        self._admin = self._make()

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

        asked(lane[0], ask, patience_s, lambda topic: self._admin.list_topics(topic, timeout=LOOK_S_MAX))

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
        # A deletion that is open is waited for with the client that asked for it.
        if not self._deletions and self._lifeline.gives_up():
            self._admin = self._make()
        try:
            with self._lifeline.asking():
                self._admin.list_topics(topic, timeout=LOOK_S_MAX)
        except KafkaException:
            return False
        finally:
            self._admin.poll(0)
        return True

    def _note(self, error: KafkaError) -> None:
        if error.code() in FORBIDDEN:
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
        return _settled(self.topics, lambda there: all(there.get(name, 0) >= count for name, count in wanted.items()))

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
        """Write access rules; those that are there stay. Return once a broker goes by them, or after ``SETTLE_S_MAX``.

        Brokers learn of rules later than the controller that takes them: who came at once was turned away.
        """
        bindings = [
            AclBinding(ResourceType[grant.kind.upper()], grant.name, ResourcePatternType.LITERAL, grant.principal, "*",
                       AclOperation[grant.operation], AclPermissionType.ALLOW) for grant in grants]
        for binding, future in self._admin.create_acls(bindings, request_timeout=REQUEST_S_MAX).items():
            asked(binding.name, partial(future.result, REQUEST_S_MAX))
        principals = sorted({grant.principal for grant in grants})
        _settled(lambda: self._rules(principals), set(bindings).issubset)

    def _rules(self, principals: Sequence[str]) -> set[AclBinding]:
        """Return the rules that a broker has for ``principals``."""
        found: set[AclBinding] = set()
        for principal in principals:
            wanted = AclBindingFilter(
                ResourceType.ANY, None, ResourcePatternType.ANY, principal, None,  # type: ignore[arg-type]  # None: any
                AclOperation.ANY, AclPermissionType.ANY)
            future = self._admin.describe_acls(wanted, request_timeout=REQUEST_S_MAX)
            found |= set(asked(principal, partial(future.result, REQUEST_S_MAX)))
        return found

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


def _settled(look: Callable[[], T], is_there: Callable[[T], bool]) -> T:
    """Return what ``look`` gives, once all is there that should be, or after ``SETTLE_S_MAX``."""
    clock, pause = SystemClock(), threading.Event()
    deadline_ns = clock.monotonic_ns() + int(SETTLE_S_MAX * NANOSECONDS_PER_SECOND)
    while True:
        found = look()
        if is_there(found) or clock.monotonic_ns() > deadline_ns:
            return found
        pause.wait(POLL_S)
