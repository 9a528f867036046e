"""The strategy plane in real time: what came is handled as it comes, and where reports came in between is recorded.

A strategy's intents depend on which market records it saw before a report, and live that is chance. So when reports
are folded, a ``Merge`` says behind which record; it stands on a topic of the plane's own, before the intents that
follow from it. A restart handles market records up to there, folds what was folded, and goes on: the same intents with
the same ids. A standby does that all the time.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from algotrade.bus import (
    Bus,
    Leadership,
    MarketReader,
    Received,
    RepeatingOutput,
    Schema,
    Snapshots,
    Superseded,
    TopicReader,
    Undecodable,
    decode,
    values_of,
)
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import STRATEGY_MERGES, STRATEGY_PLANE
from algotrade.domain import MarketBatch, OrderIntent, Report
from algotrade.strategy import Runnable
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Samples
from algotrade_runners.host import WAIT_S
from algotrade_runners.positions import Told
from algotrade_runners.replay_time import INTENTS_TOPIC, REPORTS_TOPIC, handled_name, ready_name
from algotrade_runners.strategy_plane.plane import REPORTS_PER_READ, REPORTS_WAITING_MAX, StrategyState
from algotrade_runners.strategy_plane.stretches import stretches
from algotrade_runners.tally import by_reason, last_sequence, up_to

MERGES_PER_READ = 256


class Merge(msgspec.Struct, frozen=True, kw_only=True, tag="merge"):
    """Behind market record ``market_sequence`` every report up to number ``report_sequence`` was folded."""

    market_sequence: int
    report_sequence: int


class LiveStrategyPlane:
    """Feeds one strategy, with the instruments of one ``shard``, in real time."""

    name = STRATEGY_PLANE

    def __init__(self, *, bus: Bus, leadership: Leadership, market: MarketReader, reports: TopicReader[Report],
                 merges: TopicReader[Merge], merge_output: RepeatingOutput, output: RepeatingOutput,
                 snapshots: Snapshots, strategy: Runnable, records_between: int, state: StrategyState,
                 shard: int = 0) -> None:
        self._bus = bus
        self._leadership = leadership
        self._market = market
        self._reports = reports
        self._pending: deque[Received[Report]] = deque()
        self._merges = merges
        self._unmerged: deque[Merge] = deque()
        self._merge_output = merge_output
        self._output = output
        self._snapshots = snapshots
        self._strategy = strategy
        self._records_between = records_between
        self._shard = shard
        self._told = Told(bus, self.name)
        self.state = state
        if state.strategy:
            strategy.restore(state.strategy)
        self._saved_at = state.tally.records
        self._repeat_to = 0
        """Up to this record the log may hold intents of ours: before it nothing new is folded."""
        self._waits = 0
        self.done = False
        self.wait_s = WAIT_S

    def step(self) -> bool:
        """Take what there is; False where there was nothing."""
        if self._leadership.stand():
            self._begin_to_lead()
        # The promise before the logs: what it covers was appended before it rose.
        led_to = self._bus.promised(handled_name(self.name, self._shard))
        self._take_reports()
        self._market.poll()
        before = self.state.tally.records + self.state.reports
        if self._repeat_merges():
            if self._leadership.leads and self._market.sequence >= self._repeat_to:
                self._merge()
                self._advance(self._market.frontier)
            else:
                self._advance(self._repeat_to if self._leadership.leads else led_to)
        self._leadership.publish([self._merge_output, self._output], self._promises(), soon=True)
        if self._leadership.leads:
            if not self._unmerged:
                self._merges.position = max(self._merges.position, self._merge_output.position)
            if self.state.tally.records - self._saved_at >= self._records_between:
                self._save()
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
                self._market.dead, self._reports.dead, self._merges.dead, self._merge_output.dead, self._output.dead),
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
        self._merge_output.look_again()
        self._output.look_again()
        # Others may follow, or have led, as far as was promised: folding before that would part from them.
        self._repeat_to = max(last_intent_sequence(self._bus, self._shard),
                              self._bus.promised(handled_name(self.name, self._shard)))
        self._bus.promise(ready_name(self.name, self._shard), 1)

    def _take_reports(self) -> None:
        """Take what the log has; a report seen before is told by its number."""
        while len(self._pending) < REPORTS_WAITING_MAX and (received := self._reports.read(REPORTS_PER_READ)):
            for one in received:
                last = self._pending[-1].value.sequence if self._pending else self.state.last_report
                if one.value.sequence <= last:
                    self.state.repeated += 1
                else:
                    self._pending.append(one)

    def _repeat_merges(self) -> bool:
        """Fold what was folded before, where it was; True once no more of that is known."""
        while self._unmerged or self._look_for_merges():
            merge = self._unmerged[0]
            if self._market.sequence > merge.market_sequence:
                raise Superseded(f"reports were folded behind record {merge.market_sequence} by who leads, and this "
                                 f"process is at {self._market.sequence}: it has to begin again from the snapshot")
            self._advance(merge.market_sequence)
            is_here = self._pending and self._pending[-1].value.sequence >= merge.report_sequence
            if self._market.sequence < merge.market_sequence or not is_here:
                return False
            self._fold(merge)
            self._unmerged.popleft()
        return True

    def _look_for_merges(self) -> bool:
        self._unmerged.extend(one.value for one in self._merges.read(MERGES_PER_READ) if not one.is_replayed)
        return bool(self._unmerged)

    def _merge(self) -> None:
        """Fold the reports that are here now, and record behind which market record that was."""
        if self._pending:
            self._fold(Merge(market_sequence=self._market.sequence,
                             report_sequence=self._pending[-1].value.sequence))

    def _fold(self, merge: Merge) -> None:
        self._merge_output.send(b"%d" % self._shard, Schema.MERGE, merge)
        due = []
        while self._pending and self._pending[0].value.sequence <= merge.report_sequence:
            due.append(self._pending.popleft().value)
        self._strategy.fold(due)
        self.state.reports += len(due)
        self.state.last_report = merge.report_sequence

    def _advance(self, sequence: int) -> None:
        """Handle market records up to ``sequence``, as far as they are here."""
        available = up_to(self._market.available(), sequence)
        if not len(available):
            return
        origin_time_ns = self._market.origin_time_ns
        for kind, records in stretches(available, self._strategy.kinds):
            at = 0
            while at < len(records):
                consumed, intents = self._strategy.advance(kind, records[at:])
                at += consumed
                for intent in intents:
                    self._send(intent, origin_time_ns)
        self._consume(available)

    def _consume(self, handled: MarketBatch) -> None:
        self.state.tally.add(handled)
        self._market.consume(last_sequence(handled))

    def _send(self, intent: OrderIntent, origin_time_ns: int) -> None:
        self._output.send(instrument_key(intent.instrument), Schema.INTENT, intent, origin_time_ns=origin_time_ns)
        self.state.intents += 1

    def _promises(self) -> dict[str, int]:
        if not self._leadership.leads:
            return {}
        name = handled_name(self.name, self._shard)
        rising = {name: self._market.sequence} if self._market.sequence > self._bus.promised(name) else {}
        return rising | self._told.news(self._positions())

    def _positions(self) -> dict[tuple[str, int], int]:
        """Return the position of the first message that is not handled, of every topic partition that is read."""
        return {**self._market.cursor.commits(), (STRATEGY_MERGES, self._shard): self._merges.position,
                (REPORTS_TOPIC, self._shard): self._pending[0].position if self._pending else self._reports.position}

    def _save(self) -> None:
        self._leadership.publish([self._merge_output, self._output], {})
        state, positions = self.state, self._positions()
        state.cursor = self._market.cursor
        state.reports_position = positions[REPORTS_TOPIC, self._shard]
        state.merges_position = self._merge_output.position
        state.intents_position = self._output.position
        state.strategy = self._strategy.state()
        self._snapshots.save(
            msgspec.msgpack.encode(state),
            {**positions, (STRATEGY_MERGES, self._shard): state.merges_position}, lease=self._leadership.lease)
        self._saved_at = state.tally.records


def last_intent_sequence(bus: Bus, shard: int) -> int:
    """Return the sequence of the market record that bore the last intent in the log of ``shard``, 0 for none."""
    of_intents: Any = OrderIntent  # a union of tagged structs: msgspec takes it, type checkers call it no type
    parse = values_of(Schema.INTENT, of_intents)
    oldest, following = bus.bounds(INTENTS_TOPIC, shard)
    for position in range(following - 1, oldest - 1, -1):
        for message in bus.read(INTENTS_TOPIC, position, messages_max=1, partition=shard):
            try:
                frame = decode(message.value)
                intent: OrderIntent = parse(frame)
            except Undecodable:
                continue
            if message.position == position and not frame.is_replayed:
                return intent.id.sequence
    return 0
