"""Shaping a signal before it is used: standardised, clipped, late."""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.blocks import ring, swap
from algotrade.signals.signal import Signal, any_of, factor, window


@jit
def _standardise(s: Any, x: float) -> float:
    n = s["seen"] + 1.0
    off = x - s["mean"]
    s["mean"] += off / n
    s["squares"] += off * (x - s["mean"])
    if n < 2.0:
        return math.nan
    return (x - s["mean"]) / math.sqrt(s["squares"] / (n - 1.0)) if s["squares"] > 0.0 else math.nan


@jit
def _clip(s: Any, x: float) -> float:
    return min(max(x, s["low"]), s["high"])


@jit
def _lag(s: Any, x: float) -> float:
    before = swap(s["ring"], s["steps"], x)
    return before if s["seen"] >= s["steps"] else math.nan


SHAPING = (
    Signal(
        name="standardise", family="composition", inputs=any_of("x"), unit="standard deviations", step=_standardise,
        fields=lambda _: [("mean", "<f8"), ("squares", "<f8")], warm_up=lambda: 2,
        formula="(x_n - mean) / sample standard deviation of all values so far; NaN while nothing has moved. Over a "
                "window: zscore; with weights that fade: fading_moments; across instruments: cross_zscore",
        source="B. Welford, Technometrics 4, 1962"),
    Signal(
        name="clip", family="composition", inputs=any_of("x"), unit="that of the input", step=_clip,
        parameters=(factor("low", -3.0, -1e12, 1e12), factor("high", 3.0, -1e12, 1e12)), ordered=(("low", "high"),),
        fields=lambda _: [], warm_up=lambda **_: 1, formula="min(max(x, low), high)", source="numpy.clip"),
    Signal(
        name="lag", family="composition", inputs=any_of("x"), parameters=(window(1, name="steps"),), step=_lag,
        unit="that of the input", fields=lambda n: [("ring", ring(n))], warm_up=lambda steps: steps + 1,
        formula="x_(n-steps), in usable observations", source="pandas shift"),
)
