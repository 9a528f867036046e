"""Signals beside their plain formulas, on invented input; the tolerance is the running error bound of ``oracles``."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.signals import catalog
from tests.signals.markets import columns, small
from tests.signals.oracles.registry import every_oracle, expected

ELSEWHERE = {"microstructure", "bars", "cross-section", "composition"}
"""Families of which each entry stands beside plain Python in the files test_quotes, test_trades and so on."""

HEDGES = {"ewma_covariance", "ewma_correlation", "kalman_hedge", "cointegration_spread", "hurst"}
"""Those of other families of which test_hedges has the formula."""

DIGITS = {"skew": 1e-8, "kurtosis": 1e-6}
"""How wide a tolerance may be on a market, a share of the largest value, where that is more than 1e-9.

Of third and fourth powers in a window far calmer than the two before it, whose range the bound is relative to.
"""

PROVEN = [name for name in catalog if name in every_oracle()]
HOLES = (np.nan, np.inf, -np.inf, 1.7e308, -1e61)


def test_every_signal_has_an_oracle():
    here = {name for name, entry in catalog.items() if entry.family not in ELSEWHERE} - HEDGES
    assert here - set(every_oracle()) == set()
    assert set(every_oracle()) <= set(catalog)


@st.composite
def markets(draw, signal):
    """Draw columns and parameters: grids (many ties), uneven numbers, constants, huge, tiny, mixed; and holes."""
    row = st.tuples(*(st.integers(-8, 8) for _ in signal.inputs))
    # Of a list without a least size most are of less than ten rows, and no window would ever wrap.
    n = draw(st.integers(0, 40))
    rows = draw(st.lists(row, min_size=n, max_size=n) | st.builds(lambda row: [row] * n, row))
    scale = draw(st.sampled_from([1.0, 0.01, 1e50, 1e-50]))
    offset = draw(st.sampled_from([0, 100, 10**6]))
    data = (np.array(rows, dtype=np.float64).reshape(-1, len(signal.inputs)).T + offset) * scale
    if draw(st.booleans()):
        data *= 1 + 0.1 * np.sin(np.arange(data.size)).reshape(data.shape)
    if draw(st.booleans()):
        data *= np.array(draw(st.lists(st.sampled_from([1.0, 1.0, 1e8, 1e-8]), min_size=data.shape[1],
                                       max_size=data.shape[1])))
    names = [i.name for i in signal.inputs]
    if {"high", "low"} <= set(names) and draw(st.booleans()):
        rows_of = {name: names.index(name) for name in ("low", "close", "open", "high") if name in names}
        data[list(rows_of.values())] = np.sort(data[list(rows_of.values())], axis=0)
    for i, item in enumerate(signal.inputs):
        data[i] = abs(data[i]) if item.floor >= 0 else data[i]
    for at, row, hole in draw(st.lists(st.tuples(st.integers(0, 39), st.integers(0, len(names) - 1),
                                                 st.sampled_from(HOLES)), max_size=3)):
        if at < data.shape[1]:
            data[row, at] = hole
    return list(data), draw(settings_of(signal))


def numbers(low, high):
    """Draw a number of which the square is not too small to have all its digits."""
    return st.floats(low, high).map(lambda value: max(round(value, 12), low))


@st.composite
def settings_of(draw, signal):
    found = {}
    for p in signal.parameters:
        low, high = (int(p.low), int(min(p.high, p.low + 8))) if p.whole else (p.low, min(p.high, p.low + 5))
        found[p.name] = draw(st.integers(low, high) if p.whole else numbers(low, high))
    for below, above in signal.ordered:
        found[above] = max(found[above], found[below] + 1)
    return found


def well_formed(signal, columns) -> bool:
    """Whether bars have their close between low and high, and prices are positive: then outputs keep to their units."""
    named = dict(zip([i.name for i in signal.inputs], columns, strict=True))
    if not {"high", "low"} <= set(named):
        return True
    close = named.get("close", named["low"])
    return bool(((named["low"] <= close) & (close <= named["high"]) & (named["low"] > 0)).all())


def in_range(signal, found) -> bool:
    """Whether values are in the range that is said to be the unit, as ``0 to 100``, but for rounding."""
    said = re.fullmatch(r"(-?\d+) to (-?\d+)", signal.unit)
    if said is None:
        return True
    low, high = (float(end) for end in said.groups())
    room = 1e-13 * (high - low)
    return bool((np.isnan(found) | ((found >= low - room) & (found <= high + room))).all())


def compared(signal, data, parameters) -> list:
    """Check each value; return (ours, theirs) of each output, at the observations that are usable."""
    usable = np.ones(len(data[0]), dtype=bool)
    for item, column in zip(signal.inputs, data, strict=True):
        usable &= np.isfinite(column) & (abs(column) <= 1e60) & (column >= item.floor)
    ours = np.array(signal.batch(*data, **parameters)).reshape(len(signal.output_names), len(usable))
    theirs = expected(signal.name, [column[usable] for column in data], parameters) if usable.any() else []
    # An observation that is not usable repeats the value before it.
    place = np.cumsum(usable) - 1
    for row, found in enumerate(theirs):
        value = np.where(place < 0, np.nan, found.value[np.maximum(place, 0)])
        slack = np.where(place < 0, 0, found.slack[np.maximum(place, 0)])
        with np.errstate(invalid="ignore"):
            fits = (ours[row] == value) | (np.isnan(ours[row]) & np.isnan(value)) | (abs(ours[row] - value) <= slack)
        # An infinite slack says that not one digit is certain, nor whether there is a value.
        wrong = np.flatnonzero(~(fits | np.isinf(slack)))
        assert not wrong.size, (signal.output_names[row], int(wrong[0]), ours[row][wrong[0]], value[wrong[0]],
                                slack[wrong[0]], parameters)
    if not theirs:
        assert np.isnan(ours).all()
    if well_formed(signal, [column[usable] for column in data]):
        assert in_range(signal, ours), (ours, parameters)
    return list(zip(ours[:, usable], theirs, strict=True)) if theirs else []


@pytest.mark.parametrize("name", PROVEN)
@settings(max_examples=60)
@given(data=st.data())
def test_values_are_those_of_the_formula(name, data):
    drawn, parameters = data.draw(markets(catalog[name]))

    compared(catalog[name], drawn, parameters)


@pytest.mark.parametrize(("growth", "steps"), [(1.0005, np.inf), (2.0, np.inf), (0.5, 1.0), (0.9995, 1386.0),
                                               (-0.5, 0.0)])
def test_a_series_that_fades_or_runs_away_has_the_half_life_of_its_growth(growth, steps):
    """Drawn series seldom have a slope so near to 1."""
    found = catalog["half_life"].batch(7.0 * growth ** np.arange(30.0), period=5)

    np.testing.assert_allclose(found[5:], steps, rtol=1e-3)


@pytest.mark.parametrize(("volume", "share"), [(0.24, 0.0), (0.25, 100.0), (0.4, 100.0)])
def test_less_than_one_unit_of_money_is_no_flow(volume, share):
    """Two rises to 1 and 3: four times the volume, beside TA-Lib's threshold."""
    price = np.array([0.5, 1.0, 3.0])

    assert catalog["mfi"].batch(price, price, price, np.full(3, volume), period=2)[2] == share


@pytest.mark.parametrize("name", PROVEN)
@pytest.mark.parametrize("more", [0, 1, 4])
def test_on_a_market_the_tolerance_is_a_billionth_of_the_largest_value(name, more):
    """Otherwise the test above might pass because its slack is wide."""
    signal = catalog[name]
    highest = {p.name: p.high for p in signal.parameters}
    parameters = {p: min(v + more, highest[p]) if isinstance(v, int) else v for p, v in small(signal).items()}
    for ours, theirs in compared(signal, columns(signal, 160), parameters):
        known = ~np.isnan(ours)
        assert known.sum() > 100
        assert theirs.slack[known].max() <= DIGITS.get(name, 1e-9) * abs(ours[known & np.isfinite(ours)]).max()
