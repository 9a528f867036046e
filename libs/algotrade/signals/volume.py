"""Volume: what the traded quantity says about the price."""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.blocks import (
    AVERAGE,
    add_in_block,
    average,
    block_sum,
    mean_of,
    moments,
    moved,
    observe,
    variance_of,
)
from algotrade.signals.signal import Signal, any_of, period, prices, sizes, window


@jit
def flow_multiplier(high: float, low: float, close: float) -> float:
    """Return where the close stands in its bar, -1 (at the low) to 1 (at the high); 0 in a bar without range."""
    return ((close - low) - (high - close)) / (high - low) if high > low else 0.0


@jit
def _obv(s: Any, close: float, volume: float) -> float:
    if s["seen"] == 0 or close > s["close"]:
        s["total"] += volume
    elif close < s["close"]:
        s["total"] -= volume
    s["close"] = close
    return s["total"]


@jit
def _ad(s: Any, high: float, low: float, close: float, volume: float) -> float:
    s["total"] += flow_multiplier(high, low, close) * volume
    return s["total"]


@jit
def _adosc(s: Any, high: float, low: float, close: float, volume: float) -> float:
    s["total"] += flow_multiplier(high, low, close) * volume
    total = s["total"]
    if s["seen"] == 0:
        s["fast_level"] = total
        s["slow_level"] = total
    else:
        s["fast_level"] = moved(s["fast_level"], total, 2.0 / (s["fast"] + 1))
        s["slow_level"] = moved(s["slow_level"], total, 2.0 / (s["slow"] + 1))
    return s["fast_level"] - s["slow_level"] if s["seen"] + 1 >= s["slow"] else math.nan


@jit
def _cmf(s: Any, high: float, low: float, close: float, volume: float) -> float:
    flow = add_in_block(s["flow"], s["period"], flow_multiplier(high, low, close) * volume)
    total = add_in_block(s["volume"], s["period"], volume)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    return flow / total if total > 0.0 else math.nan


@jit
def _mfi(s: Any, high: float, low: float, close: float, volume: float) -> float:
    price = (high + low + close) / 3.0
    before = s["price"]
    s["price"] = price
    if s["seen"] == 0:
        return math.nan
    flow = price * volume
    up = add_in_block(s["up"], s["period"], flow if price > before else 0.0)
    down = add_in_block(s["down"], s["period"], flow if price < before else 0.0)
    if s["seen"] < s["period"]:
        return math.nan
    # TA-Lib's own rule: less than one unit of money flowing is none.
    return 100.0 * up / (up + down) if up + down >= 1.0 else 0.0


@jit
def _volume_zscore(s: Any, volume: float) -> float:
    b = s["moments"]
    observe(b, s["period"], volume)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    variance = variance_of(b, s["period"], 1)
    return (volume - mean_of(b, s["period"])) / math.sqrt(variance) if variance > 0.0 else math.nan


@jit
def _volume_ratio(s: Any, volume: float) -> float:
    total = add_in_block(s["window"], s["period"], volume)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    return volume * s["period"] / total if total > 0.0 else math.nan


@jit
def _price_volume_trend(s: Any, close: float, volume: float) -> float:
    if s["seen"] > 0:
        s["total"] += volume * (close / s["close"] - 1.0)
    s["close"] = close
    return s["total"]


@jit
def _force_index(s: Any, close: float, volume: float) -> float:
    before = s["close"]
    s["close"] = close
    if s["seen"] == 0:
        return math.nan
    return average(s["average"], (close - before) * volume, 2.0 / (s["period"] + 1), s["period"])


@jit
def _vwma(s: Any, price: float, volume: float) -> float:
    money = add_in_block(s["money"], s["period"], price * volume)
    total = add_in_block(s["volume"], s["period"], volume)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    return money / total if total > 0.0 else math.nan


BAR = (*any_of("high", "low", "close"), *sizes("volume"))

VOLUME = (
    Signal(
        name="obv", family="volume", inputs=(*any_of("close"), *sizes("volume")), unit="that of the volume", step=_obv,
        fields=lambda _: [("total", "<f8"), ("close", "<f8")], warm_up=lambda: 1,
        formula="running total, plus the volume where the close rose, minus where it fell; starts at the first volume",
        source="TA-Lib OBV; J. Granville, 1963"),
    Signal(
        name="accumulation_distribution", family="volume", inputs=BAR, unit="that of the volume", step=_ad,
        fields=lambda _: [("total", "<f8")], warm_up=lambda: 1,
        formula="running total of volume ((close - low) - (high - close)) / (high - low), 0 where high = low",
        source="TA-Lib AD; M. Chaikin"),
    Signal(
        name="chaikin_oscillator", family="volume", inputs=BAR, unit="that of the volume", step=_adosc,
        parameters=(period(3, low=2, name="fast"), period(10, low=3, name="slow")), ordered=(("fast", "slow"),),
        fields=lambda _: [("total", "<f8"), ("fast_level", "<f8"), ("slow_level", "<f8")],
        warm_up=lambda slow, **_: slow,
        formula="ema(ad, fast) - ema(ad, slow), both from the first value of ad on", source="TA-Lib ADOSC; M. Chaikin"),
    Signal(
        name="cmf", family="volume", inputs=BAR, parameters=(window(20),), unit="-1 to 1", step=_cmf,
        fields=lambda n: [("flow", block_sum(n)), ("volume", block_sum(n))], warm_up=lambda period: period,
        formula="sum volume ((close - low) - (high - close)) / (high - low) over sum volume, of period bars",
        source="M. Chaikin, Chaikin Money Flow"),
    Signal(
        name="mfi", family="volume", inputs=BAR, parameters=(window(14, low=2),), unit="0 to 100", step=_mfi,
        fields=lambda n: [("price", "<f8"), ("up", block_sum(n)), ("down", block_sum(n))],
        warm_up=lambda period: period + 1,
        formula="100 up / (up + down), sums of p volume where p = (high + low + close) / 3 rose and fell; 0 below 1",
        source="TA-Lib MFI; G. Quong & A. Soudack, Stocks & Commodities, March 1989"),
    Signal(
        name="volume_zscore", family="volume", inputs=sizes("volume"), parameters=(window(20, low=2),),
        unit="standard deviations", step=_volume_zscore, fields=lambda n: [("moments", moments(n))],
        warm_up=lambda period: period, formula="(v - mean) / s of the last period volumes", source="the definition"),
    Signal(
        name="volume_ratio", family="volume", inputs=sizes("volume"), parameters=(window(20),),
        unit="multiples of the mean", step=_volume_ratio, fields=lambda n: [("window", block_sum(n))],
        warm_up=lambda period: period, formula="v / mean of the last period volumes", source="the definition"),
    Signal(
        name="price_volume_trend", family="volume", inputs=(*prices("close"), *sizes("volume")),
        unit="that of the volume", step=_price_volume_trend, fields=lambda _: [("total", "<f8"), ("close", "<f8")],
        warm_up=lambda: 1, formula="running total of volume (close / close before - 1), from 0",
        source="the definition"),
    Signal(
        name="force_index", family="volume", inputs=(*any_of("close"), *sizes("volume")), parameters=(period(13),),
        unit="price times volume", step=_force_index, fields=lambda _: [("close", "<f8"), ("average", AVERAGE)],
        warm_up=lambda period: period + 1, formula="ema(volume (close - close before), period)",
        source="A. Elder, Trading for a Living, 1993"),
    Signal(
        name="vwma", family="volume", inputs=(*any_of("price"), *sizes("volume")), parameters=(window(20),),
        unit="that of the price", step=_vwma, fields=lambda n: [("money", block_sum(n)), ("volume", block_sum(n))],
        warm_up=lambda period: period, formula="sum price volume / sum volume of the last period observations",
        source="the definition"),
)
