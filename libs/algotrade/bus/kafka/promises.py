"""Promises over Kafka: the newest values of each writer, told without waiting, and told again while it waits.

A told record says, beside the values, where each log of its writer ended at that time: who takes it in reads at least
that far, so that nothing a promise speaks of can be missed, whichever of the two came first.
"""

from collections.abc import Mapping

import msgspec

from algotrade.bus.codec import decode_bare
from algotrade.bus.port import PROMISE_NONE


class Told(msgspec.Struct, frozen=True):
    """One record of the promises topic: everything that ``writer`` promises now, and the ends of its logs.

    ``ends``  (topic, partition, next position), topics by their whole name
    """

    writer: str
    values: dict[str, int]
    ends: tuple[tuple[str, int, int], ...]


class Promises:
    """What was promised, here and elsewhere."""

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._own: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    @property
    def are_made(self) -> bool:
        """Tell whether this writer has promised anything."""
        return bool(self._own)

    def value(self, name: str) -> int:
        """Return the highest value seen under ``name``."""
        return self._seen.get(name, PROMISE_NONE)

    def raise_to(self, promises: Mapping[str, int]) -> bool:
        """Note own promises; tell whether others have to hear of it."""
        news = False
        for name, value in promises.items():
            assert value >= self._own.get(name, PROMISE_NONE), f"promise {name} lowered to {value}"
            self._own[name] = value
            news |= value > self.value(name)
            self._seen[name] = max(value, self.value(name))
        return news

    def told(self, ends: Mapping[tuple[str, int], int]) -> bytes:
        """Return the record that tells everything promised here."""
        return msgspec.msgpack.encode(Told(self._writer, self._own, tuple(
            (topic, partition, end) for (topic, partition), end in ends.items())))

    def take(self, value: bytes) -> tuple[tuple[str, int, int], ...]:
        """Take in what somebody told; return where that one's logs end. Raises ``Undecodable``."""
        told: Told = decode_bare(value, Told)
        for name, promised in told.values.items():
            self._seen[name] = max(promised, self.value(name))
        return told.ends
