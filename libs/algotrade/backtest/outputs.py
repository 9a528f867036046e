"""The files of results. The same values give the same bytes, on any machine, bus and day.

All three are CSV (RFC 4180, but a single line feed ends a line) with a header line, in UTF-8. Numbers are plain
decimals: no exponent, no zeros at the end, because 1.50 and 1.5 are one number and must be one text. What is not known
or does not apply is empty. Times are event time, twice: ns since 1970 UTC, and ISO 8601 in UTC with nine digits of the
second. No wall time and no bus position stands in them, so files of two runs can be compared byte by byte.

A file appears whole or not at all; what the disk refuses is an ``OutputError``.
"""

import csv
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from pathlib import Path

import numpy as np

from algotrade.backtest.files import OutputError, written_whole
from algotrade.backtest.fold_reports import OrderOutcome
from algotrade.backtest.holdings import Holding
from algotrade.domain import Fill, Instruments

__all__ = ["OutputError", "iso_utc", "plain", "write_fills", "write_orders", "write_positions"]

FILL_COLUMNS = (
    "event_time_ns", "event_time", "execution_id", "intent_id", "symbol", "side", "quantity", "price", "commission",
    "currency",
)

ORDER_COLUMNS = (
    "order_id", "intent_id", "symbol", "side", "order_type", "time_in_force", "quantity", "limit_price", "stop_price",
    "status", "cumulative_quantity", "average_price", "first_event_time_ns", "first_event_time", "last_event_time_ns",
    "last_event_time", "reason",
)

POSITION_COLUMNS = (
    "symbol", "quantity", "average_price", "mark", "market_value", "realized_pnl", "unrealized_pnl", "commission",
    "net_pnl", "currency",
)


def write_fills(path: Path, fills: Iterable[Fill], instruments: Instruments) -> None:
    """Write one line per fill, in the order given.

    Columns: event_time_ns, event_time, execution_id, intent_id, symbol, side (BUY, SELL), quantity (units), price and
    commission (in currency), currency.
    """
    _write(path, FILL_COLUMNS, (
        (
            f.event_time_ns, iso_utc(f.event_time_ns), f.execution_id, f.intent_id, instruments[f.instrument].symbol,
            f.side, f.quantity, f.price, f.commission, instruments[f.instrument].currency,
        )
        for f in fills
    ))


def write_orders(path: Path, orders: Iterable[OrderOutcome], instruments: Instruments) -> None:
    """Write one line per order, in the order given, as its last report left it.

    Columns: order_id, intent_id, symbol, side, order_type, time_in_force, quantity, limit_price, stop_price, status,
    cumulative_quantity, average_price (0 without fills), first_event_time_ns, first_event_time, last_event_time_ns,
    last_event_time, reason. Enumerations by name.
    """
    _write(path, ORDER_COLUMNS, (
        (
            o.order_id, o.intent_id, instruments[o.instrument].symbol, o.side, o.order_type, o.time_in_force,
            o.quantity, o.limit_price, o.stop_price, o.status, o.cumulative_quantity, o.average_price,
            o.first_event_time_ns, iso_utc(o.first_event_time_ns), o.last_event_time_ns,
            iso_utc(o.last_event_time_ns), o.reason,
        )
        for o in orders
    ))


def write_positions(path: Path, holdings: Iterable[Holding]) -> None:
    """Write one line per instrument ever filled, in the order given, flat ones too.

    Columns: symbol, quantity (units, negative short), average_price, mark, market_value, realized_pnl (commissions not
    deducted), unrealized_pnl, commission, net_pnl, currency.
    """
    _write(path, POSITION_COLUMNS, (
        (
            h.symbol, h.quantity, h.average_price, h.mark, h.market_value, h.realized_pnl, h.unrealized_pnl,
            h.commission, h.net_pnl, h.currency,
        )
        for h in holdings
    ))


def plain(number: Decimal) -> str:
    """Return ``number`` without exponent and without zeros at the end; the digits are not rounded."""
    assert number.is_finite(), f"{number} is not a number to publish"
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def iso_utc(time_ns: int) -> str:
    """Return ``time_ns`` as 2024-01-31T14:30:00.000000001Z."""
    return f"{np.datetime64(time_ns, 'ns')}Z"


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with written_whole(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(value) for value in row] for row in rows)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    return value.name if isinstance(value, Enum) else str(value)
