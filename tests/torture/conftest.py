"""What every drill needs, also those of other folders."""

import pytest

from tests.torture.drills import BUSY, undisturbed_run, write_ticks

MADE = {}
"""Files for every module of a process: the settings of ``busy`` are a module's, what is made with them is not."""


@pytest.fixture(scope="module")
def busy():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in BUSY.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def ticks(busy, tmp_path_factory):
    if "ticks" not in MADE:
        MADE["ticks"] = write_ticks(tmp_path_factory.mktemp("ticks"))
    return MADE["ticks"]


@pytest.fixture(scope="module")
def undisturbed(ticks, tmp_path_factory):
    if "undisturbed" not in MADE:
        MADE["undisturbed"] = undisturbed_run(tmp_path_factory.mktemp("undisturbed") / "out", ticks)
    return MADE["undisturbed"]
