"""A holding of one contract as a fold of its executions: quantity, cost and what was realised, exactly."""

from decimal import Decimal

import msgspec

ZERO = Decimal(0)
_PLACES = 10


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of a contract; sold short where below 0.

    ``cost``      paid for what is held, in the contract's currency, commissions and multiplier in it; of a short
                  position what was received, as a negative number
    ``realized``  profit and loss of what was closed since the day began, commissions in it

    ``realized - cost`` always is the cash that its executions moved, less that of days before.
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal:
        """Return the cost of one unit, multiplier and commission in it as IB tells it, to 8 places; 0 for none."""
        return round(self.cost / self.quantity, 8) if self.quantity else ZERO


def after(holding: Holding, quantity: Decimal, value: Decimal, commission: Decimal) -> Holding:
    """Return the holding after an execution of ``quantity`` (below 0: sold) worth ``value`` (with the same sign).

    What closes is closed at the average cost. An execution that turns a position round closes it with its share of
    value and commission, and opens the other with the rest.
    """
    held = holding.quantity
    if held * quantity >= 0:
        return Holding(quantity=held + quantity, cost=holding.cost + value + commission, realized=holding.realized)
    closed = min(abs(held), abs(quantity))
    cost_out = holding.cost if closed == abs(held) else round(holding.cost * closed / abs(held), _PLACES)
    whole = closed == abs(quantity)
    value_out = value if whole else round(value * closed / abs(quantity), _PLACES)
    commission_out = commission if whole else round(commission * closed / abs(quantity), _PLACES)
    return Holding(
        quantity=held + quantity,
        cost=holding.cost - cost_out + (value - value_out) + (commission - commission_out),
        realized=holding.realized - value_out - commission_out - cost_out,
    )
