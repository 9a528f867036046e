"""The report of a run: one HTML file that opens offline. ``view`` says what it shows, ``write_report`` draws it."""

from algotrade.backtest.report.view import (
    EventCounts,
    Heading,
    PriceView,
    RunView,
    view_of,
)
from algotrade.backtest.report.write import ReportUnavailable, write_report

__all__ = ["EventCounts", "Heading", "PriceView", "ReportUnavailable", "RunView", "view_of", "write_report"]
