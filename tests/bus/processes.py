"""Starts the actors, reads what they tell, and kills them."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager

from tests.repo.tree import ROOT

# `tests` has no __init__.py, so any installed package of that name would be found instead; here it is made by hand.
PROGRAM = f"""
import runpy, sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = [{str(ROOT / "tests")!r}]
runpy.run_module("tests.bus.actors", run_name="__main__", alter_sys=True)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "libs"), "PYTHONHASHSEED": "0"}


class Actor:
    """One running actor. ``told`` is what it has told so far."""

    def __init__(self, *arguments):
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the actor
        self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, *map(str, arguments)], bufsize=0,
                                        stdout=subprocess.PIPE, stderr=self.errors, env=ENVIRONMENT)
        self.told = []
        self._rest = b""

    def hear(self):
        """Return the next line; an end instead of one is a failure that shows the actor's traceback."""
        while b"\n" not in self._rest:
            data = self.process.stdout.read(65_536)
            assert data, self.traceback()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        self.told.append(line.decode())
        return self.told[-1]

    def hear_until(self, word):
        while self.hear() != word:
            pass

    def hear_out(self):
        """Hear what is left until the actor ends."""
        while data := self.process.stdout.read(65_536):
            self._rest += data
        self.told += self._rest.decode().split("\n")[:-1]
        self._rest = b""
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Kill it, wherever it is, and hear what it had told before; one that was done just now has ended well."""
        self.process.send_signal(signal.SIGKILL)
        self.hear_out()
        assert self.process.returncode in {-signal.SIGKILL, 0}, self.traceback()

    def end(self):
        """Wait for its end, which must be a good one."""
        self.hear_out()
        assert self.process.returncode == 0, self.traceback()

    def traceback(self):
        self.process.wait()
        self.errors.seek(0)
        return self.errors.read().decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@contextmanager
def acting(*arguments):
    actor = Actor(*arguments)
    try:
        yield actor
    finally:
        actor.close()


def dawdle(chance, loops_max):
    """Let a random, short time pass without sleeping, so that a kill hits anywhere between two lines."""
    for _ in range(chance.randint(0, loops_max)):
        pass
