"""Keeps a partition within its bound of bytes, from the side of its only writer.

Kafka's own retention would drop what a reader has yet to see. So every record's header tells how many bytes the
partition's records have counted up to it, and the writer deletes what lies below the readers' commits when it needs the
room: what is kept is a difference of two such numbers, known after a restart from two records.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable

MARKS_PER_PARTITION = 256
"""So finely, in shares of the bound, the writer remembers which offset stands where."""

STEP_SHARES = 16
"""Deleting costs a request: where it can be, so large a share of the bound goes at once."""


class Kept:
    """The bytes of one partition. ``through`` counts from the partition's beginning, for ever.

    ``low``, ``high``   offsets: the oldest kept, the next one
    ``below``           bytes before ``low``
    ``through``         bytes before ``high``
    """

    def __init__(self, bytes_max: int, low: int, high: int, below: int, through: int) -> None:
        self.bytes_max = bytes_max
        self.low, self.high = low, high
        self.below, self.through = below, through
        # Offsets, and the bytes before each, both rising.
        self._offsets = [low, high] if high > low else [low]
        self._before = [below, through] if high > low else [below]

    @property
    def kept_bytes(self) -> int:
        """Return how much is kept."""
        return self.through - self.below

    def appended(self, offset: int, size_bytes: int) -> None:
        """Note a record of ``size_bytes`` at ``offset``, behind all others."""
        if self.through - self._before[-1] >= self.bytes_max // MARKS_PER_PARTITION or not self._offsets:
            self._offsets.append(offset)
            self._before.append(self.through)
        self.through += size_bytes
        self.high = offset + 1

    def cut_for(self, size_bytes: int, limit: Callable[[], int]) -> int | None:
        """Return up to which offset must go before ``size_bytes`` more fit, ``low`` for none; None where it may not.

        ``limit`` gives the offset from which on a reader still needs what is there.
        """
        excess_bytes = self.kept_bytes + size_bytes - self.bytes_max
        if excess_bytes <= 0:
            return self.low
        allowed = min(limit(), self.high)
        needed = self._offset_at(self.below + excess_bytes)
        if needed > allowed:
            return None
        return max(needed, min(allowed, self._offset_at(self.below + self.bytes_max // STEP_SHARES)))

    def _offset_at(self, bytes_before: int) -> int:
        """Return the first remembered offset that has at least ``bytes_before`` before it."""
        at = bisect_left(self._before, bytes_before)
        return self._offsets[at] if at < len(self._offsets) else self.high

    def deleted(self, below: int) -> None:
        """Note that everything below that offset is gone."""
        at = bisect_right(self._offsets, below) - 1
        if self._offsets[at] != below:
            # Not remembered (a trim, or the end): counted as if all up to the next known offset were still there.
            self.low = below
            self.below = self.through if below >= self.high else self._before[at]
        else:
            self.low, self.below = below, self._before[at]
        self._offsets = [self.low, *(o for o in self._offsets if o > self.low)]
        self._before = self._before[-len(self._offsets):]
        self._before[0] = self.below
