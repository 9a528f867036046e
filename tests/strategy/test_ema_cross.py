from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import BAR, Flag, Instrument, Instruments, Kind, NewOrder, OrderType, Side, TimeInForce
from algotrade.strategy import KernelRunner, PythonRunner
from algotrade.strategy.ema_cross import EMA_CROSS, EmaCrossParameters, order_lots
from tests.strategy.plain import PlainEmaCross
from tests.strategy.worlds import INSTRUMENTS, RUN, SECOND_NS, bars, counts, filled, host, seeds

parameters = st.builds(
    lambda fast, more, notional, short, tif: EmaCrossParameters(
        fast_period=fast, slow_period=fast + more, notional=Decimal(notional), allow_short=short, time_in_force=tif
    ),
    st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 50, 999, 10_000, 1_000_000]), st.booleans(),
    st.sampled_from(["DAY", "GTC"]),
)

ONE = Instruments([Instrument(id=0, symbol="ONE")])


def closes(*prices: float) -> np.ndarray:
    records = np.zeros(len(prices), dtype=BAR)
    records["sequence"] = np.arange(1, len(prices) + 1)
    records["event_time_ns"] = SECOND_NS * records["sequence"]
    records["close"] = prices
    return records


def runner(instruments: Instruments = ONE, **wanted: object) -> KernelRunner:
    return KernelRunner(EMA_CROSS, EmaCrossParameters(fast_period=1, slow_period=2, **wanted), instruments, RUN)


@settings(max_examples=60)
@given(parameters, seeds, counts, st.integers(1, 5))
def test_the_kernel_wants_what_the_same_strategy_in_plain_python_wants(wanted, seed, count, delay):
    records = bars(count, seed)
    kernel = KernelRunner(EMA_CROSS, wanted, INSTRUMENTS, RUN)
    plain = PythonRunner(PlainEmaCross(wanted, INSTRUMENTS), INSTRUMENTS, RUN)

    assert host(kernel, Kind.BAR, records, delay=delay) == host(plain, Kind.BAR, records, delay=delay)


def test_it_buys_the_notional_when_the_fast_average_is_above():
    consumed, [order] = runner(notional=Decimal(1000)).advance(Kind.BAR, closes(10, 12, 13))

    assert consumed == 2
    assert isinstance(order, NewOrder)
    assert (order.side, order.quantity, order.order_type) == (Side.BUY, Decimal(83), OrderType.MARKET)
    assert order.time_in_force == TimeInForce.GTC
    assert order.expires_at_ns == order.event_time_ns + 5 * SECOND_NS


def test_nothing_is_wanted_before_both_averages_are_known():
    assert runner().advance(Kind.BAR, closes(10)) == (1, [])
    assert runner().advance(Kind.BAR, closes(10, float("nan"), float("inf"))) == (3, [])


def test_equal_averages_are_no_opinion():
    assert runner().advance(Kind.BAR, closes(*[10] * 50)) == (50, [])


def test_one_order_at_a_time_then_the_position_turns_around():
    records = closes(10, 12, 9, 8, 7)
    strategy = runner(notional=Decimal(100))

    consumed, [order] = strategy.advance(Kind.BAR, records)
    assert (consumed, order.side, order.quantity) == (2, Side.BUY, 8)
    assert strategy.advance(Kind.BAR, records[2:4]) == (2, [])

    strategy.fold(filled(order))
    _, [order] = strategy.advance(Kind.BAR, records[4:])
    assert (order.side, order.quantity) == (Side.SELL, 8 + 14)


def test_without_shorts_it_goes_flat():
    records = closes(10, 12, 9, 8)
    strategy = runner(notional=Decimal(100), allow_short=False)
    _, [order] = strategy.advance(Kind.BAR, records)
    strategy.fold(filled(order))

    consumed, [order] = strategy.advance(Kind.BAR, records[2:])
    assert (consumed, order.side, order.quantity) == (1, Side.SELL, 8)

    strategy.fold(filled(order))
    assert strategy.advance(Kind.BAR, records[3:]) == (1, [])


@pytest.mark.parametrize(("lot", "multiplier", "quantity"), [
    ("1", "1", "83"), ("10", "1", "80"), ("0.01", "1", "83.33"), ("1", "5", "16"), ("0.5", "5", "16.5"),
])
def test_the_quantity_is_whole_lots_and_respects_the_multiplier(lot, multiplier, quantity):
    instrument = Instrument(id=0, symbol="X", lot=Decimal(lot), multiplier=Decimal(multiplier))

    _, [order] = runner(Instruments([instrument]), notional=Decimal(1000)).advance(Kind.BAR, closes(10, 12))

    assert order.quantity == Decimal(quantity)


def test_a_notional_below_one_lot_wants_nothing():
    assert runner(notional=Decimal(11)).advance(Kind.BAR, closes(10, 12)) == (2, [])


def test_a_jump_feeds_the_averages_and_decides_nothing():
    records = closes(10, 12, 12.5)
    records["flags"][1] = Flag.PRICE_JUMP

    consumed, [order] = runner().advance(Kind.BAR, records)

    assert (consumed, order.side) == (3, Side.BUY)


@pytest.mark.parametrize("close", [0.0, -5.0, 1e-20, 1e-300, float("nan")])
def test_a_price_that_cannot_size_an_order_makes_none(close):
    assert order_lots(2.0, 1.0, 0, close, 1e6, 1) == 0


@pytest.mark.parametrize(("wrong", "message"), [
    ({"fast_period": 26}, "fast_period is 26; allowed: 1 to 25"),
    ({"fast_period": 0}, "fast_period is 0; allowed: 1 to 25"),
    ({"slow_period": 1}, "slow_period is 1; allowed: 2 to 1000000"),
    ({"notional": Decimal(0)}, "notional is 0; allowed: a finite number above 0"),
    ({"notional": Decimal("NaN")}, "notional is NaN"),
    ({"time_in_force": "IOC"}, "time_in_force is 'IOC'; allowed: DAY, GTC"),
    ({"lifetime_ms": 0}, "lifetime_ms is 0; allowed: 1 to 86400000"),
])
def test_wrong_parameters_say_key_value_and_what_is_allowed(wrong, message):
    with pytest.raises(ValueError, match=message):
        EmaCrossParameters(**wrong)
