"""The planes as child processes: started, watched, and stopped in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from algotrade.bus.topics import ORDER_PLANE, PLANES, SHARED_OUT, STRATEGY_PLANE
from algotrade.domain import Clock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade_runners.host import PARENT_FD

LED_PLANES = (STRATEGY_PLANE, ORDER_PLANE)
"""The planes of which one process leads, and others may stand by."""

STOP_S_MAX = 4.5
"""For all planes together, from the first signal; then they are killed."""


class Children:
    """One process per plane, with the command line ``algotrade run <name> --config FILE``, and its standbys.

    ``standbys``  so many more processes of each plane that has a leader; they are named ``order-plane-2`` and so on
    ``shards``    so many processes in all of each plane that shares its instruments out
    ``broker``    and the simulated broker in one of its own; its orders are written beside the logs

    They get no signal of the terminal (they are in groups of their own), so they stop in the order in which we tell
    them; and they end when this process ends, however that happens, because they hold one end of a pipe.
    """

    def __init__(self, config: Path, logs: Path, clock: Clock, *, standbys: int = 0, shards: int = 1,
                 broker: bool = False) -> None:
        self._clock = clock
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self._read_fd, self._write_fd = os.pipe()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._shares = shards > 1
        more = [plane for plane in LED_PLANES for _ in range(standbys)]
        more += [plane for plane in sorted(SHARED_OUT) for _ in range(shards - 1)]
        self._planes = {plane: plane for plane in PLANES}
        for plane in more:
            self._planes[f"{plane}-{1 + list(self._planes.values()).count(plane)}"] = plane
        if broker:
            self._start("broker", ["broker", "--config", str(config), "--orders", str(logs / "broker.orders")])
        for name, plane in self._planes.items():
            self._start(name, ["run", plane, "--config", str(config)])

    def _start(self, name: str, words: Sequence[str]) -> None:
        with self.log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 -- our own command
                [*command(), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                pass_fds=[self._read_fd], env={**os.environ, PARENT_FD: str(self._read_fd)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
        os.close(self._read_fd)
        os.close(self._write_fd)

    def log(self, name: str) -> Path:
        """Return the file that holds the log of the process ``name``."""
        return self._logs / f"{name}.log"

    def exit_codes(self) -> dict[str, int | None]:
        """Return each process's exit code, None while it runs."""
        return {name: process.poll() for name, process in self._processes.items()}

    def are_done(self) -> bool:
        """Tell whether every plane has come to its end in order; the broker has no end of its own.

        One process that is done speaks for its plane, unless they share it: then the last one does.
        """
        return all(0 in codes.values() and not (self._shares and None in codes.values())
                   for codes in self._by_plane())

    def lost(self) -> dict[str, int]:
        """Return the exit codes of what no process is left of, neither running nor done; else nothing."""
        broker = {name: code for name, code in self.exit_codes().items() if name not in self._planes}
        return {name: code for codes in (broker, *self._by_plane()) if all(codes.values())
                for name, code in codes.items() if code}

    def _by_plane(self) -> list[dict[str, int | None]]:
        codes = self.exit_codes()
        return [{name: codes[name] for name, of in self._planes.items() if of == plane} for plane in PLANES]

    def stop_plane(self, plane: str) -> None:
        """Stop one plane's process, and wait for its end as long as for all."""
        process = self._processes[plane]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Stop standbys, planes from upstream on, and the broker, one by one, each with what is left of the time."""
        deadline_ns = self._clock.monotonic_ns() + int(STOP_S_MAX * NANOSECONDS_PER_SECOND)
        for name in sorted(self._processes, key=_stops_at):
            process = self._processes[name]
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            left_s = (deadline_ns - self._clock.monotonic_ns()) / NANOSECONDS_PER_SECOND
            try:
                process.wait(max(left_s, 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _stops_at(name: str) -> int:
    """Return when ``name`` is stopped: standbys first, so that they do not take over what is about to stop too."""
    order = (*PLANES, "broker")
    return order.index(name) if name in order else -1


def command() -> Sequence[str]:
    """Return how to start the command ``algotrade`` of this installation."""
    installed = Path(sys.executable).with_name("algotrade")
    if installed.exists():
        return [str(installed)]
    return [sys.executable, "-m", "algotrade_runners.cli.main"]
