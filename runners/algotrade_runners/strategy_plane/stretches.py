"""A merged batch as stretches of one kind each, in sequence order: what a strategy can take in one call."""

from collections.abc import Collection, Iterator

import numpy as np

from algotrade.domain import Kind, MarketBatch, Records


def stretches(batch: MarketBatch, kinds: Collection[Kind]) -> Iterator[tuple[Kind, Records]]:
    """Yield (kind, records) of ``kinds`` in the order of the run; records of other kinds are passed over."""
    arrays = {kind: array for kind, array in batch.arrays().items() if kind in kinds and len(array)}
    if len(arrays) <= 1:
        yield from arrays.items()
        return
    kind_of = np.concatenate([np.full(len(array), kind) for kind, array in arrays.items()])
    sequences = np.concatenate([array["sequence"] for array in arrays.values()])
    in_order = kind_of[np.argsort(sequences, kind="stable")]
    edges = np.flatnonzero(np.diff(in_order)) + 1
    at = dict.fromkeys(arrays, 0)
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), len(in_order)], strict=True):
        kind = Kind(int(in_order[start]))
        first = at[kind]
        at[kind] += end - start
        yield kind, arrays[kind][first : at[kind]]
