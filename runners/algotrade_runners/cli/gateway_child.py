"""The simulated Gateway as a child process: started, asked over its control port, stopped."""

import json
import os
import re
import select
import subprocess
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from algotrade.domain import Clock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade_runners.cli.children import command
from algotrade_runners.host import PARENT_FD

LISTENS = re.compile(r"listens on (?P<host>\S+?):(?P<port>\d+),.*control port (?P<control>\d+)")
START_S_MAX = 120.0
"""It reads and checks its data first."""
STOP_S_MAX = 5.0
ANSWER_S_MAX = 10.0


class GatewayFailed(OSError):
    """The simulated Gateway did not start, or is gone; the message has the end of its log."""


class GatewayChild:
    """One Gateway process; ``words`` are its options beside the ports, ``log`` takes what it says."""

    def __init__(self, words: Sequence[str], log: Path, clock: Clock) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._read_fd, self._write_fd = os.pipe()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 -- our own command
                [*command(), "gateway", "--port", "0", "--control-port", "0", *words], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors, start_new_session=True, pass_fds=[self._read_fd],
                env={**os.environ, PARENT_FD: str(self._read_fd)})
        self.host, self.port, self._control_port = self._listening(clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def clock(self) -> dict[str, Any]:
        """Return how its market time follows the host's monotonic clock."""
        return self._asked("/clock")

    def status(self) -> dict[str, Any]:
        """Return where it stands."""
        return self._asked("/status")

    def stop(self) -> None:
        """End it; a second call does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        for fd in (self._read_fd, self._write_fd):
            if fd >= 0:
                os.close(fd)
        self._read_fd = self._write_fd = -1

    def _listening(self, clock: Clock) -> tuple[str, int, int]:
        """Return host, port and control port, as its first line has them."""
        assert self._process.stdout is not None
        deadline_ns = clock.monotonic_ns() + int(START_S_MAX * NANOSECONDS_PER_SECOND)
        line = b""
        while not line.endswith(b"\n"):
            left_s = (deadline_ns - clock.monotonic_ns()) / NANOSECONDS_PER_SECOND
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, left_s))
            byte = os.read(self._process.stdout.fileno(), 1) if ready else b""
            if not byte:
                self.stop()
                raise GatewayFailed(f"the simulated Gateway did not start: {self._last_words()}")
            line += byte
        found = LISTENS.search(line.decode())
        assert found is not None, f"the Gateway said {line!r}"
        return found["host"], int(found["port"]), int(found["control"])

    def _asked(self, path: str) -> dict[str, Any]:
        connection = HTTPConnection(self.host, self._control_port, timeout=ANSWER_S_MAX)
        try:
            connection.request("GET", path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as error:
            raise GatewayFailed(f"the simulated Gateway does not answer ({error}): {self._last_words()}") from error
        finally:
            connection.close()
        return answer

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"
