"""Microstructure of quotes: order-flow imbalance of one level and of five, queues, the weighted mid.

A quote is bid, its size, ask and its size, in this order; a book of five levels is that five times, the best first, 20
inputs: ordinary columns, so that streaming, batches, panels and sweeps take a book as they take a price.
"""

import math
from typing import Any, NamedTuple

from algotrade.jit import jit
from algotrade.signals.blocks import add, rolling_sum
from algotrade.signals.micro_price import MICROPRICE
from algotrade.signals.order_flow import contribution
from algotrade.signals.signal import Signal, book_level, sizes, window

CONT = "R. Cont, A. Kukanov & S. Stoikov, Journal of Financial Econometrics 12(1), 2014"

LEVELS = 5
"""Levels of a book: a fixed number, because each is four inputs that the loops are compiled for."""


class LevelFlows(NamedTuple):
    """Order-flow imbalance at the best level (``level_1``) and at each behind it."""

    level_1: Any
    level_2: Any
    level_3: Any
    level_4: Any
    level_5: Any


@jit
def _ofi(s: Any, bid: float, bid_size: float, ask: float, ask_size: float) -> float:
    event = contribution(s["bid"], s["ask"], s["bid_size"], s["ask_size"], bid, ask, bid_size, ask_size)
    s["bid"] = bid
    s["bid_size"] = bid_size
    s["ask"] = ask
    s["ask_size"] = ask_size
    if s["seen"] == 0:
        return math.nan
    total = add(s["flow"], s["period"], event)
    return total if s["seen"] >= s["period"] else math.nan


@jit
def _level_flow(s: Any, flow: Any, at: int, bid: float, bid_size: float, ask: float, ask_size: float) -> float:
    """Put a level's quote in the place of the last one, ``last[at : at + 4]``; return the level's flow."""
    last = s["last"]
    event = contribution(last[at], last[at + 2], last[at + 1], last[at + 3], bid, ask, bid_size, ask_size)
    last[at] = bid
    last[at + 1] = bid_size
    last[at + 2] = ask
    last[at + 3] = ask_size
    if s["seen"] == 0:
        return math.nan
    total = add(flow, s["period"], event)
    return total if s["seen"] >= s["period"] else math.nan


@jit
def _ofi_multilevel(s: Any, *q: float) -> LevelFlows:
    return LevelFlows(
        _level_flow(s, s["flow_1"], 0, q[0], q[1], q[2], q[3]),
        _level_flow(s, s["flow_2"], 4, q[4], q[5], q[6], q[7]),
        _level_flow(s, s["flow_3"], 8, q[8], q[9], q[10], q[11]),
        _level_flow(s, s["flow_4"], 12, q[12], q[13], q[14], q[15]),
        _level_flow(s, s["flow_5"], 16, q[16], q[17], q[18], q[19]))


@jit
def _queue_imbalance(s: Any, bid_size: float, ask_size: float) -> float:  # noqa: ARG001 -- nothing is remembered
    total = bid_size + ask_size
    return (bid_size - ask_size) / total if total > 0.0 else math.nan


@jit
def _weighted_mid(s: Any, bid: float, bid_size: float, ask: float, ask_size: float) -> float:  # noqa: ARG001 -- as above
    total = bid_size + ask_size
    return bid + (ask - bid) * (bid_size / total) if total > 0.0 else math.nan


QUOTE = book_level()

QUOTES = (
    Signal(
        name="ofi", family="microstructure", inputs=QUOTE, parameters=(window(100),), unit="that of the sizes",
        step=_ofi, warm_up=lambda period: period + 1,
        fields=lambda n: [*((i.name, "<f8") for i in QUOTE), ("flow", rolling_sum(n))],
        formula="sum of e over the last period quotes, e = 1{bid >= before} bid_size - 1{bid <= before} bid_size "
                "before - 1{ask <= before} ask_size + 1{ask >= before} ask_size before",
        source=f"{CONT}; the paper's sums are over 10 s: period=1 gives e, to be summed over any time"),
    Signal(
        name="ofi_multilevel", family="microstructure", unit="that of the sizes", step=_ofi_multilevel,
        inputs=tuple(i for k in range(1, LEVELS + 1) for i in book_level(f"_{k}")), parameters=(window(100),),
        outputs=LevelFlows, warm_up=lambda period: period + 1,
        fields=lambda n: [("last", "<f8", (4 * LEVELS,)),
                          *((f"flow_{k}", rolling_sum(n)) for k in range(1, LEVELS + 1))],
        formula="ofi of each of five levels, the k-th best bid and ask against the k-th best before; a book with fewer "
                "levels is not usable: NaN in any of the 20 inputs",
        source="K. Xu, M. Gould & S. Howison, Market Microstructure and Liquidity 4, 2018"),
    Signal(
        name="queue_imbalance", family="microstructure", inputs=sizes("bid_size", "ask_size"), unit="-1 to 1",
        step=_queue_imbalance, fields=lambda _: [], warm_up=lambda: 1,
        formula="(bid_size - ask_size) / (bid_size + ask_size), NaN where both are 0",
        source="M. Gould & J. Bonart, Market Microstructure and Liquidity 2, 2016"),
    Signal(
        name="weighted_mid", family="microstructure", inputs=QUOTE, unit="that of the prices", step=_weighted_mid,
        fields=lambda _: [], warm_up=lambda: 1,
        formula="(bid ask_size + ask bid_size) / (bid_size + ask_size), NaN where both sizes are 0",
        source="the definition; often called micro-price, which Stoikov's (microprice) is not"),
    MICROPRICE,
)
