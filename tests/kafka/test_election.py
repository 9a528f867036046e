"""Who leads, on a real broker: turns that a group deals out, and what the log says of a leader that was too slow."""

import pytest

from algotrade.bus import Outgoing, Superseded

MESSAGE = Outgoing(b"k", b"v")
LOOKS_MAX = 1_000


def until(ask):
    for _ in range(LOOKS_MAX):
        answer = ask()
        if answer is not None:
            return answer
    raise AssertionError("it does not come")


def stands(bus):
    bus.wait(0.02)
    return bus.campaign("orders")


def test_the_second_to_stand_leads_once_the_first_has_left(world):
    first, second = world.open("alpha"), world.open("alpha")
    lease = until(lambda: stands(first))
    for _ in range(50):
        assert stands(second) is None
        assert stands(first) == lease
    first.close()

    newer = until(lambda: stands(second))
    assert newer.epoch > lease.epoch


def test_a_leader_without_a_seat_leads_until_another_does(world):
    first, second = world.open("alpha"), world.open("alpha")
    lease = until(lambda: stands(first))
    second.lead("orders")

    with pytest.raises(Superseded):
        first.append("orders", [MESSAGE], lease=lease)
    with pytest.raises(Superseded):
        until(lambda: stands(first) and None)


def test_a_candidate_whose_markers_were_overtaken_does_not_lead(world):
    """Claim, then nothing for a while: another claims and marks, and only then come the markers of the first."""
    slow, quick = world.open("alpha"), world.open("alpha")
    append, calls = slow._appender.append, []

    def hesitating(records):
        calls.append(records)
        if len(calls) == 2:
            calls.append(quick.lead("orders"))
        return append(records)

    slow._appender.append = hesitating
    with pytest.raises(Superseded, match="over before it began"):
        slow.lead("orders")
    lease = next(call for call in calls if hasattr(call, "epoch"))
    quick.append("orders", [MESSAGE], lease=lease)
    assert [m.value for m in world.open("beta").read("orders", 0, messages_max=10)] == [b"v"]
