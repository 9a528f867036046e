"""The three planes on a faulty bus, scheduled at random and killed at random, against the reference loop."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from algotrade.bus import (
    BusError,
    Faults,
    MemoryBus,
    Schema,
    Superseded,
    TopicFull,
    TopicReader,
    values_of,
)
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import (
    DATA_PLANE,
    MARKET_QUOTES,
    ORDER_PLANE,
    PLANES,
    STRATEGY_PLANE,
    TOPICS,
    with_shards,
)
from algotrade.domain import ExecutionReport, IntentId, OrderIntent, SimulatedClock, SystemClock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution.remote.broker import RemoteBroker
from algotrade.feeds import Pace, QualityGate
from algotrade.matching import VenueModel
from algotrade.risk import Limits
from algotrade.strategy import PythonRunner
from algotrade_runners.data_plane.build import begin
from algotrade_runners.data_plane.plane import DataPlane
from algotrade_runners.order_plane import arrivals as order_plane
from algotrade_runners.order_plane.build import build_order_plane
from algotrade_runners.order_plane.state import JOURNAL_TOPIC
from algotrade_runners.replay_time import INTENTS_TOPIC
from algotrade_runners.settings import (
    BrokerSettings,
    BusSettings,
    FeedSettings,
    RunSettings,
    Settings,
    StrategySettings,
)
from algotrade_runners.strategy_plane import plane as strategy_plane
from algotrade_runners.strategy_plane.build import build_strategy_plane
from algotrade_runners.strategy_plane.shards import StrategyShards
from tests.simulation.chaos import Chaos
from tests.simulation.market import ListFeed, cut, market
from tests.simulation.reference import reference

STEPS_MAX = 200_000


def settings_of(seed: int) -> Settings:
    """Vary latencies, jitter, volume and limits with the seed; snapshots come often."""
    rng = np.random.default_rng(seed)
    return Settings(
        bus=BusSettings(url="local:unused"), feed=FeedSettings(paths=("unused",)),
        instruments=({"symbol": "Q"}, {"symbol": "T"}, {"symbol": "B"}), strategy=StrategySettings(name="ofi"),
        run=RunSettings(seed=seed),
        risk=Limits(position_quantity_max=Decimal(60), order_quantity_max=Decimal(30), working_orders_max=8,
                    reference_age_ns_max=10**9, order_window_ns=20, orders_per_window_max=6),
        venue=VenueModel(order_latency_ns=int(rng.integers(1, 8)), report_latency_ns=int(rng.integers(1, 8)),
                         order_latency_jitter_ns=int(rng.integers(0, 5)), slippage_ticks=int(rng.integers(0, 2)),
                         volume_share_max=float(rng.choice([0.5, 1.0]))),
    )


class World:
    """Three planes that can be killed and built again, on one bus that outlives them."""

    def __init__(self, seed: int, faults: Faults | None, *, elects: bool = False, broker: str = "",
                 shards: int = 1) -> None:
        self.seed = seed
        self.settings = msgspec.structs.replace(settings_of(seed), broker=BrokerSettings(url=broker))
        self.clock = SimulatedClock()
        self.run = market(seed)
        self.bus = MemoryBus(with_shards(TOPICS, shards), faults=faults, elects=elects)
        self.shards = shards
        self.planes = {}

    def strategy(self) -> PythonRunner:
        return PythonRunner(Chaos(self.seed), self.settings.universe(), self.settings.run.id)

    def build(self, name: str):
        """Build a plane from what the bus holds: a start and a restart are the same thing."""
        bus = self.bus.client(name)
        if name == STRATEGY_PLANE:
            plane = build_strategy_plane(self.settings, bus, self.strategy()) if self.shards == 1 else StrategyShards(
                bus, lambda shard: often(build_strategy_plane(self.settings, bus, self.strategy(), shard)))
        elif name == ORDER_PLANE:
            plane = build_order_plane(self.settings, bus, self.clock)
        else:
            plane = self._data_plane(bus)
        return often(plane)

    def _data_plane(self, bus) -> DataPlane:
        def feed(_settings, after_sequence):
            # Cut otherwise after each restart: how a run is cut changes nothing.
            return ListFeed(cut(self.run, np.random.default_rng(self.seed + after_sequence)), after_sequence)

        return DataPlane(
            bus=bus, begin=lambda shards: begin(self.settings, bus, shards, feed), pace=Pace(None, SystemClock()),
            clock=SystemClock(), records_between=23)

    def disturb(self, schedule: np.random.Generator) -> None:
        """Let others do something on the bus between two steps; here nobody does."""

    def go(self, schedule: np.random.Generator, kill: float) -> None:
        """Step planes in random order; a plane that fails or is killed is built again."""
        for _ in range(STEPS_MAX):
            self.disturb(schedule)
            name = str(schedule.choice([DATA_PLANE, STRATEGY_PLANE, ORDER_PLANE]))
            try:
                plane = self.planes.get(name) or self.build(name)
                self.planes[name] = plane
                if not plane.done:
                    plane.step()
            except BusError:
                self.planes.pop(name, None)
            if schedule.random() < kill:
                self.planes.pop(name, None)
            if len(self.planes) == 3 and all(p.done for p in self.planes.values()):
                return
        raise AssertionError("the planes wait in a ring")

    def go_with_standbys(self, schedule: np.random.Generator, kill: float, freeze: float) -> int:
        """Step three processes of each leading plane; some are killed, some lose their turn and do not know it.

        Return how many found out that another leads.
        """
        seats = {STRATEGY_PLANE: INTENTS_TOPIC, ORDER_PLANE: JOURNAL_TOPIC}
        names = [DATA_PLANE, *(f"{plane} {n}" for plane in seats for n in range(3))]
        superseded = 0
        for _ in range(STEPS_MAX):
            self.clock.advance_to(self.clock.time_ns() + NANOSECONDS_PER_SECOND // 10)
            self.disturb(schedule)
            name = str(schedule.choice(names))
            plane = name.split(maxsplit=1)[0]
            superseded += self.step(name, leaves=plane in seats)
            if schedule.random() < kill:
                self.bury(name)
            if plane in seats and schedule.random() < freeze:
                self.bus.unseat(seats[plane])
            if all(any(p.done for n, p in self.planes.items() if n.startswith(plane)) for plane in PLANES):
                return superseded
        raise AssertionError("the planes wait in a ring")

    def go_in_shards(self, schedule: np.random.Generator, kill: float, move: float) -> None:
        """Step three data planes and three strategy planes that share the instruments; shards move, processes die."""
        topics = {DATA_PLANE: MARKET_QUOTES, STRATEGY_PLANE: INTENTS_TOPIC}
        names = [ORDER_PLANE, *(f"{plane} {n}" for plane in topics for n in range(3))]
        for _ in range(STEPS_MAX):
            self.disturb(schedule)
            name = str(schedule.choice(names))
            plane = name.split(maxsplit=1)[0]
            self.step(name, leaves=plane in topics)
            if schedule.random() < kill:
                self.bury(name)
            if plane in topics and schedule.random() < move:
                self.bus.unseat(topics[plane], int(schedule.integers(0, self.shards)))
            if name == ORDER_PLANE and name in self.planes and self.planes[name].done:
                return
        raise AssertionError("the planes wait in a ring")

    def step(self, name: str, *, leaves: bool) -> bool:
        """Let a process do one step, built anew where it is gone; tell whether it found that another leads.

        ``leaves``  it gives back what it holds once it is done
        """
        try:
            process = self.planes.get(name) or self.build(name.split(maxsplit=1)[0])
            self.planes[name] = process
            if not process.done:
                process.step()
            elif leaves:
                process.stop()
                close(process)
        except Superseded:
            self.bury(name)
            return True
        except BusError:
            self.bury(name)
        return False

    def bury(self, name: str) -> None:
        """A process is gone, and the group knows."""
        process = self.planes.pop(name, None)
        if process is not None:
            close(process)

    def reports(self) -> list[ExecutionReport]:
        found: dict[int, ExecutionReport] = {}
        for shard in range(self.shards):
            reader = TopicReader(self.bus.client(), "orders.reports", values_of(Schema.REPORT, ExecutionReport),
                                 group="test", partition=shard)
            while received := reader.read(100):
                for one in received:
                    assert found.setdefault(one.value.sequence, one.value) == one.value
        return [found[number] for number in sorted(found)]

    def intents(self) -> set[IntentId]:
        found = set()
        for shard in range(self.shards):
            reader = TopicReader(self.bus.client(), INTENTS_TOPIC, values_of(Schema.INTENT, OrderIntent), group="test",
                                 partition=shard)
            while received := reader.read(100):
                found.update(one.value.id for one in received)
        return found

    def expected(self) -> list[ExecutionReport]:
        gate, bus = QualityGate(self.settings.universe(), self.settings.quality, {}), self.bus.client()
        shard_of = [bus.partition_for(INTENTS_TOPIC, instrument_key(i)) for i in range(len(self.settings.universe()))]
        strategies = [self.strategy() for _ in range(self.shards)]
        return reference(self.settings, gate.check(self.run).passed, strategies, shard_of)


def often(plane):
    """Let a plane write snapshots often."""
    plane._records_between = 23
    return plane


def close(process) -> None:
    """Give back what the cluster and the broker notice when a process ends."""
    process._bus.close()
    if isinstance(getattr(process, "_broker", None), RemoteBroker):
        process._broker.close()


@pytest.mark.parametrize("seed", range(40))
def test_undisturbed_planes_do_what_the_reference_does(seed):
    world = World(seed, None)
    world.go(np.random.default_rng(seed), kill=0.0)

    assert world.reports() == world.expected()


@pytest.mark.parametrize("seed", range(100, 160))
def test_faults_kills_and_any_schedule_change_nothing(seed):
    world = World(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.03))
    world.go(np.random.default_rng(seed), kill=0.02)

    assert world.reports() == world.expected()
    orders, strategy, data = (world.planes[name].state for name in (ORDER_PLANE, STRATEGY_PLANE, DATA_PLANE))
    for tally in (orders.tally, strategy.tally):
        assert (tally.records, tally.sequence_sum) == (data.published.records, data.published.sequence_sum)


@pytest.mark.parametrize("seed", range(160, 190))
def test_how_many_messages_are_taken_at_once_changes_nothing(seed, monkeypatch):
    """A backlog waits in the log: planes that take one or two messages of it at a time do what they always do."""
    for module, name in ((order_plane, "INTENTS"), (strategy_plane, "REPORTS")):
        monkeypatch.setattr(module, f"{name}_PER_READ", 1 + seed % 2)
        monkeypatch.setattr(module, f"{name}_WAITING_MAX", 1 + seed % 3)
    world = World(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.03) if seed % 2 else None)
    world.go(np.random.default_rng(seed), kill=0.02 if seed % 2 else 0.0)

    assert world.reports() == world.expected()


@pytest.mark.parametrize("seed", range(430, 450))
def test_nor_does_it_with_shards(seed, monkeypatch):
    for module, name in ((order_plane, "INTENTS"), (strategy_plane, "REPORTS")):
        monkeypatch.setattr(module, f"{name}_PER_READ", 1 + seed % 2)
        monkeypatch.setattr(module, f"{name}_WAITING_MAX", 1 + seed % 3)
    world = World(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.01), elects=True, shards=3)
    world.go_in_shards(np.random.default_rng(seed), kill=0.01, move=0.02)

    assert world.reports() == world.expected()


@pytest.mark.parametrize("seed", range(200, 240))
def test_standbys_take_over_and_nothing_is_changed(seed):
    world = World(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.01), elects=True)
    world.go_with_standbys(np.random.default_rng(seed), kill=0.01, freeze=0.01)

    assert world.reports() == world.expected()
    assert sum(world.bus.epochs.values()) > 2, "nobody took over from anybody"
    leaders = [process for name, process in world.planes.items() if process.done and not name.startswith(DATA_PLANE)]
    for leader in leaders:
        assert leader.state.tally.records == world.planes[DATA_PLANE].state.published.records


def test_leaders_that_lost_their_turn_find_out():
    found_out = 0
    for seed in range(240, 246):
        world = World(seed, None, elects=True)
        found_out += world.go_with_standbys(np.random.default_rng(seed), kill=0.0, freeze=0.05)
        assert world.reports() == world.expected()
    assert found_out > 6


@pytest.mark.parametrize("seed", range(400, 430))
def test_shards_that_move_between_processes_change_nothing(seed):
    world = World(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.01), elects=True, shards=3)
    world.go_in_shards(np.random.default_rng(seed), kill=0.01, move=0.02)

    reports = world.reports()
    assert reports == world.expected()
    assert len({report.instrument for report in reports}) > 1
    # Also those that a later one of another shard has overtaken on the way to the venue.
    assert world.intents() == {report.intent_id for report in reports} | {report.request_id for report in reports}


def test_the_market_is_busy_enough_to_prove_something():
    reports = [report for seed in range(40) for report in World(seed, None).expected()]
    kinds = {(r.exec_type.name, r.status.name) for r in reports}
    assert len(reports) > 2_000
    assert {"NEW", "TRADE", "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "CANCEL_REJECTED"} == {k for k, _ in kinds}


def test_what_a_full_topic_kept_back_is_promised_when_it_has_gone():
    world = World(1, None)
    world.go(np.random.default_rng(1), kill=0.0)
    whole = {name: history[-1][1] for name, history in world.bus.promises.items() if name.startswith("market.time")}

    again = World(1, None)
    for name in (STRATEGY_PLANE, ORDER_PLANE):
        again.planes[name] = again.build(name)
    plane = again.planes[DATA_PLANE] = again.build(DATA_PLANE)
    publish, turned_down = plane._writer.publish, []

    def full_at_first(batch, **options):
        if not any(batch is one for one in turned_down):
            turned_down.append(batch)
            raise TopicFull("full")
        publish(batch, **options)

    plane._writer.publish = full_at_first
    again.go(np.random.default_rng(1), kill=0.0)
    assert turned_down
    assert {name: again.bus.promises[name][-1][1] for name in whole} == whole
    assert again.reports() == world.reports()
