"""When a market is open: sorted, disjoint stretches of time, whoever knew the calendar."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

NEVER_NS = 2**63 - 1
"""A time that does not come."""

_DAY_NS = 86_400 * 1_000_000_000


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """Trading sessions [open, close) of one market, ns since 1970 UTC, in order and disjoint.

    Without stretches the market never closes, and its day ends at midnight UTC.
    """

    opens_ns: tuple[int, ...] = ()
    closes_ns: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.opens_ns) != len(self.closes_ns):
            opens, closes = len(self.opens_ns), len(self.closes_ns)
            raise ValueError(f"sessions have {opens} opens and {closes} closes; allowed: as many")
        edges = [t for session in zip(self.opens_ns, self.closes_ns, strict=True) for t in session]
        for i, (edge, following) in enumerate(pairwise(edges)):
            # A session may begin where the last one ended, but none is empty.
            if following < edge or (following == edge and i % 2 == 0):
                raise ValueError(f"session edge {following} comes after {edge}; allowed: rising times, no overlap")

    def is_open(self, time_ns: int) -> bool:
        """Tell whether ``time_ns`` lies in a session."""
        if not self.opens_ns:
            return True
        last_open = int(np.searchsorted(self.opens_ns, time_ns, side="right")) - 1
        return last_open >= 0 and time_ns < self.closes_ns[last_open]

    def day_ends_ns(self, time_ns: int) -> int:
        """Return when an order for the day that arrives at ``time_ns`` expires.

        That is the close of the session it arrives in, or of the next one; ``NEVER_NS`` behind the last session known.
        """
        if not self.opens_ns:
            return (time_ns // _DAY_NS + 1) * _DAY_NS
        i = int(np.searchsorted(self.closes_ns, time_ns, side="right"))
        return self.closes_ns[i] if i < len(self.closes_ns) else NEVER_NS

    def table(self) -> npt.NDArray[np.int64]:
        """Return the sessions as rows (open, close), for kernels; no rows where the market never closes."""
        return np.array([self.opens_ns, self.closes_ns], dtype=np.int64).T.copy().reshape(-1, 2)


ALWAYS_OPEN = Sessions()
"""A market that never closes."""


def sessions_of(rows: Sequence[tuple[int, int]]) -> Sessions:
    """Return the sessions of (open, close) ``rows``."""
    return Sessions(opens_ns=tuple(o for o, _ in rows), closes_ns=tuple(c for _, c in rows))
