"""What the Gateway asks of whoever keeps accounts and orders: given requests and the market, told what to send."""

from decimal import Decimal
from typing import Protocol

from algotrade.domain import MarketBatch
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire.records import Contract, Order

Sent = tuple[int | None, Answer]
"""To which client (None: every one that is connected), and what; in the order to be sent."""


class TradingPort(Protocol):
    """Accounts and orders. It does no I/O and reads no clock: ``now_ns`` is market time, ns since 1970 UTC."""

    accounts: tuple[str, ...]

    def connected(self, client_id: int, now_ns: int) -> list[Sent]:
        """Take a client; tells it ``ManagedAccounts`` and ``NextValidId`` among other things."""
        ...

    def disconnected(self, client_id: int, now_ns: int) -> list[Sent]:
        """Let a client go; nothing is sent to it any more."""
        ...

    def has_order(self, client_id: int, order_id: int) -> bool:
        """Tell whether this client has an order of this id that is not done."""
        ...

    def handle(self, client_id: int, request: Request, now_ns: int) -> list[Sent]:
        """Answer a request about orders or the account."""
        ...

    def on_market(self, batch: MarketBatch, now_ns: int) -> list[Sent]:
        """Take the records that became due, before clients are told of them."""
        ...

    def on_time(self, now_ns: int) -> list[Sent]:
        """Take the time; called at least every 100 ms of market time while the market runs."""
        ...

    # What the broker and its users do unasked; ``trading.Trading`` says more.

    def held(self, account: str, con_id: int) -> Decimal:
        """Return the signed holding of a contract."""
        ...

    def last_execution(self) -> tuple[str, Decimal, Decimal] | None:
        """Return id, quantity and price of the newest execution of today; None: there is none."""
        ...

    def correct(self, exec_id: str, now_ns: int, *, quantity: Decimal, price: Decimal) -> list[Sent]:
        """Correct an execution."""
        ...

    def bust(self, exec_id: str, now_ns: int) -> list[Sent]:
        """Take an execution back."""
        ...

    def liquidate(self, account: str, con_id: int, quantity: Decimal, now_ns: int) -> list[Sent]:
        """Close a holding at the market."""
        ...

    def manual_order(self, contract: Contract, order: Order, now_ns: int) -> list[Sent]:
        """Place an order as a user of TWS does."""
        ...

    def incarnate(self, client_id: int, order_id: int, order: Order, now_ns: int) -> list[Sent]:
        """Let a change of an order make a second one beside it."""
        ...

    def restarted(self, now_ns: int, *, rolls_back_ids: bool) -> list[Sent]:
        """Forget who is connected, and what was held untransmitted."""
        ...
