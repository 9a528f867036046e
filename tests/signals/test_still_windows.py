"""A window in which nothing moves or nothing is traded says so exactly, whatever had been before it.

A running sum from which is subtracted what leaves the window would keep a rounding of it, and a quotient of two such
roundings is any number: a price, a share, a statistic that looks like the others.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.signals import catalog

PERIOD = 6

# What a still window gives: no move, no range, no volume.
STILL = {
    "zscore": math.nan, "time_series_momentum": math.nan, "bollinger_percent": math.nan, "bollinger_width": 0.0,
    "cci": 0.0, "linear_r2": math.nan, "standard_deviation": 0.0, "realised_volatility": 0.0, "close_to_close": 0.0,
    "parkinson": 0.0, "garman_klass": 0.0, "rogers_satchell": 0.0, "yang_zhang": 0.0, "bipower_volatility": 0.0,
    "jump_test": math.nan, "downside_deviation": 0.0, "cmf": math.nan, "mfi": 0.0, "volume_zscore": math.nan,
    "volume_ratio": math.nan, "vwma": math.nan, "variance": 0.0, "skew": math.nan, "kurtosis": math.nan,
    "correlation": math.nan, "beta": math.nan, "autocorrelation": math.nan, "half_life": math.nan,
    "stochastic_fast": 0.0, "williams_r": 0.0, "effective_spread": 0.0, "amihud": 0.0, "trade_flow_imbalance": math.nan,
    "participation_rate": math.nan,
}
SOME = st.lists(st.floats(0.01, 1e6) | st.sampled_from([0.1, 0.3, 1e8, 1e-8]), min_size=1, max_size=25)


@pytest.mark.parametrize("name", list(STILL))
@settings(max_examples=40)
@given(history=SOME, last=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_nothing_is_left_of_what_came_before(name, history, last, seed):
    signal = catalog[name]
    rng = np.random.default_rng(seed)
    # Of what amihud divides by the least that it takes.
    still = {i.name: np.full(PERIOD + 3, max(i.floor, 0.0) if "volume" in i.name else last) for i in signal.inputs}
    data = [np.concatenate([rng.permutation(history), still[i.name]]) for i in signal.inputs]
    windows = {"d_smooth": 1, "lag": 1} | {p.name: p.default for p in signal.parameters if not p.ring}
    parameters = {p.name: windows.get(p.name, PERIOD) for p in signal.parameters}

    found = np.array(signal.batch(*data, **parameters)).reshape(-1, len(data[0]))

    # From the first still window on; of returns and of pairs with a lag it takes one observation more.
    count = PERIOD + 4 - signal.warmup(**parameters)
    np.testing.assert_array_equal(found[:, -count:], np.full((len(found), count), STILL[name]))


@given(history=SOME, last=st.floats(0.01, 100))
def test_the_average_that_adapts_is_fast_where_nothing_moves(history, last):
    """Its efficiency is 1 there, as TA-Lib has it: no path and no way."""
    fast, slow = 2, 30
    data = [*history, *[last] * (PERIOD + 3)]

    found = catalog["kama"].batch(data, period=PERIOD, fast=fast, slow=slow)

    assert found[-1] == pytest.approx(found[-2] + (2 / (fast + 1)) ** 2 * (last - found[-2]), rel=1e-12)
