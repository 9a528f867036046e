"""An account's values as IB names them."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from algotrade.gateway.listings import CURRENCY, Listings
from algotrade.gateway.trading.figures import Appraiser, Figures
from algotrade.gateway.trading.settings import TradingSettings
from algotrade.gateway.trading.state import TradingState

LEDGER = "$LEDGER"
_BASE = "BASE"


class Value(NamedTuple):
    """One value; ``currency`` is empty where it is in none, BASE where all currencies are summed up."""

    key: str
    value: str
    currency: str


class Values:
    """Names the figures of accounts."""

    def __init__(
        self, listings: Listings, settings: TradingSettings, state: TradingState, appraiser: Appraiser,
    ) -> None:
        self._listings = listings
        self._settings = settings
        self._state = state
        self._appraiser = appraiser

    def all(self, name: str) -> list[Value]:
        """Return every value of an account."""
        return [*self.summary(name), *self.ledger(name)]

    def summary(self, name: str) -> list[Value]:
        """Return the values of the whole account, in its base currency."""
        figures = self._appraiser.of_account(name)
        base = self._appraiser.base_currency(name)
        cushion = figures.excess / figures.equity if figures.equity else Decimal(0)
        plain = [Value("AccountCode", name, ""), Value("AccountReady", "true", ""),
                 Value("AccountType", "INDIVIDUAL", ""), Value("Cushion", f"{cushion:.6f}", "")]
        return plain + [Value(key, _money(amount), base) for key, amount in self._amounts(figures)]

    def ledger(self, name: str) -> list[Value]:
        """Return the values by currency, and in sum under BASE."""
        figures = self._appraiser.of_account(name)
        account = self._state.accounts[name]
        found = list(self._currency_values(_BASE, figures.cash, figures.stock_value, figures.unrealized,
                                           figures.realized, figures.equity, Decimal(1)))
        for currency in self._currencies(name):
            stock = unrealized = realized = held = Decimal(0)
            for instrument in account.holdings:
                contract = self._listings.by_instrument(instrument).contract
                if contract.currency == currency:
                    one = self._appraiser.of_holding(name, instrument)
                    stock += one.value if contract.sec_type == "STK" else 0
                    held += one.value if contract.sec_type not in {CURRENCY, "FUT"} else 0
                    held += one.unrealized if contract.sec_type == "FUT" else 0
                    unrealized, realized = unrealized + one.unrealized, realized + one.realized
            cash = account.cash.get(currency, Decimal(0))
            rate = self._appraiser.rate(currency, account.base_currency)
            found += self._currency_values(currency, cash, stock, unrealized, realized, cash + held, rate)
        return found

    def tagged(self, name: str, tags: Iterable[str]) -> list[Value]:
        """Return the values that the tags of an account summary ask for; an unknown tag has none."""
        summary = self.summary(name)
        found = []
        for tag in tags:
            if tag.startswith(LEDGER):
                wanted = tag.partition(":")[2] or _BASE
                found += [v for v in self.ledger(name) if wanted in {v.currency, "ALL"}]
            else:
                found += [v for v in summary if v.key == tag]
        return found

    def _amounts(self, figures: Figures) -> list[tuple[str, Decimal]]:
        stock_margin = self._settings.margins["STK"].initial if "STK" in self._settings.margins else Decimal(1)
        initial, maintenance = figures.initial_margin, figures.maintenance_margin
        amounts = [
            ("NetLiquidation", figures.equity), ("TotalCashValue", figures.cash), ("SettledCash", figures.cash),
            ("EquityWithLoanValue", figures.equity), ("GrossPositionValue", figures.gross_value),
            ("BuyingPower", max(figures.available, Decimal(0)) / stock_margin),
        ]
        for prefix in ("", "Full", "LookAhead"):
            amounts += [(f"{prefix}InitMarginReq", initial), (f"{prefix}MaintMarginReq", maintenance),
                        (f"{prefix}AvailableFunds", figures.available), (f"{prefix}ExcessLiquidity", figures.excess)]
        return amounts

    def _currency_values(
        self, currency: str, cash: Decimal, stock: Decimal, unrealized: Decimal, realized: Decimal, net: Decimal,
        rate: Decimal,
    ) -> Iterator[Value]:
        yield Value("Currency", currency, currency)
        for key, amount in (
            ("CashBalance", cash), ("TotalCashBalance", cash), ("StockMarketValue", stock),
            ("NetLiquidationByCurrency", net), ("UnrealizedPnL", unrealized), ("RealizedPnL", realized),
        ):
            yield Value(key, _money(amount), currency)
        yield Value("ExchangeRate", f"{rate:.7f}", currency)

    def _currencies(self, name: str) -> list[str]:
        account = self._state.accounts[name]
        held = {self._listings.by_instrument(i).contract.currency for i in account.holdings}
        return sorted({account.base_currency, *account.cash, *held})


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
