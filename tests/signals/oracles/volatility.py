"""Plain formulas of volatility and risk."""

import numpy as np

from tests.signals.oracles.bound import (
    EPS,
    UNKNOWN,
    Bound,
    at_least_0,
    before,
    block_total,
    certain,
    difference,
    exact,
    lagged,
    log,
    near,
    positive,
    put_together,
    returns,
    rounded,
    sqrt,
    squares,
    where,
    wilder,
)
from tests.signals.oracles.registry import oracle

PI = np.longdouble("3.14159265358979323846")
LN_2 = np.log(np.longdouble(2))


def constant(value) -> Bound:
    """Return a number that no double is."""
    return rounded(np.longdouble(value), np.longdouble(0))


@oracle("true_range")
def true_range(high, low, close) -> Bound:
    last = before(close)
    sizes = [difference(high, low), abs(difference(high, last)), abs(difference(low, last))]
    # The largest of rounded numbers is one of them, and no further off than they are.
    return near(np.max([s.value for s in sizes], axis=0), np.where(np.isnan(last), 0, np.max([s.slack for s in sizes],
                                                                                               axis=0)))


@oracle("atr")
def atr(high, low, close, period):
    return wilder(true_range(high, low, close), period)


@oracle("natr")
def natr(high, low, close, period):
    return 100 * atr(high, low, close, period) / exact(close)


@oracle("standard_deviation")
def standard_deviation(x, period):
    return sqrt(squares(exact(x), period)[1] / period)


def root_mean(terms: Bound, period: int) -> Bound:
    return sqrt(block_total(terms, period) / period)


@oracle("realised_volatility")
def realised_volatility(price, period):
    moves = returns(price)
    return root_mean(moves * moves, period)


@oracle("close_to_close")
def close_to_close(close, period):
    return sqrt(squares(returns(close), period)[1] / (period - 1))


@oracle("ewma_volatility")
def ewma_volatility(price, decay):
    """By its weights: decay^k (1 - decay) of the square k observations ago, the rest of the first one."""
    moves = returns(price)
    terms = moves * moves
    parts = [UNKNOWN] * min(len(price), 1)
    for n in range(1, len(price)):
        weights = np.longdouble(decay) ** np.arange(n - 1, -1, -1)
        weights[1:] *= 1 - np.longdouble(decay)
        seen = terms[1 : n + 1]
        value = (weights * seen.value).sum()
        parts.append(near(value, (weights * seen.slack).sum() + 4 * n * EPS * value))
    return sqrt(put_together(parts))


@oracle("parkinson")
def parkinson(high, low, period):
    span = log(exact(high) / exact(low))
    return sqrt(block_total(span * span, period) / (4 * period * constant(LN_2)))


@oracle("garman_klass")
def garman_klass(open, high, low, close, period):  # noqa: A002 -- the name of the input
    span, move = log(exact(high) / exact(low)), log(exact(close) / exact(open))
    return root_mean(0.5 * span * span - constant(2 * LN_2 - 1) * move * move, period)


def rogers_satchell_terms(opened, high, low, close) -> Bound:
    o, h, l, c = (exact(x) for x in (opened, high, low, close))  # noqa: E741 -- as in the formula
    return log(h / c) * log(h / o) + log(l / c) * log(l / o)


@oracle("rogers_satchell")
def rogers_satchell(open, high, low, close, period):  # noqa: A002
    return root_mean(rogers_satchell_terms(open, high, low, close), period)


@oracle("yang_zhang")
def yang_zhang(open, high, low, close, period):  # noqa: A002
    overnight = log(exact(open) / lagged(exact(close), 1))
    first = np.isnan(overnight.value)
    daytime = where(first, UNKNOWN, log(exact(close) / exact(open)))
    within = block_total(where(first, UNKNOWN, rogers_satchell_terms(open, high, low, close)), period) / period
    share = constant(0.34) / (constant(1.34) + exact(period + 1) / (period - 1))
    variances = [squares(x, period)[1] / (period - 1) for x in (overnight, daytime)]
    return sqrt(variances[0] + share * variances[1] + (1 - share) * within)


def products(moves: Bound, count: int) -> Bound:
    """Return the products of the magnitudes of ``count`` neighbours."""
    found = abs(moves)
    for k in range(1, count):
        found = found * lagged(abs(moves), k)
    return found


@oracle("bipower_volatility")
def bipower_volatility(price, period):
    pairs = block_total(products(returns(price), 2), period - 1)
    return sqrt(constant(PI / 2) * pairs / (period - 1))


@oracle("jump_test")
def jump_test(price, period):
    n = period
    moves = returns(price)
    realised = block_total(moves * moves, n)
    bipower = constant(PI / 2) * block_total(products(moves, 2), n - 1) * n / (n - 1)
    quad_power = n * constant(PI * PI / 4) * block_total(products(moves, 4), n - 3) * n / (n - 3)
    share = 1 - bipower / realised
    excess = quad_power / (bipower * bipower)
    scale = sqrt(constant(PI * PI / 4 + PI - 5) / n * (1 + at_least_0(excess - 1)))
    nothing = (realised.value <= 0) | (bipower.value <= 0)
    sure = positive(realised) & positive(bipower)
    return tuple(where(nothing & sure, UNKNOWN, certain(x, sure)) for x in (share / scale, at_least_0(share)))


@oracle("downside_deviation")
def downside_deviation(price, period, target):
    short = at_least_0(target - returns(price))
    return root_mean(short * short, period)


@oracle("drawdown")
def drawdown(price):
    return 1 - exact(price) / exact(np.maximum.accumulate(price))
