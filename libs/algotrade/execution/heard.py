"""A command as a broker hears it: what leaves this house of it."""

import msgspec

from algotrade.domain import IntentId, NewOrder
from algotrade.execution.broker import Cancel, Command, Place, Replace
from algotrade.risk import Approved

PLACE, CANCEL, REPLACE = "place", "cancel", "replace"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """An order in ticks and lots: ``lots`` is what may still fill, prices are ``checks.NO_PRICE`` where it has none."""

    intent: NewOrder
    lots: int
    limit_ticks: int
    stop_ticks: int


class Heard(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """``action`` is PLACE, CANCEL or REPLACE; a cancel has no ``terms``. ``request_id`` is the intent behind it."""

    action: str
    order_id: int
    request_id: IntentId
    event_time_ns: int
    terms: Terms | None = None


def heard(command: Command) -> Heard:
    """Return what a broker hears of ``command``; its orders are those that the risk gate approved."""
    match command:
        case Place(order_id=order_id, approved=approved, event_time_ns=now_ns):
            return Heard(action=PLACE, order_id=order_id, request_id=approved.intent.id, event_time_ns=now_ns,
                         terms=_terms(approved))
        case Replace(order_id=order_id, request_id=request_id, approved=approved, event_time_ns=now_ns):
            return Heard(action=REPLACE, order_id=order_id, request_id=request_id, event_time_ns=now_ns,
                         terms=_terms(approved))
        case Cancel(order_id=order_id, request_id=request_id, event_time_ns=now_ns):
            return Heard(action=CANCEL, order_id=order_id, request_id=request_id, event_time_ns=now_ns)


def _terms(approved: Approved) -> Terms:
    return Terms(intent=approved.intent, lots=approved.lots, limit_ticks=approved.limit_ticks,
                 stop_ticks=approved.stop_ticks)
