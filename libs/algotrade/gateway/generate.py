"""A made-up market, the same for the same seed: random walks of bids, with prints at either side."""

import numpy as np

from algotrade.domain import QUOTE, TRADE, Instruments, Kind, MarketBatch, Records
from algotrade.domain.clock import NANOSECONDS_PER_SECOND

START_TICKS = 10_000
"""Where each walk begins and, by reflection, never far below: 100.00 in cents."""
LOWEST_TICKS = 100
LOTS = 100

PRINT_SHARE = 0.3
"""Of the quotes, how many are followed by a print."""


def generated(instruments: Instruments, seed: int, begin_ns: int, seconds: int) -> MarketBatch:
    """Return about one quote a second of each instrument, from ``begin_ns`` (ns since 1970 UTC) on.

    Times between quotes are exponential; the bid moves by a tick or none, the spread is one to three ticks, sizes are
    hundreds of lots. A print takes the bid or the ask of the quote that it follows by a millisecond at least.
    """
    rng = np.random.default_rng(seed)
    parts = [_walk(rng, i.id, float(i.tick), float(i.lot), begin_ns, seconds) for i in instruments]
    arrays = {Kind.QUOTE: np.concatenate([quotes for quotes, _ in parts]),
              Kind.TRADE: np.concatenate([trades for _, trades in parts])}
    order = np.argsort(np.concatenate([a["event_time_ns"] for a in arrays.values()]), kind="stable")
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(1, len(order) + 1)
    at = 0
    for kind, records in arrays.items():
        records["sequence"] = numbers[at : at + len(records)]
        at += len(records)
        records["receive_time_ns"] = records["event_time_ns"]
        arrays[kind] = records.take(np.argsort(records["sequence"]))
    return MarketBatch.of(arrays)


def _walk(
    rng: np.random.Generator, instrument: int, tick: float, lot: float, begin_ns: int, seconds: int,
) -> tuple[Records, Records]:
    gaps = rng.exponential(1.0, int(seconds * 1.2) + 100).cumsum()
    offsets = (gaps[gaps < seconds] * NANOSECONDS_PER_SECOND).astype(np.int64)
    count = len(offsets)
    quotes = np.zeros(count, QUOTE)
    quotes["event_time_ns"], quotes["instrument"] = begin_ns + offsets, instrument
    bid = np.abs(START_TICKS - LOWEST_TICKS + rng.integers(-1, 2, count).cumsum()) + LOWEST_TICKS
    decimals = 9
    quotes["bid"] = np.round(bid * tick, decimals)
    quotes["ask"] = np.round((bid + rng.integers(1, 4, count)) * tick, decimals)
    quotes["bid_size"], quotes["ask_size"] = rng.integers(1, 20, (2, count)) * LOTS * lot
    hit = np.flatnonzero(rng.random(count) < PRINT_SHARE)
    trades = np.zeros(len(hit), TRADE)
    trades["event_time_ns"] = quotes["event_time_ns"][hit] + rng.integers(1, 50, len(hit)) * 1_000_000
    trades["instrument"] = instrument
    trades["price"] = np.where(rng.random(len(hit)) < 0.5, quotes["bid"][hit], quotes["ask"][hit])
    trades["size"] = rng.integers(1, 5, len(hit)) * LOTS * lot
    return quotes, trades.take(np.argsort(trades["event_time_ns"], kind="stable"))
