"""The last trusted price of each instrument: what orders are priced and positions valued by."""

import math

import numpy as np

from algotrade.domain.market import Flag, Records
from algotrade.jit import jit

MARK = np.dtype([("time_ns", "<i8"), ("price", "<f8"), ("suspect", "<i8")])
"""Event time and value of the last trusted price, NaN before the first; ``suspect``: what came last is not trusted."""

UNTRUSTED = int(Flag.CROSSED | Flag.PRICE_JUMP | Flag.DELAYED)
"""Records so flagged move no mark."""


def no_marks(instruments: int) -> Records:
    """Return the marks of ``instruments`` instruments before any record: shape (instruments,), dtype ``MARK``."""
    marks = np.zeros(instruments, dtype=MARK)
    marks["price"] = math.nan
    return marks


@jit
def move_mark(marks: Records, instrument: int, time_ns: int, price: float, flags: int) -> None:
    """Move ``instrument``'s mark to ``price`` at ``time_ns``, unless ``flags`` or the price forbid trusting it."""
    if (flags & UNTRUSTED) != 0 or not price > 0.0:
        marks[instrument]["suspect"] = 1
    else:
        marks[instrument]["time_ns"] = time_ns
        marks[instrument]["price"] = price
        marks[instrument]["suspect"] = 0
