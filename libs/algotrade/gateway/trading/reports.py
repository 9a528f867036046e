"""Requests about the account, and what is told of it unasked: values, positions, profit and loss."""

from collections.abc import Mapping

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.listings import Listings
from algotrade.gateway.times import local, zone_of
from algotrade.gateway.trading.figures import Appraiser
from algotrade.gateway.trading.ledger import Ledger
from algotrade.gateway.trading.outbox import Outbox
from algotrade.gateway.trading.pnl import Profits
from algotrade.gateway.trading.settings import TradingSettings
from algotrade.gateway.trading.state import Client, TradingState
from algotrade.gateway.trading.values import Value, Values
from algotrade.ibkr.wire.answers.account import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountTime,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountValue,
    PortfolioValue,
    PositionData,
    PositionEnd,
    PositionMulti,
    PositionMultiEnd,
)
from algotrade.ibkr.wire.requests import (
    RequestAccountSummary,
    RequestAccountUpdates,
    RequestAccountUpdatesMulti,
    RequestPnl,
    RequestPnlSingle,
    RequestPositionsMulti,
)

SUMMARIES_MAX = 2
"""Account summaries of one client at once (documented)."""
SUBSCRIPTIONS_MAX = 100
"""Other subscriptions of one kind and client at once (assumed)."""


class Reports:
    """Answers the requests about accounts, and keeps those informed who asked to be."""

    def __init__(
        self, listings: Listings, settings: TradingSettings, state: TradingState, ledger: Ledger, appraiser: Appraiser,
        outbox: Outbox,
    ) -> None:
        self._listings = listings
        self._settings = settings
        self._state = state
        self._ledger = ledger
        self._appraiser = appraiser
        self._outbox = outbox
        self._values = Values(listings, settings, state, appraiser)
        self._profits = Profits(listings, settings, ledger, appraiser)
        self._zone = zone_of(settings.time_zone)
        self._moved: dict[tuple[str, int], None] = {}

    def moved(self, account: str, instrument: int) -> None:
        """Take note that a holding has changed; ``flush`` tells."""
        self._moved[account, instrument] = None

    def flush(self, now_ns: int) -> None:
        """Tell of the holdings that have changed since the last time, and of the values of their accounts."""
        moved, self._moved = self._moved, {}
        for client_id, client in self._connected():
            for account, instrument in moved:
                self._tell_moved(client_id, client, account, instrument)
            for account in dict.fromkeys(a for a, _ in moved):
                if client.account_updates == account:
                    self._tell_values(client_id, account, now_ns)
                self._tell_value_lists(client_id, client, {account})

    def on_time(self, now_ns: int) -> None:
        """Tell what is due by the clock: values every few minutes, profit and loss about every second."""
        if now_ns >= self._state.pnl_due_ns:
            self._state.pnl_due_ns = _after(now_ns, self._settings.pnl_s)
            for client_id, client in self._connected():
                self._tell_pnl(client_id, client)
        if now_ns >= self._state.values_due_ns:
            self._state.values_due_ns = _after(now_ns, self._settings.account_update_s)
            for client_id, client in self._connected():
                self._tell_by_the_clock(client_id, client, now_ns)

    def account_updates(self, client_id: int, request: RequestAccountUpdates, now_ns: int) -> None:
        """Begin or end the updates of one account; a client hears of one at a time."""
        client = self._state.clients[client_id]
        if not request.is_subscribed:
            client.account_updates = ""
            self._forget(client_id, "values")
            return
        account = request.account or next(iter(self._settings.accounts))
        if not self._knows(client_id, -1, account):
            return
        if client.account_updates not in {"", account}:
            self._outbox.error(client_id, -1, 2100, "New account data requested: the updates of "
                                                    f"{client.account_updates} have ended.")
        client.account_updates = account
        self._forget(client_id, "values")
        self._tell_values(client_id, account, now_ns)
        self._outbox.to(client_id, AccountDownloadEnd(account=account))

    def positions(self, client_id: int) -> None:
        """Tell every position of every account, and changes from now on."""
        self._state.clients[client_id].hears_positions = True
        for account in self._settings.accounts:
            for instrument in self._held(account):
                self._outbox.to(client_id, self._position(account, instrument))
        self._outbox.to(client_id, PositionEnd())

    def end_positions(self, client_id: int) -> None:
        """End the changes of positions."""
        self._state.clients[client_id].hears_positions = False

    def summary(self, client_id: int, request: RequestAccountSummary) -> None:
        """Tell tags of the summary of every account, and changes from now on."""
        client = self._state.clients[client_id]
        if request.req_id not in client.summaries and len(client.summaries) >= SUMMARIES_MAX:
            self._outbox.error(client_id, request.req_id, 322, "Error processing request: at most "
                                                               f"{SUMMARIES_MAX} account summaries at once.")
            return
        client.summaries[request.req_id] = [tag.strip() for tag in request.tags.split(",") if tag.strip()]
        self._forget(client_id, f"summary {request.req_id}")
        self._tell_summary(client_id, request.req_id, client.summaries[request.req_id])
        self._outbox.to(client_id, AccountSummaryEnd(req_id=request.req_id))

    def positions_of(self, client_id: int, request: RequestPositionsMulti) -> None:
        """Tell the positions of one account, and changes from now on."""
        client = self._state.clients[client_id]
        if not self._takes(client_id, request.req_id, request.account, client.position_lists):
            return
        client.position_lists[request.req_id] = request.account
        for account in self._named(request.account):
            for instrument in self._held(account):
                self._outbox.to(client_id, self._position_of(request.req_id, account, instrument))
        self._outbox.to(client_id, PositionMultiEnd(req_id=request.req_id))

    def values_of(self, client_id: int, request: RequestAccountUpdatesMulti) -> None:
        """Tell the values of one account, and changes from now on."""
        client = self._state.clients[client_id]
        if not self._takes(client_id, request.req_id, request.account, client.value_lists):
            return
        client.value_lists[request.req_id] = (request.account, request.ledger_and_nlv)
        self._forget(client_id, f"list {request.req_id}")
        self._tell_value_list(client_id, client, request.req_id)
        self._outbox.to(client_id, AccountUpdateMultiEnd(req_id=request.req_id))

    def pnl(self, client_id: int, request: RequestPnl) -> None:
        """Tell profit and loss of an account, now and about every second in which they change."""
        client = self._state.clients[client_id]
        if self._takes(client_id, request.req_id, request.account, client.pnls):
            client.pnls[request.req_id] = request.account
            self._forget(client_id, f"pnl {request.req_id}")
            self._tell_pnl(client_id, client)

    def single_pnl(self, client_id: int, request: RequestPnlSingle) -> None:
        """Tell profit and loss of one position, now and about every second in which they change."""
        client = self._state.clients[client_id]
        if not self._takes(client_id, request.req_id, request.account, client.single_pnls):
            return
        if self._listings.by_con_id(request.con_id or 0) is None:
            self._outbox.error(client_id, request.req_id, 321,
                               f"Error validating request: contract id {request.con_id} is unknown.")
            return
        client.single_pnls[request.req_id] = (request.account, request.con_id or 0)
        self._forget(client_id, f"single {request.req_id}")
        self._tell_pnl(client_id, client)

    def cancel(self, client_id: int, kind: str, req_id: int) -> None:
        """End a subscription of one of ``Client``'s kinds; one that is not there is no matter."""
        getattr(self._state.clients[client_id], kind).pop(req_id, None)
        word = {"summaries": "summary", "value_lists": "list", "pnls": "pnl", "single_pnls": "single"}.get(kind)
        if word:
            self._forget(client_id, f"{word} {req_id}")

    def gone(self, client_id: int) -> None:
        """Forget what a client that has gone listened to."""
        for key in [k for k in self._state.said if k.startswith(f"{client_id}/")]:
            del self._state.said[key]

    def _connected(self) -> list[tuple[int, Client]]:
        return [(i, c) for i, c in sorted(self._state.clients.items()) if c.is_connected]

    def _held(self, account: str) -> list[int]:
        return [i for i, h in sorted(self._state.accounts[account].holdings.items()) if h.quantity]

    def _named(self, account: str) -> list[str]:
        return [account] if account else list(self._settings.accounts)

    def _knows(self, client_id: int, req_id: int, account: str) -> bool:
        if account in self._settings.accounts:
            return True
        self._outbox.error(client_id, req_id, 321, f"Error validating request: invalid account code '{account}'.")
        return False

    def _takes(self, client_id: int, req_id: int, account: str, subscriptions: Mapping[int, object]) -> bool:
        """Tell whether a subscription is taken; an empty account stands for all of them, or for the only one."""
        if account and not self._knows(client_id, req_id, account):
            return False
        if req_id in subscriptions:
            self._outbox.error(client_id, req_id, 322, f"Error processing request: duplicate request id {req_id}.")
            return False
        if len(subscriptions) >= SUBSCRIPTIONS_MAX:
            self._outbox.error(client_id, req_id, 322, "Error processing request: at most "
                                                       f"{SUBSCRIPTIONS_MAX} subscriptions of a kind.")
            return False
        return True

    def _news(self, client_id: int, what: str, key: str, said: str) -> bool:
        """Tell whether ``said`` is not what was last told under this key, and take note of it."""
        full = f"{client_id}/{what}/{key}"
        if self._state.said.get(full) == said:
            return False
        self._state.said[full] = said
        return True

    def _forget(self, client_id: int, what: str) -> None:
        for key in [k for k in self._state.said if k.startswith(f"{client_id}/{what}/")]:
            del self._state.said[key]

    def _tell_moved(self, client_id: int, client: Client, account: str, instrument: int) -> None:
        if client.hears_positions:
            self._outbox.to(client_id, self._position(account, instrument))
        for req_id, wanted in client.position_lists.items():
            if account in self._named(wanted):
                self._outbox.to(client_id, self._position_of(req_id, account, instrument))
        if client.account_updates == account:
            self._tell_portfolio(client_id, account, instrument)

    def _tell_by_the_clock(self, client_id: int, client: Client, now_ns: int) -> None:
        if client.account_updates:
            self._tell_values(client_id, client.account_updates, now_ns)
        self._tell_value_lists(client_id, client, set(self._settings.accounts))
        for req_id, tags in client.summaries.items():
            self._tell_summary(client_id, req_id, tags)

    def _tell_values(self, client_id: int, account: str, now_ns: int) -> None:
        """Tell the values that have changed, every holding whose value has, and the time."""
        for value in self._values.all(account):
            if self._news(client_id, "values", f"{value.key} {value.currency}", value.value):
                self._outbox.to(client_id, AccountValue(
                    key=value.key, value=value.value, currency=value.currency, account=account))
        for instrument in self._held(account):
            self._tell_portfolio(client_id, account, instrument)
        self._outbox.to(client_id, AccountTime(time=f"{local(now_ns, self._zone):%H:%M}"))

    def _tell_portfolio(self, client_id: int, account: str, instrument: int) -> None:
        listing = self._listings.by_instrument(instrument)
        holding = self._ledger.holding(account, instrument)
        figures = self._appraiser.of_holding(account, instrument)
        answer = PortfolioValue(
            contract=listing.contract, position=holding.quantity, market_price=round(figures.price, 8),
            market_value=round(figures.value, 2), average_cost=holding.average_cost,
            unrealized_pnl=round(figures.unrealized, 2), realized_pnl=round(figures.realized, 2), account=account)
        said = f"{answer.position} {answer.market_price} {answer.average_cost} {answer.realized_pnl}"
        if self._news(client_id, "values", f"holding {instrument}", said):
            self._outbox.to(client_id, answer)

    def _tell_value_lists(self, client_id: int, client: Client, accounts: set[str]) -> None:
        for req_id, (wanted, _) in client.value_lists.items():
            if accounts & set(self._named(wanted)):
                self._tell_value_list(client_id, client, req_id)

    def _tell_value_list(self, client_id: int, client: Client, req_id: int) -> None:
        wanted, is_short = client.value_lists[req_id]
        for account in self._named(wanted):
            short = [*self._values.tagged(account, ["NetLiquidation"]), *self._values.ledger(account)]
            for v in short if is_short else self._values.all(account):
                if self._news(client_id, f"list {req_id}", f"{account} {v.key} {v.currency}", v.value):
                    self._outbox.to(client_id, AccountUpdateMulti(
                        req_id=req_id, account=account, model_code="", key=v.key, value=v.value, currency=v.currency))

    def _tell_summary(self, client_id: int, req_id: int, tags: list[str]) -> None:
        for account in self._settings.accounts:
            for v in self._values.tagged(account, tags):
                if self._news(client_id, f"summary {req_id}", f"{account} {v.key} {v.currency}", v.value):
                    self._outbox.to(client_id, _summary(req_id, account, v))

    def _tell_pnl(self, client_id: int, client: Client) -> None:
        for what, answer in self._profits.of(client):
            if self._news(client_id, what, "", str(answer)):
                self._outbox.to(client_id, answer)

    def _position(self, account: str, instrument: int) -> PositionData:
        holding = self._ledger.holding(account, instrument)
        return PositionData(
            account=account, contract=self._listings.by_instrument(instrument).contract, position=holding.quantity,
            average_cost=holding.average_cost)

    def _position_of(self, req_id: int, account: str, instrument: int) -> PositionMulti:
        told = self._position(account, instrument)
        return PositionMulti(req_id=req_id, account=account, contract=told.contract, position=told.position,
                             average_cost=told.average_cost, model_code="")


def _summary(req_id: int, account: str, value: Value) -> AccountSummary:
    return AccountSummary(req_id=req_id, account=account, tag=value.key, value=value.value, currency=value.currency)


def _after(now_ns: int, seconds: int) -> int:
    """Return the next whole multiple of ``seconds``, so that the rhythm does not depend on when it was looked at."""
    step_ns = seconds * NANOSECONDS_PER_SECOND
    return (now_ns // step_ns + 1) * step_ns
