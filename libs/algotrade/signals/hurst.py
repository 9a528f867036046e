"""Hurst's exponent by the rescaled range, from blocks of a dyadic set of lengths."""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.blocks import back, ring, swap
from algotrade.signals.signal import Signal, any_of, window

SHORTEST = 8
"""Observations of the shortest block: shorter ones say little but their own bias."""

SCALES_MAX = 18
"""Block lengths up to the longest ring: 8, 16, ... 2^20."""


@jit
def rescaled_range(values: Any, window: int, length: int) -> float:
    """Return (max - min of the sums of deviations from the mean) / standard deviation of the last ``length`` values.

    NaN where they are all equal.
    """
    base = back(values, window, 0)
    total = 0.0
    for k in range(length):
        total += back(values, window, k) - base
    mean = total / length
    run, top, bottom, squares = 0.0, 0.0, 0.0, 0.0
    for k in range(length - 1, -1, -1):
        off = back(values, window, k) - base - mean
        run += off
        squares += off * off
        top = max(top, run)
        bottom = min(bottom, run)
    return (top - bottom) / math.sqrt(squares / length) if squares > 0.0 else math.nan


@jit
def _mean_of(ratios: Any, first: int, room: int) -> float:
    total, count = 0.0, 0
    for k in range(first, first + room):
        if ratios[k] > 0.0:
            total += ratios[k]
            count += 1
    return total / count if count > 0 else math.nan


@jit
def _slope(means: Any, scales: int) -> float:
    """Return the least-squares slope of ln(R/S) on ln(length), NaN where fewer than two lengths have a value."""
    count, sum_x, sum_y, sum_xx, sum_xy = 0, 0.0, 0.0, 0.0, 0.0
    for j in range(scales):
        if means[j] > 0.0:
            y = math.log(means[j])
            count += 1
            sum_x += j
            sum_y += y
            sum_xx += j * j
            sum_xy += j * y
    spread = count * sum_xx - sum_x * sum_x
    return (count * sum_xy - sum_x * sum_y) / spread / math.log(2.0) if spread > 0.0 else math.nan


@jit
def _hurst(s: Any, x: float) -> float:
    window = s["period"]
    swap(s["values"], window, x)
    now = s["seen"] + 1
    length, first, j = SHORTEST, 0, 0
    changed = False
    while length <= window:
        room = window // length
        if now % length == 0:
            block = now // length - 1
            s["ratios"][first + block % room] = rescaled_range(s["values"], window, length)
            s["means"][j] = _mean_of(s["ratios"], first, room)
            changed = True
        first += room
        length *= 2
        j += 1
    if changed:
        s["slope"] = _slope(s["means"], j)
    return s["slope"] if now >= window else math.nan


HURST = (
    Signal(
        name="hurst", family="reversion", inputs=any_of("x"), parameters=(window(256, low=16),),
        unit="exponent: 1/2 without memory, above it trends, below it reverts", step=_hurst,
        fields=lambda n: [("slope", "<f8"), ("means", "<f8", (SCALES_MAX,)), ("ratios", "<f8", (max(n // 4, 1),)),
                          ("values", ring(n))],
        warm_up=lambda period: period,
        formula="slope of ln mean(R/S) on ln m over m = 8, 16, ... up to period; R/S of the last period // m complete "
                "blocks of m increments x (returns, not prices), counted from the first; no correction for small m",
        source="H. Hurst, Transactions of the American Society of Civil Engineers 116, 1951; "
               "B. Mandelbrot & J. Wallis, Water Resources Research 5, 1969"),
)
