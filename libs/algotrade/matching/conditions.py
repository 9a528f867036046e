"""What stands in front of the book: trailing stops and orders that wait until a price is touched. Scalars only.

The book of ``matching.venue`` knows market, limit, stop and stop-limit orders. A trailing stop is a stop there, moved
by ``trailed`` after each record; an order "if touched" joins as a market or limit order once ``touched_at_moment`` or
``touched_in_bar`` tells so, and like a stop that fires it meets the next record, never the one that let it through.
"""

import math

from algotrade.jit import jit

UNMOVED = 2**61
"""Ticks that no market reaches: times the side, the stop of a trail that has seen no price yet."""


@jit
def trail_ticks(price_ticks: int, amount_ticks: int, percent: float) -> int:
    """Return how far a trail keeps from ``price_ticks``: ``percent`` of it where above 0, else ``amount_ticks``.

    Rounded up to whole ticks, at least one: a stop at the market itself would fire on the quote that set it.
    """
    distance = amount_ticks
    if percent > 0:
        distance = math.ceil(price_ticks * percent * 0.01 - 1e-9)
    return max(distance, 1)


@jit
def trailed(side: int, stop_ticks: int, price_ticks: int, amount_ticks: int, percent: float) -> int:
    """Return the stop of a trail after the market showed ``price_ticks`` to its side; it never moves away.

    A sell's stop rises below the bid, a buy's falls above the ask.
    """
    moved = price_ticks + side * trail_ticks(price_ticks, amount_ticks, percent)
    return moved if side * (stop_ticks - moved) > 0 else stop_ticks


@jit
def best_of_bar(side: int, high_ticks: int, low_ticks: int) -> int:
    """Return the price of a bar that moves a trail furthest: the high for a sell, the low for a buy."""
    return low_ticks if side > 0 else high_ticks


@jit
def touched_at_moment(side: int, taker_ticks: int, touch_ticks: int) -> bool:
    """Tell whether a quote or trade touches the price: a buy's ask has come down to it, a sell's bid up to it."""
    return side * (touch_ticks - taker_ticks) >= 0


@jit
def touched_in_bar(side: int, high_ticks: int, low_ticks: int, touch_ticks: int) -> bool:
    """Tell whether the price was touched somewhere in a bar."""
    return side * (touch_ticks - best_of_bar(side, high_ticks, low_ticks)) >= 0
