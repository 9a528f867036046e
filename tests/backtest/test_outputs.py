import csv
import resource
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.backtest.files import written_whole
from algotrade.backtest.fold_reports import RunFold
from algotrade.backtest.holdings import holdings_of
from algotrade.backtest.outputs import OutputError, iso_utc, plain, write_fills, write_orders, write_positions
from algotrade.domain import ExecType, Instrument, Instruments, OrderStatus, Side, fold
from tests.backtest.makers import INSTRUMENTS, fill, intent, report, trade

TIME_NS = 1_706_711_400_000_000_001

FILLS = [
    fill(1, Side.BUY, "10", "100.50", commission="1.0", time_ns=TIME_NS),
    fill(2, Side.SELL, "1E+1", "4000.25", commission="0", instrument=1, time_ns=TIME_NS + 10**9),
]


def test_fills_have_these_bytes(tmp_path):
    write_fills(tmp_path / "fills.csv", FILLS, INSTRUMENTS)

    assert (tmp_path / "fills.csv").read_bytes() == (
        b"event_time_ns,event_time,execution_id,intent_id,symbol,side,quantity,price,commission,currency\n"
        b"1706711400000000001,2024-01-31T14:30:00.000000001Z,e1,s.r.1.0,AAPL,BUY,10,100.5,1,USD\n"
        b"1706711401000000001,2024-01-31T14:30:01.000000001Z,e2,s.r.2.0,ES,SELL,10,4000.25,0,USD\n"
    )


def test_orders_have_these_bytes(tmp_path):
    run = RunFold()
    run.feed([
        report(1, ExecType.NEW, OrderStatus.NEW), trade(2, "e1", 4),
        report(3, ExecType.REJECTED, OrderStatus.REJECTED, intent_id=intent(9), order_id=2, limit_price=None,
               reason="price_collar: 5, not 3"),
    ])

    write_orders(tmp_path / "orders.csv", run.orders, INSTRUMENTS)

    assert (tmp_path / "orders.csv").read_bytes() == (
        b"order_id,intent_id,symbol,side,order_type,time_in_force,quantity,limit_price,stop_price,status,"
        b"cumulative_quantity,average_price,first_event_time_ns,first_event_time,last_event_time_ns,last_event_time,"
        b"reason\n"
        b"1,s.r.1.0,AAPL,BUY,LIMIT,DAY,10,100.5,,PARTIALLY_FILLED,4,100.25,"
        b"1,1970-01-01T00:00:00.000000001Z,2,1970-01-01T00:00:00.000000002Z,\n"
        b"2,s.r.9.0,AAPL,BUY,LIMIT,DAY,10,,,REJECTED,0,0,"
        b'3,1970-01-01T00:00:00.000000003Z,3,1970-01-01T00:00:00.000000003Z,"price_collar: 5, not 3"\n'
    )


def test_positions_have_these_bytes(tmp_path):
    closed = [fill(3, Side.BUY, 1, 10, instrument=2), fill(4, Side.SELL, 1, 12, instrument=2)]
    positions = fold([*FILLS, *closed], {i.id: i.multiplier for i in INSTRUMENTS})

    holdings = holdings_of(positions, {0: Decimal(101), 1: Decimal("4001.25")}, INSTRUMENTS)
    write_positions(tmp_path / "positions.csv", holdings)

    assert (tmp_path / "positions.csv").read_bytes() == (
        b"symbol,quantity,average_price,mark,market_value,realized_pnl,unrealized_pnl,commission,net_pnl,currency\n"
        b"AAPL,10,100.5,101,1010,0,5,1,4,USD\n"
        b"ES,-10,4000.25,4001.25,-2000625,0,-500,0,-500,USD\n"
        b"MSFT,0,0,,0,2,0,0,2,USD\n"
    )


awkward = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20).filter(str.isprintable)


@given(st.lists(st.tuples(awkward, st.decimals(min_value="1e-8", max_value="1e12", places=8)), min_size=1, max_size=5,
                unique_by=lambda row: row[0]))
def test_what_was_written_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "fills.csv"
    named = Instruments(Instrument(id=i, symbol=symbol) for i, (symbol, _) in enumerate(rows))
    fills = [fill(i, Side.BUY, quantity, quantity, instrument=i) for i, (_, quantity) in enumerate(rows)]

    write_fills(path, fills, named)

    with path.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [(r["symbol"], Decimal(r["quantity"]), Decimal(r["price"])) for r in read] == [(s, q, q) for s, q in rows]
    assert b"\r" not in path.read_bytes()


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_plain_number_is_the_same_number_in_one_form(number):
    text = plain(number)

    assert Decimal(text) == number
    assert plain(Decimal(text)) == text
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))


def test_times_have_nine_digits_of_the_second():
    assert iso_utc(0) == "1970-01-01T00:00:00.000000000Z"
    assert iso_utc(-1) == "1969-12-31T23:59:59.999999999Z"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "fills.csv"
    path.write_text("old")

    with pytest.raises(AssertionError, match="is not a number"):
        write_fills(path, [fill(1, Side.BUY, "NaN", 1)], INSTRUMENTS)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["missing/fills.csv", "file/fills.csv", "folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(OutputError, match=str(tmp_path / place)):
        write_fills(tmp_path / place, FILLS, INSTRUMENTS)

    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_full_disk_is_an_output_error_and_leaves_no_part(tmp_path):
    """A limit on the size of files stands in for the disk's end; the kernel refuses the write in the same way."""
    path = tmp_path / "fills.csv"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(OutputError, match=str(path)), written_whole(path) as file:
            file.write("x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(tmp_path.iterdir()) == []
