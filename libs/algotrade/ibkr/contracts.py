"""Which of IB's contracts an instrument is, and what IB says of it: asked once, checked against the configuration.

No I/O: answers go in, requests come out. What fits none or several of IB's contracts, or contradicts the configured
instrument, is a ``ContractError``: an order for the wrong thing is worse than none.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.instrument import Instrument
from algotrade.domain.session import Sessions
from algotrade.ibkr.hours import HoursError, sessions_from, zone_of
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire.answers import ContractData, ContractDataEnd, ErrorMessage, MarketRule
from algotrade.ibkr.wire.answers.contracts import PriceIncrement
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import RequestContractData, RequestMarketRule

ANSWER_NS_MAX = 15 * NANOSECONDS_PER_SECOND
"""How long an answer may take before the same is asked again: what is asked before the farms are up may get none."""
ASKED_TIMES_MAX = 8
"""How often the same is asked before it is given up."""
CANDIDATES_SHOWN = 10
CANDIDATES_KEPT = 1_000
"""Contracts that one question may bring; a symbol alone can fit thousands of options."""

NO_CONTRACT = 200
WARNINGS = range(2100, 2200)
"""Codes that change nothing (documented)."""


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


class _Asked(msgspec.Struct):
    """One question that waits for its answer."""

    instrument: Instrument
    facts: ContractFacts
    since_ns: int
    times: int = 1
    found: dict[int, ContractData] = {}
    """By contract id: the same contract may be told for several exchanges."""
    rows: int = 0


class Qualification:
    """Finds the contracts of instruments: ``start`` and ``due`` give requests, ``take`` takes answers.

    ``next_request_id``  gives an id that no other request has
    """

    def __init__(self, asked: Iterable[tuple[Instrument, ContractFacts]], next_request_id: Callable[[], int]) -> None:
        self._wanted = list(asked)
        self._next_request_id = next_request_id
        self._open: dict[int, _Asked] = {}
        self._one: dict[int, ContractData] = {}
        self._facts = {instrument.id: facts for instrument, facts in self._wanted}
        self._rule_of: dict[int, int] = {}
        self._rules: dict[int, MarketRule | None] = {}
        self._rules_asked: dict[int, tuple[int, int]] = {}
        self.qualified: dict[int, Qualified] = {}
        """By instrument id; complete once ``done``."""

    @property
    def done(self) -> bool:
        """Tell whether every instrument has its contract."""
        return len(self.qualified) == len(self._wanted)

    def start(self, now_ns: int) -> list[Request]:
        """Ask for everything that is not known, from the beginning or on a new connection; ``now_ns`` monotonic."""
        self._open, self._rules_asked = {}, {}
        requests = [self._question(_Asked(instrument, facts, now_ns)) for instrument, facts in self._wanted
                    if instrument.id not in self._one]
        return [*requests, *self._ask_rules(now_ns)]

    def take(self, answer: Answer, now_ns: int) -> list[Request]:
        """Take an answer, whosever it is, and return what is to be asked next. Raises ``ContractError``."""
        match answer:
            case ContractData(req_id=req_id) if req_id in self._open:
                self._found(self._open[req_id], answer)
            case ContractDataEnd(req_id=req_id) if req_id in self._open:
                return self._chosen(self._open.pop(req_id), now_ns)
            case ErrorMessage(req_id=req_id, code=code) if req_id in self._open and code not in WARNINGS:
                raise NoContract(_refused(self._open[req_id], answer))
            case MarketRule(market_rule_id=rule) if rule in self._rules_asked:
                del self._rules_asked[rule]
                self._rules[rule] = answer
                self._complete()
        return []

    def due(self, now_ns: int) -> list[Request]:
        """Ask again for what was not answered in time. Raises ``ContractUnanswered`` where that was done too often."""
        requests = []
        for req_id, asked in list(self._open.items()):
            if now_ns - asked.since_ns < ANSWER_NS_MAX:
                continue
            if asked.times >= ASKED_TIMES_MAX:
                raise ContractUnanswered(f"IB did not say what {_named(asked.instrument, asked.facts)} is, asked "
                                         f"{asked.times} times; is its definition farm up (2157, 2158)?")
            del self._open[req_id]
            requests.append(self._question(_Asked(asked.instrument, asked.facts, now_ns, asked.times + 1)))
        return [*requests, *self._ask_rules(now_ns)]

    def _question(self, asked: _Asked) -> Request:
        req_id = self._next_request_id()
        self._open[req_id] = asked
        return RequestContractData(req_id=req_id, contract=wanted(asked.instrument, asked.facts))

    @staticmethod
    def _found(asked: _Asked, data: ContractData) -> None:
        asked.rows += 1
        if len(asked.found) < CANDIDATES_KEPT:
            asked.found.setdefault(data.contract.con_id, data)

    def _chosen(self, asked: _Asked, now_ns: int) -> list[Request]:
        instrument, facts = asked.instrument, asked.facts
        if not asked.found:
            raise NoContract(f"IB knows no contract like {_named(instrument, facts)}; {_ADVICE}")
        if len(asked.found) > 1:
            raise AmbiguousContract(_ambiguous(asked))
        data = next(iter(asked.found.values()))
        _check(instrument, facts, data)
        self._one[instrument.id] = data
        rule = _rule_id(instrument, facts, data)
        if rule is not None:
            self._rule_of[instrument.id] = rule
            self._rules.setdefault(rule, None)
        requests = self._ask_rules(now_ns)
        self._complete()
        return requests

    def _ask_rules(self, now_ns: int) -> list[Request]:
        """Ask for the market rules that are not known, and again for those whose answer is overdue."""
        requests: list[Request] = []
        for rule, known in self._rules.items():
            since, times = self._rules_asked.get(rule, (now_ns - ANSWER_NS_MAX, 0))
            if known is not None or now_ns - since < ANSWER_NS_MAX:
                continue
            if times >= ASKED_TIMES_MAX:
                raise ContractUnanswered(f"IB did not tell market rule {rule}, asked {times} times")
            self._rules_asked[rule] = (now_ns, times + 1)
            requests.append(RequestMarketRule(market_rule_id=rule))
        return requests

    def _complete(self) -> None:
        for instrument, facts in self._wanted:
            data = self._one.get(instrument.id)
            rule = self._rule_of.get(instrument.id)
            if instrument.id in self.qualified or data is None:
                continue
            steps = self._rules[rule] if rule is not None else None
            if rule is None or steps is not None:
                self.qualified[instrument.id] = qualified(instrument, facts, data, steps.increments if steps else ())


def qualified(
    instrument: Instrument, facts: ContractFacts, data: ContractData, increments: tuple[PriceIncrement, ...],
) -> Qualified:
    """Return what IB says of ``instrument``, checked. Raises ``ContractError``."""
    steps = tuple(sorted(increments, key=lambda step: step.low_edge))
    allowed = [step.increment for step in steps] or [data.min_tick]
    if instrument.tick not in allowed:
        raise ContractDisagrees(
            f"tick of {_named(instrument, facts)} is {instrument.tick}; IB's price steps for contract "
            f"{data.contract.con_id} are {', '.join(map(str, allowed))}: configure one of them")
    try:
        zone = zone_of(data.time_zone_id) if data.time_zone_id else None
        trading, liquid = (sessions_from(text, zone) if zone else None
                           for text in (data.trading_hours, data.liquid_hours))
    except HoursError as error:
        raise ContractUnreadable(f"the hours of {_named(instrument, facts)} cannot be read: {error}") from error
    contract = msgspec.structs.replace(data.contract, exchange=facts.exchange)
    return Qualified(
        instrument=instrument, contract=contract, min_tick=data.min_tick, increments=steps, min_size=data.min_size,
        size_increment=data.size_increment, time_zone=data.time_zone_id, trading_hours=trading, liquid_hours=liquid,
        order_types=frozenset(data.order_types.split(",")), long_name=data.long_name)


def _check(instrument: Instrument, facts: ContractFacts, data: ContractData) -> None:
    """Raise ``ContractDisagrees`` where IB's contract is another thing than the configured instrument."""
    theirs, name = data.contract, _named(instrument, facts)
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
        raise ContractUnreadable(f"multiplier of IB's contract {contract.con_id} is {text!r}; allowed: a number") from None


def _rule_id(instrument: Instrument, facts: ContractFacts, data: ContractData) -> int | None:
    """Return the market rule of the exchange that orders go to: rules stand in the order of the exchanges.

    None where IB names no rules: then the smallest step is the only one (assumed).
    """
    rules, exchanges = data.market_rule_ids.split(","), data.valid_exchanges.split(",")
    if not data.market_rule_ids:
        return None
    if len(rules) != len(exchanges) or facts.exchange not in exchanges or not all(r.isdecimal() for r in rules):
        raise ContractDisagrees(
            f"exchange of {_named(instrument, facts)} is {facts.exchange}; IB's contract {data.contract.con_id} has the "
            f"exchanges {data.valid_exchanges!r} with the price rules {data.market_rule_ids!r}")
    return int(rules[exchanges.index(facts.exchange)])


class _Candidate(NamedTuple):
    con_id: int
    text: str


_ADVICE = "see its symbol, sec_type, exchange, currency, expiry, or give its con_id"


def _ambiguous(asked: _Asked) -> str:
    candidates = sorted(_Candidate(con_id, _shown(data)) for con_id, data in asked.found.items())
    shown = "; ".join(f"{c.con_id}: {c.text}" for c in candidates[:CANDIDATES_SHOWN])
    more = f"; and {len(candidates) - CANDIDATES_SHOWN} more" if len(candidates) > CANDIDATES_SHOWN else ""
    return (f"{_named(asked.instrument, asked.facts)} fits {len(candidates)} of IB's contracts: {shown}{more}; allowed: "
            "one. Give primary_exchange, expiry, local_symbol or con_id")


def _shown(data: ContractData) -> str:
    c = data.contract
    strike = f"{c.strike}{c.right}" if c.strike else ""
    parts = (c.symbol, c.sec_type, c.last_trade_date, strike, c.local_symbol, c.exchange, c.primary_exchange, c.currency,
             data.long_name)
    return " ".join(part for part in parts if part)


def _named(instrument: Instrument, facts: ContractFacts) -> str:
    told = msgspec.to_builtins(facts, enc_hook=str)
    default = msgspec.to_builtins(ContractFacts(), enc_hook=str)
    facts_told = ", ".join(f"{k} {v}" for k, v in told.items() if v != default[k] or k in {"sec_type", "exchange"})
    return f"instrument {instrument.symbol!r} ({facts_told}, {instrument.currency})"


def _refused(asked: _Asked, error: ErrorMessage) -> str:
    name = _named(asked.instrument, asked.facts)
    if error.code == NO_CONTRACT:
        return f"IB knows no contract like {name} (code 200: {error.message}); {_ADVICE}"
    return f"IB does not tell the contract of {name}: code {error.code}, {error.message}"


def facts_by_id(instruments: Iterable[Instrument], facts: Mapping[str, ContractFacts]) -> dict[int, ContractFacts]:
    """Return the facts of each instrument by its id, the defaults where ``facts`` (by symbol) have none."""
    return {i.id: facts.get(i.symbol, ContractFacts()) for i in instruments}
