"""The broker port: what we may ask, and what we are told."""

from decimal import Decimal
from typing import Protocol

import msgspec

from algotrade.domain import ExecType, IntentId, Liquidation, OrderIntent
from algotrade.risk import Approved
from algotrade.telemetry.metrics import Samples


class BrokerError(Exception):
    """The broker cannot be talked to, or not go on from what we know; the message says why."""


class BrokerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence from the broker about one order of ours.

    ``execution_id``, ``quantity`` (units), ``price`` and ``commission`` (instrument's currency; None: not told yet)
    belong to TRADE and TRADE_CORRECT. The latter states an execution anew: that of the same id but for its last group
    (``ledger.execution_and_revision``), or of the very same, whose cost is known now. Quantity 0 takes it back.
    ORDER_STATUS: what became of the order is not known. It says why, and only evidence ends it.
    RESTATED: ``quantity`` is what may fill of the order in all, whatever was asked for; where that is more than has
    filled, an order that had ended lives on.
    ``request_id`` names the cancel or replace that is answered, where the broker tells; None: the oldest open one.
    """

    exec_type: ExecType
    order_id: int
    event_time_ns: int
    execution_id: str | None = None
    quantity: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    commission: Decimal | None = None
    reason: str = ""
    request_id: IntentId | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Send this order; nothing but the risk gate makes an ``Approved``."""

    order_id: int
    approved: Approved
    event_time_ns: int


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel what is left of order ``order_id``."""

    order_id: int
    request_id: IntentId
    event_time_ns: int


class Replace(msgspec.Struct, frozen=True, kw_only=True):
    """Change order ``order_id`` into ``approved``, whose quantity is the new total and whose lots may still fill."""

    order_id: int
    request_id: IntentId
    approved: Approved
    event_time_ns: int


Command = Place | Cancel | Replace


class Broker(Protocol):
    """Takes commands that were journaled before, and tells later, by events, what became of them.

    A command returns when it was handed over; its outcome is only ever an event. Events come in the broker's order.
    """

    @property
    def acts_outside(self) -> bool:
        """Tell whether a command has an effect outside this process as soon as it is handed over.

        Then its journal entry must be durable before. What a broker inside this process does leaves it with the
        reports, and the entry may be made durable together with them.
        """
        ...

    def send(self, command: Command) -> None:
        """Hand ``command`` to the broker."""
        ...

    def events(self) -> list[BrokerEvent]:
        """Return what the broker has told since the last call, and forget it."""
        ...


class LiveBroker(Protocol):
    """A broker in another process, in real time, whose answers are evidence and whose silence is none.

    Its session is begun by ``arm``, not before: only one process may have it. Nothing here blocks.
    """

    @property
    def disarmed_because(self) -> str:
        """Return why new risk may not be sent now, "" where it may."""
        ...

    def arm(self) -> bool:
        """Begin the session where that was not done; True once the broker's whole truth has been told."""
        ...

    def may_send(self, intent: OrderIntent) -> bool:
        """Tell whether a command for ``intent`` may be handed over now; a cancel may where nothing else does."""
        ...

    def bind(self, command: Command) -> int:
        """Return the broker's own order id for ``command``: a new one for a Place, else that of its order.

        It is journaled with the command, and so belongs to that order for ever.
        """
        ...

    def bound(self, command: Command, broker_order_id: int) -> None:
        """Take note that ``command`` was journaled with ``broker_order_id``, perhaps by an earlier process."""
        ...

    def send(self, command: Command) -> None:
        """Hand over ``command``, which was journaled and bound; what becomes of it is told by ``events``."""
        ...

    def events(self) -> list[BrokerEvent | Liquidation]:
        """Return what the broker has told since the last call, in its order, and forget it.

        A liquidation may come again, after a restart for one: who takes it knows it by its execution id.
        """
        ...

    def heard(self, event: BrokerEvent) -> None:
        """Take note of evidence that was journaled, by an earlier process or by the one that leads.

        What it settles is settled: without it, whoever takes over would look for orders that ended long ago.
        """
        ...

    def state(self) -> bytes:
        """Return what a restart needs: whose broker order ids are whose."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from ``data``, which ``state`` returned."""
        ...

    def samples(self) -> Samples:
        """Return the metrics as they are; called from another thread, so it only reads."""
        ...

    def close(self) -> None:
        """End the session; orders that work go on working."""
        ...
