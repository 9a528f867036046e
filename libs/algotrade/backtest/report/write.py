"""A run as one HTML file that opens offline, in any browser, for as long as there are browsers."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path

import msgspec

from algotrade.backtest.files import written_whole
from algotrade.backtest.report import charts, sections
from algotrade.backtest.report.page import POLICY, SCRIPT, STYLE
from algotrade.backtest.report.view import RunView


class ReportUnavailable(Exception):
    """The report needs plotly, which is an optional part; the message says how to install it."""


def write_report(path: Path, run: RunView) -> None:
    """Write the report of ``run`` to ``path``, whole or not at all: about 5 MB, most of it plotly.js.

    The file loads nothing: script, style and data are in it, and its Content-Security-Policy forbids the rest. The same
    run gives the same bytes. Without plotly a ``ReportUnavailable``, from the disk an ``OutputError``.
    """
    write_page(path, run.heading.title, sections.all_of(run), _figures(run))


def write_page(path: Path, title: str, body: Iterable[str], figures: Mapping[str, charts.Figure]) -> None:
    """Write a page in the report's style: ``body`` is HTML, its ``data-figure`` attributes name ``figures``."""
    library = _plotly_js()
    with written_whole(path) as file:
        file.writelines(_page(title, body, figures, library))


def _plotly_js() -> str:
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 -- optional: only who wants the report needs it
    except ImportError as error:
        raise ReportUnavailable("the report needs plotly: pip install 'algotrade[report]'") from error
    library: str = get_plotlyjs()
    return library


def _page(title: str, body: Iterable[str], figures: Mapping[str, charts.Figure], library: str) -> Iterator[str]:
    yield (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )
    yield from body
    yield "</main>\n"
    yield f'<script type="application/json" id="figures">{_in_script(msgspec.json.encode(figures))}</script>\n'
    yield f"<script>{library}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"


def _figures(run: RunView) -> dict[str, charts.Figure]:
    """Return the charts by the names that ``sections`` gives them."""
    first_ns, last_ns = run.heading.first_ns, run.heading.last_ns
    figures = {"performance": charts.performance(run.curve, first_ns, last_ns)}
    for number, view in enumerate(run.charts):
        figures[sections.price_figure(number)] = charts.price(view, first_ns, last_ns)
    return figures


def _in_script(json: bytes) -> str:
    """Return ``json`` so that no text in it can end the script element or open another."""
    return json.decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
