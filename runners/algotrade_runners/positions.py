"""How far a plane has come in each topic that it reads, told by promises: snapshots alone would be old news."""

from collections.abc import Callable, Mapping
from functools import cache

from algotrade.bus import PLANES, Bus, Snapshots


@cache
def position_name(plane: str, topic: str, partition: int) -> str:
    """Return the promise by which ``plane`` tells the position of the first message that it has not handled."""
    return f"at/{plane}/{topic}/{partition}"


class Told:
    """What a plane has told of its positions."""

    def __init__(self, bus: Bus, plane: str) -> None:
        self._bus = bus
        self._plane = plane
        self._told: dict[tuple[str, int], int] = {}

    def news(self, positions: Mapping[tuple[str, int], int]) -> dict[str, int]:
        """Return the promises that tell what of ``positions`` has risen since the last call."""
        risen = {at: position for at, position in positions.items() if position > self._told.get(at, 0)}
        self._told.update(risen)
        promises = {position_name(self._plane, *at): position for at, position in risen.items()}
        # Who goes on from a snapshot handles again what was told to be handled before.
        return {name: position for name, position in promises.items() if position > self._bus.promised(name)}


def known_positions(bus: Bus) -> Callable[[str, str, int], int]:
    """Return what tells the newest position known of a plane, topic and partition: what the plane has told, or saved.

    Told is forgotten with the planes' host, or the cluster's topic of promises; saved is what a start goes on from.
    """
    saved = {plane: _saved(bus, plane) for plane in PLANES}

    def newest(plane: str, topic: str, partition: int) -> int:
        told = bus.promised(position_name(plane, topic, partition))
        return max(told, saved[plane].get((topic, partition), 0))

    return newest


def _saved(bus: Bus, plane: str) -> dict[tuple[str, int], int]:
    """Return the positions of ``plane``'s newest snapshots, of all its shards."""
    topic = f"snapshots.{plane}"
    return {at: position for shard in range(bus.partitions(topic))
            for at, position in Snapshots(bus, topic, plane, shard).positions().items()}
