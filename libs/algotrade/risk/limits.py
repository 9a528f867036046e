"""What the gate holds orders to: a struct that refuses to exist with a nonsensical value."""

from decimal import Decimal

import msgspec
import numpy as np

from algotrade.domain.clock import NANOSECONDS_PER_SECOND

ORDER_RATE_WINDOW_MAX = 10_000
"""Most orders that the rate window can remember: its memory is fixed."""


class LimitsError(ValueError):
    """A limit is out of range; the message names it, the value and what is allowed."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pre-trade limits of one account, all of them always on.

    Amounts are in the account's currency, quantities in units of the instrument. Exposure counts every working order
    as if it filled in the worst direction, and never refuses an order that leaves the worst as it was or better.
    ``reference`` is the last trusted market price of the instrument.

    ``order_quantity_max``       of one order
    ``order_notional_max``       of one order, at its worst price
    ``price_collar_bps``         how far a limit or stop price may be on the wrong side of the reference
    ``position_quantity_max``    long or short, of one instrument
    ``gross_exposure_max``       sum of absolute values over all instruments
    ``net_exposure_max``         absolute value of the signed sum
    ``orders_per_window_max``    new and replace orders within ``order_window_ns``
    ``reference_age_ns_max``     older references price nothing
    ``working_orders_max``       open orders at once
    ``restricted``               symbols that may not be traded
    """

    order_quantity_max: Decimal = Decimal(50_000)
    order_notional_max: Decimal = Decimal(1_000_000)
    price_collar_bps: Decimal = Decimal(500)
    position_quantity_max: Decimal = Decimal(100_000)
    gross_exposure_max: Decimal = Decimal(10_000_000)
    net_exposure_max: Decimal = Decimal(10_000_000)
    orders_per_window_max: int = 100
    order_window_ns: int = NANOSECONDS_PER_SECOND
    reference_age_ns_max: int = 5 * NANOSECONDS_PER_SECOND
    working_orders_max: int = 1_000
    restricted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in AMOUNTS:
            value = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise LimitsError(f"{name} is {value}; allowed: a finite number above 0")
        for name, most in COUNTS.items():
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise LimitsError(f"{name} is {value}; allowed: 1 to {most}")
        if self.order_quantity_max > self.position_quantity_max:
            raise LimitsError(f"order_quantity_max is {self.order_quantity_max}; "
                              f"allowed: up to position_quantity_max, {self.position_quantity_max}")
        if self.net_exposure_max > self.gross_exposure_max:
            raise LimitsError(f"net_exposure_max is {self.net_exposure_max}; "
                              f"allowed: up to gross_exposure_max, {self.gross_exposure_max}")

    def record(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        """Return the limits as one ``LIMITS`` row for kernels."""
        amounts = [float(getattr(self, name)) for name in AMOUNTS]
        return np.array([(*amounts, *(getattr(self, name) for name in COUNTS))], dtype=LIMITS)


AMOUNTS = ("order_quantity_max", "order_notional_max", "price_collar_bps", "position_quantity_max",
           "gross_exposure_max", "net_exposure_max")
COUNTS = {
    "orders_per_window_max": ORDER_RATE_WINDOW_MAX,
    "order_window_ns": 86_400 * NANOSECONDS_PER_SECOND,
    "reference_age_ns_max": 2**62,
    "working_orders_max": 100_000,
}

LIMITS = np.dtype([*((name, "<f8") for name in AMOUNTS), *((name, "<i8") for name in COUNTS)])
"""``Limits`` without the symbols, as kernels see them."""
