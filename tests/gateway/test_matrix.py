"""Three clients, every version that each of them speaks, one whole session: the truth is the same in all of them."""

import ib_async
import ib_insync
import pytest

from tests.gateway.whole_session import by_library, by_official
from tests.gateway.world import served

VERSIONS = (157, 163, 164, 166, 169, 170, 176, 178)
TRUTH = {
    "accounts": ["DU1234567"], "contract": (1_254_168_183, "IBM", "NYSE"),
    "quote": (180.01, 400, 180.03, 500, 180.02, 201), "bars": [(180.01, 180.02, 180.01, 180.02, 201, 2)],
    "changed": (171.0, 60, 1_001_000_002),
    "states": [["Filled", 100, 0, 180.04], ["Cancelled", 0, 60, 0]],
    "executions": [("00000001.00000001.01.01", "BOT", 100, 180.04, "whole/1", 1_001_000_001, 1.0, "USD")],
    "positions": [("DU1234567", 1_254_168_183, 100, 180.05)], "cash": ["981995.00"],
    "after": {"next id is above": True, "open": [], "fills": ["00000001.00000001.01.01"],
              "positions": [(1_254_168_183, 100)]},
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("library", [ib_insync, ib_async], ids=["ib_insync", "ib_async"])
def test_a_whole_session_of_a_library(library, version):
    spoken = min(version, 176) if library is ib_insync else version
    with served(version_max=version) as hosted:
        assert by_library(library, hosted) == {**TRUTH, "version": spoken}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_session_of_ibs_own_client(version):
    """It speaks 157, whatever the Gateway could."""
    with served(version_max=version) as hosted:
        assert by_official(hosted) == {**TRUTH, "version": 157}
