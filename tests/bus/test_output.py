"""A restarted plane says again what it had said; the log is the witness, and only what is new is appended."""

import msgspec
import pytest

from algotrade.bus import (
    BusError,
    Faults,
    LogShortened,
    MemoryBus,
    Outgoing,
    RepeatingOutput,
    Schema,
    Superseded,
    TopicReader,
    encode,
    encode_value,
)
from algotrade.bus.codec import decode, replayed, values_of
from algotrade.bus.memory import MemoryClient
from algotrade.bus.topics import ORDER_PLANE, STRATEGY_PLANE, TOPICS
from tests.bus.runs import dice, market_topics
from tests.bus.worlds import LocalWorld, MemoryWorld

TOPIC = "orders.intents"


class Said(msgspec.Struct, frozen=True):
    number: int
    text: str = ""


@pytest.fixture(params=[MemoryWorld, LocalWorld])
def world(request):
    made = request.param(TOPICS)
    yield made
    made.close()


def say(output, *numbers, text="", origin_time_ns=0):
    for number in numbers:
        output.send(b"key", Schema.INTENT, Said(number, text), origin_time_ns=origin_time_ns)
    output.flush()


def heard(bus, position=0):
    reader = TopicReader(bus, TOPIC, values_of(Schema.INTENT, Said), group="test", position=position)
    found = []
    while received := reader.read(100):
        found += [one.value.number for one in received]
    return found


def test_what_is_sent_is_appended_at_the_flush_in_one_append(world):
    bus = world.open(STRATEGY_PLANE)
    output = RepeatingOutput(bus, TOPIC)
    output.send(b"key", Schema.INTENT, Said(1))
    output.send(b"key", Schema.INTENT, Said(2))
    assert heard(bus) == []
    with pytest.raises(AssertionError, match="not flushed"):
        _ = output.position

    output.flush()
    output.flush()
    assert heard(bus) == [1, 2]
    assert (output.position, output.appended, output.repeated) == (2, 2, 0)


def test_a_restarted_plane_repeats_without_appending_and_then_goes_on(world):
    say(RepeatingOutput(world.open(STRATEGY_PLANE), TOPIC), 1, 2, 3, 4, 5, origin_time_ns=111)

    again = RepeatingOutput(world.open(STRATEGY_PLANE), TOPIC, position=2)
    say(again, 3, origin_time_ns=222)
    assert (again.position, again.repeated) == (3, 1)
    say(again, 4, 5, 6, 7, origin_time_ns=222)
    say(again, 8)
    assert (again.position, again.repeated, again.appended) == (8, 3, 3)
    assert heard(world.open(ORDER_PLANE)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_long_log_is_compared_in_bounded_chunks(world):
    bus = world.open(STRATEGY_PLANE)
    say(RepeatingOutput(bus, TOPIC), *range(1_000))

    again = RepeatingOutput(bus, TOPIC)
    again.send(b"key", Schema.INTENT, Said(0))
    again.flush()
    assert len(again._ahead) == 255
    say(again, *range(1, 1_001))
    assert heard(bus) == list(range(1_001))


@pytest.mark.parametrize("other", [
    lambda output: say(output, 9), lambda output: say(output, 2, text="other"),
    lambda output: (output.send(b"other", Schema.INTENT, Said(2)), output.flush()),
    lambda output: (output.send(b"key", Schema.JOURNAL, Said(2)), output.flush()),
], ids=["value", "field", "key", "schema"])
def test_a_difference_is_our_bug_and_names_where(world, other):
    bus = world.open(STRATEGY_PLANE)
    say(RepeatingOutput(bus, TOPIC), 1, 2, 3)

    again = RepeatingOutput(bus, TOPIC)
    say(again, 1)
    with pytest.raises(AssertionError, match=r"orders\.intents position 1: the log has INTENT"):
        other(again)
    assert heard(bus) == [1, 2, 3]


def test_consecutive_copies_in_the_log_count_as_one(world):
    bus = world.open(STRATEGY_PLANE)
    copies = [Outgoing(b"key", encode_value(Schema.INTENT, Said(n), origin)) for origin, n in
              enumerate([1, 1, 2, 3, 3, 3])]
    bus.append(TOPIC, copies)

    for position, rest in ((0, [1, 2, 3, 4]), (1, [2, 3, 4]), (4, [4]), (6, [4])):
        again = RepeatingOutput(bus, TOPIC, position=position)
        if rest == [4]:
            say(again, 4)
        else:
            say(again, *rest[:-1])
            say(again, 4)
        assert heard(bus)[-1] == 4
        assert heard(bus).count(4) == 1


class LosesAcknowledgements(MemoryClient):
    """Appends, and then fails as if it had not, as often as ``lose`` says."""

    lose = 0

    def append_all(self, appends, **options):
        positions = super().append_all(appends, **options)
        if self.lose:
            self.lose -= 1
            raise BusError("the acknowledgement was lost")
        return positions


def test_an_append_whose_acknowledgement_was_lost_is_not_repeated():
    bus = LosesAcknowledgements(MemoryBus(TOPICS), STRATEGY_PLANE)
    output = RepeatingOutput(bus, TOPIC)
    say(output, 1, 2)
    bus.append(TOPIC, [Outgoing(b"key", encode_value(Schema.INTENT, Said(2)))])
    bus.lose = 1  # of the next append

    with pytest.raises(BusError):
        say(output, 3, 4)
    say(output, 5)
    assert heard(bus) == [1, 2, 2, 3, 4, 5]
    assert (output.repeated, output.appended) == (2, 3)


STRANGERS = [b"", b"damage", b"\xff" * 300, encode_value(Schema.INTENT, Said(2))[:-1],
             encode_value(Schema.REPORT, Said(2)), encode(Schema.INTENT, b"\xc1")]


def test_what_a_stranger_put_into_the_own_log_is_passed_over_and_buried_once(world):
    bus = world.open(STRATEGY_PLANE)
    written = [encode_value(Schema.INTENT, Said(n)) for n in (1, 2, 3)]
    log = [STRANGERS[0], written[0], *STRANGERS[1:4], written[1], written[1], *STRANGERS[4:], written[2], STRANGERS[1]]
    bus.append(TOPIC, [Outgoing(b"key", value) for value in log])

    def opened(position=0):
        return RepeatingOutput(bus, TOPIC, position=position, parse=values_of(Schema.INTENT, Said), plane="me")

    first = opened()
    say(first, 1, 2)
    assert first.position == 6
    say(first, 3, 4)
    assert (first.repeated, first.appended) == (3, 1)
    assert first.dead == {"short": 3, "magic": 1, "length": 1, "schema": 1, "value": 1}
    assert bus.bounds(TOPIC + ".dead") == (0, 7)
    for position, rest in ((0, [1, 2, 3, 4, 5]), (2, [2, 3, 4, 5, 6]), (6, [3, 4, 5, 6, 7])):
        again = opened(position)
        say(again, *rest)
        assert again.dead == {}
    assert heard(bus) == [1, 2, 2, 3, 4, 5, 6, 7]


def test_a_replayed_letter_is_nothing_that_this_plane_said(world):
    bus = world.open(STRATEGY_PLANE)
    output = RepeatingOutput(bus, TOPIC)
    say(output, 1)
    late = replayed(decode(encode_value(Schema.INTENT, Said(1))))
    bus.append(TOPIC, [Outgoing(b"key", late)] * 2)
    say(output, 2)
    bus.append(TOPIC, [Outgoing(b"key", late)])

    for position, numbers in ((0, (1, 2, 3)), (1, (2, 3, 4))):
        say(RepeatingOutput(bus, TOPIC, position=position), *numbers)
    reader = TopicReader(bus, TOPIC, values_of(Schema.INTENT, Said), group="test")
    assert [(one.value.number, one.is_replayed) for one in reader.read(100)] == [
        (1, False), (1, True), (1, True), (2, False), (1, True), (3, False), (4, False)]


def test_damage_in_place_of_an_own_message_is_told(world):
    bus = world.open(STRATEGY_PLANE)
    bus.append(TOPIC, [Outgoing(b"key", value) for value in (b"damage", encode_value(Schema.INTENT, Said(2)))])

    with pytest.raises(BusError, match=r"orders\.intents position 0 does not decode, and position 1 has INTENT"):
        say(RepeatingOutput(bus, TOPIC), 1, 2)


def test_a_snapshot_that_is_ahead_of_the_log_is_told(world):
    bus = world.open(STRATEGY_PLANE)
    say(RepeatingOutput(bus, TOPIC), 1)

    with pytest.raises(LogShortened):
        say(RepeatingOutput(bus, TOPIC, position=3), 2)


def test_a_superseded_plane_appends_nothing(world):
    old, new = world.open(STRATEGY_PLANE), world.open(STRATEGY_PLANE)
    lease = old.lead(TOPIC)
    output = RepeatingOutput(old, TOPIC)
    output.send(b"key", Schema.INTENT, Said(1))
    output.flush(lease)
    newer = new.lead(TOPIC)

    output.send(b"key", Schema.INTENT, Said(2))
    with pytest.raises(Superseded):
        output.flush(lease)
    successor = RepeatingOutput(new, TOPIC, position=1)
    successor.send(b"key", Schema.INTENT, Said(2))
    successor.flush(newer)
    assert heard(new) == [1, 2]


def test_a_message_of_another_shard_is_refused():
    bus = MemoryBus(market_topics(partitions=2)).client("data-plane")
    key = next(key for key in (b"1", b"2", b"3", b"4") if bus.partition_for("market.quotes", key) == 1)
    with pytest.raises(AssertionError, match="in 0"):
        RepeatingOutput(bus, "market.quotes").send(key, Schema.QUOTES, Said(1))
    RepeatingOutput(bus, "market.quotes", shard=1).send(key, Schema.QUOTES, Said(1))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_bus_does_each_number_is_said_once_and_in_order(seed):
    """Kills at any step, snapshots at any step, appends that fail or are stored twice."""
    chance = dice(seed)
    shared = MemoryBus(TOPICS, faults=Faults(seed, duplicate=0.2, drop=0.2))
    saved = (0, 0)
    number, output = 0, RepeatingOutput(shared.client(STRATEGY_PLANE), TOPIC)
    while number < 150:
        for _ in range(chance.randint(0, 4)):
            number += 1
            output.send(b"key", Schema.INTENT, Said(number), origin_time_ns=chance.randint(0, 9))
        try:
            output.flush()
        except BusError:
            if chance.random() < 0.5:
                # The same process tries again; what it sends meanwhile waits in line.
                continue
            number, position = saved
            output = RepeatingOutput(shared.client(STRATEGY_PLANE), TOPIC, position=position)
            continue
        if chance.random() < 0.2:
            saved = number, output.position
        elif chance.random() < 0.1:
            number, position = saved
            output = RepeatingOutput(shared.client(STRATEGY_PLANE), TOPIC, position=position)
    # A copy may stand in the log, a gap or another order never; the last process may not have repeated all of it yet.
    said = heard(shared.client(ORDER_PLANE))
    assert sorted(set(said)) == list(range(1, said[-1] + 1))
    assert said == sorted(said)
