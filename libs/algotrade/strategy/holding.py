"""What a kernel strategy knows of its own position in one instrument, and the compiled fold that keeps it.

A position is a fold of reports and nothing else. Everything is counted in whole lots, so that a closed position is
exactly 0 and its sign can be trusted. One order at a time: ``pending`` is set by ``step`` when it writes the intent,
and cleared by the report that leaves nothing to fill.
"""

import numpy as np

from algotrade.domain.execution import ExecType
from algotrade.domain.market import Record
from algotrade.jit import jit

HOLDING = np.dtype(
    [
        ("position_lots", "<i8"),
        ("order_sequence", "<i8"),
        ("order_filled_lots", "<i8"),
        ("order_number", "<i4"),
        ("pending", "<i4"),
    ]
)
"""The signed position, the last order's intent id and what of it was filled, and 1 while that order is not terminal."""

TRADE, TRADE_CORRECT = int(ExecType.TRADE), int(ExecType.TRADE_CORRECT)


@jit
def mark_pending(holding: Record, sequence: int, number: int) -> None:
    """Remember that the record ``sequence`` has just born the order ``number``."""
    holding["order_sequence"] = sequence
    holding["order_number"] = number
    holding["order_filled_lots"] = 0
    holding["pending"] = 1


@jit
def fold_report(holding: Record, report: Record, lot: float) -> None:
    """Take note of a report, a row of ``REPORT``, on an order of this strategy and instrument.

    The last order is booked by its cumulative quantity, so a late fill after its end counts, a correction too, and a
    repeated report changes nothing. An older order can only fill late, or be corrected: booked by what the report
    changes, which must come once.
    A report without a side is on an order that nobody knows, and says nothing of this one.
    """
    if report["side"] == 0:
        return
    if report["intent_sequence"] == holding["order_sequence"] and report["intent_number"] == holding["order_number"]:
        filled_lots = round(report["cumulative_quantity"] / lot)
        holding["position_lots"] += report["side"] * (filled_lots - holding["order_filled_lots"])
        holding["order_filled_lots"] = filled_lots
        if report["leaves_quantity"] <= 0.0:
            holding["pending"] = 0
    elif report["exec_type"] == TRADE or report["exec_type"] == TRADE_CORRECT:
        holding["position_lots"] += report["side"] * round(report["last_quantity"] / lot)
