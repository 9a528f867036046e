from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import QUOTE, Flag, Instrument, Instruments, Kind, Side
from algotrade.strategy import KernelRunner, PythonRunner
from algotrade.strategy.ofi import OFI, OfiParameters, wanted_lots
from tests.shared_data import shared_data
from tests.strategy.plain import PlainOfi
from tests.strategy.worlds import INSTRUMENTS, RUN, SECOND_NS, counts, filled, host, quotes, seeds

NAN = float("nan")

parameters = st.builds(
    lambda window, enter, exit_share, quantity, cooldown: OfiParameters(
        window_quotes=window, enter_ticks=enter, exit_ticks=enter * exit_share, quantity=Decimal(quantity),
        cooldown_ms=cooldown,
    ),
    st.integers(1, 20), st.sampled_from([0.25, 1.0, 2.5]), st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([10, 25, 100]), st.sampled_from([0, 1000, 20_000]),
)

ONE = Instruments([Instrument(id=0, symbol="ONE")])


def buying(count: int) -> np.ndarray:
    """Return quotes whose bid grows by 100 shares each: a flow of 100 per quote."""
    records = np.zeros(count, dtype=QUOTE)
    records["sequence"] = np.arange(1, count + 1)
    records["event_time_ns"] = SECOND_NS * records["sequence"]
    records["bid"], records["ask"], records["ask_size"] = 10.0, 10.01, 100
    records["bid_size"] = 100 * records["sequence"]
    return records


def runner(**wanted: float) -> KernelRunner:
    defaults = {"window_quotes": 2, "enter_ticks": 0.2, "exit_ticks": 0.1, "cooldown_ms": 0}
    return KernelRunner(OFI, OfiParameters(**{**defaults, **wanted}), ONE, RUN)


@settings(max_examples=60)
@given(parameters, seeds, counts, st.integers(1, 5))
def test_the_kernel_wants_what_the_same_strategy_in_plain_python_wants(wanted, seed, count, delay):
    records = quotes(count, seed)
    kernel = KernelRunner(OFI, wanted, INSTRUMENTS, RUN)
    plain = PythonRunner(PlainOfi(wanted, INSTRUMENTS), INSTRUMENTS, RUN)

    assert host(kernel, Kind.QUOTE, records, delay=delay) == host(plain, Kind.QUOTE, records, delay=delay)


@pytest.mark.parametrize(("imbalance", "position", "wanted"), [
    (2.9, 0, 0), (3.0, 0, 5), (-3.0, 0, -5), (NAN, 0, 0),  # from flat
    (9.0, 5, 5), (1.1, 5, 5), (1.0, 5, 5), (0.9, 5, 0), (-2.9, 5, 0), (-3.0, 5, -5), (NAN, 5, 5),  # from long
    (-9.0, -5, -5), (-1.0, -5, -5), (-0.9, -5, 0), (2.9, -5, 0), (3.0, -5, 5), (NAN, -5, -5),  # from short
    (9.0, 2, 2), (0.5, 2, 0),  # from a part that was filled
])
def test_the_band_has_hysteresis(imbalance, position, wanted):
    assert wanted_lots(imbalance, position, 3.0, 1.0, 5) == wanted


def test_it_goes_with_the_flow_once_the_window_is_full():
    consumed, [order] = runner(quantity=Decimal(7)).advance(Kind.QUOTE, buying(10))

    assert (consumed, order.side, order.quantity) == (2, Side.BUY, 7)


def test_one_order_at_a_time():
    strategy, records = runner(), buying(10)
    consumed, _ = strategy.advance(Kind.QUOTE, records)

    assert strategy.advance(Kind.QUOTE, records[consumed:]) == (8, [])


@pytest.mark.parametrize("flag", [Flag.CROSSED, Flag.PRICE_JUMP, Flag.OUTSIDE_SESSION])
def test_a_flagged_quote_feeds_the_signal_and_decides_nothing(flag):
    records = buying(4)
    records["flags"][:3] = flag

    consumed, [order] = runner().advance(Kind.QUOTE, records)

    assert (consumed, order.side) == (4, Side.BUY)


def test_after_an_order_nothing_is_decided_for_the_cool_down():
    """The bid is gone with the next quote, one second a quote; the position is given up 5 s after it was taken."""
    strategy, records = runner(cooldown_ms=5000), buying(20)
    consumed, [order] = strategy.advance(Kind.QUOTE, records)
    strategy.fold(filled(order))
    records["bid_size"][consumed:] = 0

    more, [close] = strategy.advance(Kind.QUOTE, records[consumed:])

    assert (consumed, more) == (2, 5)
    assert close.side == Side.SELL


def test_the_position_is_a_fixed_number_of_whole_lots():
    lots = Instruments([Instrument(id=0, symbol="X", lot=Decimal(30))])

    _, [order] = KernelRunner(OFI, OfiParameters(window_quotes=2, enter_ticks=0.2, exit_ticks=0.1), lots, RUN).advance(
        Kind.QUOTE, buying(10))

    assert order.quantity == 90


def test_a_quantity_below_one_lot_is_refused():
    lots = Instruments([Instrument(id=0, symbol="X", lot=Decimal(1000))])

    with pytest.raises(ValueError, match="quantity is 100; allowed: 1000 or more, one lot of 'X'"):
        KernelRunner(OFI, OfiParameters(), lots, RUN)


@pytest.mark.parametrize(("wrong", "message"), [
    ({"window_quotes": 0}, "window_quotes is 0; allowed: 1 to 1000000"),
    ({"enter_ticks": NAN}, "enter_ticks is nan; allowed: 0.0 to 1000000.0"),
    ({"exit_ticks": 13.0}, "exit_ticks is 13.0; allowed: 0.0 to 2.0"),
    ({"quantity": Decimal("Infinity")}, "quantity is Infinity; allowed: a finite number above 0"),
    ({"cooldown_ms": -1}, "cooldown_ms is -1; allowed: 0 to 86400000"),
    ({"lifetime_ms": 0}, "lifetime_ms is 0; allowed: 1 to 86400000"),
])
def test_wrong_parameters_say_key_value_and_what_is_allowed(wrong, message):
    with pytest.raises(ValueError, match=message):
        OfiParameters(**wrong)


def ibm_quotes() -> np.ndarray:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(shared_data("us_equity_ticks/quotes_IBM_20131007_20131011.parquet"))
    records = np.zeros(table.num_rows, dtype=QUOTE)
    records["sequence"] = np.arange(1, len(records) + 1)
    records["event_time_ns"] = table["ts_event"].to_numpy()
    for field in ("bid", "ask", "bid_size", "ask_size"):
        records[field] = table[field].to_numpy()
    records["flags"][records["bid"] > records["ask"]] = Flag.CROSSED
    return records


def test_with_its_defaults_it_trades_now_and_then_on_real_quotes():
    """One intent per 1,000 to 2,000 quotes of IBM in a week of October 2013, market orders filled at the next quote."""
    records = ibm_quotes()
    strategy = KernelRunner(OFI, OfiParameters(), ONE, RUN)
    intents, at = 0, 0
    while at < len(records):
        consumed, born = strategy.advance(Kind.QUOTE, records[at : at + 4096])
        at += consumed
        for order in born:
            at += strategy.advance(Kind.QUOTE, records[at : at + 1])[0]
            strategy.fold(filled(order))
            intents += 1

    assert len(records) == 287_795
    assert 1000 <= len(records) / intents <= 2000
