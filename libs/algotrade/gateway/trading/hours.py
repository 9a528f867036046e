"""When an order may fill, when it expires, and which auction it waits for."""

from bisect import bisect_right
from collections.abc import Iterable

from algotrade.domain import Sessions
from algotrade.domain.session import NEVER_NS
from algotrade.gateway.listings import Listings
from algotrade.gateway.trading.orders import AT_CLOSE, Live
from algotrade.gateway.trading.placing import good_till_ns


class Hours:
    """Reads the sessions of ``listings``; GTD dates without a zone are in ``time_zone``."""

    def __init__(self, listings: Listings, time_zone: str) -> None:
        self._listings = listings
        self._time_zone = time_zone

    def is_open(self, order: Live, at_ns: int) -> bool:
        """Tell whether the order may fill at this time."""
        sessions = self._sessions(order)
        if not sessions.opens_ns:
            return True
        last = bisect_right(sessions.opens_ns, at_ns) - 1
        return last >= 0 and at_ns < sessions.closes_ns[last]

    def opens_ns(self, order: Live, now_ns: int) -> int:
        """Return when its next session opens, ``NEVER_NS`` where none is known."""
        return _next_after(self._sessions(order).opens_ns, now_ns)

    def set_times(self, order: Live, now_ns: int) -> None:
        """Set when an order sent now expires, and the auction that it waits for."""
        sessions = self._sessions(order)
        order.expires_ns = order.due_ns = NEVER_NS
        if order.order.order_type in AT_CLOSE:
            order.due_ns = _next_after(sessions.closes_ns, now_ns)
        elif order.order.tif == "OPG":
            order.due_ns = _next_after(sessions.opens_ns, now_ns)
            order.expires_ns = sessions.day_ends_ns(order.due_ns)
        elif order.order.tif == "DAY":
            order.expires_ns = sessions.day_ends_ns(now_ns)
        elif order.order.tif == "GTD":
            order.expires_ns = good_till_ns(order.order.good_till_date, self._time_zone)

    def next_ns(self, orders: Iterable[Live], now_ns: int) -> int:
        """Return when time itself next does something to one of ``orders``."""
        times = [NEVER_NS]
        for order in orders:
            sessions = self._sessions(order)
            times += [order.expires_ns, order.due_ns]
            times += [_next_after(sessions.opens_ns, now_ns), _next_after(sessions.closes_ns, now_ns)]
        return min(times)

    def _sessions(self, order: Live) -> Sessions:
        """Return when an order may fill; auctions are of regular hours whatever it says."""
        listing = self._listings.by_instrument(order.instrument)
        is_auction = order.order.order_type in AT_CLOSE or order.order.tif == "OPG"
        return listing.trading_sessions if order.order.outside_rth and not is_auction else listing.liquid_sessions


def _next_after(edges: tuple[int, ...], now_ns: int) -> int:
    i = bisect_right(edges, now_ns)
    return edges[i] if i < len(edges) else NEVER_NS
