"""The planes as child processes: started, watched, and stopped in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from algotrade.bus.topics import PLANES
from algotrade.domain import Clock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade_runners.host import PARENT_FD

STOP_S_MAX = 4.5
"""For all planes together, from the first signal; then they are killed."""


class Children:
    """One process per plane, with the command line ``algotrade run <name> --config FILE``.

    They get no signal of the terminal (they are in groups of their own), so they stop in the order in which we tell
    them; and they end when this process ends, however that happens, because they hold one end of a pipe.
    """

    def __init__(self, config: Path, logs: Path, clock: Clock) -> None:
        self._clock = clock
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self._read_fd, self._write_fd = os.pipe()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for plane in PLANES:
            with self.log(plane).open("ab") as log:
                self._processes[plane] = subprocess.Popen(  # noqa: S603 -- our own command
                    [*command(), "run", plane, "--config", str(config)], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, start_new_session=True, pass_fds=[self._read_fd],
                    env={**os.environ, PARENT_FD: str(self._read_fd)},
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
        os.close(self._read_fd)
        os.close(self._write_fd)

    def log(self, plane: str) -> Path:
        """Return the file that holds the plane's log."""
        return self._logs / f"{plane}.log"

    def exit_codes(self) -> dict[str, int | None]:
        """Return each plane's exit code, None while it runs."""
        return {plane: process.poll() for plane, process in self._processes.items()}

    def stop(self) -> None:
        """Stop the planes one after the other, upstream first, each with what is left of ``STOP_S_MAX``."""
        deadline_ns = self._clock.monotonic_ns() + int(STOP_S_MAX * NANOSECONDS_PER_SECOND)
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            left_s = (deadline_ns - self._clock.monotonic_ns()) / NANOSECONDS_PER_SECOND
            try:
                process.wait(max(left_s, 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def command() -> Sequence[str]:
    """Return how to start the command ``algotrade`` of this installation."""
    installed = Path(sys.executable).with_name("algotrade")
    if installed.exists():
        return [str(installed)]
    return [sys.executable, "-m", "algotrade_runners.cli.main"]
