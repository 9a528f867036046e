"""The merge against an oracle that sorts everything at once."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Kind
from algotrade.domain.market import LAYOUTS
from algotrade.feeds.merge import Lane, Merger, split_before
from tests.feeds.market_files import by_sequence, joined

# Few different times, so that most of them are equal; back steps are ordinary here.
sources = st.lists(
    st.tuples(st.sampled_from(Kind), st.lists(st.integers(0, 8), max_size=30)), min_size=1, max_size=6,
).map(lambda found: sorted(found, key=lambda source: source[0]))


def records_of(kind, times, source):
    records = np.zeros(len(times), LAYOUTS[kind])
    records["event_time_ns"] = times
    records["instrument"] = source
    # The row in its source, carried along to tell records apart.
    records["receive_time_ns"] = np.arange(len(times))
    return records


def lane(kind, records, cuts):
    edges = sorted({0, len(records), *(cut % (len(records) + 1) for cut in cuts)})
    parts = iter([records[begin:end].copy() for begin, end in itertools.pairwise(edges)])
    return Lane(kind, lambda: next(parts, None))


def merge(found, cuts, records_min):
    merger = Merger([lane(kind, records_of(kind, times, i), cuts[i:]) for i, (kind, times) in enumerate(found)],
                    lane_records_min=records_min)
    batches = []
    while (batch := merger.read()) is not None:
        assert len(batch)
        batches.append(batch)
    return batches


def oracle(found):
    """Return (kind, source, row) of every record, sorted by running maximum, kind, source and row."""
    rows = []
    for source, (kind, times) in enumerate(found):
        keys = np.maximum.accumulate(np.array(times, np.int64)) if times else []
        rows += [(int(key), kind, source, row) for row, key in enumerate(keys)]
    return [row[1:] for row in sorted(rows)]


@given(sources, st.lists(st.integers(0, 30), max_size=30), st.integers(1, 40))
def test_the_merged_run_is_the_sorted_one_wherever_chunks_are_cut(found, cuts, records_min):
    run = by_sequence(joined(merge(found, cuts, records_min)))

    assert [(kind, int(r["instrument"]), int(r["receive_time_ns"])) for kind, r in run] == oracle(found)
    assert [int(record["sequence"]) for _, record in run] == list(range(1, len(run) + 1))


@given(sources, st.lists(st.integers(0, 30), max_size=30))
def test_each_stretch_goes_on_where_the_last_one_ended(found, cuts):
    sequences = [sorted(int(s) for records in batch.arrays().values() for s in records["sequence"])
                 for batch in merge(found, cuts, 1)]

    assert [s for stretch in sequences for s in stretch] == list(range(1, sum(map(len, sequences)) + 1))


@given(sources, st.integers(0, 200))
def test_a_batch_splits_by_sequence_without_loss(found, sequence):
    for batch in merge(found, [], 1000):
        before, rest = split_before(batch, sequence)

        assert all(record["sequence"] < sequence for _, record in by_sequence(before.arrays()))
        assert all(record["sequence"] >= sequence for _, record in by_sequence(rest.arrays()))
        whole = joined([before, rest])
        assert all(np.array_equal(whole[kind], records) for kind, records in batch.arrays().items())
