"""The words of the house: instruments, market records, orders, executions, positions, the clock. Knows nothing else."""

from algotrade.domain.clock import Clock, ScaledClock, SimulatedClock, SystemClock
from algotrade.domain.execution import (
    LIQUIDATION,
    REPORT,
    ExecType,
    ExecutionReport,
    Fill,
    Liquidation,
    Report,
    report_records,
)
from algotrade.domain.instrument import Instrument, InstrumentError, Instruments
from algotrade.domain.market import (
    BAR,
    LAYOUT_VERSION,
    LAYOUTS,
    QUARANTINE,
    QUOTE,
    TRADE,
    Flag,
    Kind,
    MarketBatch,
    Records,
    joined,
    no_records,
    read_only,
    rows_to,
)
from algotrade.domain.order import (
    CancelOrder,
    IntentId,
    NewOrder,
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    ReplaceOrder,
    Side,
    TimeInForce,
)
from algotrade.domain.position import Position, fold
from algotrade.domain.session import Sessions

__all__ = [
    "BAR", "LAYOUTS", "LAYOUT_VERSION", "LIQUIDATION", "QUARANTINE", "QUOTE", "REPORT", "TRADE",
    "CancelOrder", "Clock", "ExecType", "ExecutionReport", "Fill", "Flag",
    "Instrument", "InstrumentError", "Instruments", "IntentId", "Kind", "Liquidation", "MarketBatch",
    "NewOrder", "Order", "OrderIntent", "OrderStatus", "OrderType", "Position", "Records",
    "ReplaceOrder", "Report", "ScaledClock", "Sessions", "Side", "SimulatedClock", "SystemClock", "TimeInForce",
    "fold", "joined", "no_records", "read_only", "report_records", "rows_to",
]
