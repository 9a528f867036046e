"""Jitter pinned to its values, and a stop whose fill takes more than one bar."""

import pytest

from algotrade.domain import IntentId, OrderType, TimeInForce
from algotrade.matching import VenueModel, arrival_ns
from algotrade.matching.orders import FILLED
from tests.matching.test_venue import Resting, bar


@pytest.mark.parametrize(("sequence", "number", "expected_ns"), [
    (1, 0, 538_097), (1, 1, 321_487), (1, 2, 502_842), (2, 0, 107_993),
])
def test_every_intent_of_a_record_has_a_jitter_of_its_own(sequence, number, expected_ns):
    """The values are fixed: another hash would replay every recorded run otherwise."""
    model = VenueModel(order_latency_ns=1, order_latency_jitter_ns=999_999)
    intent_id = IntentId(strategy="s", run="r", sequence=sequence, number=number)

    assert arrival_ns(model, 7, intent_id, 0) == expected_ns


@pytest.mark.parametrize(("side", "stop", "away"), [(1, 108, (100, 101, 99, 100)), (-1, 96, (104, 105, 103, 104))])
def test_a_stop_filled_in_part_gets_the_rest_at_the_next_open_wherever_that_is(side, stop, away):
    order = Resting(1, side, OrderType.STOP, TimeInForce.GTC, 10, stop=stop)

    events, left = bar([order], 100, 110, 95, 105, lots=4)
    assert events == [(1, FILLED, 4, stop)]
    order.lots, order.triggered = int(left["lots"][0]), bool(left["triggered"][0])

    assert bar([order], *away)[0] == [(1, FILLED, 6, away[0])]
