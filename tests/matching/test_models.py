import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import IntentId
from algotrade.matching import CommissionModel, ModelError, VenueModel
from algotrade.matching.latency import arrival_ns


@pytest.mark.parametrize(("name", "value"), [
    ("order_latency_ns", 0), ("report_latency_ns", 0), ("order_latency_ns", -1), ("order_latency_jitter_ns", -1),
    ("slippage_ticks", -1), ("half_spread_bps", math.nan), ("half_spread_bps", -0.1), ("half_spread_bps", 10_000.0),
    ("volume_share_max", 0.0), ("volume_share_max", 1.01), ("volume_share_max", math.nan),
])
def test_a_setting_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ModelError, match=rf"{name} is .*; allowed: "):
        VenueModel(**{name: value})


@pytest.mark.parametrize("value", [Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
@pytest.mark.parametrize("name", ["per_unit", "order_min", "value_max"])
def test_a_commission_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ModelError, match=rf"{name} is .*; allowed: a finite number"):
        CommissionModel(**{name: value})


@pytest.mark.parametrize(("quantity", "price", "expected"), [
    (100, "50", "1"),  # the minimum
    (1000, "50", "5"),  # 0.005 a share
    (10, "0.25", "0.025"),  # 1 % of the value wins over the minimum
    (200, "0.30", "0.6"),
])
def test_the_fixed_plan_by_hand(quantity, price, expected):
    assert CommissionModel().total(Decimal(quantity), quantity * Decimal(price)) == Decimal(expected)


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 100_000)), min_size=1, max_size=10))
def test_what_is_owed_never_falls_as_an_order_fills(fills):
    model, quantity, value, owed = CommissionModel(), Decimal(0), Decimal(0), Decimal(0)
    for lots, cents in fills:
        quantity, value = quantity + lots, value + lots * Decimal(cents) / 100
        assert model.total(quantity, value) >= owed
        owed = model.total(quantity, value)


ids = st.builds(lambda s, n: IntentId(strategy="s", run="r", sequence=s, number=n), st.integers(1, 2**60),
                st.integers(0, 3))


@given(ids, st.integers(0, 2**40), st.integers(0, 10**9), st.integers(0, 2**63 - 1))
def test_arrival_depends_on_seed_and_id_alone_and_stays_within_the_jitter(intent_id, born_ns, jitter_ns, seed):
    model = VenueModel(order_latency_ns=5, order_latency_jitter_ns=jitter_ns)

    arrived = arrival_ns(model, seed, intent_id, born_ns)

    assert born_ns + 5 <= arrived <= born_ns + 5 + jitter_ns
    assert arrived == arrival_ns(model, seed, intent_id, born_ns)
    assert arrived - born_ns == arrival_ns(model, seed, intent_id, 0)


def test_jitter_spreads_evenly():
    model = VenueModel(order_latency_ns=1, order_latency_jitter_ns=999)
    drawn = [arrival_ns(model, 7, IntentId(strategy="s", run="r", sequence=i, number=0), 0) - 1 for i in range(20_000)]

    tenths = [sum(t // 100 == tenth for t in drawn) for tenth in range(10)]
    assert max(drawn) <= 999
    # Each tenth expects 2,000 with a standard deviation of 42.
    assert all(1_800 < count < 2_200 for count in tenths)
