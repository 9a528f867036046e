"""What the simulated broker assumes about accounts and rules; every figure here is a setting, none of them IB's law."""

from decimal import Decimal

import msgspec

from algotrade.matching import CommissionModel, VenueModel

ORDERS_MAX = 4096
"""Orders alive at once in the whole simulation: a bound of its own, above what its accounts may have."""
COMPLETED_MAX = 20_000
"""Done orders remembered until the day ends; the oldest is forgotten first."""
EXECUTIONS_MAX = 200_000
"""Executions of one day; an order beyond them is refused."""


class SettingsError(ValueError):
    """A setting is wrong; the message names it, the value and what is allowed."""


class Margin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Share of a position's value asked for before it is opened, and while it is held."""

    initial: Decimal
    maintenance: Decimal

    def __post_init__(self) -> None:
        both_finite = self.initial.is_finite() and self.maintenance.is_finite()
        if not (both_finite and 0 <= self.maintenance <= self.initial and self.initial > 0):
            raise SettingsError(f"margin is {self.initial} to open and {self.maintenance} to hold; allowed: above 0 to "
                                "open, from 0 up to that to hold")


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account as it begins: cash by currency, and the currency that its values are told in."""

    cash: dict[str, Decimal] = msgspec.field(default_factory=lambda: {"USD": Decimal(1_000_000)})
    base_currency: str = "USD"


class Presets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The precautionary settings and order presets of the user interface; None: not set.

    ``tif``            given to orders that name none, and told by 10349; empty: DAY, and nothing is told
    ``price_percent``  how far, in percent, a price may lie beyond the market on the side that costs: else 163, or 109
                       for a stop price; 164 where no market is known
    ``ticks``          the same in price steps: else 382
    ``size``           the largest quantity of an order: else 383
    """

    tif: str = ""
    price_percent: Decimal | None = None
    ticks: int | None = None
    size: Decimal | None = None


MARGINS = {
    "STK": Margin(initial=Decimal("0.5"), maintenance=Decimal("0.25")),
    "FUT": Margin(initial=Decimal("0.08"), maintenance=Decimal("0.06")),
    "CASH": Margin(initial=Decimal("0.03"), maintenance=Decimal("0.03")),
}
"""Stocks: Regulation T's 50 % and 25 % (documented); futures and currencies: round figures (assumed)."""

COMMISSIONS = {
    "STK": CommissionModel(),
    "FUT": CommissionModel(per_unit=Decimal("2.25"), order_min=Decimal(0), value_max=Decimal(1)),
    "CASH": CommissionModel(per_unit=Decimal("0.00002"), order_min=Decimal(2), value_max=Decimal(1)),
}
"""Stocks: IB's fixed plan for the US; futures and currencies: of the order of IB's plans (assumed)."""


USD_PER = {c: Decimal(r) for c, r in (
    ("USD", "1"), ("EUR", "1.1"), ("GBP", "1.3"), ("CHF", "1.1"), ("CAD", "0.75"), ("AUD", "0.66"), ("NZD", "0.6"),
    ("JPY", "0.007"), ("HKD", "0.128"), ("SGD", "0.75"), ("SEK", "0.1"), ("NOK", "0.1"), ("DKK", "0.15"))}
"""Round figures (assumed), for currencies of which no pair has traded yet."""


class TradingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set.

    ``usd_per``           value in USD of one unit of a currency, where no currency pair of the market tells it
    ``time_zone``         zone of the login: execution times are told in it, and its midnight begins a new day
    ``master_client_id``  a client that sees every client's orders and executions
    ``active_orders_max`` per account, contract and side (documented: 20)
    ``auction_cutoff_s``  before the close, from when on no MOC or LOC is taken (assumed)
    ``account_update_s``  how often account values are told though nothing changed (documented: three minutes)
    ``pnl_s``             how often profit and loss are told at most (observed: about a second)
    """

    accounts: dict[str, AccountSettings] = msgspec.field(default_factory=lambda: {"DU1234567": AccountSettings()})
    model: VenueModel = VenueModel()
    commissions: dict[str, CommissionModel] = msgspec.field(default_factory=lambda: dict(COMMISSIONS))
    margins: dict[str, Margin] = msgspec.field(default_factory=lambda: dict(MARGINS))
    usd_per: dict[str, Decimal] = msgspec.field(default_factory=lambda: dict(USD_PER))
    presets: Presets = Presets()
    time_zone: str = "UTC"
    seed: int = 1
    is_read_only: bool = False
    master_client_id: int | None = None
    active_orders_max: int = 20
    auction_cutoff_s: int = 600
    account_update_s: int = 180
    pnl_s: int = 1

    def __post_init__(self) -> None:
        if not self.accounts:
            raise SettingsError("accounts is empty; allowed: one or more")
        for name, least in (("active_orders_max", 1), ("auction_cutoff_s", 0), ("account_update_s", 1), ("pnl_s", 1)):
            value = getattr(self, name)
            if value < least:
                raise SettingsError(f"{name} is {value}; allowed: {least} or more")
        for currency, rate in self.usd_per.items():
            if not rate.is_finite() or rate <= 0:
                raise SettingsError(f"usd_per {currency} is {rate}; allowed: above 0")
