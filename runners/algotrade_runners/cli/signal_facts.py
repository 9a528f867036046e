"""What the catalogue says about an entry, as text: for the terminal and for docs/SIGNALS.md."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from algotrade.domain import Kind
from algotrade.signals import catalog
from algotrade.signals.signal import CAPACITY_MAX, Parameter
from algotrade_runners.cli.signal_series import MEANT_AMONG, OTHER, columns_of

MADE = {
    "close": "100 * np.exp(np.cumsum(rng.normal(0, 0.01, {n})))",
    "open": "close * np.exp(rng.normal(0, 0.004, {n}))",
    "high": "np.maximum(open, close) * 1.003",
    "low": "np.minimum(open, close) * 0.997",
    "bid": "np.round(close, 2)",
    "ask": "bid + 0.01",
}
"""Input of an example -> how it is made, from those above it; sizes and other prices as ``_made`` says."""

NEEDS = {"open": ("close",), "high": ("open", "close"), "low": ("open", "close"), "bid": ("close",),
         "ask": ("close", "bid")}


def is_series(entry: Any) -> bool:
    """Tell whether the entry gives a value per observation of one series: what can be plotted and streamed."""
    return bool(entry.kind == "signal")


def is_panel(entry: Any) -> bool:
    """Tell whether the entry looks at many symbols at a time."""
    return bool(entry.kind == "panel")


def is_among(entry: Any) -> bool:
    """Tell whether it gives a value per time and symbol of columns that data have: an instrument's can be plotted."""
    return is_panel(entry) and entry.axes == ("times", "symbols") and all(
        item.name in MEANT_AMONG for item in entry.inputs if item.default is None)


def is_drawn(entry: Any) -> bool:
    """Tell whether docs/SIGNALS.md can show it: what daily bars of several stocks give."""
    names = [i.name for i in entry.inputs]
    return is_series(entry) and len(columns_of(names, [Kind.BAR])) == len(names)


def call_of(entry: Any, parameters: Mapping[str, float] | None = None) -> str:
    """Return the entry as it is called: ``rsi(period=14)``; parameters that are not given have their defaults."""
    settings = {p.name: p.default for p in entry.parameters} | dict(parameters or {})
    listed = ", ".join(f"{name}={value:g}" for name, value in settings.items())
    return f"{entry.name}({listed})" if listed else str(entry.name)


def inputs_of(entry: Any) -> str:
    """Return the names of the inputs, in the order in which they are handed in."""
    return ", ".join(i.name for i in entry.inputs)


def outputs_of(entry: Any) -> str:
    """Return the names of the outputs; "" where there is one, which has the entry's own."""
    return "" if entry.outputs is float else ", ".join(entry.output_names)


def parameters_of(entry: Any) -> str:
    """Return the parameters with their defaults, on one line."""
    return ", ".join(f"{p.name}={p.default:g}" for p in entry.parameters)


def range_of(parameter: Parameter) -> str:
    """Return what is allowed, in words."""
    whole = "whole " if parameter.whole else ""
    above = f"from {parameter.low:g}" if parameter.high == math.inf and not parameter.ring else \
        f"{parameter.low:g} to {CAPACITY_MAX if parameter.ring else parameter.high:.12g}"
    return f"{whole}{parameter.unit}, {above}"


def warm_up_of(entry: Any) -> str:
    """Return when the first value comes, with default parameters."""
    if not is_series(entry) and not is_panel(entry):
        return ""
    count = entry.warmup()
    of = "time" if is_panel(entry) else "observation"
    return f"{count:,} {of}{'s' if count > 1 else ''}" + (" with the defaults" if entry.parameters else "")


def example_of(entry: Any) -> str:
    """Return a Python program that computes the entry from made-up data, and streams it where it is a series.

    "" where it is neither a series nor of a panel.
    """
    if is_panel(entry):
        return _panel_example(entry)
    if not is_series(entry):
        return ""
    names = [i.name for i in entry.inputs]
    settings = "".join(f", {p.name}={p.default:g}" for p in entry.parameters)
    only = settings.removeprefix(", ")
    count = max(500, 2 * entry.warmup())
    outputs = entry.name if entry.outputs is float else ", ".join(f"{name}s" if name in names else name
                                                                  for name in entry.output_names)
    return "\n".join([
        "import numpy as np", "", "from algotrade.signals import catalog", "", "rng = np.random.default_rng(1)",
        *_made(names, count), "", f'{outputs} = catalog["{entry.name}"].batch({", ".join(names)}{settings})', "",
        f'state = catalog["{entry.name}"].state({only})',
        f"for row in zip({', '.join(names)}):",
        f'    latest = catalog["{entry.name}"].update(state, *row)',
    ])


PANEL = {"times": 250, "symbols": 20, "signals": 3, "factors": 2}
"""Axis of an example's input -> its length."""


def _panel_example(entry: Any) -> str:
    lines = []
    for item in entry.inputs:
        size = tuple(PANEL[axis] for axis in item.axes if not (item.constant and axis == "times"))
        if item.name == "prices":
            made = f"100 * np.exp(np.cumsum(rng.normal(0, 0.01, {size}), axis=0))"
        else:
            made = f"rng.integers(0, 4, {size})" if item.labels else f"rng.normal(0, 0.01, {size})"
        lines.append(f"{item.name} = {made}")
    settings = "".join(f", {p.name}={p.default:g}" for p in entry.parameters)
    return "\n".join([
        "import numpy as np", "", "from algotrade.signals import catalog", "", "rng = np.random.default_rng(1)", *lines,
        "", f'{entry.name} = catalog["{entry.name}"].batch({inputs_of(entry)}{settings})'])


def shape_of(entry: Any) -> str:
    """Return the call shape of an entry that has one of its own, "" of a series."""
    return "" if is_series(entry) else f"{entry.kind}: {entry.shape}"


def families() -> dict[str, list[Any]]:
    """Return the entries by family, in the catalogue's order."""
    found: dict[str, list[Any]] = {}
    for entry in catalog.values():
        found.setdefault(entry.family, []).append(entry)
    return found


def _made(names: Iterable[str], count: int) -> list[str]:
    wanted = {need for name in names for need in NEEDS.get(name, ())} | set(names)
    lines = [f"{name} = {MADE[name].format(n=count)}" for name in MADE if name in wanted]
    for name in names:
        if name in MADE:
            continue
        sized = "size" in name or "volume" in name
        base = f"rng.integers(1, 1_000, {count}) * 100.0" if sized else MADE["close"].format(n=count)
        lines.append(f"{name} = {base}")
    return lines


def default_inputs(entry: Any) -> dict[str, str]:
    """Return the ``--input`` options with which docs/SIGNALS.md draws the entry, where the usual ones say little.

    The market is IBM there; a beta is one of returns.
    """
    if entry.name == "beta":
        return {"x": "return@IBM", OTHER: "return"}
    return {OTHER: "close@IBM"} if OTHER in [i.name for i in entry.inputs] else {}
