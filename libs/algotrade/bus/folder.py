"""The folder of a local bus: what is in it, which format it has, and who uses it.

    FORMAT                 one line: name and version of the format; writers hold a shared lock on it while they run
    <writer>.db            the topics, commits and snapshots of one writing process (SQLite, ``logfile``)
    dead-letters.db        what did not decode, from every process
    board                  promises and hints in shared memory (``board``)
    bells/                 one FIFO per waiting process (``bell``)

Opening, creating and removing happen under an exclusive lock on the folder itself, so the lock needs no file.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from algotrade.bus.port import BusError, FormatUnsupported
from algotrade.bus.seam import Seam

FORMAT_NAME = "algotrade-local-bus"
FORMAT_VERSION = 1
REMOVED = f"{FORMAT_NAME} removed"
"""Written into FORMAT before the rest is deleted: a removal that was killed half-way is finished by who comes next."""

FORMAT_FILE = "FORMAT"
BOARD_FILE = "board"
BELLS_FOLDER = "bells"
NEW_SUFFIX = ".new"
"""Files are built under this name and renamed: what has its own name is complete."""

_FORMAT_BYTES_MAX = 256


class BusFolder:
    """An opened bus folder. ``create`` makes it, and its FORMAT, where there is none yet.

    ``in_use`` marks it as in use until ``close`` or the end of this process, however it ends.
    Raises ``FormatUnsupported`` for a folder of another version, or of something else, and ``BusError`` for one that
    cannot be used.
    """

    def __init__(self, path: Path, *, create: bool, in_use: bool = False) -> None:
        self.path = path
        self._seam = Seam(path)
        self._in_use_fd = -1
        with self._seam:
            if create:
                path.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with self.locked():
                self._check_format(create=create)
                if in_use:
                    self._hold_in_use()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder alone, for the moment of making something in it; does not nest."""
        with self._seam:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            with self._seam:
                if not self.path.exists() or self.path.stat().st_ino != os.fstat(self._fd).st_ino:
                    raise BusError(f"{self.path} was removed meanwhile")
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _hold_in_use(self) -> None:
        with self._seam:
            self._in_use_fd = os.open(self.path / FORMAT_FILE, os.O_RDONLY)
            fcntl.flock(self._in_use_fd, fcntl.LOCK_SH)

    @contextmanager
    def unused(self) -> Iterator[None]:
        """Hold the folder while nobody writes in it; raises ``BusError`` where somebody does."""
        with self._seam:
            fd = os.open(self.path / FORMAT_FILE, os.O_RDONLY)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusError(f"{self.path} is in use by a running process; stop it first") from None
            yield
        finally:
            os.close(fd)

    def settle(self, name: str) -> None:
        """Give the finished file ``name`` + ``NEW_SUFFIX`` its name, durably."""
        with self._seam:
            (self.path / (name + NEW_SUFFIX)).rename(self.path / name)
            os.fsync(self._fd)

    def close(self) -> None:
        """Give the locks back; a second call does nothing."""
        for fd in (self._fd, self._in_use_fd):
            if fd >= 0:
                os.close(fd)
        self._fd = self._in_use_fd = -1

    def clear(self) -> None:
        """Delete everything but the folder itself, FORMAT last; the caller holds the folder.

        Raises ``FormatUnsupported``, and deletes nothing, where something is in it that no bus has made.
        """
        with self._seam:
            names = sorted(path.name for path in self.path.iterdir())
            strange = [name for name in names if not _is_ours(name)]
            if strange:
                raise FormatUnsupported(
                    f"{self.path} holds {', '.join(strange[:5])}, which no bus has made; not removed")
            self._write_format(REMOVED)
            shutil.rmtree(self.path / BELLS_FOLDER, ignore_errors=True)
            for name in names:
                if name not in {FORMAT_FILE, BELLS_FOLDER}:
                    (self.path / name).unlink(missing_ok=True)
            os.fsync(self._fd)
            (self.path / FORMAT_FILE).unlink()

    def _check_format(self, *, create: bool) -> None:
        """Read FORMAT, or write it into an empty folder."""
        supported = f"{FORMAT_NAME} {FORMAT_VERSION}"
        with self._seam:
            present = sorted({path.name for path in self.path.iterdir()} - {FORMAT_FILE + NEW_SUFFIX})
            if FORMAT_FILE in present:
                found = (self.path / FORMAT_FILE).read_bytes()[:_FORMAT_BYTES_MAX].decode(errors="replace").strip()
                if found == supported:
                    return
                if found != REMOVED:
                    raise FormatUnsupported(f"{self.path} has format {found!r}; supported: {supported!r}")
                self.clear()
            elif present or not create:
                raise FormatUnsupported(
                    f"{self.path} is no bus folder: without {FORMAT_FILE}, with {', '.join(present[:5]) or 'nothing'}; "
                    f"supported: a new or empty folder, or format {supported!r}")
            self._write_format(supported)

    def _write_format(self, text: str) -> None:
        with (self.path / (FORMAT_FILE + NEW_SUFFIX)).open("wb") as file:
            file.write(f"{text}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        self.settle(FORMAT_FILE)


def remove_folder(path: Path) -> None:
    """Remove the bus folder ``path`` and what it holds; nothing happens where there is none.

    Refuses what is not a bus folder, or holds something strange besides (``FormatUnsupported``), and one in use by a
    running process (``BusError``).
    """
    if not path.exists():
        return
    if path.is_dir() and not any(path.iterdir()):
        with Seam(path):
            path.rmdir()
        return
    folder = BusFolder(path, create=False)
    try:
        with folder.locked(), folder.unused(), Seam(path):
            folder.clear()
            path.rmdir()
    finally:
        folder.close()


def _is_ours(name: str) -> bool:
    plain = name.removesuffix("-wal").removesuffix("-shm").removesuffix(NEW_SUFFIX)
    return plain in {FORMAT_FILE, BOARD_FILE, BELLS_FOLDER} or plain.endswith(".db")
