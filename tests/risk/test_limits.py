from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.risk import Limits, LimitsError
from algotrade.risk.limits import AMOUNTS, COUNTS


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "-Infinity"])
def test_an_amount_that_bounds_nothing_is_refused_by_name(name, value):
    with pytest.raises(LimitsError, match=rf"{name} is .*; allowed: a finite number above 0"):
        Limits(**{name: Decimal(value)})


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_out_of_range_is_refused_by_name(name):
    for value in (0, -5, COUNTS[name] + 1):
        with pytest.raises(LimitsError, match=rf"{name} is {value}; allowed: 1 to {COUNTS[name]}"):
            Limits(**{name: value})


def test_limits_that_contradict_one_another_are_refused():
    with pytest.raises(LimitsError, match="order_quantity_max"):
        Limits(order_quantity_max=Decimal(10), position_quantity_max=Decimal(5))
    with pytest.raises(LimitsError, match="net_exposure_max"):
        Limits(gross_exposure_max=Decimal(10), net_exposure_max=Decimal(11))


@given(st.integers(1, 1000), st.decimals(1, 10**9, places=2))
def test_kernels_see_the_same_numbers(count, amount):
    limits = Limits(working_orders_max=count, gross_exposure_max=Decimal(2 * 10**9), net_exposure_max=amount)

    row = limits.record()[0]

    assert all(row[name] == float(getattr(limits, name)) for name in (*AMOUNTS, *COUNTS))
