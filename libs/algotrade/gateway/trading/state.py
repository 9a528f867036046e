"""Everything that a restart needs, as one struct: ``TradingState``."""

from decimal import Decimal

import msgspec

from algotrade.gateway.trading.holdings import Holding
from algotrade.gateway.trading.orders import Live
from algotrade.ibkr.wire.records import Contract

ZERO = Decimal(0)


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A holding as the day began, and the price that it had then; None where no price was known."""

    holding: Holding = Holding()
    price: Decimal | None = None


class Account(msgspec.Struct, kw_only=True):
    """Cash by currency, and holdings by instrument: now, and as the day began.

    ``moved``  by instrument, what its executions of today have paid (below 0) or brought in, commissions in it, as if
               each were settled in full
    """

    base_currency: str
    cash: dict[str, Decimal]
    holdings: dict[int, Holding] = {}
    openings: dict[int, Opening] = {}
    moved: dict[int, Decimal] = {}


class Executed(msgspec.Struct, kw_only=True):
    """One execution as it is told. A correction has the same id but for the last group, and supersedes the one before.

    ``realized``   what it realised, None where it only opened
    ``liquidity``  1 added, 2 removed
    """

    exec_id: str
    perm_id: int
    order_id: int
    client_id: int
    account: str
    instrument: int
    contract: Contract
    exchange: str
    time_ns: int
    side: int
    quantity: Decimal
    price: Decimal
    cumulative: Decimal
    average: Decimal
    order_ref: str
    commission: Decimal
    realized: Decimal | None = None
    liquidity: int = 2
    is_liquidation: bool = False

    @property
    def root(self) -> str:
        """Return what it shares with its corrections."""
        return self.exec_id.rpartition(".")[0]


class Client(msgspec.Struct, kw_only=True):
    """What is kept of a client: the highest order id it has used, and while it is connected what it listens to.

    Subscriptions stand under their request ids: ``summaries`` (tags), ``position_lists`` (account), ``value_lists``
    (account, ledger only), ``pnls`` (account), ``single_pnls`` (account, contract id).
    """

    is_connected: bool = False
    last_order_id: int = 0
    binds_manual_orders: bool = False
    account_updates: str = ""
    hears_positions: bool = False
    summaries: dict[int, list[str]] = {}
    position_lists: dict[int, str] = {}
    value_lists: dict[int, tuple[str, bool]] = {}
    pnls: dict[int, str] = {}
    single_pnls: dict[int, tuple[str, int]] = {}


class TradingState(msgspec.Struct, kw_only=True):
    """The whole state. ``orders`` and those ``done`` since midnight stand under their permanent ids.

    ``marks``    last price of an instrument in ticks; ``sources``: the kind of record that fills its orders
    ``said``     what was last told of values that are told only when they change, by subscriber and key
    """

    accounts: dict[str, Account]
    orders: dict[int, Live] = {}
    done: dict[int, Live] = {}
    executions: list[Executed] = []
    clients: dict[int, Client] = {}
    marks: dict[int, int] = {}
    sources: dict[int, int] = {}
    perm_ids: int = 0
    executed: int = 0
    arrivals: int = 0
    bound: int = 0
    now_ns: int = 0
    day_ends_ns: int = 0
    values_due_ns: int = 0
    pnl_due_ns: int = 0
    said: dict[str, str] = {}
