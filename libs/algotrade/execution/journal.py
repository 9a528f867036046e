"""The order journal: what we were about to do, durable before we do it."""

from decimal import Decimal

import msgspec

from algotrade.domain import IntentId
from algotrade.execution.broker import Cancel, Command, Place, Replace


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """One command to the broker, written durably before it is sent. It binds ``order_id`` to the intent for ever.

    ``action``    "place", "cancel" or "replace"
    ``intent_id`` the order's own; ``request_id`` that of the cancel or replace, else the same
    ``check_id``  the risk gate's pass behind a place or a replace, 0 for a cancel, which needs none
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


def journal_entry(command: Command, intent_id: IntentId) -> JournalEntry:
    """Return the journal entry of ``command`` for the order that ``intent_id`` names."""
    match command:
        case Place(order_id=order_id, approved=approved, event_time_ns=now_ns):
            action, request_id = "place", intent_id
        case Replace(order_id=order_id, request_id=request_id, approved=approved, event_time_ns=now_ns):
            action = "replace"
        case Cancel(order_id=order_id, request_id=request_id, event_time_ns=now_ns):
            return JournalEntry(action="cancel", order_id=order_id, intent_id=intent_id, request_id=request_id,
                                check_id=0, event_time_ns=now_ns)
    order = approved.intent
    return JournalEntry(
        action=action, order_id=order_id, intent_id=intent_id, request_id=request_id, check_id=approved.check_id,
        event_time_ns=now_ns, quantity=order.quantity, limit_price=order.limit_price, stop_price=order.stop_price,
    )
