from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Instrument, InstrumentError, Instruments

ticks = st.sampled_from([Decimal(t) for t in ("0.01", "0.0001", "0.25", "0.005", "1", "0.03125")])


@given(ticks, st.integers(-10**9, 10**9))
def test_price_and_ticks_cross_without_loss(tick, count):
    instrument = Instrument(id=0, symbol="X", tick=tick)

    price = instrument.ticks_to_price(count)

    assert instrument.is_on_tick(price)
    assert instrument.price_to_ticks(price) == count
    assert instrument.price_to_ticks(float(price)) == count


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -float("inf"), Decimal("NaN"), Decimal("Infinity")])
def test_a_price_that_is_no_number_is_refused_by_name(price):
    with pytest.raises(InstrumentError, match=r"price of 'IBM' is .*; allowed: a finite number"):
        Instrument(id=0, symbol="IBM").price_to_ticks(price)


@pytest.mark.parametrize(("field", "value"), [
    ("id", -1), ("symbol", ""), ("symbol", "A\0B"), ("tick", Decimal(0)), ("lot", Decimal(-1)),
    ("multiplier", Decimal("NaN")),
])
def test_a_definition_out_of_range_names_the_field(field, value):
    with pytest.raises(InstrumentError, match=f"{field}.*allowed"):
        Instrument(**{"id": 0, "symbol": "X", field: value})


def test_an_unknown_symbol_lists_the_known_ones():
    with pytest.raises(InstrumentError, match="symbol 'MSFT' is unknown; known: AAPL, IBM"):
        Instruments([Instrument(id=0, symbol="AAPL"), Instrument(id=1, symbol="IBM")]).by_symbol("MSFT")


def test_ids_run_from_zero_without_holes_and_symbols_are_unique():
    with pytest.raises(InstrumentError, match="without holes"):
        Instruments([Instrument(id=1, symbol="A")])
    with pytest.raises(InstrumentError, match="each once"):
        Instruments([Instrument(id=0, symbol="A"), Instrument(id=1, symbol="A")])
