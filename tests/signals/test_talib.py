"""Every signal that TA-Lib has too gives what TA-Lib gives: its scale, its seeding, its order of inputs."""

import math

import numpy as np
import pytest
import talib

from algotrade.signals import catalog
from tests.signals.markets import bars

# Ours, TA-Lib's function, inputs, parameters as (ours, TA-Lib's).
CASES = [
    ("sma", talib.SMA, "close", {"period": "timeperiod"}),
    ("ema", talib.EMA, "close", {"period": "timeperiod"}),
    ("dema", talib.DEMA, "close", {"period": "timeperiod"}),
    ("tema", talib.TEMA, "close", {"period": "timeperiod"}),
    ("trix", talib.TRIX, "close", {"period": "timeperiod"}),
    ("wma", talib.WMA, "close", {"period": "timeperiod"}),
    ("trima", talib.TRIMA, "close", {"period": "timeperiod"}),
    ("kama", talib.KAMA, "close", {"period": "timeperiod"}),
    ("momentum", talib.MOM, "close", {"period": "timeperiod"}),
    ("roc", talib.ROC, "close", {"period": "timeperiod"}),
    ("macd", talib.MACD, "close", {"fast": "fastperiod", "slow": "slowperiod", "signal": "signalperiod"}),
    ("ppo", talib.PPO, "close", {"fast": "fastperiod", "slow": "slowperiod"}),
    ("cmo", talib.CMO, "close", {"period": "timeperiod"}),
    ("rsi", talib.RSI, "close", {"period": "timeperiod"}),
    ("stochastic", talib.STOCH, "high low close",
     {"period": "fastk_period", "k_smooth": "slowk_period", "d_smooth": "slowd_period"}),
    ("stochastic_fast", talib.STOCHF, "high low close", {"period": "fastk_period", "d_smooth": "fastd_period"}),
    ("bollinger", talib.BBANDS, "close", {"period": "timeperiod", "deviations": ("nbdevup", "nbdevdn")}),
    ("cci", talib.CCI, "high low close", {"period": "timeperiod"}),
    ("williams_r", talib.WILLR, "high low close", {"period": "timeperiod"}),
    ("aroon", talib.AROON, "high low", {"period": "timeperiod"}),
    ("aroon_oscillator", talib.AROONOSC, "high low", {"period": "timeperiod"}),
    ("linear_slope", talib.LINEARREG_SLOPE, "close", {"period": "timeperiod"}),
    ("linear_forecast", talib.LINEARREG, "close", {"period": "timeperiod"}),
    ("true_range", talib.TRANGE, "high low close", {}),
    ("atr", talib.ATR, "high low close", {"period": "timeperiod"}),
    ("natr", talib.NATR, "high low close", {"period": "timeperiod"}),
    ("standard_deviation", talib.STDDEV, "close", {"period": "timeperiod"}),
    ("variance", talib.VAR, "close", {"period": "timeperiod"}),
    ("obv", talib.OBV, "close volume", {}),
    ("accumulation_distribution", talib.AD, "high low close volume", {}),
    ("chaikin_oscillator", talib.ADOSC, "high low close volume", {"fast": "fastperiod", "slow": "slowperiod"}),
    ("mfi", talib.MFI, "high low close volume", {"period": "timeperiod"}),
    ("correlation", talib.CORREL, "high low", {"period": "timeperiod"}),
    ("rolling_max", talib.MAX, "close", {"period": "timeperiod"}),
    ("rolling_min", talib.MIN, "close", {"period": "timeperiod"}),
]
PARTS = [("adx", 0, talib.ADX), ("adx", 1, talib.PLUS_DI), ("adx", 2, talib.MINUS_DI), ("donchian", 0, talib.MAX),
         ("donchian", 2, talib.MIN)]


def agree(ours, theirs) -> None:
    """Compare where both are known: TA-Lib has some values earlier, of which ours wait for the other outputs."""
    first = np.flatnonzero(~np.isnan(ours))[0]
    np.testing.assert_allclose(ours[first:], theirs[first:], rtol=1e-8, atol=1e-8 * np.nanmax(np.abs(theirs)))


def settings(signal, names, grow: float) -> tuple[dict, dict]:
    """Return parameters for us and for TA-Lib, ``grow`` times the defaults."""
    ours, theirs = {}, {}
    for parameter in signal.parameters:
        if parameter.name not in names:
            continue
        value = parameter.default * max(grow, 0.1)
        value = max(int(value), int(parameter.low)) if parameter.whole else value
        if any(parameter.name == above for _, above in signal.ordered):
            value += 3
        ours[parameter.name] = value
        called = names[parameter.name]
        theirs |= dict.fromkeys([called] if isinstance(called, str) else called, value)
    return ours, theirs


@pytest.mark.parametrize("grow", [0.0, 0.7, 1.0, 3.0])
@pytest.mark.parametrize(("name", "function", "inputs", "parameters"), CASES, ids=[case[0] for case in CASES])
def test_the_values_are_talibs(name, function, inputs, parameters, grow):
    signal, made = catalog[name], bars(3_000)
    ours, theirs = settings(signal, parameters, grow)
    data = [made[column] for column in inputs.split()]
    assert len(data) == len(signal.inputs)
    # TA-Lib takes most windows from 2 on; a correlation of two equal pairs is 0 there and not known here.
    least = 3 if name == "correlation" else 2
    theirs, ours = ({k: max(v, least) if isinstance(v, int) else v for k, v in d.items()} for d in (theirs, ours))

    found, expected = signal.batch(*data, **ours), function(*data, **theirs)

    for one, other in zip(*((found, expected) if isinstance(expected, tuple) else ([found], [expected])), strict=True):
        agree(one, other)


@pytest.mark.parametrize("grow", [0.0, 0.7, 1.0, 3.0])
@pytest.mark.parametrize(("name", "output", "function"), PARTS, ids=[f"{case[0]}-{case[1]}" for case in PARTS])
def test_each_output_of_several_is_talibs(name, output, function, grow):
    signal, made = catalog[name], bars(3_000)
    period = max(int(signal.parameters[0].default * grow), 2)
    data = [made[i.name] for i in signal.inputs]

    found = signal.batch(*data, period=period)[output]

    agree(found, function(*(data if name == "adx" else [data[output // 2]]), timeperiod=period))


SAME_START = [case[:3] for case in CASES if case[0] not in {"macd", "stochastic", "stochastic_fast"}]


@pytest.mark.parametrize(("name", "function", "inputs"), SAME_START, ids=[case[0] for case in SAME_START])
def test_defaults_and_warm_up_are_talibs(name, function, inputs):
    signal, made = catalog[name], bars(400)
    data = [made[column] for column in inputs.split()]

    found, expected = signal.batch(*data), function(*data)

    one, other = (found[0], expected[0]) if isinstance(expected, tuple) else (found, expected)
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    agree(one, other)
    assert math.isnan(one[0]) == (signal.warmup() > 1)
