"""Why an order is refused: one word each, the same in kernels, reports, metrics and the log."""

from enum import IntEnum


class Reason(IntEnum):
    """The gate's verdicts; the order is that of the checks, so the first that fails is the one reported."""

    PASSED = 0
    SESSION_CLOSED = 1
    QUANTITY_NOT_POSITIVE = 2
    QUANTITY_OFF_LOT = 3
    PRICE_MISMATCH = 4
    """A price is missing that the order type needs, or one is given that it does not have."""
    PRICE_NOT_POSITIVE = 5
    PRICE_OFF_TICK = 6
    INSTRUMENT_RESTRICTED = 7
    ORDER_QUANTITY_MAX = 8
    WORKING_ORDERS_MAX = 9
    REFERENCE_MISSING = 10
    REFERENCE_STALE = 11
    REFERENCE_SUSPECT = 12
    PRICE_COLLAR = 13
    ORDER_NOTIONAL_MAX = 14
    POSITION_QUANTITY_MAX = 15
    GROSS_EXPOSURE_MAX = 16
    NET_EXPOSURE_MAX = 17
    ORDER_RATE_MAX = 18

    @property
    def word(self) -> str:
        """Return the reason as reports carry it."""
        return self.name.lower()
