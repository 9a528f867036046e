"""What the server tells, by topic; ``ANSWERS`` lists it."""

from algotrade.ibkr.wire.answers.account import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountTime,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountValue,
    Pnl,
    PnlSingle,
    PortfolioValue,
    PositionData,
    PositionEnd,
    PositionMulti,
    PositionMultiEnd,
)
from algotrade.ibkr.wire.answers.contracts import (
    BondContractData,
    ContractData,
    ContractDataEnd,
    MarketRule,
    OptionParameters,
    OptionParametersEnd,
    SymbolSamples,
)
from algotrade.ibkr.wire.answers.history import (
    HeadTimestamp,
    HistoricalData,
    HistoricalDataUpdate,
    HistoricalSchedule,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
)
from algotrade.ibkr.wire.answers.link import CurrentTime, ErrorMessage, ManagedAccounts, NextValidId
from algotrade.ibkr.wire.answers.market import (
    MarketDataType,
    MarketDepth,
    MarketDepthL2,
    RealTimeBar,
    TickByTick,
    TickGeneric,
    TickPrice,
    TickReqParams,
    TickSize,
    TickSnapshotEnd,
    TickString,
)
from algotrade.ibkr.wire.answers.orders import (
    CommissionReport,
    CompletedOrder,
    CompletedOrdersEnd,
    ExecutionData,
    ExecutionDataEnd,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
)
from algotrade.ibkr.wire.message import Answer

ANSWERS: tuple[type[Answer], ...] = (
    AccountDownloadEnd, AccountSummary, AccountSummaryEnd, AccountTime, AccountUpdateMulti, AccountUpdateMultiEnd,
    AccountValue, BondContractData, CommissionReport, CompletedOrder, CompletedOrdersEnd, ContractData,
    ContractDataEnd, CurrentTime, ErrorMessage, ExecutionData, ExecutionDataEnd, HeadTimestamp, HistoricalData,
    HistoricalDataUpdate, HistoricalSchedule, HistoricalTicks, HistoricalTicksBidAsk, HistoricalTicksLast,
    ManagedAccounts, MarketDataType, MarketDepth, MarketDepthL2, MarketRule, NextValidId, OpenOrder, OpenOrderEnd,
    OptionParameters, OptionParametersEnd, OrderBound, OrderStatus, Pnl, PnlSingle, PortfolioValue, PositionData,
    PositionEnd, PositionMulti, PositionMultiEnd, RealTimeBar, SymbolSamples, TickByTick, TickGeneric, TickPrice,
    TickReqParams, TickSize, TickSnapshotEnd, TickString,
)
"""Every answer."""

__all__ = [
    "ANSWERS", "AccountDownloadEnd", "AccountSummary", "AccountSummaryEnd", "AccountTime", "AccountUpdateMulti",
    "AccountUpdateMultiEnd", "AccountValue", "BondContractData", "CommissionReport", "CompletedOrder",
    "CompletedOrdersEnd", "ContractData", "ContractDataEnd", "CurrentTime", "ErrorMessage", "ExecutionData",
    "ExecutionDataEnd", "HeadTimestamp", "HistoricalData", "HistoricalDataUpdate", "HistoricalSchedule",
    "HistoricalTicks", "HistoricalTicksBidAsk", "HistoricalTicksLast", "ManagedAccounts", "MarketDataType",
    "MarketDepth", "MarketDepthL2", "MarketRule", "NextValidId", "OpenOrder", "OpenOrderEnd", "OptionParameters",
    "OptionParametersEnd", "OrderBound", "OrderStatus", "Pnl", "PnlSingle", "PortfolioValue", "PositionData",
    "PositionEnd", "PositionMulti", "PositionMultiEnd", "RealTimeBar", "SymbolSamples", "TickByTick", "TickGeneric",
    "TickPrice", "TickReqParams", "TickSize", "TickSnapshotEnd", "TickString",
]
