"""No apsw exception passes the seam: each class is the world's fault with words for it, or our bug."""

import errno
from pathlib import Path

import apsw
import pytest

from algotrade.bus import BusError, DiskFull
from algotrade.bus.seam import OUR_BUGS, WORLD_ERRORS, Seam, from_sqlite

PATH = Path("/some/bus/alpha.db")
CLASSES = {kind for kind in vars(apsw).values() if isinstance(kind, type) and issubclass(kind, apsw.Error)}


def test_the_tables_name_every_class_exactly_once():
    assert set(WORLD_ERRORS) | OUR_BUGS | {apsw.FullError, apsw.Error} == CLASSES
    assert not set(WORLD_ERRORS) & OUR_BUGS


@pytest.mark.parametrize("kind", sorted(CLASSES, key=lambda kind: kind.__name__))
def test_every_class_becomes_ours_names_the_file_and_keeps_its_cause(kind):
    cause = kind("the cause")
    with pytest.raises((BusError, AssertionError), match=r"/some/bus/alpha\.db") as caught, Seam(PATH):
        raise cause

    assert caught.value.__cause__ is cause
    assert isinstance(caught.value, BusError) == (kind in WORLD_ERRORS or kind is apsw.FullError)
    assert isinstance(caught.value, DiskFull) == (kind is apsw.FullError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_known_by_what_the_system_said(number):
    assert isinstance(from_sqlite(apsw.IOError("disk I/O error"), PATH, number), DiskFull)
    with pytest.raises(DiskFull), Seam(PATH):
        raise OSError(number, "full")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO, errno.ENOTDIR, errno.EMFILE])
def test_other_system_errors_are_bus_errors_with_the_path(number):
    with pytest.raises(BusError, match=r"/some/bus/alpha\.db: ") as caught, Seam(PATH):
        raise OSError(number, "words")
    assert not isinstance(caught.value, DiskFull)


def test_what_is_not_of_the_outside_passes_unchanged():
    with pytest.raises(ZeroDivisionError), Seam(PATH):
        _ = 1 // 0
