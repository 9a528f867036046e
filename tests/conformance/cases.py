"""Test cases made of scripts: every script at every version that it names."""

import os
from collections.abc import Callable

import pytest

from tests.conformance.play import MODES, check
from tests.conformance.script import Script, scripts
from tests.ibkr.wire.clients import VERSIONS, Library

SCRIPTS = scripts()
LIBRARIES = {name: Library(name) for name in VERSIONS}
WRITE = bool(os.environ.get("CONFORMANCE_WRITE"))
MARKET = ("link", "contract", "quotes", "depth", "ticks", "bars", "history")

only_to_write = pytest.mark.skipif(not WRITE, reason="writes the scripts: only where CONFORMANCE_WRITE is set")


def is_of_market(script: Script) -> bool:
    """Tell whether a script is about the link and the market; the others are about orders and accounts."""
    return script.path.stem.startswith(MARKET)


def played(where: Callable[[Script], bool]) -> pytest.MarkDecorator:
    """Return a parametrisation by the scripts for which ``where`` holds, at each of their versions."""
    return pytest.mark.parametrize(("script", "version"), [
        pytest.param(script, version, id=f"{script.path.stem}-{version}")
        for script in SCRIPTS if where(script) for version in script.versions])


def plays(script: Script, version: int) -> None:
    """Play a script in each of its modes; then let the clients that speak the version read what was answered."""
    answers: list[bytes] = []
    for mode in script.header.get("modes", ", ".join(MODES)).split(", "):
        answers = check(script, version, mode)
    readers = [LIBRARIES[name] for name, versions in VERSIONS.items() if version in versions]
    assert readers
    for reader in readers:
        for payload in answers:
            reader.heard(version, payload)  # raises where the client's own decoder would only log
