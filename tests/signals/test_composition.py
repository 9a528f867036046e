"""Signals together: blends, coefficients, weights, orthogonal signals, decay and turnover beside numpy and pandas."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from algotrade.signals import catalog
from algotrade.signals.coefficients import half_life

blend, turnover, pearson, spearman, weights_of, symmetric, sequential, decay = (catalog[name].batch for name in (
    "blend", "turnover", "information_coefficient", "rank_information_coefficient", "ic_weights",
    "orthogonalise_symmetric", "orthogonalise_sequential", "signal_decay"))

SEEDS = st.integers(0, 10**6)


def market(seed: int, times: int = 40, symbols: int = 12, holes: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Return a signal on a grid and positive prices, here and there absent."""
    rng = np.random.default_rng(seed)
    signal = np.round(rng.normal(size=(times, symbols)), 1)
    prices = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (times, symbols)), axis=0))
    signal[rng.random(signal.shape) < holes] = math.nan
    prices[rng.random(prices.shape) < holes] = rng.choice([math.nan, 0.0, -1.0, math.inf])
    return signal, prices


def returns_ahead(prices: np.ndarray, horizon: int, delay: int) -> np.ndarray:
    """Return the returns of each time that lie ahead of it, NaN where they are not there yet."""
    usable = np.where(np.isfinite(prices) & (prices > 0), prices, math.nan)
    frame = pd.DataFrame(usable)
    return (frame.shift(-delay - horizon) / frame.shift(-delay) - 1).to_numpy()


def coefficient(a: np.ndarray, b: np.ndarray, least: int, function) -> float:
    known = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[known], b[known]
    return function(a, b)[0] if len(a) >= least and np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan


def coefficients(signal, prices, horizon, delay, least, function) -> np.ndarray:
    ahead = returns_ahead(prices, horizon, delay)
    return np.array([coefficient(a, b, least, function) for a, b in zip(signal, ahead, strict=True)])


@given(SEEDS, st.integers(1, 5), st.integers(0, 4), st.integers(2, 12), st.sampled_from([0.0, 0.05, 0.5]))
def test_coefficients_are_scipys_with_the_returns_ahead(seed, horizon, delay, least, holes):
    signal, prices = market(seed, holes=holes)
    for ours, theirs in ((pearson, pearsonr), (spearman, spearmanr)):
        found = ours(signal, prices, horizon=horizon, delay=delay, symbols_min=least)
        expected = coefficients(signal, prices, horizon, delay, least, theirs)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
        assert np.isnan(found[-horizon - delay :]).all()


@pytest.mark.parametrize(("horizon", "delay"), [(1, 0), (1, 1), (3, 2)])
def test_a_signal_that_is_the_return_ahead_has_a_coefficient_of_1_and_one_row_off_it_has_none(horizon, delay):
    _, prices = market(3, times=400, symbols=30, holes=0)
    future = returns_ahead(prices, horizon, delay)
    settings = {"horizon": horizon, "delay": delay}
    end = len(prices) - horizon - delay

    for ours in (pearson, spearman):
        np.testing.assert_allclose(ours(future, prices, **settings)[:end], 1.0, rtol=1e-12)
        np.testing.assert_allclose(ours(-future, prices, **settings)[:end], -1.0, rtol=1e-12)
        late = np.concatenate([np.full((horizon, 30), math.nan), future[:-horizon]])
        assert abs(np.nanmean(ours(late, prices, **settings))) < 0.1


@given(SEEDS, st.sampled_from([0.5, 4.0]), st.integers(-8, 8))
def test_a_coefficient_does_not_depend_on_scale_and_level(seed, scale, shift):
    signal, prices = market(seed)

    for ours in (pearson, spearman):
        np.testing.assert_allclose(ours(signal * scale + shift, prices * scale), ours(signal, prices),
                                   rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(ours(-signal, prices), -ours(signal, prices), rtol=1e-9, atol=1e-11)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(spearman(np.exp(signal), prices), spearman(signal, prices))


def test_a_market_that_moves_as_one_has_no_coefficient():
    signal, prices = market(4, holes=0)
    together = prices[0] * np.exp(np.linspace(0, 1, 40))[:, np.newaxis]

    assert np.isnan(pearson(signal, together)).all()


def plain_weights(signals, prices, horizon, delay, period, known, shrinkage, least, function) -> np.ndarray:
    """The rule as it is told, of whole series of coefficients, of which a time sees those that it may."""
    every = [coefficients(s, prices, horizon, delay, least, function) for s in signals]
    found = np.full((len(prices), len(signals)), math.nan)
    for t in range(len(prices)):
        last = t - delay - horizon
        seen = [c[max(last - period + 1, 0) : last + 1] if last >= 0 else c[:0] for c in every]
        seen = [c[~np.isnan(c)] for c in seen]
        means = np.array([c.mean() if len(c) >= known else math.nan for c in seen])
        count = (~np.isnan(means)).sum()
        if count:
            gross = np.nansum(abs(means))
            own = means / gross if gross > 0 else means * 0 + 1 / count
            found[t] = (1 - shrinkage) * own + shrinkage / count
    return found


@given(SEEDS, st.integers(1, 4), st.integers(0, 3), st.integers(2, 20), st.sampled_from([0.0, 0.3, 1.0]),
       st.integers(0, 1))
def test_weights_are_those_of_the_coefficients_known_by_then(seed, horizon, delay, period, shrinkage, ranked):
    prices = market(seed)[1]
    signals = np.stack([market(seed + k, holes=0.3 * k)[0] for k in range(3)])
    known = min(4, period - 1)

    found = weights_of(signals, prices, horizon=horizon, delay=delay, period=period, known=known,
                       shrinkage=shrinkage, symbols_min=4, ranked=ranked)

    expected = plain_weights(signals, prices, horizon, delay, period, known, shrinkage, 4,
                             spearmanr if ranked else pearsonr)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
    assert (np.nansum(abs(found), axis=1) <= 1 + 1e-12).all()


@pytest.mark.parametrize(("horizon", "delay"), [(1, 0), (2, 1), (5, 3)])
def test_weights_use_what_is_known_at_their_time_and_nothing_later(horizon, delay):
    prices = market(5, holes=0)[1]
    signals = np.stack([market(k, holes=0)[0] for k in (6, 7)])
    settings = {"horizon": horizon, "delay": delay, "period": 10, "known": 2}
    before = weights_of(signals, prices, **settings)
    lag = horizon + delay
    rng = np.random.default_rng(8)
    for now in (lag + 2, 20, 39):
        later_prices, later_signals = prices.copy(), signals.copy()
        later_prices[now + 1 :] *= rng.uniform(0.5, 2, later_prices[now + 1 :].shape)
        # Of the signal itself what is later than the last coefficient's: it has not been tried yet.
        later_signals[:, now - lag + 1 :] = rng.normal(size=later_signals[:, now - lag + 1 :].shape)
        np.testing.assert_array_equal(weights_of(later_signals, later_prices, **settings)[: now + 1], before[: now + 1])

        same_day, last_tried = prices.copy(), signals.copy()
        same_day[now] *= rng.uniform(0.5, 2, 12)
        last_tried[0, now - lag] = rng.normal(size=12)
        assert (weights_of(signals, same_day, **settings)[now] != before[now]).any()
        assert (weights_of(last_tried, prices, **settings)[now] != before[now]).any()


def test_the_better_signal_has_the_larger_weight_and_shrinkage_makes_them_equal():
    rng = np.random.default_rng(9)
    prices = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (300, 40)), axis=0))
    future = np.nan_to_num(returns_ahead(prices, 1, 1)) / 0.02
    signals = np.stack([0.3 * future + rng.normal(size=future.shape), 0.1 * future + rng.normal(size=future.shape),
                        -0.2 * future + rng.normal(size=future.shape)])

    own, shrunk, equal = (weights_of(signals, prices, shrinkage=share)[-1] for share in (0.0, 0.5, 1.0))

    np.testing.assert_allclose(equal, 1 / 3)
    np.testing.assert_allclose(shrunk, (own + 1 / 3) / 2)
    assert own[0] > own[1] > 0 > own[2]
    together = blend(signals, weights_of(signals, prices))
    assert np.nanmean(spearman(together, prices)) > np.nanmean(spearman(signals[0], prices))


@given(SEEDS, st.integers(1, 4), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_blend_is_the_weighted_sum_and_absent_signals_leave_their_weight(seed, count, holes):
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(count, 6, 5))
    signals[rng.random(signals.shape) < holes] = math.nan
    weights = rng.choice([-1.0, 0.0, 0.5, 2.0, math.nan], (6, count))
    gross = np.nansum(abs(weights), axis=1)[:, np.newaxis]
    here = ~np.isnan(signals) & ~np.isnan(weights.T)[:, :, np.newaxis]
    share = np.where(here, abs(weights.T)[:, :, np.newaxis], 0).sum(axis=0)
    total = np.where(here, signals * weights.T[:, :, np.newaxis], 0).sum(axis=0)
    expected = np.where(share > 0, total * gross / np.where(share > 0, share, 1), math.nan)

    np.testing.assert_allclose(blend(signals, weights), expected, rtol=1e-12, atol=1e-12)
    for t in range(6):
        np.testing.assert_array_equal(blend(signals[:, t], weights[t]), blend(signals, weights)[t])


def test_a_blend_without_weights_is_the_mean_of_what_is_there():
    signals = np.array([[1.0, 2.0, math.nan, math.nan], [3.0, 5.0, 7.0, math.nan]])

    np.testing.assert_allclose(blend(signals), [2.0, 3.5, 7.0, math.nan])
    np.testing.assert_array_equal(blend(signals[:, :2], [0.5, 0.25]), [1.25, 2.25])


def standardised(signals: np.ndarray) -> np.ndarray:
    off = signals - signals.mean(axis=1, keepdims=True)
    return off / off.std(axis=1, ddof=1, keepdims=True)


@given(SEEDS, st.integers(1, 5), st.integers(7, 15), st.floats(0, 0.95), st.sampled_from([1e-9, 1.0, 1e9]))
def test_orthogonal_signals_are_numpys(seed, width, symbols, alike, scale):
    rng = np.random.default_rng(seed)
    signals = alike * rng.normal(size=symbols) + (1 - alike) * rng.normal(size=(width, symbols))
    signals = signals * scale * 10.0 ** np.arange(width)[:, np.newaxis] + scale
    z = standardised(signals)

    nearest, in_turn = symmetric(signals), sequential(signals)

    for found in (nearest, in_turn):
        np.testing.assert_allclose(np.atleast_2d(np.cov(found)), np.eye(width), atol=1e-9)
    # The nearest orthogonal matrix is the unitary factor of the polar decomposition (K. Fan & A. Hoffman, 1955).
    u, sizes, v = np.linalg.svd(z, full_matrices=False)
    loss = 1e-12 * (sizes[0] / sizes[-1]) ** 2
    np.testing.assert_allclose(nearest, u @ v * math.sqrt(symbols - 1), rtol=0, atol=loss + 1e-10)
    q, r = np.linalg.qr(z.T)
    np.testing.assert_allclose(in_turn, (q * np.sign(np.diag(r))).T * math.sqrt(symbols - 1), rtol=0,
                               atol=loss + 1e-10)
    np.testing.assert_allclose(in_turn[0], z[0], rtol=1e-9, atol=1e-9)


@given(SEEDS, st.permutations(range(3)))
def test_the_symmetric_way_prefers_no_signal_and_the_other_the_first(seed, order):
    signals = np.random.default_rng(seed).normal(size=(3, 9)) + np.arange(9)
    order = list(order)

    np.testing.assert_allclose(symmetric(signals[order]), symmetric(signals)[order], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(sequential(signals[order])[0], standardised(signals)[order[0]], rtol=1e-9, atol=1e-9)


def test_dependent_signals_are_told_and_do_not_blow_up():
    signals = np.random.default_rng(10).normal(size=(4, 20))
    signals[2] = 3 * signals[0] - signals[1] + 7

    assert np.isnan(symmetric(signals)).all()
    found = sequential(signals)
    assert np.isnan(found[2]).all()
    np.testing.assert_allclose(np.cov(found[[0, 1, 3]]), np.eye(3), atol=1e-12)
    assert np.isnan(symmetric(np.random.default_rng(11).normal(size=(4, 4)))).all()


def test_a_symbol_that_one_signal_does_not_have_is_left_out_of_all():
    signals = np.random.default_rng(12).normal(size=(3, 10))
    signals[1, 4] = math.nan
    kept = np.delete(np.arange(10), 4)

    for way in (symmetric, sequential):
        found = way(signals)
        np.testing.assert_array_equal(found[:, kept], way(signals[:, kept]))
        assert np.isnan(found[:, 4]).all()


def plain_decay(signal, prices, horizon, delay, lags, least, function) -> tuple[np.ndarray, np.ndarray]:
    ic, alike = [], []
    for lag in range(lags):
        with np.errstate(all="ignore"):
            found = coefficients(signal, prices, horizon, delay + lag, least, function)
            same = [coefficient(a, b, least, pearsonr)
                    for a, b in zip(signal[: max(len(signal) - lag, 0)], signal[lag:], strict=True)]
        for curve, values in ((ic, found), (alike, np.array(same))):
            known = values[~np.isnan(values)]
            curve.append(known.mean() if len(known) else math.nan)
    return np.array(ic), np.array(alike)


@given(SEEDS, st.integers(1, 4), st.integers(0, 3), st.integers(1, 14), st.integers(0, 1))
def test_decay_is_the_mean_coefficient_by_lag(seed, horizon, delay, lags, ranked):
    signal, prices = market(seed, times=12)

    found = decay(signal, prices, horizon=horizon, delay=delay, lags=lags, ranked=ranked, symbols_min=4)

    ic, alike = plain_decay(signal, prices, horizon, delay, lags, 4, spearmanr if ranked else pearsonr)
    np.testing.assert_allclose(found.ic, ic, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.autocorrelation, alike, rtol=1e-9, atol=1e-10)
    for curve, half in ((found.ic, found.ic_half_life), (found.autocorrelation, found.half_life)):
        if not math.isnan(half):
            assert np.interp(half, np.arange(lags), curve) == pytest.approx(curve[0] / 2, rel=1e-9)
            assert (curve[: math.ceil(half)] > curve[0] / 2).all()


@pytest.mark.parametrize("memory", [0.5, 0.8, 0.95])
def test_the_half_life_of_a_signal_that_fades_is_that_of_its_memory(memory):
    rng = np.random.default_rng(13)
    signal = np.zeros((600, 200))
    for t in range(1, 600):
        signal[t] = memory * signal[t - 1] + math.sqrt(1 - memory**2) * rng.normal(size=200)
    step = np.concatenate([np.zeros((1, 200)), 0.01 * signal[:-1]]) + 0.05 * rng.normal(size=signal.shape)
    prices = 100 * np.exp(np.cumsum(step, axis=0))

    found = decay(signal[100:], prices[100:], delay=0, lags=40)

    expected = math.log(0.5) / math.log(memory)
    assert found.half_life == pytest.approx(expected, rel=0.1)
    assert found.ic_half_life == pytest.approx(expected, rel=0.25)
    assert found.ic[0] > 0.15


def test_half_of_a_curve_that_never_halves_or_has_no_start_is_nowhere():
    assert half_life(np.array([1.0, 0.75, 0.25])) == 1.5
    assert half_life(np.array([0.4, 0.2])) == 1.0
    for curve in ([1.0, 0.9], [], [1.0], [-0.1, -0.3], [0.0, -1.0], [math.nan, 0.2], [1.0, math.nan, 0.1]):
        assert math.isnan(half_life(np.array(curve)))


@given(SEEDS, st.sampled_from([0.0, 0.3]))
def test_turnover_is_pandas(seed, holes):
    rng = np.random.default_rng(seed)
    weights = np.round(rng.normal(size=(12, 5)), 1)
    weights[rng.random(weights.shape) < holes] = math.nan
    weights[3] = 0.0
    weights[7] = math.nan
    frame = pd.DataFrame(weights)
    normal = frame.div(frame.abs().sum(axis=1).replace(0, 1), axis=0).fillna(0)
    expected = (normal.diff().abs().sum(axis=1) / 2).to_numpy(copy=True)
    expected[[0, 7, 8]] = math.nan
    absent = np.isnan(weights).all(axis=1)
    expected[absent | np.roll(absent, 1)] = math.nan

    found = turnover(weights)

    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    known = found[~np.isnan(found)]
    assert ((known >= 0) & (known <= 1 + 1e-12)).all()
    scaled = weights * rng.choice([0.25, 4.0], (12, 1))
    np.testing.assert_array_equal(turnover(scaled), found)


def test_turnover_of_a_portfolio_that_turns_over_is_1_and_of_one_that_stays_0():
    weights = np.array([[1.0, 1.0, 0.0, 0.0], [2.0, 2.0, 0.0, 0.0], [0.0, 0.0, -1.0, 1.0], [0.0, 0.0, 1.0, -1.0],
                        [0.0, 0.0, 0.0, 0.0]])

    np.testing.assert_array_equal(turnover(weights), [math.nan, 0.0, 1.0, 1.0, 0.5])
