"""What can be asked for and traded: the instruments as IB's contracts."""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta, tzinfo
from decimal import Decimal

import msgspec

from algotrade.domain import Instrument, InstrumentError, Sessions
from algotrade.domain.session import ALWAYS_OPEN
from algotrade.gateway.times import hours_text, local, zone_of
from algotrade.ibkr.wire.answers.contracts import PriceIncrement
from algotrade.ibkr.wire.records import Contract

STOCK, CURRENCY, FUTURE = "STK", "CASH", "FUT"

ORDER_TYPES = "DAY,FOK,GTC,GTD,IOC,LIT,LMT,LOC,MIT,MKT,MOC,OCA,OPG,STP,STPLMT,TRAIL,WHATIF"

_CON_ID_FIRST, _CON_IDS = 10_000_000, 2_000_000_000
_MONTHS = "FGHJKMNQUVXZ"
_FUTURE = re.compile(rf"([A-Z0-9]{{1,4}}?)([{_MONTHS}])(\d{{1,2}})")
_PAIR = re.compile(r"([A-Z]{3})\.([A-Z]{3})")

_MARKETS = {
    "XNYS": ("NYSE", "US/Eastern"), "XNAS": ("NASDAQ", "US/Eastern"), "ARCX": ("ARCA", "US/Eastern"),
    "XASE": ("AMEX", "US/Eastern"), "BATS": ("BATS", "US/Eastern"), "XLON": ("LSE", "GB-Eire"),
    "XETR": ("IBIS", "MET"), "XHKG": ("SEHK", "Hongkong"), "XTKS": ("TSEJ", "Japan"), "CMES": ("CME", "US/Central"),
}
"""A market's calendar (ISO 10383), IB's name of the exchange and of its zone."""

_EXTENDED = {"XNYS", "XNAS", "ARCX", "XASE", "BATS"}
_BEFORE_OPEN_NS, _AFTER_CLOSE_NS = 19_800 * 10**9, 14_400 * 10**9


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument as a contract of IB's.

    ``contract``         ``con_id`` is made of the symbol, so it outlives restarts; ``exchange`` is where it is quoted
    ``increments``       the price steps of ``market_rule_id``
    ``liquid_sessions``  regular trading; ``trading_sessions`` the hours around it too (US stocks: 04:00 to 20:00 in New
                         York on days of regular hours, assumed)
    """

    instrument: Instrument
    contract: Contract
    market_rule_id: int
    increments: tuple[PriceIncrement, ...]
    time_zone_id: str
    min_size: Decimal
    size_increment: Decimal
    order_types: str
    liquid_sessions: Sessions
    trading_sessions: Sessions

    @property
    def zone(self) -> tzinfo:
        """Return the zone that ``time_zone_id`` names."""
        return zone_of(self.time_zone_id)

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Return every exchange that a request may name."""
        names = (self.contract.exchange, self.contract.primary_exchange)
        return tuple(dict.fromkeys(name for name in names if name))

    def trading_hours(self, now_ns: int) -> str:
        """Return all trading hours of the coming days, in IB's form."""
        return hours_text(self.trading_sessions, self.zone, now_ns)

    def liquid_hours(self, now_ns: int) -> str:
        """Return the regular hours of the coming days, in IB's form."""
        return hours_text(self.liquid_sessions, self.zone, now_ns)


class Listings:
    """The listings of a Gateway, by contract id and by instrument; iterates in the instruments' order.

    ``sessions``  of instruments whose market closes, by instrument id
    ``at_ns``     about when this is: a future named ESZ3 expires in the next such year

    Two symbols that make one contract id are an ``InstrumentError``: one of them has to go.
    """

    def __init__(self, instruments: Iterable[Instrument], sessions: Mapping[int, Sessions], at_ns: int) -> None:
        self._all = [listed(i, sessions.get(i.id, ALWAYS_OPEN), at_ns) for i in instruments]
        self._by_instrument = {x.instrument.id: x for x in self._all}
        self._by_con_id: dict[int, Listing] = {}
        for one in self._all:
            other = self._by_con_id.setdefault(one.contract.con_id, one)
            if other is not one:
                raise InstrumentError(f"symbols {other.instrument.symbol!r} and {one.instrument.symbol!r} make one "
                                      f"contract id, {one.contract.con_id}; allowed: one of them")

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Listing]:
        return iter(self._all)

    def by_con_id(self, con_id: int) -> Listing | None:
        """Return the listing of this contract id, None where there is none."""
        return self._by_con_id.get(con_id)

    def by_instrument(self, instrument: int) -> Listing:
        """Return the listing of the instrument of this id, which is one of ours."""
        return self._by_instrument[instrument]

    def rule(self, market_rule_id: int) -> tuple[PriceIncrement, ...] | None:
        """Return the price steps of a market rule, None where it is not known."""
        return next((x.increments for x in self._all if x.market_rule_id == market_rule_id), None)

    def find(self, wanted: Contract) -> list[Listing]:
        """Return what fits ``wanted``: what it leaves empty fits anything, and every field it fills has to agree.

        A contract id alone is enough (documented). ``last_trade_date`` may be a month. A local symbol may stand for
        symbol and expiry.
        """
        if wanted.con_id:
            known = self._by_con_id.get(wanted.con_id)
            return [known] if known is not None and _fits(known, wanted) else []
        if not (wanted.symbol or wanted.local_symbol):
            return []
        return [x for x in self._all if _fits(x, wanted)]


def _fits(listing: Listing, wanted: Contract) -> bool:
    ours = listing.contract
    exact = ("symbol", "sec_type", "currency", "local_symbol", "trading_class", "multiplier", "right")
    if any(getattr(wanted, f) and getattr(wanted, f) != getattr(ours, f) for f in exact):
        return False
    if wanted.strike or wanted.sec_id:
        return False
    exchanges = {*listing.exchanges, *(("ISLAND",) if "NASDAQ" in listing.exchanges else ())}
    if any(name and name not in exchanges for name in (wanted.exchange, wanted.primary_exchange)):
        return False
    return ours.last_trade_date.startswith(wanted.last_trade_date)


def listed(instrument: Instrument, sessions: Sessions, at_ns: int) -> Listing:
    """Return the listing of ``instrument``: EUR.USD is a currency pair, ESZ3 a future, any other name a stock.

    Exchanges, zones and expiries (the third Friday) are assumed where the instrument does not tell them.
    """
    con_id = _CON_ID_FIRST + zlib.crc32(instrument.symbol.encode()) % _CON_IDS
    contract, zone = _contract(instrument, con_id, at_ns)
    trading = sessions
    if contract.sec_type == STOCK and instrument.mic in _EXTENDED:
        trading = Sessions(opens_ns=tuple(t - _BEFORE_OPEN_NS for t in sessions.opens_ns),
                           closes_ns=tuple(t + _AFTER_CLOSE_NS for t in sessions.closes_ns))
    return Listing(
        instrument=instrument, contract=contract, market_rule_id=_rule_id(instrument.tick),
        increments=(PriceIncrement(low_edge=Decimal(0), increment=instrument.tick),), time_zone_id=zone,
        min_size=instrument.lot, size_increment=instrument.lot, order_types=ORDER_TYPES,
        liquid_sessions=sessions, trading_sessions=trading,
    )


def _contract(instrument: Instrument, con_id: int, at_ns: int) -> tuple[Contract, str]:
    exchange, zone = _MARKETS.get(instrument.mic or "", ("NYSE", "US/Eastern"))
    pair = _PAIR.fullmatch(instrument.symbol)
    if pair:
        return Contract(con_id=con_id, symbol=pair[1], sec_type=CURRENCY, exchange="IDEALPRO", currency=pair[2],
                        local_symbol=instrument.symbol, trading_class=instrument.symbol), zone
    future = _FUTURE.fullmatch(instrument.symbol)
    if future:
        exchange, zone = _MARKETS.get(instrument.mic or "", _MARKETS["CMES"])
        return Contract(con_id=con_id, symbol=future[1], sec_type=FUTURE, exchange=exchange,
                        last_trade_date=_expiry(future[2], future[3], at_ns),
                        multiplier=format(instrument.multiplier.normalize(), "f"), currency=instrument.currency,
                        local_symbol=instrument.symbol, trading_class=future[1]), zone
    return Contract(con_id=con_id, symbol=instrument.symbol, sec_type=STOCK, exchange="SMART",
                    primary_exchange=exchange, currency=instrument.currency, local_symbol=instrument.symbol,
                    trading_class="NMS" if exchange == "NASDAQ" else instrument.symbol), zone


def _expiry(month: str, year: str, at_ns: int) -> str:
    """Return the third Friday of the month, in the first year from ``at_ns`` on that ends in ``year``."""
    now = local(at_ns, zone_of("UTC")).year
    period = 10 ** len(year)
    full = now + (int(year) - now) % period
    first = date(full, _MONTHS.index(month) + 1, 1)
    return f"{first + timedelta(days=(4 - first.weekday()) % 7 + 14):%Y%m%d}"


def _rule_id(tick: Decimal) -> int:
    """Return a number for the price step, the same wherever it is met: 0.01 is 2001, 0.25 is 2025."""
    _, digits, exponent = tick.normalize().as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, digits)))
    return 1000 * -exponent + whole if exponent < 0 else whole * int(10**exponent)
