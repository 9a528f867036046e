"""All working orders of one instrument against one record, compiled; and their expiry."""

from algotrade.domain.market import Records
from algotrade.domain.session import NEVER_NS
from algotrade.jit import jit
from algotrade.matching.fill import (
    NO_FILL,
    fires_at_moment,
    fires_in_bar,
    price_at_moment,
    price_in_bar,
)
from algotrade.matching.orders import CANCELED, EXPIRED, FILLED, FOK, IOC, STOP, STOP_LIMIT


@jit
def write_event(
    events: Records, n: int, order_id: int, sequence: int, time_ns: int, kind: int, lots: int, price_ticks: int,
) -> int:
    """Write row ``n`` of ``events`` and return the number of rows written."""
    row = events[n]
    row["order_id"] = order_id
    row["sequence"] = sequence
    row["time_ns"] = time_ns
    row["kind"] = kind
    row["lots"] = lots
    row["price_ticks"] = price_ticks
    return n + 1


@jit
def settle(
    working: Records, i: int, events: Records, n: int, sequence: int, time_ns: int, price_ticks: int, left_lots: int,
) -> tuple[int, int]:
    """Fill order ``i`` at ``price_ticks`` as far as ``left_lots`` and its time in force allow; it was met now.

    Returns (rows written, lots taken). ``working[i]["lots"]`` is 0 afterwards where the order is done.
    """
    order = working[i]
    lots = order["lots"]
    take = min(lots, left_lots) if price_ticks != NO_FILL else 0
    if order["time_in_force"] == FOK and take < lots:
        take = 0
    if take > 0:
        n = write_event(events, n, order["order_id"], sequence, time_ns, FILLED, take, price_ticks)
        lots -= take
    if lots > 0 and order["time_in_force"] in (IOC, FOK):
        n = write_event(events, n, order["order_id"], sequence, time_ns, CANCELED, lots, 0)
        lots = 0
    order["lots"] = lots
    order["resting"] = 1
    return n, take


@jit
def meet_moment(
    working: Records, count: int, instrument: int, sequence: int, time_ns: int, bid_ticks: int, ask_ticks: int,
    bid_lots: int, ask_lots: int, one_size: bool, slippage_ticks: int, events: Records,  # noqa: FBT001 -- a kernel
) -> tuple[int, int]:
    """Let the instrument's orders meet a quote or a trade, in order of arrival; they share its size.

    ``one_size``: buyers and sellers share one size, as that of a trade; a quote has one for each. A stop that fires
    reaches the book as a new order, so it meets the next record. Returns (orders left, rows written); ``working`` is
    compacted in place.
    """
    n = 0
    kept = 0
    for i in range(count):
        order = working[i]
        if order["instrument"] == instrument:
            side = order["side"]
            taker_ticks = ask_ticks if side > 0 else bid_ticks
            if order["order_type"] in (STOP, STOP_LIMIT) and order["triggered"] == 0:
                if fires_at_moment(side, taker_ticks, order["stop_ticks"]):
                    order["triggered"] = 1
            else:
                price_ticks = price_at_moment(
                    order["order_type"], side, order["limit_ticks"], order["resting"], taker_ticks, slippage_ticks)
                left_lots = ask_lots if side > 0 else bid_lots
                n, taken = settle(working, i, events, n, sequence, time_ns, price_ticks, left_lots)
                if side > 0 or one_size:
                    ask_lots -= taken
                if side < 0 or one_size:
                    bid_lots -= taken
        if order["lots"] > 0:
            if kept != i:
                working[kept] = working[i]
            kept += 1
    return kept, n


@jit
def meet_bar(
    working: Records, count: int, instrument: int, sequence: int, time_ns: int, open_time_ns: int, open_ticks: int,
    high_ticks: int, low_ticks: int, close_ticks: int, left_lots: int, cost_ticks: int, events: Records,
) -> tuple[int, int]:
    """Let the instrument's orders meet a bar, in order of arrival; they share its volume.

    An order born at or before the open takes part in the whole bar; one born inside it meets the close alone. One that
    is for at once or never (IOC, FOK), but for a stop that has yet to fire, meets its first price alone.
    Returns as ``meet_moment``.
    """
    n = 0
    kept = 0
    for i in range(count):
        order = working[i]
        if order["instrument"] == instrument:
            opened, highest, lowest = open_ticks, high_ticks, low_ticks
            if order["born_ns"] > open_time_ns:
                opened, highest, lowest = close_ticks, close_ticks, close_ticks
            is_stop_waiting = order["order_type"] in (STOP, STOP_LIMIT) and order["triggered"] == 0
            if order["time_in_force"] in (IOC, FOK) and not is_stop_waiting:
                highest, lowest = opened, opened
            price_ticks = price_in_bar(
                order["order_type"], order["side"], order["triggered"], order["limit_ticks"], order["stop_ticks"],
                opened, highest, lowest, cost_ticks)
            waits = is_stop_waiting and price_ticks == NO_FILL
            if fires_in_bar(order["order_type"], order["side"], order["stop_ticks"], highest, lowest):
                order["triggered"] = 1
            if not waits:
                n, taken = settle(working, i, events, n, sequence, time_ns, price_ticks, left_lots)
                left_lots -= taken
                order["triggered"] = 1
        if order["lots"] > 0:
            if kept != i:
                working[kept] = working[i]
            kept += 1
    return kept, n


@jit
def expire(working: Records, count: int, sequence: int, time_ns: int, events: Records) -> tuple[int, int]:
    """Take out the orders whose day has ended at ``time_ns``; returns as ``meet_moment``."""
    n = 0
    kept = 0
    for i in range(count):
        if working[i]["expires_ns"] <= time_ns:
            n = write_event(events, n, working[i]["order_id"], sequence, time_ns, EXPIRED, working[i]["lots"], 0)
        else:
            if kept != i:
                working[kept] = working[i]
            kept += 1
    return kept, n


@jit
def next_expiry_ns(working: Records, count: int) -> int:
    """Return when the first of the working orders expires, ``NEVER_NS`` for none."""
    first_ns = NEVER_NS
    for i in range(count):
        first_ns = min(first_ns, working[i]["expires_ns"])
    return first_ns
