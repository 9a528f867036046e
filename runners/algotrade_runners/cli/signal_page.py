"""A signal's plot as one HTML page that opens offline: drawn by plotly.js, as the report of a run is."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from algotrade.backtest.report.charts import FONT, GRID, INK, MUTED, PAPER, SLATE, Figure
from algotrade.backtest.report.write import write_page
from algotrade_runners.cli.signal_chart import HUES, Chart, Line

PRICE_PX, PANEL_PX, MARGINS_PX = 310, 190, 82
GAP = 0.04
"""Between panels, as a share of the height."""


def write_signal_page(path: Path, chart: Chart) -> None:
    """Write the plot to ``path``; ``ReportUnavailable`` without plotly, ``OutputError`` where it cannot be written."""
    body = (f"<header><h1>{escape(chart.title)}</h1>\n<p>{escape(chart.subtitle)}</p>\n</header>\n"
            f'<div class="card"><div class="chart" data-figure="signal"></div></div>\n'
            f"<p>{escape(chart.description)}</p>\n")
    write_page(path, chart.title, [body], {"signal": figure_of(chart)})


def figure_of(chart: Chart) -> Figure:
    """Return the plotly figure: plain data and layout."""
    price, *over = chart.upper
    data = [*_band(chart), _line(price, SLATE if over else INK, "y")]
    data += [_line(line, hue, "y") for line, hue in zip(over, HUES, strict=False)]
    axis = {"gridcolor": GRID, "zeroline": False, "tickfont": {"color": MUTED}, "nticks": 6}
    height = PRICE_PX + PANEL_PX * len(chart.lower)
    axes: Figure = {"yaxis": {**axis, "domain": [PANEL_PX * len(chart.lower) / height, 1.0],
                              "title": {"text": chart.upper_name}}}
    for k, panel in enumerate(chart.lower):
        top = PANEL_PX * (len(chart.lower) - k) / height
        axes[f"yaxis{k + 2}"] = {**axis, "domain": [top - PANEL_PX / height, top - GAP],
                                 "title": {"text": escape(panel.unit)}}
        data += [_line(line, hue, f"y{k + 2}") for line, hue in zip(panel.lines, HUES, strict=False)]
    layout: Figure = {
        "height": height + MARGINS_PX, "paper_bgcolor": PAPER, "plot_bgcolor": PAPER, "hovermode": "x unified",
        "font": {"family": FONT, "size": 12, "color": INK}, "margin": {"l": 76, "r": 16, "t": 36, "b": 46},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"type": "date", "gridcolor": GRID, "tickfont": {"color": MUTED},
                  "anchor": f"y{len(chart.lower) + 1}" if chart.lower else "y"},
        **axes,
    }
    return {"data": data, "layout": layout}


def _band(chart: Chart) -> list[Figure]:
    if chart.band is None:
        return []
    edge: Figure = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    low, high = chart.band
    return [{**edge, "x": _times(low), "y": _values(low)},
            {**edge, "x": _times(high), "y": _values(high), "fill": "tonexty", "fillcolor": "rgba(135,149,161,0.3)"}]


def _line(line: Line, colour: str, axis: str) -> Figure:
    return {"type": "scatter", "mode": "lines", "x": _times(line), "y": _values(line), "name": escape(line.name),
            "xaxis": "x", "yaxis": axis, "line": {"color": colour, "width": 1.3}}


def _times(line: Line) -> list[Any]:
    times: list[Any] = (line.times_ns / 1e6).tolist()
    return times


def _values(line: Line) -> list[float | None]:
    """Return the values to seven digits; what is not known is a gap."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in line.values.tolist()]
