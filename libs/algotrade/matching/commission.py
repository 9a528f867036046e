"""What the broker charges."""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from algotrade.matching.models import ModelError

CENT_HUNDREDTH = Decimal("0.0001")


class CommissionModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Commission per order, in the instrument's currency, charged as the order fills.

    The defaults are Interactive Brokers' "Fixed" plan for US stocks: USD 0.005 a share, at least 1.00 an order, at most
    1 % of the trade value (interactivebrokers.com, Commissions, Stocks, United States). Exchange and regulatory fees
    are part of that plan, but for the regulatory fees of sales, which are left out.

    ``per_unit``    for each unit filled
    ``order_min``   for an order that fills at all
    ``value_max``   share of the value filled; it wins over ``order_min``
    """

    per_unit: Decimal = Decimal("0.005")
    order_min: Decimal = Decimal(1)
    value_max: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        for name in ("per_unit", "order_min", "value_max"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value < 0:
                raise ModelError(f"{name} is {value}; allowed: a finite number, 0 or more")

    def total(self, quantity: Decimal, value: Decimal) -> Decimal:
        """Return the commission of an order of which ``quantity`` units worth ``value`` were filled, to 0.0001.

        A fill pays what the order owes now less what it has paid already.
        """
        owed = min(max(quantity * self.per_unit, self.order_min), value * self.value_max)
        return owed.quantize(CENT_HUNDREDTH, rounding=ROUND_HALF_EVEN)
