"""Every topic of the system: one row each, for every body of the bus."""

from collections.abc import Mapping

import msgspec

DATA_PLANE = "data-plane"
STRATEGY_PLANE = "strategy-plane"
ORDER_PLANE = "order-plane"
PLANES = (DATA_PLANE, STRATEGY_PLANE, ORDER_PLANE)
SHARED_OUT = frozenset({DATA_PLANE, STRATEGY_PLANE})
"""Planes whose shards several processes may share out among themselves. Order state has one writer, whatever comes."""

DEAD_SUFFIX = ".dead"
DEAD_WRITER = "dead-letters"
CONTROL_DEAD = "control.dead"
"""Takes what could not be decoded from topics that only one body of the bus has, such as Kafka's promises."""

MARKET_QUOTES = "market.quotes"
MARKET_TRADES = "market.trades"
MARKET_BARS = "market.bars"
MARKET_QUARANTINE = "market.quarantine"
STRATEGY_MERGES = "strategy.merges"

_MIB = 1 << 20


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    ``writer``               the plane that writes it; on the local body the name of the file that holds it
    ``key``                  what a message's key is: messages of one key stay in order, in one partition
    ``readers``              groups whose commits retention must respect
    ``retention_bytes_max``  the most that is kept
    ``durable``              flushed to the disk before ``append`` returns (power loss); else it survives kill -9 only
    ``compacted``            its writer trims it: only the newest complete entry matters
    ``sharded``              a run may spread it over shards: a partition for each, written by the process that has the
                             shard. An instrument's shard is the partition of its key, the same on all such topics
    """

    name: str
    writer: str
    key: str = "instrument"
    readers: tuple[str, ...] = ()
    partitions: int = 1
    retention_bytes_max: int = 1024 * _MIB
    durable: bool = True
    compacted: bool = False
    sharded: bool = False


def _market(name: str) -> Topic:
    # Rebuilt from its source after power loss, so not flushed; bounded, so that a year of ticks needs no year of disk.
    return Topic(name=name, writer=DATA_PLANE, readers=(STRATEGY_PLANE, ORDER_PLANE),
                 retention_bytes_max=256 * _MIB, durable=False, sharded=True)


def _snapshots(plane: str) -> Topic:
    # Flushed, although an older snapshot is as true as a newer one: commits follow a snapshot, and they let its inputs
    # be deleted. After power loss the snapshot must not be older than the commits, or it could not go on from anywhere.
    return Topic(name=f"snapshots.{plane}", writer=plane, key="plane", retention_bytes_max=256 * _MIB, compacted=True,
                 sharded=plane in SHARED_OUT)


_TABLE = (
    _market(MARKET_QUOTES),
    _market(MARKET_TRADES),
    _market(MARKET_BARS),
    # What the quality gate kept back: for people, so no plane's commit holds it, and the oldest goes first.
    Topic(name=MARKET_QUARANTINE, writer=DATA_PLANE, retention_bytes_max=64 * _MIB, durable=False),
    # Live, in what order the strategy took reports and market records; a replay needs no record of it.
    Topic(name=STRATEGY_MERGES, writer=STRATEGY_PLANE, key="shard", readers=(STRATEGY_PLANE,), sharded=True),
    Topic(name="orders.intents", writer=STRATEGY_PLANE, readers=(ORDER_PLANE,), sharded=True),
    Topic(name="orders.journal", writer=ORDER_PLANE, readers=(ORDER_PLANE,)),
    Topic(name="orders.reports", writer=ORDER_PLANE, readers=(STRATEGY_PLANE,), sharded=True),
    *(_snapshots(plane) for plane in PLANES),
)


def dead_letter_topic(topic: Topic) -> Topic:
    """Return the topic that takes what could not be decoded from ``topic``."""
    return Topic(name=topic.name + DEAD_SUFFIX, writer=DEAD_WRITER, key=topic.key, retention_bytes_max=64 * _MIB)


SHARDS_MAX = 64
"""Each shard costs partitions, a snapshot and promises: far more instruments fit into one before more of them pay."""


def led_together(table: Mapping[str, Topic], writer: str, shard: int) -> list[tuple[Topic, int]]:
    """Return the topics and partitions that a lead of ``shard`` of ``writer`` covers."""
    rows = [row for row in table.values() if row.writer == writer]
    if writer not in SHARED_OUT:
        return [(row, p) for row in rows for p in range(row.partitions)]
    return [(row, p) for row in rows for p in range(row.partitions) if p == shard or (shard == 0 and not row.sharded)]


def with_shards(table: Mapping[str, Topic], shards: int) -> dict[str, Topic]:
    """Return ``table`` for a run of so many shards; each keeps as much as a topic of one shard would."""
    assert 1 <= shards <= SHARDS_MAX, f"{shards} shards; allowed: 1 to {SHARDS_MAX}"
    return {name: msgspec.structs.replace(row, partitions=shards, retention_bytes_max=row.retention_bytes_max * shards)
            if row.sharded and shards > 1 else row for name, row in table.items()}


def lasting(table: Mapping[str, Topic]) -> dict[str, Topic]:
    """Return ``table`` for a live run, whose market data no file can give again: flushed to the disk too."""
    return {name: msgspec.structs.replace(row, durable=True) for name, row in table.items()}


_CONTROL = Topic(name=CONTROL_DEAD, writer=DEAD_WRITER, key="topic", retention_bytes_max=64 * _MIB)

TOPICS: dict[str, Topic] = {t.name: t for t in (*_TABLE, *(dead_letter_topic(t) for t in _TABLE), _CONTROL)}
"""The table, by name, dead-letter topics included."""
