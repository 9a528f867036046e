"""Moving averages."""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.blocks import (
    AVERAGE,
    add,
    add_in_block,
    at_end,
    average,
    block_sum,
    moved,
    ring,
    rolling_sum,
    swap,
)
from algotrade.signals.signal import Signal, any_of, period, window

INPUT_UNIT = "that of the input"


def ramp(capacity: int) -> np.dtype[Any]:
    """Return the fields of a sum weighted 1 (oldest) to ``window`` (latest), in two generations (``blocks``)."""
    names = ("sum", "weighted", "fresh", "fresh_weighted")
    return np.dtype([*((name, "<f8") for name in names), ("count", "<i8"), ("full", "<i8"), ("ring", ring(capacity))])


@jit
def climb(b: Any, window: int, x: float) -> float:
    """Put ``x`` in, return the sum of the last ``window`` values times 1 to ``window``; the weights grow meanwhile."""
    r = b["ring"]
    turns = at_end(r, window)
    place = r["head"] + 1
    old = swap(r, window, x)
    fresh = b["fresh"] + x
    fresh_weighted = b["fresh_weighted"] + place * x
    if b["full"] == 0:
        count = b["count"] + 1
        b["count"] = count
        b["full"] = 1 if count == window else 0
        b["weighted"] += count * x
    else:
        b["weighted"] += window * x - b["sum"]
    b["sum"] += x - old
    if turns:
        b["sum"] = fresh
        b["weighted"] = fresh_weighted
        fresh = 0.0
        fresh_weighted = 0.0
    b["fresh"] = fresh
    b["fresh_weighted"] = fresh_weighted
    return b["weighted"]


@jit
def _sma(s: Any, x: float) -> float:
    total = add(s["window"], s["period"], x)
    return total / s["period"] if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _ema(s: Any, x: float) -> float:
    return average(s["average"], x, 2.0 / (s["period"] + 1), s["period"])


@jit
def _wilder(s: Any, x: float) -> float:
    return average(s["average"], x, 1.0 / s["period"], s["period"])


@jit
def _dema(s: Any, x: float) -> float:
    period = s["period"]
    alpha = 2.0 / (period + 1)
    once = average(s["once"], x, alpha, period)
    if math.isnan(once):
        return math.nan
    return 2.0 * once - average(s["twice"], once, alpha, period)


@jit
def averaged_thrice(s: Any, x: float) -> tuple[float, float, float]:
    """Put ``x`` in, return its average, that of the average, that of that; the last is NaN while any is seeding."""
    period = s["period"]
    alpha = 2.0 / (period + 1)
    once = average(s["once"], x, alpha, period)
    twice = math.nan if math.isnan(once) else average(s["twice"], once, alpha, period)
    thrice = math.nan if math.isnan(twice) else average(s["thrice"], twice, alpha, period)
    return once, twice, thrice


@jit
def _tema(s: Any, x: float) -> float:
    once, twice, thrice = averaged_thrice(s, x)
    return 3.0 * once - 3.0 * twice + thrice


@jit
def _trix(s: Any, x: float) -> float:
    before = s["thrice"]["level"]
    warm = s["thrice"]["full"] > 0
    _, _, thrice = averaged_thrice(s, x)
    return (thrice / before - 1.0) * 100.0 if warm else math.nan


@jit
def _wma(s: Any, x: float) -> float:
    period = s["period"]
    weighted = climb(s["ramp"], period, x)
    return weighted / (0.5 * period * (period + 1)) if s["seen"] + 1 >= period else math.nan


@jit
def _hma(s: Any, x: float) -> float:
    period = s["period"]
    half = period // 2
    smooth = int(math.sqrt(period))
    long = climb(s["long"], period, x)
    short = climb(s["short"], half, x)
    if s["seen"] + 1 < period:
        return math.nan
    raw = 2.0 * short / (0.5 * half * (half + 1)) - long / (0.5 * period * (period + 1))
    weighted = climb(s["last"], smooth, raw)
    return weighted / (0.5 * smooth * (smooth + 1)) if s["seen"] + 2 >= period + smooth else math.nan


@jit
def _trima(s: Any, x: float) -> float:
    period = s["period"]
    first = (period + 1) // 2
    second = period + 1 - first
    total = add(s["first"], first, x)
    if s["seen"] + 1 < first:
        return math.nan
    again = add(s["second"], second, total / first)
    return again / second if s["seen"] + 1 >= period else math.nan


@jit
def _kama(s: Any, x: float) -> float:
    period = s["period"]
    seen = s["seen"]
    before = s["last"]
    s["last"] = x
    path = add_in_block(s["path"], period, abs(x - before)) if seen > 0 else 0.0
    old = swap(s["ring"], period, x)
    if seen < period:
        return math.nan
    if seen == period:
        s["level"] = before
    way = abs(x - old)
    efficiency = way / path if path > way else 1.0
    fast, slow = 2.0 / (s["fast"] + 1), 2.0 / (s["slow"] + 1)
    smoothing = efficiency * (fast - slow) + slow
    s["level"] = moved(s["level"], x, smoothing * smoothing)
    return s["level"]


AVERAGES = (
    Signal(
        name="sma", family="trend", inputs=any_of("x"), parameters=(window(30),), unit=INPUT_UNIT, step=_sma,
        fields=lambda n: [("window", rolling_sum(n))], warm_up=lambda period: period,
        formula="(x_n + ... + x_(n-period+1)) / period", source="TA-Lib SMA"),
    Signal(
        name="ema", family="trend", inputs=any_of("x"), parameters=(period(30),), unit=INPUT_UNIT, step=_ema,
        fields=lambda _: [("average", AVERAGE)], warm_up=lambda period: period,
        formula="y_n = y_(n-1) + 2 / (period + 1) (x_n - y_(n-1)), from the mean of the first period values",
        source="TA-Lib EMA"),
    Signal(
        name="wilder", family="trend", inputs=any_of("x"), parameters=(period(14),), unit=INPUT_UNIT, step=_wilder,
        fields=lambda _: [("average", AVERAGE)], warm_up=lambda period: period,
        formula="y_n = y_(n-1) + (x_n - y_(n-1)) / period, from the mean of the first period values",
        source="J. Welles Wilder, New Concepts in Technical Trading Systems, 1978"),
    Signal(
        name="dema", family="trend", inputs=any_of("x"), parameters=(period(30),), unit=INPUT_UNIT, step=_dema,
        fields=lambda _: [("once", AVERAGE), ("twice", AVERAGE)], warm_up=lambda period: 2 * period - 1,
        formula="2 ema(x) - ema(ema(x))", source="TA-Lib DEMA; P. Mulloy, Stocks & Commodities, January 1994"),
    Signal(
        name="tema", family="trend", inputs=any_of("x"), parameters=(period(30),), unit=INPUT_UNIT, step=_tema,
        fields=lambda _: [("once", AVERAGE), ("twice", AVERAGE), ("thrice", AVERAGE)],
        warm_up=lambda period: 3 * period - 2,
        formula="3 ema(x) - 3 ema(ema(x)) + ema(ema(ema(x)))",
        source="TA-Lib TEMA; P. Mulloy, Stocks & Commodities, February 1994"),
    Signal(
        name="trix", family="trend", inputs=any_of("x"), parameters=(period(30),), unit="percent per observation",
        step=_trix, fields=lambda _: [("once", AVERAGE), ("twice", AVERAGE), ("thrice", AVERAGE)],
        warm_up=lambda period: 3 * period - 1,
        formula="100 (t_n / t_(n-1) - 1), t = ema(ema(ema(x)))", source="TA-Lib TRIX"),
    Signal(
        name="wma", family="trend", inputs=any_of("x"), parameters=(window(30),), unit=INPUT_UNIT, step=_wma,
        fields=lambda n: [("ramp", ramp(n))], warm_up=lambda period: period,
        formula="(period x_n + ... + 2 x_(n-period+2) + x_(n-period+1)) / (period (period + 1) / 2)",
        source="TA-Lib WMA"),
    Signal(
        name="hma", family="trend", inputs=any_of("x"), parameters=(window(16, low=2),), unit=INPUT_UNIT, step=_hma,
        fields=lambda n: [("long", ramp(n)), ("short", ramp(n)), ("last", ramp(n))],
        warm_up=lambda period: period + math.isqrt(period) - 1,
        formula="wma(2 wma(x, period // 2) - wma(x, period), floor(sqrt(period)))",
        source="A. Hull, Hull Moving Average, 2005"),
    Signal(
        name="trima", family="trend", inputs=any_of("x"), parameters=(window(30),), unit=INPUT_UNIT, step=_trima,
        fields=lambda n: [("first", rolling_sum(n)), ("second", rolling_sum(n))], warm_up=lambda period: period,
        formula="sma(sma(x, (period + 1) // 2), period + 1 - (period + 1) // 2): triangular weights",
        source="TA-Lib TRIMA"),
    Signal(
        name="kama", family="trend", inputs=any_of("x"), unit=INPUT_UNIT, step=_kama,
        parameters=(window(30), period(2, name="fast"), period(30, name="slow")), ordered=(("fast", "slow"),),
        fields=lambda n: [("level", "<f8"), ("last", "<f8"), ("path", block_sum(n)), ("ring", ring(n))],
        warm_up=lambda period, **_: period + 1,
        formula="y_n = y_(n-1) + c^2 (x_n - y_(n-1)), c = e (2/(fast+1) - 2/(slow+1)) + 2/(slow+1), "
                "e = |x_n - x_(n-period)| / sum |x_i - x_(i-1)|",
        source="TA-Lib KAMA; P. Kaufman, Trading Systems and Methods"),
)
