"""Both libraries connect, unmodified, at every version that each of them speaks; IB's own client: test_official."""

import ib_async
import ib_insync
import pytest

from tests.gateway.empty_account import ACCOUNT
from tests.gateway.world import connected, served

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


@pytest.mark.parametrize("library", VERSIONS)
def test_an_account_without_orders_is_told_whole(library):
    """Every part of the account ends with its marker: else ib_async raises, and ib_insync logs that it timed out."""
    with served() as hosted, connected(library, hosted, client_id=0) as client:
        assert client.ib.positions() == []
        assert client.ib.openTrades() == []
        assert client.ib.fills() == []
        values = {v.tag: v.value for v in client.ib.accountValues() if v.currency == "USD"}
        assert float(values["NetLiquidation"]) == 1_000_000
