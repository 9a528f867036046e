"""Across symbols at one time: rank, z-score, winsorised values. The rule about absent symbols is that of ``panel``."""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.panel import Panel, PanelInput, symbols_min
from algotrade.signals.rows import ROUNDING, blank, gather, is_usable, rank, sort
from algotrade.signals.signal import factor


@jit
def zscore_row(row: Any, out: Any, symbols_min: int) -> None:
    """Put the z-scores of a row in ``out``, of its length: two passes for the moments, a third to write."""
    count, base, total, largest = 0, 0.0, 0.0, 0.0
    for i in range(len(row)):
        x = row[i]
        if is_usable(x):
            base = x if count == 0 else base
            total += x - base
            largest = max(largest, abs(x))
            count += 1
    mean = base + total / count if count > 0 else math.nan
    rest, squares = 0.0, 0.0
    for i in range(len(row)):
        if is_usable(row[i]):
            off = row[i] - mean
            rest += off
            squares += off * off
    deviation = math.nan
    if count >= max(symbols_min, 2):
        rest /= count
        deviation = math.sqrt(max(squares - count * rest * rest, 0.0) / (count - 1.0))
        deviation = deviation if deviation > ROUNDING * largest else math.nan
    for i in range(len(row)):
        out[i] = (row[i] - mean - rest) / deviation if is_usable(row[i]) else math.nan


@jit
def _sorted(row: Any, work: Any, order: Any, symbols_min: int) -> int:
    """Put the present values of a row in ``work[0]``, rising, and their places in ``order[0]``; return how many.

    0 where they are too few, or all equal.
    """
    count = gather(row, work[0], order[0])
    if count < max(symbols_min, 2):
        return 0
    sort(work[0], order[0], work[1], order[1], count)
    return count if work[0, 0] < work[0, count - 1] else 0


@jit
def rank_row(row: Any, out: Any, work: Any, order: Any, symbols_min: int) -> None:
    """Put (rank - 1/2) / count of a row in ``out``; ``work`` (2, n) float64 and ``order`` (2, n) are worked in."""
    blank(out)
    count = _sorted(row, work, order, symbols_min)
    rank(work[0], order[0], count, out)
    for k in range(count):
        out[order[0, k]] = (out[order[0, k]] - 0.5) / count


@jit
def quantile(values: Any, count: int, share: float) -> float:
    """Return the quantile of sorted values, between two of them on the line from one to the other."""
    at = share * (count - 1)
    low = int(at)
    a, b = values[low], values[min(low + 1, count - 1)]
    part = at - low
    # From the nearer end, so that neither end is passed.
    return b - (b - a) * (1.0 - part) if part >= 0.5 else a + (b - a) * part


@jit
def winsorise_row(row: Any, out: Any, work: Any, order: Any, low: float, high: float, symbols_min: int) -> None:
    """Put a row in ``out``, what is beyond its quantiles ``low`` and ``high`` set to them."""
    blank(out)
    count = _sorted(row, work, order, symbols_min)
    if count == 0:
        return
    least = quantile(work[0], count, low)
    most = quantile(work[0], count, high)
    for k in range(count):
        out[order[0, k]] = min(max(work[0, k], least), most)


@jit
def _zscore(columns: Any, t: int, out: Any, work: Any, symbols_min: int) -> None:  # noqa: ARG001 -- as every step
    zscore_row(columns[0][t], out[t], symbols_min)


@jit
def _rank(columns: Any, t: int, out: Any, work: Any, symbols_min: int) -> None:
    rank_row(columns[0][t], out[t], work[0], work[1], symbols_min)


@jit
def _winsorise(columns: Any, t: int, out: Any, work: Any, low: float, high: float, symbols_min: int) -> None:
    winsorise_row(columns[0][t], out[t], work[0], work[1], low, high, symbols_min)


CROSS_SECTION = (
    Panel(
        name="cross_rank", family="cross-section", inputs=(PanelInput(name="x"),), parameters=(symbols_min(2),),
        step=_rank, unit="share of the symbols, 0 to 1",
        formula="(rank - 1/2) / count among the symbols present, rank 1 for the least, equal values the mean of their "
                "ranks; NaN where all are equal",
        source="scipy.stats.rankdata; G. Blom, Statistical Estimates and Transformed Beta-Variables, 1958, on "
               "(rank - a) / (count + 1 - 2 a)"),
    Panel(
        name="cross_zscore", family="cross-section", inputs=(PanelInput(name="x"),), parameters=(symbols_min(2),),
        step=_zscore, unit="standard deviations",
        formula="(x - mean) / sample standard deviation of the symbols present; NaN where they do not differ. Of one "
                "symbol over time: zscore",
        source="T. Chan, G. Golub & R. LeVeque, The American Statistician 37, 1983, on two passes with a correction"),
    Panel(
        name="winsorise", family="cross-section", inputs=(PanelInput(name="x"),), step=_winsorise,
        parameters=(factor("low", 0.01, 0.0, 1.0), factor("high", 0.99, 0.0, 1.0), symbols_min(2)),
        ordered=(("low", "high"),), unit="that of the input",
        formula="min(max(x, q_low), q_high), q the quantiles of the symbols present, linear between two of them; NaN "
                "where all are equal",
        source="numpy.quantile; J. Tukey, The Annals of Mathematical Statistics 33, 1962, who names it for C. Winsor"),
)
