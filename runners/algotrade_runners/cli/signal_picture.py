"""A signal's plot as a picture, PNG or SVG: the one file that knows matplotlib, which is an optional part."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from algotrade.backtest.files import OutputError
from algotrade.backtest.report.charts import GRID, INK, MUTED, SLATE
from algotrade_runners.cli.signal_chart import HUES, Chart, Line

WIDTH_INCHES = 8.0
PRICE_INCHES, PANEL_INCHES = 2.0, 1.2
DPI = 110
COLOURS = 48
"""Of a PNG's palette: lines on white need no more, and the file is a third as large."""

OUTLIERS = 5.0
"""Times the range of the middle 96 % of the values, beyond which a panel is not made to show them all."""

FACES: Any = {"font.family": ["DejaVu Sans"], "font.size": 8.0, "axes.edgecolor": GRID, "axes.labelcolor": MUTED,
         "xtick.color": MUTED, "ytick.color": MUTED, "text.color": INK, "svg.hashsalt": "algotrade",
         "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"}


class PictureUnavailable(Exception):
    """Pictures need matplotlib, which is an optional part; the message says how to install it."""


def write_picture(path: Path, chart: Chart) -> None:
    """Write the plot to ``path``, PNG or SVG by its name; the same chart gives the same bytes.

    Raises ``PictureUnavailable`` without matplotlib, ``OutputError`` where the file cannot be written.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 -- optional, and half a second
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise PictureUnavailable("PNG and SVG need matplotlib: pip install 'algotrade[plot]'; or --out FILE.html"
                                 ) from error
    with mpl.rc_context(FACES):
        height = PRICE_INCHES + PANEL_INCHES * max(1, len(chart.lower))
        figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DPI, layout="constrained")
        _draw(figure, chart)
        data = _svg(figure, chart) if path.suffix == ".svg" else _png(figure, chart)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _draw(figure: Any, chart: Chart) -> None:
    heights = {"height_ratios": [PRICE_INCHES, *(PANEL_INCHES for _ in chart.lower)]}
    rows = figure.subplots(1 + len(chart.lower), 1, sharex=True, squeeze=False, gridspec_kw=heights)[:, 0]
    if chart.band is not None:
        low, high = chart.band
        if len(low.times_ns) == len(high.times_ns):
            rows[0].fill_between(_times(low), low.values, high.values, color=SLATE, alpha=0.35, linewidth=0)
    price, *over = chart.upper
    rows[0].plot(_times(price), price.values, color=SLATE if over else INK, linewidth=0.8, label=price.name)
    _lines(rows[0], over)
    if over:
        _legend(rows[0], len(over) + 1)
    rows[0].set_ylabel(chart.upper_name)
    for axes, panel in zip(rows[1:], chart.lower, strict=True):
        _lines(axes, panel.lines)
        _leave_outliers_out(axes, panel.lines)
        if len(panel.lines) > 1 or len(chart.lower) > 1:
            _legend(axes, len(panel.lines))
    for axes in rows:
        axes.grid(visible=True, color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        axes.margins(x=0.01)
        axes.locator_params(axis="y", nbins=5)
    rows[0].set_title(chart.title, loc="left", fontsize=9.5, fontweight="bold")
    rows[0].set_title(chart.subtitle, loc="right", fontsize=7.5, color=MUTED)


def _lines(axes: Any, lines: Any) -> None:
    for line, hue in zip(lines, HUES, strict=False):
        axes.plot(_times(line), line.values, color=hue, linewidth=1.1, label=line.name)


def _leave_outliers_out(axes: Any, lines: Any) -> None:
    """Let a value that is far from all others leave the panel: else nothing but it is seen."""
    values = np.concatenate([line.values for line in lines])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = np.percentile(values, [2.0, 98.0])
    if np.ptp(values) > OUTLIERS * (high - low) > 0.0:
        axes.set_ylim(low - 0.5 * (high - low), high + 0.5 * (high - low))


def _legend(axes: Any, columns: int) -> None:
    axes.legend(loc="upper left", ncols=columns, frameon=False, fontsize=7.5, borderpad=0.1, handlelength=1.2)


def _times(line: Line) -> Any:
    return line.times_ns.astype("datetime64[ns]").astype("datetime64[us]")


def _svg(figure: Any, chart: Chart) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Description": chart.description, "Date": None})
    return out.getvalue()


def _png(figure: Any, chart: Chart) -> bytes:
    from PIL import Image, PngImagePlugin  # noqa: PLC0415 -- comes with matplotlib

    out = io.BytesIO()
    figure.savefig(out, format="rgba")
    width, height = (round(inches * DPI) for inches in figure.get_size_inches())
    picture = Image.fromarray(np.frombuffer(out.getvalue(), np.uint8).reshape(height, width, 4)).convert("RGB")
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", chart.description)
    out = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(out, format="png", optimize=True, pnginfo=text)
    return out.getvalue()
