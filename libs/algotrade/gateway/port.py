"""What the Gateway asks of whoever keeps accounts and orders: given requests and the market, told what to send."""

from typing import Protocol

from algotrade.domain import MarketBatch
from algotrade.ibkr.wire import Answer, Request

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
