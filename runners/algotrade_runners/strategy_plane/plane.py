"""Market data and reports in, intents out; in event time, as ``replay_time`` has it."""

from collections import deque
from collections.abc import Mapping
from itertools import islice

import msgspec

from algotrade.bus import (
    PROMISE_END,
    Bus,
    Leadership,
    MarketCursor,
    MarketReader,
    Received,
    RepeatingOutput,
    Schema,
    Snapshots,
    TopicReader,
)
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import DATA_PLANE, STRATEGY_PLANE
from algotrade.domain import ExecutionReport, IntentId, Kind, MarketBatch, OrderIntent, Records, Report, rows_to
from algotrade.domain.execution import ExecType
from algotrade.strategy import Runnable
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Samples
from algotrade_runners.host import WAIT_S
from algotrade_runners.positions import Told
from algotrade_runners.replay_time import (
    INTENTS_TOPIC,
    REPORTS_TIME,
    REPORTS_TOPIC,
    handled_name,
    intents_time,
    market_time,
    ready_name,
)
from algotrade_runners.strategy_plane.stretches import stretches
from algotrade_runners.tally import Tally, by_reason, last_sequence, up_to

REPORTS_PER_READ = 256
REPORTS_WAITING_MAX = 4_096
"""Reports taken from the log before the first of them is folded; behind them the log waits, however long it is."""


class StrategyState(msgspec.Struct, kw_only=True):
    """The strategy plane's snapshot: what it knows, and the positions that this reflects."""

    cursor: MarketCursor = MarketCursor()
    reports_position: int = 0
    merges_position: int = 0
    """Of a live run."""
    intents_position: int = 0
    last_report: int = 0
    outstanding: list[IntentId] = []
    strategy: bytes = b""
    tally: Tally = msgspec.field(default_factory=Tally)
    intents: int = 0
    reports: int = 0
    repeated: int = 0
    finished: bool = False


class StrategyPlane:
    """Feeds one strategy, with the instruments of one ``shard``.

    ``outstanding`` are the intents that reports are still due for. With none, records are handled as they come; with
    some, a record is handled only once the order plane has promised that no report can come before it any more.
    """

    name = STRATEGY_PLANE

    def __init__(self, *, bus: Bus, leadership: Leadership, market: MarketReader, reports: TopicReader[Report],
                 output: RepeatingOutput, snapshots: Snapshots, strategy: Runnable, report_latency_ns: int,
                 records_between: int, state: StrategyState, shard: int = 0) -> None:
        self._bus = bus
        self._leadership = leadership
        self._market = market
        self._reports = reports
        self._output = output
        self._snapshots = snapshots
        self._strategy = strategy
        self._report_latency_ns = report_latency_ns
        self._records_between = records_between
        self._shard = shard
        self._is_alone = bus.partitions(INTENTS_TOPIC) == 1
        self._pending: deque[_Due] = deque()
        self._late: list[Received[Report]] = []
        self._known_ns = PROMISE_END
        """All reports that reach the strategy before it have been taken from the log, as far as they are there."""
        self._outstanding = set(state.outstanding)
        self._told = Told(bus, self.name)
        self.state = state
        if state.strategy:
            strategy.restore(state.strategy)
        self._saved_at = state.tally.records
        self._waits = 0
        self.done = False
        self.wait_s = WAIT_S

    def step(self) -> bool:
        """Handle what promises allow; False where there was nothing to do."""
        if self._leadership.stand():
            self._begin_to_lead()
        # The promise before the log: what it covers was appended before it rose.
        promised_ns = self._bus.promised(REPORTS_TIME)
        market_ns = self._bus.promised(market_time(self._shard))
        self._take_reports()
        available = self._market.poll()
        before = self.state.tally.records + self.state.reports
        waiting_at_ns = None if available is None else self._handle(available, promised_ns)
        if self._market.ended:
            if min(promised_ns, self._known_ns) == PROMISE_END:
                self._due_with(PROMISE_END)
            self._fold_until(min(promised_ns, self._known_ns))
        if available is None and self._market.is_empty:
            # All that had come by then was handled, and what comes is no earlier.
            waiting_at_ns = max(market_ns, self.state.tally.last_time_ns)
            if self._market.frontier < PROMISE_END:
                self._market.consume(self._market.frontier)
        # With no intent outstanding the order plane has nothing to do that waits for this promise, unless there are
        # other shards: it takes no intent before all have promised that none comes before it.
        soon = self._is_alone and not self._outstanding and not self._market.ended
        self._leadership.publish([self._output], self._promises(waiting_at_ns), soon=soon)
        if self._leadership.leads:
            if self.state.tally.records - self._saved_at >= self._records_between:
                self._save()
            if self._market.ended and min(promised_ns, self._known_ns) == PROMISE_END and not self._pending:
                self.state.finished = self.done = True
        progressed = self.state.tally.records + self.state.reports > before
        self._waits += not progressed
        return progressed

    def stop(self) -> None:
        """Write a snapshot of where this plane stands; who follows leaves that to the leader."""
        if self._leadership.leads:
            self._save()

    def samples(self) -> Samples:
        """Return the metrics as they are."""
        state = self.state
        return {
            "algotrade_records_handled_total": state.tally.records,
            "algotrade_records_repeated_total": self._market.repeated + state.repeated,
            "algotrade_event_time_seconds": state.tally.last_time_ns / 1e9,
            "algotrade_intents_total": state.intents,
            "algotrade_reports_total": state.reports,
            "algotrade_dead_letters_total": by_reason(
                self._market.dead, self._reports.dead, self._output.dead),
            "algotrade_snapshots_total": self._snapshots.saved,
            "algotrade_bus_waits_total": self._waits,
            "algotrade_leads": float(self._leadership.leads),
        }

    def ready(self) -> Mapping[str, bool]:
        """Return whether this plane and what it depends on are there."""
        return {"strategy": True}

    def _begin_to_lead(self) -> None:
        get_log().info("leads", epoch=self._leadership.epoch, records=self.state.tally.records)
        self._snapshots.forget()
        self._output.look_again()
        self._bus.promise(ready_name(self.name, self._shard), 1)

    def _handle(self, available: MarketBatch, promised_ns: int) -> int | None:
        """Handle ``available`` as far as allowed; return the event time of the record that has to wait, None for none.

        Consumed are all records up to the one that waits, those too that the strategy does not look at.
        """
        origin_time_ns = self._market.origin_time_ns
        handled, waiting_at_ns = 0, None
        for kind, records in stretches(available, self._strategy.kinds):
            count, blocked_ns = self._handle_stretch(kind, records, promised_ns, origin_time_ns)
            if count:
                handled = int(records["sequence"][count - 1])
            if count < len(records):
                waiting_at_ns = blocked_ns
                break
        else:
            handled = last_sequence(available)
        if handled:
            self.state.tally.add(up_to(available, handled))
            self._market.consume(handled)
        return waiting_at_ns

    def _handle_stretch(self, kind: Kind, records: Records, promised_ns: int,
                        origin_time_ns: int) -> tuple[int, int | None]:
        """Return how many records were handled, and the event time of the one that has to wait."""
        at = 0
        while at < len(records):
            time_ns = int(records["event_time_ns"][at])
            if self._known_ns <= time_ns:
                # More reports than were taken may have to be folded first; those that were taken are due.
                self._fold_until(self._known_ns)
                return at, time_ns
            if self._outstanding and promised_ns < time_ns:
                return at, time_ns
            self._fold_until(time_ns)
            stop = self._allowed(records, promised_ns)
            consumed, intents = self._strategy.advance(kind, records[at:stop])
            at += consumed
            for intent in intents:
                self._send(intent, origin_time_ns)
        return at, None

    def _allowed(self, records: Records, promised_ns: int) -> int:
        """Return up to which row records may be handled before the next report has to be looked at."""
        until_ns = promised_ns if self._outstanding else PROMISE_END
        if self._known_ns != PROMISE_END:
            until_ns = min(until_ns, self._known_ns - 1)
        if self._pending:
            until_ns = min(until_ns, self._pending[0].arrival_ns - 1)
        if until_ns == PROMISE_END:
            return len(records)
        return rows_to(records, "event_time_ns", until_ns)

    def _send(self, intent: OrderIntent, origin_time_ns: int) -> None:
        self._output.send(instrument_key(intent.instrument), Schema.INTENT, intent, origin_time_ns=origin_time_ns)
        self._outstanding.add(intent.id)
        self.state.intents += 1

    def _take_reports(self) -> None:
        """Take what the log has; a report seen before is told by its number.

        One that was replayed, and is not behind us, is due with the next one that was not: a moment of event time that
        a restart finds again.
        """
        while len(self._pending) < REPORTS_WAITING_MAX and (received := self._reports.read(REPORTS_PER_READ)):
            for one in received:
                if one.value.sequence <= self._last_taken():
                    self.state.repeated += 1
                elif one.is_replayed:
                    self._late.append(one)
                else:
                    arrival_ns = one.value.event_time_ns + self._report_latency_ns
                    self._due_with(arrival_ns)
                    self._pending.append(_Due(arrival_ns, one))
        # What was not taken is due no earlier than what was.
        is_cut = len(self._pending) >= REPORTS_WAITING_MAX
        self._known_ns = self._pending[-1].arrival_ns if is_cut else PROMISE_END

    def _last_taken(self) -> int:
        if self._late:
            return self._late[-1].value.sequence
        return self._pending[-1].received.value.sequence if self._pending else self.state.last_report

    def _due_with(self, arrival_ns: int) -> None:
        self._pending.extend(_Due(arrival_ns, late) for late in self._late)
        self._late.clear()

    def _fold_until(self, time_ns: int) -> None:
        """Let the strategy know of every report that has reached it by ``time_ns``."""
        due = []
        while self._pending and self._pending[0].arrival_ns <= time_ns:
            due.append(self._pending.popleft().received.value)
        if not due:
            return
        self._strategy.fold(due)
        self.state.reports += len(due)
        self.state.last_report = due[-1].sequence
        # A simulated broker liquidates nobody.
        for report in (one for one in due if isinstance(one, ExecutionReport)):
            if report.status.is_terminal:
                self._outstanding.discard(report.intent_id)
            if report.exec_type in {ExecType.CANCELED, ExecType.REPLACED, ExecType.CANCEL_REJECTED} or (
                    report.status.is_terminal):
                self._outstanding.discard(report.request_id)

    def _promises(self, waiting_at_ns: int | None) -> dict[str, int]:
        """Return the promise that no intent will be born before the next record that this plane can look at."""
        if self._market.ended:
            time_ns, handled = PROMISE_END, self._bus.promised(handled_name(DATA_PLANE))
        else:
            time_ns = self.state.tally.last_time_ns if waiting_at_ns is None else waiting_at_ns
            handled = self._market.sequence
        promises = {intents_time(self._shard): time_ns, handled_name(self.name, self._shard): handled}
        rising = {name: value for name, value in promises.items() if value > self._bus.promised(name)}
        return rising | (self._told.news(self._positions()) if self._leadership.leads else {})

    def _positions(self) -> dict[tuple[str, int], int]:
        """Return the position of the first message that is not handled, of every topic partition that is read."""
        waiting = [*(due.received for due in islice(self._pending, 1)), *self._late[:1]]
        return {**self._market.cursor.commits(),
                (REPORTS_TOPIC, self._shard): waiting[0].position if waiting else self._reports.position}

    def _save(self) -> None:
        self._leadership.publish([self._output], {})
        state = self.state
        state.cursor = self._market.cursor
        positions = self._positions()
        state.reports_position = positions[REPORTS_TOPIC, self._shard]
        state.intents_position = self._output.position
        state.outstanding = sorted(self._outstanding)
        state.strategy = self._strategy.state()
        self._snapshots.save(
            msgspec.msgpack.encode(state), positions, lease=self._leadership.lease)
        self._saved_at = state.tally.records


class _Due(msgspec.Struct, frozen=True):
    """A report with the time at which it reaches the strategy."""

    arrival_ns: int
    received: Received[Report]
