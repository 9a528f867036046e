import math
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given

from algotrade.backtest.curve import curve_of
from algotrade.backtest.round_trips import RoundTrip, round_trips
from algotrade.backtest.statistics import daily_returns, sharpe_ratio, statistics_of, volatility_annual
from algotrade.domain import Side
from tests.backtest.makers import CASH, DAY_NS, INSTRUMENTS, fill, marks, runs


def figures(fills, mark_rows):
    curve = curve_of(fills, mark_rows, INSTRUMENTS, CASH)
    return statistics_of(curve, fills, INSTRUMENTS, orders=0, rejects=0)


@given(runs)
def test_daily_returns_compound_to_the_return_of_the_run(run):
    curve = curve_of(*run, INSTRUMENTS, CASH)

    returns = daily_returns(curve)

    if (curve.day_equity > 0).all():
        assert np.prod(1 + returns) - 1 == pytest.approx(float(curve.total_pnl / CASH), rel=1e-9, abs=1e-9)
    else:
        first_lost = int(np.argmax(curve.day_equity <= 0))
        assert np.isnan(returns[first_lost + 1:]).all()
        assert np.isfinite(returns[:first_lost + 1]).all()


@given(runs)
def test_round_trips_and_open_positions_together_earn_what_the_ledger_says(run):
    fills, mark_rows = run
    positions = curve_of(fills, mark_rows, INSTRUMENTS, CASH).positions

    trips = round_trips(fills, INSTRUMENTS)

    assert all(t.closed_ns >= t.opened_ns for t in trips)
    for i, position in positions.items():
        if position.quantity == 0:
            earned = sum((t.net_pnl for t in trips if t.instrument == i), Decimal(0))
            assert abs(earned - (position.realized_pnl - position.commission)) < Decimal("1e-12")


@given(runs)
def test_commissions_lower_the_profit_by_exactly_themselves(run):
    fills, mark_rows = run

    paid = figures(fills, mark_rows)
    free = figures([msgspec.structs.replace(f, commission=Decimal(0)) for f in fills], mark_rows)

    assert free.total_pnl - paid.total_pnl == pytest.approx(paid.commission)
    assert free.commission == 0
    assert (free.round_trips, free.traded_value) == (paid.round_trips, paid.traded_value)
    assert not free.hit_rate < paid.hit_rate


def test_a_fill_through_zero_closes_one_trip_and_opens_the_next_and_shares_its_commission():
    trips = round_trips(
        [fill(1, Side.BUY, 10, 100, commission=1), fill(2, Side.SELL, 15, 110, commission=3),
         fill(3, Side.BUY, 5, 120, commission=1)], INSTRUMENTS)

    assert trips == [
        RoundTrip(instrument=0, side=Side.BUY, opened_ns=1, closed_ns=2, net_pnl=Decimal(97)),
        RoundTrip(instrument=0, side=Side.SELL, opened_ns=2, closed_ns=3, net_pnl=Decimal(-52)),
    ]


def test_a_trip_counts_with_all_that_was_added_and_taken_off_and_with_its_multiplier():
    future = [fill(n, side, 1, price, instrument=1) for n, (side, price) in enumerate(
        [(Side.SELL, 4000), (Side.SELL, 4010), (Side.BUY, 3990), (Side.BUY, 4000)])]

    assert [(t.side, t.net_pnl) for t in round_trips(future, INSTRUMENTS)] == [(Side.SELL, Decimal(20 * 50))]


def test_the_figures_of_a_hand_made_run():
    fills = [fill(1, Side.BUY, 100, 100, commission=1, time_ns=10), fill(2, Side.SELL, 100, 110, commission=1,
                                                                        time_ns=2 * DAY_NS + 10)]

    s = figures(fills, marks((10, 0, 100.0), (DAY_NS, 0, 90.0), (2 * DAY_NS + 10, 0, 110.0)))

    daily = np.array([-1e-5, 98_999 / 99_999 - 1, 100_998 / 98_999 - 1])
    assert (s.total_pnl, s.commission, s.traded_value) == (998, 2, 21_000)
    assert (s.days, s.round_trips, s.hit_rate, s.holding_ns_average) == (3, 1, 1.0, 2 * DAY_NS)
    assert s.return_share == pytest.approx(0.00998)
    assert s.volatility_annual == pytest.approx(np.std(daily, ddof=1) * 252**0.5)
    assert s.sharpe_ratio == pytest.approx(daily.mean() / np.std(daily, ddof=1) * 252**0.5)
    assert s.turnover == pytest.approx(21_000 / np.mean([99_999, 98_999, 100_998]))
    assert s.drawdown_max.amount == pytest.approx(1_001)
    assert math.isnan(s.return_annual)


def test_what_is_undefined_is_nan():
    s = figures([], marks())

    undefined = (s.return_annual, s.volatility_annual, s.sharpe_ratio, s.turnover, s.hit_rate, s.holding_ns_average)
    assert all(math.isnan(v) for v in undefined)
    assert (s.total_pnl, s.return_share, s.drawdown_max.amount) == (0, 0, 0)


def test_one_day_has_no_volatility_and_steady_returns_no_sharpe_ratio():
    assert math.isnan(volatility_annual(np.array([0.01])))
    assert math.isnan(sharpe_ratio(np.array([0.01] * 10)))
    assert volatility_annual(np.array([0.01] * 10)) == pytest.approx(0, abs=1e-12)


def test_a_year_of_data_is_annualised_to_itself():
    rising = marks(*((d * DAY_NS + 1, 0, 100 + d / 10) for d in range(252)))

    s = figures([fill(1, Side.BUY, 100, 100, time_ns=1)], rising)

    assert s.days == 252
    assert s.return_annual == pytest.approx(s.return_share)
