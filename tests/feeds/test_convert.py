"""Converting between CSV and Parquet: nothing lost, sorted, and all or nothing."""

import resource

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.feeds import Converted, FeedError, convert, inspect
from algotrade.feeds.convert import write_table
from tests.feeds.market_files import NUMBERS, START_NS, by_sequence, instruments, replay, table_of, write_parquet
from tests.shared_data import shared_data

KNOWN = instruments("A", 'B,"é"')
floats = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def tables(draw):
    shape = draw(st.sampled_from(["quotes", "trades", "bars"]))
    rows = draw(st.integers(1, 30))
    column = st.lists(floats, min_size=rows, max_size=rows)
    times = draw(st.lists(st.integers(START_NS, START_NS + 50), min_size=rows, max_size=rows))
    symbols = draw(st.lists(st.sampled_from([i.symbol for i in KNOWN]), min_size=rows, max_size=rows))
    return {**table_of(shape, times, symbols), **{name: draw(column) for name in NUMBERS[shape]}}


def rows_of(path):
    """Return the file's rows as text, so that NaN equals NaN; a missing number and NaN are the same."""
    rows = pq.read_table(path).to_pylist()
    return [[float("nan") if value is None else value for value in row.values()].__repr__() for row in rows]


@settings(max_examples=40)
@given(tables())
def test_a_file_survives_the_way_to_csv_and_back_to_the_last_bit(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("convert")
    source = write_parquet(folder / "source.parquet", table)
    once, again = folder / "once.parquet", folder / "again.parquet"

    convert(source, once)
    convert(source, folder / "text.csv")
    convert(folder / "text.csv", again)

    assert rows_of(once) == rows_of(again)
    order = np.argsort(table["ts_event"].to_numpy(), kind="stable")
    sorted_source = [rows_of(source)[i] for i in order]
    assert rows_of(once) == sorted_source


def test_what_was_unsorted_can_be_replayed(tmp_path):
    table = table_of("trades", [START_NS + i for i in (5, 1, 3, 3, 2)])
    source, target = write_parquet(tmp_path / "s.parquet", table), tmp_path / "t.parquet"
    with pytest.raises(FeedError, match="goes back in time"):
        inspect(source)

    done = convert(source, target)

    assert done == Converted(rows=5, moved=4, columns_left_out=())
    run = [(int(r["event_time_ns"]) - START_NS, float(r["price"])) for _, r in by_sequence(replay([target], KNOWN))]
    # The two of one time in their old order.
    assert run == [(1, 100.01), (2, 100.04), (3, 100.02), (3, 100.03), (5, 100.0)]


def test_what_the_schema_does_not_know_is_left_out_and_named(tmp_path):
    table = {**table_of("bars", [START_NS, START_NS + 1]), "adj_close": [1.0, 2.0], "mood": ["good", "bad"],
             "session_date": pa.array([19_730, 19_730], pa.date32())}

    done = convert(write_parquet(tmp_path / "s.parquet", table), tmp_path / "t.csv")

    assert done.columns_left_out == ("mood",)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        '"ts_event","symbol","open","high","low","close","volume","session_date","adj_close"',
        f'{START_NS},"A",100,100,100,100,100,2024-01-08,1',
        f'{START_NS + 1},"A",100.01,100.01,100.01,100.01,100.01,2024-01-08,2']


def test_times_become_nanoseconds(tmp_path):
    source = tmp_path / "s.csv"
    source.write_text("ts_event,symbol,price,size,ts_recv\n2024-01-08T09:30:00-05:00,A,1,2,2024-01-08 14:30:01\n")

    convert(source, tmp_path / "t.parquet")

    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"ts_event": START_NS, "ts_recv": START_NS + 10**9, "symbol": "A", "price": 1.0, "size": 2.0}]


def test_an_existing_file_is_replaced_only_on_request(tmp_path):
    source = write_parquet(tmp_path / "s.parquet", table_of("trades", [START_NS]))
    target = tmp_path / "t.csv"
    target.write_text("precious")

    with pytest.raises(FeedError, match="exists; allowed: a new file, unless told to replace it"):
        convert(source, target)
    assert target.read_text() == "precious"

    convert(source, target, replace=True)
    assert target.read_text().startswith('"ts_event"')


def test_a_file_may_be_sorted_in_place(tmp_path):
    path = write_parquet(tmp_path / "s.parquet", table_of("trades", [START_NS + 1, START_NS]))

    convert(path, path, replace=True)

    assert inspect(path).out_of_order == 0


@pytest.mark.parametrize(("options", "message"), [
    ({"rows_max": 2}, "has more than 2 rows; allowed: that many, to sort in memory; split the file"),
])
def test_a_bound_is_a_bound(tmp_path, options, message):
    source = write_parquet(tmp_path / "s.parquet", table_of("trades", [START_NS, START_NS, START_NS]))

    with pytest.raises(FeedError, match=message):
        convert(source, tmp_path / "t.parquet", **options)


def test_nothing_half_written_is_left(tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text("ts_event,symbol,price,size\n" + f"{START_NS},A,1,2\n" * 10 + f"{START_NS},A,dear,2\n")
    target = tmp_path / "t.parquet"

    for source, goal in ((broken, target), (write_parquet(tmp_path / "s.parquet", table_of("trades", [START_NS])),
                                            tmp_path / "no" / "folder.parquet")):
        with pytest.raises(FeedError):
            convert(source, goal)

    assert {path.name for path in tmp_path.iterdir()} == {"broken.csv", "s.parquet"}


def test_a_failing_write_keeps_the_old_file(tmp_path):
    target = tmp_path / "t.csv"
    target.write_text("precious")

    with pytest.raises(FeedError, match=r"t\.csv: cannot be written: "):
        # CSV has no lists.
        write_table(pa.table({"ts_event": [[1]]}), target)

    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_full_disk_leaves_the_old_file(tmp_path, name):
    table = {**table_of("trades", list(range(START_NS, START_NS + 50_000))),
             "price": np.random.default_rng(1).random(50_000)}
    source, target = write_parquet(tmp_path / "s.parquet", table), tmp_path / name
    target.write_text("precious")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The limit on the size of files stands in for a full disk: the same error, from the same call.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(FeedError, match=f"{name}: cannot be written: "):
            convert(source, target, replace=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert target.read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"s.parquet", name}


def test_compressed_csv_is_read_but_not_written(tmp_path):
    source = tmp_path / "s.csv.gz"
    with pa.CompressedOutputStream(source, "gzip") as file:
        pyarrow.csv.write_csv(pa.table(table_of("trades", [START_NS])), file)

    assert convert(source, tmp_path / "t.parquet").rows == 1
    for name, suffix in (("t.csv.gz", "'.gz'"), ("t.txt", "'.txt'"), ("t", "'no suffix'")):
        with pytest.raises(FeedError, match=rf"ends in {suffix}; allowed: a name that ends in \.csv or \.parquet"):
            convert(source, tmp_path / name)


def test_a_real_file_sorted_by_symbol_becomes_sorted_by_time(tmp_path):
    source = shared_data("us_equity_bars/us24_1min_20190211_20190215.parquet")
    # By way of CSV, which is read in several blocks.
    text, target = tmp_path / "t.csv", tmp_path / "t.parquet"

    convert(source, text)
    convert(text, target)

    before, after = inspect(source), inspect(target)
    assert (before.order, after.order) == ("symbol, time", "time")
    assert sorted(before.symbols) == sorted(after.symbols)
    known = instruments(*sorted(before.symbols))
    runs = [{kind: r.tobytes() for kind, r in replay([path], known).items()} for path in (source, target)]
    assert runs[0] == runs[1]
