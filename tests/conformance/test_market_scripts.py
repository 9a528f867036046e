"""Scripts about the link and the market, at every version that they name, byte by byte and in one piece: README.md."""

import pytest

from tests.conformance.cases import SCRIPTS, WRITE, is_of_market, only_to_write, played, plays
from tests.conformance.rewrite import rewrite

ALL = {157, 163, 164, 166, 169, 170, 176, 178}


def test_there_are_as_many_scripts_as_were_promised():
    assert len(SCRIPTS) >= 60
    assert sum(set(script.versions) >= ALL for script in SCRIPTS) >= 60


@only_to_write
def test_written():
    for script in SCRIPTS:
        rewrite(script)


@pytest.mark.skipif(WRITE, reason="the scripts are being written")
@played(is_of_market)
def test_the_gateway_answers_as_the_script_says(script, version):
    plays(script, version)
