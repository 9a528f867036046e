"""How well a signal foretold returns: information coefficients, the weights that they suggest, and how they fade.

A coefficient at time t compares the signal at t with what **prices** did later: from t + delay to t + delay + horizon.
It takes prices and makes the returns itself, so that they cannot be handed in a row too early. It stands at t and is
known ``delay + horizon`` rows later; ``ic_weights`` alone looks at nothing that is not known at its time.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from algotrade.jit import jit
from algotrade.signals.arithmetic import LIMIT, SMALLEST
from algotrade.signals.panel import Array, Arrays, Panel, PanelInput, symbols_min
from algotrade.signals.rows import correlation, is_usable, to_ranks
from algotrade.signals.signal import CAPACITY_MAX, Parameter, factor

HORIZON = Parameter(name="horizon", default=1, low=1, high=CAPACITY_MAX, unit="rows")
DELAY = Parameter(name="delay", default=1, low=0, high=CAPACITY_MAX, unit="rows")
RANKED = Parameter(name="ranked", default=1, low=0, high=1, unit="codes (0 values, 1 ranks)")
INPUTS = (PanelInput(name="signal"), PanelInput(name="prices", floor=SMALLEST))


class Decay(NamedTuple):
    """``ic`` by additional rows of delay; ``autocorrelation`` of the signal by rows; rows in which each halves."""

    ic: Any
    autocorrelation: Any
    ic_half_life: Any
    half_life: Any


@jit
def _is_price(x: float) -> bool:
    return SMALLEST <= x <= LIMIT


@jit
def coefficient_row(
    signal: Any, begin: Any, end: Any, pairs: Any, work: Any, order: Any, symbols_min: int, ranked: int,
) -> float:
    """Return the correlation of a row of the signal with the returns from the prices ``begin`` to ``end``.

    Worked in: ``pairs`` and ``work`` (2, n) float64, ``order`` (2, n).
    """
    count = 0
    for i in range(len(signal)):
        if is_usable(signal[i]) and _is_price(begin[i]) and _is_price(end[i]):
            pairs[0, count] = signal[i]
            # The ratio, 1 above the return: equal returns of different prices differ in its last digits alone.
            pairs[1, count] = end[i] / begin[i]
            count += 1
    if count < max(symbols_min, 2):
        return math.nan
    if ranked > 0:
        to_ranks(pairs[0], work, order, count)
        to_ranks(pairs[1], work, order, count)
    return correlation(pairs[0], pairs[1], count)


@jit
def autocorrelation_row(before: Any, now: Any, pairs: Any, symbols_min: int) -> float:
    """Return the correlation across symbols of a row of the signal with another."""
    count = 0
    for i in range(len(now)):
        if is_usable(before[i]) and is_usable(now[i]):
            pairs[0, count] = before[i]
            pairs[1, count] = now[i]
            count += 1
    return correlation(pairs[0], pairs[1], count) if count >= max(symbols_min, 2) else math.nan


@jit
def _coefficient(
    columns: Any, t: int, out: Any, work: Any, horizon: int, delay: int, symbols_min: int, ranked: int,
) -> None:
    signal, prices = columns
    begin, end = t + delay, t + delay + horizon
    out[t] = coefficient_row(
        signal[t], prices[begin], prices[end], work[0], work[1], work[2], symbols_min, ranked,
    ) if end < len(prices) else math.nan


@jit
def _pearson(columns: Any, t: int, out: Any, work: Any, horizon: int, delay: int, symbols_min: int) -> None:
    _coefficient(columns, t, out, work, horizon, delay, symbols_min, 0)


@jit
def _spearman(columns: Any, t: int, out: Any, work: Any, horizon: int, delay: int, symbols_min: int) -> None:
    _coefficient(columns, t, out, work, horizon, delay, symbols_min, 1)


@jit
def _mean_known(values: Any, first: int, last: int, known: int) -> float:
    """Return the mean of values ``first`` to ``last`` that are numbers, NaN where they are fewer than ``known``."""
    total, count = 0.0, 0
    for j in range(first, last + 1):
        if not math.isnan(values[j]):
            total += values[j]
            count += 1
    return total / count if count >= known else math.nan


@jit
def _ic_weights(
    columns: Any, t: int, out: Any, work: Any, horizon: int, delay: int, period: int, known: int, shrinkage: float,
    symbols_min: int, ranked: int,
) -> None:
    signals, prices = columns
    pairs, sorted_values, order, history = work
    begin = t - horizon
    origin = begin - delay
    gross, count = 0.0, 0
    for k in range(len(signals)):
        # The coefficient that is known at t and was not before: of the signal at ``origin``, up to the prices of t.
        history[k, t] = coefficient_row(
            signals[k, origin], prices[begin], prices[t], pairs, sorted_values, order, symbols_min, ranked,
        ) if origin >= 0 else math.nan
        out[t, k] = _mean_known(history[k], max(t - period + 1, 0), t, known)
        if not math.isnan(out[t, k]):
            gross += abs(out[t, k])
            count += 1
    for k in range(len(signals)):
        if not math.isnan(out[t, k]):
            own = out[t, k] / gross if gross > 0.0 else 1.0 / count
            out[t, k] = (1.0 - shrinkage) * own + shrinkage / count


@jit
def _decay(
    columns: Any, lag: int, out: Any, work: Any, horizon: int, delay: int,
    lags: int,  # noqa: ARG001 -- the length of ``out``
    symbols_min: int, ranked: int,
) -> None:
    signal, prices = columns
    pairs, sorted_values, order = work
    times = len(signal)
    total, count, alike, pairs_of_rows = 0.0, 0, 0.0, 0
    for t in range(times - lag):
        same = autocorrelation_row(signal[t], signal[t + lag], pairs, symbols_min)
        if not math.isnan(same):
            alike += same
            pairs_of_rows += 1
        begin = t + delay + lag
        if begin + horizon < times:
            ic = coefficient_row(
                signal[t], prices[begin], prices[begin + horizon], pairs, sorted_values, order, symbols_min, ranked)
            if not math.isnan(ic):
                total += ic
                count += 1
    out[0, lag] = total / count if count > 0 else math.nan
    out[1, lag] = alike / pairs_of_rows if pairs_of_rows > 0 else math.nan


def half_life(curve: Array) -> float:
    """Return where a curve is first at half of its first value, on the line between two places; NaN if it never is."""
    if not len(curve) or not curve[0] > 0.0:
        return math.nan
    half = 0.5 * curve[0]
    for k in range(1, len(curve)):
        if math.isnan(curve[k]):
            return math.nan
        if curve[k] <= half:
            return float(k - 1 + (curve[k - 1] - half) / (curve[k - 1] - curve[k]))
    return math.nan


def _told(out: Array) -> Decay:
    return Decay(out[0], out[1], half_life(out[0]), half_life(out[1]))


def _work(columns: Arrays, _: dict[str, Any]) -> Arrays:
    symbols = columns[1].shape[1]
    return np.empty((2, symbols)), np.empty((2, symbols)), np.empty((2, symbols), np.int64)


def _work_history(columns: Arrays, settings: dict[str, Any]) -> Arrays:
    signals, times, _symbols = columns[0].shape
    return (*_work(columns, settings), np.full((signals, times), np.nan))


def _rows_of_returns(horizon: int, delay: int, **_: float) -> int:
    return delay + horizon + 1


def _rows_of_weights(horizon: int, delay: int, known: int, **_: float) -> int:
    return delay + horizon + known


FORMULA = ("correlation across symbols of {of} at t with p_(t+delay+horizon) / p_(t+delay) - 1, p the prices; NaN "
           "where these are not there yet, so at the last delay + horizon times: known only then")

COEFFICIENTS = (
    Panel(
        name="information_coefficient", family="composition", inputs=INPUTS, step=_pearson, work=_work, history=True,
        axes=("times",), parameters=(HORIZON, DELAY, symbols_min(3)), unit="correlation, -1 to 1",
        warm_up=_rows_of_returns,
        formula=FORMULA.format(of="the signal"),
        source="R. Grinold, The Journal of Portfolio Management 15, 1989"),
    Panel(
        name="rank_information_coefficient", family="composition", inputs=INPUTS, step=_spearman, work=_work,
        history=True, axes=("times",), parameters=(HORIZON, DELAY, symbols_min(3)), unit="correlation, -1 to 1",
        warm_up=_rows_of_returns,
        formula=FORMULA.format(of="ranks of the signal") + "; ranks of both, equal values the mean of theirs",
        source="C. Spearman, The American Journal of Psychology 15, 1904; scipy.stats.spearmanr"),
    Panel(
        name="ic_weights", family="composition", step=_ic_weights, work=_work_history, history=True, in_order=True,
        inputs=(PanelInput(name="signals", axes=("signals", "times", "symbols")), INPUTS[1]),
        axes=("times", "signals"), ordered=(("known", "period"),),
        warm_up=_rows_of_weights, unit="weights, of magnitudes that add up to 1 or less",
        parameters=(HORIZON, DELAY, Parameter(name="period", default=60, low=2, high=CAPACITY_MAX, unit="rows"),
                    Parameter(name="known", default=20, low=1, high=CAPACITY_MAX, unit="coefficients"),
                    factor("shrinkage", 0.5, 0.0, 1.0), symbols_min(3), RANKED),
        formula="(1 - shrinkage) c_k / sum |c| + shrinkage / signals, c the mean coefficient of each signal over the "
                "last period of those known at t, of times t - delay - horizon and before; NaN for a signal of which "
                "fewer than known are, and it is not counted; blend takes these weights",
        source="E. Qian, R. Hua & E. Sorensen, Quantitative Equity Portfolio Management, 2007, for coefficients that "
               "are uncorrelated and of one variance; V. DeMiguel, L. Garlappi & R. Uppal, The Review of Financial "
               "Studies 22, 2009, on equal weights"),
    Panel(
        name="signal_decay", family="composition", inputs=INPUTS, step=_decay, work=_work, history=True,
        axes=(2, "lags"), over="lags", outputs=Decay, finish=_told,
        gives="ic and autocorrelation (lags,), and their half-lives, a number each",
        parameters=(HORIZON, DELAY, Parameter(name="lags", default=21, low=1, high=4_096, unit="rows"), symbols_min(3),
                    RANKED),
        warm_up=_rows_of_returns, unit="correlation, twice; rows, twice",
        formula="ic: mean over all times of the coefficient with delay + lag in the place of delay, lag 0 to lags - 1; "
                "autocorrelation: mean of the correlation across symbols of the signal at t with itself at t + lag; "
                "half-life: the first lag with half of the value at 0, linear between two; NaN if none",
        source="R. Grinold & R. Kahn, Active Portfolio Management, 2000, on the half-life of information"),
)
