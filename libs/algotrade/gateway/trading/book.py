"""The orders of one instrument against what the market shows; every fill comes from the kernels of ``matching``."""

import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import inf
from typing import NamedTuple

import numpy as np

from algotrade.domain import QUARANTINE, Flag, Instrument, Records
from algotrade.domain.session import NEVER_NS
from algotrade.gateway.trading.market import BarRow, QuoteRow, Row, TradeRow
from algotrade.gateway.trading.orders import Live, Stage
from algotrade.matching.conditions import best_of_bar, touched_at_moment, touched_in_bar, trailed
from algotrade.matching.fill import UNLIMITED_LOTS, available_lots, fires_at_moment, spread_ticks, to_ticks
from algotrade.matching.models import VenueModel
from algotrade.matching.orders import EVENT, FILLED, WORKING
from algotrade.matching.venue import meet_bar, meet_moment

_OUTSIDE, _PUT_ASIDE = int(Flag.OUTSIDE_SESSION), int(QUARANTINE)


class Shown(NamedTuple):
    """One record as the kernels take it, in ticks and lots. A bar has ``open_time_ns`` and its four prices.

    ``is_outside``  a quality gate has marked it as outside regular hours
    """

    sequence: int
    time_ns: int
    mark_ticks: int
    bid_ticks: int
    ask_ticks: int
    bid_lots: int
    ask_lots: int
    has_one_size: bool
    slippage_ticks: int
    is_outside: bool = False
    open_time_ns: int = -1
    open_ticks: int = 0
    high_ticks: int = 0
    low_ticks: int = 0
    cost_ticks: int = 0

    @property
    def is_bar(self) -> bool:
        """Tell whether it is a stretch of time."""
        return self.open_time_ns >= 0


class Met(NamedTuple):
    """What became of an order: ``lots`` filled at ``price_ticks``, or none and it is over (an IOC or FOK order)."""

    order: Live
    lots: int
    price_ticks: int
    was_resting: bool


def shown(row: Row, instrument: Instrument, model: VenueModel) -> Shown | None:
    """Return a record as the kernels take it; None where it is crossed, contradicts itself or misses a price.

    A trade shows half the assumed spread around its price; a bar costs that, and slippage.
    """
    if row.flags & _PUT_ASIDE:
        return None
    tick, lot = _scale(instrument.tick), _scale(instrument.lot)
    if isinstance(row, QuoteRow):
        return _quote(row, tick, lot, model)
    return _trade(row, tick, lot, model) if isinstance(row, TradeRow) else _bar(row, tick, lot, model)


def _quote(row: QuoteRow, tick: float, lot: float, model: VenueModel) -> Shown | None:
    if not 0 < row.bid <= row.ask < inf:
        return None
    share = model.volume_share_max
    return Shown(
        row.sequence, row.event_time_ns, to_ticks(0.5 * (row.bid + row.ask), tick), to_ticks(row.bid, tick),
        to_ticks(row.ask, tick), available_lots(row.bid_size, lot, share), available_lots(row.ask_size, lot, share),
        False, model.slippage_ticks, bool(row.flags & _OUTSIDE))


def _trade(row: TradeRow, tick: float, lot: float, model: VenueModel) -> Shown | None:
    if not 0 < row.price < inf:
        return None
    ticks, half = to_ticks(row.price, tick), spread_ticks(model.half_spread_bps, row.price, tick)
    lots = available_lots(row.size, lot, model.volume_share_max)
    return Shown(row.sequence, row.event_time_ns, ticks, ticks - half, ticks + half, lots, lots, True,
                 model.slippage_ticks, bool(row.flags & _OUTSIDE))


def _bar(row: BarRow, tick: float, lot: float, model: VenueModel) -> Shown | None:
    if not 0 < row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high < inf:
        return None
    ticks, lots = to_ticks(row.close, tick), available_lots(row.volume, lot, model.volume_share_max)
    return Shown(
        row.sequence, row.event_time_ns, ticks, ticks, ticks, lots, lots, True, model.slippage_ticks,
        bool(row.flags & _OUTSIDE), row.open_time_ns, to_ticks(row.open, tick), to_ticks(row.high, tick),
        to_ticks(row.low, tick), spread_ticks(model.half_spread_bps, row.open, tick) + model.slippage_ticks)


@functools.lru_cache(maxsize=4096)
def _scale(step: Decimal) -> float:
    return float(step)


def auction_shown(price_ticks: int, time_ns: int, model: VenueModel) -> Shown:
    """Return an auction at one price, of unknown size."""
    return Shown(0, time_ns, price_ticks, price_ticks, price_ticks, UNLIMITED_LOTS, UNLIMITED_LOTS, True,
                 model.slippage_ticks)


def meet(orders: Sequence[Live], shown: Shown, instrument: Instrument, hear: Callable[[Met], None]) -> None:
    """Let ``orders``, in order of arrival, meet what is shown, and tell ``hear`` of each fill and each end.

    Orders of an OCA group meet it one after the other, because the first to fill may end or reduce the others before
    their turn; that gives what all of them at once would get, were they not linked. Trails move afterwards.
    """
    if any(order.oca_group for order in orders):
        for order in orders:
            if order.stage is Stage.BOOK:
                taken = 0
                for met in _met([order], shown, instrument):
                    taken += met.lots
                    hear(met)
                shown = _less(shown, order.side, taken)
    else:
        for met in _met(orders, shown, instrument):
            hear(met)
    for order in orders:
        if order.order.order_type == "TRAIL" and order.stage is Stage.BOOK and not order.is_triggered:
            _trail(order, shown)


def is_touched(order: Live, shown: Shown) -> bool:
    """Tell whether the price that a MIT or LIT order waits for is touched; of a bar only what came after it."""
    if not shown.is_bar:
        return touched_at_moment(order.side, _taker(order, shown), order.stop_ticks)
    high, low = _seen(order, shown)
    return touched_in_bar(order.side, high, low, order.stop_ticks)


def _taker(order: Live, shown: Shown) -> int:
    return shown.ask_ticks if order.side > 0 else shown.bid_ticks


def _seen(order: Live, shown: Shown) -> tuple[int, int]:
    """Return the high and low of a bar for an order: the close alone where it arrived inside."""
    if order.born_ns > shown.open_time_ns:
        return shown.mark_ticks, shown.mark_ticks
    return shown.high_ticks, shown.low_ticks


def _trail(order: Live, shown: Shown) -> None:
    """Move a trail's stop. In a bar the close came after the best price: where it is beyond the stop, that fired."""
    price = best_of_bar(order.side, *_seen(order, shown)) if shown.is_bar else _taker(order, shown)
    order.stop_ticks = trailed(order.side, order.stop_ticks, price, order.amount_ticks, order.percent)
    if shown.is_bar and fires_at_moment(order.side, shown.mark_ticks, order.stop_ticks):
        order.is_triggered = True


def _less(shown: Shown, side: int, taken: int) -> Shown:
    if shown.has_one_size:
        return shown._replace(bid_lots=shown.bid_lots - taken, ask_lots=shown.ask_lots - taken)
    return shown._replace(ask_lots=shown.ask_lots - taken) if side > 0 else shown._replace(
        bid_lots=shown.bid_lots - taken)


def _met(orders: Sequence[Live], shown: Shown, instrument: Instrument) -> list[Met]:
    """Run the kernel and take over what it did to the orders."""
    working = np.zeros(len(orders), dtype=WORKING)
    for i, order in enumerate(orders):
        working[i] = (
            order.perm_id, order.born_ns, NEVER_NS, instrument.quantity_to_lots(order.remaining), order.limit_ticks,
            order.stop_ticks, 0, order.side, order.book_type, order.book_tif, order.is_triggered, order.is_resting)
    events = np.zeros(2 * len(orders), dtype=EVENT)
    left, n = _run(working, len(orders), shown, events)
    by_id = {order.perm_id: order for order in orders}
    found = [Met(by_id[int(e["order_id"])], int(e["lots"]) if e["kind"] == FILLED else 0, int(e["price_ticks"]),
                 by_id[int(e["order_id"])].is_resting) for e in events[:n]]
    for row in working[:left]:
        order = by_id[int(row["order_id"])]
        order.is_triggered, order.is_resting = bool(row["triggered"]), bool(row["resting"])
    for met in found:
        met.order.is_triggered = True
    return found


def _run(working: Records, count: int, shown: Shown, events: Records) -> tuple[int, int]:
    if shown.is_bar:
        return meet_bar(
            working, count, 0, shown.sequence, shown.time_ns, shown.open_time_ns, shown.open_ticks, shown.high_ticks,
            shown.low_ticks, shown.mark_ticks, shown.ask_lots, shown.cost_ticks, events)
    return meet_moment(
        working, count, 0, shown.sequence, shown.time_ns, shown.bid_ticks, shown.ask_ticks, shown.bid_lots,
        shown.ask_lots, shown.has_one_size, shown.slippage_ticks, events)
