"""The orders that a simulated venue holds, as rows in order of arrival, and what may happen to them."""

import numpy as np

from algotrade.domain.order import OrderType, TimeInForce

WORKING = np.dtype([
    ("order_id", "<i8"),
    ("born_ns", "<i8"),
    ("expires_ns", "<i8"),
    ("lots", "<i8"),
    ("limit_ticks", "<i8"),
    ("stop_ticks", "<i8"),
    ("instrument", "<i4"),
    ("side", "<i4"),
    ("order_type", "<i4"),
    ("time_in_force", "<i4"),
    ("triggered", "<i4"),
    ("resting", "<i4"),
])
"""One working order.

``born_ns``    event time of the record that bore it
``expires_ns`` end of its day, or never
``lots``       what may still fill
``triggered``  1 once a stop has fired: from then on it is a market or a limit order
``resting``    1 once a record of its instrument has met it: from then on it provides liquidity
"""

EVENT = np.dtype([
    ("order_id", "<i8"), ("sequence", "<i8"), ("time_ns", "<i8"), ("kind", "<i8"), ("lots", "<i8"),
    ("price_ticks", "<i8"),
])
"""What a record did to an order; ``sequence`` and ``time_ns`` are the record's."""

FILLED = 0
CANCELED = 1
"""What an IOC or FOK order could not get at once."""
EXPIRED = 2

MARKET, LIMIT, STOP, STOP_LIMIT = (int(t) for t in OrderType)
IOC, FOK = int(TimeInForce.IOC), int(TimeInForce.FOK)
