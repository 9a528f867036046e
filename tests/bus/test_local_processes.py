"""Several real processes on one folder: leases, promises, fences."""

import signal

import pytest

from algotrade.bus import BusError, LocalBus
from tests.bus.actors import ROOMY_TICKS, number_of
from tests.bus.processes import acting
from tests.bus.worlds import SMALL, message, values


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_the_process_that_leads_last_wins_and_the_other_stops(tmp_path, stopped):
    """Two order planes on one folder; the older one may even sleep through the change and wake up later."""
    with acting("lead", tmp_path / "bus") as actor:
        assert actor.hear() == "epoch 1"
        for _ in range(5):
            actor.hear()
        bus = LocalBus(tmp_path / "bus", "alpha", SMALL)
        lease = lead_while_stopped(bus, actor) if stopped else bus.lead("ticks")
        assert lease.epoch == 2
        (position,) = bus.append("ticks", [message("2")], lease=lease)
        if stopped:
            actor.signal(signal.SIGCONT)
        actor.end()
    assert actor.told[-1] == "superseded"
    assert int(actor.told[-2]) < position
    # Nothing of the older epoch stands behind the first word of the newer one.
    assert [m.value for m in bus.read("ticks", position, messages_max=100)] == [b"2"]
    assert bus.append("ticks", [message("2")], lease=lease) == [position + 1]
    bus.close()


def lead_while_stopped(bus, actor):
    """Stop the actor outside a transaction: one stopped inside holds its file, and nobody can lead until it is gone."""
    bus._own_file("alpha")._connection.set_busy_timeout(20)
    while True:
        actor.signal(signal.SIGSTOP)
        try:
            return bus.lead("ticks")
        except BusError as error:
            assert "is one stopped in the middle of a write?" in str(error)  # noqa: PT017
        actor.signal(signal.SIGCONT)
        actor.hear()


def test_a_promise_is_never_seen_before_what_it_speaks_of(tmp_path):
    """With the hints in play: a read that they answer must not be older than the promise read before it."""
    count, seen, looks = 20_000, -1, 0
    with acting("promise", tmp_path / "bus", count) as actor:
        bus = LocalBus(tmp_path / "bus", "beta", ROOMY_TICKS)
        while seen < count - 1:
            promised = bus.promised("ticks/0")
            if promised == seen:
                bus.wait(0.1)
                continue
            assert promised > seen
            (found,) = bus.read("ticks", promised, messages_max=1)
            assert number_of(found.value) == promised
            assert bus.bounds("ticks")[1] > promised
            assert bus._board.get("next:ticks/0") > promised
            seen, looks = promised, looks + 1
        actor.end()
    assert looks > 10
    bus.close()


def test_dead_letters_of_many_processes_stand_in_one_log(tmp_path):
    planes = [LocalBus(tmp_path / "bus", writer, SMALL) for writer in ("alpha", "beta", "gamma", None)]
    for i in range(12):
        assert planes[i % 4].append("orders.dead", [message(f"{i}")]) == [i]
    assert values(planes[0], "orders.dead") == [f"{i}".encode() for i in range(12)]
    for bus in planes:
        bus.close()
