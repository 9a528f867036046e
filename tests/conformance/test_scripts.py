"""Every script, at every version that it names: as it is written, byte by byte, and what can be in one piece.

Each answer is also read by the clients that people use, at the versions that each of them speaks: none may stumble.
"""

import os

import pytest

from tests.conformance.play import MODES, check
from tests.conformance.rewrite import rewrite
from tests.conformance.script import scripts
from tests.ibkr.wire.clients import VERSIONS, Library

SCRIPTS = scripts()
LIBRARIES = {name: Library(name) for name in VERSIONS}
WRITE = bool(os.environ.get("CONFORMANCE_WRITE"))
CASES = [pytest.param(script, version, id=f"{script.path.stem}-{version}")
         for script in SCRIPTS for version in script.versions]


def test_there_are_as_many_scripts_as_were_promised():
    assert len(SCRIPTS) >= 60


@pytest.mark.skipif(not WRITE, reason="writes the scripts: only where CONFORMANCE_WRITE is set")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.path.stem)
def test_written_down(script):
    rewrite(script)


@pytest.mark.skipif(WRITE, reason="the scripts are being written")
@pytest.mark.parametrize(("script", "version"), CASES)
def test_the_gateway_answers_as_the_script_says(script, version):
    answers = []
    for mode in script.header.get("modes", ", ".join(MODES)).split(", "):
        answers = check(script, version, mode)
    heard = 0
    for name, versions in VERSIONS.items():
        if version in versions:
            for payload in answers:
                LIBRARIES[name].heard(version, payload)  # raises where the client's own decoder would only log
                heard += 1
    assert heard or not answers
