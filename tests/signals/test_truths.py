"""Signals that pandas, scipy or statsmodels can compute give what those give. What TA-Lib has: test_talib."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.api import OLS, add_constant
from statsmodels.tsa.statespace.structural import UnobservedComponents

from algotrade.signals import catalog
from tests.signals.markets import columns, small

ROWS = 300


def log_returns(x):
    return np.log(x).diff()


def over_windows(function, n, *series):
    """Return ``function`` of each full window of the series."""
    found = np.full(len(series[0]), np.nan)
    for i in range(n - 1, len(found)):
        found[i] = function(*(s.to_numpy()[i - n + 1 : i + 1] for s in series))
    return found


def linear(n, x, value):
    return over_windows(lambda y: value(stats.linregress(np.arange(n), y)), n, x)


def half_life(x, period):
    def of(window):
        slope = OLS(window[1:], add_constant(window[:-1])).fit().params[1]
        return 0.0 if slope <= 0 else -np.log(2) / np.log(slope) if slope < 1 else np.inf

    return over_windows(of, period + 1, x)


def beta(x, y, period):
    return over_windows(lambda a, b: OLS(b, add_constant(a)).fit().params[1], period, x, y)


def kalman_level(x, drift, noise):
    model = UnobservedComponents(x.to_numpy(), "llevel", use_exact_diffuse=True)
    model.tolerance = 0  # Else it keeps the gain that it takes for settled.
    fitted = model.filter([noise, drift])
    surprise = fitted.forecasts_error[0] / np.sqrt(fitted.forecasts_error_cov[0, 0])
    return [np.where(np.arange(len(x)) > 0, row, np.nan)
            for row in (fitted.filtered_state[0], fitted.filtered_state_cov[0, 0], surprise)]


def expanding_moments(x):
    least = 4
    shape = [[f(x[: i + 1]) if i + 1 >= least else np.nan for i in range(len(x))] for f in (stats.skew, stats.kurtosis)]
    return [x.expanding(least).mean(), x.expanding(least).var(), *shape]


def fading_moments(x, span):
    mean, variance = x.ewm(span=span, adjust=False).mean(), x.ewm(span=span, adjust=False).var(bias=True)
    zscore = (x - mean.shift()) / np.sqrt(variance.shift())
    return [row.where(np.arange(len(x)) > 1) for row in (mean, variance, zscore)]


def bands(x, period):
    return x.rolling(period).mean(), x.rolling(period).std(ddof=0)


def zscore(x, period):
    return (x - x.rolling(period).mean()) / x.rolling(period).std()


def channel(high, low, period):
    upper, lower = high.rolling(period).max(), low.rolling(period).min()
    return [upper, (upper + lower) / 2, lower]


def ewma_volatility(price, decay):
    squares = log_returns(price).iloc[1:] ** 2
    return np.sqrt(squares.ewm(alpha=1 - decay, adjust=False).mean()).reindex(price.index)


def money_over(price, volume, period):
    return (price * volume).rolling(period).sum() / volume.rolling(period).sum()


TRUTHS = {
    "sma": lambda x, period: x.rolling(period).mean(),
    "wma": lambda x, period: over_windows(lambda w: np.average(w, weights=np.arange(1, period + 1)), period, x),
    "momentum": lambda x, period: x.diff(period),
    "roc": lambda x, period: 100 * x.pct_change(period),
    "log_return": lambda x, period: np.log(x).diff(period),
    "time_series_momentum": lambda x, period: np.log(x).diff(period) / (
        log_returns(x).rolling(period).std() * np.sqrt(period)),
    "zscore": zscore,
    "bollinger_percent": lambda x, period, deviations: 0.5 + 0.5 * (x - bands(x, period)[0]) / (
        deviations * bands(x, period)[1]),
    "bollinger_width": lambda x, period, deviations: 2 * deviations * bands(x, period)[1] / bands(x, period)[0],
    "half_life": half_life,
    "donchian": channel,
    "linear_slope": lambda x, period: linear(period, x, lambda fit: fit.slope),
    "linear_forecast": lambda x, period: linear(period, x, lambda fit: fit.intercept + fit.slope * (period - 1)),
    "linear_r2": lambda x, period: linear(period, x, lambda fit: fit.rvalue ** 2),
    "standard_deviation": lambda x, period: x.rolling(period).std(ddof=0),
    "realised_volatility": lambda x, period: np.sqrt((log_returns(x) ** 2).rolling(period).mean()),
    "close_to_close": lambda x, period: log_returns(x).rolling(period).std(),
    "ewma_volatility": ewma_volatility,
    "downside_deviation": lambda x, period, target: over_windows(
        lambda w: np.sqrt((np.minimum(w - target, 0) ** 2).mean()), period, log_returns(x)),
    "drawdown": lambda x: 1 - x / x.cummax(),
    "volume_zscore": zscore,
    "volume_ratio": lambda x, period: x / x.rolling(period).mean(),
    "vwma": money_over,
    "variance": lambda x, period, freedom_lost: x.rolling(period).var(ddof=freedom_lost),
    "skew": lambda x, period: x.rolling(period).skew(),
    "kurtosis": lambda x, period: x.rolling(period).kurt(),
    "expanding_moments": expanding_moments,
    "fading_moments": fading_moments,
    "kalman_level": kalman_level,
    "rolling_median": lambda x, period: x.rolling(period).median(),
    "rolling_quantile": lambda x, period, share: x.rolling(period).quantile(share),
    "rolling_max": lambda x, period: x.rolling(period).max(),
    "rolling_min": lambda x, period: x.rolling(period).min(),
    "autocorrelation": lambda x, period, lag: x.rolling(period).corr(x.shift(lag)),
    "correlation": lambda x, y, period: x.rolling(period).corr(y),
    "covariance": lambda x, y, period: x.rolling(period).cov(y),
    "beta": beta,
}


@pytest.mark.parametrize("more", [0, 1, 17])
@pytest.mark.parametrize("name", list(TRUTHS))
def test_the_values_are_those_of_another_library(name, more):
    signal = catalog[name]
    parameters = {p: v + more if isinstance(v, int) and p not in {"lag", "freedom_lost"} else v
                  for p, v in small(signal).items()}
    data = [pd.Series(column) for column in columns(signal, ROWS)]

    found = signal.batch(*data, **parameters)
    expected = TRUTHS[name](*data, **parameters)

    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    for ours, theirs in pairs:
        known = ~np.isnan(ours)
        np.testing.assert_array_equal(known, ~np.isnan(np.asarray(theirs)))
        np.testing.assert_allclose(ours[known], np.asarray(theirs)[known], rtol=1e-8,
                                   atol=1e-9 * np.abs(ours[known][np.isfinite(ours[known])]).max())
        assert known.sum() > ROWS - 60
