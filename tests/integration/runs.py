"""Runs of the real command in real processes: started, watched, killed, resumed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from algotrade.bus import Bus, bus_at
from algotrade.bus.topics import PLANES
from algotrade_runners.replay_time import handled

COMMAND = Path(sys.executable).with_name("algotrade")
RUN_S_MAX = 120


def algotrade(*words: str | Path, timeout_s: float = RUN_S_MAX, **options) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=timeout_s,
                          check=False, **options)


def demo(out: Path, *words: str | Path) -> dict:
    """Run a demo that must succeed; return its summary."""
    done = algotrade("demo", "--out", out, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "summary.json").read_text())


class Started:
    """A demo that runs, with its planes as processes; ``bus`` is the address among its words, if there is one."""

    def __init__(self, out: Path, words: Sequence[str | Path], bus: str = "") -> None:
        self.out = out
        self._place = bus_at(bus or f"local:{out / 'bus'}", os.environ)
        self.process = subprocess.Popen([COMMAND, "demo", "--out", str(out), *map(str, words)], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def planes(self) -> dict[str, psutil.Process]:
        """Return the running plane processes by name, as their command lines tell; none once the demo has ended."""
        found: dict[str, psutil.Process] = {}
        if self.process.poll() is not None:  # nobody has that number any more
            return found
        for child in psutil.Process(self.process.pid).children():
            try:
                words = child.cmdline()
            except psutil.NoSuchProcess:  # it has just ended
                continue
            for plane in PLANES:
                if "run" in words and plane in words:
                    found[plane] = child
        return found

    def wait_until(self, ready: Callable[[Bus], bool]) -> None:
        """Wait, woken by the bus itself, until ``ready`` says so or the demo has ended."""
        while not self.planes():  # before them, the bus may be that of a run before
            if self.process.poll() is not None:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):  # psutil's wait would take its exit code away
                self.process.wait(0.01)
        bus = self._place.open(None)
        try:
            while self.process.poll() is None and not ready(bus):
                bus.wait(0.02)
        finally:
            bus.close()

    def wait_until_handled(self, plane: str, sequence: int) -> None:
        """Wait until ``plane`` has handled the record ``sequence``."""
        self.wait_until(lambda bus: handled(bus, plane) >= sequence)

    def end(self, timeout_s: float = RUN_S_MAX) -> tuple[int, str]:
        """Wait for the end; return exit code and output."""
        output, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, output

    def interrupt(self) -> None:
        """Press Ctrl-C: a terminal signals the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)


def words_that_resume(output: str) -> list[str]:
    """Return the command that the demo printed to go on, without the name of the program."""
    line = next(line for line in output.splitlines() if line.startswith("to go on: "))
    words = line.removeprefix("to go on: ").split()
    assert words[0] == "algotrade"
    return words[1:]
