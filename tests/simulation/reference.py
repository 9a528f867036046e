"""The replay as one loop over event times, without bus, promises, batches or processes: what planes must agree with."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from algotrade.domain import ExecutionReport, Kind, MarketBatch
from algotrade.execution import OrderManager, SimulatedBroker
from algotrade.matching import arrival_ns
from algotrade.risk import Gate
from algotrade.strategy import Runnable
from algotrade_runners.settings import Settings

FOREVER = 2**62


def reference(  # noqa: C901 -- one loop, so that nothing is hidden
    settings: Settings, run: MarketBatch, strategies: Sequence[Runnable], shard_of: Sequence[int],
) -> list[ExecutionReport]:
    """Return every report of the run, in order. ``shard_of`` says which of ``strategies`` an instrument belongs to.

    Each record in turn: the venue takes what has arrived by its time, then the record; the strategy folds what has
    reached it by that time, then sees the record.
    """
    instruments, model = settings.universe(), settings.venue
    gate = Gate(settings.risk, instruments, {})
    manager = OrderManager(instruments, gate)
    broker = SimulatedBroker(instruments, model, settings.commission, {}, gate.marks, settings.risk.working_orders_max)
    reports: list[ExecutionReport] = []
    on_their_way: list = []
    untold: list[deque] = [deque() for _ in strategies]
    latest_ns = [0] * len(strategies)

    def collect(more) -> None:
        reports.extend(more)
        for report in more:
            untold[shard_of[report.instrument]].append(report)

    def told_by_broker() -> None:
        for event in broker.events():
            collect(manager.on_broker(event))

    def venue_takes(until_ns: int) -> None:
        while on_their_way and on_their_way[0][0] <= until_ns:
            at_ns, _, _, intent = on_their_way.pop(0)
            handling = manager.on_intent(intent, at_ns)
            collect(handling.reports)
            if handling.command is not None:
                broker.send(handling.command)
                told_by_broker()

    for kind, record in one_by_one(run):
        time_ns = int(record["event_time_ns"][0])
        venue_takes(time_ns)
        at = np.zeros(3, dtype=np.int64)
        while broker.advance(MarketBatch.of({kind: record}), at, FOREVER):
            told_by_broker()
        shard = shard_of[int(record["instrument"][0])]
        due = []
        while untold[shard] and untold[shard][0].event_time_ns + model.report_latency_ns <= time_ns:
            due.append(untold[shard].popleft())
        strategies[shard].fold(due)
        for intent in strategies[shard].advance(kind, record)[1]:
            alone_ns = arrival_ns(model, settings.run.seed, intent.id, intent.event_time_ns)
            latest_ns[shard] = max(latest_ns[shard], alone_ns)
            on_their_way.append((latest_ns[shard], intent.id.sequence, intent.id.number, intent))
        on_their_way.sort(key=lambda arriving: arriving[:3])
    venue_takes(FOREVER)
    return reports


def one_by_one(run: MarketBatch) -> list[tuple[Kind, np.ndarray]]:
    rows = [(int(a["sequence"][i]), kind, a[i : i + 1]) for kind, a in run.arrays().items() for i in range(len(a))]
    return [(kind, row) for _, kind, row in sorted(rows, key=lambda r: r[0])]
