"""Numbers in shared memory: promises, and hints where each log ends. A file mapped by every process of a bus folder.

Layout, little-endian 64-bit numbers, then names:

    0      magic and version
    8      how many slots have a name
    16     generation of the bells (``bell``)
    24     boot id of the host, 16 bytes; 0 where the system tells none
    64     per bell: 1 while its owner wants to be rung, 0 once somebody has
    4096   the slots' values, -1 = nothing yet
    then   the slots' names, 64 bytes each, zero-padded

Memory order. A slot is aligned and eight bytes wide, so one machine instruction stores or loads it: never torn, on
x86-64 and arm64. What must hold besides is the order: whoever sees a promise also sees the hints, and the commits to
the logs, that came before it. x86-64 keeps the order of stores and of loads by itself, arm64 does not, so ``fence``
stands between them on both sides. It releases and takes a lock of this process: a release followed by an acquire,
which neither earlier accesses may pass downwards nor later ones upwards. (The system calls of an SQLite commit act as
such a barrier too, but between a hint and a promise there need not be any.)

Nothing here is durable. A slot keeps its value while no process runs, until ``forget`` or a new boot of the host.
"""

import mmap
import os
import struct
import sys
import threading
from pathlib import Path

from algotrade.bus.folder import BOARD_FILE, NEW_SUFFIX, BusFolder
from algotrade.bus.port import PROMISE_NONE, BusError
from algotrade.bus.seam import Seam

SLOTS_MAX = 1024
BELLS_MAX = 64
NAME_BYTES_MAX = 64

_MAGIC = 0x31_44_52_41_4F_42_42_41  # "ABBOARD1"
_COUNT = 1
_BELLS = 2
_BOOT = 3
_ARMED = 8
_VALUES_AT = 4096
_NAMES_AT = _VALUES_AT + 8 * SLOTS_MAX
_SIZE_BYTES = _NAMES_AT + NAME_BYTES_MAX * SLOTS_MAX
_FIRST_VALUE = _VALUES_AT // 8
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

assert sys.byteorder == "little", "the board is mapped as it lies in memory"


class Board:
    """The mapped board of ``folder``; made anew where it is missing or from before the last boot."""

    def __init__(self, folder: BusFolder) -> None:
        self._folder = folder
        self._path = folder.path / BOARD_FILE
        self._slots: dict[str, int] = {}
        self._known = 0
        # Held all the time: releasing and taking it again is the fence.
        self._order = threading.Lock()
        self._order.acquire()
        with folder.locked(), Seam(self._path):
            if not _is_board(self._path):
                _create(self._path)
            with self._path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), _SIZE_BYTES)
            self._numbers = memoryview(self._map).cast("q")
            boot = _boot_id()
            if tuple(self._numbers[_BOOT:_BOOT + 2]) != boot:
                self._clear()
                self._numbers[_BOOT], self._numbers[_BOOT + 1] = boot

    def fence(self) -> None:
        """Keep every access before this call before every access after it, as other processors see them."""
        self._order.release()
        self._order.acquire()

    def get(self, name: str) -> int:
        """Return the value under ``name``, -1 where there is none."""
        slot = self._slots.get(name)
        if slot is None:
            slot = self._find(name)
            if slot is None:
                return PROMISE_NONE
        return self._numbers[slot]

    def peek(self, name: str) -> int:
        """Return the value under a name that ``get`` or ``set`` has found before, else -1; for any thread."""
        slot = self._slots.get(name)
        return PROMISE_NONE if slot is None else self._numbers[slot]

    def set(self, name: str, value: int) -> None:
        """Store ``value`` under ``name``. Who calls this for one name at a time is settled elsewhere."""
        slot = self._slots.get(name)
        if slot is None:
            slot = self._find(name)
            if slot is None:
                slot = self._add(name)
        self._numbers[slot] = value

    @property
    def bells(self) -> int:
        """Return the generation of the bells: another number means that one has been added."""
        return self._numbers[_BELLS]

    def bells_changed(self) -> None:
        """Count the bells' generation up; the caller holds the folder."""
        self._numbers[_BELLS] += 1

    def arm(self, bell: int) -> None:
        """Ask to be rung for whatever comes from here on; a look after this call sees what came before."""
        self._numbers[_ARMED + bell] = 1
        self.fence()

    def disarm(self, bell: int) -> bool:
        """Tell whether ``bell`` is to be rung, and note that it is being rung."""
        if not self._numbers[_ARMED + bell]:
            return False
        self._numbers[_ARMED + bell] = 0
        return True

    def forget(self) -> None:
        """Set every value back to nothing; no process may be using them."""
        with self._folder.locked():
            self._clear()

    def close(self) -> None:
        """Unmap the board; a second call does nothing."""
        self._numbers.release()
        self._map.close()

    def _clear(self) -> None:
        self._numbers[_FIRST_VALUE:_FIRST_VALUE + SLOTS_MAX] = memoryview(_NOTHING).cast("q")

    def _find(self, name: str) -> int | None:
        count = self._numbers[_COUNT]
        if self._known < count:
            self.fence()
            for i in range(self._known, count):
                start = _NAMES_AT + i * NAME_BYTES_MAX
                text = self._map[start:start + NAME_BYTES_MAX].rstrip(b"\0").decode()
                self._slots[text] = _FIRST_VALUE + i
            self._known = count
        return self._slots.get(name)

    def _add(self, name: str) -> int:
        text = name.encode()
        assert 0 < len(text) <= NAME_BYTES_MAX, f"promise name {name!r}; allowed: 1 to {NAME_BYTES_MAX} bytes"
        assert "\0" not in name, f"promise name {name!r}"
        with self._folder.locked():
            slot = self._find(name)
            if slot is not None:
                return slot
            count = self._numbers[_COUNT]
            if count >= SLOTS_MAX:
                raise BusError(f"{self._path}: all {SLOTS_MAX} names are taken; {name!r} finds no room")
            start = _NAMES_AT + count * NAME_BYTES_MAX
            self._map[start:start + NAME_BYTES_MAX] = text.ljust(NAME_BYTES_MAX, b"\0")
            self._numbers[_FIRST_VALUE + count] = PROMISE_NONE
            self.fence()
            # Counted last: a process killed before this line leaves a slot that nobody sees.
            self._numbers[_COUNT] = count + 1
        found = self._find(name)
        assert found is not None
        return found


_NOTHING = struct.pack("<q", PROMISE_NONE) * SLOTS_MAX


def _is_board(path: Path) -> bool:
    if not path.exists() or path.stat().st_size != _SIZE_BYTES:
        return False
    with path.open("rb") as file:
        return file.read(8) == struct.pack("<q", _MAGIC)


def _create(path: Path) -> None:
    # Every byte is written: a store into a hole of the file would need a block, and on a full disk kill the process.
    empty = bytearray(_SIZE_BYTES)
    struct.pack_into("<q", empty, 0, _MAGIC)
    empty[_VALUES_AT:_NAMES_AT] = _NOTHING
    new = path.with_name(path.name + NEW_SUFFIX)
    with new.open("wb") as file:
        file.write(empty)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def _boot_id() -> tuple[int, int]:
    try:
        text = _BOOT_ID.read_text().strip().replace("-", "")
    except OSError:
        # No Linux. Whoever starts the planes forgets the promises first.
        return 0, 0
    first, second = struct.unpack("<qq", bytes.fromhex(text))
    return first, second
