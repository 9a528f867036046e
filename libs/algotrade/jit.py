"""``@jit``: numba's njit with a disk cache that notices a changed callee in another file.

Numba's own cache looks at the modification time of the file that holds the compiled function and at
nothing else: edit a function that it calls in another file, and the old machine code is loaded and the
old numbers come back. Here the cache folder's name is a digest of **every** kernel source that the
function may reach, of the compiler's version and of the processor, so a stale entry cannot be found.

The kernel sources of this package are all files of the libraries in which some file imports this module, and
``domain``, whose constants kernels freeze; a test holds kernels to importing nothing else of ours. A kernel written
outside the package is keyed by all ``*.py`` files of its own folder as well.
"""

import functools
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import llvmlite.binding
import numba

F = TypeVar("F", bound=Callable[..., Any])

PACKAGE_ROOT = Path(__file__).resolve().parent

# Cache folders of older sources kept beside the current ones: enough to switch between a few branches,
# few enough that the cache stays bounded (one set of our kernels is about 10 MB).
GENERATIONS_KEPT_MAX = 6
# A generation that a process began to use so shortly before the newest is not dropped: the process may have more to
# compile into it.
IN_USE_S = 3_600.0


def jit(function: F, *, nogil: bool = False) -> F:
    """Compile ``function`` in nopython mode on first call, cached on disk under all kernel sources.

    ``nogil`` lets other Python threads run meanwhile, for loops that are worth a thread.

    Where another kernel calls it, its code is put in the call's place (``forceinline``): a call that is left standing
    has a record's fields in memory, and a rolling maximum then takes 20 ns instead of 4. So it is less to compile, too.

    Kernels take and return scalars and numpy arrays only, raise nothing and allocate nothing per event.
    ``error_model="numpy"`` gives IEEE division (x/0 is inf or NaN) instead of an exception; floating-point
    arithmetic is never reordered (``fastmath`` stays off), because a replay must repeat to the last bit.

    The cache lives in ``$ALGOTRADE_CACHE_DIR``, else ``$XDG_CACHE_HOME/algotrade``, else
    ``~/.cache/algotrade``; where that cannot be written, in the system's temporary folder.
    """
    config: Any = numba.config
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(_generation(cache_dir() / digest(Path(function.__code__.co_filename))))
    try:
        return cast("F", numba.njit(cache=True, error_model="numpy", nogil=nogil, forceinline=True)(function))
    finally:
        config.CACHE_DIR = previous


@functools.cache
def cache_dir() -> Path:
    """Return the folder that holds one folder of compiled kernels per digest; it exists and is writable."""
    named = os.environ.get("ALGOTRADE_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    candidates = [Path(named)] if named else []
    candidates += [Path(home) / "algotrade", Path(tempfile.gettempdir()) / f"algotrade-{os.getuid()}"]
    for candidate in candidates:
        kernels = candidate / "kernels"
        try:
            kernels.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Machine code is loaded from here: a folder of somebody else's is never trusted.
            if kernels.stat().st_uid == os.getuid() and os.access(kernels, os.W_OK):
                _prune(kernels)
                return kernels
        except OSError:
            continue
    raise OSError(f"no writable folder for compiled kernels among {[str(c) for c in candidates]}; "
                  "set ALGOTRADE_CACHE_DIR to one")


@functools.cache
def _generation(folder: Path) -> Path:
    """Make the folder of a generation, or mark it as in use; return it."""
    folder.mkdir(exist_ok=True)
    os.utime(folder)
    return folder


@functools.cache
def digest(source: Path) -> str:
    """Return the cache key of a kernel defined in ``source``: 16 hexadecimal digits."""
    key = hashlib.sha256()
    for fact in _compiler_and_machine():
        key.update(fact.encode() + b"\0")
    key.update(_sources_digest(PACKAGE_ROOT))
    folder = source.resolve().parent
    if folder != PACKAGE_ROOT and PACKAGE_ROOT not in folder.parents:
        key.update(_sources_digest(folder))
    return key.hexdigest()[:16]


def _compiler_and_machine() -> list[str]:
    return [
        numba.__version__,
        llvmlite.__version__,
        sys.version,
        platform.machine(),
        llvmlite.binding.get_host_cpu_name(),
        str(llvmlite.binding.get_host_cpu_features().flatten()),
    ]


@functools.cache
def _sources_digest(folder: Path) -> bytes:
    key = hashlib.sha256()
    for path in package_sources() if folder == PACKAGE_ROOT else sorted(folder.glob("*.py")):
        key.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return key.digest()


def package_sources() -> list[Path]:
    """Return the files of the package that a kernel's machine code may depend on."""
    files = sorted(PACKAGE_ROOT.rglob("*.py"))
    rooms = {path.parent for path in files if b"algotrade.jit" in path.read_bytes()} | {PACKAGE_ROOT / "domain"}
    return [path for path in files if path.parent in rooms - {PACKAGE_ROOT}]


def _prune(kernels: Path) -> None:
    """Drop the oldest generations that are not in use; what another process is just removing is left to it."""
    used_s = {Path(entry.path): entry.stat().st_mtime for entry in os.scandir(kernels) if entry.is_dir()}
    newest_first = sorted(used_s, key=used_s.__getitem__, reverse=True)
    for old in newest_first[GENERATIONS_KEPT_MAX:]:
        if used_s[old] < used_s[newest_first[0]] - IN_USE_S:
            shutil.rmtree(old, ignore_errors=True)
