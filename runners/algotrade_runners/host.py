"""How a plane is run: its loop, its signals, its telemetry, and what its exit code means."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol

from algotrade.bus import Bus, BusError, LogHole, Superseded
from algotrade.config import CalendarError, ConfigError
from algotrade.domain import Clock, InstrumentError, SystemClock
from algotrade.feeds import FeedError
from algotrade.risk import LimitsError
from algotrade.telemetry import TelemetryError, TelemetryServer, configure_log, get_log
from algotrade.telemetry.metrics import Samples
from algotrade_runners.settings import Settings, check_whole, load_settings

EXIT_OK = 0
EXIT_USAGE = 2
"""The configuration or the command line is wrong; nothing was started."""
EXIT_WORLD = 3
"""Something outside failed: bus, feed, disk, port. What was durable is intact; starting again goes on from there."""
EXIT_SUPERSEDED = 4
"""Another process took this plane's lead; this one stopped at once."""
EXIT_BUG = 70
"""An assertion of ours failed."""

WAIT_S = 0.1
"""A net below the bus's bell: the longest that a plane with nothing to do waits before it looks again."""
LIVE_WAIT_S = 0.002
"""The same live: a broker's socket rings no bell of the bus."""
PARENT_FD = "ALGOTRADE_PARENT_FD"
"""Environment variable: a pipe that the parent holds open; its end means that the parent is gone."""

CONFIG_ERRORS = (ConfigError, CalendarError, InstrumentError, LimitsError)
WORLD_ERRORS = (BusError, FeedError, TelemetryError, OSError)


class Plane(Protocol):
    """One plane's work, cut into steps that never block."""

    name: str
    done: bool
    wait_s: float
    """How long the bus may be waited on after a step that found nothing to do."""

    def step(self) -> bool:
        """Do what can be done now; False where there was nothing to do."""
        ...

    def stop(self) -> None:
        """Leave everything durable, so that a restart goes on from here."""
        ...

    def samples(self) -> Samples:
        """Return the metrics as they are; called from another thread, so it only reads."""
        ...

    def ready(self) -> Mapping[str, bool]:
        """Return what this plane depends on beside the bus, and whether it is there; called from another thread.

        Like ``samples`` it only reads: the plane's own thread is the only one that may use its bus.
        """
        ...


class StopFlag:
    """Set by SIGTERM and SIGINT: the loop ends after the step in hand."""

    def __init__(self) -> None:
        self.is_set = False

    def install(self) -> None:
        """Take the two signals of this process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True


def run(plane: Plane, bus: Bus, stop: StopFlag) -> None:
    """Step ``plane`` until it is done or told to stop, then leave it durable. Nothing to do means: wait for the bus."""
    while not plane.done and not stop.is_set:
        if not plane.step():
            bus.wait(plane.wait_s)
    plane.stop()


def host(plane_name: str, settings: Settings, build: "Builder",
         world: tuple[type[Exception], ...] = ()) -> int:
    """Build a plane, serve its telemetry, run it to its end, and return the process's exit code.

    ``world``  errors of what only this plane has outside, beside ``WORLD_ERRORS``
    """
    clock = SystemClock()
    configure_log(plane=plane_name, clock=clock, form=settings.telemetry.log_format, level=settings.telemetry.log_level)
    log = get_log()
    stop = StopFlag()
    stop.install()
    follow_parent()
    try:
        check_whole(settings)
        plane, bus = build(settings, settings.clock.of(clock))
        server = TelemetryServer(host=settings.telemetry.host, port=settings.telemetry.port(plane_name),
                                 ready=lambda: {**plane.ready(), "bus": bus.reachable()},
                                 samples=lambda: {**bus.samples(), **plane.samples()})
        log.info("started", port=server.port, pid=os.getpid())
        try:
            run(plane, bus, stop)
        finally:
            server.close()
            bus.close()
    except Superseded as error:
        log.error("superseded", error=str(error))  # noqa: TRY400 -- no traceback: nothing is wrong here
        return EXIT_SUPERSEDED
    except CONFIG_ERRORS as error:
        log.error("configuration_refused", error=str(error))  # noqa: TRY400
        return EXIT_USAGE
    except WORLD_ERRORS + world as error:
        if isinstance(error, LogHole):
            log.error("log_hole", **error.where)  # noqa: TRY400
        log.error("stopped_by_the_world", error=str(error), kind=type(error).__name__)  # noqa: TRY400
        return EXIT_WORLD
    except Exception:
        log.exception("bug")
        return EXIT_BUG
    log.info("stopped", done=plane.done)
    return EXIT_OK


def leave(code: int) -> NoReturn:
    """End this process now: everything is closed and flushed.

    Taking an interpreter with compiled kernels apart costs half a second, for nothing, and the planes of a run stop one
    after the other.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def settings_from_command_line(plane_name: str) -> Settings:
    """Return the settings of ``--config FILE``, or leave with ``EXIT_USAGE`` and a message."""
    parser = argparse.ArgumentParser(
        prog=plane_name, description=f"Run the {plane_name}.", epilog=f"example: {plane_name} --config run.toml")
    parser.add_argument("--config", type=Path, required=True, help="the run's configuration, TOML")
    try:
        return load_settings(parser.parse_args().config, os.environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_USAGE)


class Builder(Protocol):
    """Makes a plane and its bus out of settings."""

    def __call__(self, settings: Settings, clock: Clock) -> tuple[Plane, Bus]:
        """Return the plane, ready to step, and the bus that it owns; ``clock`` is the market's."""
        ...


def follow_parent() -> None:
    """End this process when the one that started it is gone, however it went: a pipe's end is told by the kernel."""
    text = os.environ.get(PARENT_FD)
    if text is None:
        return
    fd = int(text)

    def watch() -> None:
        os.read(fd, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        # A step that hangs must not outlive the parent: the main thread had this long to stop in order.
        if not stopped.wait(STOP_S_MAX):
            os._exit(EXIT_WORLD)

    stopped = threading.Event()
    threading.Thread(target=watch, name="parent", daemon=True).start()


STOP_S_MAX = 5.0

if sys.platform == "win32":
    raise ImportError("algotrade's planes run on Linux and macOS")
