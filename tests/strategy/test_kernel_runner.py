from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import (
    BAR,
    LIQUIDATION,
    TRADE,
    CancelOrder,
    Instrument,
    Instruments,
    IntentId,
    Kind,
    NewOrder,
    OrderType,
    ReplaceOrder,
    Side,
    TimeInForce,
    no_records,
)
from algotrade.jit import jit
from algotrade.strategy import KernelRunner, KernelStrategy, StateMismatch
from algotrade.strategy.ema_cross import EMA_CROSS, EmaCrossParameters
from algotrade.strategy.intents import (
    BUY,
    DAY,
    GTC,
    INTENT,
    NO_PRICE,
    SELL,
    STOP_LIMIT,
    UNCHANGED,
    put_cancel,
    put_market,
    put_new,
    put_replace,
)
from algotrade.strategy.kernel import CHUNK_RECORDS_MAX
from algotrade.strategy.ofi import OFI, OfiParameters
from tests.strategy.worlds import INSTRUMENTS, RUN, SECOND_NS, bars, filled, host, liquidation, quotes, seeds

EMA = EmaCrossParameters(fast_period=2, slow_period=5)
FLOW = OfiParameters(window_quotes=5, enter_ticks=1.0, exit_ticks=0.5, cooldown_ms=2000)
CASES = {
    "ema_cross": (EMA_CROSS, EMA, Kind.BAR, bars),
    "ofi": (OFI, FLOW, Kind.QUOTE, quotes),
}

cases = st.sampled_from(sorted(CASES))
cut_rows = st.sets(st.integers(1, 400), max_size=60)


def make(case: str) -> tuple[KernelRunner, Kind]:
    definition, parameters, kind, _ = CASES[case]
    return KernelRunner(definition, parameters, INSTRUMENTS, RUN), kind


@settings(max_examples=60)
@given(cases, seeds, cut_rows, st.integers(1, 5))
def test_how_a_run_is_cut_changes_neither_intents_nor_state(case, seed, cuts, delay):
    records = CASES[case][3](400, seed)
    whole, kind = make(case)
    cut, _ = make(case)
    single, _ = make(case)

    expected = host(whole, kind, records, delay=delay)

    assert host(cut, kind, records, cuts=cuts, delay=delay) == expected
    assert host(single, kind, records, cuts=range(len(records)), delay=delay) == expected
    assert cut.state() == single.state() == whole.state()


@settings(max_examples=40)
@given(cases, seeds, cut_rows, st.integers(1, 5))
def test_a_run_through_snapshots_is_the_run_without(case, seed, cuts, delay):
    records = CASES[case][3](400, seed)
    whole, kind = make(case)

    def restarted(old):
        new, _ = make(case)
        new.restore(old.state())
        return new

    through_snapshots, _ = make(case)
    assert host(through_snapshots, kind, records, cuts=cuts, delay=delay, restart=restarted) == host(
        whole, kind, records, delay=delay)


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_generated_markets_make_these_strategies_trade(case):
    """Else the two properties above say nothing."""
    runner, kind = make(case)

    assert len(host(runner, kind, CASES[case][3](400, 7))) > 10


def test_a_batch_longer_than_a_chunk_is_consumed_whole():
    count = 3 * CHUNK_RECORDS_MAX + 5
    records = quotes(count, 1)
    runner = KernelRunner(OFI, OfiParameters(enter_ticks=1e6), INSTRUMENTS, RUN)

    assert runner.advance(Kind.QUOTE, records) == (count, [])


def test_no_records_change_nothing():
    runner, kind = make("ofi")
    before = runner.state()

    assert runner.advance(kind, no_records(kind)) == (0, [])
    runner.fold([])
    assert runner.state() == before


def test_records_that_may_not_be_written_to_or_are_not_contiguous_are_welcome():
    records = quotes(400, 3)
    frozen = np.frombuffer(b"\0" * 5 + records.tobytes(), dtype=records.dtype, offset=5)
    strided = np.zeros(800, dtype=records.dtype)
    strided[::2] = records

    runs = [host(make("ofi")[0], Kind.QUOTE, r) for r in (records, frozen, strided[::2])]

    assert runs[0] == runs[1] == runs[2] != []


def test_reports_of_other_strategies_and_runs_are_passed_over():
    runner, kind = make("ema_cross")
    records = bars(400, 5)
    _, [order] = runner.advance(kind, records)
    before = runner.state()

    for other in (msgspec.structs.replace(order.id, run="run-2"), msgspec.structs.replace(order.id, strategy="ofi")):
        runner.fold([msgspec.structs.replace(r, intent_id=other) for r in filled(order)])
    assert runner.state() == before

    runner.fold(filled(order))
    assert runner.state() != before


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_liquidation_changes_nothing_that_a_strategy_of_ours_holds(case):
    runner, kind = make(case)
    host(runner, kind, CASES[case][3](400, 3), delay=2)
    before = runner.state()

    runner.fold([liquidation(instrument) for instrument in range(len(INSTRUMENTS))])

    assert runner.state() == before


@pytest.mark.parametrize("instrument", [-1, len(INSTRUMENTS)])
def test_records_of_an_unknown_instrument_are_our_bug(instrument):
    runner, kind = make("ofi")
    records = quotes(3, 1)
    records["instrument"][1] = instrument

    with pytest.raises(AssertionError, match="of none of 3 instruments"):
        runner.advance(kind, records)


def test_records_of_another_kind_are_our_bug():
    runner, _ = make("ofi")

    with pytest.raises(AssertionError, match="consumes"):
        runner.advance(Kind.BAR, bars(3, 1))


FOREIGN = {
    "another strategy": (OFI, FLOW, INSTRUMENTS, RUN, "strategy of the state is 'ofi'; allowed: 'ema_cross'"),
    "other parameters": (EMA_CROSS, msgspec.structs.replace(EMA, slow_period=6), INSTRUMENTS, RUN, "parameters of"),
    "other instruments": (EMA_CROSS, EMA, Instruments([Instrument(id=0, symbol="X")]), RUN, "layout of the state"),
    "another run": (EMA_CROSS, EMA, INSTRUMENTS, "run-2", "run of the state is 'run-2'; allowed: 'run-1'"),
}


@pytest.mark.parametrize("what", sorted(FOREIGN))
def test_a_state_of_something_else_is_refused(what):
    *other, message = FOREIGN[what]
    runner, _ = make("ema_cross")

    with pytest.raises(StateMismatch, match=message):
        runner.restore(KernelRunner(*other).state())


@pytest.mark.parametrize("data", [b"", b"\1\0\0\0", b"garbage!", b"\xff\xff\xff\xff"])
def test_bytes_that_are_no_state_are_refused(data):
    runner, _ = make("ema_cross")

    with pytest.raises(StateMismatch, match="no readable header"):
        runner.restore(data)
    with pytest.raises(StateMismatch, match="bytes; allowed"):
        runner.restore(runner.state()[:-1])


# A kernel that says everything a kernel can say: at some prices five intents at once.

SCRIPT_STATE = np.dtype([("trades", "<i8")])


class ScriptParameters(msgspec.Struct, frozen=True):
    pass


@jit
def script_step(params, state, records, intents):
    n = 0
    for row in range(len(records)):
        record = records[row]
        instrument = record["instrument"]
        state[instrument]["trades"] += 1
        if record["price"] >= 200.0:
            n = put_market(intents, n, row, instrument, BUY, 0.4, DAY, 7)
        elif record["price"] >= 100.0:
            n = put_new(intents, n, row, instrument, SELL, 30.4, STOP_LIMIT, GTC, 99.994, 99.996, 7)
            n = put_market(intents, n, row, instrument, BUY, 0.4, DAY, 7)
            n = put_replace(intents, n, row, instrument, 17, 3, UNCHANGED, 99.996, NO_PRICE, 7)
            n = put_replace(intents, n, row, instrument, 17, 3, 0.4, 99.996, NO_PRICE, 7)
            n = put_cancel(intents, n, row, instrument, 17, 3, 7)
    return n


@jit
def script_fold(params, state, reports):
    state[0]["trades"] += 0 * len(reports)


SCRIPT = KernelStrategy(
    name="script", kind=Kind.TRADE, parameters=ScriptParameters, pack=lambda _parameters, i: (float(i.lot),),
    params_dtype=np.dtype([("lot", "<f8")]), state_dtype=SCRIPT_STATE, step=script_step, fold=script_fold,
    intents_per_record_max=5,
)


def test_every_action_becomes_a_value_on_ticks_and_lots():
    """What rounds to no lot is dropped, and the numbers of the others stay those of their rows."""
    records = np.zeros(4, dtype=TRADE)
    records["sequence"], records["event_time_ns"], records["price"] = [5, 6, 8, 9], [50, 60, 80, 90], [1, 1, 100, 100]
    runner = KernelRunner(SCRIPT, ScriptParameters(), Instruments([Instrument(id=0, symbol="X")]), RUN)
    target = IntentId(strategy="script", run=RUN, sequence=17, number=3)

    consumed, intents = runner.advance(Kind.TRADE, records)

    def born(number):
        return {"id": IntentId(strategy="script", run=RUN, sequence=8, number=number), "instrument": 0,
                "event_time_ns": 80, "expires_at_ns": 87}

    assert consumed == 3
    assert intents == [
        NewOrder(
            **born(0), side=Side.SELL, quantity=Decimal(30), order_type=OrderType.STOP_LIMIT,
            time_in_force=TimeInForce.GTC, limit_price=Decimal("99.99"), stop_price=Decimal("100.00"),
        ),
        ReplaceOrder(**born(2), target=target, quantity=None, limit_price=Decimal("100.00"), stop_price=None),
        CancelOrder(**born(4), target=target),
    ]
    assert runner.advance(Kind.TRADE, records[3:])[0] == 1


def test_a_record_whose_intents_all_round_to_nothing_bears_none():
    count = CHUNK_RECORDS_MAX + 7
    records = np.zeros(count, dtype=TRADE)
    records["price"][[0, 5, 6, count - 3]] = 200
    runner = KernelRunner(SCRIPT, ScriptParameters(), Instruments([Instrument(id=0, symbol="X")]), RUN)

    assert runner.advance(Kind.TRADE, records) == (count, [])
    assert np.frombuffer(runner.state()[-8:], dtype="<i8")[0] == count


def test_a_row_of_intents_has_no_holes():
    assert INTENT.itemsize == 72 == sum(INTENT[name].itemsize for name in INTENT.names)


def test_bars_may_share_a_time_and_sequence_may_have_gaps():
    records = np.zeros(3, dtype=BAR)
    records["sequence"], records["event_time_ns"], records["close"] = [3, 9, 10], SECOND_NS, [10, 11, 12]
    runner = KernelRunner(
        EMA_CROSS, EmaCrossParameters(fast_period=1, slow_period=2), Instruments([Instrument(id=0, symbol="X")]), RUN)

    consumed, [order] = runner.advance(Kind.BAR, records)

    assert (consumed, order.id.sequence) == (2, 9)


HEARD = np.dtype([("lots", "<f8"), ("numbers", "<f8")])


@jit
def hear(params, state, reports):
    for report in reports:
        if report["exec_type"] == LIQUIDATION:
            mine = state[report["instrument"]]
            mine["lots"] += report["side"] * report["last_quantity"]
            mine["numbers"] += report["intent_sequence"] + report["intent_number"]


@jit
def want_nothing(params, state, records, intents):
    return 0


def test_a_kernel_hears_of_a_liquidation_of_whatever_strategy():
    definition = msgspec.structs.replace(EMA_CROSS, name="hears", state_dtype=HEARD, step=want_nothing, fold=hear)
    runner = KernelRunner(definition, EMA, INSTRUMENTS, RUN)

    runner.fold([liquidation(0), liquidation(1), liquidation(1)])

    assert runner._state["lots"].tolist() == [-40.0, -80.0, 0.0]
    assert runner._state["numbers"].tolist() == [-2.0, -4.0, 0.0]
