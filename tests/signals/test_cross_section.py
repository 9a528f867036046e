"""Across symbols: ranks, z-scores, quantiles, residuals and eigenvectors beside scipy, numpy and exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import rankdata

from algotrade.jit import jit
from algotrade.signals import catalog
from algotrade.signals.cross_section import rank_row, winsorise_row, zscore_row
from algotrade.signals.eigen import eigen, largest_first
from algotrade.signals.neutralise import neutralise_row

HOLES = st.sampled_from([math.nan, math.inf, -math.inf, 1e61, -1.7e308])
SCALES = st.sampled_from([2.0**-60, 1.0, 2.0**60])

zscore, rank, winsorise, neutralise, pca = (
    catalog[name].batch for name in ("cross_zscore", "cross_rank", "winsorise", "neutralise", "pca_residual"))


@st.composite
def rows(draw, most=14):
    """Draw whole numbers, so that many are equal, at three scales, far from 0 or not, some of them absent."""
    numbers = draw(st.lists(st.integers(-6, 6), max_size=most))
    row = (np.array(numbers, dtype=np.float64) + draw(st.sampled_from([0, 10**6, -10**9]))) * draw(SCALES)
    for at in draw(st.lists(st.integers(0, most - 1), max_size=4)):
        if at < len(row):
            row[at] = draw(HOLES)
    return row


def present(row: np.ndarray) -> np.ndarray:
    return np.isfinite(row) & (abs(row) <= 1e60)


def says_something(row: np.ndarray, symbols_min: int) -> bool:
    known = row[present(row)]
    return len(known) >= symbols_min and np.ptp(known) > 0


def spread(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    found = np.full(len(where), math.nan)
    found[where] = values
    return found


@given(rows(), st.integers(2, 6))
def test_the_zscore_is_that_of_exact_fractions(row, symbols_min):
    found = zscore(row, symbols_min=symbols_min)
    if not says_something(row, symbols_min):
        assert np.isnan(found).all()
        return
    exact = [Fraction(x) for x in row[present(row)]]
    mean = sum(exact) / len(exact)
    variance = sum((x - mean) ** 2 for x in exact) / (len(exact) - 1)
    scale = Fraction(float(max(abs(x - mean) for x in exact)))
    expected = [float((x - mean) / scale) / math.sqrt(variance / scale**2) for x in exact]

    np.testing.assert_allclose(found, spread(expected, present(row)), rtol=1e-13, atol=1e-13)


@given(rows(), st.integers(2, 6))
def test_the_rank_is_scipys(row, symbols_min):
    where = present(row)
    expected = spread((rankdata(row[where]) - 0.5) / max(where.sum(), 1), where)
    if not says_something(row, symbols_min):
        expected[:] = math.nan

    np.testing.assert_array_equal(rank(row, symbols_min=symbols_min), expected)


@given(rows(), st.floats(0, 0.6), st.floats(0.61, 1), st.integers(2, 6))
def test_winsorised_values_are_between_numpys_quantiles(row, low, high, symbols_min):
    where = present(row)
    expected = np.full(len(row), math.nan)
    if says_something(row, symbols_min):
        expected = spread(np.clip(row[where], *np.quantile(row[where], [low, high])), where)

    np.testing.assert_array_equal(winsorise(row, low=low, high=high, symbols_min=symbols_min), expected)


@pytest.mark.parametrize("symbols", [15, 16, 17, 31, 33, 100, 1_000, 3_001])
@pytest.mark.parametrize("digits", [0, 2, 17])
def test_long_rows_are_ranked_as_short_ones(symbols, digits):
    """More than one run of the sort, merged once and several times."""
    values = np.random.default_rng(symbols).normal(size=symbols).round(digits)
    order = np.argsort(values)
    for row in (values, values[order], values[order[::-1]]):
        np.testing.assert_array_equal(rank(row), (rankdata(row) - 0.5) / symbols)
        np.testing.assert_array_equal(winsorise(row), np.clip(row, *np.quantile(row, [0.01, 0.99])))


def test_a_row_far_from_0_has_the_zscores_of_the_row_itself():
    row = np.round(np.random.default_rng(2).normal(size=500) * 2.0**20) / 2.0**20
    for offset in (2.0**20, -(2.0**30)):
        np.testing.assert_allclose(zscore(row + offset), zscore(row), rtol=1e-12, atol=1e-12)


@given(rows(), st.sampled_from([0.25, 8.0]), st.randoms())
def test_scale_shift_and_order_do_what_they_ought_to(row, scale, random):
    places = np.array(random.sample(range(len(row)), len(row)), dtype=int)
    shifted = np.where(present(row), np.where(present(row), row, 0) * scale, row)

    np.testing.assert_array_equal(rank(shifted), rank(row))
    np.testing.assert_array_equal(rank(row[places]), rank(row)[places])
    np.testing.assert_allclose(rank(-row), 1.0 - rank(row), rtol=1e-14)
    np.testing.assert_array_equal(winsorise(shifted), winsorise(row) * scale)
    np.testing.assert_array_equal(winsorise(row[places]), winsorise(row)[places])
    np.testing.assert_array_equal(zscore(shifted), zscore(row))
    np.testing.assert_array_equal(zscore(-row), -zscore(row))
    np.testing.assert_allclose(zscore(row[places]), zscore(row)[places], rtol=1e-12, atol=1e-12)


def test_values_that_differ_by_rounding_alone_have_no_zscore():
    """A sum in another order: else the last digit would be a signal of one standard deviation."""
    row = np.array([0.1 + 0.2 + 0.3, 0.1 + (0.2 + 0.3), 0.6])

    assert np.ptp(row) > 0
    assert np.isnan(zscore(row)).all()
    row[1] += 1e-12
    assert not np.isnan(zscore(row)).any()


@st.composite
def exposures(draw):
    """Draw a row, a group and factors for each symbol: of whole numbers, so that dependent ones are exactly that."""
    count = draw(st.integers(0, 14))
    width = draw(st.integers(0, 3))

    def numbers(n, least=-5):
        return draw(st.lists(st.integers(least, 5), min_size=n, max_size=n))

    row = np.array(numbers(count), dtype=np.float64)
    groups = np.array(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), dtype=np.float64)
    factors = np.array(numbers(count * width), dtype=np.float64).reshape(count, width)
    if width == 3 and draw(st.booleans()):
        factors[:, 2] = 2 * factors[:, 0] - factors[:, 1] + groups
    factors += draw(st.sampled_from([0, 100]))
    for at in draw(st.lists(st.integers(0, 13), max_size=3)):
        if at < count:
            target = draw(st.integers(0, width + 1))
            if target < width:
                factors[at, target] = draw(HOLES)
            else:
                (row if target == width else groups)[at] = math.nan
    return row * draw(SCALES), groups, factors


def regressors(groups, factors) -> np.ndarray:
    dummies = (groups[:, np.newaxis] == np.unique(groups)).astype(float)
    return np.concatenate([dummies, factors], axis=1)


@given(exposures())
def test_the_residual_is_that_of_least_squares_on_dummies_and_factors(drawn):
    row, groups, factors = drawn
    found = neutralise(row, groups, factors)

    where = present(row) & ~np.isnan(groups) & present(factors).all(axis=1)
    y, x = row[where], regressors(groups[where], factors[where])
    if len(y) < 3 or len(y) <= np.linalg.matrix_rank(x):
        assert np.isnan(found).all()
        return
    residual = y - x @ np.linalg.lstsq(x, y, rcond=1e-10)[0]
    size = np.linalg.norm(y)
    if np.linalg.norm(residual) <= 1e-10 * size:
        assert np.isnan(found).all()
        return
    np.testing.assert_allclose(found, spread(residual, where), rtol=0, atol=1e-9 * size)


@given(exposures(), st.integers(-3, 3))
def test_what_groups_and_factors_explain_makes_no_difference(drawn, share):
    row, groups, factors = drawn
    scale = np.nanmax(abs(row), initial=0.0)
    assume(scale > 0)
    before = neutralise(row, groups, factors)
    explained = share * scale * (np.nan_to_num(groups) + np.where(present(factors), factors, 0).sum(axis=1))

    found = neutralise(row + explained, groups, factors)

    np.testing.assert_allclose(found, before, rtol=0, atol=1e-9 * (scale + abs(explained).max()))
    known = ~np.isnan(found)
    x = regressors(groups[known], factors[known])
    assert np.all(abs(x.T @ found[known]) <= 1e-7 * (scale + abs(explained).max()) * max(abs(x).max(initial=0), 1))


def test_without_groups_and_factors_the_mean_goes_and_groups_have_their_own():
    row = np.array([1.0, 2.0, 6.0, 10.0, math.nan])

    np.testing.assert_array_equal(neutralise(row), [-3.75, -2.75, 1.25, 5.25, math.nan])
    for labels in (["a", "a", "b", "b", "b"], [7, 7, 3, 3, 3], np.array(["x", "x", None, None, None], dtype=object)):
        found = neutralise(row, labels)
        known = [-0.5, 0.5, -2.0, 2.0] if None not in list(labels) else [math.nan] * 4
        np.testing.assert_array_equal(found[:4], known)


def test_nearly_dependent_factors_do_not_blow_up():
    """Below the limit the second is dropped; above it the residual is still orthogonal to both."""
    rng = np.random.default_rng(5)
    row, base, other = rng.normal(size=(3, 200))
    for gap in (0.0, 1e-15, 1e-12, 1e-8, 1e-4):
        factors = np.stack([base, base + gap * other], axis=1)
        found = neutralise(row, None, factors)
        assert np.linalg.norm(found) <= np.linalg.norm(row - row.mean())
        assert abs(found @ base) <= 1e-12 * np.linalg.norm(base) * np.linalg.norm(row)
        if gap >= 1e-8:
            direction = (factors[:, 1] - base) / gap
            assert abs(found @ direction) <= 1e-6 * np.linalg.norm(other) * np.linalg.norm(row)


def test_a_panel_has_groups_and_factors_of_each_time_or_the_same_at_all():
    rng = np.random.default_rng(6)
    panel, groups, factors = rng.normal(size=(5, 30)), rng.integers(0, 3, (5, 30)), rng.normal(size=(5, 30, 2))

    found = neutralise(panel, groups, factors)
    for t in range(5):
        np.testing.assert_array_equal(found[t], neutralise(panel[t], groups[t], factors[t]))
    np.testing.assert_array_equal(neutralise(panel, groups[0], factors[0]),
                                  neutralise(panel, groups[[0] * 5], factors[[0] * 5]))


def principal_residual(window: np.ndarray, components: int) -> np.ndarray:
    off = window - window.mean(axis=0)
    directions = np.linalg.svd(off, full_matrices=False)[2][:components]
    return off[-1] - directions.T @ (directions @ off[-1])


@given(st.integers(0, 10**6), st.integers(5, 14), st.integers(2, 16), st.integers(1, 4), SCALES, st.booleans())
def test_the_residual_of_principal_components_is_numpys(seed, window, symbols, components, scale, holes):
    rng = np.random.default_rng(seed)
    market = rng.normal(size=(window + 5, symbols)) + 2 * rng.normal(size=(window + 5, 1))
    market *= scale
    if holes:
        market[rng.random(market.shape) < 0.02] = math.nan

    found = pca(market, window=window, components=components, symbols_min=2)

    assert np.isnan(found[: window - 1]).all()
    for t in range(window - 1, len(market)):
        part = market[t - window + 1 : t + 1]
        where = present(part).all(axis=0)
        if where.sum() < 2 or min(where.sum(), window - 1) <= components:
            assert np.isnan(found[t]).all()
            continue
        sizes = np.linalg.svd(part[:, where] - part[:, where].mean(axis=0), compute_uv=False)
        # Components of one size are any directions among them.
        if sizes[components - 1] - sizes[components] > 1e-4 * sizes[0]:
            expected = spread(principal_residual(part[:, where], components), where)
            np.testing.assert_allclose(found[t], expected, rtol=0, atol=1e-9 * scale)


def test_the_residual_of_a_market_of_three_factors_is_what_is_each_symbols_own():
    rng = np.random.default_rng(7)
    factors, own = rng.normal(size=(200, 3)) * [3, 2, 1], 0.1 * rng.normal(size=(200, 80))
    market = factors @ rng.normal(size=(3, 80)) + own

    found = pca(market, window=100, components=3)[150:]

    assert np.corrcoef(found.ravel(), own[150:].ravel())[0, 1] > 0.95
    assert np.std(found) < 0.15


def test_components_that_explain_everything_leave_nothing():
    rng = np.random.default_rng(8)
    market = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 9))

    assert np.isnan(pca(market, window=20, components=2)).all()
    assert not np.isnan(pca(market, window=20, components=1)[19:]).any()


@jit
def decomposed(matrix, vectors, wanted):
    eigen(matrix, vectors)
    largest_first(matrix, vectors, wanted)


def decomposition(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turned, vectors = matrix.copy(), np.empty_like(matrix)
    decomposed(turned, vectors, len(matrix))
    assert abs(turned - np.diag(np.diag(turned))).max(initial=0) <= 1e-15 * np.linalg.norm(matrix)
    return np.diag(turned), vectors


@given(st.integers(0, 10**6), st.integers(0, 12), st.sampled_from(["any", "whole", "projection", "graded", "zero"]),
       st.sampled_from([1e-150, 1.0, 1e100]))
def test_eigenvalues_and_vectors_are_numpys(seed, n, kind, scale):
    rng = np.random.default_rng(seed)
    base = np.linalg.qr(rng.normal(size=(n, n)))[0]
    levels = {"any": rng.normal(size=n), "whole": rng.integers(-1, 2, n), "projection": np.arange(n) % 2,
              "graded": 10.0 ** -np.arange(n), "zero": np.zeros(n)}[kind]
    matrix = scale * (base * levels) @ base.T
    matrix = (matrix + matrix.T) / 2

    values, vectors = decomposition(matrix)

    size = np.linalg.norm(matrix)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1], rtol=0, atol=1e-14 * size)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(n), atol=1e-14)
    np.testing.assert_allclose((vectors.T * values) @ vectors, matrix, rtol=0, atol=1e-14 * size)


def test_a_large_matrix_is_done_in_few_passes_and_keeps_its_digits():
    off = np.random.default_rng(9).normal(size=(60, 200))
    values, vectors = decomposition(off @ off.T)

    np.testing.assert_allclose(values, np.linalg.eigvalsh(off @ off.T)[::-1], rtol=1e-12)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(60), atol=1e-13)


@jit
def a_strategys_own(row, out, work, order, sums, counts, factors):
    zscore_row(row, out[0], 2)
    rank_row(row, out[1], work, order, 2)
    winsorise_row(row, out[2], work, order, 0.1, 0.9, 2)
    neutralise_row(row, order[2], factors, out[3], work, order[:2], sums, counts, 3)


def test_a_strategy_calls_the_steps_from_its_own_kernel():
    row = np.random.default_rng(10).normal(size=40)
    factors, order = np.random.default_rng(11).normal(size=(40, 1)), np.zeros((3, 40), np.int64)
    order[2, 20:] = 1
    out = np.empty((4, 40))
    a_strategys_own(row, out, np.empty((2, 40)), order, np.empty(2), np.empty(2, np.int64), factors)

    expected = zscore(row), rank(row), winsorise(row, low=0.1, high=0.9), neutralise(row, order[2], factors)
    np.testing.assert_array_equal(out, expected)
