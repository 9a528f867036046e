from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.backtest.curve import CurveError, Drawdown, curve_of
from algotrade.domain import Instrument, Instruments, Side
from tests.backtest.makers import CASH, DAY_NS, INSTRUMENTS, fill, marks, runs


def oracle(fills, mark_rows, upto_ns):
    """Account for everything up to a time, one event after the other, in Decimal: (equity, gross exposure)."""
    cash, position, price = CASH, {}, {}
    events = [(f.event_time_ns, 0, f) for f in fills] + [(int(m["time_ns"]), 1, m) for m in mark_rows]
    for time_ns, is_mark, event in sorted(events, key=lambda e: e[:2]):
        if time_ns > upto_ns:
            break
        if is_mark:
            price[int(event["instrument"])] = Decimal(repr(float(event["price"])))
            continue
        i, signed = event.instrument, event.quantity * event.side
        cash -= signed * event.price * INSTRUMENTS[i].multiplier + event.commission
        position[i] = position.get(i, Decimal(0)) + signed
        price[i] = event.price
    values = [q * price[i] * INSTRUMENTS[i].multiplier for i, q in position.items()]
    return cash + sum(values), sum(abs(v) for v in values)


@given(runs)
def test_every_point_is_cash_plus_what_is_held_at_its_mark(run):
    fills, mark_rows = run

    curve = curve_of(fills, mark_rows, INSTRUMENTS, CASH)

    assert np.array_equal(curve.equity, curve.cash + curve.net_exposure)
    for time_ns, equity, gross in zip(curve.time_ns.tolist(), curve.equity, curve.gross_exposure, strict=True):
        expected = oracle(fills, mark_rows, time_ns)
        assert (equity, gross) == pytest.approx([float(v) for v in expected], rel=1e-9, abs=1e-5)


@given(runs)
def test_the_last_point_agrees_with_the_ledger(run):
    fills, mark_rows = run

    curve = curve_of(fills, mark_rows, INSTRUMENTS, CASH)

    if len(curve.equity):
        largest = max(abs(float(curve.equity_final)), float(curve.gross_exposure.max()), float(CASH))
        assert abs(curve.equity[-1] - float(curve.equity_final)) <= 1e-6 * largest
        assert abs(curve.equity_final - oracle(fills, mark_rows, 2**62)[0]) < Decimal("1e-12")


@given(runs, st.integers(4, 40))
def test_drawdown_is_never_positive_and_the_worst_of_all_times(run, points_max):
    every = curve_of(*run, INSTRUMENTS, CASH)
    few = curve_of(*run, INSTRUMENTS, CASH, points_max)

    assert (every.drawdown <= 0).all()
    assert len(few.time_ns) <= points_max
    assert few.drawdown_max == every.drawdown_max
    if len(every.drawdown):
        peaks = every.equity - every.drawdown
        assert every.drawdown_max.share == pytest.approx(max(-every.drawdown / peaks))
        assert set(few.time_ns) <= set(every.time_ns)
        assert (few.time_ns[0], few.time_ns[-1]) == (every.time_ns[0], every.time_ns[-1])
    if few.drawdown_max.trough_ns is not None:
        assert {few.drawdown_max.peak_ns, few.drawdown_max.trough_ns} <= set(few.time_ns.tolist())


@given(runs, st.integers(2, 9))
def test_profit_scales_with_the_quantities(run, factor):
    fills, mark_rows = run
    larger = [
        msgspec.structs.replace(f, quantity=f.quantity * factor, commission=f.commission * factor) for f in fills
    ]

    once = curve_of(fills, mark_rows, INSTRUMENTS, CASH)
    scaled = curve_of(larger, mark_rows, INSTRUMENTS, CASH)

    assert abs(scaled.total_pnl - factor * once.total_pnl) < Decimal("1e-12")
    assert scaled.net_exposure == pytest.approx(once.net_exposure * factor, rel=1e-9, abs=1e-5)


@given(runs, st.integers(2, 4))
def test_a_split_of_a_fill_in_two_changes_nothing(run, parts):
    fills, mark_rows = run
    split = [
        msgspec.structs.replace(f, quantity=f.quantity / parts, commission=f.commission / parts)
        for f in fills for _ in range(parts)
    ]

    one, two = (curve_of(f, mark_rows, INSTRUMENTS, CASH) for f in (fills, split))

    assert np.allclose(one.equity, two.equity, rtol=1e-9, atol=1e-5)


def test_a_hand_made_run():
    curve = curve_of(
        [fill(1, Side.BUY, 10, 100, commission=1, time_ns=10), fill(2, Side.SELL, 10, 90, commission=1, time_ns=40)],
        marks((5, 0, 99.0), (10, 0, 101.0), (20, 0, 120.0), (30, 0, 80.0), (DAY_NS, 0, 500.0)), INSTRUMENTS, CASH)

    assert curve.time_ns.tolist() == [5, 10, 20, 30, 40, DAY_NS]
    assert curve.equity.tolist() == [100_000, 100_009, 100_199, 99_799, 99_898, 99_898]
    assert curve.drawdown.tolist() == [0, 0, 0, -400, -301, -301]
    assert curve.drawdown_max == Drawdown(amount=400.0, share=400 / 100_199, peak_ns=20, trough_ns=30)
    assert (curve.day_end_ns.tolist(), curve.day_equity.tolist()) == ([40, DAY_NS], [99_898, 99_898])
    assert (curve.total_pnl, curve.equity_final) == (Decimal(-102), Decimal(99_898))


def test_a_fill_moves_the_mark_until_a_mark_comes():
    """Valued at the older mark of 50, the position would lose half its price for a moment."""
    curve = curve_of([fill(1, Side.BUY, 10, 100, time_ns=20)], marks((10, 0, 50.0), (30, 0, 110.0)), INSTRUMENTS, CASH)

    assert curve.equity.tolist() == [100_000, 100_000, 100_100]


def test_a_run_that_only_loses_falls_from_its_starting_cash():
    curve = curve_of([fill(1, Side.BUY, 10, 100, time_ns=20)], marks((20, 0, 90.0)), INSTRUMENTS, CASH)

    assert curve.drawdown_max == Drawdown(amount=100.0, share=0.001, peak_ns=20, trough_ns=20)


def test_a_run_without_events_has_no_points_and_its_cash():
    curve = curve_of([], marks(), INSTRUMENTS, CASH)

    assert len(curve.time_ns) == len(curve.day_equity) == 0
    assert (curve.equity_final, curve.drawdown_max, curve.currency) == (CASH, Drawdown(), "USD")


def test_a_day_of_ticks_is_drawn_with_few_points_that_keep_its_worst_moment():
    walk = 100 + np.cumsum(np.random.default_rng(1).normal(0, 0.01, 50_000))
    rows = np.zeros(50_000, dtype=marks().dtype)
    rows["time_ns"], rows["price"] = np.arange(50_000), walk

    curve = curve_of([fill(0, Side.BUY, 100, "100", time_ns=0)], rows, INSTRUMENTS, CASH)

    equity = 100_000 + 100 * (walk - 100)
    assert len(curve.time_ns) <= 2_000
    assert curve.drawdown_max.amount == pytest.approx((np.maximum.accumulate(equity) - equity).max())


def test_two_currencies_have_no_equity_in_one_number():
    both = Instruments([Instrument(id=0, symbol="A"), Instrument(id=1, symbol="B", currency="EUR")])
    fills = [fill(1, Side.BUY, 1, 10), fill(2, Side.BUY, 1, 10, instrument=1)]

    assert curve_of(fills[1:], marks(), both, CASH).currency == "EUR"
    with pytest.raises(CurveError, match="EUR, USD; allowed: one currency"):
        curve_of(fills, marks(), both, CASH)


@pytest.mark.parametrize("cash", [0, -1])
def test_starting_cash_is_above_zero(cash):
    with pytest.raises(CurveError, match="starting cash is"):
        curve_of([], marks(), INSTRUMENTS, Decimal(cash))
