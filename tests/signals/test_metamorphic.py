"""What each signal does when its input is scaled, shifted or mirrored: units, origins and sides, without any formula.

Scaling by a power of 2 rounds nothing, and so the values are scaled to the last bit. Prices are scaled together, sizes
together; of a pair x and y each.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.signals import catalog
from tests.signals.markets import columns, small

SIGNALS = {name: entry for name, entry in catalog.items() if entry.kind == "signal"}
PAIRS = {name for name, entry in SIGNALS.items() if [i.name for i in entry.inputs] == ["x", "y"]}
N = 120


def each(law: Any, names: str) -> dict[str, Any]:
    """Return one law for many signals."""
    return dict.fromkeys(names.split(), law)


# Powers of the outputs in the scale of prices (of x, where that is all), one for all outputs or one for each.
PRICE = {
    **each("1", """sma ema wilder dema tema wma hma trima kama donchian linear_slope linear_forecast momentum macd
           bollinger true_range atr standard_deviation rolling_median rolling_quantile rolling_max rolling_min lag clip
           force_index vwma roll_spread effective_spread realised_spread weighted_mid microprice kyle_lambda vwap"""),
    **each("0", """trix adx linear_r2 roc log_return time_series_momentum ppo cmo zscore rsi stochastic_fast stochastic
           bollinger_percent bollinger_width cci williams_r aroon aroon_oscillator natr realised_volatility
           close_to_close ewma_volatility parkinson garman_klass rogers_satchell yang_zhang bipower_volatility jump_test
           downside_deviation drawdown skew kurtosis autocorrelation half_life hurst standardise tick_rule lee_ready
           obv accumulation_distribution chaikin_oscillator cmf mfi price_volume_trend ofi ofi_multilevel vpin
           vwap_deviation"""),
    "variance": "2", "amihud": "-1", "supertrend": "1 0", "expanding_moments": "1 2 0 0", "fading_moments": "1 2 0",
    "kalman_level": "1 2 0",
}
# In the scale of volumes and of sizes of quotes.
SIZE = {
    **each("1", """obv accumulation_distribution chaikin_oscillator price_volume_trend force_index ofi
           ofi_multilevel"""),
    **each("0", """cmf mfi volume_zscore volume_ratio vwma vpin vwap vwap_deviation trade_flow_imbalance
           participation_rate queue_imbalance weighted_mid microprice"""),
    "kyle_lambda": "-1", "amihud": "-1",
}
# In the scale of x and in that of y. A kalman_hedge has none in x: at first it doubts its ratio as much as its
# intercept, whatever the unit of x.
OF_X = {"correlation": "0", "covariance": "1", "beta": "-1", "ewma_covariance": "1", "ewma_correlation": "0",
        "cointegration_spread": "0 0 -1 0", "residual_momentum": "0", "residual_reversal": "0"}
OF_Y = {"correlation": "0", "covariance": "1", "beta": "1", "ewma_covariance": "1", "ewma_correlation": "0",
        "cointegration_spread": "1 0 1 0", "residual_momentum": "0", "residual_reversal": "0",
        "kalman_hedge": "1 1 1 0"}

# Settings that have the unit of a price or of a size, and their powers.
IN_UNITS = {"kalman_level": {"drift": 2, "noise": 2}, "kalman_hedge": {"drift": 2, "noise": 2},
            "clip": {"low": 1, "high": 1}, "microprice": {"tick": 1}}
IN_SIZES = {"vpin": {"bucket": 1}}

# Which outputs move with the prices when a constant is added: 1, and 0 those that stay.
SHIFT = {
    **each("1", """sma ema wilder dema tema wma hma trima kama donchian linear_forecast bollinger rolling_median
           rolling_quantile rolling_max rolling_min lag vwma vwap weighted_mid microprice"""),
    **each("0", """linear_slope linear_r2 momentum macd cmo zscore rsi stochastic_fast stochastic bollinger_percent cci
           williams_r aroon aroon_oscillator adx true_range atr standard_deviation variance skew kurtosis
           autocorrelation half_life hurst standardise obv accumulation_distribution chaikin_oscillator cmf force_index
           ofi ofi_multilevel tick_rule lee_ready effective_spread realised_spread kyle_lambda roll_spread vpin"""),
    "supertrend": "1 0", "expanding_moments": "1 0 0 0", "fading_moments": "1 0 0", "kalman_level": "1 0 0",
}
SHIFT_PAIRS = {"correlation", "covariance", "beta", "ewma_covariance", "ewma_correlation", "cointegration_spread",
               "residual_momentum", "residual_reversal"}
RATIOS = set(each("", """trix roc log_return time_series_momentum ppo bollinger_width natr realised_volatility
    close_to_close ewma_volatility parkinson garman_klass rogers_satchell yang_zhang bipower_volatility jump_test
    downside_deviation drawdown mfi price_volume_trend amihud vwap_deviation clip"""))
"""Of ratios of prices, and of limits that are prices: a constant added changes them as it will."""

# What the outputs become when buyers and sellers change places: prices and signed volumes are negated, and high is low.
MIRROR = {
    **each(lambda *outputs: tuple(-x for x in outputs), """
        sma ema wilder dema tema wma hma trima kama linear_slope linear_forecast momentum macd cmo zscore cci skew
        accumulation_distribution chaikin_oscillator cmf force_index rolling_median lag standardise tick_rule lee_ready
        vwma vwap aroon_oscillator trade_flow_imbalance"""),
    **each(lambda *outputs: outputs, """
        variance standard_deviation kurtosis linear_r2 true_range atr autocorrelation half_life hurst trix
        effective_spread realised_spread roll_spread kyle_lambda correlation covariance beta ewma_covariance
        ewma_correlation"""),
    "donchian": lambda upper, middle, lower: (-lower, -middle, -upper),
    "bollinger": lambda upper, middle, lower: (-lower, -middle, -upper),
    "bollinger_percent": lambda share: (1 - share,),
    "rsi": lambda share: (100 - share,),
    "stochastic": lambda k, d: (100 - k, 100 - d),
    "stochastic_fast": lambda k, d: (100 - k, 100 - d),
    "williams_r": lambda share: (-100 - share,),
    "aroon": lambda down, up: (up, down),
    "adx": lambda index, plus, minus: (index, minus, plus),
    "expanding_moments": lambda mean, variance, skew, kurtosis: (-mean, variance, -skew, kurtosis),
    "fading_moments": lambda mean, variance, score: (-mean, variance, -score),
    "kalman_level": lambda level, variance, surprise: (-level, variance, -surprise),
}
OTHER_SIDE = {"high": "low", "low": "high", "bid": "ask", "ask": "bid"}


def outputs(signal, data, /, **parameters) -> np.ndarray:
    return np.array(signal.batch(*data, **parameters)).reshape(len(signal.output_names), len(data[0]))


def numbers(law: str, signal) -> np.ndarray:
    """Return the law's number of each output, as a column."""
    found = [int(word) for word in law.split()]
    return np.array(found * len(signal.output_names) if len(found) == 1 else found)[:, np.newaxis]


def is_size(name: str) -> bool:
    return "volume" in name or "size" in name


def scaled(signal, data, chosen, factor: float, units) -> np.ndarray:
    """Return the outputs with the ``chosen`` inputs times ``factor``, and settings in their units as well."""
    parameters = small(signal)
    changed = {name: parameters[name] * factor**power for name, power in units.get(signal.name, {}).items()}
    return outputs(signal, [c * factor if chosen(i.name) else c for i, c in zip(signal.inputs, data, strict=True)],
                   **{**parameters, **changed})


def cases():
    for name, law in PRICE.items():
        yield pytest.param(SIGNALS[name], law, lambda i: not is_size(i), IN_UNITS, id=f"{name}-price")
    for name, law in SIZE.items():
        yield pytest.param(SIGNALS[name], law, is_size, IN_SIZES, id=f"{name}-size")
    for name, law in OF_X.items():
        yield pytest.param(SIGNALS[name], law, lambda i: i == "x", {}, id=f"{name}-x")
    for name, law in OF_Y.items():
        yield pytest.param(SIGNALS[name], law, lambda i: i == "y", IN_UNITS, id=f"{name}-y")


def test_every_signal_has_its_laws():
    with_sizes = {name for name, entry in SIGNALS.items() if any(is_size(i.name) for i in entry.inputs)}
    with_prices = {name for name, entry in SIGNALS.items() if not all(is_size(i.name) for i in entry.inputs)}
    assert set(SIZE) == with_sizes
    assert set(PRICE) == with_prices - PAIRS
    assert set(OF_X) == PAIRS - {"kalman_hedge"}
    assert set(OF_Y) == PAIRS
    assert set(SHIFT) | RATIOS == set(PRICE)
    assert not set(SHIFT) & RATIOS


@pytest.mark.parametrize(("signal", "law", "chosen", "units"), list(cases()))
@settings(max_examples=6)
@given(seed=st.integers(0, 999), exponent=st.integers(-12, 12))
def test_units_scale_to_the_last_bit(signal, law, chosen, units, seed, exponent):
    data, factor = columns(signal, N, seed), 2.0**exponent

    found = scaled(signal, data, chosen, factor, units)

    expected = outputs(signal, data, **small(signal)) * factor ** numbers(law, signal)
    np.testing.assert_array_equal(found, expected)


def on_a_grid(signal, seed: int) -> list[np.ndarray]:
    """Return inputs of which each is a multiple of 2^-10: a shift by a whole number rounds none of them."""
    return [np.round(c * 1024) / 1024 for c in columns(signal, N, seed)]


def agree(found, expected) -> None:
    """Compare to nine digits of the largest value."""
    size = np.abs(expected).max(axis=1, keepdims=True, where=np.isfinite(expected), initial=0)
    with np.errstate(invalid="ignore"):
        near = (found == expected) | (np.isnan(found) & np.isnan(expected)) | (abs(found - expected) <= 1e-9 * size)
    assert near.all(), (found[~near], expected[~near])


@pytest.mark.parametrize("name", list(SHIFT))
@settings(max_examples=6)
@given(seed=st.integers(0, 999), by=st.integers(-40, 4_000))
def test_a_constant_added_to_the_prices_is_added_to_levels_and_to_nothing_else(name, seed, by):
    signal = SIGNALS[name]
    data = on_a_grid(signal, seed)
    moved = [c if is_size(i.name) else c + by for i, c in zip(signal.inputs, data, strict=True)]

    found = outputs(signal, moved, **small(signal))

    agree(found, outputs(signal, data, **small(signal)) + by * numbers(SHIFT[name], signal))


@pytest.mark.parametrize("name", sorted(SHIFT_PAIRS))
@settings(max_examples=6)
@given(seed=st.integers(0, 999), by_x=st.integers(-4_000, 4_000), by_y=st.integers(-4_000, 4_000))
def test_a_constant_added_to_one_of_a_pair_changes_nothing(name, seed, by_x, by_y):
    signal = SIGNALS[name]
    x, y = on_a_grid(signal, seed)

    found = outputs(signal, [x + by_x, y + by_y], **small(signal))

    agree(found, outputs(signal, [x, y], **small(signal)))


@pytest.mark.parametrize("name", list(MIRROR))
@settings(max_examples=6)
@given(seed=st.integers(0, 999))
def test_a_mirrored_market_has_the_mirrored_values(name, seed):
    signal = SIGNALS[name]
    data = dict(zip([i.name for i in signal.inputs], columns(signal, N, seed), strict=True))
    mirrored = [data[i] if i == "volume" else -data[OTHER_SIDE.get(i, i)] for i in data]

    found = outputs(signal, mirrored, **small(signal))

    agree(found, np.array(MIRROR[name](*outputs(signal, list(data.values()), **small(signal)))))
