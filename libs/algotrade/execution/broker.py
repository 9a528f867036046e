"""The broker port: what we may ask, and what we are told."""

from decimal import Decimal
from typing import Protocol

import msgspec

from algotrade.domain import ExecType, IntentId
from algotrade.risk import Approved


class BrokerError(Exception):
    """The broker cannot be talked to, or not go on from what we know; the message says why."""


class BrokerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence from the broker about one order of ours.

    ``execution_id``, ``quantity`` (units), ``price`` and ``commission`` (instrument's currency) belong to TRADE.
    ``request_id`` names the cancel or replace that is answered, where the broker tells; None: the oldest open one.
    """

    exec_type: ExecType
    order_id: int
    event_time_ns: int
    execution_id: str | None = None
    quantity: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
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
