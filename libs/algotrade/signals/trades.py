"""Microstructure of trades: who started them, what they cost, how far they move the price, how they lean.

A trade comes with the quote that held when it was made, where a quote is needed; which one that is (Lee and Ready took
the one of five seconds before, because their tape was late) is for the caller to say. ``signed_volume`` is the size,
positive if the buyer started the trade: by ``lee_ready``, ``tick_rule`` or what the venue says.
"""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.blocks import add, add_in_block, block_sum, ring, rolling_sum, swap
from algotrade.signals.pairs import observe_pair, pair_moments, products, slope_on_x
from algotrade.signals.signal import Signal, any_of, prices, sizes, window
from algotrade.signals.trade_sign import quote_sign, tick_sign
from algotrade.signals.vpin import VPIN


@jit
def _signed_by_ticks(s: Any, price: float) -> float:
    """Return the tick rule's sign, 0 while no price has moved; ``price`` and ``sign`` of the state are moved on."""
    if s["seen"] > 0:
        s["sign"] = tick_sign(price, s["price"], s["sign"])
    s["price"] = price
    return s["sign"]


@jit
def _tick_rule(s: Any, price: float) -> float:
    sign = _signed_by_ticks(s, price)
    return sign if sign != 0.0 else math.nan


@jit
def _lee_ready(s: Any, price: float, bid: float, ask: float) -> float:
    sign = quote_sign(price, 0.5 * (bid + ask), _signed_by_ticks(s, price))
    return sign if sign != 0.0 else math.nan


@jit
def _effective_spread(s: Any, price: float, bid: float, ask: float) -> float:
    total = add_in_block(s["spreads"], s["period"], 2.0 * abs(price - 0.5 * (bid + ask)))
    return total / s["period"] if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _realised_spread(s: Any, price: float, bid: float, ask: float) -> float:
    mid = 0.5 * (bid + ask)
    sign = quote_sign(price, mid, _signed_by_ticks(s, price))
    sign_then = swap(s["signs"], s["horizon"], sign)
    price_then = swap(s["prices"], s["horizon"], price)
    if s["seen"] < s["horizon"]:
        return math.nan
    total = add(s["spreads"], s["period"], 2.0 * sign_then * (price_then - mid))
    return total / s["period"] if s["seen"] + 1 >= s["horizon"] + s["period"] else math.nan


@jit
def _kyle_lambda(s: Any, price: float, signed_volume: float) -> float:
    before = s["price"]
    s["price"] = price
    if s["seen"] == 0:
        return math.nan
    observe_pair(s["pairs"], s["period"], signed_volume, price - before)
    return slope_on_x(s["pairs"]) if s["seen"] >= s["period"] else math.nan


@jit
def _amihud(s: Any, price: float, volume: float) -> float:
    before = s["price"]
    s["price"] = price
    if s["seen"] == 0:
        return math.nan
    total = add_in_block(s["ratios"], s["period"], abs(price / before - 1.0) / (price * volume))
    return total / s["period"] if s["seen"] >= s["period"] else math.nan


@jit
def _roll_spread(s: Any, price: float) -> float:
    seen = s["seen"]
    change_before = s["change"]
    s["change"] = price - s["price"]
    s["price"] = price
    if seen < 2:
        return math.nan
    observe_pair(s["pairs"], s["period"], change_before, s["change"])
    if seen + 1 < s["period"] + 2:
        return math.nan
    return 2.0 * math.sqrt(max(-products(s["pairs"]) / (s["period"] - 1.0), 0.0))


@jit
def _average_price(s: Any, price: float, volume: float) -> float:
    """Return the volume-weighted mean of all prices, moved on as a mean: no sum of money outgrows what is added."""
    total = s["volume"] + volume
    s["volume"] = total
    if total > 0.0:
        s["average"] += volume / total * (price - s["average"])
        return s["average"]
    return math.nan


@jit
def _vwap_deviation(s: Any, price: float, volume: float) -> float:
    return price / _average_price(s, price, volume) - 1.0


@jit
def _trade_flow_imbalance(s: Any, signed_volume: float) -> float:
    flow = add_in_block(s["flow"], s["period"], signed_volume)
    total = add_in_block(s["volume"], s["period"], abs(signed_volume))
    if s["seen"] + 1 < s["period"]:
        return math.nan
    return min(max(flow / total, -1.0), 1.0) if total > 0.0 else math.nan


@jit
def _participation_rate(s: Any, own_volume: float, volume: float) -> float:
    own = add_in_block(s["own"], s["period"], own_volume)
    total = add_in_block(s["volume"], s["period"], volume)
    if s["seen"] + 1 < s["period"]:
        return math.nan
    return own / total if total > 0.0 else math.nan


QUOTED = any_of("price", "bid", "ask")
TRADED = (*any_of("price"), *sizes("volume"))
SIGNED = [("price", "<f8"), ("sign", "<f8")]
VWAP_FIELDS = [("volume", "<f8"), ("average", "<f8")]
HUANG_STOLL = "R. Huang & H. Stoll, Journal of Financial Economics 41, 1996"

TRADES = (
    Signal(
        name="tick_rule", family="microstructure", inputs=any_of("price"), unit="1 bought, -1 sold", step=_tick_rule,
        fields=lambda _: SIGNED, warm_up=lambda: 2,
        formula="1 after a rise of the price, -1 after a fall, as before where it stays; NaN until it first moves",
        source="C. Lee & M. Ready, Journal of Finance 46, 1991"),
    Signal(
        name="lee_ready", family="microstructure", inputs=QUOTED, unit="1 bought, -1 sold", step=_lee_ready,
        fields=lambda _: SIGNED, warm_up=lambda: 1,
        formula="1 above the mid, -1 below it, tick_rule at it; NaN at it while no price has moved",
        source="C. Lee & M. Ready, Journal of Finance 46, 1991; the quote is the one handed in, with no delay"),
    Signal(
        name="effective_spread", family="microstructure", inputs=QUOTED, parameters=(window(1),),
        unit="that of the prices", step=_effective_spread, fields=lambda n: [("spreads", block_sum(n))],
        warm_up=lambda period: period, formula="mean of 2 |price - (bid + ask) / 2| over the last period trades",
        source=f"{HUANG_STOLL}; twice their half-spread"),
    Signal(
        name="realised_spread", family="microstructure", inputs=QUOTED, unit="that of the prices",
        parameters=(window(1), window(20, name="horizon")), step=_realised_spread,
        fields=lambda n: [*SIGNED, ("signs", ring(n)), ("prices", ring(n)), ("spreads", rolling_sum(n))],
        warm_up=lambda period, horizon: period + horizon,
        formula="mean of 2 d (price - mid horizon trades later) over period trades, the latest horizon ago; d is "
                "lee_ready, 0 where that is not known",
        source=f"{HUANG_STOLL}; twice their half-spread, and the horizon is in trades"),
    Signal(
        name="kyle_lambda", family="microstructure", inputs=any_of("price", "signed_volume"),
        parameters=(window(60, low=2),), unit="that of the price over that of the volume", step=_kyle_lambda,
        fields=lambda n: [("price", "<f8"), ("pairs", pair_moments(n))], warm_up=lambda period: period + 1,
        formula="least-squares slope, with an intercept, of price - price before on signed_volume over the last period "
                "observations",
        source="the lambda of A. Kyle, Econometrica 53, 1985, by regression"),
    Signal(
        name="amihud", family="microstructure", inputs=prices("price", "volume"), parameters=(window(20),),
        unit="return per unit of money", step=_amihud, warm_up=lambda period: period + 1,
        fields=lambda n: [("price", "<f8"), ("ratios", block_sum(n))],
        formula="mean of |price / price before - 1| / (price volume) over the last period observations with volume",
        source="Y. Amihud, Journal of Financial Markets 5, 2002"),
    Signal(
        name="roll_spread", family="microstructure", inputs=any_of("price"), parameters=(window(100, low=2),),
        unit="that of the price", step=_roll_spread, warm_up=lambda period: period + 2,
        fields=lambda n: [("price", "<f8"), ("change", "<f8"), ("pairs", pair_moments(n))],
        formula="2 sqrt(-c), c the sample covariance of the last period pairs of a price change and the one before; 0 "
                "where c is positive",
        source="R. Roll, Journal of Finance 39, 1984"),
    VPIN,
    Signal(
        name="vwap", family="microstructure", inputs=TRADED, unit="that of the price", step=_average_price,
        fields=lambda _: VWAP_FIELDS, warm_up=lambda: 1,
        formula="sum price volume / sum volume of all observations; of a session where the state is new at its start",
        source="S. Berkowitz, D. Logue & E. Noser, Journal of Finance 43, 1988"),
    Signal(
        name="vwap_deviation", family="microstructure", inputs=(*prices("price"), *sizes("volume")),
        unit="share of the vwap", step=_vwap_deviation, fields=lambda _: VWAP_FIELDS, warm_up=lambda: 1,
        formula="price / vwap - 1, the observation's own volume included", source="the definition"),
    Signal(
        name="trade_flow_imbalance", family="microstructure", inputs=any_of("signed_volume"), parameters=(window(100),),
        unit="-1 to 1", step=_trade_flow_imbalance, warm_up=lambda period: period,
        fields=lambda n: [("flow", block_sum(n)), ("volume", block_sum(n))],
        formula="sum signed_volume / sum |signed_volume| over the last period observations, NaN without volume",
        source="T. Chordia, R. Roll & A. Subrahmanyam, Journal of Financial Economics 65, 2002, scaled by the volume"),
    Signal(
        name="participation_rate", family="microstructure", inputs=sizes("own_volume", "volume"),
        parameters=(window(20),), unit="share of the volume", step=_participation_rate, warm_up=lambda period: period,
        fields=lambda n: [("own", block_sum(n)), ("volume", block_sum(n))],
        formula="sum own_volume / sum volume over the last period observations; the volume contains our own",
        source="the definition"),
)
