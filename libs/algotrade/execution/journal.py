"""The order journal: what we were about to do, durable before we do it."""

from decimal import Decimal

import msgspec

from algotrade.domain import IntentId, Liquidation
from algotrade.execution.broker import BrokerEvent, Cancel, Command, Place, Replace
from algotrade.risk import Reason


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """One command to the broker, written durably before it is sent. It binds ``order_id`` to the intent for ever.

    ``action``    "place", "cancel" or "replace"
    ``intent_id`` the order's own; ``request_id`` that of the cancel or replace, else the same
    ``check_id``  the risk gate's pass behind a place or a replace, 0 for a cancel, which needs none
    ``broker_order_id``  what the broker calls the order, 0 where it has no name of its own for it
    """

    action: str
    order_id: int
    intent_id: IntentId
    request_id: IntentId
    check_id: int
    event_time_ns: int
    quantity: Decimal = Decimal(0)
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    broker_order_id: int = 0


class IntentTaken(msgspec.Struct, frozen=True, kw_only=True, tag="intent"):
    """Live: an intent was handled at this moment.

    With ``BrokerTold`` and ``Liquidation`` it records the one order of all inputs.

    A restart, and a standby, take the same inputs in the same order, and so come to the same state.

    ``shard``, ``position``  where it stands in the intents
    ``now_ns``               the clock then
    ``decided``              what the risk gate decided by the prices of that moment, None where it was not asked: it is
                             not asked again, since those prices may be gone
    ``broker_order_id``      that its command was bound to, 0 where it made none
    """

    shard: int
    position: int
    now_ns: int
    decided: Reason | None = None
    broker_order_id: int = 0


class BrokerTold(msgspec.Struct, frozen=True, kw_only=True, tag="broker"):
    """Live: this evidence was taken."""

    event: BrokerEvent


JournalRecord = JournalEntry | IntentTaken | BrokerTold | Liquidation


def journal_entry(command: Command, intent_id: IntentId, broker_order_id: int = 0) -> JournalEntry:
    """Return the journal entry of ``command`` for the order that ``intent_id`` names."""
    match command:
        case Place(order_id=order_id, approved=approved, event_time_ns=now_ns):
            action, request_id = "place", intent_id
        case Replace(order_id=order_id, request_id=request_id, approved=approved, event_time_ns=now_ns):
            action = "replace"
        case Cancel(order_id=order_id, request_id=request_id, event_time_ns=now_ns):
            return JournalEntry(action="cancel", order_id=order_id, intent_id=intent_id, request_id=request_id,
                                check_id=0, event_time_ns=now_ns, broker_order_id=broker_order_id)
    order = approved.intent
    return JournalEntry(
        action=action, order_id=order_id, intent_id=intent_id, request_id=request_id, check_id=approved.check_id,
        event_time_ns=now_ns, quantity=order.quantity, limit_price=order.limit_price, stop_price=order.stop_price,
    )
