"""The smallest account there is: no money, no positions, no orders. Every question gets its end marker."""

from algotrade.domain import MarketBatch
from algotrade.gateway import Listings, Sent
from algotrade.gateway.trading import TradingSettings
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire.answers import account, link, orders
from algotrade.ibkr.wire.requests import (
    RequestAccountSummary,
    RequestAccountUpdates,
    RequestAccountUpdatesMulti,
    RequestAllOpenOrders,
    RequestCompletedOrders,
    RequestExecutions,
    RequestIds,
    RequestManagedAccounts,
    RequestOpenOrders,
    RequestPositions,
    RequestPositionsMulti,
)

ACCOUNT = "DU1234567"


class EmptyAccount:
    """Answers for an account in which nothing ever happened; remembers the market that it was shown."""

    def __init__(self, listings: Listings, settings: TradingSettings) -> None:
        self.listings = listings
        self.accounts = (ACCOUNT,)
        self.seen: list[tuple[MarketBatch, int]] = []
        self.times_ns: list[int] = []
        self.clients: list[int] = []

    def connected(self, client_id: int, now_ns: int) -> list[Sent]:
        self.clients.append(client_id)
        return [(client_id, link.ManagedAccounts(accounts=ACCOUNT)), (client_id, link.NextValidId(order_id=1))]

    def disconnected(self, client_id: int, now_ns: int) -> list[Sent]:
        self.clients.remove(client_id)
        return []

    def handle(self, client_id: int, request: Request, now_ns: int) -> list[Sent]:
        ends: dict[type[Request], list[Answer]] = {
            RequestOpenOrders: [orders.OpenOrderEnd()], RequestAllOpenOrders: [orders.OpenOrderEnd()],
            RequestCompletedOrders: [orders.CompletedOrdersEnd()], RequestPositions: [account.PositionEnd()],
            RequestManagedAccounts: [link.ManagedAccounts(accounts=ACCOUNT)],
            RequestIds: [link.NextValidId(order_id=1)],
            RequestAccountUpdates: [account.AccountDownloadEnd(account=ACCOUNT)],
        }
        req_id = getattr(request, "req_id", 0)
        ends |= {
            RequestExecutions: [orders.ExecutionDataEnd(req_id=req_id)],
            RequestAccountUpdatesMulti: [account.AccountUpdateMultiEnd(req_id=req_id)],
            RequestAccountSummary: [account.AccountSummaryEnd(req_id=req_id)],
            RequestPositionsMulti: [account.PositionMultiEnd(req_id=req_id)],
        }
        return [(client_id, answer) for answer in ends.get(type(request), [])]

    def on_market(self, batch: MarketBatch, now_ns: int) -> list[Sent]:
        self.seen.append((batch, now_ns))
        return []

    def on_time(self, now_ns: int) -> list[Sent]:
        self.times_ns.append(now_ns)
        return []
