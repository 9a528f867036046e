"""Pairs over a window: covariance, correlation and beta of two series, of a series with its own past."""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.blocks import at_end, ring, swap
from algotrade.signals.signal import Signal, any_of, window

NAMES = ("x", "y", "xx", "xy", "yy")


def pair_moments(capacity: int) -> np.dtype[Any]:
    """Return the fields of sums of x - ``center_x``, y - ``center_y`` and their products, in two generations.

    ``run_x``, ``run_y``  how many values in a row were equal to the last one
    """
    names = ["center_x", "center_y", "next_center_x", "next_center_y", "last_x", "last_y"]
    names += [f"{prefix}{name}" for prefix in ("sum_", "next_") for name in NAMES]
    counts = [(name, "<i8") for name in ("count", "full", "run_x", "run_y")]
    return np.dtype([*((name, "<f8") for name in names), *counts, ("xs", ring(capacity)), ("ys", ring(capacity))])


@jit
def observe_pair(b: Any, window: int, x: float, y: float) -> None:
    """Put a pair in."""
    turns = at_end(b["xs"], window)
    old_x = swap(b["xs"], window, x)
    old_y = swap(b["ys"], window, y)
    if b["full"] == 0:
        count = b["count"]
        if count == 0:
            b["center_x"] = x
            b["center_y"] = y
            b["next_center_x"] = x
            b["next_center_y"] = y
            b["last_x"] = x
            b["last_y"] = y
        b["count"] = count + 1
        b["full"] = 1 if count + 1 == window else 0
        old_x = b["center_x"]  # nothing leaves: that is what counts nothing
        old_y = b["center_y"]
    b["run_x"] = b["run_x"] + 1 if x == b["last_x"] else 1
    b["run_y"] = b["run_y"] + 1 if y == b["last_y"] else 1
    b["last_x"] = x
    b["last_y"] = y
    u = x - b["center_x"]
    v = y - b["center_y"]
    gone_x = old_x - b["center_x"]
    gone_y = old_y - b["center_y"]
    b["sum_x"] += u - gone_x
    b["sum_y"] += v - gone_y
    b["sum_xx"] += u * u - gone_x * gone_x
    b["sum_xy"] += u * v - gone_x * gone_y
    b["sum_yy"] += v * v - gone_y * gone_y
    u = x - b["next_center_x"]
    v = y - b["next_center_y"]
    b["next_x"] += u
    b["next_y"] += v
    b["next_xx"] += u * u
    b["next_xy"] += u * v
    b["next_yy"] += v * v
    if turns:
        _turn(b, window)


@jit
def _turn(b: Any, window: int) -> None:
    """Take the generation that has been summed up, start the next around its means."""
    b["center_x"] = b["next_center_x"]
    b["center_y"] = b["next_center_y"]
    b["sum_x"] = b["next_x"]
    b["sum_y"] = b["next_y"]
    b["sum_xx"] = b["next_xx"]
    b["sum_xy"] = b["next_xy"]
    b["sum_yy"] = b["next_yy"]
    b["next_center_x"] += b["sum_x"] * (1.0 / window)
    b["next_center_y"] += b["sum_y"] * (1.0 / window)
    b["next_x"] = 0.0
    b["next_y"] = 0.0
    b["next_xx"] = 0.0
    b["next_xy"] = 0.0
    b["next_yy"] = 0.0


@jit
def squares_x(b: Any) -> float:
    """Return the sum of squared deviations of x; exactly 0 while all are equal."""
    if b["run_x"] >= b["count"]:
        return 0.0
    return max(b["sum_xx"] - b["sum_x"] * (b["sum_x"] * (1.0 / b["count"])), 0.0)


@jit
def squares_y(b: Any) -> float:
    """Return the sum of squared deviations of y; exactly 0 while all are equal."""
    if b["run_y"] >= b["count"]:
        return 0.0
    return max(b["sum_yy"] - b["sum_y"] * (b["sum_y"] * (1.0 / b["count"])), 0.0)


@jit
def products(b: Any) -> float:
    """Return the sum of the products of the deviations of x and y."""
    return b["sum_xy"] - b["sum_x"] * (b["sum_y"] * (1.0 / b["count"]))


@jit
def slope_on_x(b: Any) -> float:
    """Return the least-squares slope of y on x, NaN where x does not move."""
    squares = squares_x(b)
    return products(b) / squares if squares > 0.0 else math.nan


@jit
def correlation_of(b: Any, window: int) -> float:
    """Return Pearson's correlation of a full window, -1 to 1, NaN where x or y does not move.

    By the window's length, whose reciprocal is made once for a loop.
    """
    share = 1.0 / window
    mean_x = b["sum_x"] * share
    x = b["sum_xx"] - b["sum_x"] * mean_x
    y = b["sum_yy"] - b["sum_y"] * (b["sum_y"] * share)
    product = x * y
    # One root of both, unless their product is too small to have all its digits; too large it cannot be.
    scale = math.sqrt(product) if product > 1e-280 else math.sqrt(max(x, 0.0)) * math.sqrt(max(y, 0.0))
    moves = b["run_x"] < window and b["run_y"] < window and x > 0.0 and y > 0.0
    found = (b["sum_xy"] - b["sum_y"] * mean_x) / scale
    return min(max(found, -1.0), 1.0) if moves and scale > 0.0 else math.nan


@jit
def _correlation(s: Any, x: float, y: float) -> float:
    observe_pair(s["pairs"], s["period"], x, y)
    return correlation_of(s["pairs"], s["period"]) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _covariance(s: Any, x: float, y: float) -> float:
    observe_pair(s["pairs"], s["period"], x, y)
    return products(s["pairs"]) / (s["period"] - 1.0) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _beta(s: Any, x: float, y: float) -> float:
    observe_pair(s["pairs"], s["period"], x, y)
    return slope_on_x(s["pairs"]) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _autocorrelation(s: Any, x: float) -> float:
    before = swap(s["lagged"], s["lag"], x)
    if s["seen"] < s["lag"]:
        return math.nan
    observe_pair(s["pairs"], s["period"], before, x)
    return correlation_of(s["pairs"], s["period"]) if s["seen"] + 1 >= s["lag"] + s["period"] else math.nan


@jit
def _half_life(s: Any, x: float) -> float:
    before = s["last"]
    s["last"] = x
    if s["seen"] == 0:
        return math.nan
    observe_pair(s["pairs"], s["period"], before, x)
    if s["seen"] < s["period"]:
        return math.nan
    kept = slope_on_x(s["pairs"])
    if math.isnan(kept):
        return math.nan
    if kept <= 0.0:
        return 0.0
    return -math.log(2.0) / math.log(kept) if kept < 1.0 else math.inf


PAIRS = (
    Signal(
        name="correlation", family="pairs", inputs=any_of("x", "y"), parameters=(window(30, low=2),), unit="-1 to 1",
        step=_correlation, fields=lambda n: [("pairs", pair_moments(n))], warm_up=lambda period: period,
        formula="Pearson's r of the last period pairs, NaN where x or y does not move",
        source="TA-Lib CORREL, which has 0 there"),
    Signal(
        name="covariance", family="pairs", inputs=any_of("x", "y"), parameters=(window(30, low=2),),
        unit="that of x times that of y", step=_covariance, fields=lambda n: [("pairs", pair_moments(n))],
        warm_up=lambda period: period, formula="sum (x_i - mean x) (y_i - mean y) / (period - 1)",
        source="pandas rolling.cov"),
    Signal(
        name="beta", family="pairs", inputs=any_of("x", "y"), parameters=(window(60, low=2),),
        unit="that of y over that of x", step=_beta, fields=lambda n: [("pairs", pair_moments(n))],
        warm_up=lambda period: period,
        formula="least-squares slope of y on x over the last period pairs: of an asset's returns y on the market's x",
        source="the definition; TA-Lib BETA takes prices and makes returns of them itself"),
    Signal(
        name="autocorrelation", family="statistics", inputs=any_of("x"), unit="-1 to 1", step=_autocorrelation,
        parameters=(window(30, low=2), window(1, name="lag")), warm_up=lambda period, lag: period + lag,
        fields=lambda n: [("lagged", ring(n)), ("pairs", pair_moments(n))],
        formula="Pearson's r of the last period pairs (x_(i-lag), x_i)", source="pandas rolling.corr of x and x.shift"),
    Signal(
        name="half_life", family="reversion", inputs=any_of("x"), parameters=(window(60, low=3),), unit="observations",
        step=_half_life, fields=lambda n: [("last", "<f8"), ("pairs", pair_moments(n))],
        warm_up=lambda period: period + 1,
        formula="-ln 2 / ln b, b the least-squares slope of x_i on x_(i-1) over period pairs; 0 for b <= 0, "
                "infinite for b >= 1",
        source="E. Chan, Algorithmic Trading, 2013, chapter 2"),
)
