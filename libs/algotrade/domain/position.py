"""A position is a fold of fills and nothing else."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from algotrade.domain.execution import Fill

ZERO = Decimal(0)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Signed holding of one instrument, with average cost. Money in the instrument's currency.

    ``quantity``    units, positive long, negative short
    ``cost``        what was paid for the open quantity at average cost, price times units: negative of a short
    ``paid``        what was paid for everything so far, less what it brought, price times units
    ``commission``  commissions paid

    ``paid`` is exact, and so are the profits of what is closed wholly; while a part is open, average cost may have
    more digits than a ``Decimal``.
    """

    instrument: int
    multiplier: Decimal = Decimal(1)
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    paid: Decimal = ZERO
    commission: Decimal = ZERO

    @property
    def average_price(self) -> Decimal:
        """Return the average cost of one unit of the open quantity, 0 when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    @property
    def realized_pnl(self) -> Decimal:
        """Return the profit of what was closed, commissions not deducted."""
        return (self.cost - self.paid) * self.multiplier

    def after(self, fill: Fill) -> "Position":
        """Return the position after ``fill``: adding moves the average, reducing realises, crossing zero reopens."""
        assert fill.instrument == self.instrument, f"fill of {fill.instrument} on position of {self.instrument}"
        assert fill.quantity > 0, f"fill {fill.execution_id} has quantity {fill.quantity}"
        signed = fill.quantity * fill.side
        quantity, value = self.quantity + signed, signed * fill.price
        if self.quantity * signed >= 0:
            cost = self.cost + value
        elif abs(signed) <= abs(self.quantity):
            cost = self.cost * quantity / self.quantity
        else:
            cost = quantity * fill.price
        return msgspec.structs.replace(self, quantity=quantity, cost=cost, paid=self.paid + value,
                                       commission=self.commission + fill.commission)

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        """Return the profit of the open quantity at price ``mark``."""
        return (self.quantity * mark - self.cost) * self.multiplier

    def net_pnl(self, mark: Decimal) -> Decimal:
        """Return realised plus unrealised profit less commissions, at price ``mark``."""
        return (self.quantity * mark - self.paid) * self.multiplier - self.commission


def fold(fills: Iterable[Fill], multipliers: dict[int, Decimal]) -> dict[int, Position]:
    """Return the position of every instrument that ``fills`` touch, by instrument id."""
    positions: dict[int, Position] = {}
    for fill in fills:
        before = positions.get(fill.instrument) or Position(
            instrument=fill.instrument, multiplier=multipliers[fill.instrument]
        )
        positions[fill.instrument] = before.after(fill)
    return positions
