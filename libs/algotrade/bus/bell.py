"""Wakes waiting processes: a FIFO for each, into which whoever has news writes a byte.

A FIFO needs no service and dies with its reader, on Linux and macOS alike. Watching the log files instead would wake
before the flush is over (inotify), or burn a processor (polling).

A process that is busy need not be rung again and again. So a bell is rung only while it is armed: its owner arms it
when it has woken, before it looks at the logs, and the first who rings disarms it. Nothing is lost by that, because
news is published first and the armed flag looked at second, while the owner arms first and looks for news second: one
of the two sees the other (with a fence between each two steps). The flag is cleared before the byte is written, never
after: else a slow ringer would clear what the owner has armed anew.
"""

import errno
import os
import select
from pathlib import Path

from algotrade.bus.board import BELLS_MAX, Board
from algotrade.bus.folder import BELLS_FOLDER, NEW_SUFFIX, BusFolder
from algotrade.bus.port import BusError
from algotrade.bus.seam import Seam

WAIT_MS_MAX = 100
"""The net under a ringer that is killed between clearing the flag and writing the byte."""

_DRAIN_BYTES = 1 << 16
_RING = b"!"


class Bells:
    """This process's bell, made at its first ``wait``, and those of the others."""

    def __init__(self, folder: BusFolder, board: Board, owner: str) -> None:
        self._folder = folder
        self._board = board
        self._owner = owner
        self._path = folder.path / BELLS_FOLDER
        self._seam = Seam(self._path)
        self._own: Path | None = None
        self._number = -1
        self._read_fd = self._write_fd = -1
        self._poll = select.poll()
        self._others: dict[Path, tuple[int, int]] = {}  # FIFO -> number of the bell, descriptor to write to
        self._generation = -1
        with folder.locked(), self._seam:
            self._path.mkdir(exist_ok=True)

    def wait(self, timeout_s: float) -> None:
        """Sleep until this process's bell rings, at most ``timeout_s`` and never longer than ``WAIT_MS_MAX``.

        The first call only hangs the bell up and returns: what happened before could not ring it.
        """
        if self._own is None:
            self._hang_up()
        elif self._poll.poll(max(0, min(int(timeout_s * 1000), WAIT_MS_MAX))):
            self._drain()
        self._board.arm(self._number)

    def ring(self) -> None:
        """Wake every other process that waits, or will wait before it has looked."""
        self._board.fence()
        if self._board.bells != self._generation:
            self._refresh()
        for path, (number, fd) in tuple(self._others.items()):
            if not self._board.disarm(number):
                continue
            try:
                os.write(fd, _RING)
            except BlockingIOError:
                pass  # full of rings: it will wake
            except BrokenPipeError:
                self._forget(path)

    def close(self) -> None:
        """Take this process's bell down and close the others; a second call does nothing."""
        for fd in (self._read_fd, self._write_fd, *(fd for _, fd in self._others.values())):
            if fd >= 0:
                os.close(fd)
        if self._own is not None:
            self._own.unlink(missing_ok=True)
        self._own = None
        self._read_fd = self._write_fd = -1
        self._others.clear()

    def _hang_up(self) -> None:
        with self._folder.locked(), self._seam:
            new = self._path / NEW_SUFFIX
            new.unlink(missing_ok=True)  # of a process that was killed right here
            self._number = self._free_number()
            os.mkfifo(new)
            self._read_fd = os.open(new, os.O_RDONLY | os.O_NONBLOCK)
            # Its own writing end keeps the FIFO from reporting its end whenever the last ringer goes away.
            self._write_fd = os.open(new, os.O_WRONLY | os.O_NONBLOCK)
            self._own = self._path / f"{self._number}.{self._owner}.{os.getpid()}"
            # Renamed only now, so that a bell in the folder has a reader as long as its process lives.
            new.rename(self._own)
            self._board.bells_changed()
        self._poll.register(self._read_fd, select.POLLIN)

    def _free_number(self) -> int:
        paths = {_number(path): path for path in self._path.iterdir()}
        for number in range(BELLS_MAX):
            if number not in paths or self._is_dead(paths[number]):
                return number
        raise BusError(f"{self._path}: all {BELLS_MAX} bells are taken by running processes")

    def _is_dead(self, path: Path) -> bool:
        """Tell whether nobody reads ``path`` any more, and remove it then."""
        fd = self._open(path)
        if fd is not None:
            os.close(fd)
        return fd is None

    def _open(self, path: Path) -> int | None:
        """Return a descriptor to ring ``path`` with, None where its process is dead; its FIFO is removed then."""
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in {errno.ENXIO, errno.ENOENT}:
                raise
            path.unlink(missing_ok=True)
            return None

    def _drain(self) -> None:
        try:
            while len(os.read(self._read_fd, _DRAIN_BYTES)) == _DRAIN_BYTES:
                pass
        except BlockingIOError:
            pass

    def _refresh(self) -> None:
        """Open the bells that are new in the folder."""
        # Read before the listing: a bell added in between makes another refresh.
        generation = self._board.bells
        with self._seam:
            present = set(self._path.iterdir()) - {self._own, self._path / NEW_SUFFIX}
            for path in set(self._others) - present:
                self._forget(path)
            for path in sorted(present - set(self._others)):
                fd = self._open(path)
                if fd is not None:
                    self._others[path] = (_number(path), fd)
        self._generation = generation

    def _forget(self, path: Path) -> None:
        """Drop the bell of a process that is gone."""
        _, fd = self._others.pop(path)
        os.close(fd)
        path.unlink(missing_ok=True)


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])
