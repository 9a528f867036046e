"""Fills, reports and marks for the tests of this room, and the strategies that invent them."""

from decimal import Decimal

import numpy as np
from hypothesis import strategies as st

from algotrade.backtest.marks import MARK
from algotrade.domain import (
    ExecType,
    ExecutionReport,
    Fill,
    Instrument,
    Instruments,
    IntentId,
    Liquidation,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

DAY_NS = 86_400 * 10**9
CASH = Decimal(100_000)

INSTRUMENTS = Instruments([
    Instrument(id=0, symbol="AAPL"),
    Instrument(id=1, symbol="ES", tick=Decimal("0.25"), multiplier=Decimal(50)),
    Instrument(id=2, symbol="MSFT"),
])


def intent(sequence: int) -> IntentId:
    return IntentId(strategy="s", run="r", sequence=sequence, number=0)


def fill(
    number: int, side: Side, quantity: object, price: object, *, commission: object = 0, instrument: int = 0,
    time_ns: int | None = None,
) -> Fill:
    return Fill(
        execution_id=f"e{number}", intent_id=intent(number), instrument=instrument, side=side,
        quantity=Decimal(str(quantity)), price=Decimal(str(price)), commission=Decimal(str(commission)),
        event_time_ns=number if time_ns is None else time_ns,
    )


def marks(*rows: tuple[int, int, float]) -> np.ndarray:
    return np.array(sorted(rows), dtype=MARK)


def report(sequence: int, exec_type: ExecType, status: OrderStatus, **changes) -> ExecutionReport:
    fields = {
        "order_id": 1, "intent_id": intent(1), "request_id": intent(1), "instrument": 0, "side": Side.BUY,
        "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.DAY, "quantity": Decimal(10),
        "limit_price": Decimal("100.50"), "event_time_ns": sequence,
    }
    return ExecutionReport(sequence=sequence, exec_type=exec_type, status=status, **{**fields, **changes})


def trade(sequence: int, execution_id: str, quantity: int, **changes) -> ExecutionReport:
    return report(
        sequence, changes.pop("exec_type", ExecType.TRADE), OrderStatus.PARTIALLY_FILLED, execution_id=execution_id,
        last_quantity=Decimal(quantity), last_price=Decimal("100.25"), commission=Decimal(1),
        cumulative_quantity=Decimal(quantity), average_price=Decimal("100.25"), **changes)


# Times repeat often, so that fills and marks of one time are part of most examples.
_times = st.integers(0, 60).map(lambda n: n * DAY_NS // 7)

runs = st.tuples(
    st.lists(st.tuples(_times, st.integers(0, 2), st.sampled_from(Side), st.integers(1, 50), st.integers(100, 10_000),
                       st.integers(0, 300)), max_size=30),
    st.lists(st.tuples(_times, st.integers(0, 2), st.integers(100, 10_000)), max_size=60),
).map(lambda run: (_fills(run[0]), marks(*((t, i, cents / 100) for t, i, cents in run[1]))))
"""(fills, marks) of a run over INSTRUMENTS, both in time order."""


def _fills(rows: list[tuple[int, int, Side, int, int, int]]) -> list[Fill]:
    return [
        fill(number, side, quantity, Decimal(cents) / 100, commission=Decimal(fee) / 100, instrument=instrument,
             time_ns=time_ns)
        for number, (time_ns, instrument, side, quantity, cents, fee) in enumerate(sorted(rows))
    ]


def liquidation(sequence: int, execution_id: str, quantity: int) -> Liquidation:
    return Liquidation(sequence=sequence, execution_id=execution_id, instrument=0, side=Side.SELL,
                       quantity=Decimal(quantity), price=Decimal("99.5"), event_time_ns=DAY_NS)
