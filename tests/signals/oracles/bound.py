"""``Bound``: numbers in extended precision, each with how far a kernel in double precision may be from it.

An oracle is the plain formula over such numbers. The slack is the running error bound of N. Higham, Accuracy and
Stability of Numerical Algorithms, chapter 3: each operation adds its own rounding and hands on that of its operands.
So a tolerance is as tight as the arithmetic allows, and grows only where the case is ill-conditioned: a difference of
large numbers that is small. It is infinite where not one digit is certain (a divisor that may be 0).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

EPS = np.longdouble(2.0**-52)
STEPS = 8
"""Roundings that a kernel may make for one observation in a running sum."""


@dataclass(eq=False)
class Bound:
    """``value`` and ``slack`` longdouble, both (n,) or both a number; NaN: not defined."""

    value: Any
    slack: Any

    # A numpy number on the left hands the operation over instead of making an array of objects.
    __array_ufunc__ = None

    def __add__(self, other: Any) -> "Bound":
        o = exact(other)
        return rounded(self.value + o.value, self.slack + o.slack)

    def __neg__(self) -> "Bound":
        return Bound(-self.value, self.slack)

    def __sub__(self, other: Any) -> "Bound":
        return self + -exact(other)

    def __mul__(self, other: Any) -> "Bound":
        o = exact(other)
        with np.errstate(invalid="ignore"):
            spread = np.where(self.slack > 0, self.slack * abs(o.value), 0) + np.where(
                o.slack > 0, o.slack * (abs(self.value) + self.slack), 0)
        return rounded(self.value * o.value, spread)

    def __truediv__(self, other: Any) -> "Bound":
        o = exact(other)
        with np.errstate(all="ignore"):
            found = self.value / o.value
            spread = np.where((self.slack == 0) & (o.slack == 0) | undefined(self) | undefined(o), 0,
                              np.where(o.slack < abs(o.value) / 2,
                                       (self.slack + abs(found) * o.slack) / (abs(o.value) - o.slack), np.inf))
        return rounded(found, spread)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> "Bound":
        return exact(other) - self

    def __rtruediv__(self, other: Any) -> "Bound":
        return exact(other) / self

    def __abs__(self) -> "Bound":
        return Bound(abs(self.value), self.slack)

    def __getitem__(self, at: Any) -> "Bound":
        return Bound(self.value[at], self.slack[at])

    def __len__(self) -> int:
        return len(self.value)


def exact(x: Any) -> Bound:
    """Return ``x`` as it is: an observation, a parameter, a whole number."""
    if isinstance(x, Bound):
        return x
    value = np.asarray(x, dtype=np.longdouble)[()]
    return Bound(value, np.zeros_like(value)[()])


def near(x: Any, slack: Any) -> Bound:
    value = np.asarray(x, dtype=np.longdouble)[()]
    return Bound(value, np.asarray(slack, dtype=np.longdouble)[()])


def rounded(value: Any, slack: Any) -> Bound:
    with np.errstate(invalid="ignore"):
        own = np.where(np.isfinite(value), EPS * abs(value), 0)
    return Bound(value, (slack + own)[()])


def sqrt(x: Bound) -> Bound:
    """Of what is below 0 by rounding alone, 0."""
    with np.errstate(all="ignore"):
        value = np.sqrt(np.where(x.value < 0, 0, x.value))
        spread = np.where(x.slack > 0, np.minimum(x.slack / value, np.sqrt(x.slack)), 0)
    return rounded(value, spread)


def log(x: Bound) -> Bound:
    with np.errstate(all="ignore"):
        value = np.log(x.value)
        share = x.slack / x.value
        spread = np.where(share < 0.5, share / (1 - share), np.inf)
        found = rounded(value, np.where(x.slack == 0, 0, spread))
    return rounded(found.value, found.slack)


def at_least_0(x: Bound) -> Bound:
    return Bound(np.where(x.value < 0, 0, x.value)[()], x.slack)


def at_most_1(x: Bound) -> Bound:
    return Bound(np.where(x.value > 1, 1, np.where(x.value < -1, -1, x.value))[()], x.slack)


def where(condition: Any, a: Any, b: Any) -> Bound:
    a, b = exact(a), exact(b)
    return Bound(np.where(condition, a.value, b.value)[()], np.where(condition, a.slack, b.slack)[()])


def certain(x: Bound, condition: Any) -> Bound:
    """Return ``x``, of which nothing is known where ``condition`` does not hold, but where it is not defined."""
    return Bound(x.value, np.where(condition | undefined(x), x.slack, np.inf)[()])


def undefined(x: Bound) -> Any:
    """Whether there is certainly no value, as before the first full window."""
    return np.isnan(x.value) & (x.slack == 0)


def positive(x: Bound) -> Any:
    """Whether ``x`` is certain to be above 0, or is exactly 0 or less."""
    return (x.value > x.slack) | (x.slack == 0)


def put_together(parts: list[Bound]) -> Bound:
    """Return numbers as one series."""
    return Bound(np.array([p.value for p in parts], dtype=np.longdouble),
                 np.array([p.slack for p in parts], dtype=np.longdouble))


UNKNOWN = Bound(np.longdouble(np.nan), np.longdouble(0))


def blank(x: Bound, first: int) -> Bound:
    """Return ``x`` with NaN before observation ``first`` (0 is the first one)."""
    place = np.arange(len(x))
    return where(place < first, UNKNOWN, x)


def lagged(x: Bound, steps: int) -> Bound:
    """Return the series ``steps`` observations later, NaN before it."""
    gap = [UNKNOWN] * min(steps, len(x))
    return put_together([*gap, *(x[i] for i in range(max(len(x) - steps, 0)))])


def most(x: Any, n: int) -> Any:
    """Return the largest magnitude of the last ``n`` values, NaN counted as 0."""
    found = np.nan_to_num(abs(np.asarray(x)), nan=0.0, posinf=np.inf)
    return np.array([found[max(i - n + 1, 0) : i + 1].max() for i in range(len(found))], dtype=np.longdouble)


def before(x: Any) -> Any:
    """Return the observations one later, NaN at first."""
    return np.concatenate([[np.nan], x])[: len(x)]


def difference(a: Any, b: Any) -> Bound:
    """Return a - b of observations: exact where a double holds it, so that comparisons of such are certain."""
    value = np.asarray(a, dtype=np.longdouble) - b
    return near(value, np.where(value == np.asarray(a, dtype=np.float64) - b, 0, EPS * abs(value)))


def returns(price: Any, steps: int = 1) -> Bound:
    """Return the logs of prices over those ``steps`` observations before; of equal ones exactly 0."""
    series = exact(price)
    earlier = lagged(series, steps)
    return where(series.value == earlier.value, 0, log(series / earlier))


def weighted(x: Bound, weights: Any) -> Bound:
    """Return the sum of the last values times ``weights`` (oldest first), from the first full window of known ones on.

    A running sum collects the roundings of the two windows that its generation has seen, whatever has left it since:
    the slack is relative to the largest of them.
    """
    weights = np.asarray(weights, dtype=np.longdouble)
    n = len(weights)
    parts = []
    scale = most(x.value, 2 * n) * (2 * STEPS * n * EPS) + most(x.slack, 2 * n)
    for i in range(len(x)):
        window = x.value[max(i - n + 1, 0) : i + 1]
        if len(window) < n or np.isnan(window).any():
            parts.append(UNKNOWN)
        else:
            parts.append(Bound((window * weights).sum(), scale[i] * abs(weights).sum()))
    return put_together(parts)


def total(x: Bound, n: int) -> Bound:
    return weighted(x, np.ones(n))


def block_total(x: Bound, n: int) -> Bound:
    """Return the sum of each full window of known values, in which nothing was subtracted: exactly 0 of zeros."""
    parts = []
    for i in range(len(x)):
        window = x[max(i - n + 1, 0) : i + 1]
        if len(window) < n or np.isnan(window.value).any():
            parts.append(UNKNOWN)
        else:
            parts.append(near(window.value.sum(), window.slack.sum() + n * EPS * abs(window.value).sum()))
    return put_together(parts)


def mean(x: Bound, n: int) -> Bound:
    return total(x, n) / n


def exponential(x: Bound, alpha: Bound, n: int) -> Bound:
    """Return the exponential average of the known values, from the mean of the first ``n`` of them on."""
    parts: list[Bound] = []
    seed: list[Bound] = []
    level = UNKNOWN
    for i in range(len(x)):
        if np.isnan(x.value[i]):
            parts.append(level)
            continue
        if len(seed) < n:
            seed.append(x[i])
            if len(seed) == n:
                first = put_together(seed)
                level = Bound(first.value.sum() / n, first.slack.sum() / n + EPS * abs(first.value).sum())
        elif alpha.value == 1:
            level = x[i]
        else:
            value = (1 - alpha.value) * level.value + alpha.value * x.value[i]
            size = abs(level.value) + abs(x.value[i])
            slack = abs(1 - alpha.value) * level.slack + alpha.value * x.slack[i] + 4 * EPS * size
            level = Bound(value, slack)
        parts.append(level)
    return put_together(parts)


def ema(x: Bound, n: int) -> Bound:
    return exponential(x, exact(2) / (n + 1), n)


def wilder(x: Bound, n: int) -> Bound:
    return exponential(x, exact(1) / n, n)


@dataclass(eq=False)
class Pair:
    """Means of x and y of each window, and sums of the products of deviations."""

    mean_x: Bound
    mean_y: Bound
    xx: Bound
    xy: Bound
    yy: Bound


def deviations(x: Bound, y: Bound, n: int) -> Pair:
    """Return the moments of each window, two passes over it.

    A running sum of products is around a centre that may be as old as three windows: the slack is relative to the
    range of all those values. Where all values of a window are the same, its squares are exactly 0.
    """
    rows: list[list[Bound]] = [[], [], [], [], []]
    for i in range(len(x)):
        a, b = x[max(i - n + 1, 0) : i + 1], y[max(i - n + 1, 0) : i + 1]
        if len(a) < n or np.isnan(a.value).any() or np.isnan(b.value).any():
            for row in rows:
                row.append(UNKNOWN)
            continue
        range_x, range_y = _range(x, i, 3 * n), _range(y, i, 3 * n)
        slack_x, slack_y = most(x.slack[: i + 1], 3 * n)[-1], most(y.slack[: i + 1], 3 * n)[-1]
        grain = 2 * STEPS * n * EPS
        flat_x, flat_y = (np.all(c.value == c.value[0]) and not c.slack.any() for c in (a, b))
        u, v = a.value - a.value.mean(), b.value - b.value.mean()
        big_x, big_y = abs(a.value).max(), abs(b.value).max()
        found = [
            (a.value.mean(), grain * range_x + slack_x + 2 * EPS * big_x),
            (b.value.mean(), grain * range_y + slack_y + 2 * EPS * big_y),
            ((u * u).sum(), n * (range_x + slack_x) * (grain * range_x + 4 * slack_x)),
            ((u * v).sum(), n * (grain * range_x * range_y + 2 * slack_x * (range_y + slack_y)
                                 + 2 * slack_y * range_x)),
            ((v * v).sum(), n * (range_y + slack_y) * (grain * range_y + 4 * slack_y)),
        ]
        if flat_x:
            found[0], found[2] = (a.value[0], 0), (0, 0)
        if flat_y:
            found[1], found[4] = (b.value[0], 0), (0, 0)
        for row, (value, slack) in zip(rows, found, strict=True):
            row.append(near(value, slack))
    return Pair(*(put_together(row) for row in rows))


def _range(x: Bound, i: int, n: int) -> Any:
    known = x.value[max(i - n + 1, 0) : i + 1]
    known = known[~np.isnan(known)]
    return known.max() - known.min()


def squares(x: Bound, n: int) -> tuple[Bound, Bound]:
    """Return the mean of each window and the sum of squared deviations from it."""
    found = deviations(x, x, n)
    return found.mean_x, found.xx


def highest(x: Any, n: int) -> Any:
    return np.array([max(x[i - n + 1 : i + 1]) if i >= n - 1 else np.nan for i in range(len(x))], dtype=np.longdouble)


def lowest(x: Any, n: int) -> Any:
    return -highest(-x, n)


def summed(x: Bound) -> Bound:
    """Return the running total of all values so far."""
    sizes = np.maximum.accumulate(abs(np.cumsum(x.value))) if len(x) else x.value
    steps = np.arange(1, len(x) + 1)
    return Bound(np.cumsum(x.value), np.cumsum(x.slack) + steps * EPS * sizes)
