"""A temporary file of fixed-layout records: written once from front to back, read in slices from anywhere.

A file ordered by (symbol, time) is read as many symbols at once, which Parquet and CSV cannot do in bounded memory.
"""

import tempfile
from collections.abc import Callable
from typing import IO

import numpy as np

from algotrade.domain.market import LAYOUTS, Kind, Records
from algotrade.feeds.port import FeedError


class Spool:
    """One anonymous file in the system's temporary folder: it is gone when the process ends, however it ends."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- lives until close()
        self._bytes = 0

    def append(self, records: Records) -> int:
        """Write ``records`` and return the byte where they begin; a full disk is a ``FeedError``."""
        begin = self._bytes
        rest = np.ascontiguousarray(records).view(np.uint8).data
        try:
            while rest:
                rest = rest[self._file.write(rest):]
        except OSError as error:
            raise FeedError(f"{tempfile.gettempdir()}: cannot hold {begin + records.nbytes} bytes of sorted records: "
                            f"{error.strerror}; set TMPDIR to a folder with room") from error
        self._bytes += records.nbytes
        return begin

    def reader(self, kind: Kind, begin_byte: int, count: int, *, chunk_records: int) -> Callable[[], Records | None]:
        """Return a function that gives ``count`` records from ``begin_byte`` on in chunks, then None."""
        layout = LAYOUTS[kind]
        done = 0

        def read() -> Records | None:
            nonlocal done
            wanted = min(chunk_records, count - done)
            if not wanted:
                return None
            self._file.seek(begin_byte + done * layout.itemsize)
            records = np.fromfile(self._file, layout, wanted)
            assert len(records) == wanted, "the spool holds what was appended"
            done += wanted
            return records

        return read

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
