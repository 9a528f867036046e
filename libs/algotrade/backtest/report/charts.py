"""The charts as plotly figures: plain data and layout, drawn by plotly.js in the reader's browser.

Figures are built as dictionaries and not through plotly's Python classes: those take a second to import and check what
is fixed here. Times go over as ms since 1970, which plotly.js shows in UTC wherever the reader sits.
"""

from collections.abc import Sequence
from html import escape
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from algotrade.backtest.curve import Curve, Times, Values
from algotrade.backtest.report.text import moment, quantity
from algotrade.backtest.report.view import PriceView
from algotrade.domain import Fill, Side

Figure: TypeAlias = dict[str, Any]

FILLS_DRAWN_MAX = 2_000
"""Fills marked in one price chart; of more, evenly spread ones are drawn and the caption says so."""

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'

INK, MUTED, GRID, PAPER = "#1c2733", "#66737f", "#e8ebee", "#ffffff"
NAVY, TEAL, SLATE, GREEN, RED = "#1f4e79", "#2a8c82", "#8795a1", "#1a7f4b", "#b3362b"

PERFORMANCE_HEIGHT_PX, PRICE_HEIGHT_PX = 660, 300
MARGIN = {"l": 76, "r": 16, "t": 28, "b": 46}
"""The same for all charts, so that their time axes stand exactly below one another; times of day have two lines."""


def performance(curve: Curve, first_ns: int, last_ns: int) -> Figure:
    """Return equity, drawdown and exposure, one above the other on one time axis."""
    times = _milliseconds(curve.time_ns)
    peak = curve.equity - curve.drawdown
    panels = {"y": (0.52, 1.0), "y2": (0.29, 0.44), "y3": (0.0, 0.21)}
    names = (f"Equity, {curve.currency}", "Drawdown, % of the highest equity so far", f"Exposure, {curve.currency}")
    layout = _layout(PERFORMANCE_HEIGHT_PX, _period(first_ns, last_ns))
    layout["xaxis"]["anchor"] = "y3"
    layout |= {"yaxis": _axis(panels["y"]),
               "yaxis2": _axis(panels["y2"], ticksuffix=" %", rangemode="tozero", nticks=4),
               "yaxis3": _axis(panels["y3"], rangemode="tozero", zeroline=True, zerolinecolor=SLATE),
               "annotations": [_panel_title(t, d[1]) for t, d in zip(names, panels.values(), strict=True)],
               "hoversubplots": "axis"}
    start = float(curve.starting_cash)
    layout["shapes"] = [{"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": start, "y1": start,
                         "line": {"color": SLATE, "width": 1, "dash": "dot"}}]
    data = [
        _line(times, curve.equity, "Equity", NAVY, "y", ",.2f", width=1.6),
        _line(times, curve.drawdown / peak * 100, "Drawdown", RED, "y2", ".2f", suffix=" %",
              fill="tozeroy", fillcolor="rgba(179,54,43,0.14)"),
        _line(times, curve.gross_exposure, "Gross", SLATE, "y3", ",.0f", showlegend=True, fill="tozeroy",
              fillcolor="rgba(135,149,161,0.18)"),
        _line(times, curve.net_exposure, "Net", TEAL, "y3", ",.0f", showlegend=True),
    ]
    layout["legend"] = {"orientation": "h", "x": 1, "xanchor": "right", "y": 0.215, "yanchor": "bottom",
                        "font": {"size": 11, "color": MUTED}}
    return {"data": data, "layout": layout}


def price(view: PriceView, first_ns: int, last_ns: int) -> Figure:
    """Return the price of one instrument, its range in each time bin as a band, and the fills as triangles."""
    times = _milliseconds(view.prices["time_ns"])
    layout = _layout(PRICE_HEIGHT_PX, _period(first_ns, last_ns))
    layout |= {"yaxis": _axis((0.0, 1.0)), "hovermode": "closest", "showlegend": False}
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "type": "scatter", "x": times}
    data = [
        {**band, "y": view.prices["low"].tolist()},
        {**band, "y": view.prices["high"].tolist(), "fill": "tonexty", "fillcolor": "rgba(31,78,121,0.16)"},
        _line(times, view.prices["last"], "Last", NAVY, "y", ",.4~f", width=1.1),
    ]
    fills = drawn_fills(view.fills)
    for side, shape, color in ((Side.BUY, "triangle-up", GREEN), (Side.SELL, "triangle-down", RED)):
        data.append(_fill_marks([f for f in fills if f.side is side], view.currency, shape, color))
    return {"data": data, "layout": layout}


def drawn_fills(fills: Sequence[Fill]) -> list[Fill]:
    """Return ``fills``, or ``FILLS_DRAWN_MAX`` of them spread evenly, first and last among them."""
    if len(fills) <= FILLS_DRAWN_MAX:
        return list(fills)
    return [fills[i] for i in np.linspace(0, len(fills) - 1, FILLS_DRAWN_MAX).round().astype(np.intp)]


def _fill_marks(fills: Sequence[Fill], currency: str, shape: str, color: str) -> Figure:
    text = [
        f"<b>{f.side.name} {quantity(f.quantity)} at {quantity(f.price)}</b><br>{moment(f.event_time_ns)}<br>"
        f"commission {quantity(f.commission)} {escape(currency)}"
        for f in fills
    ]
    return {
        "type": "scatter", "mode": "markers", "x": _milliseconds(np.array([f.event_time_ns for f in fills], np.int64)),
        "y": [float(f.price) for f in fills], "text": text, "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": shape, "size": 9, "color": color, "line": {"color": PAPER, "width": 0.8}},
    }


def _line(
    times: list[float], values: Values, name: str, color: str, axis: str, digits: str, *, width: float = 1.2,
    suffix: str = "", **more: object,
) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "x": times, "y": _shortened(values), "name": name, "xaxis": "x",
        "yaxis": axis, "line": {"color": color, "width": width}, "showlegend": False,
        "hovertemplate": f"%{{y:{digits}}}{suffix}<extra>{name}</extra>", **more,
    }


def _layout(height_px: int, period: list[float]) -> Figure:
    return {
        "height": height_px, "margin": MARGIN, "paper_bgcolor": PAPER, "plot_bgcolor": PAPER, "hovermode": "x unified",
        "font": {"family": FONT, "size": 12, "color": INK}, "dragmode": "zoom",
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": GRID, "font": {"family": FONT, "size": 12, "color": INK}},
        "xaxis": {"type": "date", "range": period, "showgrid": True, "gridcolor": GRID, "linecolor": SLATE,
                  "tickfont": {"color": MUTED}, "ticks": "outside", "tickcolor": SLATE,
                  "hoverformat": "%Y-%m-%d %H:%M:%S"},
    }


def _axis(domain: tuple[float, float], **more: object) -> Figure:
    return {"domain": list(domain), "gridcolor": GRID, "zeroline": False, "tickfont": {"color": MUTED}, "nticks": 6,
            "tickformat": ",.6~f", **more}


def _panel_title(text: str, top: float) -> Figure:
    return {"text": escape(text), "xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": top,
            "yanchor": "bottom", "showarrow": False, "font": {"size": 12, "color": MUTED}}


def _period(first_ns: int, last_ns: int) -> list[float]:
    # A hundredth on either side keeps the first and last fills from being cut in half.
    edge_ns = max((last_ns - first_ns) // 100, 1_000_000)
    return [(first_ns - edge_ns) / 1e6, (last_ns + edge_ns) / 1e6]


def _milliseconds(time_ns: Times) -> list[float]:
    times: list[float] = (time_ns / 1e6).tolist()
    return times


def _shortened(values: npt.NDArray[np.float64]) -> list[float]:
    """Return ``values`` with six decimals: nobody sees more, and the file is half as long."""
    short: list[float] = np.round(values, 6).tolist()
    return short
