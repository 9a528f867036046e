"""Moving averages."""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.blocks import AVERAGE, add, average, rolling_sum
from algotrade.signals.signal import Signal, any_of, period, window


@jit
def _sma(s: Any, x: float) -> float:
    total = add(s["window"], s["period"], x)
    return total / s["period"] if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _ema(s: Any, x: float) -> float:
    return average(s["average"], x, 2.0 / (s["period"] + 1), s["period"])


AVERAGES = (
    Signal(
        name="sma", family="trend", inputs=any_of("x"), parameters=(window(30),),
        fields=lambda capacity: [("window", rolling_sum(capacity))], step=_sma,
        warm_up=lambda period: period, unit="that of the input", formula="mean of the last period values",
        source="TA-Lib SMA"),
    Signal(
        name="ema", family="trend", inputs=any_of("x"), parameters=(period(30),),
        fields=lambda _: [("average", AVERAGE)], step=_ema,
        warm_up=lambda period: period, unit="that of the input",
        formula="y += 2 / (period + 1) * (x - y), from the mean of the first period values", source="TA-Lib EMA"),
)
