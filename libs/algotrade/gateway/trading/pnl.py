"""Profit and loss as clients subscribe to it: of accounts and of single holdings."""

from collections.abc import Iterator

from algotrade.gateway.listings import Listings
from algotrade.gateway.trading.figures import Appraiser
from algotrade.gateway.trading.ledger import Ledger
from algotrade.gateway.trading.settings import TradingSettings
from algotrade.gateway.trading.state import ZERO, Client
from algotrade.ibkr.wire.answers.account import Pnl, PnlSingle


class Profits:
    """Makes the answers; who is told, and when, is the reports' business."""

    def __init__(self, listings: Listings, settings: TradingSettings, ledger: Ledger, appraiser: Appraiser) -> None:
        self._listings = listings
        self._settings = settings
        self._ledger = ledger
        self._appraiser = appraiser

    def of(self, client: Client) -> Iterator[tuple[str, Pnl | PnlSingle]]:
        """Yield the present answer to each of a client's subscriptions, and the subscription's name."""
        for req_id, wanted in client.pnls.items():
            yield f"pnl {req_id}", self._whole(req_id, self._named(wanted))
        for req_id, (wanted, con_id) in client.single_pnls.items():
            yield f"single {req_id}", self._single(req_id, self._named(wanted), con_id)

    def _whole(self, req_id: int, accounts: list[str]) -> Pnl:
        figures = [self._appraiser.of_account(a) for a in accounts]
        return Pnl(
            req_id=req_id, daily=float(sum(f.daily for f in figures)),
            unrealized=float(sum(f.unrealized for f in figures)), realized=float(sum(f.realized for f in figures)))

    def _single(self, req_id: int, accounts: list[str], con_id: int) -> PnlSingle:
        listing = self._listings.by_con_id(con_id)
        assert listing is not None, "checked when it was asked for"
        instrument = listing.instrument.id
        parts = [self._appraiser.of_holding(a, instrument) for a in accounts]
        return PnlSingle(
            req_id=req_id, position=sum((self._ledger.holding(a, instrument).quantity for a in accounts), ZERO),
            daily=float(sum(p.daily for p in parts)), unrealized=float(sum(p.unrealized for p in parts)),
            realized=float(sum(p.realized for p in parts)), value=float(sum(p.value for p in parts)))

    def _named(self, account: str) -> list[str]:
        return [account] if account else list(self._settings.accounts)
