"""Requests about orders and executions: what a client asks, checked and answered."""

import msgspec

from algotrade.gateway.listings import Listing, Listings
from algotrade.gateway.times import TimeError, parse_moment, zone_of
from algotrade.gateway.trading.desk import Desk
from algotrade.gateway.trading.figures import Appraiser
from algotrade.gateway.trading.ledger import Ledger
from algotrade.gateway.trading.orders import Live, Stage
from algotrade.gateway.trading.outbox import Outbox, order_status, told_contract
from algotrade.gateway.trading.placing import ID_MAX, Asked, Refusal, refusal
from algotrade.gateway.trading.settings import EXECUTIONS_MAX, ORDERS_MAX, TradingSettings
from algotrade.gateway.trading.state import Executed, TradingState
from algotrade.gateway.trading.whatif import what_if_state
from algotrade.ibkr.wire.answers.link import ManagedAccounts, NextValidId
from algotrade.ibkr.wire.answers.orders import CompletedOrdersEnd, ExecutionDataEnd, OpenOrderEnd
from algotrade.ibkr.wire.records import Contract, Order
from algotrade.ibkr.wire.requests import (
    CancelOrder,
    PlaceOrder,
    RequestAutoOpenOrders,
    RequestCompletedOrders,
    RequestExecutions,
)

_CHANGEABLE = {"total_quantity", "lmt_price", "aux_price", "trail_stop_price", "trailing_percent", "tif",
               "good_till_date", "transmit", "what_if"}
"""What a modification may change: price, size and time in force (documented), and to transmit what was held."""
_BY_SERVER = {"client_id", "perm_id", "account", "oca_type", "oca_group", "filled_quantity"}
"""What the server fills in: a client may send it back or not."""


class Intake:
    """Answers the requests about orders."""

    def __init__(
        self, listings: Listings, settings: TradingSettings, state: TradingState, ledger: Ledger, appraiser: Appraiser,
        outbox: Outbox, desk: Desk,
    ) -> None:
        self._listings = listings
        self._settings = settings
        self._state = state
        self._ledger = ledger
        self._appraiser = appraiser
        self._outbox = outbox
        self._desk = desk
        self._zone = zone_of(settings.time_zone)

    def place(self, client_id: int, request: PlaceOrder, now_ns: int) -> None:
        """Place an order, or change the one that has its id; or tell what it would cost."""
        listing = self._listing(client_id, request)
        if listing is None:
            return
        order = self._with_presets(client_id, request)
        known = self._desk.find(client_id, request.order_id)
        asked = Asked(order, listing, self._settings, self._ledger.price(listing.instrument.id), now_ns)
        if order.what_if:
            self._what_if(client_id, request, asked)
        elif known is not None:
            self._change(known, order, asked)
        else:
            self._new(client_id, request, asked)

    def cancel(self, client_id: int, request: CancelOrder, now_ns: int) -> None:
        """Cancel an order of the client's own."""
        order = self._desk.find(client_id, request.order_id)
        if order is None:
            self._outbox.error(client_id, request.order_id, 10147,
                               f"OrderId {request.order_id} that needs to be cancelled is not found.")
        elif order.is_done:
            self._outbox.error(client_id, request.order_id, 10148,
                               f"OrderId {request.order_id} that needs to be cancelled can not be cancelled, "
                               f"state: {order.status}.")
        else:
            self._desk.cancel(order, now_ns, "")

    def cancel_all(self, now_ns: int) -> None:
        """Cancel every order of everybody, manual ones too."""
        for order in list(self._state.orders.values()):
            self._desk.cancel(order, now_ns, "")

    def open_orders(self, client_id: int, *, of_all: bool) -> None:
        """Tell the open orders, of one client or of all. Client 0 takes over manual orders by asking for its own."""
        if client_id == 0 and not of_all:
            self.bind_manual()
        for order in self._desk.active():
            if of_all or order.client_id == client_id:
                self._outbox.to(client_id, self._outbox.open_order(order))
                self._outbox.to(client_id, order_status(order))
        self._outbox.to(client_id, OpenOrderEnd())

    def bind_manual(self) -> None:
        """Give every manual order that works an id of client 0's."""
        for order in self._desk.active():
            if order.client_id == 0 and order.order_id == 0 and not order.is_liquidation:
                self._desk.bind(order)

    def auto_bind(self, client_id: int, request: RequestAutoOpenOrders) -> None:
        """Bind manual orders from now on, or no longer; only client 0 may."""
        if client_id != 0:
            self._outbox.error(client_id, -1, 327, "Only API connections with client id 0 can bind orders of TWS.")
            return
        self._state.clients[0].binds_manual_orders = request.is_bound

    def completed_orders(self, client_id: int, request: RequestCompletedOrders) -> None:
        """Tell the orders that were done today."""
        for order in self._state.done.values():
            if order.order_id or not request.is_api_only:
                self._outbox.to(client_id, self._outbox.completed_order(order))
        self._outbox.to(client_id, CompletedOrdersEnd())

    def executions(self, client_id: int, request: RequestExecutions) -> None:
        """Tell the executions since midnight that fit the filter, each with what it cost; corrections as well."""
        since_ns = 0
        if request.time:
            try:
                since_ns = parse_moment(request.time, self._zone)
            except TimeError as error:
                self._outbox.error(client_id, request.req_id, 321, f"Error validating request: {error}")
                return
        for executed in self._state.executions:
            if executed.time_ns >= since_ns and _fits(executed, request):
                self._outbox.to(client_id, self._outbox.execution_data(executed, request.req_id))
                self._outbox.to(client_id, self._outbox.commission_report(executed))
        self._outbox.to(client_id, ExecutionDataEnd(req_id=request.req_id))

    def next_id(self, client_id: int) -> None:
        """Tell the next order id."""
        self._outbox.to(client_id, NextValidId(order_id=self._state.clients[client_id].last_order_id + 1))

    def managed_accounts(self, client_id: int) -> None:
        """Tell the accounts of the login."""
        self._outbox.to(client_id, ManagedAccounts(accounts=",".join(self._settings.accounts)))

    def _listing(self, client_id: int, request: PlaceOrder) -> Listing | None:
        found = self._listings.find(request.contract)
        if len(found) == 1:
            return found[0]
        what = "The contract description is ambiguous" if found else "No security definition has been found"
        self._outbox.error(client_id, request.order_id, 200, f"{what} for the request.")
        return None

    def _with_presets(self, client_id: int, request: PlaceOrder) -> Order:
        """Fill in what the client may leave out: the only account, and the time in force."""
        order = request.order
        account = order.account
        if not account and len(self._settings.accounts) == 1:
            account = next(iter(self._settings.accounts))
        tif = order.tif
        if not tif:
            tif = self._settings.presets.tif or "DAY"
            if self._settings.presets.tif:
                self._outbox.error(client_id, request.order_id, 10349,
                                   f"Order TIF was set to {tif} based on order preset.")
        return msgspec.structs.replace(order, account=account, tif=tif)

    def _new(self, client_id: int, request: PlaceOrder, asked: Asked) -> None:
        refused = self._id_refusal(client_id, request.order_id) or refusal(asked) or self._parent_refusal(
            client_id, asked.order)
        if refused is not None:
            self._outbox.error(client_id, request.order_id, *refused)
            return
        self._state.clients[client_id].last_order_id = request.order_id
        contract = told_contract(asked.listing.contract, request.contract)
        order = self._desk.new(client_id, request.order_id, asked.listing, contract, asked.order)
        reason = self._broker_says_no(order)
        if reason:
            self._desk.refuse(order, asked.now_ns, reason)
        elif order.order.transmit:
            self._desk.transmit(order, asked.now_ns)

    def _id_refusal(self, client_id: int, order_id: int) -> Refusal | None:
        if order_id > ID_MAX:
            return Refusal(320, f"Error reading request: order id {order_id} is no int.")
        if order_id <= self._state.clients[client_id].last_order_id:
            return Refusal(103, "Duplicate order id.")
        return None

    def _parent_refusal(self, client_id: int, order: Order) -> Refusal | None:
        if not order.parent_id:
            return None
        parent = self._desk.find(client_id, order.parent_id)
        if parent is None:
            return Refusal(10006, f"Missing parent order {order.parent_id}.")
        if parent.stage in {Stage.CANCELLED, Stage.INACTIVE}:
            return Refusal(201, f"Order rejected - reason: its parent is {parent.status}.")
        return None

    def _broker_says_no(self, order: Live) -> str:
        """Return why the broker rejects an order that is well formed, empty for no reason."""
        mine = [o for o in self._state.orders.values() if o.account == order.account]
        same = [o for o in mine if o.instrument == order.instrument and o.side == order.side]
        if len(same) > self._settings.active_orders_max:
            return f"more than {self._settings.active_orders_max} active orders of this contract and side"
        if len(mine) > ORDERS_MAX or len(self._state.executions) >= EXECUTIONS_MAX:
            return "the simulation is full"
        before = self._appraiser.margins(order.account, [o for o in mine if o is not order]).initial
        needed = self._appraiser.margins(order.account, mine).initial
        equity = self._appraiser.of_account(order.account).equity
        if needed > equity and needed > before:
            return f"insufficient margin: {needed:.2f} is needed, the equity is {equity:.2f}"
        return ""

    def _change(self, order: Live, wanted: Order, asked: Asked) -> None:
        """Change an order; whatever is wrong with the change, the original lives on."""
        refused = self._change_refusal(order, wanted, asked)
        if refused is not None:
            self._outbox.error(order.client_id, order.order_id, *refused)
            return
        reason = self._margin_refusal(order, wanted)
        if reason:
            self._outbox.error(order.client_id, order.order_id, 201, f"Order rejected - reason: {reason}")
            return
        self._desk.change(order, wanted, asked.now_ns)

    def _change_refusal(self, order: Live, wanted: Order, asked: Asked) -> Refusal | None:
        if order.stage is Stage.FILLED:
            return Refusal(104, "Cannot modify a filled order.")
        if order.is_done:
            return Refusal(103, "Duplicate order id.")
        for name in Order.__struct_fields__:
            if name in _CHANGEABLE or (name in _BY_SERVER and not getattr(wanted, name)):
                continue
            ours = getattr(order, name) if name in {"oca_group", "oca_type", "client_id", "perm_id"} else getattr(
                order.order, name)
            if getattr(wanted, name) not in (ours, getattr(order.order, name)):
                return Refusal(105, f"Order being modified does not match original order: {name}.")
        if asked.listing.instrument.id != order.instrument:
            return Refusal(105, "Order being modified does not match original order: contract.")
        if wanted.total_quantity <= order.filled:
            return Refusal(201, f"Order rejected - reason: {order.filled} has been filled.")
        return refusal(asked)

    def _margin_refusal(self, order: Live, wanted: Order) -> str:
        """Return why there is no margin for the changed order, empty where there is."""
        if wanted.total_quantity <= order.quantity:
            return ""
        tried = msgspec.structs.replace(order, quantity=wanted.total_quantity)
        mine = [tried if o is order else o for o in self._state.orders.values() if o.account == order.account]
        needed = self._appraiser.margins(order.account, mine).initial
        equity = self._appraiser.of_account(order.account).equity
        return f"insufficient margin: {needed:.2f} is needed, the equity is {equity:.2f}" if needed > equity else ""

    def _what_if(self, client_id: int, request: PlaceOrder, asked: Asked) -> None:
        refused = refusal(asked)
        if refused is None and not asked.order.transmit:
            refused = Refusal(413, "A what-if order should have its transmit flag set.")
        if refused is not None:
            self._outbox.error(client_id, request.order_id, *refused)
            return
        tried = self._desk.tried(client_id, request.order_id, asked.listing,
                                 told_contract(asked.listing.contract, request.contract), asked.order)
        mine = [o for o in self._state.orders.values() if o.account == tried.account]
        state = what_if_state(tried, mine, asked.listing, self._appraiser, self._ledger)
        self._outbox.to(client_id, self._outbox.open_order(tried, state))


def _fits(executed: Executed, request: RequestExecutions) -> bool:
    contract: Contract = executed.contract
    side = {"BUY": 1, "BOT": 1, "SELL": -1, "SLD": -1}.get(request.side.upper(), 0)
    return (
        request.client_id in {0, executed.client_id}
        and request.account in {"", executed.account}
        and request.symbol.upper() in {"", contract.symbol}
        and request.sec_type in {"", contract.sec_type}
        and request.exchange in {"", executed.exchange, contract.exchange}
        and side in {0, executed.side}
    )
