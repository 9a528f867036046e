"""Hedges, residuals and Hurst's exponent beside pandas, statsmodels and the plain formulas."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.stattools import coint

from algotrade.signals import catalog

# Whole numbers, so that constants and exact fits are exact; at three scales.
scales = st.sampled_from([2.0 ** -60, 1.0, 2.0 ** 60])


def pairs_of(least: int, most: int = 40):
    return st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=least, max_size=most)


def columns(pairs, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    data = scale * np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return np.ascontiguousarray(data[:, 0]), np.ascontiguousarray(data[:, 1])


def residuals(x: np.ndarray, y: np.ndarray) -> tuple[float, float, np.ndarray] | None:
    """Return intercept, slope and residuals of y on x; None where x does not move."""
    if np.ptp(x) == 0.0:
        return None
    u = x - x.mean()
    slope = u @ (y - y.mean()) / (u @ u)
    intercept = y.mean() - slope * x.mean()
    return intercept, slope, y - intercept - slope * x


def exact(e: np.ndarray, y: np.ndarray) -> bool:
    return e @ e <= 1e-10 * max((y - y.mean()) @ (y - y.mean()), 5e-324)


@given(pairs_of(0), scales, st.integers(2, 30))
def test_the_fading_covariance_is_pandas(pairs, scale, span):
    x, y = columns(pairs, scale)
    expected = pd.Series(x).ewm(span=span, adjust=False).cov(pd.Series(y), bias=True).to_numpy(copy=True)
    expected[:1] = math.nan

    found = catalog["ewma_covariance"].batch(x, y, span=span)

    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * scale * scale)


@given(pairs_of(2), scales, st.integers(2, 30))
def test_the_fading_correlation_is_that_of_the_weights(pairs, scale, span):
    x, y = columns(pairs, scale)
    xy, xx, yy = (catalog["ewma_covariance"].batch(a, b, span=span) for a, b in ((x, y), (x, x), (y, y)))
    moved = (xx > 0) & (yy > 0)

    found = catalog["ewma_correlation"].batch(x, y, span=span)

    np.testing.assert_array_equal(~np.isnan(found), moved)
    np.testing.assert_allclose(found[moved], xy[moved] / np.sqrt(xx[moved] * yy[moved]), rtol=1e-9, atol=1e-12)


def test_the_fading_correlation_is_pandas():
    rng = np.random.default_rng(3)
    x = rng.normal(size=500)
    y = 0.4 * x + rng.normal(size=500)

    found = catalog["ewma_correlation"].batch(x, y, span=25)

    expected = pd.Series(x).ewm(span=25, adjust=False).corr(pd.Series(y)).to_numpy()
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-9)


def filtered(x, y, drift: float, noise: float) -> np.ndarray:
    """The Kalman filter in matrices, as the textbook has it."""
    beta, p, found = np.zeros(2), 1e6 * noise * np.eye(2), []
    for xi, yi in zip(x, y, strict=True):
        p = p + drift * np.eye(2)
        h = np.array([xi, 1.0])
        total = h @ p @ h + noise
        off = yi - h @ beta
        gain = p @ h / total
        beta = beta + gain * off
        keep = np.eye(2) - np.outer(gain, h)
        p = keep @ p @ keep.T + noise * np.outer(gain, gain)
        found.append((*beta, off, off / math.sqrt(total)))
    return np.array(found).reshape(-1, 4).T


@given(pairs_of(0), st.sampled_from([1e-8, 1e-4, 1.0]), st.sampled_from([1e-2, 1.0, 10.0]))
def test_the_kalman_hedge_is_the_textbooks(pairs, drift, noise):
    x, y = columns(pairs)
    expected = filtered(x, y, drift, noise)
    expected[:, :1] = math.nan

    found = np.array(catalog["kalman_hedge"].batch(x, y, drift=drift, noise=noise))

    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_hedge_that_does_not_drift_is_least_squares():
    rng = np.random.default_rng(5)
    x = rng.normal(10, 3, 2_000)
    y = 1.7 * x - 4 + rng.normal(size=2_000)

    found = catalog["kalman_hedge"].batch(x, y, drift=1e-12)

    assert found.ratio[-1] == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-4)
    assert found.intercept[-1] == pytest.approx(np.polyfit(x, y, 1)[1], rel=1e-3)
    assert np.std(found.zscore[10:]) == pytest.approx(1.0, abs=0.05)


@given(pairs_of(0), scales, st.integers(4, 12))
def test_the_spread_is_the_residual_of_the_window(pairs, scale, period):
    x, y = columns(pairs, scale)

    found = catalog["cointegration_spread"].batch(x, y, period=period)

    for i in range(len(x)):
        fitted = residuals(x[i - period + 1 : i + 1], y[i - period + 1 : i + 1]) if i + 1 >= period else None
        if fitted is None:
            assert np.isnan([column[i] for column in found]).all()
            continue
        _, slope, e = fitted
        assert found.ratio[i] == pytest.approx(slope, rel=1e-9, abs=1e-9)
        assert found.spread[i] == pytest.approx(e[-1], rel=1e-7, abs=1e-9 * scale)
        if exact(e, y[i - period + 1 : i + 1]):
            assert math.isnan(found.zscore[i])
        else:
            assert found.zscore[i] == pytest.approx(e[-1] / math.sqrt(e @ e / (period - 2)), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 1e5])
def test_the_unit_root_test_is_statsmodels(level):
    rng = np.random.default_rng(7)
    x = level + np.cumsum(rng.normal(size=400))
    y = 0.8 * x + rng.normal(size=400)

    found = catalog["cointegration_spread"].batch(x, y, period=90).statistic

    for i in range(89, 400, 37):
        window = slice(i - 89, i + 1)
        expected = coint(y[window], x[window], trend="c", maxlag=0, autolag=None)[0]
        assert found[i] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(found[:89]).all()


@given(pairs_of(0), scales, st.integers(5, 12), st.integers(3, 9), st.integers(0, 4))
def test_residual_momentum_and_reversal_are_their_formulas(pairs, scale, period, formation, skip):
    x, y = columns(pairs, scale)

    momentum = catalog["residual_momentum"].batch(x, y, period=period, formation=formation, skip=skip)
    reversal = catalog["residual_reversal"].batch(x, y, period=period)

    for i in range(len(x)):
        window = slice(i - period + 1, i + 1)
        fitted = residuals(x[window], y[window]) if i + 1 >= period else None
        if fitted is None:
            assert math.isnan(momentum[i])
            assert math.isnan(reversal[i])
            continue
        intercept, slope, e = fitted
        if not exact(e, y[window]):
            assert reversal[i] == pytest.approx(-e[-1] / math.sqrt(e @ e / (period - 2)), rel=1e-6, abs=1e-6)
        begin, end = i + 1 - skip - formation, i + 1 - skip
        if begin < 0:
            assert math.isnan(momentum[i])
            continue
        formed = y[begin:end] - intercept - slope * x[begin:end]
        if np.std(formed) > 1e-4 * scale:
            expected = formed.sum() / np.std(formed, ddof=1)
            assert momentum[i] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def ranged(block: np.ndarray) -> float:
    if np.ptp(block) == 0:
        return math.nan
    run = np.concatenate([[0.0], np.cumsum(block - block.mean())])
    return np.ptp(run) / np.std(block)


def exponent(x: np.ndarray, period: int) -> float:
    sizes, means = [], []
    size = 8
    while size <= period:
        whole = len(x) // size
        ratios = [ranged(x[size * k : size * (k + 1)]) for k in range(max(whole - period // size, 0), whole)]
        known = [r for r in ratios if r > 0]
        if known:
            sizes.append(math.log(size))
            means.append(math.log(np.mean(known)))
        size *= 2
    return np.polyfit(sizes, means, 1)[0] if len(sizes) > 1 else math.nan


@given(st.lists(st.integers(-5, 5), max_size=150), scales, st.integers(16, 70))
@settings(max_examples=60)
def test_hurst_is_the_slope_of_the_rescaled_ranges(values, scale, period):
    x = scale * np.array(values, dtype=np.float64)

    found = catalog["hurst"].batch(x, period=period)

    for i in range(len(x)):
        expected = exponent(x[: i + 1], period) if i + 1 >= period else math.nan
        assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def expected_range(m: int) -> float:
    """E[R/S] of m independent normal numbers: A. Anis & E. Lloyd, Biometrika 63, 1976."""
    i = np.arange(1, m)
    return math.exp(math.lgamma((m - 1) / 2) - math.lgamma(m / 2)) / math.sqrt(math.pi) * np.sqrt((m - i) / i).sum()


def test_hurst_tells_trends_from_noise_from_reversion():
    """One series says little: its longest block is a single draw. The mean of forty is near the exact expectation."""
    noise = np.random.default_rng(9).normal(size=(40, 4_096))
    trending, reverting = noise.copy(), np.diff(noise, prepend=0.0)
    for i in range(1, noise.shape[1]):
        trending[:, i] += 0.6 * trending[:, i - 1]
    lengths = 8 * 2 ** np.arange(10)
    theory = np.polyfit(np.log(lengths), [math.log(expected_range(int(m))) for m in lengths], 1)[0]

    h = [catalog["hurst"].batch(x, period=4_096)[:, -1].mean() for x in (reverting, noise, trending)]

    assert h[1] == pytest.approx(theory, abs=0.03)
    assert h[0] < h[1] - 0.1
    assert h[2] > h[1] + 0.05


@given(st.lists(st.integers(-9, 9), max_size=40), scales)
def test_standardise_is_the_expanding_score(values, scale):
    x = scale * np.array(values, dtype=np.float64)
    expanding = pd.Series(x).expanding(2)
    expected = ((pd.Series(x) - expanding.mean()) / expanding.std()).to_numpy(copy=True)
    moved = np.array([np.ptp(x[: i + 1]) > 0 for i in range(len(x))], dtype=bool)

    found = catalog["standardise"].batch(x)

    np.testing.assert_array_equal(~np.isnan(found), moved)
    np.testing.assert_allclose(found[moved], expected[moved], rtol=1e-9, atol=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), max_size=30), st.integers(1, 9))
def test_clip_and_lag(values, steps):
    x = np.array(values, dtype=np.float64)

    np.testing.assert_array_equal(catalog["clip"].batch(x, low=-2.5, high=10.0), np.clip(x, -2.5, 10.0))
    np.testing.assert_array_equal(catalog["lag"].batch(x, steps=steps), pd.Series(x).shift(steps).to_numpy())
