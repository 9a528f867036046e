import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.signals import ema

periods = st.integers(1, 12)
any_floats = st.floats(allow_nan=True, allow_infinity=True)
tame_floats = st.floats(-1e6, 1e6)
constants = st.builds(lambda x, n: [x] * n, any_floats, st.integers(0, 40))
series = st.lists(any_floats, max_size=60) | constants


def fused(a: float, b: float, c: float) -> float:
    """Return a * b + c, rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def oracle(values: list[float], period: int) -> list[float]:
    """TA-Lib's EMA in plain Python, over the observations that are usable."""
    averages, used, total, average = [], 0, 0.0, math.nan
    for x in values:
        if not abs(x) <= 1e60:
            averages.append(average)
            continue
        if used < period:
            candidate = total + x if used + 1 < period else (total + x) / period
        else:
            alpha = 2.0 / (period + 1)
            candidate = average if x == average else fused(1.0 - alpha, average, alpha * x)
        used += 1
        total = candidate if used < period else total
        average = candidate if used >= period else average
        averages.append(average)
    return averages


def streamed(values: list[float], period: int) -> list[float]:
    """Feed one value at a time, the state kept as bytes in between, as a strategy's snapshot keeps it."""
    data, averages = np.zeros((), dtype=ema.STATE).tobytes(), []
    for x in values:
        state = np.frombuffer(data, dtype=ema.STATE)[0]
        after = ema.update(float(state["level"]), int(state["seen"]), x, ema.alpha_of(period), period)
        data = np.array(after, dtype=ema.STATE).tobytes()
        averages.append(ema.value(*after, period))
    return averages


@given(series, periods)
def test_batch_streaming_and_plain_python_agree_bit_for_bit(values, period):
    batch = ema.batch(values, period)

    np.testing.assert_array_equal(batch, oracle(values, period))
    np.testing.assert_array_equal(batch, streamed(values, period))


@given(st.lists(tame_floats, min_size=1, max_size=60), periods)
def test_the_average_is_the_weighted_sum_of_its_definition(values, period):
    averages = ema.batch(values, period)

    alpha = 2 / (period + 1)
    for n in range(period, len(values) + 1):
        after_seed = np.array(values[period:n])
        weights = alpha * (1 - alpha) ** np.arange(len(after_seed))[::-1]
        seed = np.mean(values[:period])
        expected = seed * (1 - alpha) ** len(after_seed) + np.dot(weights, after_seed)
        assert averages[n - 1] == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(st.lists(tame_floats, max_size=40), periods, st.integers(0, 40), st.sampled_from([math.nan, math.inf]))
def test_an_observation_that_is_not_finite_changes_nothing(values, period, at, hole):
    with_hole = ema.batch([*values[:at], hole, *values[at:]], period)

    np.testing.assert_array_equal(np.delete(with_hole, min(at, len(values))), ema.batch(values, period))


@given(st.lists(st.integers(-1000, 1000), max_size=40), periods)
def test_doubling_the_input_doubles_the_average(values, period):
    np.testing.assert_array_equal(ema.batch([2.0 * x for x in values], period), 2 * ema.batch(values, period))


def test_known_values():
    """The average of 3 trails a straight line by 1, from the seed on."""
    assert ema.batch([1, 2, 3, 4, 5, 6], 3).tolist()[2:] == [2.0, 3.0, 4.0, 5.0]
    assert np.isnan(ema.batch([1, 2, 3, 4, 5, 6], 3)[:2]).all()


@given(st.lists(tame_floats, min_size=1, max_size=40))
def test_of_one_observation_the_average_is_the_observation(values):
    assert ema.batch([1e60, *values], 1).tolist() == [1e60, *values]


@given(st.integers(-2**40, 2**40), periods)
def test_a_constant_is_its_own_average(value, period):
    assert ema.batch([value] * (period + 5), period)[period - 1 :].tolist() == [float(value)] * 6


def test_no_observation_and_one():
    assert ema.batch([], 3).tolist() == []
    assert ema.batch([7.0], 1).tolist() == [7.0]
    assert math.isnan(ema.batch([7.0], 2)[0])


def test_a_number_too_large_to_use_leaves_the_average_as_it_was():
    averages = ema.batch([1e60, -1.1e60, 1.7e308], 1)

    assert averages.tolist() == [1e60, 1e60, 1e60]


def test_a_period_below_one_is_refused():
    with pytest.raises(ValueError, match="period is 0; allowed: 1 or more"):
        ema.batch([1.0], 0)
