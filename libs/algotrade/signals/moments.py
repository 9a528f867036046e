"""Moments: of all observations, of a window, with weights that fade; and the level behind noise."""

import math
from typing import Any, NamedTuple

import numpy as np

from algotrade.jit import jit
from algotrade.signals.arithmetic import fma
from algotrade.signals.blocks import at_end, moments, observe, ring, swap, variance_of
from algotrade.signals.signal import Parameter, Signal, any_of, factor, period, window


class Moments(NamedTuple):
    """``mean``, sample ``variance``, ``skew`` g1 and excess ``kurtosis`` g2 of all observations so far.

    The latter two are NaN while all are equal.
    """

    mean: Any
    variance: Any
    skew: Any
    kurtosis: Any


class FadingMoments(NamedTuple):
    """``mean`` and ``variance`` with weights that fade, ``zscore`` of the latest observation against those before."""

    mean: Any
    variance: Any
    zscore: Any


class Level(NamedTuple):
    """``level`` filtered, its ``variance``, and the ``surprise`` of the latest observation in standard deviations."""

    level: Any
    variance: Any
    surprise: Any


def powers(capacity: int) -> np.dtype[Any]:
    """Return the fields of the first four power sums of x - ``center`` over a window, in two generations."""
    names = ["center", "next_center", "last", *(f"{prefix}{k}" for prefix in ("sum_", "next_") for k in range(1, 5))]
    counts = [(name, "<i8") for name in ("count", "full", "same")]
    return np.dtype([*((name, "<f8") for name in names), *counts, ("ring", ring(capacity))])


@jit
def observe_powers(b: Any, window: int, x: float) -> None:
    """Put ``x`` in."""
    turns = at_end(b["ring"], window)
    old = swap(b["ring"], window, x)
    if b["full"] == 0:
        count = b["count"]
        if count == 0:
            b["center"] = x
            b["next_center"] = x
            b["last"] = x
        b["count"] = count + 1
        b["full"] = 1 if count + 1 == window else 0
        old = b["center"]  # nothing leaves: that is what counts nothing
    b["same"] = b["same"] + 1 if x == b["last"] else 1
    b["last"] = x
    u = x - b["center"]
    gone = old - b["center"]
    b["sum_1"] += u - gone
    b["sum_2"] += u * u - gone * gone
    b["sum_3"] += u * u * u - gone * gone * gone
    b["sum_4"] += (u * u) * (u * u) - (gone * gone) * (gone * gone)
    u = x - b["next_center"]
    b["next_1"] += u
    b["next_2"] += u * u
    b["next_3"] += u * u * u
    b["next_4"] += (u * u) * (u * u)
    if turns:
        b["center"] = b["next_center"]
        b["next_center"] += b["next_1"] / window
        b["sum_1"], b["sum_2"], b["sum_3"], b["sum_4"] = b["next_1"], b["next_2"], b["next_3"], b["next_4"]
        b["next_1"] = 0.0
        b["next_2"] = 0.0
        b["next_3"] = 0.0
        b["next_4"] = 0.0


@jit
def central(b: Any, window: int) -> tuple[float, float, float]:
    """Return the second, third and fourth central moments of a full window (divided by its length)."""
    one = b["sum_1"] / window
    two = b["sum_2"] / window
    three = b["sum_3"] / window
    four = b["sum_4"] / window
    return (two - one * one, three - 3.0 * one * two + 2.0 * one * one * one,
            four - 4.0 * one * three + 6.0 * one * one * two - 3.0 * one * one * one * one)


@jit
def _moments(s: Any, x: float) -> Moments:
    n = s["seen"] + 1.0
    off = x - s["mean"]
    part = off / n
    gain = off * part * (n - 1.0)
    s["mean"] += part
    s["m4"] += gain * part * part * (n * n - 3.0 * n + 3.0) + 6.0 * part * part * s["m2"] - 4.0 * part * s["m3"]
    s["m3"] += gain * part * (n - 2.0) - 3.0 * part * s["m2"]
    s["m2"] += gain
    if n < 4.0:
        return Moments(math.nan, math.nan, math.nan, math.nan)
    if not s["m2"] > 0.0:
        return Moments(s["mean"], 0.0, math.nan, math.nan)
    variance = s["m2"] / n
    return Moments(s["mean"], s["m2"] / (n - 1.0), s["m3"] / n / (variance * math.sqrt(variance)),
                   s["m4"] / n / (variance * variance) - 3.0)


@jit
def _fading_moments(s: Any, x: float) -> FadingMoments:
    seen = s["seen"]
    alpha = 2.0 / (s["span"] + 1.0)
    if seen == 0:
        s["mean"] = x
        return FadingMoments(math.nan, math.nan, math.nan)
    off = x - s["mean"]
    before = s["variance"]
    s["mean"] = fma(alpha, off, s["mean"])
    s["variance"] = (1.0 - alpha) * fma(alpha * off, off, before)
    if seen < 2:
        return FadingMoments(math.nan, math.nan, math.nan)
    zscore = off / math.sqrt(before) if before > 0.0 else math.nan
    return FadingMoments(s["mean"], s["variance"], zscore)


@jit
def _variance(s: Any, x: float) -> float:
    observe(s["moments"], s["period"], x)
    return variance_of(s["moments"], s["period"], s["freedom_lost"]) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _skew(s: Any, x: float) -> float:
    n = s["period"]
    observe_powers(s["powers"], n, x)
    if s["seen"] + 1 < n or s["powers"]["same"] >= n:
        return math.nan
    two, three, _ = central(s["powers"], n)
    return math.sqrt(n * (n - 1.0)) / (n - 2.0) * three / (two * math.sqrt(two)) if two > 0.0 else math.nan


@jit
def _kurtosis(s: Any, x: float) -> float:
    n = s["period"]
    observe_powers(s["powers"], n, x)
    if s["seen"] + 1 < n or s["powers"]["same"] >= n:
        return math.nan
    two, _, four = central(s["powers"], n)
    excess = four / (two * two) - 3.0 if two > 0.0 else math.nan
    return (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0)


@jit
def _kalman_level(s: Any, x: float) -> Level:
    if s["seen"] == 0:
        s["level"] = x
        s["variance"] = s["noise"]
        return Level(math.nan, math.nan, math.nan)
    ahead = s["variance"] + s["drift"]
    total = ahead + s["noise"]
    off = x - s["level"]
    s["level"] = fma(ahead / total, off, s["level"])
    s["variance"] = ahead * (s["noise"] / total)
    return Level(s["level"], s["variance"], off / math.sqrt(total))


MOMENTS = (
    Signal(
        name="variance", family="statistics", inputs=any_of("x"), unit="that of the input, squared", step=_variance,
        parameters=(window(5, low=2), Parameter(name="freedom_lost", default=0, low=0, high=1, unit="degrees")),
        fields=lambda n: [("moments", moments(n))], warm_up=lambda period, **_: period,
        formula="sum (x_i - mean)^2 / (period - freedom_lost), summed about a centre that is moved to the mean of the "
                "window once a window",
        source="TA-Lib VAR; freedom_lost 1 is the sample variance, as in pandas"),
    Signal(
        name="skew", family="statistics", inputs=any_of("x"), parameters=(window(20, low=3),), unit="number",
        step=_skew, fields=lambda n: [("powers", powers(n))], warm_up=lambda period: period,
        formula="sqrt(n (n - 1)) / (n - 2) m3 / m2^1.5 of the last n = period values", source="pandas rolling.skew"),
    Signal(
        name="kurtosis", family="statistics", inputs=any_of("x"), parameters=(window(20, low=4),), unit="number",
        step=_kurtosis, fields=lambda n: [("powers", powers(n))], warm_up=lambda period: period,
        formula="(n - 1) / ((n - 2) (n - 3)) ((n + 1) (m4 / m2^2 - 3) + 6) of the last n = period values: excess",
        source="pandas rolling.kurt"),
    Signal(
        name="expanding_moments", family="statistics", inputs=any_of("x"), unit="that of the input; squared; numbers",
        step=_moments, outputs=Moments, fields=lambda _: [(name, "<f8") for name in ("mean", "m2", "m3", "m4")],
        warm_up=lambda: 4, formula="mean, m2 n / (n - 1), m3 / m2^1.5, m4 / m2^2 - 3 of all values so far",
        source="B. Welford, Technometrics 4, 1962; P. Pebay, Sandia SAND2008-6212; scipy.stats.skew, kurtosis"),
    Signal(
        name="fading_moments", family="statistics", inputs=any_of("x"), parameters=(period(20, low=2, name="span"),),
        unit="that of the input; squared; standard deviations", step=_fading_moments, outputs=FadingMoments,
        fields=lambda _: [("mean", "<f8"), ("variance", "<f8")], warm_up=lambda **_: 3,
        formula="a = 2 / (span + 1), d = x - m: zscore = d / sqrt(v), then m += a d, v = (1 - a) (v + a d^2)",
        source="T. Finch, Incremental calculation of weighted mean and variance, 2009; pandas ewm, adjust=False"),
    Signal(
        name="kalman_level", family="statistics", inputs=any_of("x"), outputs=Level, step=_kalman_level,
        parameters=(factor("drift", 0.01, 1e-12, 1e12, "variance per step"),
                    factor("noise", 1.0, 1e-12, 1e12, "variance")),
        unit="that of the input; squared; standard deviations",
        fields=lambda _: [("level", "<f8"), ("variance", "<f8")], warm_up=lambda **_: 2,
        formula="p += drift, k = p / (p + noise), level += k (x - level), p (1 - k); from the first x with p = noise",
        source="A. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989; statsmodels"),
)
