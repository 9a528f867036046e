"""Runs a kernel strategy behind the seam that hosts know (``protocol.Runnable``)."""

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from algotrade.domain.execution import REPORT, Liquidation, Report, report_records
from algotrade.domain.instrument import Instruments
from algotrade.domain.market import LAYOUTS, Kind, Records, no_records, read_only
from algotrade.domain.order import CancelOrder, IntentId, OrderIntent, OrderType, ReplaceOrder, Side, TimeInForce
from algotrade.strategy.bounds import first_foreign
from algotrade.strategy.definition import KernelStrategy
from algotrade.strategy.intents import CANCEL, INTENT, NEW, Intent
from algotrade.strategy.orders import new_order, number_or_none, on_tick, whole_lots
from algotrade.strategy.snapshot import StateMismatch, StateOf, seal, unseal

# By number: looking one up costs a fifth of calling its class.
SIDES = {int(side): side for side in Side}
ORDER_TYPES = {int(order_type): order_type for order_type in OrderType}
TIMES_IN_FORCE = {int(time_in_force): time_in_force for time_in_force in TimeInForce}

CHUNK_RECORDS_MAX = 1024
"""Most records that the kernel runs ahead: what an intent early in a chunk throws away is bounded by it, and so is the
buffer of intents; long enough that copying the state and crossing into compiled code cost little per record."""


class KernelRunner:
    """A kernel strategy, its state and its run; making one compiles the kernel, so no live record pays for it.

    ``advance`` lets the kernel run over a whole chunk, in the hope that it bears no intent. Where it does before the
    last record, the state of before is put back and the kernel runs again, exactly through that record: intents are
    rare, cutting changes nothing, and the kernel needs no word for stopping.

    An order or a replace whose quantity rounds to no lot at all is dropped, and keeps its number: ids never shift.
    """

    def __init__(
        self, definition: KernelStrategy, parameters: msgspec.Struct, instruments: Instruments, run: str
    ) -> None:
        self._definition = definition
        self._instruments = instruments
        self._run = run
        self._params = definition.params(parameters, instruments)
        self._state = definition.new_state(instruments)
        # Copied for every chunk: as plain bytes, because numpy copies nested records field by field, 20 times slower.
        self._state_bytes = self._state.view(np.uint8)
        self._state_before = self._state_bytes.copy()
        self._intents = np.zeros(CHUNK_RECORDS_MAX * definition.intents_per_record_max, dtype=INTENT)
        self._state_of = StateOf(
            strategy=definition.name,
            run=run,
            layout=_digest(self._state.dtype.descr, self._state.shape),
            parameters=_digest(self._params.dtype.descr, self._params.tobytes()),
        )
        self._advance_chunk(read_only(no_records(definition.kind)))
        definition.fold(self._params, self._state, np.empty(0, dtype=REPORT))

    @property
    def name(self) -> str:
        """Return the definition's name."""
        return self._definition.name

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return the one kind that the kernel consumes."""
        return frozenset({self._definition.kind})

    def advance(self, kind: Kind, records: Records) -> tuple[int, list[OrderIntent]]:
        """Consume up to and including the first record that bears intents (``Runnable.advance``)."""
        assert kind == self._definition.kind, f"{self.name} consumes {self._definition.kind!r}, not {kind!r}"
        assert records.dtype == LAYOUTS[kind], f"records of {kind!r} have layout {records.dtype}"
        records = read_only(records)
        consumed = 0
        while consumed < len(records):
            more, intents = self._advance_chunk(records[consumed : consumed + CHUNK_RECORDS_MAX])
            consumed += more
            if intents:
                return consumed, intents
        return consumed, []

    def fold(self, reports: Sequence[Report]) -> None:
        """Hand reports on this strategy's orders of this run, and liquidations, to the kernel."""
        own = [r for r in reports if isinstance(r, Liquidation)
               or (r.intent_id.strategy == self.name and r.intent_id.run == self._run)]
        if own:
            assert all(0 <= r.instrument < len(self._instruments) for r in own), "report of an unknown instrument"
            self._definition.fold(self._params, self._state, report_records(own))

    def state(self) -> bytes:
        """Return the state's bytes, headed by what they belong to."""
        return seal(self._state_of, self._state.tobytes())

    def restore(self, data: bytes) -> None:
        """Go on from what ``state`` returned; ``StateMismatch`` where it is another strategy's."""
        body = unseal(self._state_of, data)
        if len(body) != self._state.nbytes:
            raise StateMismatch(f"state of {self.name!r} has {len(body)} bytes; allowed: {self._state.nbytes}")
        np.copyto(self._state_bytes, np.frombuffer(body, dtype=np.uint8))

    def _advance_chunk(self, records: Records) -> tuple[int, list[OrderIntent]]:
        total = len(records)
        foreign = first_foreign(records, len(self._instruments))
        assert foreign < 0, f"record {records[foreign]} is of none of {len(self._instruments)} instruments"
        if total > 1:
            np.copyto(self._state_before, self._state_bytes)
        count = self._definition.step(self._params, self._state, records, self._intents)
        if count == 0:
            return total, []
        row = Intent._make(self._intents[0].item()).row
        if row < total - 1:
            np.copyto(self._state_bytes, self._state_before)
            count = self._definition.step(self._params, self._state, records[: row + 1], self._intents)
        assert 0 < count <= self._definition.intents_per_record_max, f"{self.name} made {count} intents of one record"
        sequence, event_time_ns, *_ = records[row].item()
        return row + 1, self._values(sequence, event_time_ns, row, count)

    def _values(self, sequence: int, event_time_ns: int, row: int, count: int) -> list[OrderIntent]:
        """Return the intents in the first ``count`` rows, all of the record in ``row``."""
        values = []
        for number in range(count):
            written = Intent._make(self._intents[number].item())
            assert written.row == row, f"{self.name} rerun through row {row} made an intent of row {written.row}"
            intent_id = IntentId(strategy=self.name, run=self._run, sequence=sequence, number=number)
            value = self._value(intent_id, event_time_ns, written)
            if value is not None:
                values.append(value)
        return values

    def _value(self, intent_id: IntentId, event_time_ns: int, written: Intent) -> OrderIntent | None:
        instrument = self._instruments[written.instrument]
        quantity = number_or_none(written.quantity)
        limit_price, stop_price = number_or_none(written.limit_price), number_or_none(written.stop_price)
        if written.action == NEW:
            assert quantity is not None, f"new order {intent_id} has no quantity"
            return new_order(
                intent_id, instrument, event_time_ns, side=SIDES[written.side], quantity=quantity,
                order_type=ORDER_TYPES[written.order_type], time_in_force=TIMES_IN_FORCE[written.time_in_force],
                limit_price=limit_price, stop_price=stop_price, lifetime_ns=written.lifetime_ns,
            )
        target = IntentId(strategy=self.name, run=self._run, sequence=written.target_sequence,
                          number=written.target_number)
        expires_at_ns = event_time_ns + written.lifetime_ns
        if written.action == CANCEL:
            return CancelOrder(
                id=intent_id, instrument=instrument.id, event_time_ns=event_time_ns, expires_at_ns=expires_at_ns,
                target=target,
            )
        units = None if quantity is None else whole_lots(instrument, quantity)
        if units == 0:
            return None
        return ReplaceOrder(
            id=intent_id, instrument=instrument.id, event_time_ns=event_time_ns, expires_at_ns=expires_at_ns,
            target=target, quantity=units, limit_price=on_tick(instrument, limit_price),
            stop_price=on_tick(instrument, stop_price),
        )


def _digest(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
