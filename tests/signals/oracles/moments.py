"""Plain formulas of moments and of the level behind noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.signals.oracles.bound import (
    EPS,
    STEPS,
    UNKNOWN,
    Bound,
    blank,
    certain,
    exact,
    near,
    positive,
    put_together,
    sqrt,
    squares,
)
from tests.signals.oracles.registry import oracle


@oracle("variance")
def variance(x, period, freedom_lost):
    return squares(exact(x), period)[1] / (period - freedom_lost)


def central(x, n: int) -> list[Bound]:
    """Return the second, third and fourth central moment of each window; NaN where all its values are the same.

    Power sums are around a centre as old as three windows (``bound.deviations``), and a moment is made of products of
    their means: of the largest power, and as many as the binomial has.
    """
    parts: list[list[Bound]] = [[], [], []]
    for i in range(len(x)):
        window = x[max(i - n + 1, 0) : i + 1].astype(np.longdouble)
        known = len(window) == n and not np.all(window == window[0])
        old = x[max(i - 3 * n + 1, 0) : i + 1]
        span = np.longdouble(old.max()) - old.min()
        for k, row in zip((2, 3, 4), parts, strict=True):
            slack = 2**k * 2 * STEPS * n * EPS * span**k
            row.append(near(((window - window.mean()) ** k).mean(), slack) if known else UNKNOWN)
    return [put_together(row) for row in parts]


@oracle("skew")
def skew(x, period):
    n = np.longdouble(period)
    two, three, _ = central(x, period)
    return np.sqrt(n * (n - 1)) / (n - 2) * (three / (two * sqrt(two)))


@oracle("kurtosis")
def kurtosis(x, period):
    n = np.longdouble(period)
    two, _, four = central(x, period)
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (four / (two * two) - 3) + 6)


@dataclass
class Errors:
    """How far mean and sums of powers may be off, moved on as the sums are when a value comes (Pebay's update)."""

    mean: Any = 0.0
    two: Any = 0.0
    three: Any = 0.0
    four: Any = 0.0

    def grow(self, n: int, off: Any, mean: Any, sums: tuple[Any, Any, Any]) -> None:
        """``off``: the value less the mean before; ``sums``: magnitudes of the sums of powers before."""
        two, three, four = sums
        part, wide = off / n, self.mean + EPS * off
        near_part = wide / n + EPS * part
        gain = off * part * (n - 1)
        near_gain = (2 * off + wide) * wide * (n - 1) / n + 4 * EPS * gain
        share = n * n - 3 * n + 3
        near_square = (2 * part + near_part) * near_part
        self.four += (share * (near_gain * part**2 + gain * near_square) + 6 * (part**2 * self.two + near_square * two)
                      + 4 * (part * self.three + near_part * three)
                      + 8 * EPS * (share * gain * part**2 + 6 * part**2 * two + 4 * part * three + four))
        self.three += ((n - 2) * (near_gain * part + gain * near_part) + 3 * (part * self.two + near_part * two)
                       + 8 * EPS * (n * gain * part + 3 * part * two + three))
        self.two += near_gain + EPS * (two + gain)
        self.mean += near_part + EPS * abs(mean)


@oracle("expanding_moments")
def expanding_moments(x):
    """Two passes over all values so far."""
    errors, rows = Errors(), []
    sums = (np.longdouble(0),) * 3
    for i in range(len(x)):
        n, seen = i + 1, x[: i + 1].astype(np.longdouble)
        off = abs(seen[-1] - (seen[:-1].mean() if i else seen[-1]))
        errors.grow(n, off, seen.mean(), sums)
        powers = [((seen - seen.mean()) ** k).sum() for k in (2, 3, 4)]
        sums = tuple(abs(p) for p in powers)
        if np.all(seen == seen[0]):
            rows.append((exact(x[0]), exact(0), UNKNOWN, UNKNOWN))
            errors = Errors()
            continue
        two, three, four = (near(p, e) for p, e in zip(powers, (errors.two, errors.three, errors.four), strict=True))
        spread = two / n
        rows.append((near(seen.mean(), errors.mean), two / max(n - 1, 1), three / n / (spread * sqrt(spread)),
                     four / n / (spread * spread) - 3))
    return tuple(blank(put_together([row[k] for row in rows]), 3) for k in range(4))


@oracle("fading_moments")
def fading_moments(x, span):
    """By its weights: a (1 - a)^k for k observations ago, the rest for the first."""
    a = np.longdouble(2) / (span + 1)
    means, variances, scores = [], [], []
    mean, spread = exact(x[0]), exact(0)
    for i in range(len(x)):
        weights = a * (1 - a) ** np.arange(i, -1, -1)
        weights[0] = (1 - a) ** i
        seen = x[: i + 1].astype(np.longdouble)
        value = (weights * seen).sum()
        if np.all(seen == seen[0]):
            off, before = exact(0), exact(0)
            mean, spread = exact(x[0]), exact(0)
        else:
            off, before = exact(x[i]) - mean, spread
            mean = near(value, (1 - a) * mean.slack + 4 * EPS * (abs(value) + a * abs(off.value)))
            variance = (weights * (seen - value) ** 2).sum()
            slack = (1 - a) * (before.slack + a * (2 * abs(off.value) + off.slack) * off.slack)
            spread = near(variance, slack + 8 * EPS * variance)
        means.append(mean)
        variances.append(spread)
        never = before.value == 0 and before.slack == 0
        scores.append(UNKNOWN if never else certain(off / sqrt(before), positive(before)))
    return tuple(blank(put_together(row), 2) for row in (means, variances, scores))


@oracle("kalman_level")
def kalman_level(x, drift, noise):
    drift, noise = np.longdouble(drift), np.longdouble(noise)
    level, left = exact(x[0]), exact(noise)
    rows = [(UNKNOWN, UNKNOWN, UNKNOWN)]
    for value in x[1:]:
        ahead = left.value + drift
        whole = ahead + noise
        gain = ahead / whole
        # The slope of ahead / (ahead + noise) is noise / (ahead + noise)^2, as bounds of quotients do not know.
        near_gain = noise / whole**2 * left.slack + 4 * EPS * gain
        off = exact(value) - level
        moved = level.value + gain * off.value
        level = near(moved, (1 - gain) * level.slack + near_gain * (abs(off.value) + off.slack)
                     + 4 * EPS * (abs(moved) + gain * abs(off.value)))
        left_after = ahead * (noise / whole)
        rows.append((level, near(left_after, (noise / whole) ** 2 * left.slack + 4 * EPS * left_after),
                     off / sqrt(near(whole, left.slack + 2 * EPS * whole))))
        left = rows[-1][1]
    return tuple(put_together([row[k] for row in rows]) for k in range(3))


