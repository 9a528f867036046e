"""Signals made uncorrelated across symbols: all alike, or one after the other."""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.eigen import eigen
from algotrade.signals.panel import Arrays, Panel, PanelInput, symbols_min
from algotrade.signals.rows import centre, dot, is_usable, take_away

COLLINEAR = 1e-10
"""A signal of which those before it leave no more than this share, or signals with an eigenvalue up to it, are one."""

SIGNALS = (PanelInput(name="signals", axes=("signals", "times", "symbols")),)


@jit
def _standardised(signals: Any, t: int, values: Any, places: Any) -> int:
    """Put the symbols that all signals have in ``values``, each signal with mean 0 and length 1; return how many.

    0 where one of the signals does not differ from symbol to symbol.
    """
    width, count = len(signals), 0
    for i in range(signals.shape[2]):
        known = width > 0
        for k in range(width):
            known = known and is_usable(signals[k, t, i])
        if known:
            for k in range(width):
                values[k, count] = signals[k, t, i]
            places[count] = i
            count += 1
    for k in range(width):
        length = centre(values[k], count)
        if length == 0.0:
            return 0
        for i in range(count):
            values[k, i] /= length
    return count


@jit
def _none(out: Any, t: int) -> None:
    for k in range(len(out)):
        for i in range(out.shape[2]):
            out[k, t, i] = math.nan


@jit
def _sequential(columns: Any, t: int, out: Any, work: Any, symbols_min: int) -> None:
    values, places = work
    _none(out, t)
    count = _standardised(columns[0], t, values, places)
    if count < max(symbols_min, 2):
        return
    scale, kept = math.sqrt(count - 1.0), 0
    for k in range(len(values)):
        # Twice: the second time takes away what rounding left.
        for _ in range(2):
            for j in range(kept):
                take_away(values[k], dot(values[k], values[j], count), values[j], count)
        length = math.sqrt(dot(values[k], values[k], count))
        if length > COLLINEAR:
            for i in range(count):
                values[kept, i] = values[k, i] / length
                out[k, t, places[i]] = scale * values[kept, i]
            kept += 1


@jit
def _inverse_root(matrix: Any, vectors: Any, k: int, shares: Any) -> None:
    """Put row ``k`` of the matrix to the power -1/2 in ``shares``, from its eigenvalues and eigenvectors."""
    for j in range(len(shares)):
        shares[j] = 0.0
        for e in range(len(shares)):
            shares[j] += vectors[e, k] * vectors[e, j] / math.sqrt(matrix[e, e])


@jit
def _mixed(values: Any, shares: Any, places: Any, count: int, out: Any) -> None:
    """Put the sum of the signals, each times its share, in ``out``: of length 1, so brought to a deviation of 1."""
    scale = math.sqrt(count - 1.0)
    for i in range(count):
        total = 0.0
        for j in range(len(shares)):
            total += shares[j] * values[j, i]
        out[places[i]] = scale * total


@jit
def _symmetric(columns: Any, t: int, out: Any, work: Any, symbols_min: int) -> None:
    values, places, matrix, vectors, shares = work
    _none(out, t)
    count, width = _standardised(columns[0], t, values, places), len(values)
    if count < max(symbols_min, 2):
        return
    for k in range(width):
        for j in range(k, width):
            matrix[k, j] = dot(values[k], values[j], count)
            matrix[j, k] = matrix[k, j]
    eigen(matrix, vectors)
    for k in range(width):
        if not matrix[k, k] > COLLINEAR:
            return
    for k in range(width):
        _inverse_root(matrix, vectors, k, shares)
        _mixed(values, shares, places, count, out[k, t])


def _work(columns: Arrays, _: dict[str, Any]) -> Arrays:
    signals, _times, symbols = columns[0].shape
    return np.empty((signals, symbols)), np.empty(symbols, np.int64)


def _work_symmetric(columns: Arrays, settings: dict[str, Any]) -> Arrays:
    width = len(columns[0])
    return (*_work(columns, settings), np.empty((width, width)), np.empty((width, width)), np.empty(width))


ORTHOGONAL = (
    Panel(
        name="orthogonalise_symmetric", family="composition", step=_symmetric, work=_work_symmetric, inputs=SIGNALS,
        axes=SIGNALS[0].axes, parameters=(symbols_min(3),), unit="standard deviations",
        formula="Z R^(-1/2), Z the signals' z-scores over the symbols that all of them have, R their correlations: of "
                "all uncorrelated signals those nearest to Z, none before another; NaN where they are linearly "
                "dependent",
        source="P.-O. Loewdin, The Journal of Chemical Physics 18, 1950; R. Klein & T. Chow, The Quarterly Review of "
               "Economics and Finance 53, 2013"),
    Panel(
        name="orthogonalise_sequential", family="composition", step=_sequential, work=_work, inputs=SIGNALS,
        axes=SIGNALS[0].axes, parameters=(symbols_min(3),), unit="standard deviations",
        formula="z-score of what the signals before it do not explain of each, in the order in which they stand, over "
                "the symbols that all of them have; the first is its own z-score; NaN for a signal that those before "
                "explain",
        source="E. Schmidt, Mathematische Annalen 63, 1907; A. Bjorck, BIT 7, 1967"),
)
