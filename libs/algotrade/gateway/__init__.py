"""A simulated IB Gateway: other people's clients talk to it over a real socket, unmodified."""

from algotrade.gateway.hosting import Hosted
from algotrade.gateway.limits import LimitsSet
from algotrade.gateway.listings import Listing, Listings
from algotrade.gateway.port import Sent, TradingPort
from algotrade.gateway.recorded_clients import read_clients
from algotrade.gateway.replay import ReplayGateway
from algotrade.gateway.server import Gateway
from algotrade.gateway.tape import TapeError
from algotrade.gateway.trading import TradingSettings

__all__ = [
    "Gateway", "Hosted", "LimitsSet", "Listing", "Listings", "ReplayGateway", "Sent", "TapeError", "TradingPort",
    "TradingSettings", "read_clients",
]
