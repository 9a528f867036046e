"""Our commands as the broker's requests: made of typed values alone, in the instrument's own steps."""

from decimal import Decimal

from algotrade.domain import Instrument, NewOrder, OrderType, Side, TimeInForce
from algotrade.execution.ibkr.settings import OrderSettings
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.records import Order as WireOrder
from algotrade.risk import Approved

ACTIONS = {Side.BUY: "BUY", Side.SELL: "SELL"}
ORDER_TYPES = {
    OrderType.MARKET: "MKT", OrderType.LIMIT: "LMT", OrderType.STOP: "STP", OrderType.STOP_LIMIT: "STP LMT",
}
TIMES_IN_FORCE = {TimeInForce.DAY: "DAY", TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
HAS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
HAS_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
CANCEL_THE_REST = 1
"""Of a group: a fill of one cancels the others, and while it is open no other can fill too (documented: oca type 1)."""


def order_request(
    approved: Approved, reference: str, order_id: int, contract: Contract, instrument: Instrument,
    settings: OrderSettings, parent_id: int = 0,
) -> r.PlaceOrder:
    """Return the request that places ``approved``, or makes the order ``order_id`` be as it says.

    ``parent_id``  the order id of the order whose fill this one waits for, 0 for none
    """
    intent = approved.intent
    assert approved.lots > 0, f"{reference} is approved for {approved.lots} lots"
    assert contract.con_id > 0, f"contract of {instrument.symbol} has no con_id: it was not qualified"
    assert instrument.is_on_lot(intent.quantity), f"{reference} has quantity {intent.quantity}"
    return r.PlaceOrder(order_id=order_id, contract=contract, order=WireOrder(
        action=ACTIONS[intent.side], total_quantity=intent.quantity, order_type=ORDER_TYPES[intent.order_type],
        lmt_price=_price(intent, approved.limit_ticks, instrument, HAS_LIMIT),
        aux_price=_price(intent, approved.stop_ticks, instrument, HAS_STOP),
        tif=TIMES_IN_FORCE[intent.time_in_force], account=settings.account, order_ref=reference,
        outside_rth=settings.outside_rth, parent_id=parent_id, oca_group=intent.oca_group,
        oca_type=CANCEL_THE_REST if intent.oca_group else 0, transmit=True))


def cancel_request(order_id: int) -> r.CancelOrder:
    """Return the request that cancels what is left of the order ``order_id``."""
    assert order_id > 0, f"order id {order_id}"
    return r.CancelOrder(order_id=order_id)


def has_terms(order: WireOrder, wanted: NewOrder) -> bool:
    """Tell whether the broker's ``order`` is as ``wanted`` has it: quantity and prices."""
    limit = wanted.limit_price if wanted.order_type in HAS_LIMIT else None
    stop = wanted.stop_price if wanted.order_type in HAS_STOP else None
    return (order.total_quantity == wanted.quantity
            and (limit is None or order.lmt_price == limit) and (stop is None or order.aux_price == stop))


def _price(intent: NewOrder, ticks: int, instrument: Instrument, has: frozenset[OrderType]) -> Decimal | None:
    return instrument.ticks_to_price(ticks) if intent.order_type in has else None
