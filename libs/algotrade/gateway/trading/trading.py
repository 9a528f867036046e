"""The face: requests, market records and time in; answers out. No I/O, no clock."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import msgspec

from algotrade.domain import Kind, MarketBatch
from algotrade.gateway.listings import Listings
from algotrade.gateway.port import Sent
from algotrade.gateway.times import local, midnight_ns, zone_of
from algotrade.gateway.trading.book import shown
from algotrade.gateway.trading.desk import Desk
from algotrade.gateway.trading.figures import Appraiser
from algotrade.gateway.trading.intake import Intake
from algotrade.gateway.trading.ledger import Ledger
from algotrade.gateway.trading.market import Row, marks, merged, split
from algotrade.gateway.trading.outbox import Outbox, told_contract
from algotrade.gateway.trading.reports import Reports
from algotrade.gateway.trading.settings import TradingSettings
from algotrade.gateway.trading.state import Account, Client, TradingState
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire import requests as ask
from algotrade.ibkr.wire.records import Contract, Order
from algotrade.matching.fill import to_ticks

_NO_SOURCE = len(Kind)
_REFUSED_READ_ONLY = (
    ask.PlaceOrder, ask.CancelOrder, ask.RequestGlobalCancel, ask.RequestOpenOrders, ask.RequestAllOpenOrders,
    ask.RequestAutoOpenOrders, ask.RequestCompletedOrders,
)
"""What a read-only API refuses (observed: clients leave out 5 and 99 on such a connection)."""


class Trading:
    """Orders, executions and accounts of a simulated Gateway.

    Every method returns what is to be sent, in order: (client, answer). Times are of the market, ns since 1970 UTC, and
    never go back. Whoever delays, repeats, drops or forges evidence does it to what is returned; what the broker itself
    does unasked (``correct``, ``bust``, ``liquidate``, ``manual_order``, ``incarnate``, ``lose``) are methods here.

    ``accounts``  of the login
    """

    def __init__(self, listings: Listings, settings: TradingSettings) -> None:
        self.accounts = tuple(settings.accounts)
        self._listings = listings
        self._settings = settings
        self._zone = zone_of(settings.time_zone)
        self._build(TradingState(accounts={
            name: Account(base_currency=a.base_currency, cash=dict(a.cash)) for name, a in settings.accounts.items()}))

    def connected(self, client_id: int, now_ns: int) -> list[Sent]:
        """Take a client: it is told the accounts and its next order id."""
        self._advance(now_ns)
        client = self._state.clients.setdefault(client_id, Client())
        client.is_connected = True
        self._intake.managed_accounts(client_id)
        self._intake.next_id(client_id)
        return self._outcome(now_ns)

    def disconnected(self, client_id: int, now_ns: int) -> list[Sent]:
        """Let a client go: its subscriptions end, its orders work on."""
        self._advance(now_ns)
        old = self._state.clients[client_id]
        self._state.clients[client_id] = Client(last_order_id=old.last_order_id)
        self._reports.gone(client_id)
        return self._outcome(now_ns)

    def has_order(self, client_id: int, order_id: int) -> bool:
        """Tell whether this client has an order of this id that is not done."""
        order = self._desk.find(client_id, order_id)
        return order is not None and not order.is_done

    def last_execution(self) -> tuple[str, Decimal, Decimal] | None:
        """Return id, quantity and price of the newest execution of today, a correction too; None: there is none."""
        if not self._state.executions:
            return None
        last = self._state.executions[-1]
        return last.exec_id, last.quantity, last.price

    def held(self, account: str, con_id: int) -> Decimal:
        """Return the signed holding of a contract, 0 where there is none."""
        listing = self._listings.by_con_id(con_id)
        return Decimal(0) if listing is None else self._ledger.holding(account, listing.instrument.id).quantity

    def handle(self, client_id: int, request: Request, now_ns: int) -> list[Sent]:
        """Answer a request of a connected client; ``KeyError`` for one that is none about orders or accounts."""
        answer = self._answers[type(request)]
        self._advance(now_ns)
        if self._settings.is_read_only and isinstance(request, _REFUSED_READ_ONLY):
            req_id = getattr(request, "order_id", -1)
            self._outbox.error(client_id, req_id, 321, "Error validating request: the API interface is currently in "
                                                       "Read-Only mode.")
        else:
            answer(client_id, request, now_ns)
        return self._outcome(now_ns)

    def on_market(self, batch: MarketBatch, now_ns: int) -> list[Sent]:
        """Let orders meet the records that became due, in the order of their sequence.

        How records are cut into batches does not change what happens to orders. Records of instruments without orders
        only move the last price, all at once.
        """
        hot, rest = split(batch, self._desk.instruments())
        for kind, records in rest:
            for row, price in zip(records, marks(kind, records), strict=True):
                instrument = self._listings.by_instrument(int(row["instrument"])).instrument
                self._mark(kind, instrument.id, to_ticks(price, float(instrument.tick)))
        for kind, row in merged(hot):
            self._meet(kind, row)
        self._advance(now_ns)
        return self._outcome(now_ns)

    def on_time(self, now_ns: int) -> list[Sent]:
        """Let time pass: auctions, expiries, a new day, and what is told by the clock."""
        self._advance(now_ns, whole=True)
        self._reports.on_time(now_ns)
        return self._outcome(now_ns)

    def correct(self, exec_id: str, now_ns: int, *, quantity: Decimal, price: Decimal) -> list[Sent]:
        """Correct an execution of today, as an exchange does: told with the same id but for the last group.

        ``KeyError`` where there is none of this id, or a newer correction of it.
        """
        self._advance(now_ns)
        executed = self._ledger.correct(exec_id, quantity, price)
        self._outbox.execution(executed)
        self._outbox.commission(executed)
        self._reports.moved(executed.account, executed.instrument)
        return self._outcome(now_ns)

    def bust(self, exec_id: str, now_ns: int) -> list[Sent]:
        """Take an execution of today back: a correction to nothing (assumed). ``KeyError`` as ``correct``."""
        price = next((e.price for e in self._state.executions if e.exec_id == exec_id), Decimal(0))
        return self.correct(exec_id, now_ns, quantity=Decimal(0), price=price)

    def liquidate(self, account: str, con_id: int, quantity: Decimal, now_ns: int) -> list[Sent]:
        """Let the broker close ``quantity`` of a holding at the market: client 0, no order id, no reference.

        It fills as any market order does. A quantity beyond the holding is a ValueError.
        """
        listing = self._listings.by_con_id(con_id)
        held = Decimal(0) if listing is None else self._ledger.holding(account, listing.instrument.id).quantity
        if listing is None or not 0 < quantity <= abs(held):
            raise ValueError(f"quantity to liquidate of contract {con_id} is {quantity}; allowed: above 0, up to "
                             f"{abs(held)}")
        order = Order(action="SELL" if held > 0 else "BUY", total_quantity=quantity, order_type="MKT", tif="DAY",
                      account=account, outside_rth=True)
        return self._unasked(listing.contract, order, now_ns, is_liquidation=True)

    def manual_order(self, contract: Contract, order: Order, now_ns: int) -> list[Sent]:
        """Place an order as a user of TWS does: client 0, order id 0 until client 0 binds it. It is not checked."""
        return self._unasked(contract, order, now_ns, is_liquidation=False)

    def incarnate(self, client_id: int, order_id: int, order: Order, now_ns: int) -> list[Sent]:
        """Let a change make a second order instead: the same client and order id, another permanent id, both live.

        What a change during an outage has left behind (observed: nautilus#4564). The original is no longer found by
        its id. ``ValueError`` where there is no such order that is not done.
        """
        self._advance(now_ns)
        original = self._desk.find(client_id, order_id)
        if original is None or original.is_done:
            raise ValueError(f"order {order_id} of client {client_id} is not open; allowed: one that is")
        listing = self._listings.by_instrument(original.instrument)
        changed = msgspec.structs.replace(order, account=original.account, transmit=True)
        self._desk.transmit(self._desk.new(client_id, order_id, listing, original.contract, changed), now_ns)
        return self._outcome(now_ns)

    def lose(self, client_id: int, order_id: int) -> None:
        """Let an order vanish: it neither fills nor is told of again, nor how it ended. ``ValueError`` as above."""
        order = self._desk.find(client_id, order_id)
        if order is None or order.is_done:
            raise ValueError(f"order {order_id} of client {client_id} is not open; allowed: one that is")
        del self._state.orders[order.perm_id]
        self._desk.index()

    def restarted(self, now_ns: int, *, rolls_back_ids: bool) -> list[Sent]:
        """Restart the Gateway: nobody is connected, what was held untransmitted is gone.

        ``rolls_back_ids``  order ids go back to what the orders that still work have used (observed: Lean.IB#242)
        """
        self._advance(now_ns)
        for order in [o for o in self._state.orders.values() if not o.is_active]:
            del self._state.orders[order.perm_id]
        for client_id, client in list(self._state.clients.items()):
            used = [o.order_id for o in self._desk.active() if o.client_id == client_id]
            last = max([0, *used]) if rolls_back_ids else client.last_order_id
            self._state.clients[client_id] = Client(last_order_id=last)
            self._reports.gone(client_id)
        self._desk.index()
        return self._outcome(now_ns)

    def state(self) -> TradingState:
        """Return everything that a restart needs, as a copy."""
        return _copied(self._state)

    def restore(self, state: TradingState) -> None:
        """Go on from ``state``."""
        self._build(_copied(state))

    def _build(self, state: TradingState) -> None:
        listings, settings = self._listings, self._settings
        self._state = state
        self._outbox = Outbox(listings, settings, state)
        self._ledger = Ledger(listings, settings, state)
        self._appraiser = Appraiser(listings, settings, state, self._ledger)
        self._reports = Reports(listings, settings, state, self._ledger, self._appraiser, self._outbox)
        self._desk = Desk(listings, settings, state, self._ledger, self._outbox, self._reports.moved)
        self._intake = Intake(listings, settings, state, self._ledger, self._appraiser, self._outbox, self._desk)
        self._answers = self._table()

    def _table(self) -> dict[type[Request], Callable[..., None]]:
        """Return what answers each kind of request: called with client, request and time."""
        intake, reports = self._intake, self._reports
        return {
            ask.PlaceOrder: intake.place,
            ask.CancelOrder: intake.cancel,
            ask.RequestOpenOrders: lambda c, _r, _t: intake.open_orders(c, of_all=False),
            ask.RequestAllOpenOrders: lambda c, _r, _t: intake.open_orders(c, of_all=True),
            ask.RequestAutoOpenOrders: lambda c, r, _t: intake.auto_bind(c, r),
            ask.RequestGlobalCancel: lambda _c, _r, t: intake.cancel_all(t),
            ask.RequestCompletedOrders: lambda c, r, _t: intake.completed_orders(c, r),
            ask.RequestExecutions: lambda c, r, _t: intake.executions(c, r),
            ask.RequestIds: lambda c, _r, _t: intake.next_id(c),
            ask.RequestManagedAccounts: lambda c, _r, _t: intake.managed_accounts(c),
            ask.RequestAccountUpdates: reports.account_updates,
            ask.RequestPositions: lambda c, _r, _t: reports.positions(c),
            ask.CancelPositions: lambda c, _r, _t: reports.end_positions(c),
            ask.RequestAccountSummary: lambda c, r, _t: reports.summary(c, r),
            ask.CancelAccountSummary: lambda c, r, _t: reports.cancel(c, "summaries", r.req_id),
            ask.RequestPositionsMulti: lambda c, r, _t: reports.positions_of(c, r),
            ask.CancelPositionsMulti: lambda c, r, _t: reports.cancel(c, "position_lists", r.req_id),
            ask.RequestAccountUpdatesMulti: lambda c, r, _t: reports.values_of(c, r),
            ask.CancelAccountUpdatesMulti: lambda c, r, _t: reports.cancel(c, "value_lists", r.req_id),
            ask.RequestPnl: lambda c, r, _t: reports.pnl(c, r),
            ask.CancelPnl: lambda c, r, _t: reports.cancel(c, "pnls", r.req_id),
            ask.RequestPnlSingle: lambda c, r, _t: reports.single_pnl(c, r),
            ask.CancelPnlSingle: lambda c, r, _t: reports.cancel(c, "single_pnls", r.req_id),
        }

    def _unasked(self, contract: Contract, order: Order, now_ns: int, *, is_liquidation: bool) -> list[Sent]:
        self._advance(now_ns)
        listing, = self._listings.find(contract)
        live = self._desk.new(0, 0, listing, told_contract(listing.contract, contract), order)
        live.is_liquidation = is_liquidation
        client = self._state.clients.get(0)
        if client is not None and client.binds_manual_orders and not is_liquidation:
            self._desk.bind(live)
        self._desk.transmit(live, now_ns)
        return self._outcome(now_ns)

    def _meet(self, kind: Kind, row: Row) -> None:
        """Let one record pass: time first, then the last price, then the orders of its instrument."""
        instrument = self._listings.by_instrument(row.instrument).instrument
        seen = shown(row, instrument, self._settings.model)
        if seen is None:
            return
        self._advance(seen.time_ns)
        if self._mark(kind, instrument.id, seen.mark_ticks):
            self._desk.meet(instrument.id, seen)

    def _mark(self, kind: Kind, instrument: int, ticks: int) -> bool:
        """Move the last price; tell whether records of this kind count: the richest kind seen of the instrument does.

        Quotes go before trades and trades before bars, as in the simulated broker.
        """
        source = min(self._state.sources.get(instrument, _NO_SOURCE), int(kind))
        self._state.sources[instrument] = source
        if source != kind:
            return False
        self._state.marks[instrument] = ticks
        return True

    def _advance(self, now_ns: int, *, whole: bool = False) -> None:
        """Let time pass up to ``now_ns``, never back: a record of before comes late, and time stands still for it."""
        now_ns = self._state.now_ns = max(now_ns, self._state.now_ns)
        self._desk.elapse(now_ns, whole=whole)
        if now_ns >= self._state.day_ends_ns:
            if self._state.day_ends_ns:
                self._ledger.begin_day()
                self._desk.index()
            day = local(now_ns, self._zone).date()
            self._state.day_ends_ns = midnight_ns(day + timedelta(days=1), self._zone)

    def _outcome(self, now_ns: int) -> list[Sent]:
        self._reports.flush(now_ns)
        return self._outbox.drain()


def _copied(state: TradingState) -> TradingState:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=TradingState)
