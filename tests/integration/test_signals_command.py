"""`algotrade signals` and `algotrade warm`: the catalogue on the terminal, plots, and bad input told in one line."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from algotrade.domain import Kind
from algotrade.signals import catalog
from algotrade_runners.cli.main import app
from algotrade_runners.cli.signal_facts import example_of, families, is_among, is_panel, is_series
from algotrade_runners.cli.signal_series import SeriesRefused, among, columns_of, read_tape, series_of
from tests.integration.runs import algotrade
from tests.integration.ticks import write_quotes, write_trades

DAY_NS = 86_400 * 10**9


def signals(*words):
    return CliRunner().invoke(app, ["signals", *map(str, words)])


def write_bars(path, rows=300, symbols=("AAA",)):
    rng = np.random.default_rng(1)
    close = {symbol: 100 * np.exp(np.cumsum(rng.normal(0, 0.01, rows))) for symbol in symbols}
    table = pa.concat_tables(
        pa.table({"ts_event": 10**18 + np.arange(rows) * DAY_NS, "symbol": [symbol] * rows, "open": values,
                  "high": values * 1.01, "low": values * 0.99, "close": values, "volume": np.full(rows, 1_000.0)})
        for symbol, values in close.items())
    (pyarrow.csv.write_csv if path.suffix == ".csv" else pq.write_table)(table, path)
    return close


def drawn(page) -> dict[str, list]:
    """Return the lines of a page by name."""
    (figures,) = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page.read_text(), re.DOTALL)
    return {trace["name"]: trace["y"] for trace in json.loads(figures)["signal"]["data"] if "name" in trace}


def test_list_has_every_signal_of_the_catalogue_and_a_family_alone_its_own():
    printed = signals("list").stdout
    assert all(re.search(rf"[^\w]{name}[^\w]", printed) for name in catalog)

    some = signals("list", "--family", "volume").stdout
    assert " obv " in some
    assert " sma " not in some


@pytest.mark.parametrize("name", list(catalog))
def test_show_tells_formula_source_and_every_parameter(name):
    entry = catalog[name]
    printed = " ".join(signals("show", name).stdout.split())
    for text in (entry.formula, entry.source, entry.unit):
        assert text.split()[0] in printed
    assert all(p.name in printed and f"{p.default:g}" in printed for p in entry.parameters)


@pytest.mark.parametrize("name", [f[k].name for f in families().values() for k in (0, -1) if is_series(f[k])])
def test_the_program_that_show_prints_runs_and_streams_what_it_computes_at_once(name):
    scope = {}
    exec(compile(example_of(catalog[name]), name, "exec"), scope)  # noqa: S102 -- what a reader would type
    last = np.ravel(scope["latest"])
    assert not np.isnan(last).all()
    first = name if catalog[name].outputs is float else catalog[name].output_names[0]
    assert last[0] == scope.get(f"{first}s", scope[first])[-1]


@pytest.mark.parametrize("name", [entry.name for entry in catalog.values() if is_panel(entry)])
def test_the_program_for_many_symbols_that_show_prints_runs(name):
    scope = {}
    exec(compile(example_of(catalog[name]), name, "exec"), scope)  # noqa: S102 -- what a reader would type
    first = scope[name][0] if isinstance(scope[name], tuple) else scope[name]
    assert not np.isnan(first).all()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_page_shows_what_the_signal_gives_on_the_file(tmp_path, suffix):
    close = write_bars(tmp_path / f"bars{suffix}")["AAA"]
    out = tmp_path / "rsi.html"
    done = signals("plot", "rsi", "--data", tmp_path / f"bars{suffix}", "--period", "7", "--out", out)
    assert done.exit_code == 0, done.output
    assert "rsi(period=7) of close; AAA, 300 observations" in done.stdout

    expected = catalog["rsi"].batch(close, period=7)
    found = np.array(drawn(out)["rsi"], dtype=float)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_a_picture_is_the_same_bytes_every_time(tmp_path, suffix, magic):
    pytest.importorskip("matplotlib", reason="pictures need algotrade[plot]")
    write_bars(tmp_path / "bars.parquet")
    pictures = []
    for name in ("one", "two"):
        done = signals("plot", "macd", "--data", tmp_path / "bars.parquet", "--out", tmp_path / f"{name}{suffix}")
        assert done.exit_code == 0, done.output
        pictures.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert pictures[0].startswith(magic)
    assert pictures[0] == pictures[1]


def test_quotes_give_their_mid_and_trades_their_price(tmp_path):
    quotes, trades = write_quotes(tmp_path / "q.parquet", 500), write_trades(tmp_path / "t.parquet", 500)
    table = pq.read_table(quotes)
    of_one = np.array(table.column("symbol").to_pylist()) == "AAA"
    mid = 0.5 * (table.column("bid").to_numpy() + table.column("ask").to_numpy())[of_one]

    series = series_of(read_tape([quotes], ["AAA"]), "sma", ["x"], "AAA", {}, "q.parquet")
    np.testing.assert_allclose(series.inputs[0], mid)
    assert series.names == ("mid",)
    assert series_of(read_tape([trades], ["AAA"]), "obv", ["close", "volume"], "AAA", {}, "").names == ("price", "size")


def test_trades_beside_quotes_have_the_quote_before_them(tmp_path):
    quote = {"ts_event": [10**18, 10**18 + 20], "symbol": ["A", "A"], "bid": [1.0, 2.0], "ask": [3.0, 4.0]}
    trade = {"ts_event": [10**18 - 5, 10**18 + 5, 10**18 + 20, 10**18 + 30], "symbol": ["A"] * 4,
             "price": [9.0, 2.0, 3.0, 3.5], "size": [1.0] * 4}
    pq.write_table(pa.table(quote), tmp_path / "q.parquet")
    pq.write_table(pa.table(trade), tmp_path / "t.parquet")

    tape = read_tape([tmp_path / "q.parquet", tmp_path / "t.parquet"])
    price, bid, ask = series_of(tape, "effective_spread", ["price", "bid", "ask"], "A", {}, "").inputs

    np.testing.assert_array_equal(price, [9.0, 2.0, 3.0, 3.5])
    np.testing.assert_array_equal(bid, [np.nan, 1.0, 2.0, 2.0])
    np.testing.assert_array_equal(ask, [np.nan, 3.0, 4.0, 4.0])


def test_the_volume_of_a_trade_has_the_sign_of_the_last_move(tmp_path):
    trade = {"ts_event": 10**18 + np.arange(6), "symbol": ["A"] * 6, "price": [5.0, 5.0, 6.0, 6.0, 4.0, 4.0],
             "size": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    pq.write_table(pa.table(trade), tmp_path / "t.parquet")

    series = series_of(read_tape([tmp_path / "t.parquet"]), "kyle_lambda", ["price", "signed_volume"], "A", {}, "")
    np.testing.assert_array_equal(series.inputs[1], [np.nan, np.nan, 3.0, 4.0, -5.0, -6.0])


def test_two_instruments_and_columns_of_ones_own_choice(tmp_path):
    close = write_bars(tmp_path / "bars.parquet", symbols=("AAA", "BBB", "CCC"))
    tape = read_tape([tmp_path / "bars.parquet"], ["BBB", "CCC"])

    usual = series_of(tape, "correlation", ["x", "y"], "BBB", {}, "")
    np.testing.assert_array_equal(usual.inputs[1], close["CCC"])
    chosen = series_of(tape, "correlation", ["x", "y"], "BBB", {"x": ("return", ""), "y": ("volume", "AAA")}, "")
    np.testing.assert_allclose(chosen.inputs[0][1:], np.diff(np.log(close["BBB"])))
    assert chosen.names == ("return", "volume of AAA")


def test_a_price_beside_a_quote_is_a_trades_and_never_its_own_mid():
    assert set(columns_of(["price", "bid", "ask"], [Kind.QUOTE])) == {"bid", "ask"}
    assert columns_of(["price"], [Kind.QUOTE])["price"].column == "mid"


def test_sizes_that_a_file_leaves_out_are_missing(tmp_path):
    table = pa.table({"ts_event": [10**18], "symbol": ["A"], "bid": [1.0], "ask": [2.0]})
    pq.write_table(table, tmp_path / "q.parquet")

    with pytest.raises(SeriesRefused, match="has no bid_size, ask_size; it has quotes"):
        series_of(read_tape([tmp_path / "q.parquet"]), "ofi", ["bid", "bid_size", "ask", "ask_size"], "A", {}, "q")


def test_an_instrument_is_plotted_among_all_those_of_the_file_and_one_without_a_bar_is_absent(tmp_path):
    close = write_bars(tmp_path / "bars.parquet", symbols=("AAA", "BBB", "CCC", "DDD", "EEE"))
    table = pq.read_table(tmp_path / "bars.parquet")
    keep = np.ones(len(table), dtype=bool)
    keep[300 + 50] = False
    pq.write_table(table.filter(pa.array(keep)), tmp_path / "bars.parquet")
    out = tmp_path / "rank.html"

    done = signals("plot", "cross_rank", "--data", tmp_path / "bars.parquet", "--instrument", "CCC", "--out", out)

    assert done.exit_code == 0, done.output
    assert "of return, 5 instruments; CCC" in done.stdout
    returns = np.stack([np.diff(np.log(close[s]), prepend=np.nan) for s in close], axis=1)
    returns[50, 1] = np.nan
    returns[51, 1] = np.log(close["BBB"][51] / close["BBB"][49])
    expected = catalog["cross_rank"].batch(returns)[:, 2]
    np.testing.assert_allclose(np.array(drawn(out)["cross_rank"], dtype=float), expected, rtol=1e-6)

    chosen = signals("plot", "neutralise", "--data", tmp_path / "bars.parquet", "--input", "x=volume@AAA", "--out", out)
    assert chosen.exit_code == 2
    assert "takes a column of all instruments: allowed: --input NAME=COLUMN without @AAA" in chosen.stderr
    volume = signals("plot", "pca_residual", "--data", tmp_path / "bars.parquet", "--window", "20", "--components", "2",
                     "--out", out)
    assert volume.exit_code == 0, volume.output


def test_instruments_of_quotes_are_compared_by_the_latest_of_each(tmp_path):
    stamped = {"ts_event": 10**18 + np.arange(6), "symbol": ["A", "B", "C", "A", "B", "A"]}
    pq.write_table(pa.table({**stamped, "bid": [1.0, 2.0, 5.0, 3.0, 4.0, 5.0], "ask": [1.0, 2.0, 5.0, 3.0, 4.0, 5.0]}),
                   tmp_path / "q.parquet")

    series = among(read_tape([tmp_path / "q.parquet"], every=True), "cross_rank", ["x"], "A", {"x": ("mid", "")}, "q")

    assert series.place == 0
    np.testing.assert_array_equal(series.inputs[0], [[1, np.nan, np.nan], [3, 2, 5], [5, 4, 5]])


@pytest.mark.parametrize("name", [entry.name for entry in catalog.values() if is_among(entry)])
def test_entries_that_compare_instruments_are_plotted_of_the_sample(name, tmp_path):
    done = signals("plot", name, "--instrument", "AAPL", "--last", "100", "--out", tmp_path / "a.html")

    assert done.exit_code == 0, done.output
    assert not np.isnan(np.array(drawn(tmp_path / "a.html")[name], dtype=float)).all()


BAD = [
    (("show", "rsj"), "no signal 'rsj'; near it: rsi"),
    (("plot", "rsj"), "near it: rsi"),
    (("list", "--family", "trent"), "allowed: trend, "),
    (("plot", "rsi", "--period", "1"), "rsi: period is 1; allowed: whole observations from 2"),
    (("plot", "rsi", "--period", "seven"), "rsi: period is 'seven'; allowed: a whole number"),
    (("plot", "rsi", "--period"), "rsi: period is ''"),
    (("plot", "rsi", "--perod", "7"), "no parameter 'perod'; near it: period|no parameter 'perod'; allowed: period"),
    (("plot", "macd", "--fast", "30"), "fast is 30 and slow 26; allowed: fast below slow"),
    (("plot", "rsi", "--out", "rsi.gif"), "allowed: a name that ends in .html, .png, .svg"),
    (("plot", "rsi", "--instrument", "ZZZ"), "no instrument 'ZZZ' in .*; allowed: AAA"),
    (("plot", "rsi", "--input", "x"), "--input x; allowed: NAME=COLUMN"),
    (("plot", "rsi", "--input", "x=bid"), "--input x=bid: allowed: x = one of bars"),
    (("plot", "correlation"), "correlation needs two instruments"),
    (("plot", "blend"), "blend is no series .*panel: signals .* it has no plot"),
    (("plot", "cross_rank"), "cross_rank compares instruments at each time; bars.parquet holds AAA alone"),
]


@pytest.mark.parametrize(("words", "expected"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, words, expected):
    write_bars(tmp_path / "bars.parquet")
    data = ("--data", tmp_path / "bars.parquet") if words[0] == "plot" else ()
    done = signals(*words[:2], *data, *words[2:])

    assert done.exit_code == 2, done.output
    assert len(done.stderr.splitlines()) == 1
    assert re.search(expected, done.stderr), done.stderr


def test_a_file_without_the_columns_is_told_with_what_it_has(tmp_path):
    trades = write_trades(tmp_path / "t.parquet", 100)
    done = algotrade("signals", "plot", "atr", "--data", trades, cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr == (
        "algotrade: atr needs high, low, close; t.parquet has no high, low; it has trades (price, size, "
        "signed_volume, return): "
        "--input high=COLUMN takes one of them\n")
    assert algotrade("signals", "plot", "atr", "--data", tmp_path / "none.parquet").returncode == 2
    assert not list(tmp_path.glob("*.html"))
