"""Plain formulas of channels, directional movement, stops that follow, and of the line through a window."""

import numpy as np

from tests.signals.oracles.bound import (
    EPS,
    STEPS,
    UNKNOWN,
    Bound,
    at_most_1,
    before,
    blank,
    certain,
    difference,
    exact,
    highest,
    lowest,
    most,
    near,
    positive,
    put_together,
    squares,
    where,
    wilder,
)
from tests.signals.oracles.registry import oracle
from tests.signals.oracles.volatility import true_range


@oracle("donchian")
def donchian(high, low, period):
    top, bottom = exact(highest(high, period)), exact(lowest(low, period))
    return top, 0.5 * top + 0.5 * bottom, bottom


def movements(high, low) -> tuple[Bound, Bound]:
    """Return how much further up and down each bar reached than the one before, the lesser of the two as 0.

    Where rounding may decide which is the lesser, each may be the one.
    """
    up, down = difference(high, before(high)), difference(before(low), low)
    room = up.slack + down.slack
    unsure = (room > 0) & (abs(up.value - down.value) <= room)
    found = []
    for one, other in ((up, down), (down, up)):
        counts = (one.value > other.value) & (one.value > 0)
        slack = np.where(unsure, abs(one.value) + abs(other.value), np.where(counts, one.slack, 0))
        found.append(where(np.isnan(one.value), UNKNOWN, near(np.where(counts, one.value, 0), slack)))
    return found[0], found[1]


def fading_sum(x: Bound, n: int) -> Bound:
    """Return Wilder's sum: plain over n - 1 values, then less one n-th of itself at each; NaN before n values."""
    parts, level = [UNKNOWN] * min(len(x), 1), exact(0)
    for i in range(1, len(x)):
        kept = level if i < n else near(level.value * (n - 1) / n, level.slack * (n - 1) / n + 2 * EPS * level.value)
        level = x[i] if level.value == 0 and level.slack == 0 else kept + x[i]
        parts.append(level)
    return blank(put_together(parts), n)


def percent(part: Bound, whole: Bound, otherwise: Bound) -> Bound:
    """Return 100 part / whole, which is at most 100; ``otherwise`` where the whole is 0."""
    if whole.value == 0 and whole.slack == 0:
        return otherwise
    found = 100 * part / whole
    return near(found.value if np.isfinite(found.value) else 50, min(found.slack, np.longdouble(100)))


@oracle("adx")
def adx(high, low, close, period):
    reach = fading_sum(true_range(high, low, close), period)
    plus, minus = (fading_sum(x, period) for x in movements(high, low))
    rows = [(UNKNOWN, UNKNOWN, UNKNOWN)] * min(len(high), period)
    index = exact(0)
    for i in range(period, len(high)):
        share = [exact(0) if reach[i].value == 0 and reach[i].slack == 0 else 100 * x[i] / reach[i]
                 for x in (plus, minus)]
        index = percent(abs(share[0] - share[1]), share[0] + share[1], index)
        rows.append((index, *share))
    found = [put_together([row[k] for row in rows]) for k in range(3)]
    return tuple(blank(x, 2 * period - 1) for x in (wilder(found[0], period), found[1], found[2]))


def tightened(new: Bound, old: Bound, close: float, sign: int) -> Bound:
    """Return the lower band (``sign`` 1) or upper one (-1): the tighter of new and old while the close was within."""
    gap = sign * (old.value - close)
    tight = old if sign * (old.value - new.value) > 0 else new
    slack = max(old.slack, new.slack)
    if abs(gap) > old.slack or old.slack == 0:
        return near(tight.value, slack) if gap <= 0 else new
    return near(tight.value, slack + abs(tight.value - new.value))


def sides_after(sides: set[int], close: float, lower: Bound, upper: Bound) -> set[int]:
    """Return which sides are possible: the close's crossing of the other band turns it."""
    found = set()
    for side in sides:
        band = lower if side > 0 else upper
        crossed = side * (band.value - close)
        if abs(crossed) <= band.slack and band.slack > 0:
            found |= {side, -side}
        else:
            found.add(-side if crossed > 0 else side)
    return found


@oracle("supertrend")
def supertrend(high, low, close, period, multiplier):
    spread = wilder(true_range(high, low, close), period)
    middle = np.longdouble(0.5) * high + np.longdouble(0.5) * low
    middle = near(middle, np.where(middle == 0.5 * high + 0.5 * low, 0, EPS * (abs(high) + abs(low))))
    lines, sides = [UNKNOWN] * min(len(high), period), [UNKNOWN] * min(len(high), period)
    lower = upper = UNKNOWN
    possible = {1}
    for i in range(period, len(high)):
        away = multiplier * spread[i]
        still = away.value == 0 and away.slack == 0
        bands = (middle[i], middle[i]) if still else (middle[i] - away, middle[i] + away)
        if i == period:
            lower, upper = bands
        else:
            lower = tightened(bands[0], lower, close[i - 1], 1)
            upper = tightened(bands[1], upper, close[i - 1], -1)
            possible = sides_after(possible, close[i], lower, upper)
        side = max(possible)
        sure = len(possible) == 1
        lines.append(certain(lower if side > 0 else upper, sure))
        sides.append(certain(exact(side), sure))
    return put_together(lines), put_together(sides)


def line_through(x, n: int) -> tuple[Bound, Bound]:
    """Return the means of each window and the slopes of the least-squares line through it.

    Both are of running sums around a centre as old as three windows (``bound.deviations``). The sum weighted by place
    collects n times what the plain one does, and is divided by n (n^2 - 1) / 12.
    """
    middle, _ = squares(exact(x), n)
    places = np.arange(n) - np.longdouble(n - 1) / 2
    slopes = []
    for i in range(len(x)):
        window = x[max(i - n + 1, 0) : i + 1].astype(np.longdouble)
        if len(window) < n:
            slopes.append(UNKNOWN)
            continue
        old = x[max(i - 3 * n + 1, 0) : i + 1]
        value = (places * (window - window.mean())).sum() / (places**2).sum()
        slack = 2 * n * n * (2 * STEPS * n * EPS) * (np.longdouble(old.max()) - old.min()) / (places**2).sum()
        slopes.append(near(value, slack + 4 * EPS * abs(value)))
    return middle, put_together(slopes)


@oracle("linear_slope")
def linear_slope(x, period):
    return line_through(x, period)[1]


@oracle("linear_forecast")
def linear_forecast(x, period):
    middle, slope = line_through(x, period)
    found = middle + slope * (period - 1) / 2
    return found + near(0, 4 * EPS * most(x, 3 * period))


@oracle("linear_r2")
def linear_r2(x, period):
    _, spread = squares(exact(x), period)
    _, slope = line_through(x, period)
    explained = slope * slope * np.longdouble(period * (period * period - 1)) / 12
    still = (spread.value == 0) & (spread.slack == 0)
    return where(still, UNKNOWN, certain(at_most_1(explained / spread), positive(spread)))
