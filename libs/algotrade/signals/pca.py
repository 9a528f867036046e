"""Returns without what the market moved by: the residual after the first principal components of a window."""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.eigen import eigen, largest_first
from algotrade.signals.panel import Arrays, Panel, PanelInput, symbols_min
from algotrade.signals.rows import ROUNDING, blank, dot, is_usable, take_away
from algotrade.signals.signal import Parameter

EXACT = 1e-13
"""A share of the variance up to this is rounding: the components explain all of it."""

ROWS_MAX = 512
"""Rows of a window: rotations take a time that grows with its third power, half a second at this."""


@jit
def _filled(returns: Any, t: int, window: int, values: Any, places: Any, symbols_min: int) -> int:
    """Put the window's returns, less each symbol's mean, in ``values``, of the symbols that have all; return how many.

    0 where they are too few, or do not move.
    """
    first, count, largest = t - window + 1, 0, 0.0
    for i in range(returns.shape[1]):
        known = True
        for j in range(first, t + 1):
            known = known and is_usable(returns[j, i])
        if known:
            places[count] = i
            count += 1
    squares = 0.0
    for k in range(count):
        i = places[k]
        base, total, rest = returns[first, i], 0.0, 0.0
        for j in range(window):
            total += returns[first + j, i] - base
            largest = max(largest, abs(returns[first + j, i]))
        mean = base + total / window
        for j in range(window):
            values[j, k] = returns[first + j, i] - mean
            rest += values[j, k]
        for j in range(window):
            values[j, k] -= rest / window
            squares += values[j, k] * values[j, k]
    moves = math.sqrt(squares) > ROUNDING * largest * math.sqrt(1.0 * window * count)
    return count if moves and count >= symbols_min else 0


@jit
def _row_products(values: Any, count: int, matrix: Any) -> None:
    """Fill the products of rows with rows: where they are fewer than the symbols."""
    for p in range(len(matrix)):
        for q in range(p + 1):
            matrix[p, q] = dot(values[p], values[q], count)
            matrix[q, p] = matrix[p, q]


@jit
def _symbol_products(values: Any, matrix: Any) -> None:
    """Fill the products of symbols with symbols: where they are fewer than the rows."""
    n = len(matrix)
    for p in range(n):
        for q in range(n):
            matrix[p, q] = 0.0
    for j in range(len(values)):
        for p in range(n):
            for q in range(n):
                matrix[p, q] += values[j, p] * values[j, q]


@jit
def _take_components(values: Any, count: int, vectors: Any, components: int, rest: Any) -> None:
    """Take the components' parts of the last row away from ``rest``, the last row itself.

    Of rows' products: a component is the rows' sum, weighted by the vector, over the root of the eigenvalue; so is its
    share of the last row, and the eigenvalue is not needed.
    """
    rows = len(values)
    by_rows = len(vectors) == rows
    for k in range(components):
        if by_rows:
            for j in range(rows):
                take_away(rest, vectors[k, rows - 1] * vectors[k, j], values[j], count)
        else:
            take_away(rest, dot(values[rows - 1], vectors[k], count), vectors[k], count)


@jit
def _trace(matrix: Any, first: int) -> float:
    total = 0.0
    for p in range(first, len(matrix)):
        total += matrix[p, p]
    return total


@jit
def _pca_residual(
    columns: Any, t: int, out: Any, work: Any, window: int, components: int, symbols_min: int,
) -> None:
    values, places, squares, rotations, rest = work
    blank(out[t])
    if t + 1 < window:
        return
    count = _filled(columns[0], t, window, values, places, symbols_min)
    if min(count, window - 1) <= components:
        return
    n = min(window, count)
    matrix, vectors = squares[: n * n].reshape(n, n), rotations[: n * n].reshape(n, n)
    if n == window:
        _row_products(values, count, matrix)
    else:
        _symbol_products(values, matrix)
    total = _trace(matrix, 0)
    eigen(matrix, vectors)
    largest_first(matrix, vectors, components)
    if not _trace(matrix, components) > EXACT * total:
        return
    for i in range(count):
        rest[i] = values[window - 1, i]
    _take_components(values, count, vectors, components, rest)
    for i in range(count):
        out[t, places[i]] = rest[i]


def _work(columns: Arrays, settings: dict[str, Any]) -> Arrays:
    window, symbols = int(settings["window"]), columns[0].shape[1]
    n = min(window, symbols)
    return (np.empty((window, symbols)), np.empty(symbols, np.int64), np.empty(n * n), np.empty(n * n),
            np.empty(symbols))


PCA = (
    Panel(
        name="pca_residual", family="cross-section", inputs=(PanelInput(name="returns"),), step=_pca_residual,
        work=_work, history=True, warm_up=lambda window, **_: window, unit="that of the returns",
        parameters=(Parameter(name="window", default=60, low=3, high=ROWS_MAX, unit="rows"),
                    Parameter(name="components", default=3, low=1, high=ROWS_MAX - 1, unit="components"),
                    symbols_min(5)),
        ordered=(("components", "window"),),
        formula="r - m - V V'(r - m), r the returns at t, m each symbol's mean over the window rows that end at t, V "
                "the first principal components of r - m in them; of the symbols that have all of the window's "
                "returns; NaN where the components leave next to nothing (1e-13 of the variance)",
        source="M. Avellaneda & J.-H. Lee, Quantitative Finance 10, 2010; there of returns over their deviation"),
)
