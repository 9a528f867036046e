"""Runs that find messages missing: what is done to them, and what they must say."""

import json

from algotrade.bus.topics import ORDER_PLANE, STRATEGY_PLANE
from algotrade_runners.host import EXIT_WORLD
from tests.integration.runs import Started, algotrade

HANDLED = 20_000
EXIT_PLANE_DIED = 5


def killed_run(out, ticks, bus=""):
    """Start a run and kill it in the middle, some snapshots later."""
    words = ["--bus", bus] if bus else []
    run = Started(out, [*ticks, "--speed", "2000", *words], bus)
    run.wait_until_handled(ORDER_PLANE, HANDLED)
    run.process.kill()
    for process in run.planes().values():
        process.wait(10)
    assert run.end(timeout_s=10)[0] == -9


def resumed(out, ticks, bus=""):
    """Go on with a run; return exit code and output."""
    done = algotrade("demo", "--resume", bus or out / "bus", "--out", out, *ticks, "--speed", "max")
    return done.returncode, done.stdout + done.stderr


def events(out, plane, name):
    """Return what a plane logged under ``name``."""
    lines = (out / "logs" / f"{plane}.log").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


def assert_refused(out, code, output, topic, begins):
    """Check that a reader of ``topic`` refused to go on before it started, and said why and what to do."""
    assert code == EXIT_PLANE_DIED
    refused = [p for p in (STRATEGY_PLANE, ORDER_PLANE) if f"the {p} ended with exit code {EXIT_WORLD}" in output]
    assert refused, output
    plane = refused[0]  # where both read the topic, the first to refuse ends the run
    hole = events(out, plane, "log_hole")[-1]
    assert (hole["topic"], hole["partition"], hole["to"]) == (topic, 0, begins)
    assert 0 < hole["from"] < begins
    (stopped,) = events(out, plane, "stopped_by_the_world")
    assert stopped["kind"] == "PositionGone"
    for words in (f"snapshot of the {plane}", f"{topic}/0 position {hole['from']}", "back from a backup",
                  "`algotrade demo` without --resume"):
        assert words in stopped["error"]
    assert len(events(out, plane, "started")) == 1  # the first time only
