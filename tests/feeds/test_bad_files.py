"""Files that cannot be replayed: each is refused with a message that says where, what, and what is allowed."""

import os
import re
import resource

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.feeds import FeedError, ReplayFeed, inspect
from tests.feeds.market_files import SECOND_NS, START_NS, drain, instruments, table_of, write_parquet

KNOWN = instruments("A", "B")
TIMES = [START_NS + i * SECOND_NS for i in range(10)]


def quotes(**changed):
    """Return a good table of quotes with columns changed, or left out where None."""
    table = {**table_of("quotes", TIMES), **changed}
    return {name: column for name, column in table.items() if column is not None}


def refused(path, message):
    """Check that both readers refuse ``path`` with exactly ``message`` behind its name."""
    for reading in (lambda: inspect(path), lambda: drain(ReplayFeed([path], KNOWN))):
        with pytest.raises(FeedError) as caught:
            reading()
        assert str(caught.value) == f"{path}: {message}"


def at(index, value, kind=None):
    """Return the good times, or symbols, with one of them replaced."""
    good = list(TIMES) if kind is None else ["A"] * len(TIMES)
    good[index] = value
    return pa.array(good, pa.int64() if kind is None else kind)


SHAPES = ("quotes (bid, ask) or quote bars (bid_open, bid_high, bid_low, bid_close, ask_open, ask_high, ask_low, "
          "ask_close) or trades (price, size) or bars (open, high, low, close, volume)")

TABLES = [
    ("no known shape", {"ts_event": TIMES, "symbol": ["A"] * 10, "level": [1.0] * 10},
     f"columns are ts_event, symbol, level; allowed: ts_event, symbol and those of {SHAPES}"),
    ("a column short", quotes(ask=None),
     f"columns are ts_event, symbol, bid, bid_size, ask_size; allowed: ts_event, symbol and those of {SHAPES}"),
    ("two shapes", quotes(price=[1.0] * 10, size=[1] * 10),
     "columns are those of quotes and of trades; allowed: those of one of them"),
    ("no symbol", quotes(symbol=None),
     ("column 'symbol' is missing; found: ts_event, bid, ask, bid_size, ask_size; "
      "allowed for quotes: ts_event, symbol, bid, ask")),
    ("no time", quotes(ts_event=None),
     ("column 'ts_event' is missing; found: symbol, bid, ask, bid_size, ask_size; "
      "allowed for quotes: ts_event, symbol, bid, ask")),
    ("an order book", {**table_of("trades", TIMES), "order_id": [1] * 10},
     "column 'order_id' says that rows are order-book events; allowed: quotes, quote bars, trades or bars"),
    ("times as text", quotes(ts_event=["2024-01-08"] * 10),
     "column 'ts_event' has type string; allowed: int64 (ns since 1970 UTC) or a timestamp"),
    ("times as doubles", quotes(ts_event=np.array(TIMES, float)),
     "column 'ts_event' has type double; allowed: int64 (ns since 1970 UTC) or a timestamp"),
    ("times as dates", quotes(ts_event=pa.array([19730] * 10, pa.date32())),
     "column 'ts_event' has type date32[day]; allowed: int64 (ns since 1970 UTC) or a timestamp"),
    ("received as text", quotes(ts_recv=["x"] * 10),
     "column 'ts_recv' has type string; allowed: int64 (ns since 1970 UTC) or a timestamp"),
    ("symbols as numbers", quotes(symbol=[7] * 10),
     "column 'symbol' has type int64; allowed: string, or a dictionary of strings"),
    ("prices as text", quotes(bid=["1.5"] * 10),
     "column 'bid' has type string; allowed: double, an integer or a decimal"),
    ("prices as float32", quotes(bid=np.ones(10, np.float32)),
     "column 'bid' has type float; allowed: double, an integer or a decimal"),
    ("sizes as text", quotes(bid_size=["1"] * 10),
     "column 'bid_size' has type string; allowed: double, an integer or a decimal"),
    ("a missing time", quotes(ts_event=at(7, None)),
     "ts_event of row 7 (counted from 0) is missing; allowed: a time in every row"),
    ("only missing times", quotes(ts_event=pa.array([None] * 10)),
     "ts_event of row 0 (counted from 0) is missing; allowed: a time in every row"),
    ("a missing symbol", quotes(symbol=at(3, None, pa.string())),
     "symbol of row 3 (counted from 0) is missing; allowed: a symbol in every row"),
    ("an empty symbol", quotes(symbol=at(4, "", pa.string())),
     "symbol of row 4 (counted from 0) is missing; allowed: a symbol in every row"),
    ("milliseconds", quotes(ts_event=[t // 1_000_000 for t in TIMES]),
     ("ts_event runs from 1704724200000 to 1704724209000, which as nanoseconds since 1970 is "
      "1970-01-01T00:28:24.724200000Z to 1970-01-01T00:28:24.724209000Z; allowed: nanoseconds, not a coarser unit")),
    ("a time out of range", quotes(ts_event=at(2, 8 * 10**18)),
     ("ts_event of row 2 (counted from 0) is 8000000000000000000 = 2223-07-06T14:13:20.000000000Z; "
      "allowed: nanoseconds since 1970 UTC, from 1970 to 2199")),
    ("a timestamp out of range", quotes(ts_event=pa.array([33 * 10**12] * 10, pa.timestamp("ms"))),
     ("column 'ts_event' cannot be read: Casting from timestamp[ms] to timestamp[ns] would result in out of bounds "
      "timestamp: 33000000000000; allowed: times from 1970 to 2199")),
    ("a size beyond a double", quotes(bid=[2**53 + 1] * 10),
     ("column 'bid' cannot be read: Integer value 9007199254740993 not in range: -9007199254740992 to "
      "9007199254740992; allowed: numbers that a double can hold")),
    ("unsorted", quotes(ts_event=pa.array(TIMES[::-1])),
     (f"row 1 (counted from 0) goes back in time: ts_event {TIMES[8]} = 2024-01-08T14:30:08.000000000Z comes after "
      f"{TIMES[9]} = 2024-01-08T14:30:09.000000000Z, and so do 90.0% of the rows; allowed: 1% "
      "(`algotrade data convert` sorts a file)")),
    ("no rows", {name: pa.array([], pa.array(column).type) for name, column in quotes().items()},
     "holds no rows; allowed: one or more"),
]


@pytest.mark.parametrize(("table", "message"), [row[1:] for row in TABLES], ids=[row[0] for row in TABLES])
def test_a_table_that_breaks_the_schema_is_refused(tmp_path, table, message):
    refused(write_parquet(tmp_path / "x.parquet", table), message)


def test_a_symbol_that_is_no_instrument_is_refused_with_the_known_ones(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", quotes(symbol=["A"] * 8 + ["ZZ", "Q"]))

    with pytest.raises(FeedError) as caught:
        ReplayFeed([path], KNOWN)

    assert str(caught.value) == f"{path}: holds the unknown symbols Q, ZZ; allowed: the known instruments A, B"


def test_unsorted_symbols_are_named_within_their_symbol(tmp_path):
    # Sorted by symbol, with one row too many out of place in B.
    times = TIMES + TIMES[:5] + [TIMES[2]] + TIMES[6:]

    refused(write_parquet(tmp_path / "x.parquet", table_of("trades", times, ["A"] * 10 + ["B"] * 10)),
            f"row 15 (counted from 0) goes back in time: ts_event {TIMES[2]} = 2024-01-08T14:30:02.000000000Z comes "
            f"after {TIMES[4]} = 2024-01-08T14:30:04.000000000Z, and so do 5.0% of the rows; allowed: 1% "
            "(`algotrade data convert` sorts a file)")


def test_no_file_at_all_is_refused(tmp_path):
    refused(tmp_path / "gone.parquet", "does not exist; allowed: a Parquet or CSV file")
    refused(tmp_path, "is a folder; allowed: a Parquet or CSV file")
    empty = tmp_path / "empty.parquet"
    empty.touch()
    refused(empty, "is empty (0 bytes); allowed: a Parquet or CSV file with rows")
    text = tmp_path / "notes.txt"
    text.write_text("these are no prices")
    refused(text, "starts with b'thes'; allowed: a Parquet file (PAR1), or a name that ends in .csv or .csv.gz")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", quotes())
    path.chmod(0)
    refused(path, "cannot be read: Permission denied")


CSV = "ts_event,symbol,price,size\n"
LINES_ALLOWED = ("allowed: as many fields in each line as names in the first, and numbers where the schema has "
                 "numbers")
CSV_TEXTS = [
    ("a name twice", "ts_event,symbol,price,size,price\n",
     "column 'price' is there more than once; allowed: each column once"),
    ("only names", CSV, "holds no rows; allowed: one or more"),
    ("a short line", CSV + f"{START_NS},A,1.5\n",
     f"cannot be read: CSV parse error: Expected 4 columns, got 3: {START_NS},A,1.5; {LINES_ALLOWED}"),
    ("a word for a price", CSV + f"{START_NS},A,cheap,1\n",
     ("cannot be read: In CSV column #2: CSV conversion error to double: invalid value 'cheap'; "
      f"{LINES_ALLOWED} (behind row 0, counted from 0)")),
    ("a word for a time", CSV + "yesterday,A,1,1\n",
     "column 'ts_event' has type string; allowed: int64 (ns since 1970 UTC) or a timestamp"),
    ("a time left out", CSV + f"{START_NS},A,1,1\n,A,1,1\n",
     "ts_event of row 1 (counted from 0) is missing; allowed: a time in every row"),
    ("a symbol left out", CSV + f"{START_NS},,1,1\n",
     "symbol of row 0 (counted from 0) is missing; allowed: a symbol in every row"),
    ("no text at all", b"\xff\xfe\x00\x01" * 50, None),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in CSV_TEXTS], ids=[row[0] for row in CSV_TEXTS])
def test_a_csv_file_that_breaks_the_schema_is_refused(tmp_path, text, message):
    path = tmp_path / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(FeedError) as caught:
        drain(ReplayFeed([path], KNOWN))

    found = str(caught.value)
    assert found.startswith(f"{path}: ")
    assert message is None or found == f"{path}: {message}"


def a_good_file(folder, shape="quotes"):
    return write_parquet(folder / "good.parquet", table_of(shape, [START_NS + i for i in range(300)]))


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path):
    whole = a_good_file(tmp_path).read_bytes()
    path = tmp_path / "cut.parquet"
    for end in {*range(1, len(whole), 37), len(whole) - 1}:
        path.write_bytes(whole[:end])
        with pytest.raises(FeedError, match=re.escape(str(path))):
            inspect(path)


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_never_worse(tmp_path_factory, data):
    """Flipped bytes may go unnoticed in a price (that is what the file's sha256 is for); nothing else may happen."""
    folder = tmp_path_factory.mktemp("damaged")
    whole = bytearray(a_good_file(folder).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(4, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path = folder / "damaged.parquet"
    path.write_bytes(whole)

    try:
        drain(ReplayFeed([path], KNOWN))
        inspect(path)
    except FeedError as error:
        assert str(path) in str(error)  # noqa: PT017 -- both outcomes are fine


@given(st.binary(max_size=300), st.sampled_from(["x.parquet", "x.csv"]))
def test_random_bytes_are_refused(tmp_path_factory, noise, name):
    path = tmp_path_factory.mktemp("noise") / name
    for content in (noise, b"PAR1" + noise + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(FeedError):
            inspect(path)


def test_timestamps_decimals_and_integers_are_accepted(tmp_path):
    plain = write_parquet(tmp_path / "plain.parquet", quotes())
    other = write_parquet(tmp_path / "other.parquet", {
        "ts_event": pa.array([t // 1000 for t in TIMES], pa.timestamp("us", "America/New_York")),
        "symbol": pa.array(["A"] * 10).dictionary_encode(),
        "bid": pa.array(quotes()["bid"]).cast(pa.decimal128(9, 2)),
        "ask": quotes()["ask"],
        "bid_size": pa.array(np.round(quotes()["bid_size"] * 100).astype(np.int64)),
    })

    first, second = (drain(ReplayFeed([path], KNOWN))[0].quotes for path in (plain, other))

    for field in ("event_time_ns", "instrument", "bid", "ask"):
        assert first[field].tolist() == second[field].tolist()


def test_csv_times_may_be_numbers_or_timestamps(tmp_path):
    for name, texts in {
        "ns": [str(START_NS), str(START_NS + SECOND_NS // 2)],
        "zone": ["2024-01-08T14:30:00Z", "2024-01-08T14:30:00.5Z"],
        "offset": ["2024-01-08T09:30:00-05:00", "2024-01-08T09:30:00.5-05:00"],
        "utc": ["2024-01-08 14:30:00", "2024-01-08 14:30:00.5"],
    }.items():
        path = tmp_path / f"{name}.csv"
        path.write_text("ts_event,symbol,price,size\n" + "".join(f"{t},A,10,1\n" for t in texts))

        trades = drain(ReplayFeed([path], KNOWN))[0].trades

        assert trades["event_time_ns"].tolist() == [START_NS, START_NS + SECOND_NS // 2]


def test_a_compressed_csv_file_is_read(tmp_path):
    path = tmp_path / "x.csv.gz"
    with pa.CompressedOutputStream(path, "gzip") as file:
        pyarrow.csv.write_csv(pa.table(quotes()), file)

    assert len(drain(ReplayFeed([path], KNOWN))[0].quotes) == 10


@pytest.mark.parametrize("kind", [
    pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.uint16(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string())], ids=str)
def test_symbols_may_be_texts_of_any_arrow_type(tmp_path, kind):
    symbols = pa.array(["A", "B"] * 5).cast(kind) if not pa.types.is_dictionary(kind) else pa.array(
        ["A", "B"] * 5).dictionary_encode().cast(kind)
    path = write_parquet(tmp_path / "x.parquet", quotes(symbol=symbols))

    assert drain(ReplayFeed([path], KNOWN))[0].quotes["instrument"].tolist() == [0, 1] * 5


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    table = pa.table(quotes())
    pq.write_table(table.append_column("bid", table["ask"]), path)

    refused(path, "column 'bid' is there more than once; allowed: each column once")


def test_a_full_disk_names_the_temporary_folder(tmp_path):
    """The limit on the size of files stands in for a full disk: the same error, from the same call."""
    path = write_parquet(tmp_path / "x.parquet", table_of("trades", [START_NS + i for i in range(5_000, 0, -1)],
                                                          [f"S{i:04}" for i in range(5_000)]))
    known = instruments(*(f"S{i:04}" for i in range(5_000)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    feed = ReplayFeed([path], known)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(FeedError, match=r"cannot hold \d+ bytes of sorted records: .*; set TMPDIR to a"):
            feed.read()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        feed.close()


def test_unused_symbols_of_a_dictionary_are_not_looked_up(tmp_path):
    symbols = pa.DictionaryArray.from_arrays(pa.array([1] * 10, pa.int32()), pa.array(["ZZ", "A"]))
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(quotes(symbol=symbols)), path)

    assert len(drain(ReplayFeed([path], KNOWN))[0].quotes) == 10
