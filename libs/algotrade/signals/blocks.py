"""What signals are built from: rings, running sums, moments, averages and extremes, each a few fields and a step.

A block's fields are all zeros while it has seen nothing; ``full`` is 1 once it has all that it needs, for ever
(``hot``). Its window is handed in at each step and never changes; its ring wraps at the window, not at the capacity, so
that only the window's memory is touched.

Running sums are kept in two generations. Adding what comes and subtracting what leaves collects rounding errors for
ever; so beside the sum that is in use another is summed up afresh from the moment the ring wraps, and takes its place
when the ring wraps again and it holds the window exactly. That costs one addition, and no pass over the window.

Moments are sums of differences from a centre, and the centre of each new generation is the mean at its start: a window
is never further from its centre than the mean has moved in two windows. This re-centring keeps a variance of 1e-6
around a mean of 1e6 to a relative error of 1e-11, of windows of 20 and of 10,000, however long the series
(tests/signals/test_digits.py; ten million observations in tests/benchmarks/signals.py).
"""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.ema import advance, moved

__all__ = ["moved"]

AVERAGE = np.dtype([("level", "<f8"), ("seen", "<i8"), ("full", "<i8")])
"""The fields of an exponential average: ``level`` and ``seen`` as in ``ema``; ``full``: 1 once it is seeded."""


def ring(capacity: int) -> np.dtype[Any]:
    """Return the fields of a ring: the last ``window`` values; ``head``: where the next is written."""
    return np.dtype([("head", "<i8"), ("values", "<f8", (capacity,))])


@jit
def swap(r: Any, window: int, x: float) -> float:
    """Put ``x`` in, return what it replaces: the value ``window`` steps ago, 0 if there was none."""
    head = r["head"]
    place = np.uintp(head)  # of a signed index numba asks first whether it counts from the end
    old = r["values"][place]
    r["values"][place] = x
    head += 1
    r["head"] = head if head < window else 0
    return old


@jit
def at_end(r: Any, window: int) -> bool:
    """Return whether the next value put in is the last before the ring begins again."""
    return r["head"] + 1 >= window


@jit
def back(r: Any, window: int, steps: int) -> float:
    """Return the value put in ``steps`` (0 .. window - 1) before the latest one."""
    at = r["head"] - 1 - steps
    return r["values"][at if at >= 0 else at + window]


def rolling_sum(capacity: int) -> np.dtype[Any]:
    """Return the fields of a sum over a window, in two generations."""
    return np.dtype([("sum", "<f8"), ("fresh", "<f8"), ("ring", ring(capacity))])


@jit
def add(b: Any, window: int, x: float) -> float:
    """Put ``x`` in, return the sum of the last ``window`` values, of all while they are fewer."""
    r = b["ring"]
    turns = at_end(r, window)
    gain = x - swap(r, window, x)
    fresh = b["fresh"] + x
    if turns:
        b["sum"] = fresh
        b["fresh"] = 0.0
        return fresh
    total = b["sum"] + gain
    b["sum"] = total
    b["fresh"] = fresh
    return total


def block_sum(capacity: int) -> np.dtype[Any]:
    """Return the fields of a sum over a window in which nothing is subtracted.

    What has left the window leaves no rounding behind: a window of zeros sums to 0 whatever came before, and a sum of
    numbers of one sign has all its digits. So it is for sums that are divided by, or that a root is taken of. It is
    summed as ``extremes`` are compared: ``sum`` is of the block so far, ``values`` has the block's values, and behind
    them, of the block before, for each place the sum from there to its end. A step takes two additions, not one.

    ``place``  in the block
    """
    return np.dtype([("place", "<i8"), ("sum", "<f8"), ("values", "<f8", (capacity,))])


@jit
def add_in_block(b: Any, window: int, x: float) -> float:
    """Put ``x`` in, return the sum of the last ``window`` values, of all while they are fewer."""
    values = b["values"]
    place = b["place"]
    total = b["sum"] + x
    values[np.uintp(place)] = x
    place += 1
    if place == window:
        sum_from_each(values, window)
        b["place"] = 0
        b["sum"] = 0.0
        return total
    b["place"] = place
    b["sum"] = total
    return total + values[np.uintp(place)]


@jit
def sum_from_each(values: Any, count: int) -> None:
    """Put in each place the sum of the values from there to the end."""
    total = 0.0
    for i in range(count - 1, -1, -1):
        total += values[i]
        values[i] = total


def moments(capacity: int) -> np.dtype[Any]:
    """Return the fields of mean and variance over a window.

    ``center``, ``sum``, ``squares``  of the generation in use; the ``next_`` ones of the one being summed up
    ``count``                         values in the window
    ``same``                          how many values in a row were equal to ``last``
    """
    names = ("center", "sum", "squares", "next_center", "next_sum", "next_squares", "last")
    counts = [(name, "<i8") for name in ("count", "full", "same")]
    return np.dtype([*((name, "<f8") for name in names), *counts, ("ring", ring(capacity))])


@jit
def observe(b: Any, window: int, x: float) -> None:
    """Put ``x`` in."""
    turns = at_end(b["ring"], window)
    old = swap(b["ring"], window, x)
    if b["full"] == 0:
        count = b["count"]
        if count == 0:
            b["center"] = x
            b["next_center"] = x
            b["last"] = x
        b["count"] = count + 1
        b["full"] = 1 if count + 1 == window else 0
        old = b["center"]  # nothing leaves: that is what counts nothing
    b["same"] = b["same"] + 1 if x == b["last"] else 1
    b["last"] = x
    off = x - b["center"]
    gone = old - b["center"]
    b["sum"] += off - gone
    b["squares"] += off * off - gone * gone
    off_next = x - b["next_center"]
    b["next_sum"] += off_next
    b["next_squares"] += off_next * off_next
    if turns:
        b["center"] = b["next_center"]
        b["sum"] = b["next_sum"]
        b["squares"] = b["next_squares"]
        b["next_center"] = b["center"] + b["sum"] * (1.0 / window)
        b["next_sum"] = 0.0
        b["next_squares"] = 0.0


# Of the window's length and not of a count, so that the reciprocals are made once for a loop: a division takes as long
# as all the rest of a step.
@jit
def mean_of(b: Any, window: int) -> float:
    """Return the mean of a full window; exactly the value while all are equal."""
    return b["last"] if b["same"] >= window else b["center"] + b["sum"] * (1.0 / window)


@jit
def variance_of(b: Any, window: int, freedom_lost: int) -> float:
    """Return a full window's squared deviations over ``window`` - ``freedom_lost``; exactly 0 while all are equal."""
    squares = b["squares"] - b["sum"] * (b["sum"] * (1.0 / window))
    is_some = squares > 0.0 and b["same"] < window
    return squares * (1.0 / (window - freedom_lost)) if is_some else 0.0


@jit
def average(b: Any, x: float, alpha: float, period: int) -> float:
    """Put ``x`` in an exponential average (``ema``), return it; NaN while it is seeding. It counts up to ``period``."""
    if b["full"] > 0:
        level = moved(b["level"], x, alpha)
        b["level"] = level
        return level
    level, seen = advance(b["level"], b["seen"], x, alpha, period)
    b["level"] = level
    b["seen"] = seen
    if seen < period:
        return math.nan
    b["full"] = 1
    return level


def extremes(capacity: int) -> np.dtype[Any]:
    """Return the fields of a rolling maximum, after M. van Herk, Pattern Recognition Letters 13, 1992.

    Observations are taken in blocks of a window. ``values`` holds those of the block so far, and behind them, of the
    block before, for each place the largest from there to its end. So the largest of the window is the larger of
    ``top``, the block's own so far, and of the next of ``values``: two comparisons, on which no branch depends. A queue
    of candidates takes as few, but its branches cannot be foretold, and cost ten times that.

    ``place``  in the block;  ``full``  1 once there was a block before, else 0
    """
    return np.dtype([("place", "<i8"), ("full", "<i8"), ("top", "<f8"), ("values", "<f8", (capacity,))])


@jit
def highest(b: Any, window: int, x: float) -> float:
    """Put ``x`` in, return the largest of the last ``window`` values."""
    values = b["values"]
    place = b["place"]
    top = b["top"]
    top = x if x > top or (b["full"] == 0 and place == 0) else top
    values[np.uintp(place)] = x
    place += 1
    if place == window:
        largest_from_each(values, window)
        b["full"] = 1
        b["place"] = 0
        b["top"] = -math.inf
        return top
    b["place"] = place
    b["top"] = top
    before = values[np.uintp(place)]
    return before if b["full"] > 0 and before > top else top


@jit
def largest_from_each(values: Any, count: int) -> None:
    """Put in each place the largest of the values from there to the end."""
    largest = values[count - 1]
    for i in range(count - 2, -1, -1):
        value = values[i]
        largest = max(largest, value)
        values[i] = largest


def timed_extremes(capacity: int) -> np.dtype[Any]:
    """Return the fields of a rolling maximum that knows where it is: a ring of values, and what is known of them.

    The largest is ``top`` for ``life`` steps, that one included, unless something larger comes. When it leaves, a table
    is made: ``later`` has, for each value of the window, the largest of those from it on, ``later_at`` its place. From
    then on the largest is ``later`` of the oldest value or ``fresh``, the largest since, and ``life`` counts down from
    -1, until something larger comes or the table has no value left that is in the window. So a table is made once a
    window at most: O(1) an observation, amortised, whatever the values.
    """
    return np.dtype([("place", "<i8"), ("life", "<i8"), ("top", "<f8"), ("fresh", "<f8"), ("fresh_at", "<i8"),
                     ("values", "<f8", (capacity,)), ("later", "<f8", (capacity,)), ("later_at", "<i8", (capacity,))])


@jit
def age(b: Any, window: int, x: float) -> int:
    """Put ``x`` in, return how many steps ago the largest of the last ``window`` was; of equal ones the latest."""
    newest = b["place"]
    b["values"][newest] = x
    oldest = newest + 1 if newest + 1 < window else 0
    b["place"] = oldest
    life = b["life"]
    if x >= b["top"] or life == 0:
        b["top"] = x
        b["life"] = window
        return 0
    if life > 1:
        b["life"] = life - 1
        return window - life + 1
    if life in (1, -window):
        latest_from_each(b["values"], b["later"], b["later_at"], newest, window)
        b["fresh"] = -math.inf
        life = 0
    elif x >= b["fresh"]:
        b["fresh"] = x
        b["fresh_at"] = newest
    b["life"] = life - 1
    is_fresh = b["fresh"] >= b["later"][oldest]
    b["top"] = b["fresh"] if is_fresh else b["later"][oldest]
    steps = newest - (b["fresh_at"] if is_fresh else b["later_at"][oldest])
    return steps if steps >= 0 else steps + window


@jit
def latest_from_each(values: Any, later: Any, later_at: Any, newest: int, window: int) -> None:
    """Put in ``later``, for each place of a full ring, the largest of the values from there to the newest.

    And in ``later_at`` where that is, of equal ones the latest.
    """
    largest = values[newest]
    largest_at = newest
    at = newest
    for _ in range(window):
        is_larger = values[at] > largest
        largest = values[at] if is_larger else largest
        largest_at = at if is_larger else largest_at
        later[at] = largest
        later_at[at] = largest_at
        at = at - 1 if at > 0 else window - 1
