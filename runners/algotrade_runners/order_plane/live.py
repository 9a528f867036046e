"""The order plane in real time: intents, market data and a broker's word as they come, and one record of their order.

Nobody waits for anybody here, so what happens depends on what came first. That order is therefore an output too: every
input that makes a report is journaled before what it leads to (``IntentTaken``, ``BrokerTold``, ``Liquidation``). A
restart reads the journal and takes the same inputs in the same order, with what the risk gate decided then, and so
comes to the same orders and says the same reports; a standby does it all the time. Only what the journal does not have
yet is new.

A command is sent by who took its intent, once, after the journal has it. One that was journaled and perhaps not sent is
never sent again: what became of it is for the broker to tell.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from algotrade.bus import Bus, Leadership, MarketReader, Received, RepeatingOutput, Schema, Snapshots, TopicReader
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import ORDER_PLANE
from algotrade.domain import Clock, ExecType, Liquidation, NewOrder, OrderIntent, Report, read_only
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution import (
    BrokerEvent,
    BrokerTold,
    IntentTaken,
    JournalRecord,
    LiveBroker,
    OrderManager,
    Place,
    journal_entry,
)
from algotrade.execution.walk import move_marks
from algotrade.risk import Gate
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Histogram, Samples
from algotrade_runners.host import LIVE_WAIT_S
from algotrade_runners.order_plane.state import JOURNAL_TOPIC, OrderState, kept_histogram
from algotrade_runners.positions import Told
from algotrade_runners.replay_time import INTENTS_TOPIC, REPORTS_TOPIC, handled_name, ready_name
from algotrade_runners.tally import by_reason, last_sequence

INTENTS_PER_READ = 256
INPUTS_PER_READ = 256
INPUT_KEY = b"inputs"


class LiveOrderPlane:
    """The single writer of order state, with a broker that is another process.

    While the broker is disarmed, intents wait in the log; one whose time has passed is reported as expired, never sent.
    """

    name = ORDER_PLANE

    def __init__(self, *, bus: Bus, leadership: Leadership, market: MarketReader,
                 intents: Sequence[TopicReader[OrderIntent]], inputs: TopicReader[JournalRecord],
                 journal: RepeatingOutput, reports: Sequence[RepeatingOutput], snapshots: Snapshots,
                 manager: OrderManager, gate: Gate, broker: LiveBroker, clock: Clock, records_between: int,
                 state: OrderState) -> None:
        self._bus = bus
        self._leadership = leadership
        self._market = market
        self._intents = intents
        self._pending: list[deque[Received[OrderIntent]]] = [deque() for _ in intents]
        self._inputs = inputs
        self._unapplied: deque[JournalRecord] = deque()
        self._journal = journal
        self._reports = reports
        self._snapshots = snapshots
        self._manager = manager
        self._gate = gate
        self._broker = broker
        self._clock = clock
        self._records_between = records_between
        self._told = Told(bus, self.name)
        self._origins_ns: dict[int, int] = {}
        self._intent_latency = kept_histogram(state.intent_latency_counts)
        self._latency = kept_histogram(state.latency_counts)
        state.intent_latency_counts, state.latency_counts = self._intent_latency.counts, self._latency.counts
        self._waits = 0
        self._disarmed_because = ""
        self.state = state
        self._restore(state)
        state.begin_session()
        self._saved_at = self._work()
        self.done = False
        self.wait_s = LIVE_WAIT_S

    def step(self) -> bool:
        """Take what there is; False where there was nothing."""
        if self._leadership.stand():
            self._begin_to_lead()
        self._say_disarmed()
        before = self._work()
        self._follow_market()
        is_level = self._repeat()
        if is_level and self._leadership.leads:
            self._hear()
            self._take_intents()
        self._publish(self._promises())
        if self._leadership.leads and self._work() - self._saved_at >= self._records_between:
            self._save()
        progressed = self._work() > before
        if progressed:
            self.state.progressed(self._clock.monotonic_ns())
        self._waits += not progressed
        return progressed

    def stop(self) -> None:
        """Write a snapshot and end the broker's session; orders that work go on working there."""
        if self._leadership.leads:
            self._save()
        self._broker.close()

    def samples(self) -> Samples:
        """Return the metrics as they are."""
        state, manager = self.state, self._manager
        return {
            **self._broker.samples(),
            "algotrade_records_handled_total": state.tally.records,
            "algotrade_records_repeated_total": self._market.repeated,
            "algotrade_event_time_seconds": state.tally.last_time_ns / 1e9,
            "algotrade_intents_total": state.intents,
            "algotrade_orders_total": manager.orders.last_id,
            "algotrade_orders_working": self._gate.working_orders,
            "algotrade_orders_refused_total": {(reason,): n for reason, n in manager.refused.copy().items()},
            "algotrade_fills_total": state.fills,
            "algotrade_fills_late_total": manager.late_fills,
            "algotrade_fills_corrected_total": manager.corrections,
            "algotrade_fills_over_total": manager.overfills,
            "algotrade_broker_events_unmatched_total": manager.unmatched,
            "algotrade_reports_total": state.reports,
            "algotrade_intent_latency_seconds": self._intent_latency,
            "algotrade_order_latency_seconds": self._latency,
            "algotrade_dead_letters_total": by_reason(
                self._market.dead, *(one.dead for one in self._intents), self._inputs.dead, self._journal.dead,
                *(output.dead for output in self._reports)),
            "algotrade_snapshots_total": self._snapshots.saved,
            "algotrade_bus_waits_total": self._waits,
            "algotrade_leads": float(self._leadership.leads),
            "algotrade_armed": float(self._leadership.leads and not self._broker.disarmed_because),
        }

    def ready(self) -> Mapping[str, bool]:
        """Return whether this plane and what it depends on are there; a standby needs no broker yet."""
        return {"broker": not self._leadership.leads or not self._broker.disarmed_because}

    def _work(self) -> int:
        return self.state.tally.records + self.state.intents + self.state.broker_events

    def _say_disarmed(self) -> None:
        """Log, once for each reason, that orders may not be sent."""
        because = self._broker.disarmed_because if self._leadership.epoch else ""
        if because != self._disarmed_because:
            self._disarmed_because = because
            if because:
                get_log().warning("disarmed", epoch=self._leadership.epoch, because=because)
            else:
                get_log().info("armed", epoch=self._leadership.epoch)

    def _begin_to_lead(self) -> None:
        get_log().info("leads", epoch=self._leadership.epoch, intents=self.state.intents)
        self._snapshots.forget()
        for output in (self._journal, *self._reports):
            output.look_again()
        self._bus.promise(ready_name(self.name), 1)

    def _follow_market(self) -> None:
        """Move the marks by which the gate prices orders; what it decided is recorded, so nothing waits for them."""
        available = self._market.poll()
        if available is None:
            return
        quotes, trades, bars = (read_only(array) for array in available.arrays().values())
        move_marks(quotes, trades, bars, self._gate.marks)
        self.state.tally.add(available)
        self._market.consume(last_sequence(available))

    def _repeat(self) -> bool:
        """Take the inputs that the journal has; True where there are no more of them."""
        while self._unapplied or self._look_into_journal():
            record = self._unapplied[0]
            if isinstance(record, IntentTaken):
                received = self._intent_at(record)
                if received is None:
                    return False
                self._on_intent(received, record)
            elif isinstance(record, BrokerTold):
                self._broker.heard(record.event)
                self._on_event(record.event)
            elif isinstance(record, Liquidation):
                self._on_liquidation(record)
            self._unapplied.popleft()
        return True

    def _look_into_journal(self) -> bool:
        self._unapplied.extend(one.value for one in self._inputs.read(INPUTS_PER_READ) if not one.is_replayed)
        return bool(self._unapplied)

    def _intent_at(self, taken: IntentTaken) -> Received[OrderIntent] | None:
        """Return the intent that was taken, None while the log does not show it yet."""
        pending = self._read_intents(taken.shard)
        if not pending:
            return None
        received = pending.popleft()
        assert received.position == taken.position, (
            f"the journal took intent {taken.position} of shard {taken.shard}, next is {received.position}")
        return received

    def _read_intents(self, shard: int) -> deque[Received[OrderIntent]]:
        if not self._pending[shard]:
            self._pending[shard].extend(self._intents[shard].read(INTENTS_PER_READ))
        return self._pending[shard]

    def _hear(self) -> None:
        for told in self._broker.events():
            if isinstance(told, Liquidation):
                self._on_liquidation(told)
            else:
                self._on_event(told)

    def _on_event(self, event: BrokerEvent) -> None:
        self._journal.send(INPUT_KEY, Schema.JOURNAL, BrokerTold(event=event))
        self.state.broker_events += 1
        for report in self._manager.on_broker(event):
            self._report(report)

    def _on_liquidation(self, told: Liquidation) -> None:
        """Journal and report what the broker did by itself; what is no news is not journaled either."""
        for report in self._manager.on_liquidation(told):
            self._journal.send(INPUT_KEY, Schema.JOURNAL, told)
            self.state.broker_events += 1
            self._report(report)

    def _take_intents(self) -> None:
        for shard in range(len(self._intents)):
            while pending := self._read_intents(shard):
                now_ns = self._clock.time_ns()
                intent = pending[0].value
                if not pending[0].is_replayed and now_ns < intent.expires_at_ns and not self._broker.may_send(intent):
                    break
                received = pending.popleft()
                self._observe(self._intent_latency, 0 if received.is_replayed else received.origin_time_ns)
                self._on_intent(received, IntentTaken(shard=shard, position=received.position, now_ns=now_ns),
                                is_new=True)

    def _on_intent(self, received: Received[OrderIntent], taken: IntentTaken, *, is_new: bool = False) -> None:
        """Handle an intent; one that is new is recorded with all that a repetition has to know, then acted on."""
        intent = received.value
        if received.is_replayed:
            handling = self._manager.on_late(intent, taken.now_ns)
        else:
            handling = self._manager.on_intent(intent, taken.now_ns, taken.decided)
        command = handling.command
        if is_new:
            taken = msgspec.structs.replace(taken, decided=handling.decided,
                                            broker_order_id=0 if command is None else self._broker.bind(command))
        self._journal.send(INPUT_KEY, Schema.JOURNAL, taken)
        self.state.intents += 1
        if command is not None:
            target = intent.id if isinstance(intent, NewOrder) else intent.target
            self._broker.bound(command, taken.broker_order_id)
            self._journal.send(instrument_key(intent.instrument), Schema.JOURNAL,
                               journal_entry(command, target, taken.broker_order_id))
        for report in handling.reports:
            self._report(report, is_again=handling.is_again)
        if command is not None and is_new:
            self._publish({})
            if isinstance(command, Place):
                self._origins_ns[command.order_id] = received.origin_time_ns
            self._broker.send(command)

    def _report(self, report: Report, *, is_again: bool = False) -> None:
        key = instrument_key(report.instrument)
        self._reports[self._bus.partition_for(REPORTS_TOPIC, key)].send(key, Schema.REPORT, report)
        self.state.reports += 1
        if is_again or isinstance(report, Liquidation):
            return
        self.state.fills += report.exec_type is ExecType.TRADE
        if report.exec_type is ExecType.NEW:
            self._observe(self._latency, self._origins_ns.pop(report.order_id, 0))

    def _observe(self, histogram: Histogram, origin_ns: int) -> None:
        if origin_ns:
            histogram.observe((self._clock.time_ns() - origin_ns) / NANOSECONDS_PER_SECOND)

    def _promises(self) -> dict[str, int]:
        if not self._leadership.leads:
            return {}
        promises = {handled_name(self.name): self.state.tally.last_sequence}
        rising = {name: value for name, value in promises.items() if value > self._bus.promised(name)}
        return rising | self._told.news(self._positions())

    def _positions(self) -> dict[tuple[str, int], int]:
        """Return the position of the first message that is not handled, of every topic partition that is read."""
        return {**self._market.cursor.commits(), (JOURNAL_TOPIC, 0): self._inputs.position,
                **{(INTENTS_TOPIC, shard): pending[0].position if pending else reader.position
                   for shard, (pending, reader) in enumerate(zip(self._pending, self._intents, strict=True))}}

    def _publish(self, promises: Mapping[str, int]) -> None:
        self._leadership.publish([self._journal, *self._reports], promises, soon=True)
        if self._leadership.leads and not self._unapplied:
            # What this process appended itself it has already taken.
            self._inputs.position = max(self._inputs.position, self._journal.position)

    def _restore(self, state: OrderState) -> None:
        if state.manager is not None and state.gate is not None:
            self._manager.restore(state.manager)
            self._gate.restore(state.gate)
            self._broker.restore(state.live_broker)

    def _save(self) -> None:
        self._publish({})
        state, positions = self.state, self._positions()
        state.cursor = self._market.cursor
        state.intents_positions = [positions[INTENTS_TOPIC, shard] for shard in range(len(self._intents))]
        state.reports_positions = [output.position for output in self._reports]
        state.journal_position = self._journal.position
        state.manager, state.gate = self._manager.state(), self._gate.state()
        state.live_broker = self._broker.state()
        self._snapshots.save(msgspec.msgpack.encode(state), {**positions, (JOURNAL_TOPIC, 0): state.journal_position},
                             lease=self._leadership.lease)
        self._saved_at = self._work()


