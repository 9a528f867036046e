"""One whole session through each of the three clients, and what it came to, in words that are none of theirs."""

from typing import Any

from ibapi.execution import ExecutionFilter
from ibapi.order import Order as OfficialOrder

from tests.gateway.official import Official, ibm, official
from tests.gateway.world import Client, connected

BOUGHT, RESTING = 181.0, 170.0


def by_library(library: Any, hosted: Any) -> dict[str, Any]:
    """Do a whole session with ib_insync or ib_async."""
    heard: dict[str, Any] = {}
    with connected(library, hosted) as client:
        ib = client.ib
        heard["version"] = ib.client.serverVersion()
        heard["accounts"] = ib.managedAccounts()
        contract = client.stock()
        heard["contract"] = contract.conId, contract.localSymbol, contract.primaryExchange
        ticker = ib.reqMktData(contract)
        client.advance(2)
        client.until(ib.pendingTickersEvent, lambda: ticker.volume == 201)
        heard["quote"] = ticker.bid, ticker.bidSize, ticker.ask, ticker.askSize, ticker.last, ticker.volume
        ib.cancelMktData(contract)
        bars = client.run(ib.reqHistoricalDataAsync(contract, "", "5 S", "5 secs", "TRADES", False, formatDate=2))
        heard["bars"] = [(b.open, b.high, b.low, b.close, b.volume, b.barCount) for b in bars]
        _trade(library, client, contract, heard)
    gone(hosted)
    with connected(library, hosted) as client:
        heard["after"] = {
            "next id is above": client.ib.client.getReqId() > 2,
            "open": [t.order.permId for t in client.ib.openTrades()],
            "fills": [f.execution.execId for f in client.ib.fills()],
            "positions": [(p.contract.conId, p.position) for p in client.ib.positions()]}
    return heard


def gone(hosted: Any) -> None:
    """Wait until the Gateway has noticed that its client left: before that its id is in use."""
    while hosted.call(lambda gateway: gateway.status()["clients"]):
        hosted.advance(0)


def _trade(library: Any, client: Client, contract: Any, heard: dict[str, Any]) -> None:
    ib = client.ib
    bought = ib.placeOrder(contract, library.LimitOrder("BUY", 100, BOUGHT, orderRef="whole/1"))
    client.until(bought.statusEvent, lambda: bought.orderStatus.status == "Submitted")
    client.advance(1)
    client.until(bought.commissionReportEvent, lambda: bought.fills and bought.fills[0].commissionReport.execId)
    resting = ib.placeOrder(contract, library.LimitOrder("BUY", 50, RESTING, orderRef="whole/2"))
    client.until(resting.statusEvent, lambda: resting.orderStatus.status == "Submitted")
    resting.order.lmtPrice, resting.order.totalQuantity = RESTING + 1, 60
    ib.placeOrder(contract, resting.order)
    client.until(ib.openOrderEvent, lambda: resting.orderStatus.remaining == 60)
    heard["changed"] = resting.order.lmtPrice, float(resting.orderStatus.remaining), resting.orderStatus.permId
    ib.cancelOrder(resting.order)
    client.until(resting.statusEvent, lambda: resting.orderStatus.status == "Cancelled")
    heard["states"] = [[t.orderStatus.status, float(t.orderStatus.filled), float(t.orderStatus.remaining),
                        t.orderStatus.avgFillPrice] for t in (bought, resting)]
    fills = client.run(ib.reqExecutionsAsync())
    # Of an execution that they know the libraries give a second object, whose commission stays empty.
    costs = {f.execution.execId: f.commissionReport for f in ib.fills()}
    heard["executions"] = [(e.execId, e.side, float(e.shares), e.price, e.orderRef, e.permId,
                            costs[e.execId].commission, costs[e.execId].currency) for e in (f.execution for f in fills)]
    positions = client.run(ib.reqPositionsAsync())
    heard["positions"] = [(p.account, p.contract.conId, float(p.position), p.avgCost) for p in positions]
    heard["cash"] = [v.value for v in ib.accountValues() if (v.tag, v.currency) == ("TotalCashValue", "USD")]


def by_official(hosted: Any) -> dict[str, Any]:
    """Do the same with IB's own client."""
    heard: dict[str, Any] = {}
    with official(hosted) as client:
        heard["version"] = client.serverVersion()
        heard["accounts"] = [accounts for accounts, in client.wait("managedAccounts")]
        client.reqContractDetails(1, ibm())
        client.wait("contractDetailsEnd")
        contract = client.told["contractDetails"][0][1].contract
        heard["contract"] = contract.conId, contract.localSymbol, contract.primaryExchange
        client.reqMktData(2, contract, "", False, False, [])
        client.wait("tickReqParams")
        hosted.advance(2 * 10**9)
        client.wait("tickSize", where=lambda args: args == (2, 8, 201))
        heard["quote"] = _quote(client)
        client.cancelMktData(2)
        client.reqHistoricalData(3, contract, "", "5 S", "5 secs", "TRADES", 0, 2, False, [])
        client.wait("historicalDataEnd")
        heard["bars"] = [(b.open, b.high, b.low, b.close, float(b.volume), b.barCount)
                         for _, b in client.told["historicalData"]]
        _trade_official(client, hosted, contract, heard)
    gone(hosted)
    with official(hosted) as client:
        client.reqExecutions(5, ExecutionFilter())
        client.wait("execDetailsEnd")
        client.reqPositions()
        client.wait("positionEnd")
        client.reqOpenOrders()
        client.wait("openOrderEnd")
        (next_id,), = client.wait("nextValidId")
        heard["after"] = {
            "next id is above": next_id > 2, "open": [args[2].permId for args in client.told.get("openOrder", [])],
            "fills": [e.execId for _, _, e in client.told["execDetails"]],
            "positions": [(c.conId, position) for _, c, position, _ in client.told["position"]]}
    return heard


def _quote(client: Official) -> tuple[float, ...]:
    prices = {kind: price for _, kind, price, _ in client.told["tickPrice"]}
    sizes = {kind: size for _, kind, size in client.told["tickSize"]}
    return prices[1], sizes[0], prices[2], sizes[3], prices[4], sizes[8]


def _order(quantity: float, price: float, reference: str) -> OfficialOrder:
    order = OfficialOrder()
    order.action, order.totalQuantity, order.orderType = "BUY", quantity, "LMT"
    order.lmtPrice, order.orderRef = price, reference
    order.eTradeOnly = order.firmQuoteOnly = False
    return order


def _trade_official(client: Official, hosted: Any, contract: Any, heard: dict[str, Any]) -> None:
    def state(order_id: int, name: str) -> list[Any]:
        return client.wait("orderStatus", where=lambda args: args[:2] == (order_id, name))[-1]

    client.placeOrder(1, contract, _order(100, BOUGHT, "whole/1"))
    state(1, "Submitted")
    hosted.advance(10**9)
    client.wait("commissionReport")
    client.placeOrder(2, contract, _order(50, RESTING, "whole/2"))
    state(2, "Submitted")
    client.placeOrder(2, contract, _order(60, RESTING + 1, "whole/2"))
    changed = client.wait("orderStatus", where=lambda args: args[0] == 2 and args[3] == 60)[0]
    newest = [args[2] for args in client.told["openOrder"] if args[0] == 2][-1]
    heard["changed"] = newest.lmtPrice, changed[3], changed[5]
    client.cancelOrder(2)
    ended = [state(1, "Filled"), state(2, "Cancelled")]
    heard["states"] = [[name, filled, remaining, price] for _, name, filled, remaining, price, *_ in ended]
    client.told["execDetails"].clear()
    client.reqExecutions(4, ExecutionFilter())
    client.wait("execDetailsEnd")
    costs = {report.execId: (report.commission, report.currency) for report, in client.told["commissionReport"]}
    heard["executions"] = [(e.execId, e.side, e.shares, e.price, e.orderRef, e.permId, *costs[e.execId])
                           for _, _, e in client.told["execDetails"]]
    client.reqPositions()
    client.wait("positionEnd")
    heard["positions"] = [(account, c.conId, position, cost)
                          for account, c, position, cost in client.told["position"]]
    client.reqAccountUpdates(True, "")
    client.wait("accountDownloadEnd")
    heard["cash"] = [value for key, value, currency, _ in client.told["updateAccountValue"]
                     if (key, currency) == ("TotalCashValue", "USD")]
