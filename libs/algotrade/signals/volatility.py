"""Volatility and risk: how far prices move, from closes and from bars."""

import math
from typing import Any, NamedTuple

from algotrade.jit import jit
from algotrade.signals.arithmetic import fma
from algotrade.signals.blocks import (
    AVERAGE,
    add_in_block,
    average,
    block_sum,
    moments,
    observe,
    variance_of,
)
from algotrade.signals.signal import Signal, any_of, factor, period, prices, window
from algotrade.signals.trend import true_range

PER_OBSERVATION = "standard deviation of the log return per observation"

MU_1 = math.sqrt(2.0 / math.pi)
"""Mean of the magnitude of a standard normal number."""

BIPOWER_VARIANCE = MU_1 ** -4 + 2.0 * MU_1 ** -2 - 5.0
"""(pi^2 / 4 + pi - 5): the variance that the jump test divides by, in units of the quarticity over the window."""

MU_1_POWER_4 = MU_1 ** 4
"""Not in the kernel: compiled, a whole power is multiplied out, and its last bit is not that of ``pow``."""

OVERNIGHT_SHARE = 0.34
"""Yang and Zhang's constant: their k is this over 1.34 + (n + 1) / (n - 1)."""


class JumpTest(NamedTuple):
    """``statistic`` standard normal while there are no jumps, ``share`` of the variance that comes from jumps."""

    statistic: Any
    share: Any


@jit
def _true_range(s: Any, high: float, low: float, close: float) -> float:
    before = s["close"]
    s["close"] = close
    return true_range(high, low, before) if s["seen"] > 0 else math.nan


@jit
def _atr(s: Any, high: float, low: float, close: float) -> float:
    before = s["close"]
    s["close"] = close
    if s["seen"] == 0:
        return math.nan
    return average(s["average"], true_range(high, low, before), 1.0 / s["period"], s["period"])


@jit
def _natr(s: Any, high: float, low: float, close: float) -> float:
    before = s["close"]
    s["close"] = close
    if s["seen"] == 0:
        return math.nan
    return 100.0 * average(s["average"], true_range(high, low, before), 1.0 / s["period"], s["period"]) / close


@jit
def _realised(s: Any, price: float) -> float:
    before = s["last"]
    s["last"] = price
    if s["seen"] == 0:
        return math.nan
    move = math.log(price / before)
    total = add_in_block(s["window"], s["period"], move * move)
    return math.sqrt(total / s["period"]) if s["seen"] >= s["period"] else math.nan


@jit
def _close_to_close(s: Any, price: float) -> float:
    before = s["last"]
    s["last"] = price
    if s["seen"] == 0:
        return math.nan
    observe(s["returns"], s["period"], math.log(price / before))
    return math.sqrt(variance_of(s["returns"], s["period"], 1)) if s["seen"] >= s["period"] else math.nan


@jit
def _ewma_volatility(s: Any, price: float) -> float:
    seen = s["seen"]
    before = s["last"]
    s["last"] = price
    if seen == 0:
        return math.nan
    move = math.log(price / before)
    s["variance"] = move * move if seen == 1 else fma(s["decay"], s["variance"], (1.0 - s["decay"]) * (move * move))
    return math.sqrt(s["variance"])


@jit
def _parkinson(s: Any, high: float, low: float) -> float:
    span = math.log(high / low)
    total = add_in_block(s["window"], s["period"], span * span)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    return math.sqrt(total / (s["period"] * 4.0 * math.log(2.0)))


@jit
def _garman_klass(s: Any, opened: float, high: float, low: float, close: float) -> float:
    span = math.log(high / low)
    move = math.log(close / opened)
    total = add_in_block(s["window"], s["period"], 0.5 * span * span - (2.0 * math.log(2.0) - 1.0) * move * move)
    return math.sqrt(max(total, 0.0) / s["period"]) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def rogers_satchell_term(opened: float, high: float, low: float, close: float) -> float:
    """Return one bar's variance: ln(h/c) ln(h/o) + ln(l/c) ln(l/o)."""
    return math.log(high / close) * math.log(high / opened) + math.log(low / close) * math.log(low / opened)


@jit
def _rogers_satchell(s: Any, opened: float, high: float, low: float, close: float) -> float:
    total = add_in_block(s["window"], s["period"], rogers_satchell_term(opened, high, low, close))
    return math.sqrt(max(total, 0.0) / s["period"]) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _yang_zhang(s: Any, opened: float, high: float, low: float, close: float) -> float:
    before = s["close"]
    s["close"] = close
    if s["seen"] == 0:
        return math.nan
    n = s["period"]
    observe(s["overnight"], n, math.log(opened / before))
    observe(s["daytime"], n, math.log(close / opened))
    within = add_in_block(s["within"], n, rogers_satchell_term(opened, high, low, close))
    if s["seen"] < n:
        return math.nan
    share = OVERNIGHT_SHARE / (1.0 + OVERNIGHT_SHARE + (n + 1.0) / (n - 1.0))
    variance = (variance_of(s["overnight"], n, 1) + share * variance_of(s["daytime"], n, 1)
                + (1.0 - share) * within / n)
    return math.sqrt(max(variance, 0.0))


@jit
def _bipower(s: Any, price: float) -> float:
    seen = s["seen"]
    before = s["last"]
    s["last"] = price
    if seen == 0:
        return math.nan
    move = abs(math.log(price / before))
    last_move = s["move"]
    s["move"] = move
    if seen == 1:
        return math.nan
    total = add_in_block(s["pairs"], s["period"] - 1, move * last_move)
    if seen < s["period"]:
        return math.nan
    return math.sqrt(total / (MU_1 * MU_1 * (s["period"] - 1)))


@jit
def _jump_test(s: Any, price: float) -> JumpTest:
    seen = s["seen"]
    n = s["period"]
    before = s["last"]
    s["last"] = price
    if seen == 0:
        return JumpTest(math.nan, math.nan)
    move = abs(math.log(price / before))
    one, two, three = s["move_1"], s["move_2"], s["move_3"]
    s["move_1"] = move
    s["move_2"] = one
    s["move_3"] = two
    realised = add_in_block(s["squares"], n, move * move)
    if seen > 1:
        s["bipower"] = add_in_block(s["pairs"], n - 1, move * one)
    if seen > 3:
        s["quad"] = add_in_block(s["fours"], n - 3, move * one * two * three)
    if seen < n:
        return JumpTest(math.nan, math.nan)
    bipower = s["bipower"] / (MU_1 * MU_1) * n / (n - 1.0)
    quarticity = n * s["quad"] / MU_1_POWER_4 * n / (n - 3.0)
    if not (realised > 0.0 and bipower > 0.0):
        return JumpTest(math.nan, math.nan)
    share = 1.0 - bipower / realised
    scale = math.sqrt(BIPOWER_VARIANCE / n * max(1.0, quarticity / (bipower * bipower)))
    return JumpTest(share / scale, max(share, 0.0))


@jit
def _downside(s: Any, price: float) -> float:
    before = s["last"]
    s["last"] = price
    if s["seen"] == 0:
        return math.nan
    short = min(math.log(price / before) - s["target"], 0.0)
    total = add_in_block(s["window"], s["period"], short * short)
    return math.sqrt(total / s["period"]) if s["seen"] >= s["period"] else math.nan


@jit
def _standard_deviation(s: Any, x: float) -> float:
    observe(s["moments"], s["period"], x)
    return math.sqrt(variance_of(s["moments"], s["period"], 0)) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _drawdown(s: Any, price: float) -> float:
    s["peak"] = max(price, s["peak"]) if s["seen"] > 0 else price
    return 1.0 - price / s["peak"]


BARS = ("open", "high", "low", "close")

VOLATILITY = (
    Signal(
        name="true_range", family="volatility", inputs=any_of("high", "low", "close"), unit="that of the input",
        step=_true_range, fields=lambda _: [("close", "<f8")], warm_up=lambda: 2,
        formula="max(high - low, |high - close before|, |low - close before|)", source="TA-Lib TRANGE"),
    Signal(
        name="atr", family="volatility", inputs=any_of("high", "low", "close"), parameters=(period(14),),
        unit="that of the input", step=_atr, fields=lambda _: [("close", "<f8"), ("average", AVERAGE)],
        warm_up=lambda period: period + 1, formula="wilder(true range, period)",
        source="TA-Lib ATR; J. Welles Wilder, New Concepts in Technical Trading Systems, 1978"),
    Signal(
        name="natr", family="volatility", inputs=prices("high", "low", "close"), parameters=(period(14),),
        unit="percent of the close", step=_natr, fields=lambda _: [("close", "<f8"), ("average", AVERAGE)],
        warm_up=lambda period: period + 1, formula="100 atr / close", source="TA-Lib NATR"),
    Signal(
        name="standard_deviation", family="volatility", inputs=any_of("x"), parameters=(window(5, low=2),),
        unit="that of the input", step=_standard_deviation, fields=lambda n: [("moments", moments(n))],
        warm_up=lambda period: period, formula="sqrt(sum (x_i - mean)^2 / period)", source="TA-Lib STDDEV"),
    Signal(
        name="realised_volatility", family="volatility", inputs=prices("price"), parameters=(window(20),),
        unit=PER_OBSERVATION, step=_realised, fields=lambda n: [("last", "<f8"), ("window", block_sum(n))],
        warm_up=lambda period: period + 1, formula="sqrt(sum r_i^2 / period), r = ln(p_n / p_(n-1))",
        source="T. Andersen & T. Bollerslev, International Economic Review 39, 1998"),
    Signal(
        name="close_to_close", family="volatility", inputs=prices("close"), parameters=(window(20, low=2),),
        unit=PER_OBSERVATION, step=_close_to_close, fields=lambda n: [("last", "<f8"), ("returns", moments(n))],
        warm_up=lambda period: period + 1, formula="sample standard deviation of the last period log returns",
        source="the definition"),
    Signal(
        name="ewma_volatility", family="volatility", inputs=prices("price"), unit=PER_OBSERVATION,
        parameters=(factor("decay", 0.94, 0.0, 0.999999),), step=_ewma_volatility,
        fields=lambda _: [("last", "<f8"), ("variance", "<f8")], warm_up=lambda **_: 2,
        formula="sqrt(v), v_n = decay v_(n-1) + (1 - decay) r_n^2, from the first r^2",
        source="J.P. Morgan, RiskMetrics Technical Document, 1996"),
    Signal(
        name="parkinson", family="volatility", inputs=prices("high", "low"), parameters=(window(20),),
        unit=PER_OBSERVATION, step=_parkinson, fields=lambda n: [("window", block_sum(n))],
        warm_up=lambda period: period, formula="sqrt(mean ln(high / low)^2 / (4 ln 2))",
        source="M. Parkinson, Journal of Business 53, 1980"),
    Signal(
        name="garman_klass", family="volatility", inputs=prices(*BARS), parameters=(window(20),),
        unit=PER_OBSERVATION, step=_garman_klass, fields=lambda n: [("window", block_sum(n))],
        warm_up=lambda period: period,
        formula="sqrt(mean(ln(high / low)^2 / 2 - (2 ln 2 - 1) ln(close / open)^2))",
        source="M. Garman & M. Klass, Journal of Business 53, 1980"),
    Signal(
        name="rogers_satchell", family="volatility", inputs=prices(*BARS), parameters=(window(20),),
        unit=PER_OBSERVATION, step=_rogers_satchell, fields=lambda n: [("window", block_sum(n))],
        warm_up=lambda period: period,
        formula="sqrt(mean(ln(high/close) ln(high/open) + ln(low/close) ln(low/open)))",
        source="L. Rogers & S. Satchell, Annals of Applied Probability 1, 1991"),
    Signal(
        name="yang_zhang", family="volatility", inputs=prices(*BARS), parameters=(window(20, low=2),),
        unit=PER_OBSERVATION, step=_yang_zhang, warm_up=lambda period: period + 1,
        fields=lambda n: [("close", "<f8"), ("overnight", moments(n)), ("daytime", moments(n)),
                          ("within", block_sum(n))],
        formula="sqrt(var ln(open/close before) + k var ln(close/open) + (1 - k) rogers_satchell^2), "
                "k = 0.34 / (1.34 + (n + 1)/(n - 1))",
        source="D. Yang & Q. Zhang, Journal of Business 73, 2000"),
    Signal(
        name="bipower_volatility", family="volatility", inputs=prices("price"), parameters=(window(20, low=2),),
        unit=PER_OBSERVATION, step=_bipower, warm_up=lambda period: period + 1,
        fields=lambda n: [("last", "<f8"), ("move", "<f8"), ("pairs", block_sum(n))],
        formula="sqrt(pi / 2 sum |r_i| |r_(i-1)| / (period - 1)) of period log returns: blind to single jumps",
        source="O. Barndorff-Nielsen & N. Shephard, Journal of Financial Econometrics 2, 2004"),
    Signal(
        name="jump_test", family="volatility", inputs=prices("price"), parameters=(window(78, low=4),),
        unit="standard normal; share of the variance", step=_jump_test, outputs=JumpTest,
        warm_up=lambda period: period + 1,
        fields=lambda n: [*((name, "<f8") for name in ("last", "move_1", "move_2", "move_3", "bipower", "quad")),
                          ("squares", block_sum(n)), ("pairs", block_sum(n)), ("fours", block_sum(n))],
        formula="(1 - bv / rv) / sqrt((pi^2/4 + pi - 5) / n max(1, qv / bv^2)), n log returns, "
                "rv, bv and qv realised, bipower and quad-power",
        source="X. Huang & G. Tauchen, Journal of Financial Econometrics 3, 2005 (ratio statistic, quad-power)"),
    Signal(
        name="downside_deviation", family="volatility", inputs=prices("price"), unit=PER_OBSERVATION,
        parameters=(window(20), factor("target", 0.0, -1.0, 1.0, "log return")), step=_downside,
        fields=lambda n: [("last", "<f8"), ("window", block_sum(n))], warm_up=lambda period, **_: period + 1,
        formula="sqrt(sum min(r_i - target, 0)^2 / period)",
        source="F. Sortino & R. van der Meer, Journal of Portfolio Management 17(4), 1991"),
    Signal(
        name="drawdown", family="volatility", inputs=prices("price"), unit="share of the highest price so far",
        step=_drawdown, fields=lambda _: [("peak", "<f8")], warm_up=lambda: 1,
        formula="1 - p_n / max(p_0 ... p_n)", source="the definition"),
)
