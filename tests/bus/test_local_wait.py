"""Waiting: woken by whoever has news, at once, without spinning."""

import os
import resource
import statistics
import time

import pytest

from algotrade.bus import BusError, LocalBus
from algotrade.bus.board import BELLS_MAX
from tests.bus.processes import acting
from tests.bus.worlds import SMALL, message, values

# Half the net under a missed bell: what comes back sooner was woken.
SOON_S = 0.05


@pytest.fixture
def pair(tmp_path):
    """Return a writer and a reader that has hung up its bell and looked."""
    writer, reader = LocalBus(tmp_path / "bus", "alpha", SMALL), LocalBus(tmp_path / "bus", "beta", SMALL)
    reader.wait(0)
    yield writer, reader
    writer.close()
    reader.close()


def waited_s(bus, timeout_s=10.0):
    start = time.monotonic()
    bus.wait(timeout_s)
    return time.monotonic() - start


@pytest.mark.parametrize("news", [
    lambda bus: bus.append("orders", [message("a")]),
    lambda bus: bus.promise("time", 5),
    lambda bus: bus.commit("alpha", {("answers", 0): 0}),
    lambda bus: bus.append("orders.dead", [message("a")]),
], ids=["append", "promise", "commit", "dead letter"])
def test_what_came_before_the_call_but_after_the_last_look_wakes_at_once(pair, news):
    writer, reader = pair
    news(writer)
    assert waited_s(reader) < SOON_S


def test_many_rings_wake_once(pair):
    writer, reader = pair
    for _ in range(300):
        writer.append("ticks", [message("a")])
    assert waited_s(reader) < SOON_S
    assert waited_s(reader, 0.06) >= SOON_S


def test_own_news_do_not_wake(pair):
    _, reader = pair
    reader.append("answers", [message("a")])
    reader.promise("time", 1)
    assert waited_s(reader, 0.06) >= SOON_S


def test_a_promise_that_does_not_rise_does_not_wake(pair):
    writer, reader = pair
    writer.promise("time", 5)
    reader.wait(1)
    writer.promise("time", 5)
    assert waited_s(reader, 0.06) >= SOON_S


def test_a_wait_ends_with_its_timeout_or_with_the_net(pair):
    _, reader = pair
    assert waited_s(reader, 0) < SOON_S
    assert waited_s(reader, -1) < SOON_S
    assert 0.09 <= waited_s(reader, 60) < 5


def test_a_bell_that_was_missed_is_caught_by_the_net(pair):
    """A ringer killed between clearing the flag and writing the byte."""
    writer, reader = pair
    assert writer._board.disarm(reader._bells._number)
    writer.append("orders", [message("a")])
    assert waited_s(reader) < 5
    assert values(reader, "orders") == [b"a"]
    writer.append("orders", [message("b")])
    assert waited_s(reader) < SOON_S


def test_two_processes_answer_each_other_without_waiting_for_the_net(tmp_path):
    rounds, took_s = 150, []
    with acting("answer", tmp_path / "bus", rounds) as actor:
        actor.hear_until("ready")
        bus, gamma = LocalBus(tmp_path / "bus", "alpha", SMALL), LocalBus(tmp_path / "bus", "gamma", SMALL)
        bus.wait(0)
        for number in range(rounds):
            start = time.monotonic()
            bus.append("orders", [message(f"{number}")])
            while not (found := bus.read("answers", number, messages_max=1)):
                bus.wait(10)
            took_s.append(time.monotonic() - start)
            assert found[0].value == str(number).encode()
            bus.commit("alpha", {("answers", 0): number})
            gamma.commit("gamma", {("orders", 0): number})
        actor.end()
        bus.close()
        gamma.close()
    assert statistics.median(took_s) < SOON_S


def test_an_idle_reader_costs_next_to_nothing(pair):
    """Measured, with nobody ringing: two seconds of looking, waiting, looking again."""
    _, reader = pair
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    while time.monotonic() - start < 2:
        reader.read("orders", 0, messages_max=10)
        reader.promised("time")
        reader.wait(10)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used_s < 0.05 * 2


def test_the_bell_of_a_killed_process_is_taken_down_by_the_next_ring(tmp_path):
    bells = tmp_path / "bus" / "bells"
    bus = LocalBus(tmp_path / "bus", "alpha", SMALL)
    for opened_before_the_kill in (True, False):
        with acting("wait", tmp_path / "bus") as actor:
            actor.hear_until("waiting")
            assert len(list(bells.iterdir())) == 1
            if opened_before_the_kill:
                bus.append("ticks", [message("a")])
            actor.kill()
        while list(bells.iterdir()):
            bus.append("ticks", [message("b")])
            # The dead cannot arm its bell any more: a ring that finds it disarmed does not notice its death.
            bus._board.arm(0)
    bus.close()


def test_bells_have_a_bound_and_those_of_the_dead_are_used_again(tmp_path):
    bells = tmp_path / "bus" / "bells"
    LocalBus(tmp_path / "bus", None, SMALL).close()
    ends = []
    for number in range(BELLS_MAX):
        os.mkfifo(bells / f"{number}.other.1")
        ends.append(os.open(bells / f"{number}.other.1", os.O_RDONLY | os.O_NONBLOCK))
    bus = LocalBus(tmp_path / "bus", "alpha", SMALL)
    with pytest.raises(BusError, match=f"all {BELLS_MAX} bells are taken"):
        bus.wait(0)

    os.close(ends.pop(7))
    bus.wait(0)
    assert bus._bells._number == 7
    bus.close()
    for end in ends:
        os.close(end)


def test_a_full_fifo_does_not_stop_the_ringer(pair):
    writer, reader = pair
    for _ in range(70_000):
        writer._bells.ring()
        writer._board.arm(reader._bells._number)
    assert waited_s(reader) < SOON_S
    assert waited_s(reader, 0.06) >= SOON_S
