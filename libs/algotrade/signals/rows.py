"""One row of values: the present ones together, sorted, ranked, centred, and how two rows go together. Compiled.

``values`` and ``places`` are the first ``count`` of work arrays: the present values, and where they were in the row.
"""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.arithmetic import LIMIT

ROUNDING = 8 * 2.0**-52
"""A standard deviation up to this share of the largest magnitude is rounding: values that ought to be equal."""

RUN = 16
"""Values that are sorted by insertion before runs of them are merged."""


@jit
def is_usable(x: float) -> bool:
    """Tell whether a value is present."""
    return -LIMIT <= x <= LIMIT


@jit
def blank(out: Any) -> None:
    """Fill with NaN."""
    for i in range(len(out)):
        out[i] = math.nan


@jit
def gather(row: Any, values: Any, places: Any) -> int:
    """Put the present values of ``row`` in ``values``, and where they were in ``places``; return how many they are."""
    count = 0
    for i in range(len(row)):
        x = row[i]
        if is_usable(x):
            values[count] = x
            places[count] = i
            count += 1
    return count


@jit
def sort(values: Any, places: Any, other: Any, other_places: Any, count: int) -> None:
    """Sort the first ``count`` values, and ``places`` along with them; the two others are worked in.

    Runs sorted by insertion, then merged: equal values stay in order.
    """
    for begin in range(0, count, RUN):
        for i in range(begin + 1, min(begin + RUN, count)):
            x, place = values[i], places[i]
            j = i - 1
            while j >= begin and values[j] > x:
                values[j + 1] = values[j]
                places[j + 1] = places[j]
                j -= 1
            values[j + 1] = x
            places[j + 1] = place
    width = RUN
    while width < count:
        for begin in range(0, count, 2 * width):
            middle, end = min(begin + width, count), min(begin + 2 * width, count)
            left, right = begin, middle
            for k in range(begin, end):
                if right >= end or (left < middle and values[left] <= values[right]):
                    other[k] = values[left]
                    other_places[k] = places[left]
                    left += 1
                else:
                    other[k] = values[right]
                    other_places[k] = places[right]
                    right += 1
        for k in range(count):
            values[k] = other[k]
            places[k] = other_places[k]
        width *= 2


@jit
def rank(values: Any, places: Any, count: int, out: Any) -> None:
    """Put the rank, 1 for the least, of each of the sorted values in ``out`` at its place; equal ones share theirs."""
    i = 0
    while i < count:
        j = i
        while j + 1 < count and values[j + 1] == values[i]:
            j += 1
        for k in range(i, j + 1):
            out[places[k]] = 0.5 * (i + j) + 1.0
        i = j + 1


@jit
def mean_and_largest(values: Any, count: int) -> tuple[float, float]:
    """Return the mean of ``count`` values, 1 or more, and the largest magnitude.

    The mean is that of the differences from the first, so that it holds for values far from 0.
    """
    base, total, largest = values[0], 0.0, 0.0
    for i in range(count):
        total += values[i] - base
        largest = max(largest, abs(values[i]))
    return base + total / count, largest


@jit
def centre(values: Any, count: int) -> float:
    """Take the mean away from ``count`` values; return the root of the sum of their squares, 0 if it is but rounding.

    The mean of what remains is taken away again: so it holds for values far from 0 as well.
    """
    if count < 2:
        return 0.0
    mean, largest = mean_and_largest(values, count)
    rest = 0.0
    for i in range(count):
        values[i] -= mean
        rest += values[i]
    rest /= count
    squares = 0.0
    for i in range(count):
        values[i] -= rest
        squares += values[i] * values[i]
    length = math.sqrt(squares)
    return length if length > ROUNDING * largest * math.sqrt(count - 1.0) else 0.0


@jit
def dot(a: Any, b: Any, count: int) -> float:
    """Return the sum of the products."""
    total = 0.0
    for i in range(count):
        total += a[i] * b[i]
    return total


@jit
def take_away(values: Any, share: float, other: Any, count: int) -> None:
    """Subtract ``share`` times the other values."""
    for i in range(count):
        values[i] -= share * other[i]


@jit
def correlation(a: Any, b: Any, count: int) -> float:
    """Return the correlation of ``count`` pairs, NaN where either does not move; both are centred in place."""
    length_a = centre(a, count)
    length_b = centre(b, count)
    if not (length_a > 0.0 and length_b > 0.0):
        return math.nan
    return min(max(dot(a, b, count) / length_a / length_b, -1.0), 1.0)


@jit
def to_ranks(values: Any, work: Any, order: Any, count: int) -> None:
    """Put in the place of each of ``count`` values its rank; ``work`` (2, n) and ``order`` (2, n) are worked in."""
    for i in range(count):
        work[0, i] = values[i]
        order[0, i] = i
    sort(work[0], order[0], work[1], order[1], count)
    rank(work[0], order[0], count, values)
