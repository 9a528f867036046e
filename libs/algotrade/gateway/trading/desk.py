"""The life of orders: transmitted, held back, waiting, met by the market, filled, ended."""

from collections.abc import Callable
from decimal import Decimal

from algotrade.domain import Instrument
from algotrade.domain.session import NEVER_NS
from algotrade.gateway.listings import Listing, Listings
from algotrade.gateway.trading import linked
from algotrade.gateway.trading.book import Met, Shown, auction_shown, is_touched, meet
from algotrade.gateway.trading.hours import Hours
from algotrade.gateway.trading.ledger import Ledger
from algotrade.gateway.trading.orders import AT_CLOSE, IF_TOUCHED, WITH_LIMIT, WITH_STOP, Live, Stage
from algotrade.gateway.trading.outbox import Outbox
from algotrade.gateway.trading.settings import COMPLETED_MAX, TradingSettings
from algotrade.gateway.trading.state import TradingState
from algotrade.ibkr.wire.records import Contract, Order
from algotrade.matching.conditions import UNMOVED
from algotrade.matching.orders import LIMIT

Moved = Callable[[str, int], None]
"""Told whose holding of which instrument has changed."""


class Desk:
    """Works on the orders of ``state`` in place; tells ``outbox`` what happens, and ``moved`` of each fill."""

    def __init__(
        self, listings: Listings, settings: TradingSettings, state: TradingState, ledger: Ledger, outbox: Outbox,
        moved: Moved,
    ) -> None:
        self._listings = listings
        self._settings = settings
        self._state = state
        self._ledger = ledger
        self._outbox = outbox
        self._moved = moved
        self._hours = Hours(listings, settings.time_zone)
        self._wake_ns = 0
        self._by_id: dict[tuple[int, int], Live] = {}
        self._queues: dict[int, list[Live]] = {}
        self.index()

    def index(self) -> None:
        """Find ids and queues again from the orders themselves."""
        self._by_id.clear()
        self._queues.clear()
        known = [*self._state.orders.values(), *self._state.done.values()]
        for order in sorted(known, key=lambda o: o.perm_id):
            client = self._state.clients.get(order.client_id)
            if order.order_id and (not order.is_done or (client and order.order_id <= client.last_order_id)):
                self._by_id[order.client_id, order.order_id] = order
        for order in sorted(self.active(), key=lambda o: o.arrival):
            if order.stage in {Stage.FRONT, Stage.BOOK}:
                self._queues.setdefault(order.instrument, []).append(order)
        self._wake_ns = 0

    def find(self, client_id: int, order_id: int) -> Live | None:
        """Return a client's order of this id."""
        return self._by_id.get((client_id, order_id)) if order_id else None

    def active(self) -> list[Live]:
        """Return the orders that were transmitted and are not done, oldest first."""
        return [o for o in self._state.orders.values() if o.is_active]

    def instruments(self) -> set[int]:
        """Return the instruments whose records may move an order."""
        return {o.instrument for o in self._state.orders.values()}

    def new(self, client_id: int, order_id: int, listing: Listing, contract: Contract, order: Order) -> Live:
        """Return a new order, held; it is known from now on."""
        live = self.tried(client_id, order_id, listing, contract, order)
        self._state.perm_ids += 1
        live.perm_id = 1_000_000_000 + self._settings.seed % 1000 * 1_000_000 + self._state.perm_ids
        self._state.orders[live.perm_id] = live
        if order_id:
            self._by_id[client_id, order_id] = live
        return live

    def tried(self, client_id: int, order_id: int, listing: Listing, contract: Contract, order: Order) -> Live:
        """Return an order that is not placed: without a permanent id, known to nobody."""
        live = Live(
            perm_id=0, client_id=client_id, order_id=order_id, instrument=listing.instrument.id, contract=contract,
            order=order, side=1 if order.action == "BUY" else -1, quantity=order.total_quantity,
            oca_group=order.oca_group, oca_type=order.oca_type or (linked.CANCEL if order.oca_group else 0))
        _price(live, listing.instrument)
        return live

    def bind(self, order: Live) -> None:
        """Give a manual order an id of client 0's: a negative one (observed)."""
        self._state.bound += 1
        order.order_id = -self._state.bound
        self._by_id[order.client_id, order.order_id] = order
        self._outbox.bound(order)

    def transmit(self, order: Live, now_ns: int) -> None:
        """Send an order to the market, and what is held of its bracket with it."""
        parent = self.find(order.client_id, order.order.parent_id)
        for one in linked.held_family(self._state.orders.values(), order, parent):
            own_parent = self.find(one.client_id, one.order.parent_id)
            self._set_times(one, now_ns)
            if own_parent is not None:
                linked.join_bracket(one, own_parent)
            if own_parent is not None and own_parent.stage is not Stage.FILLED:
                one.stage = Stage.CHILD
            else:
                self._activate(one, now_ns)
            self._outbox.order(one)
            if not one.is_open and one.due_ns == NEVER_NS and one.stage is not Stage.CHILD:
                self._outbox.order_error(one, 399, self._waits(one, now_ns))

    def change(self, order: Live, wanted: Order, now_ns: int) -> None:
        """Give an order another size, prices or time in force; it goes to the back of the queue, as at most venues."""
        instrument = self._listings.by_instrument(order.instrument).instrument
        old = order.order
        order.order = wanted
        order.quantity = wanted.total_quantity
        _price(order, instrument, since=old)
        if order.stage is Stage.HELD:
            if wanted.transmit:
                self.transmit(order, now_ns)
            return
        self._set_times(order, now_ns)
        if order.stage in {Stage.FRONT, Stage.BOOK}:
            self._unqueue(order)
            self._queue(order, now_ns)
        self._outbox.order(order)

    def cancel(self, order: Live, now_ns: int, reason: str) -> None:
        """End an order that is not done, and its children."""
        self._end(order, now_ns, "Cancelled by Trader", reason)

    def refuse(self, order: Live, now_ns: int, reason: str) -> None:
        """Let the broker reject an order: it becomes Inactive, its client is told 201."""
        self._finish(order, Stage.INACTIVE, now_ns, f"Rejected: {reason}")
        self._outbox.order(order)
        self._outbox.order_error(order, 201, f"Order rejected - reason: {reason}")

    def meet(self, instrument: int, shown: Shown) -> None:
        """Let the orders of an instrument meet a record."""
        at_ns = shown.open_time_ns if shown.is_bar else shown.time_ns
        here = [o for o in self._queues.get(instrument, ())
                if self._hours.is_open(o, at_ns) and (o.order.outside_rth or not shown.is_outside)]
        if not here:
            return
        touched = [o for o in here if o.stage is Stage.FRONT and o.order.order_type in IF_TOUCHED
                   and is_touched(o, shown)]
        in_book = [o for o in here if o.stage is Stage.BOOK]
        if in_book:
            meet(in_book, shown, self._listings.by_instrument(instrument).instrument,
                 lambda met: self._heard(met, shown.time_ns))
        for order in touched:
            if order.stage is Stage.FRONT:
                order.is_triggered = True
                self._unqueue(order)
                order.stage = Stage.BOOK
                self._queue(order, shown.time_ns)
        self._tell_changes(here)

    def elapse(self, now_ns: int, *, whole: bool) -> None:
        """Let time pass up to ``now_ns``: auctions, expiries, openings and closings of markets.

        ``whole``: no record of ``now_ns`` itself is still to come. Otherwise an auction of that very time waits, since
        the record may tell its price.
        """
        if now_ns < self._wake_ns:
            return
        for order in self.active():
            if order.due_ns < now_ns or (whole and order.due_ns == now_ns):
                self._due(order, now_ns)
        for order in self.active():
            if order.expires_ns <= now_ns:
                self._end(order, order.expires_ns, "Expired", "expired")
        for order in self.active():
            order.is_open = self._hours.is_open(order, now_ns)
        self._tell_changes(self.active())
        self._wake_ns = self._hours.next_ns(self.active(), now_ns)

    def _due(self, order: Live, now_ns: int) -> None:
        """Let the auction come that an order has waited for, with all that wait for the same one."""
        if order.is_done or order.due_ns > now_ns:
            return
        due_ns = order.due_ns
        if order.order.tif == "OPG" and order.stage is Stage.FRONT:
            order.stage, order.due_ns = Stage.BOOK, NEVER_NS
            return
        price_ticks = self._state.marks.get(order.instrument)
        if order.stage is not Stage.FRONT or price_ticks is None:
            self._end(order, due_ns, "Expired", "the auction is over")
            return
        here = [o for o in self._queues[order.instrument] if o.due_ns == due_ns and o.order.order_type in AT_CLOSE]
        for one in here:
            one.stage, one.due_ns = Stage.BOOK, NEVER_NS
        meet(here, auction_shown(price_ticks, due_ns, self._settings.model),
             self._listings.by_instrument(order.instrument).instrument, lambda met: self._heard(met, due_ns))

    def _heard(self, met: Met, time_ns: int) -> None:
        if met.lots == 0:
            self._end(met.order, time_ns, "Cancelled", "not filled at once")
            return
        instrument = self._listings.by_instrument(met.order.instrument).instrument
        self.fill(met.order, instrument.lots_to_quantity(met.lots), instrument.ticks_to_price(met.price_ticks), time_ns,
                  is_maker=met.was_resting and met.order.book_type == LIMIT)

    def fill(self, order: Live, quantity: Decimal, price: Decimal, time_ns: int, *, is_maker: bool) -> None:
        """Book a fill, tell of it, and let it have its consequences for the orders linked to this one."""
        remained = order.remaining
        executed = self._ledger.book(order, quantity, price, time_ns, is_maker=is_maker)
        if order.remaining == 0:
            self._finish(order, Stage.FILLED, time_ns, f"Filled Size: {order.filled}")
        self._outbox.execution(executed)
        self._outbox.order(order)
        self._outbox.commission(executed)
        self._moved(order.account, order.instrument)
        for other in linked.others(self._state.orders.values(), order):
            self._reduce(other, order, quantity, remained, time_ns)
        if order.stage is Stage.FILLED:
            for child in linked.children(self._state.orders.values(), order):
                if child.stage is Stage.CHILD:
                    self._activate(child, time_ns)
                    self._outbox.order(child)

    def _reduce(self, other: Live, order: Live, filled: Decimal, remained: Decimal, time_ns: int) -> None:
        step = self._listings.by_instrument(other.instrument).instrument.lot
        cut = other.remaining if order.oca_type == linked.CANCEL else linked.reduced(other, filled, remained, step)
        if cut == other.remaining:
            self._end(other, time_ns, "Cancelled", "another order of its OCA group filled")
        else:
            other.quantity -= cut
            self._outbox.order(other)

    def _end(self, order: Live, now_ns: int, because: str, reason: str) -> None:
        """Cancel an order that is not done yet, and its children."""
        if order.is_done:
            return
        self._finish(order, Stage.CANCELLED, now_ns, because)
        self._outbox.order_error(order, 202, f"Order Canceled - reason: {reason}")
        self._outbox.order(order)
        for child in linked.children(self._state.orders.values(), order):
            self._end(child, now_ns, "Cancelled", "its parent was cancelled")

    def _finish(self, order: Live, stage: Stage, now_ns: int, because: str) -> None:
        """Move an order to those that are done; the oldest beyond ``COMPLETED_MAX`` is forgotten."""
        self._unqueue(order)
        order.stage, order.done_ns, order.done_because = stage, now_ns, because
        self._state.done[order.perm_id] = self._state.orders.pop(order.perm_id)
        if len(self._state.done) > COMPLETED_MAX:
            oldest = self._state.done.pop(next(iter(self._state.done)))
            if self.find(oldest.client_id, oldest.order_id) is oldest:
                del self._by_id[oldest.client_id, oldest.order_id]

    def _set_times(self, order: Live, now_ns: int) -> None:
        self._hours.set_times(order, now_ns)
        self._wake_ns = 0

    def _waits(self, order: Live, now_ns: int) -> str:
        opens_ns = self._hours.opens_ns(order, now_ns)
        when = "the market opens" if opens_ns == NEVER_NS else self._outbox.time_text(opens_ns)
        return f"Order Message: your order will not be placed at the exchange until {when}."

    def _activate(self, order: Live, now_ns: int) -> None:
        waits = order.order.order_type in IF_TOUCHED | AT_CLOSE or order.order.tif == "OPG"
        order.stage = Stage.FRONT if waits else Stage.BOOK
        order.is_open = self._hours.is_open(order, now_ns)
        self._queue(order, now_ns)

    def _queue(self, order: Live, now_ns: int) -> None:
        self._state.arrivals += 1
        order.arrival, order.born_ns, order.is_resting = self._state.arrivals, now_ns, False
        self._queues.setdefault(order.instrument, []).append(order)
        self._wake_ns = 0

    def _unqueue(self, order: Live) -> None:
        queue = self._queues.get(order.instrument, [])
        if any(o is order for o in queue):
            self._queues[order.instrument] = [o for o in queue if o is not order]

    def _tell_changes(self, orders: list[Live]) -> None:
        for order in orders:
            if order.is_active and order.status != order.told:
                self._outbox.order(order)


def _price(order: Live, instrument: Instrument, since: Order | None = None) -> None:
    """Take over the prices of ``order.order`` in ticks; ``since``: the order as it was before a change."""
    wanted = order.order
    if wanted.order_type in WITH_LIMIT and wanted.lmt_price is not None:
        order.limit_ticks = instrument.price_to_ticks(wanted.lmt_price)
    if wanted.order_type in WITH_STOP and wanted.aux_price is not None:
        order.stop_ticks = instrument.price_to_ticks(wanted.aux_price)
    if wanted.order_type == "TRAIL":
        order.percent = float(wanted.trailing_percent or 0)
        order.amount_ticks = instrument.price_to_ticks(wanted.aux_price or Decimal(0))
        if since is None:
            order.stop_ticks = order.side * UNMOVED
        if wanted.trail_stop_price and (since is None or wanted.trail_stop_price != since.trail_stop_price):
            order.stop_ticks = instrument.price_to_ticks(wanted.trail_stop_price)
