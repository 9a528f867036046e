"""Oscillators: where the price stands in its recent range."""

import math
from typing import Any, NamedTuple

from algotrade.jit import jit
from algotrade.signals.blocks import (
    AVERAGE,
    add,
    age,
    average,
    extremes,
    highest,
    mean_of,
    moments,
    observe,
    rolling_sum,
    timed_extremes,
    variance_of,
)
from algotrade.signals.signal import Signal, any_of, factor, period, window


class Stochastic(NamedTuple):
    """``k`` the smoothed place in the range, ``d`` its average."""

    k: Any
    d: Any


class Bollinger(NamedTuple):
    """``upper``, ``middle`` and ``lower`` band."""

    upper: Any
    middle: Any
    lower: Any


class Aroon(NamedTuple):
    """``down`` and ``up``: how recent the lowest and the highest are."""

    down: Any
    up: Any


@jit
def _zscore(s: Any, x: float) -> float:
    b = s["moments"]
    observe(b, s["period"], x)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    variance = variance_of(b, s["period"], 1)
    return (x - mean_of(b, s["period"])) / math.sqrt(variance) if variance > 0.0 else math.nan


@jit
def _rsi(s: Any, x: float) -> float:
    seen = s["seen"]
    move = x - s["last"]
    s["last"] = x
    if seen == 0:
        return math.nan
    alpha = 1.0 / s["period"]
    up = average(s["up"], max(move, 0.0), alpha, s["period"])
    down = average(s["down"], max(-move, 0.0), alpha, s["period"])
    if seen < s["period"]:
        return math.nan
    return 100.0 * up / (up + down) if up + down > 0.0 else 0.0


@jit
def _stochastic_fast(s: Any, high: float, low: float, close: float) -> Stochastic:
    top = highest(s["highs"], s["period"], high)
    bottom = -highest(s["lows"], s["period"], -low)
    if s["seen"] + 1 < s["period"]:
        return Stochastic(math.nan, math.nan)
    k = 100.0 * (close - bottom) / (top - bottom) if top > bottom else 0.0
    d = add(s["d"], s["d_smooth"], k) / s["d_smooth"]
    return Stochastic(k, d) if s["seen"] + 2 >= s["period"] + s["d_smooth"] else Stochastic(math.nan, math.nan)


@jit
def _stochastic(s: Any, high: float, low: float, close: float) -> Stochastic:
    top = highest(s["highs"], s["period"], high)
    bottom = -highest(s["lows"], s["period"], -low)
    if s["seen"] + 1 < s["period"]:
        return Stochastic(math.nan, math.nan)
    place = 100.0 * (close - bottom) / (top - bottom) if top > bottom else 0.0
    k = add(s["k"], s["k_smooth"], place) / s["k_smooth"]
    if s["seen"] + 2 < s["period"] + s["k_smooth"]:
        return Stochastic(math.nan, math.nan)
    d = add(s["d"], s["d_smooth"], k) / s["d_smooth"]
    warm = s["seen"] + 3 >= s["period"] + s["k_smooth"] + s["d_smooth"]
    return Stochastic(k, d) if warm else Stochastic(math.nan, math.nan)


@jit
def _bollinger(s: Any, x: float) -> Bollinger:
    b = s["moments"]
    observe(b, s["period"], x)
    if s["seen"] + 1 < s["period"]:
        return Bollinger(math.nan, math.nan, math.nan)
    middle = mean_of(b, s["period"])
    away = s["deviations"] * math.sqrt(variance_of(b, s["period"], 0))
    return Bollinger(middle + away, middle, middle - away)


@jit
def _bollinger_percent(s: Any, x: float) -> float:
    b = s["moments"]
    observe(b, s["period"], x)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    away = s["deviations"] * math.sqrt(variance_of(b, s["period"], 0))
    return 0.5 + 0.5 * (x - mean_of(b, s["period"])) / away if away > 0.0 else math.nan


@jit
def _bollinger_width(s: Any, x: float) -> float:
    b = s["moments"]
    observe(b, s["period"], x)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    middle = mean_of(b, s["period"])
    return 2.0 * s["deviations"] * math.sqrt(variance_of(b, s["period"], 0)) / middle if middle != 0.0 else math.nan


@jit
def _cci(s: Any, high: float, low: float, close: float) -> float:
    period = s["period"]
    price = (high + low + close) / 3.0
    observe(s["moments"], period, price)
    if s["seen"] + 1 < period:
        return math.nan
    mean = mean_of(s["moments"], s["period"])
    values = s["moments"]["ring"]["values"]
    deviation = 0.0
    for i in range(period):
        deviation += abs(values[i] - mean)
    return (price - mean) / (0.015 * (deviation / period)) if deviation > 0.0 else 0.0


@jit
def _williams_r(s: Any, high: float, low: float, close: float) -> float:
    top = highest(s["highs"], s["period"], high)
    bottom = -highest(s["lows"], s["period"], -low)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    return -100.0 * (top - close) / (top - bottom) if top > bottom else 0.0


@jit
def _aroon(s: Any, high: float, low: float) -> Aroon:
    period = s["period"]
    since_high = age(s["highs"], period + 1, high)
    since_low = age(s["lows"], period + 1, -low)
    if s["seen"] < period:
        return Aroon(math.nan, math.nan)
    return Aroon(100.0 * (period - since_low) / period, 100.0 * (period - since_high) / period)


@jit
def _aroon_oscillator(s: Any, high: float, low: float) -> float:
    period = s["period"]
    since_high = age(s["highs"], period + 1, high)
    since_low = age(s["lows"], period + 1, -low)
    return 100.0 * (since_low - since_high) / period if s["seen"] >= period else math.nan


def _range(n: int) -> list[Any]:
    return [("highs", extremes(n)), ("lows", extremes(n))]


def _ages(n: int) -> list[Any]:
    return [("highs", timed_extremes(n)), ("lows", timed_extremes(n))]


OSCILLATORS = (
    Signal(
        name="zscore", family="reversion", inputs=any_of("x"), parameters=(window(20, low=2),),
        unit="standard deviations", step=_zscore, fields=lambda n: [("moments", moments(n))],
        warm_up=lambda period: period, formula="(x - mean) / s, mean and sample deviation of the last period values",
        source="the definition"),
    Signal(
        name="rsi", family="reversion", inputs=any_of("x"), parameters=(period(14, low=2),), unit="0 to 100",
        step=_rsi, fields=lambda _: [("last", "<f8"), ("up", AVERAGE), ("down", AVERAGE)],
        warm_up=lambda period: period + 1,
        formula="100 u / (u + d), u and d Wilder's averages of gains and losses; 0 where nothing moved",
        source="TA-Lib RSI; J. Welles Wilder, New Concepts in Technical Trading Systems, 1978"),
    Signal(
        name="stochastic_fast", family="reversion", inputs=any_of("high", "low", "close"), unit="0 to 100",
        parameters=(window(5), window(3, name="d_smooth")), step=_stochastic_fast, outputs=Stochastic,
        fields=lambda n: [*_range(n), ("d", rolling_sum(n))], warm_up=lambda period, d_smooth: period + d_smooth - 1,
        formula="k = 100 (close - lowest) / (highest - lowest) of period bars, 0 if equal; d = sma(k, d_smooth)",
        source="TA-Lib STOCHF; G. Lane"),
    Signal(
        name="stochastic", family="reversion", inputs=any_of("high", "low", "close"), unit="0 to 100",
        parameters=(window(5), window(3, name="k_smooth"), window(3, name="d_smooth")), step=_stochastic,
        outputs=Stochastic, fields=lambda n: [*_range(n), ("k", rolling_sum(n)), ("d", rolling_sum(n))],
        warm_up=lambda period, k_smooth, d_smooth: period + k_smooth + d_smooth - 2,
        formula="k = sma(100 (close - lowest) / (highest - lowest), k_smooth), d = sma(k, d_smooth)",
        source="TA-Lib STOCH; G. Lane"),
    Signal(
        name="bollinger", family="reversion", inputs=any_of("x"), unit="that of the input", step=_bollinger,
        parameters=(window(20, low=2), factor("deviations", 2.0, 0.01, 100.0)), outputs=Bollinger,
        fields=lambda n: [("moments", moments(n))], warm_up=lambda period, **_: period,
        formula="mean + deviations s, mean, mean - deviations s; s the population deviation of period values",
        source="TA-Lib BBANDS; J. Bollinger, Bollinger on Bollinger Bands, 2001"),
    Signal(
        name="bollinger_percent", family="reversion", inputs=any_of("x"), unit="1 at the upper band, 0 at the lower",
        parameters=(window(20, low=2), factor("deviations", 2.0, 0.01, 100.0)), step=_bollinger_percent,
        fields=lambda n: [("moments", moments(n))], warm_up=lambda period, **_: period,
        formula="(x - lower) / (upper - lower)", source="J. Bollinger, Bollinger on Bollinger Bands, 2001"),
    Signal(
        name="bollinger_width", family="reversion", inputs=any_of("x"), unit="share of the middle band",
        parameters=(window(20, low=2), factor("deviations", 2.0, 0.01, 100.0)), step=_bollinger_width,
        fields=lambda n: [("moments", moments(n))], warm_up=lambda period, **_: period,
        formula="(upper - lower) / middle", source="J. Bollinger, Bollinger on Bollinger Bands, 2001"),
    Signal(
        name="cci", family="reversion", inputs=any_of("high", "low", "close"), parameters=(window(14, low=2),),
        unit="1 is 0.015 mean deviations", step=_cci, fields=lambda n: [("moments", moments(n))],
        warm_up=lambda period: period,
        formula="(p - mean p) / (0.015 mean |p_i - mean p|), p = (high + low + close) / 3; 0 where nothing moved",
        source="TA-Lib CCI; D. Lambert, Commodities, October 1980"),
    Signal(
        name="williams_r", family="reversion", inputs=any_of("high", "low", "close"), parameters=(window(14, low=2),),
        unit="-100 to 0", step=_williams_r, fields=_range, warm_up=lambda period: period,
        formula="-100 (highest - close) / (highest - lowest) of period bars, 0 if they are equal",
        source="TA-Lib WILLR; L. Williams"),
    Signal(
        name="aroon", family="trend", inputs=any_of("high", "low"), parameters=(window(14, low=2),), unit="0 to 100",
        step=_aroon, outputs=Aroon, fields=lambda n: _ages(n + 1), warm_up=lambda period: period + 1,
        formula="100 (period - bars since the lowest low, the highest high of period + 1 bars) / period",
        source="TA-Lib AROON; T. Chande, Stocks & Commodities, September 1995"),
    Signal(
        name="aroon_oscillator", family="trend", inputs=any_of("high", "low"), parameters=(window(14, low=2),),
        unit="-100 to 100", step=_aroon_oscillator, fields=lambda n: _ages(n + 1), warm_up=lambda period: period + 1,
        formula="aroon up - aroon down", source="TA-Lib AROONOSC"),
)
