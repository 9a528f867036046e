"""kill -9 of any plane at any moment, then `--resume`: the same final files as those of the undisturbed run.

A seed makes a drill: how fast the replay goes, who is killed (the plane, at times a second one with it, or the demo
itself), when, by the number of the last record that some plane has handled, and whether the resumed run is killed once
more. Moment 0 is a plane that has only just started. A kill that comes too late (the run has ended) does not count: the
drill is done again with an earlier moment.

`make torture` does many of them per plane; `make test` does one, of the same seeds.
"""

import json
import os
import random
import shutil

import pytest

from algotrade.bus.topics import DATA_PLANE, PLANES
from tests.integration.runs import Started, algotrade, demo
from tests.integration.ticks import write_quotes, write_trades

DRILLS = int(os.environ.get("TORTURE_DRILLS", "1"))
RESULTS = ("fills.csv", "orders.csv", "positions.csv")

# Many orders and many snapshots, so that kills meet every step of both.
BUSY = {
    "ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS": "10000",
    "ALGOTRADE__VENUE__ORDER_LATENCY_JITTER_NS": "2000000000",
    "ALGOTRADE__SNAPSHOTS__RECORDS_BETWEEN": "3000",
}
SPEEDS = ("max", "5000", "2000")


@pytest.fixture(scope="module", autouse=True)
def busy():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in BUSY.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def ticks(busy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ticks")
    return ["--data", write_quotes(folder / "quotes.parquet", 30_000), "--data",
            write_trades(folder / "trades.parquet", 15_000)]


@pytest.fixture(scope="module")
def undisturbed(ticks, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert demo(out, *ticks)["fills"] > 100
    return out


class Drill:
    """One run that is killed, as its seed says."""

    def __init__(self, plane: str, number: int) -> None:
        chance = random.Random(f"{plane} {number}")  # noqa: S311 -- a drill, no secret
        self.words = f"{plane}, drill {number}"
        self.plane = plane
        # At full speed the data plane is done before the others have begun, and nobody can kill it.
        self.speed = chance.choice(SPEEDS[plane == DATA_PLANE :])
        self.watched = chance.choice(PLANES)
        self.moment = 0 if chance.random() < 0.15 else chance.randrange(1, 42_000)
        self.also = chance.choice(PLANES) if chance.random() < 0.2 else None
        self.whole = chance.random() < 0.1
        self.again = chance.random() < 0.4
        self.next_moment = chance.randrange(1, 42_000)

    def kill(self, run: Started, moment: int) -> bool:
        """Kill at ``moment``; False where the run had ended before."""
        victims = [] if self.whole else [self.plane, self.also]
        if moment:
            run.wait_until_handled(self.watched, moment)
        else:
            run.wait_until(lambda _: run.planes().keys() >= {name for name in victims if name})
        processes = [run.planes().get(name) for name in victims if name]
        if run.process.poll() is not None or None in processes:
            run.end()
            return False
        for process in [run.process] if self.whole else processes:
            process.kill()
        code, output = run.end(timeout_s=10)
        assert code == (-9 if self.whole else 5), f"{self.words} at {moment}: exit code {code}\n{output}"
        return True


@pytest.mark.parametrize("number", range(DRILLS))
@pytest.mark.parametrize("plane", PLANES)
def test_a_killed_run_goes_on_to_the_same_files(plane, number, undisturbed, ticks, tmp_path):
    drill = Drill(plane, number)
    out = tmp_path / "out"
    moment = drill.moment
    while not drill.kill(Started(out, [*ticks, "--speed", drill.speed]), moment):
        assert moment > 100, f"{drill.words}: the run always ends before the kill"
        moment //= 2
    going_on = ["--resume", out / "bus", *ticks, "--speed", "max"]
    if drill.again:
        drill.kill(Started(out, going_on), max(drill.next_moment, moment))
    done = algotrade("demo", "--out", out, *going_on)

    what = f"{drill.words}, killed when the {drill.watched} had handled {moment}"
    assert done.returncode == 0, what + done.stdout + done.stderr
    for name in RESULTS:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), f"{what}: {name} differs"
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["events_lost"], summary["events_duplicated"], summary["resumed"]) == (0, 0, True), what
    shutil.rmtree(out)
