"""A signal's plot as data: the price above, the signal in it where it is one, or below."""

from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.backtest.report.charts import NAVY, RED, TEAL
from algotrade_runners.cli.signal_facts import call_of
from algotrade_runners.cli.signal_series import Series

Floats: TypeAlias = npt.NDArray[np.float64]
Times: TypeAlias = npt.NDArray[np.int64]

HUES = (NAVY, RED, TEAL, "#b8860b", "#7a4fa3")
"""Of a panel's lines, in their order."""

BINS_MAX = 2_000
"""Stretches of time of which a line shows the lowest and the highest value: a screen has no more columns."""

OUTSIDE = 0.5
"""A line is drawn over the price unless it leaves the price's range by more than this share of the range."""


class Line(msgspec.Struct, frozen=True):
    """One line; ``faint`` what is there to compare with."""

    name: str
    times_ns: Times
    values: Floats
    faint: bool = False


class Panel(msgspec.Struct, frozen=True):
    """Lines of one unit."""

    unit: str
    lines: tuple[Line, ...]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """The price with what is drawn over it, ``upper``, and below it on the same time axis a panel for each unit."""

    title: str
    subtitle: str
    description: str
    upper: tuple[Line, ...]
    upper_name: str
    lower: tuple[Panel, ...]
    band: tuple[Line, Line] | None = None


def chart_of(entry: Any, series: Series, parameters: dict[str, float], last: int | None) -> Chart:
    """Compute the signal over the whole series and return the plot of its ``last`` observations, of all where None."""
    found = entry.batch(*series.inputs, **parameters)
    if series.place is not None:
        found = found[:, series.place]
    outputs = {entry.name: found} if entry.outputs is float else found._asdict()
    begin = 0 if last is None else max(0, len(series.times_ns) - last)
    times = series.times_ns[begin:]
    price = series.price[begin:]
    over: list[Line] = []
    below: dict[str, list[Line]] = {}
    for (name, values), unit in zip(outputs.items(), units_of(entry), strict=True):
        place = over if _is_a_price(unit, values[begin:], price) else below.setdefault(unit, [])
        place.append(thinned(name, times, values[begin:]))
    band = None
    if series.band is not None:
        band = (thinned("low", times, series.band[1][begin:]), thinned("high", times, series.band[0][begin:]))
    call = call_of(entry, parameters)
    return Chart(
        title=f"{call} of {', '.join(series.names)}",
        subtitle=f"{series.symbol}, {len(times):,} observations, {_day(times[0])} to {_day(times[-1])}",
        description=described(entry, parameters, series.names),
        upper=(thinned(series.price_name, times, price, faint=bool(over)), *over),
        upper_name=f"{series.symbol} {series.price_name}", band=band,
        lower=tuple(Panel(unit, tuple(lines)) for unit, lines in below.items()))


def units_of(entry: Any) -> list[str]:
    """Return the unit of each output: the parts of the entry's, of which the last holds for all that follow."""
    parts = entry.unit.split("; ")
    return [parts[min(k, len(parts) - 1)] for k in range(len(entry.output_names))]


def described(entry: Any, parameters: dict[str, float], names: tuple[str, ...]) -> str:
    """Return what a picture says in words: what was computed, of what, and how."""
    return f"{call_of(entry, parameters)} of {', '.join(names)}: {entry.formula}"


def latest_of(chart: Chart) -> str:
    """Return the last values of the signal, as text."""
    lines = (*chart.upper[1:], *(line for panel in chart.lower for line in panel.lines))
    return ", ".join(f"{line.name} {line.values[-1]:.6g}" for line in lines if len(line.values))


def thinned(name: str, times: Times, values: Floats, *, faint: bool = False) -> Line:
    """Return the line, of very many observations the lowest and the highest of each stretch."""
    if len(values) <= 2 * BINS_MAX:
        return Line(name, times, values, faint)
    kept = []
    for stretch in np.array_split(np.arange(len(values)), BINS_MAX):
        known = stretch[~np.isnan(values[stretch])]
        if len(known):
            kept += sorted({int(known[values[known].argmin()]), int(known[values[known].argmax()])})
    kept = sorted({*kept, len(values) - 1})
    return Line(name, times[kept], values[kept], faint)


def _is_a_price(unit: str, values: Floats, price: Floats) -> bool:
    """Tell whether an output is drawn over the price: of its unit, and where the price is."""
    known = values[np.isfinite(values)]
    if not unit.startswith(("that of the input", "that of the price")) or not len(known):
        return False
    if unit.startswith(("that of the input per", "that of the input, squared", "that of the price over")):
        return False
    low, high = float(np.nanmin(price)), float(np.nanmax(price))
    room = OUTSIDE * (high - low)
    return low - room <= float(known.min()) and float(known.max()) <= high + room


def _day(time_ns: int) -> str:
    return str(np.datetime64(int(time_ns), "ns"))[:10]
