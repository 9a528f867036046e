"""What an order would cost: margin before and after it, and its commission."""

from collections.abc import Sequence
from decimal import Decimal

from algotrade.gateway.listings import Listing
from algotrade.gateway.trading.figures import Appraiser
from algotrade.gateway.trading.ledger import Ledger
from algotrade.gateway.trading.orders import Live
from algotrade.ibkr.wire.records import OrderState


def what_if_state(
    order: Live, working: Sequence[Live], listing: Listing, appraiser: Appraiser, ledger: Ledger,
) -> OrderState:
    """Return margins before, after and their change, with the orders that work counted in, and the commission.

    The commission is that of a fill of the whole order at its limit, else at the last price; unset where neither is
    known. Equity does not change but by the commission (assumed).
    """
    figures = appraiser.of_account(order.account)
    before, after = (appraiser.margins(order.account, orders) for orders in (working, (*working, order)))
    limit = listing.instrument.ticks_to_price(order.limit_ticks)
    price = limit or ledger.price(order.instrument)
    commission = None if price is None else ledger.commission(order.instrument, order.quantity, price)
    rate = appraiser.rate(listing.contract.currency, appraiser.base_currency(order.account))
    cost = (commission or Decimal(0)) * rate
    return OrderState(
        status=order.status,
        init_margin_before=_text(before.initial), init_margin_change=_text(after.initial - before.initial),
        init_margin_after=_text(after.initial),
        maint_margin_before=_text(before.maintenance),
        maint_margin_change=_text(after.maintenance - before.maintenance), maint_margin_after=_text(after.maintenance),
        equity_with_loan_before=_text(figures.equity), equity_with_loan_change=_text(-cost),
        equity_with_loan_after=_text(figures.equity - cost),
        commission=commission, min_commission=commission, max_commission=commission,
        commission_currency=listing.contract.currency,
    )


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"
