"""Plain formulas of rates of change and of averages' differences."""

import numpy as np

from tests.signals.oracles.bound import (
    UNKNOWN,
    Bound,
    blank,
    certain,
    ema,
    exact,
    lagged,
    positive,
    put_together,
    returns,
    sqrt,
    squares,
    where,
    wilder,
)
from tests.signals.oracles.registry import oracle


@oracle("momentum")
def momentum(x, period):
    return exact(x) - lagged(exact(x), period)


@oracle("roc")
def roc(price, period):
    return 100 * (exact(price) / lagged(exact(price), period) - 1)


@oracle("log_return")
def log_return(price, period):
    return returns(price, period)


@oracle("time_series_momentum")
def time_series_momentum(price, period):
    _, spread = squares(returns(price), period)
    # Equal returns have no deviation; whether rounding makes them equal is not said.
    deviation = sqrt(spread / (period - 1) * period)
    return certain(log_return(price, period) / deviation, spread.value > 4 * spread.slack)


@oracle("macd")
def macd(x, fast, slow, signal):
    """The fast average is seeded by the last ``fast`` of the first ``slow`` values."""
    series = exact(x)
    late = put_together([*([UNKNOWN] * min(slow - fast, len(x))), *(series[i] for i in range(slow - fast, len(x)))])
    line = ema(late, fast) - ema(series, slow)
    smooth = ema(line, signal)
    warm = slow + signal - 2
    return blank(line, warm), smooth, line - smooth


@oracle("ppo")
def ppo(price, fast, slow):
    long = ema(exact(price), slow)
    return 100 * (ema(exact(price), fast) - long) / long


def gains_and_losses(x, period) -> tuple[Bound, Bound]:
    moves = exact(x) - lagged(exact(x), 1)
    nothing = where(np.isnan(moves.value), UNKNOWN, 0)
    return (wilder(where(moves.value > 0, moves, nothing), period),
            wilder(where(moves.value < 0, -moves, nothing), period))


def share_of(part: Bound, whole: Bound, otherwise: float) -> Bound:
    """Return 100 part / whole, ``otherwise`` where the whole is 0; nothing is certain where it may be."""
    known = certain(100 * part / whole, positive(whole))
    return where(whole.value == 0, otherwise, known)


@oracle("cmo")
def cmo(x, period):
    up, down = gains_and_losses(x, period)
    return share_of(up - down, up + down, 0)


@oracle("rsi")
def rsi(x, period):
    up, down = gains_and_losses(x, period)
    return share_of(up, up + down, 0)
