"""Intents and market data in, reports out; in event time, as ``replay_time`` has it."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.bus import (
    PROMISE_END,
    PROMISE_NONE,
    Bus,
    Leadership,
    MarketReader,
    Received,
    RepeatingOutput,
    Schema,
    Snapshots,
)
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import ORDER_PLANE
from algotrade.domain import Clock, ExecType, ExecutionReport, Kind, MarketBatch, NewOrder, OrderIntent
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution import (
    Command,
    OrderManager,
    Place,
    SimulatedBroker,
    journal_entry,
)
from algotrade.execution.remote.broker import RemoteBroker
from algotrade.matching import VenueModel
from algotrade.risk import Gate
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Histogram, Samples
from algotrade_runners.host import WAIT_S
from algotrade_runners.order_plane.arrivals import Arrivals, Arrived
from algotrade_runners.order_plane.state import JOURNAL_TOPIC, OrderState, kept_histogram
from algotrade_runners.positions import Told
from algotrade_runners.replay_time import (
    INTENTS_TOPIC,
    REPORTS_TIME,
    REPORTS_TOPIC,
    handled_name,
    intents_time,
    later,
    ready_name,
)
from algotrade_runners.tally import by_reason, up_to

ReplayBroker = SimulatedBroker | RemoteBroker
"""A broker that lives in event time."""


class OrderPlane:
    """The single writer of order state.

    A market record of time T is handled only once the strategy plane has promised that no intent from before T - L is
    still to come; an intent, in the order of arrival, once every record earlier than its arrival was handled. An intent
    that was replayed is answered with the next one that was not, or at the end of the data: that is the same moment of
    event time whenever it was appended and however often this plane starts again.
    """

    name = ORDER_PLANE

    def __init__(self, *, bus: Bus, leadership: Leadership, market: MarketReader, intents: Arrivals,
                 journal: RepeatingOutput, reports: Sequence[RepeatingOutput], snapshots: Snapshots,
                 manager: OrderManager, gate: Gate, broker: ReplayBroker, model: VenueModel, clock: Clock,
                 records_between: int, state: OrderState) -> None:
        self._bus = bus
        self._leadership = leadership
        self._market = market
        self._intents = intents
        self._journal = journal
        self._reports = reports
        self._snapshots = snapshots
        self._manager = manager
        self._gate = gate
        self._broker = broker
        self._model = model
        self._clock = clock
        self._records_between = records_between
        self._told = Told(bus, self.name)
        self._origins_ns: dict[int, int] = {}
        self._intent_latency = kept_histogram(state.intent_latency_counts)
        self._latency = kept_histogram(state.latency_counts)
        state.intent_latency_counts, state.latency_counts = self._intent_latency.counts, self._latency.counts
        self._waits = 0
        self._disarmed_because = ""
        self._answered = False
        self.state = state
        self._restore(state)
        state.begin_session()
        self._saved_at = state.tally.records
        self.done = False
        self.wait_s = WAIT_S

    def step(self) -> bool:
        """Handle what promises allow; False where there was nothing to do."""
        if self._leadership.stand():
            self._begin_to_lead()
        elif self._leadership.epoch and not self._leadership.leads:
            self._say_disarmed()
        # The promise before the log: what it covers was appended before it rose.
        promised_ns = min(self._bus.promised(intents_time(shard)) for shard in range(len(self._reports)))
        for origin_time_ns in self._intents.take():
            self._observe(self._intent_latency, origin_time_ns)
        available = self._market.poll() or MarketBatch.of({})
        before = self.state.tally.records + self.state.intents
        next_market_ns = self._handle(available, promised_ns)
        known_ns = min(promised_ns, self._intents.known_ns)
        ended = self._market.ended and known_ns == PROMISE_END and not len(self._intents)
        if ended:
            self._answer_late(self._intents.pop_late(),
                              max(*self._intents.last_arrivals_ns, self.state.tally.last_time_ns))
        self._publish(self._promises(next_market_ns, promised_ns))
        if self._may_save() and self.state.tally.records - self._saved_at >= self._records_between:
            self._save()
        progressed = self.state.tally.records + self.state.intents > before
        if progressed:
            self.state.progressed(self._clock.monotonic_ns())
        if ended and self._leadership.leads:
            self.state.finished = self.done = True
        self._waits += not progressed
        return progressed

    def stop(self) -> None:
        """Write a snapshot of where this plane stands; who follows leaves that to the leader."""
        if self._may_save():
            self._save()

    def samples(self) -> Samples:
        """Return the metrics as they are."""
        state = self.state
        return {
            "algotrade_records_handled_total": state.tally.records,
            "algotrade_records_repeated_total": self._market.repeated,
            "algotrade_event_time_seconds": state.tally.last_time_ns / 1e9,
            "algotrade_intents_total": state.intents,
            "algotrade_orders_total": self._manager.orders.last_id,
            "algotrade_orders_working": self._broker.working_orders,
            "algotrade_orders_refused_total": {(reason,): n for reason, n in self._manager.refused.copy().items()},
            "algotrade_fills_total": state.fills,
            "algotrade_fills_late_total": self._manager.late_fills,
            "algotrade_fills_corrected_total": self._manager.corrections,
            "algotrade_fills_over_total": self._manager.overfills,
            "algotrade_broker_events_unmatched_total": self._manager.unmatched,
            "algotrade_reports_total": state.reports,
            "algotrade_intent_latency_seconds": self._intent_latency,
            "algotrade_order_latency_seconds": self._latency,
            "algotrade_dead_letters_total": by_reason(
                self._market.dead, *self._intents.dead, self._journal.dead, *(output.dead for output in self._reports)),
            "algotrade_snapshots_total": self._snapshots.saved,
            "algotrade_bus_waits_total": self._waits,
            "algotrade_leads": float(self._leadership.leads),
        }

    def ready(self) -> Mapping[str, bool]:
        """Return whether this plane and what it depends on are there."""
        # A standby has no session with a broker, and needs none before its turn has come.
        return {"broker": self._leadership.leads or not self._leadership.epoch}

    def _may_save(self) -> bool:
        return self._leadership.leads and self._broker.settled

    def _say_disarmed(self) -> None:
        """Log, once for each reason, that the lead is taken and the broker not ours."""
        if self._broker.disarmed_because != self._disarmed_because:
            self._disarmed_because = self._broker.disarmed_because
            get_log().warning("disarmed", epoch=self._leadership.epoch, because=self._disarmed_because)

    def _begin_to_lead(self) -> None:
        get_log().info("leads", epoch=self._leadership.epoch, records=self.state.tally.records)
        self._snapshots.forget()
        if self._broker.acts_outside:
            # Soon: who comes next must not be further behind than the broker remembers.
            self._saved_at = -self._records_between
        for output in (self._journal, *self._reports):
            output.look_again()
        self._bus.promise(ready_name(self.name), 1)

    def _handle(self, available: MarketBatch, promised_ns: int) -> int | None:
        """Handle market records and intents in event time as far as allowed; intents go first where times are equal.

        Return the time of the next market record, None where it is not known yet.
        """
        at = np.zeros(len(Kind), dtype=np.int64)
        covered_ns = later(promised_ns, self._model.order_latency_ns)
        if self._broker.acts_outside and not self._leadership.leads:
            available, covered_ns = self._behind_leader(available, covered_ns)
        while True:
            arrival_ns = min(self._intents.first_ns, self._intents.known_ns)
            if self._broker.advance(available, at, min(covered_ns, arrival_ns)):
                self._take_broker_events()
                continue
            next_market_ns = self._next_market_ns(available, at)
            if not self._intents.may_go(covered_ns) or next_market_ns is None or next_market_ns < arrival_ns:
                break
            self._on_intent(self._intents.pop())
        handled = int(self._broker.counters["last_sequence"][0])
        if at.any():
            self.state.tally.add(up_to(available, handled))
            self._market.consume(handled)
            assert self.state.tally.records == self._broker.counters["handled"][0], "a record passed the broker by"
        return next_market_ns

    def _behind_leader(self, available: MarketBatch, covered_ns: int) -> tuple[MarketBatch, int]:
        """Return what the leader is known to have handled: a follower must not be ahead of what the broker has seen."""
        behind = up_to(available, self._bus.promised(handled_name(self.name)))
        last_ns = max((int(array["event_time_ns"][-1]) for array in behind.arrays().values() if len(array)),
                      default=self.state.tally.last_time_ns)
        return behind, min(covered_ns, last_ns)

    def _next_market_ns(self, available: MarketBatch, at: npt.NDArray[np.int64]) -> int | None:
        """Return the time of the first record not handled, END behind the last one, None where it is not known yet."""
        times_ns = [int(array["event_time_ns"][at[kind]]) for kind, array in available.arrays().items()
                    if at[kind] < len(array)]
        if times_ns:
            return min(times_ns)
        return PROMISE_END if self._market.frontier == PROMISE_END else None

    def _on_intent(self, arrived: Arrived) -> None:
        intent, now_ns = arrived.received.value, arrived.arrival_ns
        self._answer_late(arrived.late, now_ns)
        handling = self._manager.on_intent(intent, now_ns)
        self.state.intents += 1
        for report in handling.reports:
            self._report(report, is_again=handling.is_again)
        if handling.command is not None:
            assert now_ns > self.state.tally.last_time_ns, f"intent {intent.id} arrived in the past, at {now_ns}"
            self._send(handling.command, intent, arrived.received.origin_time_ns)

    def _answer_late(self, late: Sequence[Received[OrderIntent]], now_ns: int) -> None:
        for one in late:
            handling = self._manager.on_late(one.value, now_ns)
            self.state.intents += 1
            for report in handling.reports:
                self._report(report, is_again=handling.is_again)

    def _send(self, command: Command, intent: OrderIntent, origin_time_ns: int) -> None:
        """Journal the command durably before it can have an effect outside this process: never the other way round."""
        target = intent.id if isinstance(intent, NewOrder) else intent.target
        entry = journal_entry(command, target)
        self._journal.send(instrument_key(intent.instrument), Schema.JOURNAL, entry)
        if self._broker.acts_outside:
            self._leadership.publish([self._journal], {})
        if isinstance(command, Place):
            self._origins_ns[command.order_id] = origin_time_ns
        self._broker.send(command)
        self._take_broker_events()

    def _take_broker_events(self) -> None:
        for event in self._broker.events():
            for report in self._manager.on_broker(event):
                self._report(report)

    def _report(self, report: ExecutionReport, *, is_again: bool = False) -> None:
        key = instrument_key(report.instrument)
        self._reports[self._bus.partition_for(REPORTS_TOPIC, key)].send(key, Schema.REPORT, report)
        self._answered = True
        self.state.reports += 1
        if is_again:
            return
        if report.exec_type is ExecType.TRADE:
            self.state.fills += 1
        origin_ns = self._origins_ns.pop(report.order_id, 0) if report.exec_type is ExecType.NEW else 0
        self._observe(self._latency, origin_ns)

    def _observe(self, latency: Histogram, origin_ns: int) -> None:
        if origin_ns:
            latency.observe((self._clock.time_ns() - origin_ns) / NANOSECONDS_PER_SECOND)

    def _promises(self, next_market_ns: int | None, promised_ns: int) -> dict[str, int]:
        """Return the promise that no report will come before what is handled next has had time to make one."""
        promises = {handled_name(self.name): self.state.tally.last_sequence}
        if promised_ns != PROMISE_NONE:
            first_ns = min(
                self.state.tally.last_time_ns if next_market_ns is None else next_market_ns,
                self._intents.first_ns,
                later(promised_ns, self._model.order_latency_ns),
                self._intents.known_ns,
            )
            promises[REPORTS_TIME] = (
                first_ns if first_ns == PROMISE_END else first_ns + self._model.report_latency_ns - 1)
        rising = {name: value for name, value in promises.items() if value > self._bus.promised(name)}
        return rising | (self._told.news(self._positions()) if self._leadership.leads else {})

    def _positions(self) -> dict[tuple[str, int], int]:
        """Return the position of the first message that is not handled, of every topic partition that is read."""
        return {**self._market.cursor.commits(),
                **{(INTENTS_TOPIC, shard): position for shard, position in enumerate(self._intents.positions)}}

    def _publish(self, promises: Mapping[str, int]) -> None:
        # Without orders no strategy has anything outstanding that it knows to be here: nobody waits for these promises.
        soon = not self._broker.working_orders and not len(self._intents) and not self._answered
        self._answered = False
        self._leadership.publish([self._journal, *self._reports], promises, soon=soon)

    def _restore(self, state: OrderState) -> None:
        if state.manager is not None and state.gate is not None and state.broker is not None:
            self._manager.restore(state.manager)
            self._gate.restore(state.gate)
            self._broker.restore(state.broker)

    def _save(self) -> None:
        self._publish({})
        state = self.state
        state.cursor = self._market.cursor
        state.intents_positions, state.last_arrivals_ns = self._intents.positions, self._intents.last_arrivals_ns
        state.reports_positions = [output.position for output in self._reports]
        state.journal_position = self._journal.position
        state.manager, state.gate, state.broker = self._manager.state(), self._gate.state(), self._broker.state()
        self._snapshots.save(
            msgspec.msgpack.encode(state),
            {**self._positions(), (JOURNAL_TOPIC, 0): state.journal_position}, lease=self._leadership.lease)
        self._saved_at = state.tally.records
