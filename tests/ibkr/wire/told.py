"""One example of each answer, with the callbacks that it must cause in a client.

An expectation is (callback, arguments): records of ours, dicts of a client's attributes, tuples and plain values. IB's
own client has expectations of its own where its callbacks differ.
"""

from decimal import Decimal
from typing import Any

import msgspec

from algotrade.ibkr.wire.answers import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountTime,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountValue,
    BondContractData,
    CommissionReport,
    CompletedOrdersEnd,
    ContractData,
    ContractDataEnd,
    CurrentTime,
    ErrorMessage,
    ExecutionData,
    ExecutionDataEnd,
    HeadTimestamp,
    HistoricalData,
    HistoricalDataUpdate,
    HistoricalSchedule,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
    ManagedAccounts,
    MarketDataType,
    MarketDepth,
    MarketDepthL2,
    MarketRule,
    NextValidId,
    OpenOrderEnd,
    OptionParameters,
    OptionParametersEnd,
    OrderBound,
    OrderStatus,
    Pnl,
    PnlSingle,
    PortfolioValue,
    PositionData,
    PositionEnd,
    PositionMulti,
    PositionMultiEnd,
    RealTimeBar,
    SymbolSamples,
    TickByTick,
    TickGeneric,
    TickPrice,
    TickReqParams,
    TickSize,
    TickSnapshotEnd,
    TickString,
)
from algotrade.ibkr.wire.answers.contracts import PriceIncrement, SymbolSample
from algotrade.ibkr.wire.answers.history import (
    HistoricalBar,
    HistoricalBidAsk,
    HistoricalLast,
    HistoricalMidpoint,
    Session,
)
from algotrade.ibkr.wire.message import Answer
from algotrade.ibkr.wire.records import Contract, Execution, TagValue
from tests.ibkr.wire.orders import OPTION, STOCK

D = Decimal
Call = tuple[str, tuple[Any, ...]]

UNSET = 1.7976931348623157e308
BOND = Contract(con_id=12, symbol="IBM", sec_type="BOND", exchange="SMART", currency="USD", trading_class="IBM 5",
                last_trade_date="20300115-10:00:00-EST")
FILL = Execution(
    exec_id="0000e0d5.1.01.01", time="20260105  15:59:58", account="DU1", exchange="ARCA", side="BOT", shares=D(60),
    price=D("150.25"), perm_id=987, client_id=7, liquidation=0, cum_qty=D(100), avg_price=D("150.2"), order_ref="a-1",
    ev_rule="r", ev_multiplier=D("1.5"), model_code="m", last_liquidity=2, pending_price_revision=True)
STOCK_TOLD = msgspec.structs.replace(STOCK, primary_exchange="")
PORTFOLIO = msgspec.structs.replace(OPTION, exchange="", primary_exchange="CBOE")

SECURITY = ContractData(
    req_id=9, contract=msgspec.structs.replace(OPTION, primary_exchange="CBOE"), market_name="AAPL", min_tick=D("0.01"),
    order_types="LMT,MKT", valid_exchanges="SMART,CBOE", price_magnifier=1, under_con_id=265598,
    long_name="Nestlé S.A. \\", contract_month="202612", industry="Technology", category="Computers",
    subcategory="Phones", time_zone_id="US/Eastern", trading_hours="20260105:0400-20260105:2000;20260106:CLOSED",
    liquid_hours="20260105:0930-20260105:1600", ev_rule="", ev_multiplier=D(0),
    sec_ids=(TagValue(tag="ISIN", value="US0378331005"),), agg_group=1, under_symbol="AAPL", under_sec_type="STK",
    market_rule_ids="26,26", real_expiration_date="20261218", stock_type="COMMON", min_size=D("0.0001"),
    size_increment=D("0.0002"), suggested_size_increment=D(100))
BOND_DATA = BondContractData(
    req_id=9, contract=BOND, cusip="459200101", coupon=D(5), issue_date="20200115", ratings="A3", bond_type="C",
    coupon_type="FIXED", is_convertible=True, is_callable=True, is_putable=False, description="IBM 5 1/2",
    market_name="IBM", min_tick=D("0.001"), order_types="LMT", valid_exchanges="SMART", next_option_date="20270115",
    next_option_type="CALL", next_option_partial=True, notes="n", long_name="International é", ev_rule="r",
    ev_multiplier=D(2), sec_ids=(TagValue(tag="ISIN", value="US1"), TagValue(tag="CUSIP", value="4")), agg_group=3,
    market_rule_ids="12", min_size=D(1000), size_increment=D(1), suggested_size_increment=D(2))
BAR = HistoricalBar(date="20260105 10:00:00 US/Eastern", open=1.5, high=2.5, low=1.25, close=2.0, volume=1234.0,
                    wap=1.75, count=12)
BAR_HEARD = {"date": BAR.date, "open": 1.5, "high": 2.5, "low": 1.25, "close": 2.0, "volume": 1234.0, "average": 1.75,
             "barCount": 12}
SAMPLE = SymbolSample(con_id=1, symbol="IBM", sec_type="STK", primary_exchange="NYSE", currency="USD",
                      derivative_sec_types=("OPT", "WAR"), description="d", issuer_id="i")

EXAMPLES: list[tuple[Answer, list[Call]]] = [
    (TickSize(req_id=1, tick_type=8, size=1200.0), [("tickSize", (1, 8, 1200.0))]),
    (TickGeneric(req_id=1, tick_type=49, value=1.0), [("tickGeneric", (1, 49, 1.0))]),
    (TickString(req_id=1, tick_type=45, value="1767600000"), [("tickString", (1, 45, "1767600000"))]),
    (TickSnapshotEnd(req_id=1), [("tickSnapshotEnd", (1,))]),
    (MarketDataType(req_id=1, data_type=3), [("marketDataType", (1, 3))]),
    (TickReqParams(req_id=1, min_tick=0.01, bbo_exchange="a6", snapshot_permissions=3),
     [("tickReqParams", (1, 0.01, "a6", 3))]),
    (MarketDepth(req_id=1, position=2, operation=1, side=0, price=10.25, size=300.0),
     [("updateMktDepth", (1, 2, 1, 0, 10.25, 300.0))]),
    (MarketDepthL2(req_id=1, position=2, market_maker="ARCA", operation=1, side=0, price=10.25, size=300.0,
                   is_smart_depth=True), [("updateMktDepthL2", (1, 2, "ARCA", 1, 0, 10.25, 300.0, True))]),
    (TickByTick(req_id=1, tick_type=2, time_s=1767600000, price=10.25, size=100.0, mask=3, exchange="ARCA",
                special_conditions="I"),
     [("tickByTickAllLast", (1, 2, 1767600000, 10.25, 100.0, {"pastLimit": True, "unreported": True}, "ARCA", "I"))]),
    (TickByTick(req_id=1, tick_type=3, time_s=1767600000, bid=10.25, ask=10.5, bid_size=100.0, ask_size=200.0, mask=2),
     [("tickByTickBidAsk", (1, 1767600000, 10.25, 10.5, 100.0, 200.0, {"bidPastLow": False, "askPastHigh": True}))]),
    (TickByTick(req_id=1, tick_type=4, time_s=1767600000, price=10.375),
     [("tickByTickMidPoint", (1, 1767600000, 10.375))]),
    (RealTimeBar(req_id=1, time_s=1767600000, open=1.5, high=2.5, low=1.25, close=2.0, volume=1234.0, wap=1.75,
                 count=12), [("realtimeBar", (1, 1767600000, 1.5, 2.5, 1.25, 2.0, 1234.0, 1.75, 12))]),
    (OrderStatus(order_id=12, status="Submitted", filled=D(60), remaining=D(40), avg_fill_price=D("150.2"), perm_id=987,
                 parent_id=11, last_fill_price=D("150.25"), client_id=7, why_held="locate", mkt_cap_price=D("1.5")),
     [("orderStatus", (12, "Submitted", D(60), D(40), D("150.2"), 987, 11, D("150.25"), 7, "locate", D("1.5")))]),
    (OpenOrderEnd(), [("openOrderEnd", ())]),
    (OrderBound(perm_id=987, client_id=0, order_id=-5), [("orderBound", (987, 0, -5))]),
    (CompletedOrdersEnd(), [("completedOrdersEnd", ())]),
    (ExecutionDataEnd(req_id=3), [("execDetailsEnd", (3,))]),
    (CommissionReport(exec_id="e.1.01", commission=D("1.25"), currency="USD", realized_pnl=D("-3.5"), yield_=None,
                      yield_redemption_date=None),
     [("commissionReport", ({"execId": "e.1.01", "commission": D("1.25"), "currency": "USD", "realizedPNL": D("-3.5"),
                             "yield_": UNSET, "yieldRedemptionDate": 0},))]),
    (AccountValue(key="NetLiquidation", value="1000.5", currency="USD", account="DU1"),
     [("updateAccountValue", ("NetLiquidation", "1000.5", "USD", "DU1"))]),
    (PortfolioValue(contract=PORTFOLIO, position=D(-5), market_price=D("1.5"), market_value=D(-750),
                    average_cost=D(140), unrealized_pnl=D(-50), realized_pnl=None, account="DU1"),
     [("updatePortfolio", (PORTFOLIO, D(-5), D("1.5"), D(-750), D(140), D(-50), UNSET, "DU1"))]),
    (AccountTime(time="15:59"), [("updateAccountTime", ("15:59",))]),
    (AccountDownloadEnd(account="DU1"), [("accountDownloadEnd", ("DU1",))]),
    (PositionData(account="DU1", contract=OPTION, position=D(-5), average_cost=D("140.5")),
     [("position", ("DU1", OPTION, D(-5), D("140.5")))]),
    (PositionEnd(), [("positionEnd", ())]),
    (PositionMulti(req_id=3, account="DU1", contract=OPTION, position=D(-5), average_cost=D("140.5"), model_code="M"),
     [("positionMulti", (3, "DU1", "M", OPTION, D(-5), D("140.5")))]),
    (PositionMultiEnd(req_id=3), [("positionMultiEnd", (3,))]),
    (AccountUpdateMulti(req_id=3, account="DU1", model_code="M", key="k", value="v", currency="USD"),
     [("accountUpdateMulti", (3, "DU1", "M", "k", "v", "USD"))]),
    (AccountUpdateMultiEnd(req_id=3), [("accountUpdateMultiEnd", (3,))]),
    (AccountSummary(req_id=3, account="DU1", tag="t", value="v", currency="USD"),
     [("accountSummary", (3, "DU1", "t", "v", "USD"))]),
    (AccountSummaryEnd(req_id=3), [("accountSummaryEnd", (3,))]),
    (Pnl(req_id=3, daily=1.5, unrealized=-2.5, realized=None), [("pnl", (3, 1.5, -2.5, UNSET))]),
    (PnlSingle(req_id=3, position=D(-5), daily=1.5, unrealized=-2.5, realized=None, value=7.25),
     [("pnlSingle", (3, D(-5), 1.5, -2.5, UNSET, 7.25))]),
    (ContractDataEnd(req_id=3), [("contractDetailsEnd", (3,))]),
    (MarketRule(market_rule_id=26, increments=(PriceIncrement(low_edge=D(0), increment=D("0.0001")),
                                               PriceIncrement(low_edge=D(1), increment=D("0.01")))),
     [("marketRule", (26, ({"lowEdge": 0.0, "increment": 0.0001}, {"lowEdge": 1.0, "increment": 0.01})))]),
    (OptionParametersEnd(req_id=3), [("securityDefinitionOptionParameterEnd", (3,))]),
    (HistoricalData(req_id=3, start="20260104", end="20260105", bars=(BAR, BAR)),
     [("historicalData", (3, BAR_HEARD)), ("historicalData", (3, BAR_HEARD)),
      ("historicalDataEnd", (3, "20260104", "20260105"))]),
    (HistoricalData(req_id=3, start="s", end="e", bars=()), [("historicalDataEnd", (3, "s", "e"))]),
    (HistoricalDataUpdate(req_id=3, count=12, date=BAR.date, open=1.5, close=2.0, high=2.5, low=1.25, wap=1.75,
                          volume=1234.0), [("historicalDataUpdate", (3, BAR_HEARD))]),
    (HeadTimestamp(req_id=3, timestamp="20100101-14:30:00"), [("headTimestamp", (3, "20100101-14:30:00"))]),
    (HistoricalTicks(req_id=3, ticks=(HistoricalMidpoint(time_s=1767600000, price=1.5, size=0.0),), is_done=True),
     [("historicalTicks", (3, ({"price": 1.5, "size": 0.0},), True))]),
    (HistoricalTicksBidAsk(req_id=3, is_done=False, ticks=(
        HistoricalBidAsk(time_s=1767600000, mask=1, bid=1.5, ask=1.75, bid_size=100.0, ask_size=200.0),)),
     [("historicalTicksBidAsk", (3, ({"priceBid": 1.5, "priceAsk": 1.75, "sizeBid": 100.0, "sizeAsk": 200.0,
                                      "tickAttribBidAsk": {"askPastHigh": True, "bidPastLow": False}},), False))]),
    (HistoricalTicksLast(req_id=3, is_done=True, ticks=(
        HistoricalLast(time_s=1767600000, mask=2, price=1.5, size=100.0, exchange="ARCA", special_conditions="I"),)),
     [("historicalTicksLast", (3, ({"price": 1.5, "size": 100.0, "exchange": "ARCA", "specialConditions": "I",
                                    "tickAttribLast": {"pastLimit": False, "unreported": True}},), True))]),
    (NextValidId(order_id=1001), [("nextValidId", (1001,))]),
    (ManagedAccounts(accounts="DU1,DU2"), [("managedAccounts", ("DU1,DU2",))]),
    (CurrentTime(time_s=1767600000), [("currentTime", (1767600000,))]),
]
"""Answers that every client hears alike at every version."""

TICK = TickPrice(req_id=1, tick_type=1, price=101.25, size=300.0, mask=3)
TICK_HEARD: dict[str, list[Call]] = {
    "ib": [("priceSizeTick", (1, 1, 101.25, 300.0))],
    "ibapi": [("tickPrice", (1, 1, 101.25, {"canAutoExecute": True, "pastLimit": True})), ("tickSize", (1, 0, 300))],
}
ERROR = ErrorMessage(req_id=12, code=201, message="Order rejected", advanced_order_reject_json="{}")
EXECUTION = ExecutionData(req_id=-1, order_id=12, contract=OPTION, execution=FILL)
SCHEDULE = HistoricalSchedule(req_id=3, start="s", end="e", time_zone="US/Eastern", sessions=(
    Session(start="a", end="b", ref_date="c"), Session(start="d", end="e", ref_date="f")))
SCHEDULE_HEARD = (3, "s", "e", "US/Eastern", ({"startDateTime": "a", "endDateTime": "b", "refDate": "c"},
                                              {"startDateTime": "d", "endDateTime": "e", "refDate": "f"}))
SAMPLES = SymbolSamples(req_id=3, samples=(SAMPLE, msgspec.structs.replace(SAMPLE, derivative_sec_types=())))
OPTION_PARAMETERS = OptionParameters(
    req_id=3, exchange="CBOE", under_con_id=265598, trading_class="AAPL", multiplier="100",
    expirations=("20260116", "20260220"), strikes=(D(150), D("152.5")))
