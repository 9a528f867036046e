"""Brackets and OCA groups: which orders belong together, and what the fill of one means for the others."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal

from algotrade.gateway.trading.orders import Live, Stage

CANCEL = 1
"""The OCA type that cancels the others; 2 and 3 reduce them."""
BRACKET = 3
"""The OCA type of a bracket's legs, where they name none (observed)."""


def children(orders: Iterable[Live], parent: Live) -> list[Live]:
    """Return the orders attached to ``parent`` that are not done."""
    if not parent.order_id:
        return []
    return [o for o in orders if o.client_id == parent.client_id and o.order.parent_id == parent.order_id
            and not o.is_done and o.perm_id > parent.perm_id]


def held_family(orders: Iterable[Live], order: Live, parent: Live | None) -> list[Live]:
    """Return what the transmission of ``order`` transmits: it, and what is held of its bracket; the parent first."""
    root = parent if parent is not None else order
    family = [root, *children(orders, root)]
    return [o for o in family if o.stage is Stage.HELD and (o is order or parent is not None)]


def join_bracket(order: Live, parent: Live) -> None:
    """Let the legs of a bracket cancel one another: they are an OCA group of the parent's permanent id."""
    if not order.order.oca_group:
        order.oca_group, order.oca_type = str(parent.perm_id), BRACKET


def others(orders: Iterable[Live], order: Live) -> list[Live]:
    """Return the other orders of its OCA group that are not done."""
    if not order.oca_group:
        return []
    return [o for o in orders if o is not order and o.oca_group == order.oca_group and o.account == order.account
            and not o.is_done]


def reduced(other: Live, filled: Decimal, of: Decimal, step: Decimal) -> Decimal:
    """Return by how much ``other`` shrinks when ``filled`` of what remained of an order of its group, ``of``, fills.

    In proportion, rounded up to whole steps: together they never fill more than one of them would have.
    """
    share = (other.remaining * filled / of / step).to_integral_value(ROUND_CEILING) * step
    return min(other.remaining, share)
