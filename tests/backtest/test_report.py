import math
import re
import sys
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from algotrade.backtest.curve import curve_of
from algotrade.backtest.files import OutputError
from algotrade.backtest.fold_reports import RunFold
from algotrade.backtest.marks import MarkSampler
from algotrade.backtest.report import EventCounts, Heading, ReportUnavailable, charts, text, view_of, write_report
from algotrade.backtest.report.view import CHARTS_MAX
from algotrade.backtest.statistics import statistics_of
from algotrade.domain import TRADE, ExecType, Instrument, Instruments, Kind, MarketBatch, OrderStatus, Side
from tests.backtest.makers import CASH, DAY_NS, fill, intent, liquidation, report, trade

EVIL = "<script>alert('x')</script>&\"<img src=http://evil.example>"


def run_view(symbols=("AAPL", "MSFT"), reports=None, **changes):
    instruments = Instruments(Instrument(id=i, symbol=s) for i, s in enumerate(symbols))
    prints = np.zeros(10 * len(symbols), TRADE)
    prints["event_time_ns"] = np.repeat(np.arange(10), len(symbols)) * DAY_NS // 2
    prints["instrument"] = np.tile(np.arange(len(symbols)), 10)
    prints["price"] = 100 + np.arange(len(prints)) % 7
    sampler = MarkSampler(instruments, 0, 5 * DAY_NS)
    sampler.feed(MarketBatch.of({Kind.TRADE: prints}))
    fold = RunFold()
    fold.feed(reports if reports is not None else [
        trade(1, "e1", 4, event_time_ns=DAY_NS), trade(2, "e2", 3, side=Side.SELL, event_time_ns=2 * DAY_NS),
        report(3, ExecType.REJECTED, OrderStatus.REJECTED, intent_id=intent(2), reason="price_collar: 6 %")])
    curve = curve_of(fold.fills, sampler.marks(), instruments, CASH)
    statistics = statistics_of(curve, fold.fills, instruments, orders=len(fold.orders), rejects=1)
    heading = {
        "title": "EMA cross", "data": "trades.parquet", "strategy": "ema_cross", "parameters": {"fast": "20"},
        "first_ns": 0, "last_ns": 5 * DAY_NS, "git_commit": "9bc407d", "seed": 7, "versions": {"algotrade": "0.1.0"}}
    rest = {
        "events": EventCounts(lost=0, duplicated=2, quarantined=None), "quality": {"passed": 20},
        "statements": ["Prices are adjusted by adj_close / close."], "assumptions": ["Our orders move no price."]}
    heading |= {k: v for k, v in changes.items() if k in heading}
    rest |= {k: v for k, v in changes.items() if k in rest}
    return view_of(Heading(**heading), curve, statistics, fold, sampler, instruments, **rest)


class Page(HTMLParser):
    """The elements and the visible text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data + "\n"

    @property
    def figures(self):
        return msgspec.json.decode(self.scripts[0])


def written(tmp_path, view) -> Page:
    path = tmp_path / "report.html"
    write_report(path, view)
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_loads_nothing_and_sends_nothing(tmp_path):
    page = written(tmp_path, run_view())

    loading = {"src", "href", "srcset", "action", "data", "background", "poster", "formaction"}
    assert not [a for a in page.attributes if a[0] in loading]
    assert not {"link", "img", "iframe", "form", "object", "base"} & set(page.tags)
    policy = next(value for name, value in page.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy
    assert "http" not in policy
    # Of the scripts only plotly.js names addresses: in its code for maps, and of its maker's cloud, which is off.
    figures, plotly, own = page.scripts
    assert not re.search(r"https?:", figures + own)
    assert len(plotly) > 1_000_000
    assert 'plotlyServerURL: ""' in own
    assert "modeBarButtons:" in own


def test_the_page_says_what_was_run_and_what_came_of_it(tmp_path):
    shown = written(tmp_path, run_view()).text

    for expected in (
        "EMA cross", "trades.parquet", "ema_cross", "fast = 20", "1970-01-01 00:00:00 UTC to 1970-01-06 00:00:00 UTC",
        "9bc407d", "algotrade 0.1.0", "Net P&L, USD", "Max drawdown", "Sharpe ratio", "Events quarantined",
        "not counted", "price_collar", "passed", "Prices are adjusted by adj_close / close.",
        "Our orders move no price.",
    ):
        assert expected in shown


def test_the_page_says_what_the_broker_liquidated(tmp_path):
    page = written(tmp_path, run_view(reports=[liquidation(1, "l.l.01", 40)]))

    assert "The broker sold 40 AAPL at 99.5 USD by itself (execution l.l.01)." in page.text


def test_text_of_the_run_is_text_and_nothing_else(tmp_path):
    honest = written(tmp_path, run_view())

    rejected = report(2, ExecType.REJECTED, OrderStatus.REJECTED, intent_id=intent(2), reason=EVIL)
    page = written(tmp_path, run_view(
        symbols=(EVIL, "</script><b>"), title=EVIL, data=EVIL, strategy=EVIL, git_commit=EVIL, parameters={EVIL: EVIL},
        versions={EVIL: EVIL}, quality={EVIL: 1}, statements=[EVIL], assumptions=[EVIL],
        reports=[trade(1, EVIL, 4), rejected]))

    assert page.tags == honest.tags
    assert page.text.count("<script>alert") >= 10
    assert "<" not in page.scripts[0]


def test_figures_show_every_fill_where_and_when_it_was(tmp_path):
    figure = written(tmp_path, run_view()).figures["price-0"]

    buys, sells = figure["data"][3:]
    assert (buys["x"], buys["y"], buys["marker"]["symbol"]) == ([86_400_000], [100.25], "triangle-up")
    assert (sells["x"], sells["y"], sells["marker"]["symbol"]) == ([172_800_000], [100.25], "triangle-down")
    assert unescape(buys["text"][0]) == "<b>BUY 4 at 100.25</b><br>1970-01-02 00:00:00 UTC<br>commission 1 USD"


def test_equity_drawdown_and_exposure_share_one_time_axis(tmp_path):
    view = run_view()

    figure = written(tmp_path, view).figures["performance"]

    assert {trace["xaxis"] for trace in figure["data"]} == {"x"}
    assert {trace["yaxis"] for trace in figure["data"]} == {"y", "y2", "y3"}
    assert figure["data"][0]["y"] == pytest.approx(view.curve.equity.tolist())
    assert max(figure["data"][1]["y"]) == 0


def test_of_many_fills_some_are_drawn_and_the_page_says_so(tmp_path):
    many = [trade(n, f"e{n}", 1, event_time_ns=n) for n in range(1, 2_502)]

    page = written(tmp_path, run_view(reports=many))

    drawn = page.figures["price-0"]["data"][3]["x"]
    assert len(drawn) == charts.FILLS_DRAWN_MAX
    assert (drawn[0], drawn[-1]) == (1e-6, 2_501e-6)
    assert "2,000 of the 2,501 fills are drawn" in page.text


def test_many_instruments_share_a_selector_and_the_rest_is_counted(tmp_path):
    symbols = [f"S{i}" for i in range(CHARTS_MAX + 3)]
    trades = [trade(n, f"e{n}", 1, instrument=n - 1, event_time_ns=n) for n in range(1, len(symbols) + 1)]

    page = written(tmp_path, run_view(symbols=symbols, reports=trades))

    assert page.tags.count("option") == CHARTS_MAX
    assert len(page.figures) == CHARTS_MAX + 1
    assert "3 more instruments with fills are not drawn" in page.text


def test_a_run_without_fills_has_a_report_too(tmp_path):
    page = written(tmp_path, run_view(reports=[], assumptions=[], statements=[], parameters={}, seed=None))

    assert "None." in page.text
    assert text.UNKNOWN in page.text
    assert "nan" not in page.text


def test_the_same_run_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_report(tmp_path / name, run_view())

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_plotly_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)

    with pytest.raises(ReportUnavailable, match=re.escape("pip install 'algotrade[report]'")):
        write_report(tmp_path / "report.html", run_view())

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputError, match=str(tmp_path / "missing" / "report.html")):
        write_report(tmp_path / "missing" / "report.html", run_view())


def test_numbers_as_the_reader_sees_them():
    assert text.number(Decimal("-1234567.891")) == f"{text.MINUS}1,234,567.89"
    assert text.number(-0.001) == "0.00"
    assert (text.number(math.nan), text.number(None), text.percent(math.nan)) == (text.UNKNOWN,) * 3
    assert text.percent(-0.0512) == f"{text.MINUS}5.12 %"
    assert [text.quantity(Decimal(q)) for q in ("1E+3", "1.50", "2.5E-7", "0")] == ["1,000", "1.5", "0.00000025", "0"]
    assert [text.duration(d) for d in (5, 2_500, 90e9, 36 * 3_600e9)] == ["5.0 ns", "2.5 µs", "1.5 minutes", "1.5 days"]
    assert text.moment(1_500_000_000) == "1970-01-01 00:00:01.5 UTC"


def test_fills_are_thinned_evenly_with_first_and_last():
    fills = [fill(n, Side.BUY, 1, 1) for n in range(10_000)]

    drawn = [f.event_time_ns for f in charts.drawn_fills(fills)]

    assert len(drawn) == charts.FILLS_DRAWN_MAX
    assert (drawn[0], drawn[-1]) == (0, 9_999)
    assert set(np.diff(drawn)) <= {5, 6}
