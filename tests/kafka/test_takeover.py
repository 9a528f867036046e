"""Leaders that are killed or frozen while others stand by: the files are those of the undisturbed run."""

import json
import os
import signal
from datetime import UTC, datetime
from itertools import count

import psutil
import pytest

from algotrade.bus.topics import ORDER_PLANE, STRATEGY_PLANE
from tests.integration.runs import Started
from tests.kafka.checker import check_run
from tests.kafka.figures import measured
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import RESULTS

TAKEOVERS = int(os.environ.get("TAKEOVERS", "1"))
"""Runs of each drill; a run has ``STANDBYS`` take-overs."""
STANDBYS = 2
READY_S_MAX = 10.0
SPEED = "300"
RUNS = count(1)


class Group:
    """A run with standbys, and who leads its planes, as their logs tell."""

    def __init__(self, out, words, bus):
        self.out = out
        self.run = Started(out, [*words, "--bus", bus, "--standbys", str(STANDBYS), "--broker", "process"], bus)

    def events(self, plane):
        """Return what the processes of ``plane`` have logged, in the order of time."""
        rows = []
        for log in (self.out / "logs").glob(f"{plane}*.log"):
            rows += [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return sorted(rows, key=lambda row: row["time"])

    def leader(self, plane):
        """Return (epoch, process) of who has last begun to lead, None before anybody has."""
        led = [row for row in self.events(plane) if row["event"] == "leads"]
        if not led:
            return None
        for log in (self.out / "logs").glob(f"{plane}*.log"):
            text = log.read_text()
            if f'"epoch": {led[-1]["epoch"]},' in text and '"leads"' in text:
                pid = json.loads(next(line for line in text.splitlines() if '"started"' in line))["pid"]
                return led[-1]["epoch"], psutil.Process(pid)
        return None

    def wait_for(self, is_so, what):
        """Wait until ``is_so`` gives something, and return it."""
        found = []

        def look(_bus):
            answer = is_so()
            if answer:
                found.append(answer)
            return bool(answer)

        self.run.wait_until(look)
        assert found, f"the run ended before {what}"
        return found[0]

    def replaced(self, plane, epoch):
        """Return the moment at which somebody has led ``plane`` after ``epoch``, None before that."""
        later = [row for row in self.events(plane) if row["event"] == "leads" and row["epoch"] > epoch]
        return later and datetime.fromisoformat(later[0]["time"])

    def end(self, undisturbed, bus):  # noqa: F811
        code, output = self.run.end(timeout_s=120)
        assert code == 0, output
        for name in RESULTS:
            assert (self.out / name).read_bytes() == (undisturbed / name).read_bytes(), name
        check_run(bus, self.out)


@pytest.fixture
def started(broker, ticks, tmp_path):  # noqa: F811
    bus = f"kafka://{broker.address}/lead{next(RUNS)}"
    group = Group(tmp_path / "out", [*ticks, "--speed", SPEED], bus)
    group.run.wait_until_handled(ORDER_PLANE, 2_000)
    yield group, bus
    if group.run.process.poll() is None:
        group.run.interrupt()
        group.run.end()


@pytest.mark.parametrize("drill", range(TAKEOVERS))
@pytest.mark.parametrize("plane", [ORDER_PLANE, STRATEGY_PLANE])
def test_a_standby_takes_over_from_a_leader_that_was_killed(plane, drill, started, undisturbed):  # noqa: F811
    group, bus = started
    for _ in range(STANDBYS):
        epoch, leader = group.wait_for(lambda: group.leader(plane), "anybody led")
        killed = datetime.now(UTC)
        leader.kill()
        led = group.wait_for(lambda: group.replaced(plane, epoch), "another led")  # noqa: B023 -- called at once
        ready_s = (led - killed).total_seconds()
        measured(f"take-over of the {plane}, killed, to ready, s", ready_s)
        assert ready_s <= READY_S_MAX
    group.end(undisturbed, bus)


def test_a_frozen_leader_keeps_its_broker_and_finds_itself_superseded(started, undisturbed):  # noqa: F811
    group, bus = started
    epoch, frozen = group.wait_for(lambda: group.leader(ORDER_PLANE), "anybody led")
    frozen.send_signal(signal.SIGSTOP)
    disarmed = group.wait_for(
        lambda: [row for row in group.events(ORDER_PLANE) if row["event"] == "disarmed" and row["epoch"] > epoch],
        "the standby was refused by the broker")
    assert "client id 1 is in use" in disarmed[0]["because"]
    assert not group.replaced(ORDER_PLANE, epoch)

    frozen.send_signal(signal.SIGCONT)
    group.wait_for(lambda: group.replaced(ORDER_PLANE, epoch), "the standby was armed")
    superseded = [row for row in group.events(ORDER_PLANE) if row["event"] == "superseded"]
    assert len(superseded) == 1
    group.end(undisturbed, bus)
