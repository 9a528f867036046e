"""What a finished run left on the bus: the planes' last snapshots, and every execution report."""

import heapq
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from algotrade.backtest.fold_reports import RunFold
from algotrade.bus import Bus, BusError, Schema, Snapshots, TopicReader, values_of
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, STRATEGY_PLANE
from algotrade.domain import Report
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade_runners.data_plane.plane import DataState
from algotrade_runners.order_plane.state import OrderState
from algotrade_runners.replay_time import REPORTS_TOPIC
from algotrade_runners.strategy_plane.plane import StrategyState
from algotrade_runners.tally import Tally

S = TypeVar("S", bound=msgspec.Struct)

REPORTS_PER_READ = 1_024


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The planes' own counts, and the fold of all reports."""

    data: DataState
    strategy: StrategyState
    orders: OrderState
    fold: RunFold

    @property
    def finished(self) -> bool:
        """Tell whether every plane came to the end of the data."""
        return self.data.finished and self.strategy.finished and self.orders.finished

    @property
    def events_lost(self) -> int:
        """Return how many records were published and not handled, by the worse of the two readers."""
        return max(_missing(self.data.published, reader) for reader in (self.strategy.tally, self.orders.tally))

    @property
    def events_duplicated(self) -> int:
        """Return how many records were handled more than once, by the worse of the two readers."""
        return max(_missing(reader, self.data.published) for reader in (self.strategy.tally, self.orders.tally))

    @property
    def elapsed_s(self) -> float:
        """Return seconds from the data plane's first read to the order plane's last handled record.

        Of a run that was resumed, of the last session only; where that had nothing left to read, from the order plane's
        first handled record.
        """
        began_ns = self.data.started_ns or self.orders.began_ns
        return max(0, self.orders.ended_ns - began_ns) / NANOSECONDS_PER_SECOND

    @property
    def records_handled(self) -> int:
        """Return how many records the last session handled."""
        return self.orders.tally.records - self.orders.session_began_at


def outcome_of(bus: Bus) -> Outcome:
    """Read what is left on ``bus``; raises ``BusError`` where a plane left no snapshot or reports are gone."""
    fold = RunFold()
    # Each shard's reports are in order; their numbers go through all shards.
    fold.feed(heapq.merge(*(_reports(bus, shard) for shard in range(bus.partitions(REPORTS_TOPIC))),
                          key=lambda report: report.sequence))
    data, strategy, (orders,) = (
        _states(bus, DATA_PLANE, DataState), _states(bus, STRATEGY_PLANE, StrategyState),
        _states(bus, ORDER_PLANE, OrderState))
    # Every process of the data plane reads and counts the whole feed; strategies count what their shards had.
    data[0].finished = all(state.finished for state in data)
    for other in strategy[1:]:
        strategy[0].tally.include(other.tally)
        strategy[0].intents += other.intents
        strategy[0].finished &= other.finished
    return Outcome(data=data[0], strategy=strategy[0], orders=orders, fold=fold)


def _reports(bus: Bus, shard: int) -> Iterator[Report]:
    of_reports: Any = Report  # a union of tagged structs: msgspec takes it, type checkers call it no type
    reader = TopicReader(bus, REPORTS_TOPIC, values_of(Schema.REPORT, of_reports), group="demo", partition=shard)
    oldest, _ = bus.bounds(REPORTS_TOPIC, shard)
    if oldest > 0:
        raise BusError(f"{REPORTS_TOPIC} begins at position {oldest}: retention has passed the run's first reports")
    while received := reader.read(REPORTS_PER_READ):
        yield from (one.value for one in received)


def _states(bus: Bus, plane: str, kind: type[S]) -> list[S]:
    """Return the newest snapshot of each shard of ``plane``."""
    topic = f"snapshots.{plane}"
    states = [Snapshots(bus, topic, plane, shard).restored(kind) for shard in range(bus.partitions(topic))]
    if None in states:
        raise BusError(f"the {plane} left no snapshot: it never stopped in order")
    return [state for state in states if state is not None]


def _missing(one: Tally, other: Tally) -> int:
    """Return how many records ``one`` counts beyond ``other``; equal counts of different records are a bug of ours."""
    assert one.records != other.records or one.sequence_sum == other.sequence_sum, f"{one} and {other} differ"
    return max(0, one.records - other.records)
