"""The compiled loops of the quality gate: one per kind of record, each over a batch.

Every record is judged against the memory of its instrument, which only records that pass change: a quarantined record
leaves no trace. A batch is a stretch of the same loop, so where a run is cut into batches changes nothing.
"""

from typing import Any

import numpy as np

from algotrade.domain.market import QUARANTINE, Flag
from algotrade.jit import jit

# Plain integers: the compiler freezes them into the machine code.
_STALE, _LOCKED, _CROSSED, _GAP = int(Flag.STALE), int(Flag.LOCKED), int(Flag.CROSSED), int(Flag.GAP)
_PRICE_JUMP, _OUTSIDE_SESSION = int(Flag.PRICE_JUMP), int(Flag.OUTSIDE_SESSION)
_REPEATED, _NOT_FINITE, _NOT_POSITIVE = int(Flag.REPEATED), int(Flag.NOT_FINITE), int(Flag.NOT_POSITIVE)
_OUT_OF_ORDER, _DUPLICATE = int(Flag.OUT_OF_ORDER), int(Flag.DUPLICATE)
_INCONSISTENT, _QUARANTINE = int(Flag.INCONSISTENT), int(QUARANTINE)

_FROM_FEED = int(Flag.OUT_OF_ORDER | Flag.GAP | Flag.DELAYED)
"""What the feed knows and the gate cannot see, and so stays as the feed has set it."""

FLAG_BITS = max(int(flag).bit_length() for flag in Flag)
"""Columns of the counters: column b counts the records with bit b set."""

CLOSED = -1
"""The session key of a time at which the market is closed."""

_DAY_NS = 86_400 * 1_000_000_000
# Keeps the days before 1970 from being taken for CLOSED.
_DAYS_OFFSET = 100_000

MEMORY = np.dtype([
    ("seen", "<i8"),            # 1 once a record has passed
    ("event_time_ns", "<i8"),   # of the last record that passed, as the following
    ("open_time_ns", "<i8"),
    ("session", "<i8"),         # key of its session, CLOSED outside
    ("values", "<f8", 5),       # its fields behind the common ones
    ("trusted", "<f8"),         # last price not flagged as a jump; 0: none yet
    ("mean_move", "<f8"),       # moving average of the distance from one trusted price to the next
    ("candidate", "<f8"),       # last of the prices that jumped
    ("agreeing", "<i8"),        # jumped prices in a row that agree with one another
])
"""What the gate remembers of one instrument and one kind of record."""


@jit
def session_keys(begins: Any, ends: Any, width_ns: int, instruments: Any, table_of: Any, bounds: Any, edges: Any,
                 hints: Any, keys: Any) -> None:
    """Write the session that [begin, end + width) meets first into ``keys``, CLOSED where it meets none.

    ``edges`` holds rows (open, close) ns of all tables, table t from row ``bounds[t]`` to ``bounds[t + 1]``; one
    without rows is a market that never closes, and its keys are UTC days. ``table_of`` gives an instrument's table.
    ``hints`` is one row per table, where the search begins: records mostly come in time order.
    """
    for i in range(len(keys)):
        which, begin = table_of[instruments[i]], begins[i]
        first, stop = bounds[which], bounds[which + 1]
        if first == stop:
            keys[i] = begin // _DAY_NS + _DAYS_OFFSET
            continue
        # The first session that closes after the record begins.
        row = hints[which]
        while row < stop and edges[row, 1] <= begin:
            row += 1
        while row > first and edges[row - 1, 1] > begin:
            row -= 1
        hints[which] = row
        keys[i] = row - first if row < stop and edges[row, 0] < ends[i] + width_ns else CLOSED


@jit
def judge_quotes(quotes: Any, sessions: Any, memory: Any, counts: Any, stale_after_ns: int, floor: float,
                 multiple: float, weight: float, initial: float, confirm: int) -> None:
    """Write the flags of ``quotes`` (layout QUOTE, in sequence order) and count them.

    ``sessions`` is the session key of each record, ``memory`` one row of MEMORY per instrument, ``counts`` int64 of
    shape (FLAG_BITS,). Distances are shares: 0.01 is one percent.
    """
    for i in range(len(quotes)):
        quote, known, key = quotes[i], memory[quotes[i]["instrument"]], sessions[i]
        bid, ask, bid_size, ask_size = quote["bid"], quote["ask"], quote["bid_size"], quote["ask_size"]
        time_ns = quote["event_time_ns"]
        flags = (quote["flags"] & _FROM_FEED) | (_OUTSIDE_SESSION if key == CLOSED else 0)
        if not (np.isfinite(bid) and np.isfinite(ask)) or np.isinf(bid_size) or np.isinf(ask_size):
            flags |= _NOT_FINITE
        if bid <= 0.0 or ask <= 0.0 or bid_size < 0.0 or ask_size < 0.0:
            flags |= _NOT_POSITIVE
        elif bid == ask:
            flags |= _LOCKED
        elif bid > ask:
            flags |= _CROSSED
        if known["seen"] and time_ns < known["event_time_ns"]:
            flags |= _OUT_OF_ORDER
        if not flags & _QUARANTINE:
            last = known["values"]
            if (known["seen"] and _same(bid, last[0]) and _same(ask, last[1]) and _same(bid_size, last[2])
                    and _same(ask_size, last[3])):
                flags |= _REPEATED
            flags |= _silence(time_ns, key, known, stale_after_ns)
            middle = 0.5 * (bid + ask)
            flags |= _jump(middle, middle, middle, known, floor, multiple, weight, initial, confirm)
            last[0], last[1], last[2], last[3] = bid, ask, bid_size, ask_size
            _remember(known, time_ns, time_ns, key)
        quote["flags"] = flags
        _count(flags, counts)


@jit
def judge_trades(trades: Any, sessions: Any, memory: Any, counts: Any, stale_after_ns: int, floor: float,
                 multiple: float, weight: float, initial: float, confirm: int) -> None:
    """Write the flags of ``trades`` (layout TRADE), as ``judge_quotes``."""
    for i in range(len(trades)):
        trade, known, key = trades[i], memory[trades[i]["instrument"]], sessions[i]
        price, size, time_ns = trade["price"], trade["size"], trade["event_time_ns"]
        flags = (trade["flags"] & _FROM_FEED) | (_OUTSIDE_SESSION if key == CLOSED else 0)
        if not np.isfinite(price) or np.isinf(size):
            flags |= _NOT_FINITE
        if price <= 0.0 or size < 0.0:
            flags |= _NOT_POSITIVE
        if known["seen"] and time_ns < known["event_time_ns"]:
            flags |= _OUT_OF_ORDER
        if not flags & _QUARANTINE:
            flags |= _silence(time_ns, key, known, stale_after_ns)
            flags |= _jump(price, price, price, known, floor, multiple, weight, initial, confirm)
            _remember(known, time_ns, time_ns, key)
        trade["flags"] = flags
        _count(flags, counts)


@jit
def judge_bars(bars: Any, sessions: Any, memory: Any, counts: Any, stale_after_ns: int, floor: float,
               multiple: float, weight: float, initial: float, confirm: int) -> None:
    """Write the flags of ``bars`` (layout BAR), as ``judge_quotes``."""
    for i in range(len(bars)):
        bar, known, key = bars[i], memory[bars[i]["instrument"]], sessions[i]
        flags = (bar["flags"] & _FROM_FEED) | _bar_alone(bar) | (_OUTSIDE_SESSION if key == CLOSED else 0)
        open_ns, close_ns = bar["open_time_ns"], bar["event_time_ns"]
        last = known["values"]
        same = (_same(bar["open"], last[0]) and _same(bar["high"], last[1]) and _same(bar["low"], last[2])
                and _same(bar["close"], last[3]) and _same(bar["volume"], last[4]))
        if known["seen"]:
            if close_ns < known["event_time_ns"]:
                flags |= _OUT_OF_ORDER
            elif open_ns == known["open_time_ns"]:
                flags |= _DUPLICATE if same else _INCONSISTENT
        if not flags & _QUARANTINE:
            if known["seen"]:
                if same:
                    flags |= _REPEATED
                # More than one and a half durations from start to start.
                if _goes_on(key, known) and 2 * (open_ns - known["open_time_ns"]) > 3 * (close_ns - open_ns):
                    flags |= _GAP
            flags |= _silence(open_ns, key, known, stale_after_ns)
            flags |= _jump(bar["high"], bar["low"], bar["close"], known, floor, multiple, weight, initial, confirm)
            last[0], last[1], last[2] = bar["open"], bar["high"], bar["low"]
            last[3], last[4] = bar["close"], bar["volume"]
            _remember(known, close_ns, open_ns, key)
        bar["flags"] = flags
        _count(flags, counts)


@jit
def _bar_alone(bar: Any) -> int:
    """Return the flags that a bar earns whatever came before it."""
    first, high, low, close, volume = bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]
    flags = 0
    if not (np.isfinite(first) and np.isfinite(high) and np.isfinite(low) and np.isfinite(close)) or np.isinf(volume):
        flags |= _NOT_FINITE
    if first <= 0.0 or high <= 0.0 or low <= 0.0 or close <= 0.0 or volume < 0.0:
        flags |= _NOT_POSITIVE
    if high < first or high < close or high < low or low > first or low > close:
        flags |= _INCONSISTENT
    if bar["event_time_ns"] <= bar["open_time_ns"]:
        flags |= _INCONSISTENT
    return flags


@jit
def _same(value: float, other: float) -> bool:
    """Tell whether two fields are equal, or both unknown."""
    return value == other or (np.isnan(value) and np.isnan(other))


@jit
def _goes_on(key: int, known: Any) -> bool:
    """Tell whether a record with session ``key`` lies in the session of the record before it."""
    return key != CLOSED and key == known["session"]


@jit
def _silence(start_ns: int, key: int, known: Any, stale_after_ns: int) -> int:
    if known["seen"] and _goes_on(key, known) and start_ns - known["event_time_ns"] > stale_after_ns:
        return _STALE
    return 0


@jit
def _distance(high: float, low: float, price: float) -> float:
    """Return how far the farther of ``high`` and ``low`` is from ``price``, as a share: half and double are both 1."""
    return max(high / price, price / low) - 1.0


@jit
def _jump(high: float, low: float, close: float, known: Any, floor: float, multiple: float, weight: float,
          initial: float, confirm: int) -> int:
    """Compare a record's prices with the trusted one, move the memory on, and return PRICE_JUMP or 0."""
    trusted, mean_move = known["trusted"], known["mean_move"]
    if trusted == 0.0:
        known["trusted"], known["mean_move"] = close, initial
        return 0
    bound = max(floor, multiple * mean_move)
    distance = _distance(high, low, trusted)
    if distance <= bound:
        known["mean_move"] = mean_move + weight * (distance - mean_move)
        known["trusted"], known["agreeing"] = close, 0
        return 0
    apart = _distance(high, low, known["candidate"]) if known["agreeing"] > 0 else np.inf
    agrees = apart <= bound
    # What agrees with the last jump moved from there. What does not counts as twice the mean at most: one false print
    # does not open the gate for the next, and yet a market that has become wilder for good is not flagged for ever.
    move = apart if agrees else min(distance, 2.0 * mean_move)
    known["mean_move"] = mean_move + weight * (move - mean_move)
    known["agreeing"] = known["agreeing"] + 1 if agrees else 1
    known["candidate"] = close
    if known["agreeing"] < confirm:
        return _PRICE_JUMP
    known["trusted"], known["agreeing"] = close, 0
    return 0


@jit
def _remember(known: Any, event_time_ns: int, open_time_ns: int, key: int) -> None:
    known["seen"], known["event_time_ns"], known["open_time_ns"], known["session"] = 1, event_time_ns, open_time_ns, key


@jit
def _count(flags: int, counts: Any) -> None:
    bit = 0
    while flags:
        counts[bit] += flags & 1
        flags >>= 1
        bit += 1
