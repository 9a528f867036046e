"""A full disk: told as such, nothing of the append kept, and what was there before stays whole."""

import os
import resource
import subprocess

import apsw
import pytest

from algotrade.bus import BusError, DiskFull, LocalBus, Outgoing, Topic
from tests.bus.worlds import message, values

TABLE = {topic.name: topic for topic in (
    Topic(name="big", writer="alpha"), Topic(name="big.dead", writer="dead-letters"))}


def fill(bus):
    """Append until the disk is full, and return how many appends were acknowledged."""
    for count in range(10_000):
        try:
            bus.append("big", [message(f"{count}.", size_bytes=20_000), message("pair", size_bytes=20_000)])
        except DiskFull as error:
            assert "the disk is full" in str(error)  # noqa: PT017 -- the first of many appends that fails
            return count
    raise AssertionError("the disk is not so small")


def assert_intact(bus, count):
    assert bus.bounds("big") == (0, 2 * count)
    assert [v.split(b".")[0] for v in values(bus, "big")[::2]] == [str(i).encode() for i in range(count)]


def test_a_file_at_its_bound_of_pages(tmp_path):
    bus = LocalBus(tmp_path / "bus", "alpha", TABLE)
    connection = bus._own_file("alpha")._connection
    connection.execute("PRAGMA max_page_count = 100").fetchall()
    count = fill(bus)
    assert_intact(bus, count)

    connection.execute("PRAGMA max_page_count = 10000").fetchall()
    assert bus.append("big", [message("a")]) == [2 * count]
    bus.close()


def test_a_file_at_the_limit_of_the_process(tmp_path):
    bus = LocalBus(tmp_path / "bus", "alpha", TABLE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        count = fill(bus)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_intact(bus, count)
    assert bus.append("big", [message("a")]) == [2 * count]
    bus.close()


@pytest.fixture
def tiny_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True,
                             text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_truly_full(tiny_disk):
    bus = LocalBus(tiny_disk / "bus", "alpha", TABLE)
    count = fill(bus)
    assert count > 3
    assert_intact(bus, count)
    reserve = tiny_disk / "reserve"
    bus.close()

    # A start on a full disk, where even small files may find no room: either it works, or it is told as such.
    again = LocalBus(tiny_disk / "bus", "alpha", TABLE)
    assert_intact(again, count)
    again.close()
    free = os.statvfs(tiny_disk)
    reserve.write_bytes(bytes(free.f_bavail * free.f_frsize))
    with pytest.raises(BusError):
        LocalBus(tiny_disk / "bus", "beta", TABLE)
    reserve.unlink()
    again = LocalBus(tiny_disk / "bus", "alpha", TABLE)
    assert_intact(again, count)
    again.close()
    connection = apsw.Connection(str(tiny_disk / "bus" / "alpha.db"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_write_that_failed_on_the_disk_is_not_tried_again(tmp_path, monkeypatch):
    """After a failed flush the kernel may have dropped what was written: what the file holds is unknown from there."""
    bus = LocalBus(tmp_path / "bus", "alpha", TABLE)
    file = bus._own_file("alpha")
    bus.append("big", [message("a")])

    class FailingDisk(type(file)):
        def _append(self, *_):
            raise apsw.IOError("IOError: disk I/O error")

    file.__class__ = FailingDisk
    with pytest.raises(BusError, match="the disk or file system failed"):
        bus.append("big", [Outgoing(b"", b"b")])
    file.__class__ = FailingDisk.__base__
    with pytest.raises(BusError, match="an earlier write failed"):
        bus.append("big", [Outgoing(b"", b"b")])
    bus.close()
    assert values(LocalBus(tmp_path / "bus", "alpha", TABLE), "big") == [b"a"]
