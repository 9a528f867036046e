"""Scripts about orders and accounts, at every version that they name, byte by byte and in one piece: README.md."""

import pytest

from tests.conformance.cases import WRITE, is_of_market, played, plays


@pytest.mark.skipif(WRITE, reason="the scripts are being written")
@played(lambda script: not is_of_market(script))
def test_the_gateway_answers_as_the_script_says(script, version):
    plays(script, version)
