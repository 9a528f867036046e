"""A position is a fold of fills and nothing else."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from algotrade.domain.execution import Fill

ZERO = Decimal(0)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Signed holding of one instrument, with average cost. Money in the instrument's currency, exact.

    ``quantity``          units, positive long, negative short
    ``average_price``     average cost of the open quantity, 0 when flat
    ``realized_pnl``      profit of what was closed, commissions not deducted
    ``commission``        commissions paid
    """

    instrument: int
    multiplier: Decimal = Decimal(1)
    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    commission: Decimal = ZERO

    def after(self, fill: Fill) -> "Position":
        """Return the position after ``fill``: adding moves the average, reducing realises, crossing zero reopens."""
        assert fill.instrument == self.instrument, f"fill of {fill.instrument} on position of {self.instrument}"
        assert fill.quantity > 0, f"fill {fill.execution_id} has quantity {fill.quantity}"
        signed = fill.quantity * fill.side
        quantity = self.quantity + signed
        commission = self.commission + fill.commission
        if self.quantity * signed >= 0:
            average = (self.average_price * self.quantity + fill.price * signed) / quantity
            return msgspec.structs.replace(self, quantity=quantity, average_price=average, commission=commission)
        closed = min(abs(signed), abs(self.quantity))
        direction = 1 if self.quantity > 0 else -1
        realized = self.realized_pnl + closed * direction * (fill.price - self.average_price) * self.multiplier
        if quantity == 0:
            average = ZERO
        elif abs(signed) > abs(self.quantity):
            average = fill.price
        else:
            average = self.average_price
        return msgspec.structs.replace(
            self, quantity=quantity, average_price=average, realized_pnl=realized, commission=commission
        )

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        """Return the profit of the open quantity at price ``mark``."""
        return self.quantity * (mark - self.average_price) * self.multiplier

    def net_pnl(self, mark: Decimal) -> Decimal:
        """Return realised plus unrealised profit less commissions, at price ``mark``."""
        return self.realized_pnl + self.unrealized_pnl(mark) - self.commission


def fold(fills: Iterable[Fill], multipliers: dict[int, Decimal]) -> dict[int, Position]:
    """Return the position of every instrument that ``fills`` touch, by instrument id."""
    positions: dict[int, Position] = {}
    for fill in fills:
        before = positions.get(fill.instrument) or Position(
            instrument=fill.instrument, multiplier=multipliers[fill.instrument]
        )
        positions[fill.instrument] = before.after(fill)
    return positions
