"""Plain formulas of oscillators."""

import numpy as np

from tests.signals.oracles.bound import (
    EPS,
    STEPS,
    UNKNOWN,
    Bound,
    blank,
    certain,
    exact,
    highest,
    lowest,
    mean,
    near,
    positive,
    put_together,
    sqrt,
    squares,
    where,
)
from tests.signals.oracles.registry import oracle


@oracle("zscore")
def zscore(x, period):
    middle, spread = squares(exact(x), period)
    found = certain((exact(x) - middle) / sqrt(spread / (period - 1)), positive(spread))
    return where(spread.value == 0, UNKNOWN, found)


def place(high, low, close, period) -> Bound:
    """Return where the close is in the range of ``period`` bars, 0 to 100."""
    top, bottom = exact(highest(high, period)), exact(lowest(low, period))
    return where(top.value <= bottom.value, 0, 100 * (exact(close) - bottom) / (top - bottom))


@oracle("stochastic_fast")
def stochastic_fast(high, low, close, period, d_smooth):
    k = place(high, low, close, period)
    return blank(k, period + d_smooth - 2), mean(k, d_smooth)


@oracle("stochastic")
def stochastic(high, low, close, period, k_smooth, d_smooth):
    k = mean(place(high, low, close, period), k_smooth)
    return blank(k, period + k_smooth + d_smooth - 3), mean(k, d_smooth)


def bands(x, period, deviations) -> tuple[Bound, Bound]:
    middle, spread = squares(exact(x), period)
    return middle, deviations * sqrt(spread / period)


@oracle("bollinger")
def bollinger(x, period, deviations):
    middle, away = bands(x, period, deviations)
    return middle + away, middle, middle - away


@oracle("bollinger_percent")
def bollinger_percent(x, period, deviations):
    middle, away = bands(x, period, deviations)
    found = certain(0.5 + 0.5 * (exact(x) - middle) / away, positive(away))
    return where(away.value == 0, UNKNOWN, found)


@oracle("bollinger_width")
def bollinger_width(x, period, deviations):
    middle, away = bands(x, period, deviations)
    return where((middle.value == 0) & (middle.slack == 0), UNKNOWN, 2 * away / middle)


@oracle("cci")
def cci(high, low, close, period):
    price = (high + low + close) / 3
    middle, _ = squares(exact(price), period)
    parts = []
    for i in range(len(price)):
        window = price[max(i - period + 1, 0) : i + 1].astype(np.longdouble)
        if len(window) < period:
            parts.append(UNKNOWN)
        elif np.all(window == window[0]):
            parts.append(exact(0))
        else:
            deviation = near(abs(window - middle.value[i]).mean(), middle.slack[i])
            deviation += near(0, STEPS * period * EPS * deviation.value)
            parts.append((exact(price[i]) - middle[i]) / (np.longdouble(0.015) * deviation))
    return put_together(parts)


@oracle("williams_r")
def williams_r(high, low, close, period):
    top, bottom = exact(highest(high, period)), exact(lowest(low, period))
    return where(top.value <= bottom.value, 0, -100 * (top - exact(close)) / (top - bottom))


def bars_since(x, period) -> Bound:
    """Return how long ago the largest of the last period + 1 values was, the latest of equal ones."""
    found = [period - max(range(period + 1), key=lambda k: (x[i - period + k], k)) if i >= period else np.nan
             for i in range(len(x))]
    return exact(found)


@oracle("aroon")
def aroon(high, low, period):
    return tuple(100 * (period - bars_since(x, period)) / period for x in (-low, high))


@oracle("aroon_oscillator")
def aroon_oscillator(high, low, period):
    down, up = aroon(high, low, period)
    return up - down


