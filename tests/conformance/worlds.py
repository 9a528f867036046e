"""The markets and brokers that scripts are played in, by name. All of them are recorded, stepped and seeded."""

from decimal import Decimal
from typing import Any

import msgspec

from algotrade.domain import Instrument, Instruments, MarketBatch, Sessions
from algotrade.gateway import LimitsSet
from algotrade.gateway.trading import AccountSettings, TradingSettings
from algotrade.gateway.trading.settings import Presets
from tests.gateway.world import EURUSD, IBM, OPEN_NS, SECOND_NS, SPY, market

FUTURE = Instrument(id=3, symbol="ESZ3", tick=Decimal("0.25"), multiplier=Decimal(50))
NEXT_FUTURE = Instrument(id=4, symbol="ESH4", tick=Decimal("0.25"), multiplier=Decimal(50))
INSTRUMENTS = Instruments([IBM, EURUSD, SPY, FUTURE, NEXT_FUTURE])
DAY_NS = 86_400 * SECOND_NS
OPENS = tuple(OPEN_NS + n * DAY_NS for n in (-1, 0, 1))
SESSIONS = Sessions(opens_ns=OPENS, closes_ns=tuple(t + 23_400 * SECOND_NS for t in OPENS))
NYSE = Instruments(msgspec.structs.replace(i, mic="XNYS") if i.id in {0, 2} else i for i in INSTRUMENTS)


def _trading(**settings: Any) -> dict[str, Any]:
    return {"trading": TradingSettings(**settings)}


WORLDS: dict[str, dict[str, Any]] = {
    # IBM and EUR.USD tick each second from 09:30 New York time on; SPY has 30 daily bars; ESZ3 and ESH4 have nothing.
    "plain": {},
    "read-only": _trading(is_read_only=True),
    "two accounts": _trading(accounts={
        "DU1": AccountSettings(), "DU2": AccountSettings(cash={"EUR": Decimal(5000)}, base_currency="EUR")}),
    "master": _trading(master_client_id=9),
    "careful": _trading(presets=Presets(price_percent=Decimal(5), size=Decimal(500))),
    "day preset": _trading(presets=Presets(tif="GTC")),
    "delayed": {"data": "delayed", "start_ns": OPEN_NS + 1000 * SECOND_NS},
    "sessions": {"instruments": NYSE, "sessions": {0: SESSIONS, 2: SESSIONS}},
    "night": {"instruments": NYSE, "sessions": {0: SESSIONS, 2: SESSIONS}, "start_ns": OPEN_NS + 27_000 * SECOND_NS},
    "narrow": {"limits": LimitsSet(lines=2, depth=1, tick_by_tick=2, clients=2)},
    "late": {"start_ns": OPEN_NS + 300 * SECOND_NS},
}


def options_of(name: str) -> tuple[MarketBatch, dict[str, Any]]:
    """Return the records and the options of a world's Gateway."""
    return market(), {"instruments": INSTRUMENTS, **WORLDS[name]}
