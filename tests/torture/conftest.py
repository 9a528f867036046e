"""What every drill needs, also those of other folders."""

import pytest

from tests.torture.drills import BUSY, undisturbed_run, write_ticks


@pytest.fixture(scope="module")
def busy():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in BUSY.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def ticks(busy, tmp_path_factory):
    return write_ticks(tmp_path_factory.mktemp("ticks"))


@pytest.fixture(scope="module")
def undisturbed(ticks, tmp_path_factory):
    return undisturbed_run(tmp_path_factory.mktemp("undisturbed") / "out", ticks)
