"""The figures of a run. What is undefined is NaN, never 0."""

import math
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import numpy as np

from algotrade.backtest.curve import Curve, Drawdown, Values
from algotrade.backtest.round_trips import round_trips
from algotrade.domain import Fill, Instruments

DAYS_PER_YEAR = 252
"""Trading days of a year: the convention of US equity markets."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A run in figures. Money in ``currency``; shares as fractions (0.01 is one per cent).

    ``total_pnl``           realised and unrealised profit less commissions, exact
    ``return_share``        ``total_pnl / starting_cash``, not annualised
    ``return_annual``       (1 + return)^(252 / days) - 1; NaN under 252 days (GIPS: no year, no annual figure)
    ``drawdown_max``        deepest fall below an earlier peak, see ``Drawdown``
    ``volatility_annual``   standard deviation (n - 1) of daily returns * sqrt(252); NaN with < 2 days
    ``sharpe_ratio``        mean / standard deviation of daily returns * sqrt(252), risk-free rate 0; NaN with < 2 days
                            or without volatility
    ``days``                UTC days with a fill or a mark; each one's end closes a daily return
    ``traded_value``        sum of |quantity * price * multiplier| over all fills
    ``turnover``            ``traded_value`` over the mean of equity at the days' ends, whole run; NaN without days
    ``round_trips``         positions closed, flat to flat
    ``hit_rate``            share of round trips with a net profit above 0; NaN without any
    ``holding_ns_average``  mean time from opening to closing of a round trip; NaN without any
    ``commission``          commissions paid
    """

    currency: str
    starting_cash: Decimal
    equity_final: Decimal
    total_pnl: Decimal
    return_share: float
    return_annual: float
    drawdown_max: Drawdown
    volatility_annual: float
    sharpe_ratio: float
    days: int
    traded_value: Decimal
    turnover: float
    round_trips: int
    hit_rate: float
    holding_ns_average: float
    orders: int
    fills: int
    rejects: int
    commission: Decimal


def statistics_of(
    curve: Curve, fills: Sequence[Fill], instruments: Instruments, *, orders: int, rejects: int,
) -> Statistics:
    """Return the statistics of a run: its ``curve``, the ``fills`` that made it, and counts of orders and rejects."""
    trips = round_trips(fills, instruments)
    returns = daily_returns(curve)
    return_share = float(curve.total_pnl / curve.starting_cash)
    traded = sum((f.quantity * f.price * instruments[f.instrument].multiplier for f in fills), Decimal(0))
    return Statistics(
        currency=curve.currency, starting_cash=curve.starting_cash, equity_final=curve.equity_final,
        total_pnl=curve.total_pnl, return_share=return_share, return_annual=_annual(return_share, len(returns)),
        drawdown_max=curve.drawdown_max, volatility_annual=volatility_annual(returns),
        sharpe_ratio=sharpe_ratio(returns), days=len(returns), traded_value=traded,
        turnover=float(traded) / mean_equity if (mean_equity := _mean(curve.day_equity)) > 0 else math.nan,
        round_trips=len(trips), hit_rate=_mean([t.net_pnl > 0 for t in trips]),
        holding_ns_average=_mean([t.closed_ns - t.opened_ns for t in trips]),
        orders=orders, fills=len(fills), rejects=rejects, commission=sum((f.commission for f in fills), Decimal(0)),
    )


def daily_returns(curve: Curve) -> Values:
    """Return equity at each day's end over that of the day before, less 1; the first day starts from starting cash.

    They compound to the whole run's return. NaN from the first day on whose base is 0 or negative.
    """
    before = np.concatenate([[float(curve.starting_cash)], curve.day_equity[:-1]])[:len(curve.day_equity)]
    lost = np.maximum.accumulate(before <= 0) if len(before) else before <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        returns: Values = np.where(lost, np.nan, curve.day_equity / before - 1.0)
    return returns


def volatility_annual(returns: Values) -> float:
    """Return the standard deviation (n - 1) of daily ``returns`` * sqrt(252); NaN with < 2 of them."""
    return float(np.std(returns, ddof=1)) * math.sqrt(DAYS_PER_YEAR) if len(returns) >= 2 else math.nan


def sharpe_ratio(returns: Values) -> float:
    """Return mean / standard deviation of daily ``returns`` * sqrt(252), risk-free rate 0; NaN with < 2 of them.

    Formula: Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21(1), 1994. The square root of time holds
    for independent returns only: Lo, "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4), 2002.
    """
    volatility = volatility_annual(returns)
    # Equal returns differ by rounding alone: that is no volatility to divide by.
    if not volatility > 1e-12:
        return math.nan
    return float(np.mean(returns)) * DAYS_PER_YEAR / volatility


def _annual(return_share: float, days: int) -> float:
    if days < DAYS_PER_YEAR or return_share <= -1:
        return math.nan
    return math.expm1(math.log1p(return_share) * DAYS_PER_YEAR / days)


def _mean(values: Sequence[float] | Values) -> float:
    return float(np.mean(values)) if len(values) else math.nan
