"""What happened to an order: reports for everybody, fills for the ledger."""

from collections.abc import Sequence
from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

import msgspec
import numpy as np

from algotrade.domain.market import Records
from algotrade.domain.order import IntentId, OrderStatus, OrderType, Side, TimeInForce


class ExecType(IntEnum):
    """FIX ExecType (150), by our number: records carry it."""

    NEW = 0
    TRADE = 1
    CANCELED = 2
    REPLACED = 3
    REJECTED = 4
    EXPIRED = 5
    CANCEL_REJECTED = 6
    """A cancel or a replace was refused; the order lives on as before."""
    TRADE_CORRECT = 7
    """An execution that was told before is stated anew: its quantity (0: it is taken back), its price or its cost."""
    ORDER_STATUS = 8
    """FIX I. Nothing happened; what is known of the order changed: the broker cannot be asked, so it is UNKNOWN."""
    RESTATED = 9
    """FIX D. The broker has the order otherwise than we asked: its quantity is now what may fill of it in all."""


class ExecutionReport(msgspec.Struct, frozen=True, kw_only=True, tag="execution_report"):
    """One event of one order, as published on ``orders.reports``; may be delivered twice.

    ``sequence`` counts the reports of a run from 1: a reader drops what is not above the last one it has seen.
    ``intent_id`` names the order (the NewOrder's id), ``request_id`` the intent that caused the event: the same one,
    or a cancel or replace. Quantities in units, prices and commission in the instrument's currency. ``last_*`` and
    ``execution_id`` belong to TRADE and TRADE_CORRECT, which states the whole execution anew; ``corrected_quantity`` is
    by how much its quantity changed. ``commission`` is 0 until it is told, and a rebate is negative. ``reason`` is one
    word for machines, with details after a colon.
    A cancel or replace of an order that is not known is refused with ``order_id`` 0 and without side, type and time in
    force.
    """

    sequence: int
    order_id: int
    intent_id: IntentId
    request_id: IntentId
    instrument: int
    exec_type: ExecType
    status: OrderStatus
    event_time_ns: int
    side: Side | None = None
    order_type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    quantity: Decimal = Decimal(0)
    cumulative_quantity: Decimal = Decimal(0)
    leaves_quantity: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    last_quantity: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    execution_id: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reason: str = ""
    corrected_quantity: Decimal = Decimal(0)


class Liquidation(msgspec.Struct, frozen=True, kw_only=True, tag="liquidation"):
    """An execution by which the broker closed a position of the account by itself; on ``orders.reports`` too.

    It belongs to no order, so no position of a strategy changes by it: whose position it was, only reconciliation can
    tell. Every strategy with this instrument hears of it, once.

    ``sequence``      counts with the reports; 0 before the order manager has taken it
    ``execution_id``  the broker's. A correction is told as another one, with an id that differs behind the last full
                      stop and the quantity that holds from now on, 0 where it is taken back
    ``quantity``      units
    ``price``         in the instrument's currency
    """

    sequence: int = 0
    execution_id: str
    instrument: int
    side: Side
    quantity: Decimal
    price: Decimal
    event_time_ns: int


Report: TypeAlias = ExecutionReport | Liquidation
"""What ``orders.reports`` carries, numbered together."""


class Fill(msgspec.Struct, frozen=True, kw_only=True, tag="fill"):
    """One execution as the ledger books it; unique by ``execution_id``."""

    execution_id: str
    intent_id: IntentId
    instrument: int
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    event_time_ns: int


REPORT = np.dtype(
    [
        ("event_time_ns", "<i8"),
        ("intent_sequence", "<i8"),
        ("intent_number", "<i4"),
        ("instrument", "<i4"),
        ("exec_type", "<i4"),
        ("side", "<i4"),
        ("last_quantity", "<f8"),
        ("last_price", "<f8"),
        ("cumulative_quantity", "<f8"),
        ("leaves_quantity", "<f8"),
    ]
)
"""An execution report as kernels see it, 64 bytes. ``leaves_quantity`` is 0 once the order ended; side 0: none.

``last_quantity`` is what the report changes: of a TRADE_CORRECT the difference, negative where less was filled.

A ``Liquidation`` is a row too: ``exec_type`` is LIQUIDATION, ``intent_sequence`` and ``intent_number`` are -1, side,
``last_quantity`` and ``last_price`` are its own, the others 0.
"""

LIQUIDATION = -1
"""Stands where a row of ``REPORT`` has an ``ExecType``, of which FIX has none for it."""


def report_records(reports: Sequence[Report]) -> Records:
    """Return ``reports`` as an array of ``REPORT`` rows, in the same order."""
    return np.array([_row(report) for report in reports], dtype=REPORT)


def _row(report: Report) -> tuple[float, ...]:
    if isinstance(report, Liquidation):
        return (report.event_time_ns, -1, -1, report.instrument, LIQUIDATION, int(report.side), float(report.quantity),
                float(report.price), 0.0, 0.0)
    is_correction = report.exec_type is ExecType.TRADE_CORRECT
    return (report.event_time_ns, report.intent_id.sequence, report.intent_id.number, report.instrument,
            int(report.exec_type), int(report.side or 0),
            float(report.corrected_quantity if is_correction else report.last_quantity), float(report.last_price),
            float(report.cumulative_quantity), float(report.leaves_quantity))
