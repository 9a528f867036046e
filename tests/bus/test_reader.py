"""What a reader cannot decode is kept, counted, and never in the way."""

import msgspec
import pytest

from algotrade.bus import DeadLetter, LogShortened, Outgoing, PositionGone, Schema, TopicReader, encode, encode_value
from algotrade.bus.codec import values_of
from algotrade.bus.dead_letters import DEAD_VALUE_BYTES_MAX
from tests.bus.runs import dice
from tests.bus.worlds import SMALL, WORLDS, message


class Word(msgspec.Struct, frozen=True):
    text: str


WORDS = values_of(Schema.REPORT, Word)
DEAD = values_of(Schema.DEAD_LETTER, DeadLetter)


@pytest.fixture(params=WORLDS)
def world(request):
    made = WORLDS[request.param]()
    yield made
    made.close()


def word(text, origin_time_ns=0):
    return Outgoing(b"key", encode_value(Schema.REPORT, Word(text), origin_time_ns))


def test_messages_come_decoded_with_where_they_stood(world):
    alpha, beta = world.open("alpha"), world.open("beta")
    alpha.append("orders", [word("a", 5), word("b")])
    reader = TopicReader(beta, "orders", WORDS, group="beta")

    assert [(r.position, r.key, r.origin_time_ns, r.value.text) for r in reader.read(10)] == [
        (0, b"key", 5, "a"), (1, b"key", 0, "b")]
    assert reader.position == 2
    assert reader.read(10) == []


def test_undecodable_messages_become_dead_letters_with_reason_and_position(world):
    alpha, beta = world.open("alpha"), world.open("beta")
    bad = [b"", b"\0" * 30, encode(Schema.INTENT, b"x"), encode(Schema.REPORT, b"\xc1"), word("x").value + b"!"]
    alpha.append("orders", [word("a"), *(Outgoing(b"bad", value) for value in bad), word("b")])
    reader = TopicReader(beta, "orders", WORDS, group="beta")

    assert [r.value.text for r in reader.read(100)] == ["a", "b"]
    assert reader.dead == {"short": 1, "magic": 1, "schema": 1, "value": 1, "length": 1}
    letters = [r.value for r in TopicReader(alpha, "orders.dead", DEAD, group="people").read(100)]
    assert [(d.topic, d.partition, d.position, d.reader) for d in letters] == [
        ("orders", 0, i, "beta") for i in range(1, 6)]
    assert [d.value for d in letters] == bad
    assert [d.reason for d in letters] == ["short", "magic", "schema", "value", "length"]


def test_an_empty_answer_means_the_end_even_behind_a_stretch_of_damage(world):
    alpha, beta = world.open("alpha"), world.open("beta")
    alpha.append("orders", [*(Outgoing(b"", b"bad") for _ in range(7)), word("a")])
    reader = TopicReader(beta, "orders", WORDS, group="beta")

    assert [r.value.text for r in reader.read(2)] == ["a"]
    assert reader.dead == {"short": 7}
    assert reader.read(2) == []


@pytest.mark.parametrize("body", WORLDS)
def test_a_huge_message_is_kept_in_part(body):
    topics = {name: msgspec.structs.replace(topic, retention_bytes_max=8 << 20) for name, topic in SMALL.items()}
    roomy = WORLDS[body](topics)
    bus = roomy.open("alpha")
    value = dice(1).randbytes(DEAD_VALUE_BYTES_MAX + 5)
    bus.append("orders", [Outgoing(b"", value)])
    assert TopicReader(bus, "orders", WORDS, group="alpha").read(1) == []

    (letter,) = TopicReader(bus, "orders.dead", DEAD, group="people").read(9)
    assert letter.value.value == value[:DEAD_VALUE_BYTES_MAX]
    assert letter.value.size_bytes == len(value)
    roomy.close()


def test_what_the_bus_says_of_positions_is_passed_on(world):
    bus = world.open("alpha")
    for _ in range(9):
        bus.append("ticks", [message(size_bytes=900)])
    with pytest.raises(PositionGone):
        TopicReader(bus, "ticks", WORDS, group="alpha").read(1)
    with pytest.raises(LogShortened):
        TopicReader(bus, "ticks", WORDS, group="alpha", position=99).read(1)
