"""The three planes in real time: killed and standing by at random, beside an exchange that lives on.

Which record, report or evidence comes first is chance here, so there is no reference run. What must hold whatever came:
an intent is placed at most once, the books agree with the exchange, no report and no record is lost or said otherwise,
and every process that repeats what another did finds the very same in the logs (``RepeatingOutput`` asserts that).
"""

from collections import Counter
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from algotrade.bus import BusError, MemoryBus, Schema, Superseded, TopicReader, values_of
from algotrade.bus.market_reader import rising_records as live_records
from algotrade.bus.topics import DATA_PLANE, MARKET_QUOTES, ORDER_PLANE, STRATEGY_PLANE, TOPICS
from algotrade.domain import Kind, Liquidation, MarketBatch, OrderIntent, Report, SimulatedClock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.market import Flag
from algotrade.execution import IntentTaken, JournalRecord
from algotrade.strategy import PythonRunner
from algotrade_runners.data_plane import live as live_data
from algotrade_runners.data_plane.build import build_live_data_plane
from algotrade_runners.order_plane.build import build_live_order_plane
from algotrade_runners.order_plane.state import JOURNAL_TOPIC
from algotrade_runners.replay_time import INTENTS_TOPIC, REPORTS_TOPIC
from algotrade_runners.strategy_plane.build import build_live_strategy_plane
from tests.simulation.chaos import Chaos
from tests.simulation.exchange import Exchange, Session
from tests.simulation.market import cut, market
from tests.simulation.test_planes import close, often, settings_of

STEPS_MAX = 60_000


class Ticker:
    """A live feed: the world goes on whether or not anybody listens, and what nobody heard is gone."""

    def __init__(self, pieces: list[MarketBatch]) -> None:
        self.pieces = pieces
        self.closed = False

    def poll(self) -> MarketBatch | None:
        if not self.pieces:
            return None
        piece = self.pieces.pop(0)
        unnumbered = {kind: array.copy() for kind, array in piece.arrays().items()}
        for array in unnumbered.values():
            array["sequence"] = 0
        return MarketBatch.of(unnumbered)

    def ready(self) -> dict[str, bool]:
        return {"feed": True}

    def samples(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        self.closed = True


class LiveWorld:
    """Processes of live planes that come and go, on one bus, with one exchange and one stream of market data."""

    def __init__(self, seed: int, *, elects: bool) -> None:
        self.seed = seed
        self.settings = settings_of(seed)
        self.clock = SimulatedClock()
        self.bus = MemoryBus(TOPICS, elects=elects)
        self.exchange = Exchange()
        self.dice = np.random.default_rng(seed)
        self.stream = cut(market(seed), self.dice)
        self.processes: dict[str, object] = {}
        self.sessions: dict[str, Session] = {}

    def build(self, name: str):
        plane = name.split(maxsplit=1)[0]
        bus = self.bus.client(plane)
        if plane == DATA_PLANE:
            return build_live_data_plane(self.settings, bus, self.clock, lambda _: Ticker(self.stream))
        if plane == STRATEGY_PLANE:
            strategy = PythonRunner(Chaos(self.seed), self.settings.universe(), self.settings.run.id)
            return often(build_live_strategy_plane(self.settings, bus, strategy))
        session = self.sessions[name] = Session(self.exchange, self.dice)
        return often(build_live_order_plane(self.settings, bus, self.clock, session))

    def step(self, name: str) -> bool:
        """Step a process, started where there is none; True where it did something."""
        try:
            if name not in self.processes:
                self.processes[name] = self.build(name)
            return self.processes[name].step()
        except (Superseded, BusError):
            self.bury(name)
            return True

    def bury(self, name: str) -> None:
        """kill -9: the process is gone, and so is its session."""
        process = self.processes.pop(name, None)
        session = self.sessions.pop(name, None)
        if session is not None:
            session.close()
        if process is not None:
            close(process)

    def go(self, names: list[str], kill: float, unseat: float = 0.0) -> None:
        for _ in range(STEPS_MAX):
            self.clock.advance_to(self.clock.time_ns() + 1)
            name = str(self.dice.choice(names))
            self.step(name)
            if self.dice.random() < kill:
                self.bury(name)
            if self.dice.random() < unseat:
                self.bus.unseat(str(self.dice.choice([INTENTS_TOPIC, JOURNAL_TOPIC])))
            if self.dice.random() < 0.2:
                self.exchange.act(self.dice)
            if self.dice.random() < 0.1:
                self.exchange.liquidate(self.dice)
            if not self.stream:
                break
        self.settle(names)

    def settle(self, names: list[str]) -> None:
        """Let everything end: the exchange ends its orders, the planes hear of it."""
        quiet = 0
        for _ in range(STEPS_MAX):
            self.clock.advance_to(self.clock.time_ns() + NANOSECONDS_PER_SECOND)
            for broker_id, held in self.exchange.orders.items():
                if held.is_open:
                    self.exchange.end(broker_id)
            quiet = 0 if sum(self.step(name) for name in names) else quiet + 1
            if quiet > 40:
                return
        raise AssertionError("the planes find no rest")

    def read(self, topic: str, schema: Schema, kind) -> list:
        reader = TopicReader(self.bus.client(), topic, values_of(schema, kind), group="test")
        found = []
        while received := reader.read(256):
            found.extend(one.value for one in received)
        return found


def check(world: LiveWorld, names: list[str]) -> None:
    twice = {intent: n for intent, n in Counter(world.exchange.placed).items() if n > 1}
    assert not twice
    reports = world.read(REPORTS_TOPIC, Schema.REPORT, Report)
    said: dict[int, Report] = {}
    for report in reports:
        assert said.setdefault(report.sequence, report) == report
    assert sorted(said) == list(range(1, len(said) + 1))
    filled = {i: Decimal(0) for i in range(3)}
    liquidations = [report for report in said.values() if isinstance(report, Liquidation)]
    assert [msgspec.structs.replace(told, sequence=0) for told in liquidations] == world.exchange.liquidations
    for report in said.values():
        if isinstance(report, Liquidation):
            continue
        filled[report.instrument] += (report.side or 0) * report.last_quantity
    assert filled == {i: world.exchange.position(i) for i in filled}
    intents = [intent.id for intent in world.read(INTENTS_TOPIC, Schema.INTENT, OrderIntent)]
    taken = [r for r in world.read(JOURNAL_TOPIC, Schema.JOURNAL, JournalRecord) if isinstance(r, IntentTaken)]
    assert sorted({t.position for t in taken}) == list(range(len(intents)))
    leading = [p for name, p in world.processes.items() if name.startswith(STRATEGY_PLANE) and p._leadership.leads]
    for plane in leading:
        assert plane.state.last_report == len(said)
        assert plane._strategy._strategy._memory.liquidations == [told.sequence for told in liquidations]


NAMES = [DATA_PLANE, f"{STRATEGY_PLANE} 0", f"{ORDER_PLANE} 0"]
WITH_STANDBYS = [*NAMES, f"{STRATEGY_PLANE} 1", f"{ORDER_PLANE} 1"]


@pytest.mark.parametrize("seed", range(12))
def test_live_planes_agree_with_the_exchange(seed: int) -> None:
    world = LiveWorld(seed, elects=False)
    world.go(NAMES, kill=0.0)
    check(world, NAMES)
    assert world.exchange.placed
    assert world.exchange.liquidations


@pytest.mark.parametrize("seed", range(25))
def test_live_planes_killed_at_any_step_place_nothing_twice_and_lose_no_fill(seed: int) -> None:
    world = LiveWorld(1000 + seed, elects=False)
    world.go(NAMES, kill=0.05)
    check(world, NAMES)


@pytest.mark.parametrize("seed", range(25))
def test_live_standbys_take_over_what_the_leader_did(seed: int) -> None:
    world = LiveWorld(2000 + seed, elects=True)
    world.go(WITH_STANDBYS, kill=0.02, unseat=0.02)
    check(world, WITH_STANDBYS)


def test_a_reader_that_falls_behind_gets_the_newest_of_each_instrument_and_the_rest_is_counted(monkeypatch) -> None:
    monkeypatch.setattr(live_data, "RECORDS_WAITING_MAX", 20)
    quotes_row = TOPICS[MARKET_QUOTES]
    table = {**TOPICS, MARKET_QUOTES: msgspec.structs.replace(quotes_row, retention_bytes_max=2_000)}
    world = LiveWorld(7, elects=False)
    world.bus = MemoryBus(table)
    plane = world.build(DATA_PLANE)
    total = sum(map(len, world.stream))
    newest = {(kind, int(i)): int(a[a["instrument"] == i]["event_time_ns"][-1])
              for piece in world.stream for kind, a in piece.arrays().items() for i in np.unique(a["instrument"])}
    for _ in range(500):
        plane.step()
    assert plane.samples()["algotrade_topic_full_total"] > 0
    # Somebody reads: what had waited is published.
    for topic in ("market.quotes", "market.trades", "market.bars"):
        for group in (STRATEGY_PLANE, ORDER_PLANE):
            world.bus.client(group).commit(group, {(topic, 0): world.bus.client().bounds(topic)[1]})
    for _ in range(500):
        plane.step()
    lost = sum(plane.samples()["algotrade_records_conflated_total"].values())
    assert lost > 0
    assert plane.state.read.records + lost == total
    found = plane._gate._memory
    assert {(kind, i): int(found[kind][i]["event_time_ns"]) for kind, i in newest} == newest


def test_numbers_go_on_behind_what_was_published_and_what_was_kept_back() -> None:
    world = LiveWorld(3, elects=False)
    first = world.build(DATA_PLANE)
    for _ in range(3):
        first.step()
    last = max(first._writer.last_sequences.values())
    second = world.build(DATA_PLANE)
    for _ in range(3):
        second.step()
    sequences = []
    for topic, schema in (("market.quotes", Kind.QUOTE), ("market.trades", Kind.TRADE), ("market.bars", Kind.BAR)):
        reader = TopicReader(world.bus.client(), topic, live_records(schema), group="test")
        while received := reader.read(64):
            sequences += [int(s) for one in received for s in one.value["sequence"]]
    assert len(set(sequences)) == len(sequences)
    assert max(sequences) > last > 0


def test_conflation_keeps_the_newest_and_says_that_some_are_missing() -> None:
    run = market(5)
    kept = live_data.conflated(run)
    for kind, array in run.arrays().items():
        expected = [array[array["instrument"] == i][-1] for i in np.unique(array["instrument"])]
        found = kept.arrays()[kind]
        assert sorted(int(r["sequence"]) for r in found) == sorted(int(r["sequence"]) for r in expected)
        assert (np.diff(found["sequence"]) > 0).all()
        assert (found["flags"] & Flag.GAP).all()


def test_live_records_are_numbered_in_the_order_of_the_replay() -> None:
    run = market(9)
    again = {kind: array.copy() for kind, array in run.arrays().items()}
    for array in again.values():
        array["sequence"] = 0
    assert live_data.numbered(MarketBatch.of(again), 0) == len(run)
    for kind, array in run.arrays().items():
        assert (again[kind]["sequence"] == array["sequence"]).all()
