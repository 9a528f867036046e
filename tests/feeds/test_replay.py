"""Replay of real files against an oracle that holds everything in memory and sorts it once."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import Flag, Kind
from algotrade.feeds import FeedError, QualityGate, QualityRules, ReplayFeed, inspect
from tests.feeds.market_files import (
    MINUTE_NS,
    START_NS,
    by_sequence,
    drain,
    instruments,
    joined,
    replay,
    table_of,
    write_parquet,
)

SYMBOLS = ("A", "B", "C")
KNOWN = instruments(*SYMBOLS)
SHAPE_KIND = {"quotes": Kind.QUOTE, "trades": Kind.TRADE, "bars": Kind.BAR}
COLUMN = {"quotes": "bid", "trades": "price", "bars": "open"}


@st.composite
def data_files(draw):
    """Draw the (shape, times in minutes, symbols, is it by symbol, is it CSV, row group size) of one file."""
    rows = draw(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(SYMBOLS)), min_size=1, max_size=40))
    by_symbol = draw(st.booleans())
    rows.sort(key=(lambda row: (row[1], row[0])) if by_symbol else (lambda row: row[0]))
    shape = draw(st.sampled_from(["quotes", "trades", "bars"]))
    return (shape, [minute for minute, _ in rows], [symbol for _, symbol in rows], draw(st.booleans()),
            draw(st.integers(1, 50)))


def written(folder, found):
    paths = []
    for i, (shape, minutes, symbols, as_csv, group) in enumerate(found):
        table = table_of(shape, [START_NS + minute * MINUTE_NS for minute in minutes], symbols)
        # A price that names the file and the row.
        table[COLUMN[shape]] = 1.0 + np.arange(len(minutes)) + 1000.0 * i
        if as_csv:
            paths.append(folder / f"{i}.csv")
            pyarrow.csv.write_csv(pa.table(table), paths[-1])
        else:
            paths.append(write_parquet(folder / f"{i}.parquet", table, row_group_size=group))
    return paths


def oracle(found):
    """Return (kind, marked price) of every row: sorted by time, kind, file and row."""
    rows = []
    for i, (shape, minutes, _, _, _) in enumerate(found):
        kind = SHAPE_KIND[shape]
        # The tests say that bars last a minute.
        rows += [(minute + (kind is Kind.BAR), kind, i, row) for row, minute in enumerate(minutes)]
    return [(kind, 1.0 + row + 1000.0 * i) for _, kind, i, row in sorted(rows)]


def marked(run):
    field = {kind: COLUMN[shape] for shape, kind in SHAPE_KIND.items()}
    return [(kind, float(record[field[kind]])) for kind, record in run]


@settings(max_examples=60)
@given(st.lists(data_files(), min_size=1, max_size=4), st.integers(1, 100))
def test_files_of_any_kind_and_order_merge_into_the_sorted_run(found, chunk_records):
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), found)
        run = by_sequence(replay(paths, KNOWN, bar_duration_ns=MINUTE_NS, chunk_records=chunk_records))

    assert marked(run) == oracle(found)
    assert [int(record["sequence"]) for _, record in run] == list(range(1, len(run) + 1))
    assert not any(record["flags"] for _, record in run)


@settings(max_examples=40)
@given(st.lists(data_files(), min_size=1, max_size=3), st.integers(1, 60), st.integers(0, 120))
def test_going_on_behind_a_sequence_gives_the_rest_of_the_same_run(found, chunk_records, after):
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), found)
        whole = by_sequence(replay(paths, KNOWN, bar_duration_ns=MINUTE_NS))
        after = min(after, len(whole))
        rest = by_sequence(replay(paths, KNOWN, bar_duration_ns=MINUTE_NS, chunk_records=chunk_records,
                                  after_sequence=after))

    assert [(kind, record.tobytes()) for kind, record in rest] == [(k, r.tobytes()) for k, r in whole[after:]]


def test_many_files_are_spooled_and_merge_the_same(tmp_path):
    found = [("trades", list(range(i % 3, 40)), ["A"] * (40 - i % 3), False, 7) for i in range(12)]
    paths = written(tmp_path, found)

    assert marked(by_sequence(replay(paths, KNOWN, chunk_records=50))) == oracle(found)


def test_a_record_that_goes_back_in_time_stays_where_it_arrived(tmp_path):
    seconds = list(range(300))
    seconds[150] = 20
    path = write_parquet(tmp_path / "a.parquet", table_of("trades", [START_NS + s * 10**9 for s in seconds]))
    other = write_parquet(tmp_path / "b.parquet", table_of("quotes", [START_NS + s * 10**9 for s in range(300)], "B"))

    run = by_sequence(replay([path, other], KNOWN, chunk_records=16))

    trades = [(int(r["event_time_ns"]) - START_NS) // 10**9 for kind, r in run if kind is Kind.TRADE]
    assert trades == seconds
    assert inspect(path).out_of_order == 1
    place = next(i for i, (kind, r) in enumerate(run) if kind is Kind.TRADE and r["sequence"] and i > 290
                 and r["event_time_ns"] == START_NS + 20 * 10**9)
    # Behind the trade of second 149 and before the quote of second 150.
    assert run[place - 1][1]["event_time_ns"] == START_NS + 149 * 10**9
    assert run[place + 1][1]["event_time_ns"] == START_NS + 150 * 10**9


def test_equal_times_beyond_a_chunk_are_held_until_all_are_read(tmp_path):
    same = [START_NS] * 500
    paths = [write_parquet(tmp_path / "t.parquet", table_of("trades", same)),
             write_parquet(tmp_path / "q.parquet", table_of("quotes", same))]

    run = by_sequence(replay(paths, KNOWN, chunk_records=10))

    assert [kind for kind, _ in run] == [Kind.QUOTE] * 500 + [Kind.TRADE] * 500


def test_records_carry_times_sizes_and_ids(tmp_path):
    table = table_of("quotes", [START_NS, START_NS + 5], ["B", "A"])
    table["ts_recv"] = pa.array([START_NS + 7, START_NS + 9], pa.int64())
    table["bid_size"] = pa.array([None, 300.0])
    del table["ask_size"]

    quotes = replay([write_parquet(tmp_path / "q.parquet", table)], KNOWN)[Kind.QUOTE]

    assert quotes["receive_time_ns"].tolist() == [START_NS + 7, START_NS + 9]
    assert quotes["instrument"].tolist() == [1, 0]
    assert np.array_equal(quotes["bid_size"], [np.nan, 300.0], equal_nan=True)
    assert np.isnan(quotes["ask_size"]).all()
    assert quotes["bid"].tolist() == [100.0, 100.01]


def test_the_feed_knows_its_length_and_reads_nothing_behind_its_end(tmp_path):
    path = write_parquet(tmp_path / "q.parquet", table_of("quotes", [START_NS, START_NS + 5]))
    feed = ReplayFeed([path], KNOWN)

    assert feed.records_total == 2
    assert len(joined(drain(feed))[Kind.QUOTE]) == 2
    assert ReplayFeed([path], KNOWN, after_sequence=2).read() is None
    with pytest.raises(FeedError, match="hold 2 records; cannot go on behind record 3: these are other files"):
        ReplayFeed([path], KNOWN, after_sequence=3)
    assert ReplayFeed([], KNOWN).read() is None


def test_close_may_come_early_and_twice(tmp_path):
    path = write_parquet(tmp_path / "q.parquet", table_of("quotes", [START_NS, START_NS, START_NS + 1] * 1, "A"))
    by_symbol = write_parquet(tmp_path / "b.parquet", table_of("trades", [START_NS + 1, START_NS], ["A", "B"]))
    feed = ReplayFeed([path, by_symbol], KNOWN, chunk_records=1)
    assert feed.read() is not None

    feed.close()
    feed.close()


@pytest.mark.parametrize("as_csv", [False, True])
def test_a_file_that_changes_under_the_feed_is_noticed(tmp_path, as_csv):
    path = tmp_path / ("a.csv" if as_csv else "a.parquet")
    longer = tmp_path / ("b.csv" if as_csv else "b.parquet")
    for target, rows in ((path, 10), (longer, 20)):
        table = pa.table(table_of("trades", [START_NS + i for i in range(rows)]))
        pyarrow.csv.write_csv(table, target) if as_csv else pa.parquet.write_table(table, target)
    feed = ReplayFeed([path], KNOWN)
    shutil.copy(longer, path)

    with pytest.raises(FeedError, match=r"holds 20 rows now and held 10 when the feed was made"):
        drain(feed)


def test_a_symbol_that_appears_under_the_feed_is_noticed(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", table_of("trades", [START_NS, START_NS]))
    feed = ReplayFeed([path], KNOWN)
    write_parquet(path, table_of("trades", [START_NS, START_NS], ["A", "ZZ"]))

    with pytest.raises(FeedError, match=r"symbol of row 1 \(counted from 0\) is 'ZZ'; allowed: the known"):
        drain(feed)


def test_equal_times_of_many_sources_are_read_in_growing_steps(tmp_path):
    """Each round looks at all that waits, so rounds must not be as many as chunks."""
    path = write_parquet(tmp_path / "t.parquet", table_of("trades", [START_NS] * 50_000))
    feed = ReplayFeed([path, path], KNOWN, chunk_records=100)

    assert len(feed.read()) == 100_000
    feed.close()


@pytest.mark.parametrize("chunk_records", [1, 7, 1 << 16])
def test_without_the_records_that_go_back_the_run_never_does(tmp_path, chunk_records):
    """A row of B that is late behind a row of A is late for the run, although B itself never went back."""
    times = [START_NS + i * MINUTE_NS for i in range(400)]
    times[200], times[350] = times[100], times[349] - 1
    symbols = ["AB"[i % 2] for i in range(400)]
    path = write_parquet(tmp_path / "x.parquet", table_of("trades", times, symbols))
    gate = QualityGate(instruments("A", "B"), QualityRules(), {})

    verdicts = [gate.check(batch) for batch in
                drain(ReplayFeed([path], instruments("A", "B"), chunk_records=chunk_records))]

    passed = joined(v.passed for v in verdicts)[Kind.TRADE]
    held = joined(v.quarantined for v in verdicts)[Kind.TRADE]
    assert held["sequence"].tolist() == [201, 351]
    assert set(held["flags"].tolist()) == {int(Flag.OUT_OF_ORDER)}
    assert np.all(np.diff(passed["event_time_ns"]) >= 0)
