"""Plain formulas of two series over a window, and of a series and its own past."""

import numpy as np

from tests.signals.oracles.bound import (
    UNKNOWN,
    Bound,
    Pair,
    at_most_1,
    certain,
    deviations,
    exact,
    lagged,
    log,
    positive,
    sqrt,
    where,
)
from tests.signals.oracles.registry import oracle


def still(squares: Bound):
    """Whether it is certain that nothing moved."""
    return (squares.value == 0) & (squares.slack == 0)


def correlation_of(pair: Pair) -> Bound:
    found = at_most_1(pair.xy / (sqrt(pair.xx) * sqrt(pair.yy)))
    return where(still(pair.xx) | still(pair.yy), UNKNOWN, certain(found, positive(pair.xx) & positive(pair.yy)))


def slope_of(pair: Pair) -> Bound:
    return where(still(pair.xx), UNKNOWN, certain(pair.xy / pair.xx, positive(pair.xx)))


@oracle("correlation")
def correlation(x, y, period):
    return correlation_of(deviations(exact(x), exact(y), period))


@oracle("covariance")
def covariance(x, y, period):
    return deviations(exact(x), exact(y), period).xy / (period - 1)


@oracle("beta")
def beta(x, y, period):
    return slope_of(deviations(exact(x), exact(y), period))


@oracle("autocorrelation")
def autocorrelation(x, period, lag):
    return correlation_of(deviations(lagged(exact(x), lag), exact(x), period))


@oracle("half_life")
def half_life(x, period):
    kept = slope_of(deviations(lagged(exact(x), 1), exact(x), period))
    between = (kept.value > 0) & (kept.value < 1)
    found = -np.log(np.longdouble(2)) / log(where(between, kept, 0.5))
    found = where(kept.value <= 0, 0, where(kept.value >= 1, np.inf, found))
    sure = (abs(kept.value) > kept.slack) & (abs(kept.value - 1) > kept.slack)
    return where(np.isnan(kept.value), UNKNOWN, certain(found, sure))
