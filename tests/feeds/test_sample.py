"""The sample data: adjusted as they should be, and the same bytes every time."""

import datetime as dt
import importlib.machinery
import importlib.util
import zoneinfo

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from algotrade.feeds import FeedError, check, inspect, write_sample
from algotrade.feeds.sample import sample_source

pytest.importorskip("bokeh_sampledata", reason="the extra algotrade[demo] is not installed")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "sample.parquet"
    write_sample(path)
    return path


def returns(symbols, closes):
    """Return each row's close against the one before it, less 1; NaN at a symbol's first row."""
    change = np.full(len(closes), np.nan)
    same = symbols[1:] == symbols[:-1]
    change[1:][same] = (closes[1:] / closes[:-1] - 1.0)[same]
    return change


def raw():
    rows = pyarrow.csv.read_csv(sample_source())
    return {name: np.array(rows[name].to_pylist()) for name in rows.column_names}


def test_splits_are_in_the_raw_prices_and_not_in_the_sample(sample):
    before, after = raw(), pq.read_table(sample).to_pydict()
    raw_returns = returns(before["Ticker"], before["Close"])
    adjusted = returns(np.array(after["symbol"]), np.array(after["close"]))

    # Two splits of Apple and one of Microsoft are in the raw prices; the fall of 2000-09-29 was a real one.
    fell = raw_returns < -0.4
    found = set(zip(before["Ticker"][fell].tolist(), before["Date"][fell].tolist(), strict=True))
    assert found == {("AAPL", dt.date(2000, 6, 21)), ("AAPL", dt.date(2000, 9, 29)), ("AAPL", dt.date(2005, 2, 28)),
                     ("MSFT", dt.date(2003, 2, 18))}
    assert ((raw_returns > -0.50) & (raw_returns < -0.45)).sum() == 3
    deep = np.flatnonzero(adjusted < -0.4)
    assert [(after["symbol"][i], after["session_date"][i]) for i in deep] == [("AAPL", dt.date(2000, 9, 29))]
    assert adjusted[deep[0]] == pytest.approx(-0.52, abs=0.005)


def test_adjusted_closes_and_money_traded_are_those_of_the_source(sample):
    before, after = raw(), pq.read_table(sample).to_pydict()

    assert after["symbol"] == before["Ticker"].tolist()
    assert after["close"] == pytest.approx(before["Adj Close"], abs=0.5e-4)
    ratio = before["Adj Close"] / before["Close"]
    assert np.array(after["volume"]) == pytest.approx(before["Volume"] / ratio, abs=0.51)


def test_the_gate_finds_nothing_to_quarantine(sample):
    report = check([sample])

    assert (report.records, report.quarantined) == (12_154, 0)
    facts = report.facts[0]
    assert (facts.order, facts.symbols) == ("symbol, time", ("AAPL", "FB", "GOOG", "IBM", "MSFT"))


def test_bars_open_at_half_past_nine_in_new_york_and_close_at_four(sample):
    table = pq.read_table(sample)
    new_york = zoneinfo.ZoneInfo("America/New_York")
    opens = [dt.datetime.fromtimestamp(t // 10**9, new_york) for t in table["ts_event"].to_pylist()]

    assert {moment.time() for moment in opens} == {dt.time(9, 30)}
    assert [moment.date() for moment in opens] == table["session_date"].to_pylist()


def test_the_bytes_are_the_same_every_time(sample, tmp_path):
    write_sample(tmp_path / "again.parquet")

    assert inspect(tmp_path / "again.parquet").sha256 == inspect(sample).sha256


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(FeedError, match=r"bokeh_sampledata is not installed.*pip install 'algotrade\[demo\]'"):
        write_sample(tmp_path / "x.parquet")


def test_another_package_of_that_name_is_refused(tmp_path, monkeypatch):
    spec = importlib.machinery.ModuleSpec("bokeh_sampledata", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)

    with pytest.raises(FeedError, match="has no stocks"):
        write_sample(tmp_path / "x.parquet")


def test_without_a_time_zone_database_the_message_says_what_to_install(tmp_path, monkeypatch):
    def missing(name):
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr("algotrade.feeds.sample.ZoneInfo", missing)

    with pytest.raises(FeedError, match=r"there is no time zone America/New_York.*pip install tzdata"):
        write_sample(tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()
