"""Trails and touches against plain Python and against what they promise; compiled and interpreted alike."""

import json
import os
import subprocess
import sys
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import numba
from hypothesis import given
from hypothesis import strategies as st

from algotrade.matching.conditions import (
    UNMOVED,
    best_of_bar,
    touched_at_moment,
    touched_in_bar,
    trail_ticks,
    trailed,
)

ROOT = Path(__file__).resolve().parents[2]
BUY, SELL = 1, -1

sides = st.sampled_from([BUY, SELL])
prices = st.integers(1, 10**6)
amounts = st.integers(0, 10**4)
percents = st.one_of(st.just(0.0), st.integers(1, 5000).map(lambda n: n / 100))


def oracle_trailed(side, stop, price, amount, percent):
    """Say in words what ``trailed`` promises."""
    if percent:
        exact = price * Decimal(str(percent)) / 100
        amount = int(exact.to_integral_value(ROUND_CEILING))
    amount = max(amount, 1)
    return min(stop, price + amount) if side == BUY else max(stop, price - amount)


@given(sides, prices, prices, amounts, percents)
def test_a_trail_is_where_the_oracle_says(side, stop, price, amount, percent):
    assert trailed(side, stop, price, amount, percent) == oracle_trailed(side, stop, price, amount, percent)


@given(sides, st.lists(prices, min_size=1, max_size=30), amounts, percents)
def test_a_trail_never_moves_away_and_keeps_its_distance_from_the_best_price(side, path, amount, percent):
    stop = side * UNMOVED
    best = None
    for price in path:
        before, stop = stop, trailed(side, stop, price, amount, percent)
        best = price if best is None else (min(best, price) if side == BUY else max(best, price))
        assert side * (before - stop) >= 0
        assert side * (stop - best) >= 1
        assert stop == trailed(side, side * UNMOVED, best, amount, percent)


@given(sides, prices, amounts, percents)
def test_the_price_that_moves_a_trail_does_not_fire_it(side, price, amount, percent):
    stop = trailed(side, side * UNMOVED, price, amount, percent)
    assert side * (price - stop) < 0


@given(sides, prices, prices)
def test_a_touch_is_the_mirror_of_a_stop(side, taker, touch):
    assert touched_at_moment(side, taker, touch) == (taker <= touch if side == BUY else taker >= touch)


@given(sides, prices, st.integers(0, 50), prices)
def test_a_bar_touches_what_one_of_its_prices_touches(side, low, height, touch):
    inside = range(low, low + height + 1)
    assert touched_in_bar(side, low + height, low, touch) == any(touched_at_moment(side, p, touch) for p in inside)


def test_examples():
    assert trailed(SELL, 9_500, 10_200, 500, 0.0) == 9_700
    assert trailed(SELL, 9_700, 10_100, 500, 0.0) == 9_700
    assert trailed(BUY, 10_500, 9_900, 500, 0.0) == 10_400
    assert trailed(SELL, 0, 10_000, 0, 2.5) == 9_750
    assert trail_ticks(101, 0, 10.0) == 11
    assert best_of_bar(SELL, 12, 8) == 12


def outcomes():
    """Return what the kernels say on a grid: the same whether compiled or interpreted."""
    grid = [(s, p, q, a, c) for s in (BUY, SELL) for p in (1, 99, 10_001) for q in (1, 100, 9_999)
            for a in (0, 7) for c in (0.0, 0.1, 12.5)]
    return [[trailed(s, p, q, a, c), trail_ticks(p, a, c), bool(touched_at_moment(s, p, q)),
             bool(touched_in_bar(s, max(p, q), min(p, q), a)), best_of_bar(s, p, q)] for s, p, q, a, c in grid]


PROGRAM = """
import json, sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = ["tests"]
from tests.matching.test_conditions import outcomes
print(json.dumps(outcomes()))
"""


def test_interpreted_kernels_say_the_same():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True,
        cwd=ROOT, env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT / "libs")},
    )

    assert not numba.config.DISABLE_JIT, "this process shall be the compiled one"
    assert json.loads(run.stdout) == outcomes()
