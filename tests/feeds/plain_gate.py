"""The quality gate once more, record by record in plain Python: what the compiled loops are compared with."""

import math
from collections import Counter
from itertools import count

import numpy as np

from algotrade.domain import QUARANTINE, Flag, Kind
from tests.feeds.market_files import DAY_NS

PRICES = {Kind.QUOTE: ("bid", "ask"), Kind.TRADE: ("price",), Kind.BAR: ("open", "high", "low", "close")}
SIZES = {Kind.QUOTE: ("bid_size", "ask_size"), Kind.TRADE: ("size",), Kind.BAR: ("volume",)}


class PlainGate:
    """Judges records as dictionaries; ``sessions`` is (open, close) pairs by instrument, none where never closed."""

    def __init__(self, rules, sessions):
        self.rules = rules
        self.sessions = sessions
        self.last = {}
        self.jumps = {}
        self.counts = Counter()

    def judge(self, kind, record):
        """Return the flags of one record and remember it where it passes."""
        key = (kind, int(record["instrument"]))
        names = PRICES[kind] + SIZES[kind]
        new = {name: float(record[name]) for name in names}
        new["time"] = int(record["event_time_ns"])
        new["start"] = int(record["open_time_ns"]) if kind is Kind.BAR else new["time"]
        new["session"] = self.session(key[1], new["start"], new["time"] if kind is Kind.BAR else new["time"] + 1)
        last = self.last.get(key)
        flags = alone(kind, new) | (Flag.OUTSIDE_SESSION if new["session"] is None else Flag(0))
        same = last is not None and all(_equal(new[name], last[name]) for name in names)
        flags |= against(kind, new, last, same)
        if not flags & QUARANTINE:
            if same and kind is not Kind.TRADE:
                flags |= Flag.REPEATED
            flags |= self.silence(kind, new, last)
            flags |= self.jump(key, kind, new)
            self.last[key] = new
        for flag in Flag:
            if flag & flags:
                self.counts[kind, flag] += 1
        return flags

    def session(self, instrument, begin, end):
        edges = self.sessions.get(instrument)
        if not edges:
            return begin // DAY_NS
        return next((i for i, (opens, closes) in enumerate(edges) if closes > begin and opens < end), None)

    def silence(self, kind, new, last):
        flags = Flag(0)
        if last is None or new["session"] is None or new["session"] != last["session"]:
            return flags
        if new["start"] - last["time"] > self.rules.stale_after_ns:
            flags |= Flag.STALE
        if kind is Kind.BAR and 2 * (new["start"] - last["start"]) > 3 * (new["time"] - new["start"]):
            flags |= Flag.GAP
        return flags

    def jump(self, key, kind, new):
        prices = {Kind.QUOTE: lambda: [0.5 * (new["bid"] + new["ask"])] * 3, Kind.TRADE: lambda: [new["price"]] * 3,
                  Kind.BAR: lambda: [new["high"], new["low"], new["close"]]}[kind]()
        high, low, close = prices
        rules = self.rules
        if key not in self.jumps:
            self.jumps[key] = {"trusted": close, "mean": rules.jump_initial_bps / 1e4, "candidate": None, "agreeing": 0}
            return Flag(0)
        memory = self.jumps[key]
        weight = 1.0 / rules.jump_memory_records
        bound = max(rules.jump_floor_bps / 1e4, rules.jump_multiple * memory["mean"])
        away = max(high / memory["trusted"], memory["trusted"] / low) - 1.0
        if away <= bound:
            memory["mean"] += weight * (away - memory["mean"])
            memory.update(trusted=close, agreeing=0)
            return Flag(0)
        apart = max(high / memory["candidate"], memory["candidate"] / low) - 1.0 if memory["agreeing"] else math.inf
        move = apart if apart <= bound else min(away, 2.0 * memory["mean"])
        memory["mean"] += weight * (move - memory["mean"])
        memory["agreeing"] = memory["agreeing"] + 1 if apart <= bound else 1
        memory["candidate"] = close
        if memory["agreeing"] >= rules.jump_confirm_records:
            memory.update(trusted=close, agreeing=0)
            return Flag(0)
        return Flag.PRICE_JUMP


def _equal(value, other):
    return value == other or (math.isnan(value) and math.isnan(other))


def alone(kind, new):
    """Return the flags that a record earns whatever came before it."""
    prices, sizes = [new[n] for n in PRICES[kind]], [new[n] for n in SIZES[kind]]
    flags = Flag(0)
    if not all(map(math.isfinite, prices)) or any(map(math.isinf, sizes)):
        flags |= Flag.NOT_FINITE
    if any(p <= 0 for p in prices) or any(s < 0 for s in sizes):
        flags |= Flag.NOT_POSITIVE
    if kind is Kind.QUOTE and not flags & Flag.NOT_POSITIVE:
        flags |= Flag.LOCKED if new["bid"] == new["ask"] else Flag.CROSSED if new["bid"] > new["ask"] else Flag(0)
    if kind is Kind.BAR:
        others = [new["open"], new["close"]]
        wrong = new["high"] < new["low"] or any(new["high"] < p or new["low"] > p for p in others)
        if wrong or new["time"] <= new["start"]:
            flags |= Flag.INCONSISTENT
    return flags


def against(kind, new, last, same):
    """Return the quarantining flags that a record earns by what came before it."""
    if last is None:
        return Flag(0)
    if new["time"] < last["time"]:
        return Flag.OUT_OF_ORDER
    if kind is Kind.BAR and new["start"] == last["start"]:
        return Flag.DUPLICATE if same else Flag.INCONSISTENT
    return Flag(0)


def flags_of(gate, batches):
    """Return the flags that ``gate`` (a QualityGate) gives to every record of ``batches``, by sequence."""
    found = {}
    for batch in batches:
        verdict = gate.check(batch)
        for part in (verdict.passed, verdict.quarantined):
            for records in part.arrays().values():
                found.update(zip(records["sequence"].tolist(), records["flags"].tolist(), strict=True))
    return found


def numbered(arrays):
    """Number ``arrays`` (by kind) so that the kinds alternate, and return them."""
    numbers = count(1)
    longest = max(map(len, arrays.values()))
    for row in range(longest):
        for records in arrays.values():
            if row < len(records):
                records["sequence"][row] = next(numbers)
    assert all(np.all(np.diff(records["sequence"]) > 0) for records in arrays.values())
    return arrays
