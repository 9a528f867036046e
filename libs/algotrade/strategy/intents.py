"""Intents as kernels write them: one row of ``INTENT`` each, and the compiled writers of a row.

A kernel fills rows from 0 up, in the order of the records that bore them; the runner (``strategy.kernel``) turns
rows into ``OrderIntent`` values with ids, ticks, lots and ``Decimal``.
"""

import math
from typing import NamedTuple

import numpy as np

from algotrade.domain.market import Records
from algotrade.domain.order import OrderType, Side, TimeInForce
from algotrade.jit import jit

INTENT = np.dtype(
    [
        ("row", "<i8"),
        ("action", "<i4"),
        ("instrument", "<i4"),
        ("side", "<i4"),
        ("order_type", "<i4"),
        ("time_in_force", "<i4"),
        ("target_number", "<i4"),
        ("quantity", "<f8"),
        ("limit_price", "<f8"),
        ("stop_price", "<f8"),
        ("lifetime_ns", "<i8"),
        ("target_sequence", "<i8"),
    ]
)
"""What a kernel wants, 72 bytes.

``row``              index, in the batch, of the record that bore the intent
``action``           NEW, CANCEL or REPLACE
``quantity``         units, above 0; in a REPLACE the new total, NaN = leave as it is
``limit_price``, ``stop_price``  NaN = none; in a REPLACE, leave as it is
``lifetime_ns``      the intent expires at the record's event time plus this
``target_sequence``, ``target_number``  name the order that a CANCEL or a REPLACE is about, by its intent's id
"""



class Intent(NamedTuple):
    """One row of ``INTENT`` as Python values: taken at once, which costs a tenth of field by field."""

    row: int
    action: int
    instrument: int
    side: int
    order_type: int
    time_in_force: int
    target_number: int
    quantity: float
    limit_price: float
    stop_price: float
    lifetime_ns: int
    target_sequence: int


assert Intent._fields == INTENT.names, "a row's values come in the order of its layout"

NEW, CANCEL, REPLACE = 0, 1, 2

BUY, SELL = int(Side.BUY), int(Side.SELL)

MARKET, LIMIT, STOP, STOP_LIMIT = (int(t) for t in OrderType)

DAY, GTC, IOC, FOK = (int(t) for t in TimeInForce)

NO_PRICE = math.nan
"""In place of a price: none, or leave as it is."""

UNCHANGED = math.nan
"""In place of a REPLACE's quantity: leave as it is."""


@jit
def put_new(
    intents: Records, n: int, row: int, instrument: int, side: int, quantity: float, order_type: int,
    time_in_force: int, limit_price: float, stop_price: float, lifetime_ns: int,
) -> int:
    """Write a new order into row ``n`` of ``intents`` and return n + 1."""
    intent = intents[n]
    intent["row"] = row
    intent["action"] = NEW
    intent["instrument"] = instrument
    intent["side"] = side
    intent["order_type"] = order_type
    intent["time_in_force"] = time_in_force
    intent["target_number"] = 0
    intent["quantity"] = quantity
    intent["limit_price"] = limit_price
    intent["stop_price"] = stop_price
    intent["lifetime_ns"] = lifetime_ns
    intent["target_sequence"] = 0
    return n + 1


@jit
def put_market(
    intents: Records, n: int, row: int, instrument: int, side: int, quantity: float, time_in_force: int,
    lifetime_ns: int,
) -> int:
    """Write a new market order into row ``n`` of ``intents`` and return n + 1."""
    return put_new(
        intents, n, row, instrument, side, quantity, MARKET, time_in_force, NO_PRICE, NO_PRICE, lifetime_ns
    )


@jit
def put_replace(
    intents: Records, n: int, row: int, instrument: int, target_sequence: int, target_number: int, quantity: float,
    limit_price: float, stop_price: float, lifetime_ns: int,
) -> int:
    """Write a change of the order (``target_sequence``, ``target_number``) into row ``n`` and return n + 1."""
    # Side, type and time in force of a replace are its target's; the zeros stand for no value of these enums but DAY.
    put_new(intents, n, row, instrument, 0, quantity, 0, DAY, limit_price, stop_price, lifetime_ns)
    intent = intents[n]
    intent["action"] = REPLACE
    intent["target_sequence"] = target_sequence
    intent["target_number"] = target_number
    return n + 1


@jit
def put_cancel(
    intents: Records, n: int, row: int, instrument: int, target_sequence: int, target_number: int, lifetime_ns: int,
) -> int:
    """Write a cancel of the order (``target_sequence``, ``target_number``) into row ``n`` and return n + 1."""
    put_replace(
        intents, n, row, instrument, target_sequence, target_number, UNCHANGED, NO_PRICE, NO_PRICE, lifetime_ns
    )
    intents[n]["action"] = CANCEL
    return n + 1
