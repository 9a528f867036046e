"""What all sessions share: the market, the contracts, and what IB counts over the whole login."""

from collections import Counter
from enum import Enum
from typing import Literal

from algotrade.domain import Clock
from algotrade.gateway.clock import MarketClock
from algotrade.gateway.limits import HistoryPacing, LimitsSet, Recent
from algotrade.gateway.listings import Listing, Listings
from algotrade.gateway.market import Market
from algotrade.gateway.refusals import ambiguous, no_security
from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.ibkr.wire.records import Contract

DataPermission = Literal["live", "delayed"]


class Family(Enum):
    """The kinds of request that stay open; each has ticker ids of its own (assumed)."""

    QUOTES = "market data"
    TICKS = "tick-by-tick data"
    DEPTH = "market depth"
    BARS = "real-time bars"
    HISTORY = "historical data"


class Floor:
    """What all sessions share.

    ``clock``    measures the pace of requests; ``market_clock`` is the market's
    ``delayed``  the same market 15 minutes behind, where the login may not see live data; None where it may
    ``held``     how many requests of each family are open, over all clients
    """

    def __init__(self, clock: Clock, market_clock: MarketClock, listings: Listings, market: Market,
                 delayed: Market | None, limits: LimitsSet) -> None:
        self.clock = clock
        self.market_clock = market_clock
        self.listings = listings
        self.market = market
        self.delayed = delayed
        self.limits = limits
        self.pacing = HistoryPacing(limits)
        self.ticks_asked = Recent(limits.tick_by_tick_again_s)
        self.held: Counter[Family] = Counter()

    @property
    def now_ns(self) -> int:
        """Return the time up to which the market was played: history ends here, and what is live begins."""
        return self.market.reached_ns

    @property
    def history_ns(self) -> int:
        """Return the time up to which history is served: 15 minutes behind where data are delayed."""
        return self.now_ns if self.delayed is None else self.delayed.reached_ns

    def listing_for(self, req_id: int, contract: Contract) -> Listing | ErrorMessage:
        """Return the one listing that fits, or what is to be answered."""
        found = self.listings.find(contract)
        if len(found) == 1:
            return found[0]
        return ambiguous(req_id, contract) if found else no_security(req_id)
