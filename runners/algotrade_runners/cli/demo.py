"""``algotrade demo``: a day of paper trading, from a data file to a report."""

import os
import shlex
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from algotrade.backtest.files import OutputError
from algotrade.bus import Bus, BusError, BusPlace, MemoryBus, bus_at
from algotrade.bus.topics import PLANES
from algotrade.config import write
from algotrade.domain import SystemClock
from algotrade_runners.cli.children import Children
from algotrade_runners.cli.outcome import Outcome, outcome_of
from algotrade_runners.cli.prepare import Prepared, Request, prepare
from algotrade_runners.cli.progress import LiveLines, PlainLines, Shown
from algotrade_runners.cli.results import passed_again, write_manifest, write_results
from algotrade_runners.cli.summary import print_summary
from algotrade_runners.data_plane.build import build_data_plane
from algotrade_runners.host import EXIT_OK, StopFlag
from algotrade_runners.one_process import run_together
from algotrade_runners.order_plane.build import build_order_plane
from algotrade_runners.strategy_plane.build import build_strategy_plane

LOOK_S = 0.1
"""How often the screen and the children are looked at."""

EXIT_PLANE_DIED = 5
EXIT_INTERRUPTED = 130

LOG_LINES_SHOWN = 12
OUTPUTS = ("fills.csv", "orders.csv", "positions.csv", "summary.json", "report.html")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to run what ``request`` asks for.

    ``standbys``  so many more processes of the planes that have a leader
    ``shards``    of the instruments, with a data plane and a strategy plane for each
    """

    request: Request
    processes: int
    plain: bool
    standbys: int = 0
    shards: int = 1


def demo(options: Options, console: Console, stop: StopFlag) -> int:
    """Run the demo and return the process's exit code."""
    request = options.request
    request.out.mkdir(parents=True, exist_ok=True)
    prepared = prepare(request)
    place = bus_at(request.bus, os.environ)
    if request.resume and not place.exists():
        raise BusError(f"{place} holds no run to resume; allowed: the bus of a run that was started")
    console.print(_what(prepared), markup=False)
    if options.processes == 1:
        write_manifest(prepared, request.manifest)
        outcome = _in_one_process(prepared, stop)
    else:
        died = _in_three_processes(prepared, options, place, console, stop)
        if died:
            _say_how_to_go_on(options, console)
            return EXIT_PLANE_DIED
        with looking(place) as bus:
            outcome = None if stop.is_set else outcome_of(bus)
    if outcome is None or not outcome.finished:
        if options.processes == 1:
            console.print("stopped before the end of the data; a run in memory leaves nothing to go on from")
        else:
            console.print("stopped before the end of the data; nothing is lost")
            _say_how_to_go_on(options, console)
        return EXIT_INTERRUPTED
    try:
        results = write_results(prepared, outcome, request.out, passed_again(prepared.settings))
    except OutputError:
        if options.processes > 1:
            _say_how_to_go_on(options, console)
        raise
    print_summary(results, outcome, request.out, console)
    return EXIT_OK


def _say_how_to_go_on(options: Options, console: Console) -> None:
    console.print(f"to go on: {resume_command(options)}", style="bold", markup=False, soft_wrap=True)


def resume_command(options: Options) -> str:
    """Return the command that goes on with this run."""
    request = options.request
    words = ["algotrade", "demo", "--resume", request.bus.removeprefix("local:"), "--out", str(request.out)]
    for path in request.data:
        words += ["--data", str(path)]
    return shlex.join(words)


def _in_one_process(prepared: Prepared, stop: StopFlag) -> Outcome | None:
    shared, clock = MemoryBus(), SystemClock()
    data, strategy, orders = (shared.client(plane) for plane in PLANES)
    run_together([build_data_plane(prepared.settings, data, clock),
                  build_strategy_plane(prepared.settings, strategy),
                  build_order_plane(prepared.settings, orders, clock)], data, stop)
    return None if stop.is_set else outcome_of(shared.client())


def _in_three_processes(prepared: Prepared, options: Options, place: BusPlace, console: Console,
                        stop: StopFlag) -> bool:
    """Start, watch and stop the planes; True where one of them failed, after saying which and why."""
    request = options.request
    begin(prepared, options, place)
    with looking(place) as bus, Children(
            request.config, request.out / "logs", SystemClock(), standbys=options.standbys, shards=options.shards,
            broker=bool(prepared.settings.broker.url)) as children:
        lines: Shown = PlainLines(bus, prepared.records_total, console) if options.plain else LiveLines(
            bus, prepared.records_total, console)
        with lines:
            pause = threading.Event()
            gone: set[str] = set()
            while not (stop.is_set or children.are_done() or children.lost()):
                lines.update()
                for name, code in children.exit_codes().items():
                    if code and name not in gone:
                        gone.add(name)
                        console.print(f"the {name} {how(code)}; another process of the plane goes on", markup=False)
                pause.wait(LOOK_S)
        lost = children.lost()
        children.stop()
        # One that our own signal met before it could take signals did nothing wrong.
        failed = lost or {name: code for name, code in children.lost().items() if code != -signal.SIGTERM}
    for name, code in failed.items():
        console.print(f"the {name} {how(code)}; the end of its log:", style="bold red", markup=False)
        console.print(tail(children.log(name)), markup=False, soft_wrap=True)
    return bool(failed) and not stop.is_set


def how(code: int) -> str:
    """Return how a process ended, by its exit code."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def begin(prepared: Prepared, options: Options, place: BusPlace) -> None:
    """Make the run's folders ready: as they are for a resumed run, clean for a new one."""
    request = options.request
    if request.resume:
        place.forget_promises()
    else:
        place.remove()
        place.make(options.shards)
        shutil.rmtree(request.out / "logs", ignore_errors=True)
        for name in OUTPUTS:
            (request.out / name).unlink(missing_ok=True)
    write(request.config, prepared.settings)
    write_manifest(prepared, request.manifest)


def _what(prepared: Prepared) -> str:
    names = ", ".join(f"{fact.path.name} ({fact.rows:,} {fact.shape})" for fact in prepared.facts)
    return f"{prepared.settings.strategy.name} on {names}"


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


@contextmanager
def looking(place: BusPlace) -> Iterator[Bus]:
    """Give the bus as one who only looks."""
    bus = place.open(None)
    try:
        yield bus
    finally:
        bus.close()
