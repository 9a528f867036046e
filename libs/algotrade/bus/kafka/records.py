"""What goes to the cluster and comes from it, without its client's types.

Records carry two headers beside key and value, both big-endian 64-bit numbers: ``bytes``, what the partition's records
up to and with this one count together (``retention``), and, written under a lease, ``epoch`` (``epochs``). A record
with the header ``marker`` is the beginning of an epoch and no message. ``client`` writes and reads them.
"""

import msgspec

Lane = tuple[str, int]
"""A topic of the cluster, by its whole name, and a partition of it."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record to produce, with what its headers say; ``bytes_through`` 0 = not counted, ``epoch`` 0 = no lease."""

    key: bytes
    value: bytes
    bytes_through: int
    epoch: int = 0
    is_marker: bool = False
    headers: tuple[tuple[str, bytes], ...] = ()
    told: bytes = b""
    """Promises that hold already and travel with it (``promises``)."""


class Consumed(msgspec.Struct, frozen=True, gc=False):
    """One record as it came.

    ``bytes_through``  0 where nothing was counted: the record is a stranger's, or a marker on an empty partition
    ``appended_ns``    when it was appended, ns since 1970 UTC by its writer's clock
    ``headers``        those that are not ours
    """

    offset: int
    key: bytes
    value: bytes
    bytes_through: int
    epoch: int
    is_marker: bool
    appended_ns: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    told: bytes = b""
    """Promises that came with it."""

    @property
    def is_counted(self) -> bool:
        """Tell whether the record says how much there is up to it."""
        return self.bytes_through > 0 or self.is_marker


class End(msgspec.Struct, frozen=True, gc=False):
    """There is nothing to read before ``offset``, where the log ends now."""

    offset: int


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
