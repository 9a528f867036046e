"""Asks IB which contracts instruments are, until every one is known. No I/O: answers go in, requests come out."""

from collections.abc import Callable, Iterable

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.instrument import Instrument
from algotrade.ibkr.contracts import (
    ADVICE,
    ContractFacts,
    ContractUnanswered,
    NoContract,
    Qualified,
    ambiguous,
    check_contract,
    named,
    qualified,
    rule_id,
    wanted,
)
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire.answers import ContractData, ContractDataEnd, ErrorMessage, MarketRule
from algotrade.ibkr.wire.requests import RequestContractData, RequestMarketRule

ANSWER_NS_MAX = 15 * NANOSECONDS_PER_SECOND
"""How long an answer may take before the same is asked again: what is asked before the farms are up may get none."""
QUESTION_NS = NANOSECONDS_PER_SECOND // 20
"""Added for each instrument: the sender is paced, and asks forty a second at most."""
ASKED_TIMES_MAX = 8
"""How often the same is asked before it is given up."""
CANDIDATES_KEPT = 1_000
"""Contracts that one question may bring; a symbol alone can fit thousands of options."""

NO_CONTRACT = 200
WARNINGS = range(2100, 2200)
"""Codes that change nothing (documented)."""


class _Asked(msgspec.Struct):
    """One question that waits for its answer."""

    instrument: Instrument
    facts: ContractFacts
    since_ns: int
    times: int = 1
    found: dict[int, ContractData] = {}
    """By contract id: the same contract may be told for several exchanges."""


class Qualification:
    """Finds the contracts of instruments: ``start`` and ``due`` give requests, ``take`` takes answers.

    ``next_request_id``  gives an id that no other request has
    """

    def __init__(self, asked: Iterable[tuple[Instrument, ContractFacts]], next_request_id: Callable[[], int]) -> None:
        self._wanted = list(asked)
        self._next_request_id = next_request_id
        self._open: dict[int, _Asked] = {}
        self._one: dict[int, ContractData] = {}
        self._patience_ns = ANSWER_NS_MAX + QUESTION_NS * len(self._wanted)
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
                found = self._open[req_id].found
                if len(found) < CANDIDATES_KEPT:
                    found.setdefault(answer.contract.con_id, answer)
            case ContractDataEnd(req_id=req_id) if req_id in self._open:
                return self._chosen(self._open.pop(req_id), now_ns)
            case ErrorMessage(req_id=req_id, code=code) if req_id in self._open and code not in WARNINGS:
                raise _refused(self._open[req_id], answer)
            case MarketRule(market_rule_id=rule) if rule in self._rules_asked:
                del self._rules_asked[rule]
                self._rules[rule] = answer
                self._complete()
        return []

    def due(self, now_ns: int) -> list[Request]:
        """Ask again for what was not answered in time. Raises ``ContractUnanswered`` where that was done too often."""
        requests = []
        for req_id, asked in list(self._open.items()):
            if now_ns - asked.since_ns < self._patience_ns:
                continue
            if asked.times >= ASKED_TIMES_MAX:
                raise ContractUnanswered(f"IB did not say what {named(asked.instrument, asked.facts)} is, asked "
                                         f"{asked.times} times; is its definition farm up (2157, 2158)?")
            del self._open[req_id]
            requests.append(self._question(_Asked(asked.instrument, asked.facts, now_ns, asked.times + 1)))
        return [*requests, *self._ask_rules(now_ns)]

    def _question(self, asked: _Asked) -> Request:
        req_id = self._next_request_id()
        self._open[req_id] = asked
        return RequestContractData(req_id=req_id, contract=wanted(asked.instrument, asked.facts))

    def _chosen(self, asked: _Asked, now_ns: int) -> list[Request]:
        instrument, facts = asked.instrument, asked.facts
        if not asked.found:
            raise NoContract(f"IB knows no contract like {named(instrument, facts)}; {ADVICE}")
        if len(asked.found) > 1:
            raise ambiguous(instrument, facts, asked.found)
        data = next(iter(asked.found.values()))
        check_contract(instrument, facts, data)
        self._one[instrument.id] = data
        rule = rule_id(instrument, facts, data)
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
            since, times = self._rules_asked.get(rule, (now_ns - self._patience_ns, 0))
            if known is not None or now_ns - since < self._patience_ns:
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


def _refused(asked: _Asked, error: ErrorMessage) -> NoContract:
    name = named(asked.instrument, asked.facts)
    if error.code == NO_CONTRACT:
        return NoContract(f"IB knows no contract like {name} (code 200: {error.message}); {ADVICE}")
    return NoContract(f"IB does not tell the contract of {name}: code {error.code}, {error.message}")
