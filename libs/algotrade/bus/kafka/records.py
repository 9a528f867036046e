"""What goes to the cluster and comes from it, without its client's types."""

import msgspec

Lane = tuple[str, int]
"""A topic of the cluster, by its whole name, and a partition of it."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record to produce, with what its headers say; ``epoch`` 0 = not under a lease."""

    key: bytes
    value: bytes
    bytes_through: int
    epoch: int = 0
    is_marker: bool = False


class Consumed(msgspec.Struct, frozen=True, gc=False):
    """One record as it came."""

    offset: int
    key: bytes
    value: bytes
    bytes_through: int
    epoch: int
    is_marker: bool
    time_ms: int = 0
    """When its writer sent it, ms since 1970 UTC by that host's clock."""


class TopicFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as a cluster has it; ``replication`` and ``in_sync`` of the partition that has the fewest."""

    partitions: int
    replication: int
    in_sync: int
    config: dict[str, str]


class Grant(msgspec.Struct, frozen=True):
    """``principal`` may do ``operation`` (READ, WRITE, DESCRIBE, DELETE) to a ``kind`` (topic, group) of that name."""

    principal: str
    kind: str
    name: str
    operation: str
