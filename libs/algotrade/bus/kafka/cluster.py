"""Makes and removes a run's topics."""

from collections.abc import Mapping

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator, Fetcher
from algotrade.bus.kafka.names import INSTRUMENTS, PROMISES, cluster_topics, whole_name
from algotrade.bus.port import BusError
from algotrade.bus.topics import TOPICS, Topic, with_shards


def create_topics(address: KafkaAddress, access: KafkaAccess, table: Mapping[str, Topic] = TOPICS,
                  shards: int | None = None) -> list[str]:
    """Make the topics of ``address.run`` that are missing; return their names on the cluster. Idempotent.

    ``shards``  of a new run, 1 by default; those of a run that is there stay as they are, and another number raises
                ``BusError``
    """
    run = run_of(address)
    admin = Administrator(address, access)
    there = admin.topics()
    found = shards_there(run, there)
    if shards is not None and found is not None and shards != found:
        raise BusError(f"run {run!r} has {found} shards; allowed: {found}, or a new run")
    wanted = cluster_topics(run, with_shards(table, found or shards or 1), admin.brokers())
    made = admin.create([(t.name, t.partitions, t.replication, t.config) for t in wanted if t.name not in there])
    admin.topics_with({t.name: t.partitions for t in wanted})
    return made


def shards_there(run: str, there: Mapping[str, int]) -> int | None:
    """Return how many shards ``run`` has on a cluster with the topics ``there``, None where it has none yet."""
    return there.get(whole_name(run, INSTRUMENTS))


def has_topics(address: KafkaAddress, access: KafkaAccess) -> bool:
    """Tell whether the cluster has topics of ``address.run``."""
    prefix = whole_name(run_of(address), "")
    return any(name.startswith(prefix) for name in Administrator(address, access).topics())


def delete_topics(address: KafkaAddress, access: KafkaAccess) -> list[str]:
    """Delete every topic of ``address.run``; return their names."""
    prefix = whole_name(run_of(address), "")
    admin = Administrator(address, access)
    names = [name for name in admin.topics() if name.startswith(prefix)]
    admin.delete(names)
    return names


def forget_promises(address: KafkaAddress, access: KafkaAccess) -> None:
    """Take back every promise of a run; who starts all its planes calls this before the first one."""
    lane = (whole_name(run_of(address), PROMISES), 0)
    fetcher = Fetcher(address, access, lane[0])
    try:
        _, end = fetcher.bounds(lane)
    finally:
        fetcher.close()
    Administrator(address, access).delete_records(lane, end)


def run_of(address: KafkaAddress) -> str:
    """Return the run that ``address`` names; raises ``BusError`` where it names none."""
    if not address.run:
        raise BusError(f"bus address {str(address)!r} names no run; allowed: {address}/RUN")
    return address.run
