"""Recordings of real sessions: what passed on the wire, both ways, with times and without who it was.

Format (docs/IBKR.md): a text file, UTF-8. Its first line is a JSON object, the header. Every other line is a JSON array
``[offset, kind, text]``: nanoseconds since the recording began; ``open``, ``<`` (the server told), ``>`` (we asked) or
``close``; and the payload of one frame, a byte for each character (Latin-1), without its length. Of a connection the
first ``>`` is the client's range of versions and the first ``<`` the server's greeting. ``close`` says why.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from algotrade.domain.clock import Clock
from algotrade.ibkr.scrubbing import Scrubber, masked
from algotrade.ibkr.wire import VERSION_MAX, VERSION_MIN, Codec, Splitter, WireError

FORMAT, VERSION = "algotrade-ibkr-recording", 1
RECORDING_BYTES_MAX = 256 << 20
"""A recording stops here, and says so."""
SCRUBBED = ("accounts", "order references", "groups, models and profiles", "names of firms and people",
            "letters of messages that are not known")
_GREETING = b"API\0"


class RecordingError(Exception):
    """A file that is no recording, or one that cannot be written."""


class Frame(NamedTuple):
    """One line of a recording: ``kind`` is open, close, "<" or ">"."""

    offset_ns: int
    kind: str
    payload: bytes


class Recorder:
    """Writes a recording; a ``Witness`` of a session. What is not scrubbed is never written.

    ``account``  that is known beforehand, or ""
    """

    def __init__(self, path: Path, clock: Clock, *, account: str = "", about: dict[str, Any] | None = None,
                 bytes_max: int = RECORDING_BYTES_MAX) -> None:
        self.path = path
        self.is_full = False
        self.frames = 0
        self._clock = clock
        self._bytes_max = bytes_max
        self._bytes = 0
        self._is_open = False
        self._scrubber = Scrubber(account)
        self._began_ns = clock.monotonic_ns()
        try:
            self._file: TextIO = path.open("x", encoding="utf-8", newline="\n")
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}") from error
        self._line({"format": FORMAT, "version": VERSION, "began_ns": clock.time_ns(), "scrubbed": SCRUBBED,
                    **(about or {})})

    def connected(self) -> None:
        """Begin a connection."""
        self._codec: Codec | None = None
        self._in, self._out = Splitter(), Splitter()
        self._is_greeted = self._is_lost = False
        self._offset_ns = self._now_ns()
        self._write("open", b"")

    def told(self, data: bytes) -> None:
        """Record what the server sent; frames that came together get one time, so that they are told together again."""
        self._offset_ns = self._now_ns()
        for payload in self._split(self._in, data):
            if self._codec is None:
                self._greeted(payload)
            else:
                self._write("<", self._scrubber.answer(payload, self._codec))

    def asked(self, data: bytes) -> None:
        """Record what we sent."""
        self._offset_ns = self._now_ns()
        if not self._is_greeted:
            self._is_greeted = True
            data = data.removeprefix(_GREETING)
        for payload in self._split(self._out, data):
            self._write(">", payload if self._codec is None else self._scrubber.request(payload, self._codec))

    def disconnected(self, because: str) -> None:
        """End a connection."""
        self._offset_ns = self._now_ns()
        self._write("close", because.encode())

    def close(self) -> None:
        """End the recording."""
        self._file.close()

    def _greeted(self, payload: bytes) -> None:
        version = payload.partition(b"\0")[0]
        known = version.isdigit() and VERSION_MIN <= int(version[:9]) <= VERSION_MAX
        self._write("<", payload if known else masked(payload))
        if known:
            self._codec = Codec(int(version))
        else:
            self._is_lost = True

    def _split(self, splitter: Splitter, data: bytes) -> list[bytes]:
        if self._is_lost:
            return []
        try:
            return splitter.feed(data)
        except WireError:
            self._is_lost = True  # where the next frame would begin is not known; the session drops this connection
            return []

    def _write(self, kind: str, payload: bytes) -> None:
        # The end of what was begun is written even so: without it a reader takes the file for cut off.
        if self._bytes >= self._bytes_max and not (kind == "close" and self._is_open):
            self.is_full = True
            return
        self._is_open = kind != "close"
        self.frames += 1
        self._line([self._offset_ns, kind, payload.decode("latin-1")])

    def _now_ns(self) -> int:
        return self._clock.monotonic_ns() - self._began_ns

    def _line(self, value: object) -> None:
        line = json.dumps(value) + "\n"
        self._bytes += len(line)
        self._file.write(line)


def read_recording(path: Path) -> tuple[dict[str, Any], Iterator[Frame]]:
    """Return the header and the lines of the recording at ``path``; raises ``RecordingError``, for a line when read."""
    try:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline())
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise RecordingError(f"{path} is no recording; allowed: a first line with format {FORMAT}, version {VERSION}")
    if header.get("version") != VERSION:
        raise RecordingError(f"{path} is a recording of version {header.get('version')!r}; allowed: {VERSION}")
    return header, _frames(path)


def _frames(path: Path) -> Iterator[Frame]:
    with path.open(encoding="utf-8") as file:
        file.readline()
        for number, line in enumerate(file, start=2):
            try:
                offset_ns, kind, text = json.loads(line)
                frame = Frame(int(offset_ns), kind, text.encode("latin-1"))
            except (ValueError, TypeError, AttributeError) as error:
                raise RecordingError(f"{path}, line {number}: {error}; allowed: [offset, kind, text]") from error
            if frame.kind not in {"open", "close", "<", ">"}:
                raise RecordingError(f"{path}, line {number}: kind {frame.kind!r}; allowed: open, close, <, >")
            yield frame
