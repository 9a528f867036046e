"""A snapshot is there wholly or not at all, and what it goes on from is never deleted under it."""

import re

import pytest

from algotrade.bus import (
    BusError,
    Faults,
    MemoryBus,
    Outgoing,
    PositionGone,
    Schema,
    Snapshots,
    Superseded,
    TopicFull,
    encode_value,
)
from algotrade.bus.codec import Undecodable, decode, decode_value
from algotrade.bus.snapshots import CHUNK_BYTES_MAX, _Chunk
from algotrade.bus.topics import DATA_PLANE, MARKET_QUOTES, ORDER_PLANE, STRATEGY_PLANE, TOPICS
from tests.bus.runs import dice, market_topics
from tests.bus.worlds import LocalWorld, MemoryWorld, message

TOPIC = "snapshots.strategy-plane"


@pytest.fixture(params=[MemoryWorld, LocalWorld])
def world(request):
    made = request.param(market_topics(retention_bytes_max=2_000))
    yield made
    made.close()


def snapshots(bus):
    return Snapshots(bus, TOPIC, STRATEGY_PLANE)


def test_there_is_none_at_first(world):
    assert snapshots(world.open(STRATEGY_PLANE)).load() is None


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 3 * CHUNK_BYTES_MAX + 7])
def test_the_newest_comes_back_after_a_restart_whatever_its_size(world, size):
    bus = world.open(STRATEGY_PLANE)
    first = snapshots(bus)
    for number in range(4):
        body = dice(number).randbytes(size)
        first.save(body, {})
    bus.close()

    again = snapshots(world.open(STRATEGY_PLANE))
    assert again.load() == body
    assert again.body_bytes == first.body_bytes == size
    again.save(b"next", {})
    assert snapshots(world.open(STRATEGY_PLANE)).load() == b"next"


def test_two_are_kept_and_the_older_ones_forgotten(world):
    bus = world.open(STRATEGY_PLANE)
    kept = snapshots(bus)
    for number in range(5):
        kept.save(bytes([number]), {})
        assert bus.bounds(TOPIC) == (max(0, number - 1), number + 1)
    assert kept.saved == 5


def test_a_plane_that_saves_without_loading_goes_on_with_the_numbers(world):
    snapshots(world.open(STRATEGY_PLANE)).save(b"a", {})
    bus = world.open(STRATEGY_PLANE)
    snapshots(bus).save(b"b", {})

    numbers = [decode_value(decode(m.value), _Chunk).number for m in bus.read(TOPIC, 0, messages_max=9)]
    assert numbers == [1, 2]


def test_retention_waits_for_the_older_of_the_two(world):
    """Should the newest be damaged, the one before must still find its inputs."""
    data, order, bus = world.open(DATA_PLANE), world.open(ORDER_PLANE), world.open(STRATEGY_PLANE)
    data.append(MARKET_QUOTES, [message(size_bytes=500) for _ in range(4)])
    order.commit(ORDER_PLANE, {(MARKET_QUOTES, 0): 4})
    kept = snapshots(bus)
    kept.save(b"a", {(MARKET_QUOTES, 0): 1})
    assert bus.committed(STRATEGY_PLANE, MARKET_QUOTES) == 0
    with pytest.raises(TopicFull):
        data.append(MARKET_QUOTES, [message()])

    kept.save(b"b", {(MARKET_QUOTES, 0): 4})
    assert bus.committed(STRATEGY_PLANE, MARKET_QUOTES) == 1
    data.append(MARKET_QUOTES, [message()])

    again = snapshots(world.open(STRATEGY_PLANE))
    again.save(b"c", {(MARKET_QUOTES, 0): 4})
    assert bus.committed(STRATEGY_PLANE, MARKET_QUOTES) == 4


def damage(value, at=60):
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1:]


def rewritten(bus, change):
    """Append the newest snapshot's chunks again under the next number, as ``change`` has them."""
    chunks = [decode_value(decode(m.value), _Chunk) for m in bus.read(TOPIC, bus.bounds(TOPIC)[0], messages_max=99)]
    newest = [c for c in chunks if c.number == max(x.number for x in chunks)]
    bus.append(TOPIC, [Outgoing(b"", value) for value in change(newest)])


def encoded(chunk, **fields):
    values = {name: getattr(chunk, name) for name in chunk.__struct_fields__} | {"number": chunk.number + 1} | fields
    return encode_value(Schema.SNAPSHOT, _Chunk(**values))


@pytest.mark.parametrize("change", [
    lambda newest: [encoded(c) for c in newest[:-1]],
    lambda newest: [encoded(c) for c in newest[1:]],
    lambda newest: [*(encoded(c) for c in newest[:-1]), encoded(newest[-1], data=b"wrong")],
    lambda newest: [encoded(c, sha256=bytes(32)) for c in newest],
    lambda newest: [encoded(newest[0], count=2), encoded(newest[1], count=2)],
    lambda newest: [*(encoded(c) for c in newest[:-1]), damage(encoded(newest[-1]))],
    lambda newest: [encoded(newest[0]), encoded(newest[0]), encoded(newest[2])],
], ids=["last missing", "first missing", "other data", "other hash", "fewer", "damaged", "one twice"])
def test_a_torn_newest_falls_back_to_the_one_before(world, change):
    bus = world.open(STRATEGY_PLANE)
    body = dice(5).randbytes(2 * CHUNK_BYTES_MAX + 100)
    kept = snapshots(bus)
    kept.save(b"old", {})
    kept.save(body, {})
    rewritten(bus, change)

    again = snapshots(world.open(STRATEGY_PLANE))
    assert again.load() == body
    again.save(b"new", {})
    last = snapshots(world.open(STRATEGY_PLANE))
    assert last.load() == b"new"


def test_undecodable_chunks_are_counted_and_kept_as_dead_letters(world):
    bus = world.open(STRATEGY_PLANE)
    kept = snapshots(bus)
    kept.save(b"good", {})
    bus.append(TOPIC, [Outgoing(b"", b"damage")])

    again = snapshots(bus)
    assert again.load() == b"good"
    assert again.dead == {"short": 1}
    assert bus.bounds(TOPIC + ".dead") == (0, 1)


def test_a_superseded_plane_saves_nothing(world):
    topic = "snapshots.order-plane"
    old, new = world.open(ORDER_PLANE), world.open(ORDER_PLANE)
    lease = old.lead("orders.journal")
    kept = Snapshots(old, topic, ORDER_PLANE)
    kept.save(b"mine", {}, lease=lease)
    new.lead("orders.journal")

    with pytest.raises(Superseded):
        kept.save(b"still mine", {}, lease=lease)
    assert Snapshots(new, topic, ORDER_PLANE).load() == b"mine"


@pytest.mark.parametrize("seed", range(30))
def test_over_a_faulty_bus_the_newest_saved_is_the_newest_loaded(seed):
    chance = dice(seed)
    shared = MemoryBus(TOPICS, faults=Faults(seed, duplicate=0.3, drop=0.3))
    kept, newest = snapshots(shared.client(STRATEGY_PLANE)), None
    for _ in range(30):
        body = chance.randbytes(chance.choice([5, 2 * CHUNK_BYTES_MAX]))
        try:
            kept.save(body, {})
        except BusError:
            body = newest
        newest = body
        if chance.random() < 0.3:
            kept = snapshots(shared.client(STRATEGY_PLANE))
            assert kept.load() == newest


def test_every_snapshot_topic_is_flushed():
    """An unflushed snapshot could be older, after power loss, than the commits that let its inputs be deleted."""
    assert all(topic.durable for name, topic in TOPICS.items() if name.startswith("snapshots."))
    with pytest.raises(Undecodable):
        decode(b"")


def test_a_snapshot_older_than_its_inputs_is_refused_with_what_to_do(world):
    """Nobody's retention does this: somebody's hand has."""
    data, strategy = world.open(DATA_PLANE), world.open(STRATEGY_PLANE)
    data.append(f"snapshots.{DATA_PLANE}", [message(str(i)) for i in range(5)])
    kept = snapshots(strategy)
    kept.check_inputs()
    kept.save(b"state", {(f"snapshots.{DATA_PLANE}", 0): 2})
    data.trim(f"snapshots.{DATA_PLANE}", 2)
    snapshots(strategy).check_inputs()

    data.trim(f"snapshots.{DATA_PLANE}", 4)
    for one in (kept, snapshots(world.open(STRATEGY_PLANE))):
        with pytest.raises(PositionGone) as caught:
            one.check_inputs()
        assert re.search(r"snapshot of the strategy-plane .* snapshots\.data-plane/0 position 2, but that log begins "
                         r"at position 4.*`algotrade demo` without --resume", str(caught.value))
        assert caught.value.where == {"topic": f"snapshots.{DATA_PLANE}", "partition": 0, "from": 2, "to": 4}
