"""Writing a file of results whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class OutputError(Exception):
    """A file of results could not be written; the message names the path and the system's reason."""


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """Open a text file that takes the name ``path`` once the block has ended well and the disk has it all.

    Until then it has another name in the same folder, and after a failure none: ``path`` is the old file or the
    whole new one, never a part. UTF-8, line ends as written. What the system refuses is an ``OutputError``.
    """
    # The process id keeps two runs apart that write to one folder.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
