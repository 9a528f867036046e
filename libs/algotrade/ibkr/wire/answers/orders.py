"""Orders: their states, executions and what these cost."""

from typing import ClassVar

from algotrade.ibkr.wire.kinds import Int, Int0, MaybeInt, MaybeNumber, Number, Number0, SpeltNumber, Text
from algotrade.ibkr.wire.layout import Layout, Rest, fields, since
from algotrade.ibkr.wire.message import Answer
from algotrade.ibkr.wire.order_layouts import COMPLETED, OPEN
from algotrade.ibkr.wire.records import TOLD, Contract, Execution, Order, OrderState


class OrderStatus(Answer, frozen=True, kw_only=True):
    """The state of an order. Duplicates are normal, and a change may go without one; no order reference is told."""

    ID: ClassVar[int] = 3
    order_id: Int
    status: Text
    filled: Number
    remaining: Number
    avg_fill_price: Number0
    perm_id: Int0
    parent_id: Int0
    last_fill_price: Number0
    client_id: Int0
    why_held: Text
    mkt_cap_price: MaybeNumber


class OpenOrder(Answer, frozen=True, kw_only=True):
    """An order that is open, told when it changes and when it is asked for."""

    ID: ClassVar[int] = 5
    order_id: Int
    contract: Contract
    order: Order
    state: OrderState
    adjusted_trail_stop_price: MaybeNumber = None
    LAYOUT: ClassVar[Layout | None] = OPEN


class OpenOrderEnd(Answer, frozen=True, kw_only=True):
    """Every open order that was asked for has been told."""

    ID: ClassVar[int] = 53
    VERSION: ClassVar[int | None] = 1


class OrderBound(Answer, frozen=True, kw_only=True):
    """A manual order got an order id."""

    ID: ClassVar[int] = 100
    perm_id: Int0
    client_id: Int0
    order_id: Int0


class CompletedOrder(Answer, frozen=True, kw_only=True):
    """An order that is done: by ``perm_id`` and ``order_ref``; order id and client id are not told."""

    ID: ClassVar[int] = 101
    contract: Contract
    order: Order
    state: OrderState
    adjusted_trail_stop_price: MaybeNumber = None
    LAYOUT: ClassVar[Layout | None] = COMPLETED


class CompletedOrdersEnd(Answer, frozen=True, kw_only=True):
    """Every completed order has been told."""

    ID: ClassVar[int] = 102


class ExecutionData(Answer, frozen=True, kw_only=True):
    """An execution: unasked with ``req_id`` -1, or an answer."""

    ID: ClassVar[int] = 11
    req_id: Int
    order_id: Int
    contract: Contract
    execution: Execution
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id order_id"),
        *TOLD,
        *fields("exec_id time account exchange side shares price perm_id client_id liquidation cum_qty avg_price "
                "order_ref ev_rule ev_multiplier model_code last_liquidity", "execution"),
        since(178, *fields("pending_price_revision", "execution")),
        Rest(),
    )


class ExecutionDataEnd(Answer, frozen=True, kw_only=True):
    """Every execution that was asked for has been told."""

    ID: ClassVar[int] = 55
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class CommissionReport(Answer, frozen=True, kw_only=True):
    """What an execution cost; joined to it by ``exec_id`` alone."""

    ID: ClassVar[int] = 59
    VERSION: ClassVar[int | None] = 1
    exec_id: Text
    commission: SpeltNumber
    currency: Text
    realized_pnl: SpeltNumber
    yield_: SpeltNumber
    yield_redemption_date: MaybeInt
