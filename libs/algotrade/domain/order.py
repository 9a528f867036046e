"""What a strategy wants (an intent) and what became of it (an order). Names and values follow FIX 4.4/5.0."""

from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

import msgspec


class Side(IntEnum):
    """Buy or sell; the value is the sign of the position it makes."""

    BUY = 1
    SELL = -1


class OrderType(IntEnum):
    """FIX OrdType (40), by number."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4


class TimeInForce(IntEnum):
    """FIX TimeInForce (59), by number."""

    DAY = 0
    GTC = 1
    IOC = 3
    FOK = 4


class OrderStatus(IntEnum):
    """FIX OrdStatus (39) by our number, and UNKNOWN: sent, and no evidence yet of what the broker made of it.

    UNKNOWN reserves the order's worst case in risk and is left only by evidence from the broker.
    """

    PENDING_NEW = 0
    NEW = 1
    PARTIALLY_FILLED = 2
    PENDING_CANCEL = 3
    PENDING_REPLACE = 4
    UNKNOWN = 5
    FILLED = 6
    CANCELED = 7
    REJECTED = 8
    EXPIRED = 9

    @property
    def is_terminal(self) -> bool:
        """Tell whether nothing more is expected; a late fill may still come and is booked."""
        return self in TERMINAL


TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})


class IntentId(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The identity of an intent: the same record of the same run gives the same id, before and after a restart.

    ``sequence`` is that of the market record that bore the intent, ``number`` counts the intents of that record
    from 0. The text form ``strategy.run.sequence.number`` is what a broker carries as its order reference.
    """

    strategy: str
    run: str
    sequence: int
    number: int

    def __str__(self) -> str:
        return f"{self.strategy}.{self.run}.{self.sequence}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> "IntentId":
        """Return the id whose text form is ``text``; anything else is a ValueError."""
        parts = text.split(".")
        if len(parts) != 4 or not parts[2].isdecimal() or not parts[3].isdecimal():
            raise ValueError(f"intent id is {text!r}; allowed: strategy.run.sequence.number")
        return cls(strategy=parts[0], run=parts[1], sequence=int(parts[2]), number=int(parts[3]))


class _Intent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: IntentId
    instrument: int
    event_time_ns: int
    """Event time of the record that bore the intent."""
    expires_at_ns: int
    """Not acted upon at or after this time: an expired intent is reported, never sent late."""


class NewOrder(_Intent, frozen=True, kw_only=True, tag="new"):
    """Ask for an order. ``limit_price`` belongs to LIMIT and STOP_LIMIT, ``stop_price`` to STOP and STOP_LIMIT.

    ``parent``     the NewOrder whose fill this one waits for, None: it works at once. A bracket is a parent with two
    ``oca_group``  orders of one group of this name: a fill of one cancels the others; "": of none
    """

    side: Side
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    parent: IntentId | None = None
    oca_group: str = ""


class CancelOrder(_Intent, frozen=True, kw_only=True, tag="cancel"):
    """Ask to cancel what is left of the order that ``target`` made."""

    target: IntentId


class ReplaceOrder(_Intent, frozen=True, kw_only=True, tag="replace"):
    """Ask to change the total quantity or the prices of the order that ``target`` made; None = leave as it is."""

    target: IntentId
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


OrderIntent: TypeAlias = NewOrder | CancelOrder | ReplaceOrder


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one order: a value; each event makes a new one (``execution.order_manager``).

    ``order_id`` is ours, from 1 in each run, bound to the intent for ever. Always
    ``cumulative_quantity + leaves_quantity == quantity`` while the order is open, but where a broker has filled more
    than it was asked for: leaves is never below 0. It is 0 once terminal. ``filled_value`` is price times units of what
    was filled, exact; ``average_price`` is 0 where nothing was.
    """

    order_id: int
    intent: NewOrder
    status: OrderStatus
    quantity: Decimal
    cumulative_quantity: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reason: str = ""

    @property
    def leaves_quantity(self) -> Decimal:
        """Return what may still be filled."""
        if self.status.is_terminal:
            return Decimal(0)
        return max(self.quantity - self.cumulative_quantity, Decimal(0))
