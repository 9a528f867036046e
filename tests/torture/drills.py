"""A run that is killed as its seed says, and goes on: whatever the bus, the files must be those of an undisturbed run.

A seed makes a drill: how fast the replay goes, who is killed (the plane, at times a second one with it, or the demo
itself), when, by the number of the last record that some plane has handled, and whether the resumed run is killed once
more. Moment 0 is a plane that has only just started. A kill that comes too late (the run has ended) does not count: the
drill is done again with an earlier moment.
"""

import contextlib
import json
import random
import shutil

import psutil

from algotrade.bus.topics import DATA_PLANE, PLANES
from tests.integration.runs import Started, algotrade, demo
from tests.integration.ticks import write_quotes, write_trades

RESULTS = ("fills.csv", "orders.csv", "positions.csv")

# Many orders and many snapshots, so that kills meet every step of both.
BUSY = {
    "ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS": "10000",
    "ALGOTRADE__VENUE__ORDER_LATENCY_JITTER_NS": "2000000000",
    "ALGOTRADE__SNAPSHOTS__RECORDS_BETWEEN": "3000",
}
SPEEDS = ("max", "5000", "2000")


def write_ticks(folder):
    """Write what every drill replays; return the words that say so."""
    return ["--data", write_quotes(folder / "quotes.parquet", 30_000), "--data",
            write_trades(folder / "trades.parquet", 15_000)]


def undisturbed_run(out, ticks):
    """Run without a kill, on the local bus; return its folder."""
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
        also = chance.choice(PLANES) if chance.random() < 0.2 else None
        self.also = None if (also, self.speed) == (DATA_PLANE, "max") else also
        self.whole = chance.random() < 0.1
        self.again = chance.random() < 0.4
        self.next_moment = chance.randrange(1, 42_000)

    def do(self, out, ticks, undisturbed, bus):
        """Start, kill, go on, and compare; ``bus`` is an address, or empty for a folder under ``out``."""
        words = ["--bus", bus] if bus else []
        moment = self.moment
        while not self.kill(Started(out, [*ticks, "--speed", self.speed, *words], bus), moment):
            assert moment > 100, f"{self.words}: the run always ends before the kill"
            moment //= 2
        going_on = ["--resume", bus or out / "bus", *ticks, "--speed", "max"]
        if self.again:
            self.kill(Started(out, going_on, bus), max(self.next_moment, moment))
        done = algotrade("demo", "--out", out, *going_on)

        what = f"{self.words}, killed when the {self.watched} had handled {moment}"
        assert done.returncode == 0, what + done.stdout + done.stderr
        for name in RESULTS:
            assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), f"{what}: {name} differs"
        summary = json.loads((out / "summary.json").read_text())
        assert (summary["events_lost"], summary["events_duplicated"], summary["resumed"]) == (0, 0, True), what
        shutil.rmtree(out)

    def kill(self, run: Started, moment: int) -> bool:
        """Kill at ``moment``; False where the run had ended before."""
        victims = [] if self.whole else [self.plane, self.also]
        if moment:
            run.wait_until_handled(self.watched, moment)
        else:
            run.wait_until(lambda _: run.planes().keys() >= {name for name in victims if name})
        processes = [run.planes().get(name) for name in victims if name]
        if run.process.poll() is not None or None in processes:
            code, output = run.end()
            assert code == 0, f"{self.words}: ended by itself before {moment}, exit code {code}\n{output}"
            return False
        for process in [run.process] if self.whole else processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended, or the demo has ended it
                process.kill()
        code, output = run.end(timeout_s=10)
        if code == 0:  # it had done its work just before
            return False
        assert code == (-9 if self.whole else 5), f"{self.words} at {moment}: exit code {code}\n{output}"
        return True
