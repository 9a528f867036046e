"""The documented schema of market data files: the kind of record is read from the columns.

Every file has ``ts_event`` (int64 nanoseconds since 1970 UTC, or an arrow timestamp; one without a time zone is read as
UTC) and ``symbol`` (a string, plain or dictionary-encoded), and the columns of one shape:

=========== ======================================================== ============================================
shape       required                                                 optional
=========== ======================================================== ============================================
quotes      bid, ask                                                 bid_size, ask_size
quote bars  bid_open, bid_high, bid_low, bid_close, ask_open,        bid_size, ask_size
            ask_high, ask_low, ask_close
trades      price, size
bars        open, high, low, close, volume                           session_date, adj_close
=========== ======================================================== ============================================

Optional everywhere: ``ts_recv``, when the record was received, of the same types as ``ts_event``. Numbers are doubles,
integers or decimals; a missing number is NaN. Bars and quote bars are stamped with their **start**; quote bars become
quotes at their close. Columns beyond these are ignored.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from algotrade.domain.market import Kind
from algotrade.feeds.port import FeedError

TIME_COLUMN = "ts_event"
RECEIVED_COLUMN = "ts_recv"
SYMBOL_COLUMN = "symbol"

# Order-book events also have a price and a size, but are no trades: these columns give them away.
_BOOK_COLUMNS = ("order_id", "update_id", "event_type", "action")

_TIME_ALLOWED = "int64 (ns since 1970 UTC) or a timestamp"
_SYMBOL_ALLOWED = "string, or a dictionary of strings"
_NUMBER_ALLOWED = "double, an integer or a decimal"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table above.

    ``numbers``   the required columns besides ts_event and symbol, in the documented order
    ``fields``    (field of the record, column it is read from), all required
    ``sizes``     likewise, where the column may be missing: NaN then
    ``kept``      columns that enter no record, but that ``convert`` carries along
    """

    name: str
    kind: Kind
    numbers: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, str], ...] = ()
    kept: tuple[str, ...] = ()
    stamped_with_start: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """Return the columns that a file of this shape must have."""
        return (TIME_COLUMN, SYMBOL_COLUMN, *self.numbers)

    @property
    def documented(self) -> tuple[str, ...]:
        """Return every column that the schema knows for this shape, in the documented order."""
        return (TIME_COLUMN, RECEIVED_COLUMN, SYMBOL_COLUMN, *self.numbers, *(c for _, c in self.sizes), *self.kept)


_OHLC = ("open", "high", "low", "close")
_SIZES = (("bid_size", "bid_size"), ("ask_size", "ask_size"))

SHAPES = (
    Shape(name="quotes", kind=Kind.QUOTE, numbers=("bid", "ask"), fields=(("bid", "bid"), ("ask", "ask")),
          sizes=_SIZES),
    Shape(name="quote bars", kind=Kind.QUOTE, numbers=tuple(f"{side}_{c}" for side in ("bid", "ask") for c in _OHLC),
          fields=(("bid", "bid_close"), ("ask", "ask_close")), sizes=_SIZES, stamped_with_start=True),
    Shape(name="trades", kind=Kind.TRADE, numbers=("price", "size"), fields=(("price", "price"), ("size", "size"))),
    Shape(name="bars", kind=Kind.BAR, numbers=(*_OHLC, "volume"), fields=tuple((c, c) for c in (*_OHLC, "volume")),
          kept=("session_date", "adj_close"), stamped_with_start=True),
)

NUMBER_COLUMNS = frozenset({
    *(c for shape in SHAPES for c in shape.numbers),
    *(c for _, c in _SIZES),
    "adj_close",
})


def recognise(path: Path, columns: Mapping[str, Any]) -> Shape:
    """Return the shape of a file with ``columns`` (name to arrow type).

    Raises ``FeedError`` where columns are missing, fit two shapes, or have another type than the schema's.
    """
    found = [shape for shape in SHAPES if set(shape.numbers) <= columns.keys()]
    if not found:
        raise FeedError(f"{path}: columns are {_listed(columns)}; allowed: ts_event, symbol and those of "
                        + " or ".join(f"{s.name} ({', '.join(s.numbers)})" for s in SHAPES))
    if len(found) > 1:
        names = " and of ".join(shape.name for shape in found)
        raise FeedError(f"{path}: columns are those of {names}; allowed: those of one of them")
    shape = found[0]
    for column in shape.required:
        if column not in columns:
            raise FeedError(f"{path}: column {column!r} is missing; found: {_listed(columns)}; "
                            f"allowed for {shape.name}: {', '.join(shape.required)}")
    book = [column for column in _BOOK_COLUMNS if column in columns]
    if shape.kind is Kind.TRADE and book:
        raise FeedError(f"{path}: column {book[0]!r} says that rows are order-book events; "
                        "allowed: quotes, quote bars, trades or bars")
    _check_types(path, shape, columns)
    return shape


def columns_read(shape: Shape, columns: Mapping[str, Any]) -> list[str]:
    """Return the columns of a file of ``shape`` that enter its records."""
    wanted = [TIME_COLUMN, RECEIVED_COLUMN, SYMBOL_COLUMN, *(c for _, c in (*shape.fields, *shape.sizes))]
    return [column for column in wanted if column in columns]


def _check_types(path: Path, shape: Shape, columns: Mapping[str, Any]) -> None:
    checks = {TIME_COLUMN: (is_time, _TIME_ALLOWED), RECEIVED_COLUMN: (is_time, _TIME_ALLOWED),
              SYMBOL_COLUMN: (_is_symbol, _SYMBOL_ALLOWED)}
    for column in shape.documented:
        if column not in columns or column == "session_date":
            continue
        fits, allowed = checks.get(column, (_is_number, _NUMBER_ALLOWED))
        if not fits(columns[column]):
            raise FeedError(f"{path}: column {column!r} has type {columns[column]}; allowed: {allowed}")


def is_time(found: Any) -> bool:
    """Tell whether arrow type ``found`` can hold a time of the schema."""
    return bool(pa.types.is_int64(found) or pa.types.is_timestamp(found) or pa.types.is_null(found))


def _is_symbol(found: Any) -> bool:
    plain = found.value_type if pa.types.is_dictionary(found) else found
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_null(plain))


def _is_number(found: Any) -> bool:
    # A float32 is no price: 101.1 would come out as 101.0999985, off its tick.
    return bool(pa.types.is_float64(found) or pa.types.is_integer(found) or pa.types.is_decimal(found)
                or pa.types.is_null(found))


def _listed(columns: Mapping[str, Any]) -> str:
    return ", ".join(columns) or "none"
