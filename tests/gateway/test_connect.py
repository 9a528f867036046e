"""The three clients connect, unmodified, at every version that each of them speaks."""

import threading

import ib_async
import ib_insync
import pytest
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

from tests.gateway.empty_account import ACCOUNT
from tests.gateway.world import WAIT_S, connected, served

VERSIONS = {ib_insync: (157, 163, 164, 166, 169, 170, 176), ib_async: (157, 163, 164, 166, 169, 170, 176, 178)}
BOTH = [pytest.param(lib, v, id=f"{lib.__name__}-{v}") for lib, versions in VERSIONS.items() for v in versions]


@pytest.mark.parametrize(("library", "version"), BOTH)
def test_a_library_connects_and_qualifies_a_contract(library, version):
    with served(version_max=version) as hosted, connected(library, hosted) as client:
        assert client.ib.client.serverVersion() == version
        assert client.ib.managedAccounts() == [ACCOUNT]
        assert client.stock().conId == 1_254_168_183
        client.until_error(2158)
        assert [code for _, code, _ in client.errors] == [2104, 2106, 2158]


class Official(EWrapper, EClient):
    """IB's own client, in the way its users write it: one class, its loop in a thread."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.told: dict[str, list[tuple]] = {}
        self.changed = threading.Condition()

    def note(self, name, *args):
        with self.changed:
            self.told.setdefault(name, []).append(args)
            self.changed.notify_all()

    def wait(self, name, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.told.get(name, [])) >= count, WAIT_S), (name, self.told)
            return self.told[name]


def _noting(name):
    def noted(self, *args):
        self.note(name, *args)
    return noted


for _name in ("nextValidId", "managedAccounts", "error", "contractDetails", "contractDetailsEnd", "currentTime"):
    setattr(Official, _name, _noting(_name))


def test_ibs_own_client_connects_and_asks_for_a_contract():
    from ibapi.contract import Contract

    with served() as hosted:
        client = Official()
        client.connect("127.0.0.1", hosted.port, 7)
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        assert client.wait("nextValidId") == [(1,)]
        assert client.wait("managedAccounts") == [(ACCOUNT,)]
        assert client.serverVersion() == 157
        contract = Contract()
        contract.symbol, contract.secType, contract.exchange, contract.currency = "IBM", "STK", "SMART", "USD"
        client.reqContractDetails(3, contract)
        client.wait("contractDetailsEnd")
        (req_id, details), = client.told["contractDetails"]
        assert (req_id, details.contract.conId, details.minTick) == (3, 1_254_168_183, 0.01)
        client.disconnect()
        thread.join(WAIT_S)
        assert not thread.is_alive()
