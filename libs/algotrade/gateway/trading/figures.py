"""What an account is worth and what margin it needs, in its base currency."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from algotrade.gateway.listings import CURRENCY, FUTURE, Listing, Listings
from algotrade.gateway.trading.ledger import Ledger
from algotrade.gateway.trading.orders import Live
from algotrade.gateway.trading.settings import Margin, SettingsError, TradingSettings
from algotrade.gateway.trading.state import Opening, TradingState

ZERO = Decimal(0)
_WHOLE = Margin(initial=Decimal(1), maintenance=Decimal(1))
"""What is not in the settings is paid in full."""


class Figures(NamedTuple):
    """An account's figures, all in its base currency."""

    cash: Decimal
    equity: Decimal
    stock_value: Decimal
    gross_value: Decimal
    unrealized: Decimal
    realized: Decimal
    daily: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal

    @property
    def available(self) -> Decimal:
        """Return what may still be put into positions."""
        return self.equity - self.initial_margin

    @property
    def excess(self) -> Decimal:
        """Return what may be lost before the broker liquidates."""
        return self.equity - self.maintenance_margin


class Needed(NamedTuple):
    """Margin in an account's base currency: to open its positions, and to hold them."""

    initial: Decimal
    maintenance: Decimal


class HoldingFigures(NamedTuple):
    """A holding's figures in its own currency; ``price`` is its cost where the market has not told one."""

    price: Decimal
    value: Decimal
    unrealized: Decimal
    realized: Decimal
    daily: Decimal


class Appraiser:
    """Values accounts at the last prices of ``state``."""

    def __init__(self, listings: Listings, settings: TradingSettings, state: TradingState, ledger: Ledger) -> None:
        self._listings = listings
        self._settings = settings
        self._state = state
        self._ledger = ledger
        self._pairs = {(x.contract.symbol, x.contract.currency): x.instrument.id for x in listings
                       if x.contract.sec_type == CURRENCY}
        self._need_rates()

    def rate(self, currency: str, base: str) -> Decimal:
        """Return the value of one unit of ``currency``: by a pair's last price, else by the settings."""
        if currency == base:
            return Decimal(1)
        price = self._pair_price(currency, base)
        if price is not None:
            return price
        inverse = self._pair_price(base, currency)
        if inverse is not None:
            return 1 / inverse
        return self._settings.usd_per[currency] / self._settings.usd_per[base]

    def of_holding(self, account: str, instrument: int) -> HoldingFigures:
        """Return the figures of what ``account`` holds of ``instrument``, or of what it has closed today."""
        listing = self._listings.by_instrument(instrument)
        holding = self._ledger.holding(account, instrument)
        multiplier = listing.instrument.multiplier
        known = self._ledger.price(instrument)
        price = known if known is not None else holding.average_cost / multiplier
        value = holding.quantity * price * multiplier
        books = self._state.accounts[account]
        opening = books.openings.get(instrument, Opening())
        opened_at = opening.price if opening.price is not None else price
        daily = value - opening.holding.quantity * opened_at * multiplier + books.moved.get(instrument, ZERO)
        return HoldingFigures(price, value, value - holding.cost, holding.realized, daily)

    def of_account(self, name: str) -> Figures:
        """Return the figures of an account."""
        account = self._state.accounts[name]
        base = account.base_currency
        cash = sum((amount * self.rate(c, base) for c, amount in account.cash.items()), ZERO)
        equity, stock, gross, unrealized, realized, daily = cash, ZERO, ZERO, ZERO, ZERO, ZERO
        for instrument in account.holdings:
            listing = self._listings.by_instrument(instrument)
            rate = self.rate(listing.contract.currency, base)
            figures = self.of_holding(name, instrument)
            kind = listing.contract.sec_type
            if kind == FUTURE:
                equity += figures.unrealized * rate
            elif kind != CURRENCY:  # what a currency pair moved is in the cash
                equity += figures.value * rate
                stock += figures.value * rate
                gross += abs(figures.value) * rate
            unrealized += figures.unrealized * rate
            realized += figures.realized * rate
            daily += figures.daily * rate
        margins = self.margins(name, ())
        return Figures(cash, equity, stock, gross, unrealized, realized, daily, margins.initial, margins.maintenance)

    def base_currency(self, name: str) -> str:
        """Return the currency that an account is told in."""
        return self._state.accounts[name].base_currency

    def margins(self, name: str, orders: Iterable[Live]) -> Needed:
        """Return the margins of the account's holdings, were those of ``orders`` filled that make them largest.

        Of each instrument either all buys or all sells fill, whichever leaves the larger position (assumed).
        """
        account = self._state.accounts[name]
        ahead: dict[int, list[Live]] = {instrument: [] for instrument in account.holdings}
        for order in orders:
            ahead.setdefault(order.instrument, []).append(order)
        initial = maintenance = ZERO
        for instrument, mine in ahead.items():
            listing = self._listings.by_instrument(instrument)
            held = self._ledger.holding(name, instrument).quantity
            buys = sum((o.remaining for o in mine if o.side > 0), ZERO)
            sells = sum((o.remaining for o in mine if o.side < 0), ZERO)
            worst = max(abs(held + buys), abs(held - sells))
            value = (worst * self._price_for_margin(name, instrument, mine) * listing.instrument.multiplier
                     * self.rate(listing.contract.currency, account.base_currency))
            margin = self._margin(listing)
            initial += value * margin.initial
            maintenance += value * margin.maintenance
        return Needed(initial, maintenance)

    def _price_for_margin(self, name: str, instrument: int, orders: list[Live]) -> Decimal:
        """Return the highest price that can be asked of the account; 0 where nothing tells one."""
        listing = self._listings.by_instrument(instrument)
        known = self._ledger.price(instrument)
        cost = self._ledger.holding(name, instrument).average_cost / listing.instrument.multiplier
        limits = [listing.instrument.ticks_to_price(o.limit_ticks) for o in orders if o.limit_ticks and o.side > 0]
        if known is not None:
            return known
        return max([cost, *limits])

    def _margin(self, listing: Listing) -> Margin:
        return self._settings.margins.get(listing.contract.sec_type, _WHOLE)

    def _pair_price(self, symbol: str, currency: str) -> Decimal | None:
        instrument = self._pairs.get((symbol, currency))
        return None if instrument is None else self._ledger.price(instrument)

    def _need_rates(self) -> None:
        """Every currency needs a rate from the beginning, before any pair has traded."""
        used = {x.contract.currency for x in self._listings}
        used |= {x.contract.symbol for x in self._listings if x.contract.sec_type == CURRENCY}
        for account in self._settings.accounts.values():
            used |= {account.base_currency, *account.cash}
        missing = sorted(used - set(self._settings.usd_per))
        if len(used) > 1 and missing:
            raise SettingsError(f"usd_per has no rate of {', '.join(missing)}; allowed: one for every currency in use")
