"""One compiled pass over market records: marks move, working orders meet what they are due, nothing else happens.

The pass stops at the first record that does something to an order, so Python runs once per event of an order and never
once per record.
"""

import math

import numpy as np
import numpy.typing as npt

from algotrade.domain.market import Flag, Kind, Records
from algotrade.domain.session import NEVER_NS
from algotrade.jit import jit
from algotrade.matching.fill import UNLIMITED_LOTS, available_lots, spread_ticks, to_ticks
from algotrade.matching.venue import expire, meet_bar, meet_moment, next_expiry_ns
from algotrade.risk.marks import move_mark

QUOTE, TRADE, BAR = int(Kind.QUOTE), int(Kind.TRADE), int(Kind.BAR)
CROSSED = int(Flag.CROSSED)
OUTSIDE_SESSION = int(Flag.OUTSIDE_SESSION)

VENUE = np.dtype([
    ("working", "<i8"),
    ("next_expiry_ns", "<i8"),
    ("handled", "<i8"),
    ("sequence_sum", "<i8"),
    ("last_sequence", "<i8"),
    ("last_time_ns", "<i8"),
])
"""Counters of the pass: orders working, when the first of them expires, records handled, the sum of their sequences."""

NO_SOURCE = 3
"""An instrument of which no record was seen yet."""


def new_venue() -> Records:
    """Return the counters before the first record: shape (1,), dtype ``VENUE``."""
    venue = np.zeros(1, dtype=VENUE)
    venue["next_expiry_ns"] = NEVER_NS
    venue["last_time_ns"] = -NEVER_NS
    return venue


@jit
def first_kind(quotes: Records, trades: Records, bars: Records, at: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Return the kind that holds the next record of the merged run and its sequence; kind -1 at the end."""
    kind = -1
    sequence = NEVER_NS
    if at[QUOTE] < len(quotes):
        kind = QUOTE
        sequence = quotes[at[QUOTE]]["sequence"]
    if at[TRADE] < len(trades) and trades[at[TRADE]]["sequence"] < sequence:
        kind = TRADE
        sequence = trades[at[TRADE]]["sequence"]
    if at[BAR] < len(bars) and bars[at[BAR]]["sequence"] < sequence:
        kind = BAR
        sequence = bars[at[BAR]]["sequence"]
    return kind, sequence


@jit
def walk(
    quotes: Records, trades: Records, bars: Records, at: npt.NDArray[np.int64], before_ns: int, marks: Records,
    scales: Records, source: npt.NDArray[np.int8], venue: Records, working: Records, model: Records, events: Records,
) -> int:
    """Handle records earlier than ``before_ns`` until one of them makes something happen; return the events written.

    ``at``       (3,) next row of each kind, moved on in place: all at their ends = everything was handled
    ``marks``    (instruments,) MARK; ``scales``: (instruments,) risk.checks.SCALE
    ``source``   (instruments,) the kind whose records fill the instrument's orders: the richest seen, quotes before
                 trades before bars
    ``working``  WORKING rows in order of arrival, the first ``venue["working"]`` of them valid, compacted in place
    ``events``   EVENT rows, at least two for each working order
    """
    state = venue[0]
    count = state["working"]
    n = 0
    while n == 0:
        kind, sequence = first_kind(quotes, trades, bars, at)
        if kind < 0:
            break
        i = at[kind]
        time_ns, instrument, price, flags = essence(kind, i, quotes, trades, bars)
        if time_ns >= before_ns:
            break
        at[kind] += 1
        state["handled"] += 1
        state["sequence_sum"] += sequence
        state["last_sequence"] = sequence
        state["last_time_ns"] = max(state["last_time_ns"], time_ns)
        source[instrument] = min(source[instrument], kind)
        move_mark(marks, instrument, time_ns, price, flags)
        if count == 0:
            continue
        if state["next_expiry_ns"] <= time_ns:
            count, n = expire(working, count, sequence, time_ns, events)
            state["next_expiry_ns"] = next_expiry_ns(working, count)
        # A closed market fills nobody, whatever is shown of it.
        if source[instrument] == kind and (flags & OUTSIDE_SESSION) == 0:
            count, n = meet(kind, i, quotes, trades, bars, working, count, scales, model, events, n)
    state["working"] = count
    return n


@jit
def move_marks(quotes: Records, trades: Records, bars: Records, marks: Records) -> None:
    """Move ``marks`` by all records, in the order of the run: what ``walk`` does where no order works."""
    at = np.zeros(3, dtype=np.int64)
    while True:
        kind, _ = first_kind(quotes, trades, bars, at)
        if kind < 0:
            break
        time_ns, instrument, price, flags = essence(kind, at[kind], quotes, trades, bars)
        at[kind] += 1
        move_mark(marks, instrument, time_ns, price, flags)


@jit
def essence(kind: int, i: int, quotes: Records, trades: Records, bars: Records) -> tuple[int, int, float, int]:
    """Return (event time, instrument, price that marks it, flags) of row ``i`` of ``kind``."""
    if kind == QUOTE:
        quote = quotes[i]
        return quote["event_time_ns"], quote["instrument"], 0.5 * (quote["bid"] + quote["ask"]), quote["flags"]
    if kind == TRADE:
        trade = trades[i]
        return trade["event_time_ns"], trade["instrument"], trade["price"], trade["flags"]
    bar = bars[i]
    return bar["event_time_ns"], bar["instrument"], bar["close"], bar["flags"]


@jit
def meet(
    kind: int, i: int, quotes: Records, trades: Records, bars: Records, working: Records, count: int, scales: Records,
    model: Records, events: Records, n: int,
) -> tuple[int, int]:
    """Let working orders meet row ``i`` of ``kind``; ``n`` events stand already. Returns (orders left, events)."""
    if kind == QUOTE:
        count, written = meet_quote(working, count, quotes, i, scales, model, events[n:])
    elif kind == TRADE:
        count, written = meet_trade(working, count, trades, i, scales, model, events[n:])
    else:
        count, written = meet_one_bar(working, count, bars, i, scales, model, events[n:])
    return count, n + written


@jit
def meet_quote(
    working: Records, count: int, quotes: Records, i: int, scales: Records, model: Records, events: Records,
) -> tuple[int, int]:
    """Let orders meet quote ``i``; a crossed one fills nobody. Returns (orders left, rows written)."""
    row = quotes[i]
    if (row["flags"] & CROSSED) != 0:
        return count, 0
    scale = scales[row["instrument"]]
    tick, lot, share = scale["tick"], scale["lot"], model[0]["volume_share_max"]
    return meet_moment(
        working, count, row["instrument"], row["sequence"], row["event_time_ns"], to_ticks(row["bid"], tick),
        to_ticks(row["ask"], tick), available_lots(row["bid_size"], lot, share),
        available_lots(row["ask_size"], lot, share), False, model[0]["slippage_ticks"], events)


@jit
def meet_trade(
    working: Records, count: int, trades: Records, i: int, scales: Records, model: Records, events: Records,
) -> tuple[int, int]:
    """Let orders meet trade ``i``, half the assumed spread away from its price. Returns as ``meet_quote``."""
    row = trades[i]
    scale = scales[row["instrument"]]
    price_ticks = to_ticks(row["price"], scale["tick"])
    half_ticks = spread_ticks(model[0]["half_spread_bps"], row["price"], scale["tick"])
    lots = available_lots(row["size"], scale["lot"], model[0]["volume_share_max"])
    return meet_moment(
        working, count, row["instrument"], row["sequence"], row["event_time_ns"], price_ticks - half_ticks,
        price_ticks + half_ticks, lots, lots, True, model[0]["slippage_ticks"], events)


@jit
def meet_one_bar(
    working: Records, count: int, bars: Records, i: int, scales: Records, model: Records, events: Records,
) -> tuple[int, int]:
    """Let orders meet bar ``i``. Returns as ``meet_quote``."""
    row = bars[i]
    scale = scales[row["instrument"]]
    tick = scale["tick"]
    cost_ticks = spread_ticks(model[0]["half_spread_bps"], row["open"], tick) + model[0]["slippage_ticks"]
    lots = UNLIMITED_LOTS if math.isnan(row["volume"]) else available_lots(
        row["volume"], scale["lot"], model[0]["volume_share_max"])
    return meet_bar(
        working, count, row["instrument"], row["sequence"], row["event_time_ns"], row["open_time_ns"],
        to_ticks(row["open"], tick), to_ticks(row["high"], tick), to_ticks(row["low"], tick),
        to_ticks(row["close"], tick), lots, cost_ticks, events)
