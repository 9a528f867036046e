"""Leaders and followers of one plane, in memory: who appends what, when, and that it is the same."""

import msgspec
import pytest

from algotrade.bus import Leadership, MemoryBus, RepeatingOutput, Schema, Superseded, TopicReader, values_of
from algotrade.bus.topics import ORDER_PLANE, STRATEGY_PLANE, TOPICS, led_together, with_shards

TOPIC = "orders.intents"


class Said(msgspec.Struct, frozen=True, tag="said"):
    number: int


class Process:
    """One process of a plane that says 0, 1, 2, and so on."""

    def __init__(self, shared: MemoryBus, *, may_act=lambda: True):
        self.bus = shared.client(STRATEGY_PLANE)
        self.leadership = Leadership(self.bus, TOPIC, may_act=may_act)
        self.output = RepeatingOutput(self.bus, TOPIC)
        self.said = 0

    def say(self, count=1, *, wrong=0):
        if self.leadership.stand():
            self.output.look_again()
        for _ in range(count):
            self.output.send(b"k", Schema.INTENT, Said(self.said + wrong))
            self.said += 1
        self.leadership.publish([self.output], {"said": self.said})


@pytest.fixture
def shared():
    return MemoryBus(elects=True)


def logged(shared):
    reader = TopicReader(shared.client(), TOPIC, values_of(Schema.INTENT, Said), group="test")
    return [one.value.number for one in reader.read(1_000)]


def test_a_follower_appends_and_promises_nothing(shared):
    leader, follower = Process(shared), Process(shared)
    leader.say(2)
    follower.say(5)

    assert logged(shared) == [0, 1]
    assert follower.bus.promised("said") == 2
    assert (leader.leadership.leads, follower.leadership.leads) == (True, False)


def test_whoever_takes_over_appends_what_is_missing_and_no_more(shared):
    leader, ahead, behind = (Process(shared) for _ in range(3))
    leader.say(3)
    ahead.say(5)
    behind.say(1)
    leader.bus.close()
    ahead.say(0)
    assert logged(shared) == [0, 1, 2, 3, 4]

    ahead.bus.close()
    behind.say(6)
    assert logged(shared) == [0, 1, 2, 3, 4, 5, 6]
    assert behind.leadership.epoch == 3


def test_a_follower_that_would_say_something_else_stops(shared):
    leader, follower = Process(shared), Process(shared)
    leader.say()
    with pytest.raises(AssertionError, match="the log has"):
        follower.say(wrong=1)


def test_a_leader_that_lost_its_turn_is_superseded_once_another_leads(shared):
    old, new = Process(shared), Process(shared)
    old.say()
    shared.unseat(TOPIC)
    new.say(2)

    with pytest.raises(Superseded):
        old.say()
    assert logged(shared) == [0, 1]


def test_a_leader_whose_turn_came_back_looks_at_what_was_said_meanwhile(shared):
    old, new = Process(shared), Process(shared)
    old.say()
    shared.unseat(TOPIC)
    new.say(4)
    new.bus.close()

    old.say(5)
    assert logged(shared) == [0, 1, 2, 3, 4, 5]
    assert old.leadership.epoch == 3


def test_who_may_not_act_leads_and_follows_until_it_may(shared):
    free = []
    leader, standby = Process(shared), Process(shared, may_act=lambda: bool(free))
    leader.say()
    leader.bus.close()
    standby.say(3)
    assert (logged(shared), standby.leadership.leads, standby.leadership.epoch) == ([0], False, 2)

    free.append("the broker's session")
    standby.say()
    assert (logged(shared), standby.leadership.leads) == ([0, 1, 2, 3], True)


def test_shards_are_led_each_by_itself():
    table = with_shards(TOPICS, 3)
    covered = [{(row.name, p) for row, p in led_together(table, STRATEGY_PLANE, shard)} for shard in range(3)]
    assert covered[1] == {("orders.intents", 1), ("snapshots.strategy-plane", 1), ("strategy.merges", 1)}
    assert not covered[0] & covered[1] | covered[1] & covered[2]
    reports = {(row.name, p) for row, p in led_together(table, ORDER_PLANE, 0) if row.name == "orders.reports"}
    assert reports == {("orders.reports", p) for p in range(3)}
