"""Hedges: covariance and correlation that fade, the hedge ratio that drifts, the spread of two cointegrated series."""

import math
from typing import Any, NamedTuple

from algotrade.jit import jit
from algotrade.signals.arithmetic import fma
from algotrade.signals.blocks import back
from algotrade.signals.pairs import (
    observe_pair,
    pair_moments,
    products,
    slope_on_x,
    squares_x,
    squares_y,
)
from algotrade.signals.signal import Parameter, Signal, any_of, factor, period, window

PRIOR = 1e6
"""Variance of ratio and intercept before the first pair, in units of the noise: next to nothing is known."""

EXACT = 1e-13
"""A residual sum of squares below this share of what it is a difference of is rounding: the fit is exact."""


class Hedge(NamedTuple):
    """``ratio`` and ``intercept`` after the pair, ``spread`` of the pair against those before, ``zscore`` of it."""

    ratio: Any
    intercept: Any
    spread: Any
    zscore: Any


class Spread(NamedTuple):
    """``spread`` the latest residual, ``zscore`` of it, ``ratio`` of the hedge, ``statistic`` of the unit-root test."""

    spread: Any
    zscore: Any
    ratio: Any
    statistic: Any


@jit
def _fade_pair(s: Any, x: float, y: float) -> None:
    """Put a pair in the fading means, variances and covariance."""
    if s["seen"] == 0:
        s["mean_x"] = x
        s["mean_y"] = y
        return
    alpha = 2.0 / (s["span"] + 1.0)
    u = x - s["mean_x"]
    v = y - s["mean_y"]
    s["mean_x"] = fma(alpha, u, s["mean_x"])
    s["mean_y"] = fma(alpha, v, s["mean_y"])
    s["xx"] = (1.0 - alpha) * fma(alpha * u, u, s["xx"])
    s["xy"] = (1.0 - alpha) * fma(alpha * u, v, s["xy"])
    s["yy"] = (1.0 - alpha) * fma(alpha * v, v, s["yy"])


@jit
def _ewma_covariance(s: Any, x: float, y: float) -> float:
    _fade_pair(s, x, y)
    return s["xy"] if s["seen"] > 0 else math.nan


@jit
def _ewma_correlation(s: Any, x: float, y: float) -> float:
    _fade_pair(s, x, y)
    scale = math.sqrt(s["xx"]) * math.sqrt(s["yy"])
    return min(max(s["xy"] / scale, -1.0), 1.0) if scale > 0.0 else math.nan


@jit
def _kalman_hedge(s: Any, x: float, y: float) -> Hedge:
    if s["seen"] == 0:
        s["p_11"] = PRIOR * s["noise"]
        s["p_22"] = PRIOR * s["noise"]
    p_11 = s["p_11"] + s["drift"]
    p_12 = s["p_12"]
    p_22 = s["p_22"] + s["drift"]
    with_ratio = p_11 * x + p_12
    with_intercept = p_12 * x + p_22
    total = with_ratio * x + with_intercept + s["noise"]
    spread = y - s["ratio"] * x - s["intercept"]
    gain_1 = with_ratio / total
    gain_2 = with_intercept / total
    s["ratio"] = fma(gain_1, spread, s["ratio"])
    s["intercept"] = fma(gain_2, spread, s["intercept"])
    # Joseph's form, (I - g h) p (I - g h)' + noise g g': a sum of squares, which rounding cannot make negative.
    a = 1.0 - gain_1 * x
    d = 1.0 - gain_2
    b, c = -gain_1, -gain_2 * x
    s["p_11"] = a * (a * p_11 + b * p_12) + b * (a * p_12 + b * p_22) + s["noise"] * gain_1 * gain_1
    s["p_12"] = c * (a * p_11 + b * p_12) + d * (a * p_12 + b * p_22) + s["noise"] * gain_1 * gain_2
    s["p_22"] = c * (c * p_11 + d * p_12) + d * (c * p_12 + d * p_22) + s["noise"] * gain_2 * gain_2
    if s["seen"] == 0:
        return Hedge(math.nan, math.nan, math.nan, math.nan)
    return Hedge(s["ratio"], s["intercept"], spread, spread / math.sqrt(total))


@jit
def _unit_root(s: Any, ratio: float, squares: float, last: float) -> float:
    """Return the t value of rho in e_i - e_(i-1) = rho e_(i-1) + u over the window's residuals e.

    No pass over them: e_i^2 - e_(i-1)^2 = 2 e_(i-1) d_i + d_i^2 adds up to the difference of the two ends' squares.
    """
    b = s["pairs"]
    n = s["period"]
    first = back(b["ys"], n, n - 1) - s["mean_y"] - ratio * (back(b["xs"], n, n - 1) - s["mean_x"])
    m = s["moves"]
    count = n - 1.0
    mean = (m["center_y"] + m["sum_y"] / count) - ratio * (m["center_x"] + m["sum_x"] / count)
    moved = squares_y(m) - 2.0 * ratio * products(m) + ratio * ratio * squares_x(m) + count * mean * mean
    before = squares - last * last
    crossed = 0.5 * (last * last - first * first - moved)
    if not before > 0.0:
        return math.nan
    rho = crossed / before
    error = moved - rho * crossed
    return rho / math.sqrt(error / (count - 1.0) / before) if error > 0.0 else math.nan


@jit
def _cointegration_spread(s: Any, x: float, y: float) -> Spread:
    n = s["period"]
    b = s["pairs"]
    if s["seen"] > 0:
        observe_pair(s["moves"], n - 1, x - s["last_x"], y - s["last_y"])
    s["last_x"] = x
    s["last_y"] = y
    observe_pair(b, n, x, y)
    ratio = slope_on_x(b) if s["seen"] + 1 >= n else math.nan
    if math.isnan(ratio):
        return Spread(math.nan, math.nan, math.nan, math.nan)
    s["mean_x"] = b["center_x"] + b["sum_x"] / n
    s["mean_y"] = b["center_y"] + b["sum_y"] / n
    spread = y - s["mean_y"] - ratio * (x - s["mean_x"])
    squares = squares_y(b) - ratio * products(b)
    if not squares > EXACT * squares_y(b):
        return Spread(spread, math.nan, ratio, math.nan)
    return Spread(spread, spread / math.sqrt(squares / (n - 2.0)), ratio, _unit_root(s, ratio, squares, spread))


@jit
def _regression(s: Any, x: float, y: float) -> tuple[float, float, float]:
    """Put a pair of (market, asset) returns in; return intercept, slope and residual variance, NaN until known."""
    n = s["period"]
    b = s["pairs"]
    observe_pair(b, n, x, y)
    slope = slope_on_x(b) if b["count"] >= n else math.nan
    if math.isnan(slope):
        return math.nan, math.nan, math.nan
    squares = squares_y(b) - slope * products(b)
    variance = squares / (n - 2.0) if squares > EXACT * squares_y(b) else math.nan
    return b["center_y"] + b["sum_y"] / n - slope * (b["center_x"] + b["sum_x"] / n), slope, variance


@jit
def _residual_reversal(s: Any, x: float, y: float) -> float:
    intercept, slope, variance = _regression(s, x, y)
    return -(y - intercept - slope * x) / math.sqrt(variance)


@jit
def _residual_momentum(s: Any, x: float, y: float) -> float:
    intercept, slope, _ = _regression(s, x, y)
    skip = s["skip"]
    if s["seen"] >= skip:
        pairs = s["pairs"]
        observe_pair(s["formed"], s["formation"], back(pairs["xs"], s["period"], skip),
                     back(pairs["ys"], s["period"], skip))
    f = s["formed"]
    n = s["formation"]
    if math.isnan(slope) or f["count"] < n:
        return math.nan
    mean = f["center_y"] + f["sum_y"] / n - intercept - slope * (f["center_x"] + f["sum_x"] / n)
    parts = squares_y(f) + slope * slope * squares_x(f)
    squares = parts - 2.0 * slope * products(f)
    return n * mean / math.sqrt(squares / (n - 1.0)) if squares > EXACT * parts else math.nan


_FADING = [(name, "<f8") for name in ("mean_x", "mean_y", "xx", "xy", "yy")]

HEDGES = (
    Signal(
        name="ewma_covariance", family="pairs", inputs=any_of("x", "y"), parameters=(period(20, low=2, name="span"),),
        unit="that of x times that of y", step=_ewma_covariance, fields=lambda _: _FADING, warm_up=lambda **_: 2,
        formula="a = 2 / (span + 1): c = (1 - a) (c + a (x - mx) (y - my)), then mx += a (x - mx), my likewise",
        source="pandas ewm.cov, adjust=False, bias=True"),
    Signal(
        name="ewma_correlation", family="pairs", inputs=any_of("x", "y"), parameters=(period(20, low=2, name="span"),),
        unit="-1 to 1", step=_ewma_correlation, fields=lambda _: _FADING, warm_up=lambda **_: 2,
        formula="ewma_covariance(x, y) / sqrt(ewma_covariance(x, x) ewma_covariance(y, y)), NaN where x or y has not "
                "moved",
        source="pandas ewm.corr, adjust=False, bias=True"),
    Signal(
        name="kalman_hedge", family="pairs", inputs=any_of("x", "y"), outputs=Hedge, step=_kalman_hedge,
        parameters=(factor("drift", 1e-4, 1e-12, 1e12, "variance per step"),
                    factor("noise", 1.0, 1e-12, 1e12, "variance")),
        unit="that of y over that of x; that of y; that of y; standard deviations",
        fields=lambda _: [(name, "<f8") for name in ("ratio", "intercept", "p_11", "p_12", "p_22")],
        warm_up=lambda **_: 2,
        formula="y_n = ratio_n x_n + intercept_n + e_n, var e = noise; ratio and intercept are random walks with "
                "variance drift a step, from 0 with variance 1e6 noise; spread = y_n - what was expected of it",
        source="A. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989; "
               "E. Chan, Algorithmic Trading, 2013, chapter 3"),
    Signal(
        name="cointegration_spread", family="pairs", inputs=any_of("x", "y"), parameters=(window(60, low=4),),
        unit="that of y; standard deviations; that of y over that of x; t value", step=_cointegration_spread,
        outputs=Spread, warm_up=lambda period: period,
        fields=lambda n: [*((name, "<f8") for name in ("last_x", "last_y", "mean_x", "mean_y")),
                          ("pairs", pair_moments(n)), ("moves", pair_moments(n))],
        formula="e = y - a - b x, least squares over period pairs: the last e, e / sqrt(sum e^2 / (period - 2)), b, "
                "and the t value of rho in e_i - e_(i-1) = rho e_(i-1) + u; NaN where the fit is exact",
        source="R. Engle & C. Granger, Econometrica 55, 1987; statsmodels coint, maxlag=0"),
    Signal(
        name="residual_momentum", family="cross-section", inputs=any_of("x", "y"), step=_residual_momentum,
        unit="standard deviations", warm_up=lambda period, formation, skip: max(period, formation + skip),
        parameters=(window(36, low=5), window(11, low=3, name="formation"),
                    Parameter(name="skip", default=1, low=0, high=4)),
        fields=lambda n: [("pairs", pair_moments(n)), ("formed", pair_moments(n))],
        formula="y = a + b x + e, returns of the asset y on those of the market x, least squares over period pairs: "
                "sum of e over formation pairs, the last skip left out, over their sample standard deviation",
        source="D. Blitz, J. Huij & M. Martens, Journal of Empirical Finance 18, 2011; there with three factors"),
    Signal(
        name="residual_reversal", family="cross-section", inputs=any_of("x", "y"), parameters=(window(36, low=4),),
        unit="standard deviations", step=_residual_reversal, warm_up=lambda period: period,
        fields=lambda n: [("pairs", pair_moments(n))],
        formula="-e_n / sqrt(sum e^2 / (period - 2)), y = a + b x + e, returns of the asset y on those of the market "
                "x, least squares over period pairs",
        source="D. Blitz, J. Huij, S. Lansdorp & M. Verbeek, Journal of Financial Markets 16, 2013; there with three "
               "factors"),
)
