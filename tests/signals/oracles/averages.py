"""Plain formulas of moving averages."""

import math

import numpy as np

from tests.signals.oracles.bound import (
    EPS,
    UNKNOWN,
    Bound,
    before,
    block_total,
    difference,
    ema,
    exact,
    lagged,
    mean,
    near,
    put_together,
    weighted,
    wilder,
)
from tests.signals.oracles.registry import oracle


@oracle("sma")
def sma(x, period):
    return mean(exact(x), period)


@oracle("ema")
def _ema(x, period):
    return ema(exact(x), period)


@oracle("wilder")
def _wilder(x, period):
    return wilder(exact(x), period)


@oracle("dema")
def dema(x, period):
    once = ema(exact(x), period)
    return 2 * once - ema(once, period)


@oracle("tema")
def tema(x, period):
    once = ema(exact(x), period)
    twice = ema(once, period)
    return 3 * once - 3 * twice + ema(twice, period)


@oracle("trix")
def trix(x, period):
    thrice = ema(ema(ema(exact(x), period), period), period)
    return 100 * (thrice / lagged(thrice, 1) - 1)


def linear(x: Bound, n: int) -> Bound:
    """The average with weights 1 (oldest) to n."""
    return weighted(x, np.arange(1, n + 1)) / (n * (n + 1) // 2)


@oracle("wma")
def wma(x, period):
    return linear(exact(x), period)


@oracle("hma")
def hma(x, period):
    series = exact(x)
    raw = 2 * linear(series, period // 2) - linear(series, period)
    return linear(raw, math.isqrt(period))


@oracle("trima")
def trima(x, period):
    """By its weights 1, 2 ... middle ... 2, 1: for an even period the middle one comes twice."""
    rise = np.minimum(np.arange(1, period + 1), np.arange(period, 0, -1))
    # The second sum is of rounded means of the first, which knew values of two windows more.
    wide = mean(mean(exact(x), (period + 1) // 2), period // 2 + 1)
    return Bound(weighted(exact(x), rise / rise.sum()).value, wide.slack)


@oracle("kama")
def kama(x, period, fast, slow):
    series = exact(x)
    path = block_total(abs(difference(x, before(x))), period)
    way = abs(series - lagged(series, period))
    quick, slack_off = exact(2) / (fast + 1), exact(2) / (slow + 1)
    level, parts = UNKNOWN, []
    for i in range(len(x)):
        if i < period:
            parts.append(UNKNOWN)
            continue
        level = exact(x[i - 1]) if i == period else level
        if np.all(x[i - period : i + 1] == x[i]):
            efficiency = exact(1)
        else:
            efficiency = way[i] / path[i]
            # Whatever the roundings, a share is from 0 to 1.
            efficiency = near(efficiency.value, min(efficiency.slack, np.longdouble(1)))
        smoothing = efficiency * (quick - slack_off) + slack_off
        weight, gap = smoothing * smoothing, series[i].value - level.value
        # What is wrong in the level fades with it; as a sum of three bounds it would seem to grow.
        slack = (1 - weight.value) * level.slack + weight.slack * (abs(gap) + level.slack)
        size = abs(level.value) + abs(series[i].value)
        level = Bound(level.value + weight.value * gap, slack + 4 * EPS * size)
        parts.append(level)
    return put_together(parts)
