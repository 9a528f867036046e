"""Numbers, times and tables as the report's reader sees them. What is NaN or unknown is an en dash, never 0."""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

import numpy as np

UNKNOWN = "–"  # noqa: RUF001 -- an en dash, the typographer's sign for nothing here
MINUS = "−"  # noqa: RUF001 -- the typographic minus: as wide as a plus, and no line breaks after it


def number(value: Decimal | float | None, digits: int = 2, unit: str = "") -> str:
    """Return ``value`` with thousands separated and ``digits`` decimals."""
    if value is None or math.isnan(value):
        return UNKNOWN
    text = f"{value:,.{digits}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS) + unit


def percent(share: float, digits: int = 2) -> str:
    """Return a fraction as per cent."""
    return number(share * 100, digits, " %")


def quantity(value: Decimal) -> str:
    """Return a quantity or price with as many decimals as it has, eight at most."""
    places = value.normalize().as_tuple().exponent
    assert isinstance(places, int), f"{value} is not finite"
    return number(value, min(8, max(0, -places)))


def day(time_ns: int | None) -> str:
    """Return the UTC date of ``time_ns``."""
    return UNKNOWN if time_ns is None else str(np.datetime64(time_ns, "ns").astype("datetime64[D]"))


def moment(time_ns: int) -> str:
    """Return ``time_ns`` in UTC, no finer than it needs to be."""
    text = str(np.datetime64(time_ns, "ns")).replace("T", " ")
    date, _, clock = text.partition(" ")
    whole, _, fraction = clock.partition(".")
    fraction = fraction.rstrip("0")
    return f"{date} {whole}.{fraction} UTC" if fraction else f"{date} {whole} UTC"


def duration(nanoseconds: float) -> str:
    """Return a length of time in the largest unit that leaves it above 1."""
    if math.isnan(nanoseconds):
        return UNKNOWN
    units = (("days", 86_400e9), ("hours", 3_600e9), ("minutes", 60e9), ("s", 1e9), ("ms", 1e6), ("µs", 1e3))
    name, size = next(((n, s) for n, s in units if nanoseconds >= s), ("ns", 1.0))
    return f"{nanoseconds / size:,.1f} {name}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1, total: Sequence[str] | None = None,
) -> str:
    """Return an HTML table of plain text; the first ``words`` columns are words, the others numbers.

    A number that begins with a minus is marked as negative. Without rows the table says so.
    """
    body = [_row(row, words) for row in rows]
    if not body:
        return '<p class="none">None.</p>'
    if total is not None:
        body.append(_row(total, words, " class=total"))
    heads = "".join(f'<th{"" if i < words else " class=n"}>{escape(name)}</th>' for i, name in enumerate(head))
    return (f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
            f'<tbody>{"".join(body)}</tbody></table></div>')


def _row(row: Sequence[str], words: int, kind: str = "") -> str:
    cells = []
    for i, value in enumerate(row):
        style = "" if i < words else ' class="n loss"' if value.startswith(MINUS) else " class=n"
        cells.append(f"<td{style}>{escape(value)}</td>")
    return f'<tr{kind}>{"".join(cells)}</tr>'
