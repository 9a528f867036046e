"""Signals of trades against plain Python, numpy and pandas over generated trades."""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.signals import catalog

ticks = st.integers(9_990, 10_010).map(lambda x: x / 100)
sizes = st.integers(1, 50).map(float)
quoted = st.lists(st.tuples(ticks, ticks, st.integers(1, 3).map(lambda x: x / 100)), max_size=50)
traded = st.lists(st.tuples(ticks, sizes), max_size=60)
signed = st.lists(st.tuples(ticks, st.integers(-50, 50).map(float)), max_size=60)
periods = st.integers(2, 8)
near = {"rtol": 1e-8, "atol": 1e-10}


def columns(rows, width: int) -> list[np.ndarray]:
    return list(np.array(rows, dtype=np.float64).reshape(-1, width).T)


def tick_signs(prices) -> list[float]:
    found, sign = [], 0.0
    for k, price in enumerate(prices):
        if k and price != prices[k - 1]:
            sign = 1.0 if price > prices[k - 1] else -1.0
        found.append(sign)
    return found


def signs(rows) -> list[float]:
    """Lee and Ready's rule; prices in whole hundredths, so that the middle is exact."""
    found = []
    for by_ticks, (price, bid, spread) in zip(tick_signs([row[0] for row in rows]), rows, strict=True):
        off = 2 * round(price * 100) - (2 * round(bid * 100) + round(spread * 100))
        found.append(float(np.sign(off)) if off else by_ticks)
    return found


def quotes_of(rows) -> list[np.ndarray]:
    price, bid, spread = columns(rows, 3)
    return [price, bid, np.round(bid + spread, 2)]


@given(quoted)
def test_trades_are_signed_by_the_quote_and_at_its_middle_by_the_tick(rows):
    def unknown_as_nan(found):
        return [sign or math.nan for sign in found]

    price, bid, ask = quotes_of(rows)
    np.testing.assert_array_equal(catalog["lee_ready"].batch(price, bid, ask), unknown_as_nan(signs(rows)))
    np.testing.assert_array_equal(catalog["tick_rule"].batch(price), unknown_as_nan(tick_signs(price)))


@given(quoted, st.integers(1, 6), st.integers(1, 6))
def test_spreads_are_means_of_their_definitions(rows, period, horizon):
    price, bid, ask = quotes_of(rows)
    mid = (bid + ask) / 2
    realised = pd.Series(2 * np.array(signs(rows)) * (price - pd.Series(mid).shift(-horizon))).shift(horizon)
    effective = pd.Series(2 * np.abs(price - mid)).rolling(period).mean()

    found = catalog["realised_spread"].batch(price, bid, ask, period=period, horizon=horizon)

    np.testing.assert_allclose(found, realised.rolling(period).mean(), **near)
    np.testing.assert_allclose(catalog["effective_spread"].batch(price, bid, ask, period=period), effective, **near)


@given(signed, periods)
def test_kyles_lambda_is_the_slope_of_a_regression(rows, period):
    price, volume = columns(rows, 2)
    found = catalog["kyle_lambda"].batch(price, volume, period=period)
    moves = np.diff(price)
    for n in range(period, len(price)):
        x, y = volume[n + 1 - period : n + 1], moves[n - period : n]
        if np.ptp(x) > 0:
            slope = np.linalg.lstsq(np.column_stack([x, np.ones(period)]), y, rcond=None)[0][0]
            assert found[n] == pytest.approx(slope, rel=1e-6, abs=1e-9)
        else:
            assert math.isnan(found[n])
    assert np.isnan(found[:period]).all()


@given(traded, periods)
def test_amihud_and_roll_are_what_pandas_gives(rows, period):
    price, volume = (pd.Series(column) for column in columns(rows, 2))
    change = price.diff()
    covariance = change.rolling(period).cov(change.shift())
    roll = 2 * np.sqrt(np.maximum(-covariance, 0.0))
    illiquid = ((price / price.shift() - 1).abs() / (price * volume)).rolling(period).mean()

    np.testing.assert_allclose(catalog["amihud"].batch(price, volume, period=period), illiquid, rtol=1e-8, atol=1e-16)
    found = catalog["roll_spread"].batch(price, period=period)
    np.testing.assert_allclose(found**2, roll**2, rtol=1e-6, atol=1e-9)


def test_rolls_spread_is_that_of_a_price_that_bounces():
    """Trades at random sides of a quote that stands still: the model's own market."""
    sides = np.random.default_rng(1).choice([-1.0, 1.0], 100_000)

    found = catalog["roll_spread"].batch(100 + 0.02 * sides, period=50_000)

    assert found[-1] == pytest.approx(0.04, rel=0.02)


@given(st.lists(st.tuples(ticks, st.integers(0, 50).map(float)), max_size=60))
def test_the_vwap_is_money_over_volume(rows):
    price, volume = columns(rows, 2)
    with np.errstate(invalid="ignore"):
        vwap = np.cumsum(price * volume) / np.cumsum(volume)

    np.testing.assert_allclose(catalog["vwap"].batch(price, volume), vwap, rtol=1e-12)
    np.testing.assert_allclose(catalog["vwap_deviation"].batch(price, volume), price / vwap - 1, rtol=1e-9, atol=1e-12)


@given(signed, periods)
def test_flow_and_participation_are_shares_of_the_volume(rows, period):
    _, volume = (pd.Series(column) for column in columns(rows, 2))
    total = volume.abs().rolling(period).sum()
    flow = volume.rolling(period).sum() / total.where(total > 0.5)
    own = volume.clip(lower=0.0).rolling(period).sum() / total.where(total > 0.5)

    np.testing.assert_allclose(catalog["trade_flow_imbalance"].batch(volume, period=period), flow, **near)
    found = catalog["participation_rate"].batch(volume.clip(lower=0.0), volume.abs(), period=period)
    np.testing.assert_allclose(found, own, **near)


def vpin(price, volume, bucket: float, buckets: int, period: int) -> list[float]:
    """The paper's procedure on single units of volume: each one is a share bought, buckets are so many of them."""
    units, found = [], []
    changes = np.diff(price)
    for n in range(len(price)):
        if n >= period:
            deviation = float(pd.Series(changes[n - period : n]).std())
            bought = NormalDist().cdf(changes[n - 1] / deviation) if deviation > 1e-12 else 0.5
            units += [bought] * int(volume[n])
        full = len(units) // int(bucket)
        shares = np.array(units[: full * int(bucket)]).reshape(full, int(bucket))[-buckets:]
        lean = np.abs(shares.sum(axis=1) - (1 - shares).sum(axis=1)) / bucket
        found.append(float(lean.mean()) if full >= buckets else math.nan)
    return found


@given(traded, st.integers(1, 30).map(float), st.integers(1, 5), periods)
def test_vpin_is_the_papers_procedure_on_single_units(rows, bucket, buckets, period):
    price, volume = columns(rows, 2)
    price = np.round(price * 64) / 64  # binary fractions: equal moves are exactly equal, and so is no deviation

    found = catalog["vpin"].batch(price, volume, bucket=bucket, buckets=buckets, period=period)

    np.testing.assert_allclose(found, vpin(price, volume, bucket, buckets, period), rtol=1e-7, atol=1e-7)


def test_an_observation_of_any_volume_takes_a_bounded_time_and_fills_all_buckets():
    price = [10.0, 11.0, 10.5, 10.25, 14.0]

    found = catalog["vpin"].batch(price, [1.0, 1.0, 1.0, 1.0, 1e59], bucket=1e-9, buckets=3, period=3)

    changes = np.diff(price)[-3:]
    assert found[-1] == pytest.approx(2 * NormalDist().cdf(changes[-1] / np.std(changes, ddof=1)) - 1, rel=1e-6)
