"""Exponential moving average, seeded as TA-Lib does by default: with the simple average of the first ``period``.

    level_n = level_(n-1) + alpha * (x_n - level_(n-1)),   alpha = 2 / (period + 1)

computed as (1 - alpha) * level_(n-1) + alpha * x_n with the last product and the sum rounded once (``fma``): one
operation in which each level waits for the one before, instead of three. An observation that equals the level leaves
it as it is, so that a constant input stays exactly itself. Units are those of the input.

NaN rule (``signals``): an observation that is not finite, or of a magnitude above 1e60, is ignored: the state stays and
the value with it. The value is NaN until ``period`` observations were used.
"""

import math

import numpy as np
import numpy.typing as npt

from algotrade.jit import jit
from algotrade.signals.arithmetic import LIMIT, fma

STATE = np.dtype([("level", "<f8"), ("seen", "<i8")])
"""``level``: while seeding the sum of the observations, then the average; ``seen``: how many were used."""


@jit
def moved(level: float, x: float, alpha: float) -> float:
    """Return the average after ``x`` of one that is warm."""
    after = fma(1.0 - alpha, level, alpha * x)
    return level if x == level else after


@jit
def update(level: float, seen: int, x: float, alpha: float, period: int) -> tuple[float, int]:
    """Return the state (level, seen) after observation ``x``."""
    return advance(level, seen, x, alpha, period) if abs(x) <= LIMIT else (level, seen)


@jit
def advance(level: float, seen: int, x: float, alpha: float, period: int) -> tuple[float, int]:
    """Return the state after ``x``, finite: what other signals average may be larger than an observation may."""
    if seen >= period:
        return moved(level, x, alpha), seen + 1
    if seen + 1 == period:
        return (level + x) / period, seen + 1
    return level + x, seen + 1


@jit
def value(level: float, seen: int, period: int) -> float:
    """Return the average, NaN while seeding."""
    return level if seen >= period else math.nan


def alpha_of(period: int) -> float:
    """Return the weight of the newest observation in an average of ``period`` observations, 1 or more."""
    if period < 1:
        raise ValueError(f"period is {period}; allowed: 1 or more observations")
    return 2.0 / (period + 1)


def batch(values: npt.ArrayLike, period: int) -> npt.NDArray[np.float64]:
    """Return the average after each of ``values`` (n,), float64 (n,): what ``update`` gives one by one, bit for bit."""
    return _batch(np.ascontiguousarray(values, dtype=np.float64), alpha_of(period), period)


@jit
def _batch(values: npt.NDArray[np.float64], alpha: float, period: int) -> npt.NDArray[np.float64]:
    averages = np.empty(len(values), dtype=np.float64)
    level = 0.0
    seen = 0
    for i in range(len(values)):
        level, seen = update(level, seen, values[i], alpha, period)
        averages[i] = value(level, seen, period)
    return averages
