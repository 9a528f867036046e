"""A seeded market: quotes, trades and bars of a few instruments, with many equal times."""

import numpy as np

from algotrade.domain import Kind, MarketBatch
from algotrade.domain.market import LAYOUTS


def market(seed: int, records: int = 300, instruments: int = 3) -> MarketBatch:
    """Return a merged run: instrument 0 has quotes and trades, 1 only trades, 2 only bars; times often coincide."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.integers(0, 4, records)) + 10
    mids = 100 + np.cumsum(rng.integers(-2, 3, records)) * 0.01
    rows: dict[Kind, list[tuple]] = {kind: [] for kind in Kind}
    for i, (time, mid) in enumerate(zip(times.tolist(), mids.tolist(), strict=True)):
        instrument = int(rng.integers(0, instruments))
        kind = Kind.BAR if instrument == 2 else Kind.TRADE if instrument == 1 or rng.random() < 0.3 else Kind.QUOTE
        size = float(rng.integers(1, 8))
        common = (0, time, time, instrument, 0)
        if kind is Kind.QUOTE:
            rows[kind].append((i, *common, mid - 0.01, mid + 0.01 * int(rng.integers(0, 3)), size, size + 1))
        elif kind is Kind.TRADE:
            rows[kind].append((i, *common, mid, size))
        else:
            up, down = 0.01 * rng.integers(0, 5, 2)
            rows[kind].append((i, *common, max(0, time - 9), mid, mid + up, mid - down, mid, size * 3))
    return numbered(rows)


def numbered(rows: dict[Kind, list[tuple]]) -> MarketBatch:
    """Sort by (time, kind, order of generation) and number from 1, as a feed does."""
    order = sorted((row[2], kind, row[0]) for kind, some in rows.items() for row in some)
    sequence_of = {generated: n for n, (_, _, generated) in enumerate(order, start=1)}
    arrays = {}
    for kind, some in rows.items():
        numbered_rows = sorted((sequence_of[row[0]], *row[2:]) for row in some)
        arrays[kind] = np.array(numbered_rows, dtype=LAYOUTS[kind])
    return MarketBatch.of(arrays)


def cut(batch: MarketBatch, rng: np.random.Generator) -> list[MarketBatch]:
    """Cut a run into stretches at random places."""
    last = max(int(a["sequence"][-1]) for a in batch.arrays().values() if len(a))
    pieces, start = [], 0
    while start < last:
        end = start + int(rng.integers(1, 60))
        pieces.append(MarketBatch.of({
            kind: a[(a["sequence"] > start) & (a["sequence"] <= end)] for kind, a in batch.arrays().items()}))
        start = end
    return [piece for piece in pieces if len(piece)]


class ListFeed:
    """A feed from a list of batches, behind ``after_sequence``."""

    def __init__(self, batches: list[MarketBatch], after_sequence: int = 0) -> None:
        self.records_total = sum(len(b) for b in batches)
        behind = [
            MarketBatch.of({k: a[a["sequence"] > after_sequence] for k, a in b.arrays().items()}) for b in batches]
        self._batches = [b for b in behind if len(b)]

    def read(self) -> MarketBatch | None:
        return self._batches.pop(0) if self._batches else None

    def close(self) -> None:
        self._batches = []

