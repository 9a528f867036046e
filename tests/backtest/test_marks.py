import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.backtest.marks import BAR_RANK, QUOTE_RANK, TRADE_RANK, MarkSampler
from algotrade.domain import BAR, QUOTE, TRADE, Flag, Kind, MarketBatch
from tests.backtest.makers import DAY_NS, INSTRUMENTS

LAST_NS = 3 * DAY_NS + 12_345

times = st.integers(0, LAST_NS)
prices = st.one_of(st.integers(1, 2_000).map(lambda cents: cents / 100), st.sampled_from([0.0, -1.0, math.nan]))
flags = st.sampled_from([0, 0, 0, 0, Flag.STALE, Flag.LOCKED, Flag.CROSSED, Flag.PRICE_JUMP, Flag.OUT_OF_ORDER])
records = st.tuples(times, st.sampled_from(Kind), st.integers(0, 2), flags, prices, prices, prices)
events = st.lists(records, max_size=80)


def market(rows) -> MarketBatch:
    """Return the rows as a merged run: in time order, numbered from 1."""
    arrays = {Kind.QUOTE: [], Kind.TRADE: [], Kind.BAR: []}
    for sequence, (time_ns, kind, instrument, flag, a, b, c) in enumerate(sorted(rows, key=lambda r: r[:2]), start=1):
        common = (sequence, time_ns, time_ns, instrument, int(flag))
        tail = {Kind.QUOTE: (a, b, 1.0, 1.0), Kind.TRADE: (a, 1.0), Kind.BAR: (time_ns, a, b, c, a, 1.0)}[kind]
        arrays[kind].append(common + tail)
    return MarketBatch(
        quotes=np.array(arrays[Kind.QUOTE], QUOTE), trades=np.array(arrays[Kind.TRADE], TRADE),
        bars=np.array(arrays[Kind.BAR], BAR))


def cut(batch: MarketBatch, sequences: list[int]) -> list[MarketBatch]:
    edges = [0, *sorted(sequences), 2**62]
    return [
        MarketBatch.of({k: a[(a["sequence"] > lo) & (a["sequence"] <= hi)] for k, a in batch.arrays().items()})
        for lo, hi in pairwise(edges)
    ]


def trusted_prices(batch: MarketBatch):
    """Yield (rank, instrument, time_ns, low, high, last) of every record that may mark, by the rules in words."""
    distrust = Flag.CROSSED | Flag.PRICE_JUMP | Flag.OUT_OF_ORDER
    for kind, rank in ((Kind.QUOTE, QUOTE_RANK), (Kind.TRADE, TRADE_RANK), (Kind.BAR, BAR_RANK)):
        for r in batch.arrays()[kind]:
            if kind is Kind.QUOTE:
                last = low = high = r["bid"] + (r["ask"] - r["bid"]) / 2 if 0 < r["bid"] <= r["ask"] else math.nan
            elif kind is Kind.TRADE:
                last = low = high = r["price"]
            else:
                last, low, high = r["close"], np.fmin(r["low"], r["close"]), np.fmax(r["high"], r["close"])
            if last > 0 and not int(r["flags"]) & distrust:
                yield rank, int(r["instrument"]), int(r["event_time_ns"]), float(low), float(high), float(last)


def oracle(batch: MarketBatch, bin_of):
    """Return {(bin, instrument): (time_ns, low, high, last)} by sorting, filtering and looking."""
    groups = {}
    for rank, instrument, *rest in trusted_prices(batch):
        groups.setdefault((bin_of(rest[0]), instrument), []).append((rank, *rest))
    cells = {}
    for key, rows in groups.items():
        best = [r for r in rows if r[0] == max(row[0] for row in rows)]
        cells[key] = (best[-1][1], min(r[2] for r in best), max(r[3] for r in best), best[-1][4])
    return cells


@given(events, st.sampled_from([1, 2, 7, 50, 2_000]))
def test_every_bin_holds_what_a_look_at_all_its_records_finds(rows, bins):
    batch, sampler = market(rows), MarkSampler(INSTRUMENTS, 0, LAST_NS, bins)

    sampler.feed(batch)

    cells = oracle(batch, sampler._bin)
    marks = [(int(m["time_ns"]), int(m["instrument"]), float(m["price"])) for m in sampler.marks()]
    assert sorted(marks) == sorted((c[0], i, c[3]) for (_, i), c in cells.items())
    assert [m[0] for m in marks] == sorted(m[0] for m in marks)
    for instrument in range(3):
        found = [tuple(p) for p in sampler.prices(instrument).tolist()]
        assert found == [cells[key] for key in sorted(cells) if key[1] == instrument]


@given(events, st.lists(st.integers(0, 80), max_size=6))
def test_where_the_run_is_cut_into_batches_changes_nothing(rows, sequences):
    batch = market(rows)
    whole, parts = MarkSampler(INSTRUMENTS, 0, LAST_NS, 9), MarkSampler(INSTRUMENTS, 0, LAST_NS, 9)

    whole.feed(batch)
    for part in cut(batch, sequences):
        parts.feed(part)

    assert whole.marks().tobytes() == parts.marks().tobytes()
    assert all(whole.prices(i).tobytes() == parts.prices(i).tobytes() for i in range(3))


@given(st.integers(0, 10**18), st.integers(0, 400 * DAY_NS), st.integers(1, 3_000))
def test_bins_are_bounded_no_longer_than_a_day_and_never_straddle_midnight(first_ns, length_ns, bins):
    last_ns = first_ns + length_ns
    sampler = MarkSampler(INSTRUMENTS, first_ns, last_ns, bins)

    assert len(sampler._cells) // 3 <= bins + 2 * (length_ns // DAY_NS + 2)
    midnight = (last_ns // DAY_NS) * DAY_NS
    if first_ns < midnight:
        assert sampler._bin(midnight) == sampler._bin(midnight - 1) + 1
    assert sampler._bin(last_ns) - sampler._bin(first_ns) < len(sampler._cells) // 3


def test_a_quote_marks_better_than_a_trade_and_a_trade_better_than_a_bar():
    quote, trade, bar = ((1, Kind.QUOTE, 0, 0, 9.0, 11.0, 0.0), (2, Kind.TRADE, 0, 0, 12.0, 0.0, 0.0),
                         (3, Kind.BAR, 0, 0, 13.0, 14.0, 12.5))

    def mark(*rows):
        sampler = MarkSampler(INSTRUMENTS, 0, 9, 1)
        sampler.feed(market(rows))
        return sampler.prices(0).tolist()

    assert mark(quote, trade, bar) == [(1, 10.0, 10.0, 10.0)]
    assert mark(trade, bar) == [(2, 12.0, 12.0, 12.0)]
    assert mark(bar) == [(3, 12.5, 14.0, 13.0)]


def test_a_record_outside_the_run_is_our_bug():
    sampler = MarkSampler(INSTRUMENTS, 10, 20)

    for time_ns in (9, 21):
        with pytest.raises(AssertionError, match="run's"):
            sampler.feed(market([(time_ns, Kind.TRADE, 0, 0, 1.0, 0.0, 0.0)]))
