"""Seeded runs of market records, and the oracle that a reader of them is held against."""

import random
from collections.abc import Iterator

import msgspec
import numpy as np

from algotrade.bus.market import MARKET_TOPICS
from algotrade.bus.topics import TOPICS, Topic
from algotrade.domain import LAYOUTS, Kind, MarketBatch


def dice(seed: int) -> random.Random:
    """Return the chance of a test: seeded, so that its number tells all."""
    return random.Random(seed)  # noqa: S311


def market_topics(partitions: dict[Kind, int] | int = 1, retention_bytes_max: int = 1 << 26) -> dict[str, Topic]:
    """Return the whole table with other partitions and bounds of the market topics."""
    table = dict(TOPICS)
    for kind, name in MARKET_TOPICS.items():
        count = partitions if isinstance(partitions, int) else partitions[kind]
        table[name] = msgspec.structs.replace(table[name], partitions=count, retention_bytes_max=retention_bytes_max)
    return table


class Run:
    """A merged run: kinds and instruments mixed, sequences rising with holes where the quality gate kept some back."""

    def __init__(self, seed: int, count: int, instruments: int = 5) -> None:
        generator = np.random.default_rng(seed)
        self.sequences = np.cumsum(generator.integers(1, 4, count))
        weights = generator.dirichlet([1, 1, 1])  # so that in some runs a kind is rare, or never comes
        self.kinds = generator.choice(3, count, p=weights)
        self.instruments = generator.integers(0, instruments, count)
        self.end = int(self.sequences[-1])

    def between(self, after: int, through: int) -> MarketBatch:
        """Return the records with ``after`` < sequence <= ``through``."""
        arrays = {}
        for kind in Kind:
            rows = (self.kinds == kind) & (self.sequences > after) & (self.sequences <= through)
            array = np.zeros(int(rows.sum()), dtype=LAYOUTS[kind])
            array["sequence"] = self.sequences[rows]
            array["event_time_ns"] = self.sequences[rows] * 1_000
            array["instrument"] = self.instruments[rows]
            arrays[kind] = array
        return MarketBatch.of(arrays)

    def cuts(self, chance: random.Random, after: int, widest: int) -> Iterator[tuple[int, int]]:
        """Yield (after, through) of consecutive stretches of random width, to the run's end."""
        while after < self.end:
            through = min(self.end, after + chance.randint(1, widest))
            yield after, through
            after = through


def rows_to(batch: MarketBatch, sequence: int) -> MarketBatch:
    """Return the rows of ``batch`` up to ``sequence``."""
    return MarketBatch.of({kind: array[array["sequence"] <= sequence] for kind, array in batch.arrays().items()})


def same(one: MarketBatch, other: MarketBatch) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in
               zip(one.arrays().values(), other.arrays().values(), strict=True))
