"""IB's own client, 9.81, unmodified, and how to wait for what it is told."""

import threading
from contextlib import contextmanager

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper

from tests.gateway.world import WAIT_S

TOLD = ("error", "nextValidId", "managedAccounts", "contractDetails", "contractDetailsEnd",
        "tickPrice", "tickSize", "tickString", "tickGeneric", "tickReqParams", "marketDataType",
        "tickSnapshotEnd", "tickByTickAllLast", "tickByTickBidAsk", "tickByTickMidPoint", "updateMktDepth",
        "updateMktDepthL2", "realtimeBar", "historicalData", "historicalDataEnd", "historicalDataUpdate",
        "headTimestamp", "historicalTicksLast", "historicalTicksBidAsk", "historicalTicks", "currentTime", "marketRule",
        "symbolSamples", "securityDefinitionOptionParameterEnd", "positionEnd", "openOrderEnd", "execDetailsEnd",
        "openOrder", "orderStatus", "execDetails", "commissionReport", "position", "updateAccountValue",
        "accountDownloadEnd")


class Official(EWrapper, EClient):
    """One class with its loop in a thread, as IB's samples have it; remembers what it is told."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.told: dict[str, list[tuple]] = {}
        self.changed = threading.Condition()

    def wait(self, name, count=1, where=lambda args: True):
        def found():
            return [args for args in self.told.get(name, []) if where(args)]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, WAIT_S), (name, self.told)
            return found()


def noting(name):
    def noted(self, *args):
        with self.changed:
            self.told.setdefault(name, []).append(args)
            self.changed.notify_all()
    return noted


for told in TOLD:
    setattr(Official, told, noting(told))


@contextmanager
def official(hosted):
    client = Official()
    client.connect("127.0.0.1", hosted.port, 7)
    thread = threading.Thread(target=client.run, daemon=True)
    thread.start()
    try:
        client.wait("nextValidId")
        yield client
    finally:
        client.disconnect()
        thread.join(WAIT_S)
    assert not thread.is_alive()


def ibm() -> Contract:
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = "IBM", "STK", "SMART", "USD"
    return contract
