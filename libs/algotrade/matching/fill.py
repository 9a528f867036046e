"""One order against one record: at what price, and how much. Scalars in, scalars out.

A record is reduced to what the venue shows: the price that a buyer pays and a seller gets, the worst and best that it
traded at, and the size. A quote and a trade show one moment, a bar a stretch of time.
"""

import math

from algotrade.jit import jit
from algotrade.matching.orders import MARKET, STOP, STOP_LIMIT

NO_FILL = -(2**63)
UNLIMITED_LOTS = 2**62
MOST_LOTS = 2.0**62


@jit
def available_lots(size: float, lot: float, share_max: float) -> int:
    """Return how many lots of a record's ``size`` our orders may take; all of it where the size is not known."""
    if math.isnan(size):
        return UNLIMITED_LOTS
    return math.floor(min(size * share_max / lot + 1e-9, MOST_LOTS))


@jit
def to_ticks(price: float, tick: float) -> int:
    """Return ``price`` in whole ticks, the nearest."""
    return math.floor(price / tick + 0.5)


@jit
def spread_ticks(half_spread_bps: float, price: float, tick: float) -> int:
    """Return half the assumed spread around ``price`` in whole ticks, rounded up."""
    return math.ceil(half_spread_bps * 1e-4 * price / tick - 1e-9)


@jit
def positive(price_ticks: int) -> int:
    """Return ``price_ticks``, or one tick where spread and slippage have carried it to nothing or below."""
    return max(price_ticks, 1)


@jit
def fires_at_moment(side: int, taker_ticks: int, stop_ticks: int) -> bool:
    """Tell whether a stop fires: the price that the order would pay or get has reached it."""
    return side * (taker_ticks - stop_ticks) >= 0


@jit
def price_at_moment(
    order_type: int, side: int, limit_ticks: int, resting: int, taker_ticks: int, slippage_ticks: int,
) -> int:
    """Return the fill price on a quote or a trade, ``NO_FILL`` for none.

    ``taker_ticks`` is the ask for a buy, the bid for a sell. A limit order that meets its price on arrival takes it,
    slippage included but never beyond its limit; one that was resting there before gets its own price. Nobody sells
    below one tick.
    """
    price = positive(taker_ticks + side * slippage_ticks)
    if order_type in (MARKET, STOP):
        return price
    if side * (limit_ticks - taker_ticks) < 0:
        return NO_FILL
    if resting != 0:
        return limit_ticks
    return min(price, limit_ticks) if side > 0 else max(price, limit_ticks)


@jit
def price_in_bar(  # noqa: PLR0911 -- one way out per case reads best
    order_type: int, side: int, triggered: int, limit_ticks: int, stop_ticks: int, open_ticks: int, high_ticks: int,
    low_ticks: int, cost_ticks: int,
) -> int:
    """Return the fill price inside a bar, ``NO_FILL`` for none. ``cost_ticks`` = half spread and slippage.

    Nothing is known of the path between open, high, low and close, so: a market order meets the open; a stop meets its
    price, or the open where that is worse; a limit order meets the open where that is better than its limit, else its
    limit, but only if the bar traded **through** it, since a touch may have filled those before us in the queue.
    A stop-limit that fires in this bar may fill from the next one on (the caller marks it triggered). An order that is
    for at once or never meets the open alone: then ``high_ticks`` and ``low_ticks`` are the open too.
    """
    worst_ticks = high_ticks if side > 0 else low_ticks
    best_ticks = low_ticks if side > 0 else high_ticks
    if order_type == MARKET or (order_type == STOP and triggered != 0):
        return positive(open_ticks + side * cost_ticks)
    if order_type == STOP:
        if side * (worst_ticks - stop_ticks) < 0:
            return NO_FILL
        met_ticks = max(open_ticks, stop_ticks) if side > 0 else min(open_ticks, stop_ticks)
        return positive(met_ticks + side * cost_ticks)
    if order_type == STOP_LIMIT and triggered == 0:
        return NO_FILL
    taken_ticks = positive(open_ticks + side * cost_ticks)
    if side * (limit_ticks - taken_ticks) >= 0:
        return taken_ticks
    if side * (limit_ticks - best_ticks) > 0:
        return limit_ticks
    return NO_FILL


@jit
def fires_in_bar(order_type: int, side: int, stop_ticks: int, high_ticks: int, low_ticks: int) -> bool:
    """Tell whether a stop-limit order fires somewhere in a bar."""
    return order_type == STOP_LIMIT and side * ((high_ticks if side > 0 else low_ticks) - stop_ticks) >= 0
