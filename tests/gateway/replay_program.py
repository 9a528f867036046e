"""A program that trades, as its users write it: played to a Gateway and recorded, then to the replay of that."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from algotrade.domain import SystemClock
from algotrade.ibkr.recording import Recorder
from tests.gateway.world import WAIT_S, Client, loop_of_its_own

CLIENT_ID = 3


def tap(ib: Any, recorder: Recorder) -> None:
    """Let ``recorder`` see what passes on the library's socket, before the library does."""
    client, link = ib.client, ib.client.conn
    send = link.sendMsg

    def asked(data: bytes) -> None:
        recorder.asked(data)
        send(data)

    def ended(reason: str) -> None:
        recorder.disconnected(reason or "closed")

    link.sendMsg = asked
    link.hasData -= client._onSocketHasData
    link.hasData += recorder.told
    link.hasData += client._onSocketHasData
    link.disconnected += ended
    recorder.kept = (asked, ended)  # the library holds them weakly
    recorder.connected()


class Program(Client):
    """The library connected to ``port``; ``advance`` lets the market go on, where it does not by itself."""

    def __init__(self, library: Any, loop: asyncio.AbstractEventLoop, port: int, advance: Callable[[float], None],
                 recorder: Recorder | None, client_id: int) -> None:
        self.lib, self.loop, self.advance = library, loop, advance
        self.ib = library.IB()
        self.errors: list[tuple[int, int, str]] = []
        self.ib.errorEvent += lambda req_id, code, text, _contract: self.errors.append((req_id, code, text))
        if recorder is not None:
            tap(self.ib, recorder)
        self.run(self.ib.connectAsync("127.0.0.1", port, clientId=client_id, timeout=WAIT_S))


def trade(program: Program, order_ref: str) -> dict[str, Any]:
    """Do what a trading day has, and return what was heard of it."""
    ib, lib = program.ib, program.lib
    program.until(ib.errorEvent, lambda: any(code == 2158 for _, code, _ in program.errors))
    heard: dict[str, Any] = {"accounts": ib.managedAccounts(), "version": ib.client.serverVersion()}
    contract = program.stock()
    heard["contract"] = contract.conId, contract.localSymbol
    ticker = ib.reqMktData(contract)
    program.advance(2)
    program.until(ib.pendingTickersEvent, lambda: ticker.last == 180.02)
    heard["quote"] = ticker.bid, ticker.ask, ticker.last, ticker.volume
    bars = program.run(ib.reqHistoricalDataAsync(contract, "", "60 S", "5 secs", "TRADES", False, formatDate=2))
    heard["bars"] = [(b.date, b.open, b.close, b.volume) for b in bars]
    resting = ib.placeOrder(contract, lib.LimitOrder("BUY", 50, 170.0, orderRef=order_ref))
    program.until(resting.statusEvent, lambda: resting.orderStatus.status == "Submitted")
    resting.order.lmtPrice = 171.0
    ib.placeOrder(contract, resting.order)
    program.until(ib.openOrderEvent, lambda: len(resting.log) > 2)
    bought = ib.placeOrder(contract, lib.LimitOrder("BUY", 100, 181.0, orderRef=order_ref))
    # A replay may tell that it filled in the same breath: then that is its state when it is looked at.
    program.until(bought.statusEvent, lambda: any(entry.status == "Submitted" for entry in bought.log))
    program.advance(1)
    program.until(bought.commissionReportEvent, lambda: bought.fills and bought.fills[0].commissionReport.execId)
    program.until(ib.positionEvent, lambda: bool(ib.positions()))
    program.until(ib.accountValueEvent, lambda: cash(ib) != ["1000000.00"])
    ib.cancelOrder(resting.order)
    program.until(resting.statusEvent, lambda: resting.orderStatus.status == "Cancelled")
    heard["orders"] = [(t.order.orderRef, t.orderStatus.status, t.orderStatus.filled, t.orderStatus.avgFillPrice,
                        t.order.lmtPrice, t.order.permId) for t in (resting, bought)]
    heard["fills"] = [(f.execution.execId, f.execution.price, f.execution.shares, f.execution.orderRef,
                       f.commissionReport.commission) for f in bought.fills]
    again = program.run(ib.reqExecutionsAsync())
    heard["executions"] = [(f.execution.execId, f.execution.orderId == bought.order.orderId) for f in again]
    heard["positions"] = [(p.contract.conId, p.position, p.avgCost) for p in ib.positions()]
    heard["cash"] = cash(ib)
    ib.cancelMktData(contract)
    done = program.run(ib.reqCompletedOrdersAsync(False))
    heard["done"] = [(t.order.permId, t.order.orderRef, t.orderStatus.status) for t in done]
    heard["errors"] = sorted(code for _, code, _ in program.errors)
    return heard


def cash(ib: Any) -> list[str]:
    """Return the dollars of the account, as they were last told."""
    return [v.value for v in ib.accountValues() if (v.tag, v.currency) == ("CashBalance", "USD")]


def ran(library: Any, port: int, advance: Callable[[float], None], *, order_ref: str = "ema/1",
        client_id: int = CLIENT_ID, path: Path | None = None) -> dict[str, Any]:
    """Run the program once, recorded to ``path`` where one is given, and return what it heard."""
    recorder = None if path is None else Recorder(path, SystemClock())
    with loop_of_its_own() as loop:
        program = Program(library, loop, port, advance, recorder, client_id)
        try:
            return trade(program, order_ref)
        finally:
            gone = asyncio.Event()
            program.ib.client.conn.disconnected += lambda *_: gone.set()
            program.ib.disconnect()
            loop.run_until_complete(asyncio.wait_for(gone.wait(), WAIT_S))
            if recorder is not None:
                recorder.close()
