"""The simulated broker: an exchange in a struct, whose whole state is part of the order plane's snapshot."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.domain import (
    ExecType,
    Instruments,
    IntentId,
    Kind,
    MarketBatch,
    NewOrder,
    Records,
    Sessions,
    TimeInForce,
    read_only,
)
from algotrade.domain.session import ALWAYS_OPEN, NEVER_NS
from algotrade.execution.broker import BrokerEvent, Command
from algotrade.execution.heard import CANCEL, PLACE, REPLACE, Heard, Terms, heard
from algotrade.execution.walk import NO_SOURCE, VENUE, new_venue, walk
from algotrade.matching import CommissionModel, VenueModel
from algotrade.matching.orders import CANCELED, EVENT, EXPIRED, WORKING
from algotrade.matching.venue import next_expiry_ns
from algotrade.risk.checks import scales_of

ZERO = Decimal(0)


class _Account(msgspec.Struct):
    """What one order has filled and paid so far."""

    intent_id: IntentId
    instrument: int
    quantity: Decimal = ZERO
    value: Decimal = ZERO
    commission: Decimal = ZERO
    fills: int = 0


class BrokerState(msgspec.Struct, kw_only=True):
    """The broker's part of a snapshot; arrays as their bytes."""

    venue: bytes
    working: bytes
    source: bytes
    accounts: dict[int, _Account]
    told: list[BrokerEvent]
    commands: int = 0


class SimulatedBroker:
    """Fills orders against the market records that its host lets it see; deterministic, no clock of its own.

    Event times are those of the records; execution ids are the intent's id and the number of the fill, so a replay
    after a restart repeats them. ``working_orders_max`` bounds the orders it holds: the risk gate's limit.

    ``commands``  how many it has taken
    """

    def __init__(
        self, instruments: Instruments, model: VenueModel, commission: CommissionModel,
        sessions: Mapping[int, Sessions], marks: Records, working_orders_max: int,
    ) -> None:
        self._instruments = instruments
        self._model = model.record()
        self._commission = commission
        self._sessions = sessions
        self._marks = marks
        self._scales = scales_of(instruments)
        self._source = np.full(len(instruments), NO_SOURCE, dtype=np.int8)
        self._venue = new_venue()
        self._make_room(working_orders_max)
        self._accounts: dict[int, _Account] = {}
        self._told: list[BrokerEvent] = []
        self.commands = 0
        # Compiles the kernel, so that no record pays for it.
        self.advance(MarketBatch.of({}), np.zeros(len(Kind), dtype=np.int64), 0)

    @property
    def acts_outside(self) -> bool:
        """Return False: what happens here is known outside only by the reports that are published of it."""
        return False

    @property
    def settled(self) -> bool:
        """Return True: nothing is on its way to or from what is in this process."""
        return True

    @property
    def disarmed_because(self) -> str:
        """Return nothing: there is nobody who could refuse."""
        return ""

    def arm(self) -> bool:
        """Return True: what is in this process is ours."""
        return True

    @property
    def counters(self) -> Records:
        """Records handled so far and their sums: one ``VENUE`` row, shared, not to be written."""
        return self._venue

    @property
    def working_orders(self) -> int:
        """How many orders are working."""
        return int(self._venue["working"][0])

    def send(self, command: Command) -> None:
        """Take a command at its event time; what becomes of it is told by ``events``."""
        self.hear(heard(command))

    def hear(self, command: Heard) -> None:
        """Take a command as it came over a wire."""
        self.commands += 1
        self._expire(command.order_id, command.event_time_ns)
        if command.action == CANCEL:
            self._cancel(command)
            return
        assert command.terms is not None, f"{command.action} of order {command.order_id} without terms"
        if command.action == PLACE:
            self._place(command, command.terms)
        else:
            assert command.action == REPLACE, f"action {command.action!r}"
            self._replace(command, command.terms)

    def events(self) -> list[BrokerEvent]:
        """Return what happened since the last call."""
        told, self._told = self._told, []
        return told

    def advance(self, batch: MarketBatch, at: npt.NDArray[np.int64], before_ns: int) -> bool:
        """Let records of ``batch`` from rows ``at`` on pass, up to time ``before_ns`` or the first that moves an order.

        ``at``, shape (3,) int64, is moved on in place. True where an order was moved: ``events`` tells, and there may
        be more to pass.
        """
        quotes, trades, bars = (read_only(array) for array in batch.arrays().values())
        n = walk(quotes, trades, bars, at, before_ns, self._marks, self._scales, self._source,
                 self._venue, self._working, self._model, self._events)
        for row in self._events[:n]:
            self._tell(row)
        for order_id in {int(row["order_id"]) for row in self._events[:n]}:
            if self._find(order_id) is None:
                self._accounts.pop(order_id)
        return n > 0

    def state(self) -> BrokerState:
        """Return everything that a restart needs, but for the marks, which are the gate's."""
        return BrokerState(
            venue=self._venue.tobytes(), working=self._working[: self.working_orders].tobytes(),
            source=self._source.tobytes(), accounts=dict(self._accounts), told=list(self._told),
            commands=self.commands)

    def restore(self, state: BrokerState) -> None:
        """Go on from ``state``."""
        self._venue[:] = np.frombuffer(state.venue, dtype=VENUE)
        rows = np.frombuffer(state.working, dtype=WORKING)
        if len(rows) > len(self._working):  # the limit was lowered since: what works, works on
            self._make_room(len(rows))
        self._working[: len(rows)] = rows
        self._source[:] = np.frombuffer(state.source, dtype=np.int8)
        self._accounts = dict(state.accounts)
        self._told = list(state.told)
        self.commands = state.commands

    def forget_orders(self) -> None:
        """Go on without the orders that work here: somebody else has them. Records are counted and marks moved."""
        self._venue["working"] = 0
        self._venue["next_expiry_ns"] = NEVER_NS
        self._accounts.clear()

    def _make_room(self, orders: int) -> None:
        self._working = np.zeros(orders, dtype=WORKING)
        self._events = np.zeros(2 * orders, dtype=EVENT)

    def _place(self, command: Heard, terms: Terms) -> None:
        order = terms.intent
        count = self.working_orders
        assert count < len(self._working), "the risk gate let more orders work than its limit"
        self._working[count] = (
            command.order_id, order.event_time_ns, self._expires_ns(order, command.event_time_ns),
            terms.lots, terms.limit_ticks, terms.stop_ticks, order.instrument,
            int(order.side), int(order.order_type), int(order.time_in_force), 0, 0,
        )
        self._venue["working"] = count + 1
        self._venue["next_expiry_ns"] = next_expiry_ns(self._working, count + 1)
        self._accounts[command.order_id] = _Account(intent_id=order.id, instrument=order.instrument)
        self._say(ExecType.NEW, command.order_id, command.event_time_ns)

    def _cancel(self, command: Heard) -> None:
        i = self._find(command.order_id)
        if i is None:
            self._say(ExecType.CANCEL_REJECTED, command.order_id, command.event_time_ns, "order_not_working")
            return
        self._take_out(i)
        self._accounts.pop(command.order_id)
        self._say(ExecType.CANCELED, command.order_id, command.event_time_ns)

    def _replace(self, command: Heard, terms: Terms) -> None:
        """Change prices and size; the order goes to the back of the queue, as at most venues."""
        i = self._find(command.order_id)
        if i is None:
            self._say(ExecType.CANCEL_REJECTED, command.order_id, command.event_time_ns, "order_not_working")
            return
        row = self._working[i].copy()
        row["lots"] = terms.lots
        row["limit_ticks"] = terms.limit_ticks
        row["stop_ticks"] = terms.stop_ticks
        # Who changes an order sends a new one: it cannot have been in a bar that had opened before.
        row["born_ns"] = terms.intent.event_time_ns
        row["resting"] = 0
        self._take_out(i)
        self._working[self.working_orders] = row
        self._venue["working"] += 1
        self._say(ExecType.REPLACED, command.order_id, command.event_time_ns)

    def _expire(self, order_id: int, now_ns: int) -> None:
        """End an order whose day is over, though no record has come since to say so."""
        i = self._find(order_id)
        if i is not None and self._working["expires_ns"][i] <= now_ns:
            self._take_out(i)
            self._accounts.pop(order_id)
            self._say(ExecType.EXPIRED, order_id, now_ns, "day_ended")

    def _find(self, order_id: int) -> int | None:
        rows = np.flatnonzero(self._working["order_id"][: self.working_orders] == order_id)
        return int(rows[0]) if len(rows) else None

    def _take_out(self, i: int) -> None:
        count = self.working_orders
        self._working[i : count - 1] = self._working[i + 1 : count].copy()
        self._venue["working"] = count - 1

    def _expires_ns(self, order: NewOrder, now_ns: int) -> int:
        if order.time_in_force is not TimeInForce.DAY:
            return NEVER_NS
        return self._sessions.get(order.instrument, ALWAYS_OPEN).day_ends_ns(now_ns)

    def _tell(self, row: np.void) -> None:
        order_id, time_ns = int(row["order_id"]), int(row["time_ns"])
        if row["kind"] == CANCELED:
            self._say(ExecType.CANCELED, order_id, time_ns, "not_filled_at_once")
        elif row["kind"] == EXPIRED:
            self._say(ExecType.EXPIRED, order_id, time_ns, "day_ended")
        else:
            self._executed(order_id, time_ns, int(row["lots"]), int(row["price_ticks"]))

    def _executed(self, order_id: int, time_ns: int, lots: int, price_ticks: int) -> None:
        account = self._accounts[order_id]
        instrument = self._instruments[account.instrument]
        quantity, price = instrument.lots_to_quantity(lots), instrument.ticks_to_price(price_ticks)
        account.quantity += quantity
        account.value += quantity * price * instrument.multiplier
        account.fills += 1
        owed = self._commission.total(account.quantity, account.value)
        commission, account.commission = owed - account.commission, owed
        self._told.append(BrokerEvent(
            exec_type=ExecType.TRADE, order_id=order_id, event_time_ns=time_ns, quantity=quantity, price=price,
            commission=commission, execution_id=f"{account.intent_id}-{account.fills}",
        ))

    def _say(self, exec_type: ExecType, order_id: int, time_ns: int, reason: str = "") -> None:
        self._told.append(BrokerEvent(exec_type=exec_type, order_id=order_id, event_time_ns=time_ns, reason=reason))
