"""Which of IB's contracts an instrument is, and what IB says of it, checked against the configuration.

What fits none or several of IB's contracts, or contradicts the configured instrument, is a ``ContractError``: an order
for the wrong thing is worse than none. Who asks, and again, is qualification.py.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from algotrade.domain.instrument import Instrument
from algotrade.domain.session import Sessions
from algotrade.ibkr.hours import HoursError, sessions_from, zone_of
from algotrade.ibkr.wire.answers import ContractData
from algotrade.ibkr.wire.answers.contracts import PriceIncrement
from algotrade.ibkr.wire.records import Contract

CANDIDATES_SHOWN = 10


class ContractError(Exception):
    """An instrument cannot be traded as configured; the message names both sides and what to change."""


class NoContract(ContractError):
    """IB knows no contract like it, or refuses to say."""


class AmbiguousContract(ContractError):
    """Several contracts fit; the message lists them."""


class ContractDisagrees(ContractError):
    """The one contract that fits is not what the configured instrument says."""


class ContractUnreadable(ContractError):
    """What IB tells of the contract cannot be read: its hours, its zone, its multiplier."""


class ContractUnanswered(ContractError):
    """IB did not answer, asked several times."""


class ContractFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What IB has to be told of an instrument beside its symbol and currency. Defaults: a stock, routed by SMART.

    ``con_id``            IB's number; unique, so nothing else has to fit (0: look for the contract by its words)
    ``symbol``            IB's symbol where it is another than ours (EUR for EUR.USD, ES for ESZ3); "": ours
    ``sec_type``          STK, FUT, CASH, IND, CFD, CRYPTO, OPT, FOP, ...
    ``exchange``          where orders are routed to
    ``primary_exchange``  where it is listed: settles which of several stocks of one symbol is meant
    ``local_symbol``      the exchange's name of it, as ESZ3
    ``expiry``            yyyymm or yyyymmdd, of what expires
    ``trading_class``     tells apart what shares a symbol and an expiry
    ``strike``, ``right`` of options: the strike, and C or P
    """

    con_id: int = 0
    symbol: str = ""
    sec_type: str = "STK"
    exchange: str = "SMART"
    primary_exchange: str = ""
    local_symbol: str = ""
    expiry: str = ""
    trading_class: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.con_id < 2**31:
            raise ValueError(f"con_id is {self.con_id}; allowed: 0 to {2**31 - 1}")
        if self.expiry and not (self.expiry.isdecimal() and len(self.expiry) in {6, 8}):
            raise ValueError(f"expiry is {self.expiry!r}; allowed: yyyymm, yyyymmdd or empty")
        if self.right not in {"", "C", "P"}:
            raise ValueError(f"right is {self.right!r}; allowed: C, P or empty")
        if not self.strike.is_finite() or self.strike < 0:
            raise ValueError(f"strike is {self.strike}; allowed: 0 or more")
        for field in ("symbol", "sec_type", "exchange", "primary_exchange", "local_symbol", "trading_class"):
            text: str = getattr(self, field)
            if not text.isascii() or not text.isprintable() or len(text) > 64:
                raise ValueError(f"{field} is {text!r}; allowed: up to 64 printable ASCII characters")
        if not self.sec_type or not self.exchange:
            raise ValueError("sec_type or exchange is empty; allowed: such as STK and SMART")


class Qualified(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument and the one contract that it is.

    ``contract``        as requests need it: with its ``con_id`` and the exchange that orders go to
    ``min_tick``        the smallest price step of any exchange and price
    ``increments``      price steps of the exchange, by price; the rule that orders are held to
    ``min_size``, ``size_increment``  smallest order and step of sizes, None where the server is too old to say (< 164)
    ``time_zone``       IB's name of it
    ``trading_hours``, ``liquid_hours``  all hours and regular ones of the coming days; None where IB tells none
    ``order_types``     that IB takes for it
    """

    instrument: Instrument
    contract: Contract
    min_tick: Decimal
    increments: tuple[PriceIncrement, ...]
    min_size: Decimal | None
    size_increment: Decimal | None
    time_zone: str
    trading_hours: Sessions | None
    liquid_hours: Sessions | None
    order_types: frozenset[str]
    long_name: str = ""

    def increment_at(self, price: Decimal) -> Decimal:
        """Return the price step at ``price`` by the exchange's rule: of the highest edge that is not above it."""
        steps = [step.increment for step in self.increments if step.low_edge <= abs(price)]
        return steps[-1] if steps else self.min_tick


def wanted(instrument: Instrument, facts: ContractFacts) -> Contract:
    """Return the contract to look for. By ``con_id`` alone where there is one: the answer is checked all the same."""
    if facts.con_id:
        return Contract(con_id=facts.con_id, exchange=facts.exchange)
    symbol = facts.symbol or ("" if facts.local_symbol else instrument.symbol)
    return Contract(
        symbol=symbol, sec_type=facts.sec_type, exchange=facts.exchange, primary_exchange=facts.primary_exchange,
        currency=instrument.currency, local_symbol=facts.local_symbol, last_trade_date=facts.expiry,
        trading_class=facts.trading_class, strike=facts.strike, right=facts.right)


def qualified(
    instrument: Instrument, facts: ContractFacts, data: ContractData, increments: tuple[PriceIncrement, ...],
) -> Qualified:
    """Return what IB says of ``instrument``, checked. Raises ``ContractError``."""
    steps = tuple(sorted(increments, key=lambda step: step.low_edge))
    allowed = [step.increment for step in steps] or [data.min_tick]
    if instrument.tick not in allowed:
        raise ContractDisagrees(
            f"tick of {named(instrument, facts)} is {instrument.tick}; IB's price steps for contract "
            f"{data.contract.con_id} are {', '.join(map(str, allowed))}: configure one of them")
    try:
        zone = zone_of(data.time_zone_id) if data.time_zone_id else None
        trading, liquid = (sessions_from(text, zone) if zone else None
                           for text in (data.trading_hours, data.liquid_hours))
    except HoursError as error:
        raise ContractUnreadable(f"the hours of {named(instrument, facts)} cannot be read: {error}") from error
    contract = msgspec.structs.replace(data.contract, exchange=facts.exchange)
    return Qualified(
        instrument=instrument, contract=contract, min_tick=data.min_tick, increments=steps, min_size=data.min_size,
        size_increment=data.size_increment, time_zone=data.time_zone_id, trading_hours=trading, liquid_hours=liquid,
        order_types=frozenset(data.order_types.split(",")), long_name=data.long_name)


def check_contract(instrument: Instrument, facts: ContractFacts, data: ContractData) -> None:
    """Raise ``ContractDisagrees`` where IB's contract is another thing than the configured instrument."""
    theirs, name = data.contract, named(instrument, facts)
    if theirs.currency != instrument.currency:
        raise ContractDisagrees(f"currency of {name} is {instrument.currency}; IB's contract {theirs.con_id} "
                                f"({_shown(data)}) trades in {theirs.currency}")
    if theirs.sec_type != facts.sec_type:
        raise ContractDisagrees(f"sec_type of {name} is {facts.sec_type}; IB's contract {theirs.con_id} "
                                f"({_shown(data)}) is {theirs.sec_type}")
    multiplier = _multiplier(theirs)
    if multiplier != instrument.multiplier:
        raise ContractDisagrees(f"multiplier of {name} is {instrument.multiplier}; IB's contract {theirs.con_id} "
                                f"({_shown(data)}) has {theirs.multiplier or 'none, which is 1'}")
    step = data.size_increment
    if step and instrument.lot % step:
        raise ContractDisagrees(f"lot of {name} is {instrument.lot}; IB's contract {theirs.con_id} is traded in steps "
                                f"of {step}: configure a multiple of it")
    if data.min_size and instrument.lot < data.min_size:
        raise ContractDisagrees(f"lot of {name} is {instrument.lot}; IB's smallest order of contract {theirs.con_id} "
                                f"is {data.min_size}: configure at least that")


def _multiplier(contract: Contract) -> Decimal:
    text = contract.multiplier
    if not text:
        return Decimal(1)
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ContractUnreadable(
            f"multiplier of IB's contract {contract.con_id} is {text!r}; allowed: a number") from None


def rule_id(instrument: Instrument, facts: ContractFacts, data: ContractData) -> int | None:
    """Return the market rule of the exchange that orders go to: rules stand in the order of the exchanges.

    None where IB names no rules: then the smallest step is the only one (assumed).
    """
    rules, exchanges = data.market_rule_ids.split(","), data.valid_exchanges.split(",")
    if not data.market_rule_ids:
        return None
    if len(rules) != len(exchanges) or facts.exchange not in exchanges or not all(r.isdecimal() for r in rules):
        raise ContractDisagrees(
            f"exchange of {named(instrument, facts)} is {facts.exchange}; IB's contract {data.contract.con_id} has "
            f"exchanges {data.valid_exchanges!r} with the price rules {data.market_rule_ids!r}")
    return int(rules[exchanges.index(facts.exchange)])


ADVICE = "see its symbol, sec_type, exchange, currency, expiry, or give its con_id"


def ambiguous(instrument: Instrument, facts: ContractFacts, found: Mapping[int, ContractData]) -> AmbiguousContract:
    """Return the error of an instrument that fits all contracts of ``found``, which are by contract id."""
    shown = "; ".join(f"{con_id}: {_shown(found[con_id])}" for con_id in sorted(found)[:CANDIDATES_SHOWN])
    more = f"; and {len(found) - CANDIDATES_SHOWN} more" if len(found) > CANDIDATES_SHOWN else ""
    return AmbiguousContract(f"{named(instrument, facts)} fits {len(found)} of IB's contracts: {shown}{more}; "
                             "allowed: one. Give primary_exchange, expiry, local_symbol or con_id")


def _shown(data: ContractData) -> str:
    c = data.contract
    strike = f"{c.strike}{c.right}" if c.strike else ""
    parts = (c.symbol, c.sec_type, c.last_trade_date, strike, c.local_symbol, c.exchange, c.primary_exchange,
             c.currency, data.long_name)
    return " ".join(part for part in parts if part)


def named(instrument: Instrument, facts: ContractFacts) -> str:
    """Return the instrument as messages name it: with what the configuration says of its contract."""
    told = msgspec.to_builtins(facts, enc_hook=str)
    default = msgspec.to_builtins(ContractFacts(), enc_hook=str)
    facts_told = ", ".join(f"{k} {v}" for k, v in told.items() if v != default[k] or k in {"sec_type", "exchange"})
    return f"instrument {instrument.symbol!r} ({facts_told}, {instrument.currency})"
