"""Orders and accounts through the clients that people use, unmodified, over real sockets."""

from decimal import Decimal

import ib_async
import ib_insync
import pytest

from algotrade.gateway.trading import AccountSettings, TradingSettings
from tests.gateway.official import ibm, official
from tests.gateway.world import connected, served

BOTH = [pytest.param(lib, v, id=f"{lib.__name__}-{v}")
        for lib, versions in ((ib_insync, (157, 163, 176)), (ib_async, (157, 163, 176, 178))) for v in versions]
LIBRARIES = [pytest.param(lib, id=lib.__name__) for lib in (ib_insync, ib_async)]


def placed(client, contract, order, until="Submitted"):
    trade = client.ib.placeOrder(contract, order)
    client.until(trade.statusEvent, lambda: trade.orderStatus.status == until)
    return trade


@pytest.mark.parametrize(("library", "version"), BOTH)
def test_a_market_order_fills_and_everything_that_belongs_to_it_is_heard(library, version):
    with served(version_max=version) as hosted, connected(library, hosted) as client:
        contract = client.stock()
        order = library.MarketOrder("BUY", 100, orderRef="strategy.run.1.0")
        trade = placed(client, contract, order)
        client.advance(1)
        client.until(trade.commissionReportEvent, lambda: trade.fills and trade.fills[0].commissionReport.commission)

        assert trade.orderStatus.status == "Filled"
        assert (trade.orderStatus.filled, trade.orderStatus.remaining) == (100, 0)
        fill, = trade.fills
        assert (fill.execution.side, fill.execution.shares, fill.execution.price) == ("BOT", 100, 180.02)
        assert fill.execution.orderRef == "strategy.run.1.0"
        assert (fill.commissionReport.commission, fill.commissionReport.currency) == (1, "USD")
        assert fill.execution.permId == trade.order.permId > 0
        position, = client.ib.positions()
        assert (position.contract.conId, position.position, position.avgCost) == (contract.conId, 100, 180.03)
        assert [i.position for i in client.ib.portfolio()] == [100]


@pytest.mark.parametrize(("library", "version"), BOTH)
def test_every_order_type_is_taken_changed_and_cancelled(library, version):
    with served(version_max=version) as hosted, connected(library, hosted) as client:
        contract = client.stock()
        lib = library
        orders = [
            (lib.LimitOrder("BUY", 100, 170), "Submitted"), (lib.StopOrder("SELL", 100, 170), "PreSubmitted"),
            (lib.StopLimitOrder("SELL", 100, 169, 170), "PreSubmitted"),
            (lib.Order(action="SELL", totalQuantity=100, orderType="TRAIL", auxPrice=5), "PreSubmitted"),
            (lib.Order(action="SELL", totalQuantity=100, orderType="TRAIL", trailingPercent=5), "PreSubmitted"),
            (lib.Order(action="BUY", totalQuantity=100, orderType="MIT", auxPrice=170), "PreSubmitted"),
            (lib.Order(action="BUY", totalQuantity=100, orderType="LIT", auxPrice=170, lmtPrice=171), "PreSubmitted"),
            (lib.LimitOrder("BUY", 100, 170, tif="GTC", ocaGroup="g", ocaType=1), "Submitted"),
            (lib.LimitOrder("BUY", 100, 170, tif="GTD", goodTillDate="20131010 10:00:00 UTC"), "Submitted"),
        ]
        trades = [placed(client, contract, order, status) for order, status in orders]
        first = trades[0]
        first.order.lmtPrice = 171
        client.ib.placeOrder(contract, first.order)
        client.until(client.ib.openOrderEvent, lambda: first.order.lmtPrice == 171)
        for trade in trades:
            client.ib.cancelOrder(trade.order)
            client.until(trade.statusEvent, lambda t=trade: t.orderStatus.status == "Cancelled")
        assert {code for _, code, _ in client.errors} <= {2104, 2106, 2158, 202}
        completed = client.run(client.ib.reqCompletedOrdersAsync(apiOnly=True))
        assert len(completed) == len(orders)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bracket_protects_what_it_bought(library):
    with served() as hosted, connected(library, hosted) as client:
        contract = client.stock()
        legs = client.ib.bracketOrder("BUY", 100, 181, 200, 160)
        trades = [client.ib.placeOrder(contract, leg) for leg in legs]
        client.until(trades[-1].statusEvent, lambda: trades[-1].orderStatus.status == "PreSubmitted")
        assert [t.orderStatus.status for t in trades] == ["Submitted", "PreSubmitted", "PreSubmitted"]
        assert trades[1].orderStatus.parentId == trades[0].order.orderId
        client.advance(1)
        client.until(trades[1].statusEvent, lambda: trades[1].orderStatus.status == "Submitted")
        client.ib.cancelOrder(trades[1].order)
        client.until(trades[1].statusEvent, lambda: trades[1].orderStatus.status == "Cancelled")
        assert [t.orderStatus.status for t in trades] == ["Filled", "Cancelled", "PreSubmitted"]


@pytest.mark.parametrize(("library", "version"), BOTH)
def test_a_what_if_order_tells_its_margin(library, version):
    with served(version_max=version) as hosted, connected(library, hosted) as client:
        state = client.run(client.ib.whatIfOrderAsync(client.stock(), library.LimitOrder("BUY", 100, 100)))
        assert float(state.initMarginChange) > 0
        assert state.commission == 1
        assert client.run(client.ib.reqAllOpenOrdersAsync()) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_comes_back_finds_its_orders_and_fills(library):
    with served() as hosted:
        with connected(library, hosted) as client:
            contract = client.stock()
            placed(client, contract, library.MarketOrder("BUY", 100))
            placed(client, contract, library.LimitOrder("BUY", 50, 170, tif="GTC"))
        hosted.advance(10**9)
        with connected(library, hosted) as client:
            assert [(f.execution.shares, f.commissionReport.commission) for f in client.ib.fills()] == [(100, 1)]
            assert [t.order.lmtPrice for t in client.ib.openTrades()] == [170]
            assert client.ib.client.getReqId() >= 3


@pytest.mark.parametrize("library", LIBRARIES)
def test_accounts_in_several_currencies_and_profit_and_loss(library):
    accounts = {"DU1234567": AccountSettings(cash={"USD": Decimal(50_000), "EUR": Decimal(1000)})}
    with served(trading=TradingSettings(accounts=accounts)) as hosted, connected(library, hosted) as client:
        contract = client.stock()
        summary = {(v.tag, v.currency): v.value for v in client.run(client.ib.accountSummaryAsync())}
        assert summary["CashBalance", "EUR"] == "1000.00"
        assert float(summary["NetLiquidation", "USD"]) > 50_000
        values = {(v.tag, v.currency): v.value for v in client.ib.accountValues()}
        assert values["CashBalance", "USD"] == "50000.00"
        placed(client, contract, library.MarketOrder("BUY", 100))
        client.advance(1)
        pnl = client.ib.reqPnL("DU1234567")
        single = client.ib.reqPnLSingle("DU1234567", "", contract.conId)
        client.until(client.ib.pnlSingleEvent, lambda: single.position == 100)
        assert pnl.unrealizedPnL == single.unrealizedPnL == pytest.approx(-2, abs=1)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_refusal_reaches_the_client(library):
    with served() as hosted, connected(library, hosted) as client:
        client.ib.placeOrder(client.stock(), library.LimitOrder("BUY", 100, 170.005))
        assert client.until_error(110)[1] == 110
        client.advance(1)
        client.ib.placeOrder(client.stock(), library.MarketOrder("BUY", 10_000_000))
        assert "margin" in client.until_error(201)[2]


def test_ibs_own_client_places_an_order_and_hears_of_it():
    from ibapi.execution import ExecutionFilter
    from ibapi.order import Order

    with served() as hosted, official(hosted) as client:
        order = Order()
        order.action, order.totalQuantity, order.orderType, order.lmtPrice = "BUY", 100, "LMT", 181.0
        order.eTradeOnly = order.firmQuoteOnly = False
        client.placeOrder(1, ibm(), order)
        client.wait("orderStatus")
        hosted.advance(10**9)
        (exec_id, cost), = [(r.execId, r.commission) for r, in client.wait("commissionReport")]
        (_, told, execution), = client.told["execDetails"]
        assert (execution.execId, execution.orderId, execution.shares, execution.price) == (exec_id, 1, 100, 180.02)
        assert (cost, told.symbol) == (1, "IBM")
        assert [s[1] for s in client.told["orderStatus"]] == ["Submitted", "Filled"]
        client.reqExecutions(5, ExecutionFilter())
        client.wait("execDetailsEnd")
        client.reqPositions()
        client.wait("positionEnd")
        (account, _, position, average), = client.told["position"]
        assert (account, position, average) == ("DU1234567", 100, 180.03)
        client.reqAccountUpdates(True, "")
        client.wait("accountDownloadEnd")
        values = {(k, c): v for k, v, c, _ in client.told["updateAccountValue"]}
        assert values["TotalCashValue", "USD"] == "981997.00"
