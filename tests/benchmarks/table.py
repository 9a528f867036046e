"""How a benchmark says what it found: the figure, the bound it is held against, and how they compare."""

import statistics
import sys
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table


class Row(msgspec.Struct, frozen=True):
    """One figure. ``bound`` is what is asked for, "" where nothing is; ``beside`` a peer or a limit of the same run."""

    what: str
    measured: str
    bound: str = ""
    met: bool | None = None
    beside: str = ""


def at_most(what: str, value: float, bound: float, unit: str, beside: str = "") -> Row:
    return Row(what, f"{value:,.3g} {unit}", f"<= {bound:,g} {unit}", value <= bound, beside)


def at_least(what: str, value: float, bound: float, unit: str, beside: str = "") -> Row:
    return Row(what, f"{value:,.0f} {unit}", f">= {bound:,g} {unit}", value >= bound, beside)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def show(title: str, rows: Sequence[Row]) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("figure", "measured", "asked", "met", "beside, same run"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.what, row.measured, row.bound, {None: "", True: "yes", False: "NO"}[row.met], row.beside)
    Console(file=sys.stdout, width=150).print(table)
