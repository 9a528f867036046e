"""Trends: channels, directional movement, stops that follow, and the line through a window."""

import math
from typing import Any, NamedTuple

import numpy as np

from algotrade.jit import jit
from algotrade.signals.blocks import AVERAGE, at_end, average, extremes, highest, ring, swap
from algotrade.signals.signal import Signal, any_of, factor, period, window


class Donchian(NamedTuple):
    """``upper``, ``middle`` and ``lower`` edge of the channel."""

    upper: Any
    middle: Any
    lower: Any


class Adx(NamedTuple):
    """``adx`` how directed the movement is, ``plus_di`` and ``minus_di`` how much of it goes up and down."""

    adx: Any
    plus_di: Any
    minus_di: Any


class Supertrend(NamedTuple):
    """``line`` the stop that follows the price, ``side`` 1 below it (up), -1 above it (down)."""

    line: Any
    side: Any


@jit
def true_range(high: float, low: float, close_before: float) -> float:
    """Return the largest of high - low, |high - close before| and |low - close before|."""
    return max(high - low, abs(high - close_before), abs(low - close_before))


@jit
def _donchian(s: Any, high: float, low: float) -> Donchian:
    top = highest(s["highs"], s["period"], high)
    bottom = -highest(s["lows"], s["period"], -low)
    if s["seen"] + 1 < s["period"]:
        return Donchian(math.nan, math.nan, math.nan)
    return Donchian(top, 0.5 * top + 0.5 * bottom, bottom)


@jit
def _adx(s: Any, high: float, low: float, close: float) -> Adx:
    seen = s["seen"]
    period = s["period"]
    last_high, last_low, last_close = s["high"], s["low"], s["close"]
    s["high"] = high
    s["low"] = low
    s["close"] = close
    if seen == 0:
        return Adx(math.nan, math.nan, math.nan)
    up = high - last_high
    down = last_low - low
    plus = up if up > down and up > 0.0 else 0.0
    minus = down if down > up and down > 0.0 else 0.0
    faded = 1.0 if seen < period else 1.0 - 1.0 / period
    s["plus"] = s["plus"] * faded + plus
    s["minus"] = s["minus"] * faded + minus
    s["range"] = s["range"] * faded + true_range(high, low, last_close)
    if seen < period:
        return Adx(math.nan, math.nan, math.nan)
    plus_di = 100.0 * s["plus"] / s["range"] if s["range"] > 0.0 else 0.0
    minus_di = 100.0 * s["minus"] / s["range"] if s["range"] > 0.0 else 0.0
    both = plus_di + minus_di
    # With no movement at all the index keeps its level, as in TA-Lib.
    index = 100.0 * abs(plus_di - minus_di) / both if both > 0.0 else s["index"]
    s["index"] = index
    adx = average(s["average"], index, 1.0 / period, period)
    return Adx(adx, plus_di, minus_di) if seen >= 2 * period - 1 else Adx(math.nan, math.nan, math.nan)


@jit
def _supertrend(s: Any, high: float, low: float, close: float) -> Supertrend:
    seen = s["seen"]
    last_close = s["close"]
    s["close"] = close
    if seen == 0:
        return Supertrend(math.nan, math.nan)
    spread = average(s["range"], true_range(high, low, last_close), 1.0 / s["period"], s["period"])
    if seen < s["period"]:
        return Supertrend(math.nan, math.nan)
    middle = 0.5 * high + 0.5 * low
    upper = middle + s["multiplier"] * spread
    lower = middle - s["multiplier"] * spread
    if seen > s["period"]:
        # A band only ever tightens while the close stays on its side of it.
        upper = min(upper, s["upper"]) if last_close <= s["upper"] else upper
        lower = max(lower, s["lower"]) if last_close >= s["lower"] else lower
        if s["side"] < 0.0:
            s["side"] = 1.0 if close > upper else -1.0
        else:
            s["side"] = -1.0 if close < lower else 1.0
    else:
        s["side"] = 1.0
    s["upper"] = upper
    s["lower"] = lower
    return Supertrend(lower if s["side"] > 0.0 else upper, s["side"])


def line(capacity: int) -> np.dtype[Any]:
    """Return the fields of a least-squares line through the last ``window`` values, in two generations (``blocks``).

    ``sum``, ``weighted``  of y - center, of its product with the place 0 (oldest) to window - 1; the ``next_`` ones of
                           the generation being summed up
    """
    names = ("center", "sum", "weighted", "next_center", "next_sum", "next_weighted")
    counts = [(name, "<i8") for name in ("count", "full")]
    return np.dtype([*((name, "<f8") for name in names), *counts, ("ring", ring(capacity))])


@jit
def fit(b: Any, window: int, y: float) -> tuple[float, float, float, bool]:
    """Put ``y`` in; return its difference from the center, that of what leaves, its own from the next center.

    And whether the next generation has taken the place of this one. A difference of what never came is 0.
    """
    r = b["ring"]
    turns = at_end(r, window)
    place = r["head"]
    old = swap(r, window, y)
    gone = 0.0
    if b["full"] == 0:
        count = b["count"]
        if count == 0:
            b["center"] = y
            b["next_center"] = y
        b["count"] = count + 1
        b["full"] = 1 if count + 1 == window else 0
        off = y - b["center"]
        b["sum"] += off
        b["weighted"] += count * off
    else:
        off = y - b["center"]
        gone = old - b["center"]
        b["weighted"] += (window - 1) * off - (b["sum"] - gone)
        b["sum"] += off - gone
    off_next = y - b["next_center"]
    b["next_sum"] += off_next
    b["next_weighted"] += place * off_next
    if turns:
        b["center"] = b["next_center"]
        b["sum"] = b["next_sum"]
        b["weighted"] = b["next_weighted"]
        b["next_center"] = b["center"] + b["sum"] * (1.0 / window)
        b["next_sum"] = 0.0
        b["next_weighted"] = 0.0
    return off, gone, off_next, turns


@jit
def slope_of(b: Any, window: int) -> float:
    """Return the slope of the line, per observation."""
    middle = 0.5 * (window - 1)
    return (b["weighted"] - middle * b["sum"]) * (12.0 / (window * (window * window - 1.0)))


@jit
def _linear_slope(s: Any, x: float) -> float:
    fit(s["line"], s["period"], x)
    return slope_of(s["line"], s["period"]) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _linear_forecast(s: Any, x: float) -> float:
    b = s["line"]
    period = s["period"]
    fit(b, period, x)
    if s["seen"] + 1 < period:
        return math.nan
    return b["center"] + b["sum"] * (1.0 / period) + slope_of(b, period) * 0.5 * (period - 1)


@jit
def _linear_r2(s: Any, x: float) -> float:
    b = s["line"]
    period = s["period"]
    s["same"] = s["same"] + 1 if s["seen"] > 0 and x == s["last"] else 1
    s["last"] = x
    off, gone, off_next, turns = fit(b, period, x)
    s["squares"] += off * off - gone * gone
    s["next_squares"] += off_next * off_next
    if turns:
        s["squares"] = s["next_squares"]
        s["next_squares"] = 0.0
    if s["seen"] + 1 < period or s["same"] >= period:
        return math.nan
    spread = s["squares"] - b["sum"] * (b["sum"] / period)
    slope = slope_of(b, period)
    explained = slope * slope * (period * (period * period - 1.0) / 12.0)
    return min(explained / spread, 1.0) if spread > 1e-14 * s["squares"] else math.nan


TREND = (
    Signal(
        name="donchian", family="trend", inputs=any_of("high", "low"), parameters=(window(20),), step=_donchian,
        unit="that of the input", outputs=Donchian, warm_up=lambda period: period,
        fields=lambda n: [("highs", extremes(n)), ("lows", extremes(n))],
        formula="highest high, mean of both, lowest low of period bars, the present one included",
        source="R. Donchian; TA-Lib MAX and MIN"),
    Signal(
        name="adx", family="trend", inputs=any_of("high", "low", "close"), parameters=(period(14, low=2),),
        unit="0 to 100", step=_adx, outputs=Adx, warm_up=lambda period: 2 * period,
        fields=lambda _: [*((name, "<f8") for name in ("high", "low", "close", "plus", "minus", "range", "index")),
                          ("average", AVERAGE)],
        formula="wilder(100 |+di - -di| / (+di + -di)), +-di = 100 sum +-dm / sum true range with Wilder's fading sums",
        source="TA-Lib ADX, PLUS_DI, MINUS_DI; J. Welles Wilder, New Concepts in Technical Trading Systems, 1978"),
    Signal(
        name="supertrend", family="trend", inputs=any_of("high", "low", "close"), unit="that of the input; 1 or -1",
        parameters=(period(10), factor("multiplier", 3.0, 0.01, 100.0, "true ranges")), step=_supertrend,
        outputs=Supertrend, warm_up=lambda period, **_: period + 1,
        fields=lambda _: [*((name, "<f8") for name in ("close", "upper", "lower", "side")), ("range", AVERAGE)],
        formula="(high + low) / 2 -+ multiplier atr, tightening only; the close's crossing turns it; up at first",
        source="O. Seban, Supertrend"),
    Signal(
        name="linear_slope", family="trend", inputs=any_of("x"), parameters=(window(14, low=2),), step=_linear_slope,
        unit="that of the input per observation", fields=lambda n: [("line", line(n))], warm_up=lambda period: period,
        formula="sum (i - mean i) x_i / sum (i - mean i)^2 over period values", source="TA-Lib LINEARREG_SLOPE"),
    Signal(
        name="linear_forecast", family="trend", inputs=any_of("x"), parameters=(window(14, low=2),),
        unit="that of the input", step=_linear_forecast, fields=lambda n: [("line", line(n))],
        warm_up=lambda period: period, formula="the least-squares line through period values, at the latest of them",
        source="TA-Lib LINEARREG"),
    Signal(
        name="linear_r2", family="trend", inputs=any_of("x"), parameters=(window(14, low=3),), unit="0 to 1",
        step=_linear_r2, warm_up=lambda period: period,
        fields=lambda n: [("last", "<f8"), ("same", "<i8"), ("squares", "<f8"), ("next_squares", "<f8"),
                          ("line", line(n))],
        formula="squares explained by the least-squares line through period values over squares in all; "
                "NaN where nothing moved",
        source="the definition; scipy.stats.linregress"),
)
