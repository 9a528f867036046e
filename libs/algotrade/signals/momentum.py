"""Rates of change and what is made of averages' differences."""

import math
from typing import Any, NamedTuple

from algotrade.jit import jit
from algotrade.signals.averages import INPUT_UNIT
from algotrade.signals.blocks import AVERAGE, average, moments, observe, ring, swap, variance_of
from algotrade.signals.signal import Signal, any_of, period, prices, window


class Macd(NamedTuple):
    """``macd`` fast less slow average, ``signal`` its own average, ``histogram`` the one less the other."""

    macd: Any
    signal: Any
    histogram: Any


@jit
def _momentum(s: Any, x: float) -> float:
    old = swap(s["ring"], s["period"], x)
    return x - old if s["seen"] >= s["period"] else math.nan


@jit
def _roc(s: Any, x: float) -> float:
    old = swap(s["ring"], s["period"], x)
    return (x / old - 1.0) * 100.0 if s["seen"] >= s["period"] else math.nan


@jit
def _log_return(s: Any, x: float) -> float:
    old = swap(s["ring"], s["period"], x)
    return math.log(x / old) if s["seen"] >= s["period"] else math.nan


@jit
def _time_series_momentum(s: Any, x: float) -> float:
    before = s["last"]
    s["last"] = x
    old = swap(s["ring"], s["period"], x)
    if s["seen"] == 0:
        return math.nan
    observe(s["returns"], s["period"], math.log(x / before))
    if s["seen"] < s["period"]:
        return math.nan
    spread = math.sqrt(variance_of(s["returns"], s["period"], 1) * s["period"])
    return math.log(x / old) / spread if spread > 0.0 else math.nan


@jit
def _macd(s: Any, x: float) -> Macd:
    slow = average(s["slow_average"], x, 2.0 / (s["slow"] + 1), s["slow"])
    # The fast average is seeded later, so that both begin together: TA-Lib does it so.
    fast = math.nan
    if s["seen"] >= s["slow"] - s["fast"]:
        fast = average(s["fast_average"], x, 2.0 / (s["fast"] + 1), s["fast"])
    if s["seen"] + 1 < s["slow"]:
        return Macd(math.nan, math.nan, math.nan)
    line = fast - slow
    signal = average(s["signal_average"], line, 2.0 / (s["signal"] + 1), s["signal"])
    if math.isnan(signal):
        return Macd(math.nan, math.nan, math.nan)
    return Macd(line, signal, line - signal)


@jit
def _ppo(s: Any, x: float) -> float:
    slow = average(s["slow_average"], x, 2.0 / (s["slow"] + 1), s["slow"])
    fast = average(s["fast_average"], x, 2.0 / (s["fast"] + 1), s["fast"])
    return 100.0 * (fast - slow) / slow if s["seen"] + 1 >= s["slow"] else math.nan


@jit
def _cmo(s: Any, x: float) -> float:
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
    return 100.0 * (up - down) / (up + down) if up + down > 0.0 else 0.0


MOMENTUM = (
    Signal(
        name="momentum", family="momentum", inputs=any_of("x"), parameters=(window(10),), unit=INPUT_UNIT,
        step=_momentum, fields=lambda n: [("ring", ring(n))], warm_up=lambda period: period + 1,
        formula="x_n - x_(n-period)", source="TA-Lib MOM"),
    Signal(
        name="roc", family="momentum", inputs=prices("price"), parameters=(window(10),), unit="percent", step=_roc,
        fields=lambda n: [("ring", ring(n))], warm_up=lambda period: period + 1,
        formula="100 (p_n / p_(n-period) - 1)", source="TA-Lib ROC"),
    Signal(
        name="log_return", family="momentum", inputs=prices("price"), parameters=(window(1),), unit="natural log",
        step=_log_return, fields=lambda n: [("ring", ring(n))], warm_up=lambda period: period + 1,
        formula="ln(p_n / p_(n-period))", source="the definition"),
    Signal(
        name="time_series_momentum", family="momentum", inputs=prices("price"), parameters=(window(252, low=2),),
        unit="standard deviations", step=_time_series_momentum, warm_up=lambda period: period + 1,
        fields=lambda n: [("last", "<f8"), ("ring", ring(n)), ("returns", moments(n))],
        formula="ln(p_n / p_(n-period)) / (s sqrt(period)), s the sample deviation of the period log returns",
        source="T. Moskowitz, Y. Ooi & L. Pedersen, Time Series Momentum, J. of Financial Economics 104, 2012; "
               "the deviation over the same window here"),
    Signal(
        name="macd", family="momentum", inputs=any_of("x"), unit=INPUT_UNIT, step=_macd, outputs=Macd,
        parameters=(period(12, low=2, name="fast"), period(26, low=3, name="slow"), period(9, name="signal")),
        ordered=(("fast", "slow"),), warm_up=lambda slow, signal, **_: slow + signal - 1,
        fields=lambda _: [("fast_average", AVERAGE), ("slow_average", AVERAGE), ("signal_average", AVERAGE)],
        formula="macd = ema(x, fast) - ema(x, slow), signal = ema(macd), histogram = macd - signal; "
                "the fast average starts with the slow one",
        source="TA-Lib MACD; G. Appel"),
    Signal(
        name="ppo", family="momentum", inputs=prices("price"), unit="percent", step=_ppo,
        parameters=(period(12, low=2, name="fast"), period(26, low=3, name="slow")), ordered=(("fast", "slow"),),
        fields=lambda _: [("fast_average", AVERAGE), ("slow_average", AVERAGE)], warm_up=lambda slow, **_: slow,
        formula="100 (ema(p, fast) - ema(p, slow)) / ema(p, slow)",
        source="TA-Lib PPO (exponential averages, its default since 0.7)"),
    Signal(
        name="cmo", family="momentum", inputs=any_of("x"), parameters=(period(14, low=2),), unit="-100 to 100",
        step=_cmo, fields=lambda _: [("last", "<f8"), ("up", AVERAGE), ("down", AVERAGE)],
        warm_up=lambda period: period + 1,
        formula="100 (u - d) / (u + d), u and d Wilder's averages of gains and losses; 0 where nothing moved",
        source="TA-Lib CMO; T. Chande & S. Kroll, The New Technical Trader, 1994"),
)
