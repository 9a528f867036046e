"""The bodies of the bus that the contract is proven for, and a small table of topics to prove it with."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from algotrade.bus import Bus, LocalBus, MemoryBus, Outgoing, Topic
from algotrade.bus.topics import DEAD_WRITER

# Bounds so small that a dozen messages reach them.
SMALL = {
    topic.name: topic for topic in (
        Topic(name="orders", writer="alpha", readers=("beta", "gamma"), retention_bytes_max=2_000),
        Topic(name="ticks", writer="alpha", retention_bytes_max=2_000, durable=False),
        Topic(name="wide", writer="alpha", readers=("beta",), partitions=3, retention_bytes_max=6_000),
        Topic(name="snapshots", writer="alpha", retention_bytes_max=4_000, compacted=True),
        Topic(name="answers", writer="beta", readers=("alpha",), retention_bytes_max=2_000),
        Topic(name="orders.dead", writer=DEAD_WRITER, retention_bytes_max=4_000),
    )
}


class World(Protocol):
    """A place that holds a bus; ``open`` is a plane's start, as often as it likes."""

    def open(self, writer: str | None) -> Bus: ...

    def close(self) -> None: ...


class MemoryWorld:
    def __init__(self, topics: Mapping[str, Topic] = SMALL) -> None:
        self.shared = MemoryBus(topics)

    def open(self, writer: str | None) -> Bus:
        return self.shared.client(writer)

    def close(self) -> None:
        pass


class LocalWorld:
    def __init__(self, topics: Mapping[str, Topic] = SMALL) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bus-"))
        self.topics = topics
        self.opened: list[LocalBus] = []

    def open(self, writer: str | None) -> Bus:
        bus = LocalBus(self.folder, writer, self.topics)
        self.opened.append(bus)
        return bus

    def close(self) -> None:
        for bus in self.opened:
            bus.close()
        shutil.rmtree(self.folder)


WORLDS = {"memory": MemoryWorld, "local": LocalWorld}


def message(text: str = "", key: str = "k", size_bytes: int = 0) -> Outgoing:
    """Return a message that counts ``size_bytes`` against a bound, or as many as its text takes."""
    value = text.encode()
    return Outgoing(key.encode(), value.ljust(size_bytes - len(key) - 32, b"."))


def values(bus: Bus, topic: str, position: int = 0, partition: int = 0) -> list[bytes]:
    return [m.value for m in bus.read(topic, position, messages_max=1_000, partition=partition)]


def behind(bus: Bus, topic: str, partition: int = 0) -> float | None:
    """Return how many messages ``bus`` says it is behind, None where its body does not say."""
    return bus.samples().get("algotrade_bus_lag_messages", {}).get((topic, str(partition)))


def seen(bus: Bus, name: str, value: int) -> int:
    """Return what ``bus`` sees promised under ``name``, once that is ``value`` or no longer on its way."""
    for _ in range(LOOKS_MAX):
        if bus.promised(name) == value:
            break
        bus.wait(0.01)
    return bus.promised(name)


LOOKS_MAX = 500
