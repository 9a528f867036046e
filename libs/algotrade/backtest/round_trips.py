"""Round trips: what a position earned from flat to flat."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from algotrade.domain import Fill, Instruments, Side


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    """A position from the fill that opened it to the fill that closed it, through all that was added or taken off.

    ``side`` is that of the opening fill; ``net_pnl`` in the instrument's currency, commissions deducted, exact.
    """

    instrument: int
    side: Side
    opened_ns: int
    closed_ns: int
    net_pnl: Decimal


class _Open(msgspec.Struct, kw_only=True):
    side: Side
    opened_ns: int
    quantity: Decimal = Decimal(0)
    cash: Decimal = Decimal(0)


def round_trips(fills: Iterable[Fill], instruments: Instruments) -> list[RoundTrip]:
    """Return the closed round trips of ``fills``, in the order of their closing.

    A fill that crosses zero closes one trip and opens the next; its commission is shared by quantity. A position
    that is still open at the end is no round trip.
    """
    trips: list[RoundTrip] = []
    held: dict[int, _Open] = {}
    for fill in fills:
        value = fill.price * instruments[fill.instrument].multiplier
        trip = held.get(fill.instrument)
        left, commission = fill.quantity, fill.commission
        if trip is not None and trip.side != fill.side:
            closed = min(left, trip.quantity)
            share = commission * closed / left
            trip.quantity -= closed
            trip.cash -= fill.side * closed * value + share
            left, commission = left - closed, commission - share
            if trip.quantity == 0:
                trips.append(RoundTrip(
                    instrument=fill.instrument, side=trip.side, opened_ns=trip.opened_ns,
                    closed_ns=fill.event_time_ns, net_pnl=trip.cash,
                ))
                del held[fill.instrument]
        if left > 0:
            trip = held.setdefault(fill.instrument, _Open(side=fill.side, opened_ns=fill.event_time_ns))
            trip.quantity += left
            trip.cash -= fill.side * left * value + commission
    return trips
