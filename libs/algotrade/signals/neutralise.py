"""What groups and factors do not explain of a row of values: the residual of least squares across symbols."""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.panel import Array, Arrays, Panel, PanelInput, symbols_min
from algotrade.signals.rows import ROUNDING, blank, dot, is_usable, mean_and_largest, take_away

COLLINEAR = 1e-10
"""A factor of which groups and the factors before it leave no more than this share explains nothing of its own."""

EXACT = 1e-13
"""A residual up to this share of the values' standard deviation is rounding: all of them is explained."""


@jit
def _explain(values: Any, work: Any, kept: int, groups: Any, sums: Any, counts: Any, count: int) -> float:
    """Take away what groups and the directions in rows 1 to ``kept`` of ``work`` explain; return the length left.

    Groups' means first, then Gram and Schmidt's way; all of it twice: the second time takes away what rounding left,
    which is as large as what is left of a factor that is nearly explained, or of values far from 0.
    """
    for _ in range(2):
        for g in range(len(sums)):
            sums[g] = 0.0
        for i in range(count):
            sums[groups[i]] += values[i]
        for i in range(count):
            values[i] -= sums[groups[i]] / counts[groups[i]]
        for j in range(1, kept + 1):
            take_away(values, dot(values, work[j], count), work[j], count)
    return math.sqrt(dot(values, values, count))


@jit
def _present(x: float, group: int, factors: Any) -> bool:
    found = is_usable(x) and group >= 0
    for k in range(len(factors)):
        found = found and is_usable(factors[k])
    return found


@jit
def _about_mean(values: Any, count: int) -> tuple[float, float]:
    """Return the root of the sum of squares about the mean, and the largest magnitude."""
    mean, largest = mean_and_largest(values, count)
    squares = 0.0
    for i in range(count):
        squares += (values[i] - mean) * (values[i] - mean)
    return math.sqrt(squares), largest


@jit
def _basis(work: Any, groups: Any, sums: Any, counts: Any, factors: int, count: int) -> int:
    """Turn the factors, rows 1.. of ``work``, into orthogonal directions of length 1; return how many there are."""
    kept = 0
    for k in range(1, factors + 1):
        before, largest = _about_mean(work[k], count)
        length = _explain(work[k], work, kept, groups, sums, counts, count)
        if not length > max(COLLINEAR * before, ROUNDING * largest * math.sqrt(1.0 * count)):
            continue
        kept += 1
        for i in range(count):
            work[kept, i] = work[k, i] / length
    return kept


@jit
def neutralise_row(
    row: Any, groups: Any, factors: Any, out: Any, work: Any, places: Any, sums: Any, counts: Any, symbols_min: int,
) -> None:
    """Put the residual of a row (n,) on ``groups`` (n,), codes from 0, and ``factors`` (n, k) in ``out``.

    Worked in: ``work`` (1 + k, n), ``places`` (2, n), and ``sums`` and ``counts`` of as many as there are codes.
    """
    blank(out)
    counts[:] = 0
    count, width = 0, factors.shape[1]
    for i in range(len(row)):
        if _present(row[i], groups[i], factors[i]):
            work[0, count] = row[i]
            for k in range(width):
                work[1 + k, count] = factors[i, k]
            places[0, count] = i
            places[1, count] = groups[i]
            counts[groups[i]] += 1
            count += 1
    if count < max(symbols_min, 2):
        return
    before, largest = _about_mean(work[0], count)
    kept = _basis(work, places[1], sums, counts, width, count)
    length = _explain(work[0], work, kept, places[1], sums, counts, count)
    # As many groups and factors as symbols leave rounding alone, too.
    if not length > max(EXACT * before, ROUNDING * largest * math.sqrt(count - 1.0)):
        return
    for i in range(count):
        out[places[0, i]] = work[0, i]


@jit
def _neutralise(columns: Any, t: int, out: Any, work: Any, symbols_min: int) -> None:
    x, groups, factors = columns
    of_group = groups[t] if len(groups) > 1 else groups[0]
    of_factors = factors[t] if len(factors) > 1 else factors[0]
    neutralise_row(x[t], of_group, of_factors, out[t], work[0], work[1], work[2], work[3], symbols_min)


def _work(columns: Arrays, _: dict[str, Any]) -> Arrays:
    x, groups, factors = columns
    codes = int(groups.max(initial=0)) + 1
    symbols = x.shape[1]
    return (np.empty((1 + factors.shape[2], symbols)), np.empty((2, symbols), np.int64), np.empty(codes),
            np.empty(codes, np.int64))


def _one_group(sizes: dict[str, int]) -> Array:
    return np.zeros((1, sizes["symbols"]), np.int64)


def _no_factors(sizes: dict[str, int]) -> Array:
    return np.zeros((1, sizes["symbols"], 0))


NEUTRALISE = (
    Panel(
        name="neutralise", family="cross-section", step=_neutralise, work=_work, parameters=(symbols_min(3),),
        inputs=(PanelInput(name="x"),
                PanelInput(name="groups", constant=True, labels=True, default=_one_group),
                PanelInput(name="factors", axes=("times", "symbols", "factors"), constant=True, default=_no_factors)),
        unit="that of x",
        formula="residual of least squares of x on a constant for each group (one for all without groups) and the "
                "factors, over the symbols of which x, group and factors are known; a factor that the others explain "
                "is left out, and where nothing but rounding is left of x the row is NaN",
        source="R. Grinold & R. Kahn, Active Portfolio Management, 2000, on neutral alphas; A. Bjorck, BIT 7, 1967, on "
               "Gram-Schmidt"),
)
