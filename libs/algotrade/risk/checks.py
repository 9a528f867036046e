"""The checks, as one compiled function over integers: the live gate and the compiled backtest call the same one.

Why integers: a limit on lots and ticks holds exactly. Money amounts are float64 here; the smallest amount that matters
to a limit is many orders of magnitude above their rounding.
"""

import math

import numpy as np

from algotrade.domain.instrument import Instruments
from algotrade.domain.market import Record, Records
from algotrade.domain.order import OrderType
from algotrade.jit import jit
from algotrade.risk.reasons import Reason

BOOK = np.dtype([
    ("position_lots", "<i8"), ("working_buy_lots", "<i8"), ("working_sell_lots", "<i8"), ("restricted", "<i8"),
    ("working_price", "<f8"),
])
"""One instrument in the gate's eyes: what is held, what open orders may still add on each side, and the highest limit
or stop among the orders since it last had none open, 0 for none."""

SCALE = np.dtype([("tick", "<f8"), ("lot", "<f8"), ("multiplier", "<f8")])
"""One instrument's units: price per tick, quantity per lot, money per unit and price."""

MARKET, LIMIT, STOP, STOP_LIMIT = (int(t) for t in OrderType)

PASSED = int(Reason.PASSED)
INSTRUMENT_RESTRICTED = int(Reason.INSTRUMENT_RESTRICTED)
ORDER_QUANTITY_MAX = int(Reason.ORDER_QUANTITY_MAX)
WORKING_ORDERS_MAX = int(Reason.WORKING_ORDERS_MAX)
REFERENCE_MISSING = int(Reason.REFERENCE_MISSING)
REFERENCE_STALE = int(Reason.REFERENCE_STALE)
REFERENCE_SUSPECT = int(Reason.REFERENCE_SUSPECT)
PRICE_COLLAR = int(Reason.PRICE_COLLAR)
ORDER_NOTIONAL_MAX = int(Reason.ORDER_NOTIONAL_MAX)
POSITION_QUANTITY_MAX = int(Reason.POSITION_QUANTITY_MAX)
GROSS_EXPOSURE_MAX = int(Reason.GROSS_EXPOSURE_MAX)
NET_EXPOSURE_MAX = int(Reason.NET_EXPOSURE_MAX)
ORDER_RATE_MAX = int(Reason.ORDER_RATE_MAX)

MOST_LOTS = 2.0**62

NO_PRICE = -(2**63)
"""In place of a limit or stop price in ticks: the order has none."""


def no_book(instruments: int) -> Records:
    """Return the flat book of ``instruments`` instruments: shape (instruments,), dtype ``BOOK``."""
    return np.zeros(instruments, dtype=BOOK)


def scales_of(instruments: Instruments) -> Records:
    """Return the units of ``instruments``: shape (instruments,), dtype ``SCALE``."""
    return np.array([(float(i.tick), float(i.lot), float(i.multiplier)) for i in instruments], dtype=SCALE)


@jit
def check_order(  # noqa: PLR0911 -- one way out per reason reads best
    limits: Records, book: Records, marks: Records, scales: Records, oldest_order_ns: int, working_orders: int,
    now_ns: int, instrument: int, side: int, lots: int, order_type: int, limit_ticks: int, stop_ticks: int,
) -> int:
    """Return the first ``Reason`` against the order, or PASSED.

    ``limits``           (1,) LIMITS; ``book``, ``marks``, ``scales``: (instruments,) BOOK, MARK, SCALE
    ``oldest_order_ns``  time of the order that is ``orders_per_window_max`` orders back
    ``working_orders``   open orders now, this one not counted
    ``lots``             what may still fill, above 0; prices in ticks, ``NO_PRICE`` where the type has none
    """
    bound = limits[0]
    row = book[instrument]
    scale = scales[instrument]
    if row["restricted"] != 0:
        return INSTRUMENT_RESTRICTED
    if lots > most_lots(bound["order_quantity_max"], scale["lot"]):
        return ORDER_QUANTITY_MAX
    if working_orders >= bound["working_orders_max"]:
        return WORKING_ORDERS_MAX
    reason = check_reference(bound, marks[instrument], now_ns)
    if reason != PASSED:
        return reason
    reference = marks[instrument]["price"]
    reason, worst = check_price(bound, scale["tick"], reference, side, order_type, limit_ticks, stop_ticks)
    if reason != PASSED:
        return reason
    if not lots * scale["lot"] * worst * scale["multiplier"] <= bound["order_notional_max"]:
        return ORDER_NOTIONAL_MAX
    working_lots = row["working_buy_lots"] if side > 0 else row["working_sell_lots"]
    if side * row["position_lots"] + working_lots + lots > most_lots(bound["position_quantity_max"], scale["lot"]):
        return POSITION_QUANTITY_MAX
    reason = check_exposure(bound, book, marks, scales, instrument, side, lots, worst)
    if reason != PASSED:
        return reason
    if oldest_order_ns > now_ns - bound["order_window_ns"]:
        return ORDER_RATE_MAX
    return PASSED


@jit
def most_lots(quantity_max: float, lot: float) -> int:
    """Return how many whole lots ``quantity_max`` holds; the float quotient of 0.3 and 0.1 is a hair below 3."""
    return math.floor(min(quantity_max / lot * (1.0 + 1e-12), MOST_LOTS))


@jit
def check_reference(bound: Record, mark: Record, now_ns: int) -> int:
    """Return why ``mark`` may not price an order at ``now_ns``, or PASSED."""
    if not mark["price"] > 0.0:
        return REFERENCE_MISSING
    if now_ns - mark["time_ns"] > bound["reference_age_ns_max"]:
        return REFERENCE_STALE
    if mark["suspect"] != 0:
        return REFERENCE_SUSPECT
    return PASSED


@jit
def check_price(
    bound: Record, tick: float, reference: float, side: int, order_type: int, limit_ticks: int, stop_ticks: int,
) -> tuple[int, float]:
    """Return PRICE_COLLAR or PASSED, and the price at which the order is valued.

    A limit may not give away more than the collar. A stop on the wrong side of the market would fire at once, so for
    it the wrong side is the other one. A buy is valued at the most that it may pay, a sell at no less than the
    reference.
    """
    give = reference * bound["price_collar_bps"] * 1e-4
    worst = reference
    if order_type in (LIMIT, STOP_LIMIT):
        price = limit_ticks * tick
        if side * (price - reference) > give:
            return PRICE_COLLAR, worst
        worst = price if side > 0 else max(price, reference)
    if order_type in (STOP, STOP_LIMIT):
        price = stop_ticks * tick
        if side * (reference - price) > give:
            return PRICE_COLLAR, worst
        if order_type == STOP:
            worst = max(price, reference)
    return PASSED, worst


@jit
def check_exposure(
    bound: Record, book: Records, marks: Records, scales: Records, instrument: int, side: int, lots: int, price: float,
) -> int:
    """Return why the account with this order and all open ones, filled in the worst way, would be too exposed.

    An order that leaves the worst way as it was, or better, passes beyond the limits too: they must not trap a position
    that the market has carried over them. A NaN, from a holding that nothing prices, is a breach whatever the order is.
    """
    gross, highest, lowest = 0.0, 0.0, 0.0
    gross_before, highest_before, lowest_before = 0.0, 0.0, 0.0
    for i in range(len(book)):
        row = book[i]
        long_lots = row["position_lots"] + row["working_buy_lots"]
        short_lots = row["position_lots"] - row["working_sell_lots"]
        unit = marks[i]["price"]
        if row["working_price"] > unit:  # noqa: PLR1730 -- a NaN has to stay one
            unit = row["working_price"]
        value = unit * scales[i]["lot"] * scales[i]["multiplier"]
        if long_lots != 0 or short_lots != 0:
            gross_before += max(abs(long_lots), abs(short_lots)) * value
            highest_before += long_lots * value
            lowest_before += short_lots * value
        if i == instrument:
            most = max(abs(long_lots), abs(short_lots))
            long_lots += lots if side > 0 else 0
            short_lots -= lots if side < 0 else 0
            if price > unit and max(abs(long_lots), abs(short_lots)) > most:
                value = price * scales[i]["lot"] * scales[i]["multiplier"]
        if long_lots != 0 or short_lots != 0:
            gross += max(abs(long_lots), abs(short_lots)) * value
            highest += long_lots * value
            lowest += short_lots * value
    # Written so that a NaN is a breach.
    if not gross <= max(bound["gross_exposure_max"], gross_before):
        return GROSS_EXPOSURE_MAX
    if not max(highest, -lowest) <= max(bound["net_exposure_max"], highest_before, -lowest_before):
        return NET_EXPOSURE_MAX
    return PASSED
