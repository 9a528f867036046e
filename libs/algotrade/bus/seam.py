"""Where the errors of SQLite and the file system become those of the port; no ``apsw`` exception passes this file."""

import errno
from pathlib import Path
from types import TracebackType

import apsw

from algotrade.bus.port import BusError, DiskFull

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

WORLD_ERRORS: dict[type[apsw.Error], str] = {
    apsw.AuthError: "access was refused",
    apsw.BusyError: "another process held it locked for too long; is one stopped in the middle of a write?",
    apsw.CantOpenError: "it cannot be opened",
    apsw.CorruptError: "it is damaged",
    apsw.EmptyError: "it is empty",
    apsw.FormatError: "its format is not SQLite's",
    apsw.IOError: "the disk or file system failed",
    apsw.InterruptError: "the operation was interrupted",
    apsw.LockedError: "it is locked within this process",
    apsw.NoLFSError: "the file system knows no large files",
    apsw.NoMemError: "memory ran out",
    apsw.NotADBError: "it is no SQLite file",
    apsw.NotFoundError: "the file system lacks an operation that SQLite needs",
    apsw.PermissionsError: "permission is missing",
    apsw.ProtocolError: "the locks of its write-ahead log do not work; is it on a network file system?",
    apsw.ReadOnlyError: "it is read-only",
    apsw.SQLError: "its tables are not those of a bus",
    apsw.SchemaChangeError: "its tables were changed by a stranger",
}
"""What the world does to a file, in words. ``FullError`` is ``DiskFull``, and every other one is our bug."""

OUR_BUGS: frozenset[type[apsw.Error]] = frozenset({
    apsw.AbortError, apsw.BindingsError, apsw.ConnectionClosedError, apsw.ConnectionNotClosedError,
    apsw.ConstraintError, apsw.CursorClosedError, apsw.ExecTraceAbort, apsw.ExecutionCompleteError,
    apsw.ExtensionLoadingError, apsw.ForkingViolationError, apsw.IncompleteExecutionError, apsw.InternalError,
    apsw.InvalidContextError, apsw.MismatchError, apsw.MisuseError, apsw.NoFTS5Error, apsw.RangeError,
    apsw.ThreadingViolationError, apsw.TooBigError, apsw.VFSFileClosedError, apsw.VFSNotImplementedError,
})
"""Only wrong use of SQLite raises these; a test proves that between the two tables no class is missing."""


def from_sqlite(error: apsw.Error, path: Path, system_errno: int = 0) -> Exception:
    """Return the error of the port for ``error`` on the file ``path``; ``system_errno`` is what the system said."""
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError) and system_errno in DISK_FULL_ERRNOS):
        return DiskFull(f"{path}: the disk is full; nothing of the append was kept ({error})")
    words = WORLD_ERRORS.get(type(error))
    if words is not None:
        return BusError(f"{path}: {words} ({error})")
    return AssertionError(f"{path}: {type(error).__name__}: {error}")


def from_system(error: OSError, path: Path) -> BusError:
    """Return the error of the port for ``error`` of the file system on ``path``."""
    if error.errno in DISK_FULL_ERRNOS:
        return DiskFull(f"{path}: the disk is full ({error})")
    return BusError(f"{path}: {error.strerror or error}")


class Seam:
    """``with seam:`` around every use of one file; keeps the cause."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection: apsw.Connection | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if isinstance(error, apsw.Error):
            system_errno = 0 if self.connection is None else self.connection.system_errno
            raise from_sqlite(error, self.path, system_errno) from error
        if isinstance(error, OSError):
            raise from_system(error, self.path) from error
