"""Plain formulas of what the traded quantity says."""

import numpy as np

from tests.signals.oracles.bound import (
    UNKNOWN,
    Bound,
    before,
    blank,
    block_total,
    certain,
    difference,
    ema,
    exact,
    exponential,
    lagged,
    near,
    positive,
    sqrt,
    squares,
    summed,
    where,
)
from tests.signals.oracles.registry import oracle


@oracle("obv")
def obv(close, volume):
    sides = np.sign(difference(close, before(close)).value)
    return summed(exact(np.where(np.isnan(sides), 1, sides) * volume))


def flows(high, low, close, volume) -> Bound:
    """Return the volume times where the close stands in the bar, -1 to 1."""
    place = (difference(close, low) - difference(high, close)) / difference(high, low)
    return where(high > low, place, 0) * exact(volume)


@oracle("accumulation_distribution")
def accumulation_distribution(high, low, close, volume):
    return summed(flows(high, low, close, volume))


@oracle("chaikin_oscillator")
def chaikin_oscillator(high, low, close, volume, fast, slow):
    line = accumulation_distribution(high, low, close, volume)
    short, long = (exponential(line, exact(2) / (n + 1), 1) for n in (fast, slow))
    return blank(short - long, slow - 1)


def ratio(part: Bound, whole: Bound) -> Bound:
    """Return part / whole, NaN where the whole is 0."""
    nothing = (whole.value == 0) & (whole.slack == 0)
    return where(nothing, UNKNOWN, certain(part / whole, positive(whole)))


@oracle("cmf")
def cmf(high, low, close, volume, period):
    return ratio(block_total(flows(high, low, close, volume), period), block_total(exact(volume), period))


@oracle("mfi")
def mfi(high, low, close, volume, period):
    """A move of the price that may be rounding counts as neither, and may be all of its flow too much or too little."""
    price = (exact(high) + exact(low) + exact(close)) / 3
    same = (high == before(high)) & (low == before(low)) & (close == before(close))
    move = price - lagged(price, 1)
    sure = abs(move.value) > move.slack
    flow = price * exact(volume)
    nothing = where(np.isnan(move.value), UNKNOWN, near(np.zeros(len(flow)), np.where(
        sure | same, 0, abs(flow.value) + flow.slack)))
    up, down = (block_total(where(sure & (sign * move.value > 0), flow, nothing), period) for sign in (1, -1))
    money = up + down
    found = where(money.value >= 1, 100 * up / money, 0)
    return certain(found, abs(money.value - 1) > money.slack)


@oracle("volume_zscore")
def volume_zscore(volume, period):
    middle, spread = squares(exact(volume), period)
    found = certain((exact(volume) - middle) / sqrt(spread / (period - 1)), positive(spread))
    return where((spread.value == 0) & (spread.slack == 0), UNKNOWN, found)


@oracle("volume_ratio")
def volume_ratio(volume, period):
    return ratio(exact(volume) * period, block_total(exact(volume), period))


@oracle("price_volume_trend")
def price_volume_trend(close, volume):
    change = exact(volume) * (exact(close) / lagged(exact(close), 1) - 1)
    return summed(where(np.isnan(change.value), 0, change))


@oracle("force_index")
def force_index(close, volume, period):
    return ema(difference(close, before(close)) * exact(volume), period)


@oracle("vwma")
def vwma(price, volume, period):
    return ratio(block_total(exact(price) * exact(volume), period), block_total(exact(volume), period))
