"""Dead letters replayed while the planes run, on a faulty bus and through kills: an answer each, and nothing else.

A restarted plane makes its messages again and holds them against the log: an answer at another moment than before, or
a strategy that hears of it at another one (what it hears steers it), would be an assertion.
"""

import msgspec
import numpy as np
import pytest

from algotrade.bus import PROMISE_END, BusError, Faults, Outgoing, Schema, encode_value
from algotrade.bus.codec import decode, replayed
from algotrade.bus.market import instrument_key
from algotrade.bus.memory import MemoryClient
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, STRATEGY_PLANE
from algotrade.domain import ExecType, OrderStatus, SystemClock
from algotrade.execution.order_manager import REPLAYED_LATE
from algotrade.strategy import PythonRunner
from algotrade_runners.order_plane.build import build_order_plane
from algotrade_runners.replay_time import intents_time
from tests.execution.world import cancel, new
from tests.simulation.chaos import Chaos
from tests.simulation.test_planes import STEPS_MAX, World

WRITERS = {"orders.intents": STRATEGY_PLANE, "orders.reports": ORDER_PLANE, "market.quotes": DATA_PLANE}


class Countless(Chaos):
    """Is not steered by the numbers of reports: those of others' answers move them."""

    def on_report(self, report):
        super().on_report(msgspec.structs.replace(report, sequence=0))


class Replays(World):
    """A world in which somebody replays: intents that nobody knows, and messages that everybody has had."""

    def __init__(self, seed, faults, **options):
        super().__init__(seed, faults, **options)
        self.late = []

    def strategy(self):
        maker = Countless if self.seed % 4 < 2 else Chaos
        return PythonRunner(maker(self.seed), self.settings.universe(), self.settings.run.id)

    def disturb(self, schedule):
        if self.shards > 1 and self.has_ended():
            return  # In what order several shards are answered at the end is not told by their logs (docs/KAFKA.md).
        if schedule.random() < 0.02:
            self.replay_new(schedule)
        if schedule.random() < 0.02:
            self.replay_known(schedule)

    def has_ended(self):
        bus = self.bus.client()
        return all(bus.promised(intents_time(shard)) == PROMISE_END for shard in range(self.shards))

    def replay_new(self, schedule):
        if self.late and schedule.random() < 0.3:
            intent = self.late[int(schedule.integers(len(self.late)))]  # the same once more
        else:
            number = int(schedule.integers(1, 10**6))
            intent = new(number, 5) if schedule.random() < 0.7 else cancel(number, 3)
            whose = ("other", "r") if self.seed % 4 < 2 else ("chaos", "demo")
            intent = msgspec.structs.replace(intent, id=msgspec.structs.replace(
                intent.id, strategy=whose[0], run=whose[1], sequence=10**6 + number))
        if self.shards > 1:
            intent = msgspec.structs.replace(intent, instrument=intent.id.sequence % len(self.settings.universe()))
        key = instrument_key(intent.instrument)
        if self.append("orders.intents", key, replayed(decode(encode_value(Schema.INTENT, intent)))):
            self.late.append(intent)

    def replay_known(self, schedule):
        topic = str(schedule.choice(list(WRITERS)))
        bus = self.bus.client()
        partition = int(schedule.integers(bus.partitions(topic))) if self.shards > 1 else 0
        oldest, following = bus.bounds(topic, partition)
        if following > oldest:
            at = int(schedule.integers(oldest, following))
            (message,) = bus.read(topic, at, messages_max=1, partition=partition)
            self.append(topic, message.key, replayed(decode(message.value)))

    def append(self, topic, key, value):
        try:
            self.bus.client(WRITERS[topic]).append(topic, [Outgoing(key, value)])
        except BusError:
            return False
        return True


def without_numbers(reports):
    return [msgspec.structs.replace(r, sequence=0, order_id=0) for r in reports if r.reason != REPLAYED_LATE]


@pytest.mark.parametrize("seed", range(200, 240))
def test_what_is_replayed_is_answered_once_and_changes_nothing_else(seed):
    world = Replays(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.03) if seed % 2 else None)
    world.go(np.random.default_rng(seed), kill=0.02 if seed % 2 else 0.0)

    assert_answered(world)
    strategy, data = (world.planes[name].state for name in (STRATEGY_PLANE, DATA_PLANE))
    assert (strategy.tally.records, strategy.tally.sequence_sum) == (
        data.published.records, data.published.sequence_sum)


@pytest.mark.parametrize("seed", range(240, 270))
def test_standbys_answer_what_is_replayed_as_their_leader_would(seed):
    world = Replays(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.01), elects=True)
    world.go_with_standbys(np.random.default_rng(seed), kill=0.01, freeze=0.01)

    assert_answered(world)


@pytest.mark.parametrize("seed", range(270, 300))
def test_what_is_replayed_goes_to_its_shard_and_is_answered_from_there(seed):
    world = Replays(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.01), elects=True, shards=3)
    world.go_in_shards(np.random.default_rng(seed), kill=0.01, move=0.02)

    assert_answered(world)
    assert {intent.id for intent in world.late} == {
        report.request_id for report in world.reports() if report.reason == REPLAYED_LATE}


def assert_answered(world):
    reports = world.reports()
    if world.seed % 4 < 2:
        assert without_numbers(reports) == without_numbers(world.expected())
    late = [report for report in reports if report.reason == REPLAYED_LATE]
    done = {intent.id for intent in world.late}
    # What was replayed when the order plane had already ended waits for the next start.
    assert len({r.request_id for r in late}) == len(late)
    assert {r.request_id for r in late} <= done
    assert {(r.exec_type, r.status) for r in late} <= {
        (ExecType.EXPIRED, OrderStatus.EXPIRED), (ExecType.CANCEL_REJECTED, OrderStatus.REJECTED)}
    assert not any(report.last_quantity for report in late)


def test_enough_is_replayed_to_prove_something():
    worlds = [Replays(seed, None) for seed in range(200, 210)]
    for world in worlds:
        world.go(np.random.default_rng(world.seed), kill=0.0)
    late = [r for world in worlds for r in world.reports() if r.reason == REPLAYED_LATE]
    assert len(late) > 50
    assert {r.exec_type for r in late} == {ExecType.EXPIRED, ExecType.CANCEL_REJECTED}


class Damaging(MemoryClient):
    """Damages reports on their way into the log, now and then, and keeps what they were."""

    def append_all(self, appends, **options):
        return super().append_all(
            [(topic, [self.perhaps(one) for one in messages] if topic == "orders.reports" else messages)
             for topic, messages in appends], **options)

    def perhaps(self, message):
        if self.chance.random() > 0.1:
            return message
        self.lost.append(message)
        return Outgoing(message.key, message.value[:-1])


class Lossy(World):
    """A world whose strategy plane is killed again and again, and whose reports get lost and are replayed.

    The order plane is not killed: what it would make of damage in its own log is another matter.
    """

    def __init__(self, seed):
        super().__init__(seed, None)
        self.lost = []
        self.chance = np.random.default_rng(seed + 1)

    def build(self, name):
        if name != ORDER_PLANE:
            return super().build(name)
        bus = Damaging(self.bus, ORDER_PLANE)
        bus.lost, bus.chance = self.lost, self.chance
        return build_order_plane(self.settings, bus, SystemClock())

    def go(self, schedule, kill):
        for _ in range(STEPS_MAX):
            name = str(schedule.choice([DATA_PLANE, STRATEGY_PLANE, ORDER_PLANE]))
            plane = self.planes.get(name) or self.build(name)
            self.planes[name] = plane
            if not plane.done:
                plane.step()
            while self.lost and self.chance.random() < 0.7:
                message = self.lost.pop(0)
                self.bus.client(ORDER_PLANE).append(
                    "orders.reports", [Outgoing(message.key, replayed(decode(message.value)))])
            if schedule.random() < kill:
                self.planes.pop(STRATEGY_PLANE, None)
            if len(self.planes) == 3 and all(p.done for p in self.planes.values()):
                return
        raise AssertionError("the planes wait in a ring")


@pytest.mark.parametrize("seed", range(300, 330))
def test_a_late_report_reaches_the_strategy_at_a_moment_that_a_restart_finds_again(seed):
    """The strategy is steered by each report and when it came: at another moment it would make other intents."""
    world = Lossy(seed)
    world.go(np.random.default_rng(seed), kill=0.05)

    state = world.planes[STRATEGY_PLANE].state
    made = world.planes[ORDER_PLANE].state.reports
    assert made // 2 < state.reports <= made
