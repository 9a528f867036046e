"""Who may do what on the cluster: each plane what its part needs, and nothing else."""

from collections.abc import Iterator, Mapping

import msgspec

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator
from algotrade.bus.kafka.cluster import run_of
from algotrade.bus.kafka.names import INSTRUMENTS, PROMISES, leader_topic, whole_name
from algotrade.bus.kafka.records import Grant
from algotrade.bus.topics import DEAD_WRITER, PLANES, TOPICS, Topic


class Principal(msgspec.Struct, frozen=True):
    """``plane`` shows itself to the cluster as ``name``, such as ``User:orders``."""

    plane: str
    name: str


def grants(run: str, principal: Principal, table: Mapping[str, Topic] = TOPICS) -> list[Grant]:
    """Return what ``principal`` may do: write its plane's topics, read what they and its part need."""
    plane = principal.plane
    assert plane in PLANES, f"plane {plane!r}"
    return [Grant(principal.name, kind, whole_name(run, name), operation)
            for kind, name, operations in _rows(plane, table) for operation in operations]


def _rows(plane: str, table: Mapping[str, Topic]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    # DELETE lets a writer forget what nobody needs any more (retention is its business).
    own, seen = ("WRITE", "READ", "DELETE", "DESCRIBE"), ("READ", "DESCRIBE")
    for topic in table.values():
        if topic.writer == plane:
            yield "topic", topic.name, own
        elif topic.writer == DEAD_WRITER:
            # Read too: a reader that starts again passes over what it has buried.
            yield "topic", topic.name, ("WRITE", "READ", "DESCRIBE")
        elif plane in topic.readers:
            yield "topic", topic.name, seen
        else:
            yield "topic", topic.name, ("DESCRIBE",)
    yield "topic", PROMISES, ("WRITE", "READ", "DESCRIBE")
    for other in PLANES:
        # A reader has to know which epochs count, a writer how far its readers have come.
        yield "topic", leader_topic(other), own[:2] + own[3:] if other == plane else seen
        yield "group", other, seen if other == plane else ("DESCRIBE",)
    yield "group", f"{plane}.candidates", seen
    yield "topic", INSTRUMENTS, seen
    yield "group", "observer", seen


def create_acls(address: KafkaAddress, access: KafkaAccess, principals: list[Principal],
                table: Mapping[str, Topic] = TOPICS) -> int:
    """Write the rules for ``principals``; return how many. The caller may alter the cluster's rules. Idempotent."""
    rules = [grant for principal in principals for grant in grants(run_of(address), principal, table)]
    Administrator(address, access).grant(rules)
    return len(rules)
