"""Plain formulas of order statistics of a window."""

import numpy as np

from tests.signals.oracles.bound import EPS, UNKNOWN, Bound, exact, highest, lowest, near, put_together
from tests.signals.oracles.registry import oracle


@oracle("rolling_median")
def rolling_median(x, period):
    return quantile(x, period, 0.5)


@oracle("rolling_quantile")
def quantile(x, period, share) -> Bound:
    """On the line through the sorted values; it has no jump, so that a rounded place is a little off on its slope."""
    parts = []
    for i in range(len(x)):
        window = np.sort(x[max(i - period + 1, 0) : i + 1]).astype(np.longdouble)
        if len(window) < period:
            parts.append(UNKNOWN)
            continue
        place = np.longdouble(share) * (period - 1)
        below = int(place)
        above = min(below + 1, period - 1)
        value = window[below] + (place - below) * (window[above] - window[below])
        steepest = np.diff(window).max(initial=0)
        parts.append(near(value, EPS * place * steepest + 4 * EPS * (abs(window[below]) + abs(window[above]))))
    return put_together(parts)


@oracle("rolling_max")
def rolling_max(x, period):
    return exact(highest(x, period))


@oracle("rolling_min")
def rolling_min(x, period):
    return exact(lowest(x, period))
