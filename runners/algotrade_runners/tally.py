"""What planes count of market records, so that a run can prove that nothing was lost and nothing handled twice."""

from collections import Counter
from collections.abc import Mapping

import msgspec
import numpy as np

from algotrade.domain import MarketBatch, rows_to

_WRAP = 2**64


class Tally(msgspec.Struct, kw_only=True):
    """Records counted, and the sum of their sequences modulo 2**64.

    Two planes that counted the same records have equal tallies; with equal counts, a record lost and another one
    counted twice would show in the sum.
    """

    records: int = 0
    sequence_sum: int = 0
    last_sequence: int = 0
    first_time_ns: int = 0
    last_time_ns: int = 0

    def add(self, batch: MarketBatch) -> None:
        """Count every record of ``batch``."""
        for array in batch.arrays().values():
            if len(array):
                first_time_ns = int(array["event_time_ns"][0])
                self.first_time_ns = min(self.first_time_ns, first_time_ns) if self.records else first_time_ns
                self.records += len(array)
                self.sequence_sum = (self.sequence_sum + int(np.sum(array["sequence"], dtype=np.uint64))) % _WRAP
                self.last_sequence = max(self.last_sequence, int(array["sequence"][-1]))
                self.last_time_ns = max(self.last_time_ns, int(array["event_time_ns"][-1]))

    def include(self, other: "Tally") -> None:
        """Count what ``other``, of another shard, has counted."""
        if other.records:
            self.first_time_ns = min(self.first_time_ns, other.first_time_ns) if self.records else other.first_time_ns
        self.records += other.records
        self.sequence_sum = (self.sequence_sum + other.sequence_sum) % _WRAP
        self.last_sequence = max(self.last_sequence, other.last_sequence)
        self.last_time_ns = max(self.last_time_ns, other.last_time_ns)


def up_to(batch: MarketBatch, sequence: int) -> MarketBatch:
    """Return the part of ``batch`` up to and including ``sequence``."""
    return MarketBatch.of({
        kind: array[: rows_to(array, "sequence", sequence)] for kind, array in batch.arrays().items()})


def last_sequence(batch: MarketBatch) -> int:
    """Return the highest sequence in ``batch``, 0 where it is empty."""
    return max((int(array["sequence"][-1]) for array in batch.arrays().values() if len(array)), default=0)


def by_reason(*counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    """Return counts by reason, added up, as a metric with one label takes them."""
    total: Counter[str] = Counter()
    for some in counts:
        total.update(dict(some))
    return {(reason,): count for reason, count in total.items()}
