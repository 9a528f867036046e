"""Live market data of Interactive Brokers: subscriptions kept alive, answers made records, gaps told.

``IbkrFeed`` is what the data plane polls. Behind it everything is without I/O: core.py decides, quotes.py and bars.py
translate, watchdog.py notices silence.
"""

from algotrade.feeds.ibkr.feed import IbkrFeed, MarketSession
from algotrade.feeds.ibkr.lines import Need, check_budget, need_of
from algotrade.feeds.ibkr.settings import BAR_SIZES, IbkrFeedSettings

__all__ = ["BAR_SIZES", "IbkrFeed", "IbkrFeedSettings", "MarketSession", "Need", "check_budget", "need_of"]
