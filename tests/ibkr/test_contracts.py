"""Qualification: exactly one contract that agrees with the configured instrument, or an error that says both sides."""

from decimal import Decimal

import pytest

from algotrade.domain import Instrument
from algotrade.ibkr.contracts import (
    AmbiguousContract,
    ContractDisagrees,
    ContractError,
    ContractFacts,
    ContractUnanswered,
    ContractUnreadable,
    NoContract,
)
from algotrade.ibkr.qualification import ANSWER_NS_MAX, ASKED_TIMES_MAX, Qualification
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.answers.contracts import PriceIncrement
from tests.feeds.ibkr.world import RULE_26, contract_data

AAPL = Instrument(id=0, symbol="AAPL")
PATIENT_NS = 2 * ANSWER_NS_MAX


class Asking:
    """A qualification of one instrument, and the answers to it."""

    def __init__(self, instrument=AAPL, facts=None):
        ids = iter(range(1, 1_000))
        self.qualification = Qualification([(instrument, facts or ContractFacts())], lambda: next(ids))
        (self.question,) = self.qualification.start(0)

    def answer(self, *contracts, **facts):
        """Tell ``contracts`` as (symbol, con_id), each with ``facts``; return what is asked next."""
        for symbol, con_id in contracts:
            self.qualification.take(contract_data(self.question.req_id, symbol, con_id, **facts), 0)
        return self.qualification.take(a.ContractDataEnd(req_id=self.question.req_id), 0)

    @property
    def one(self):
        assert self.qualification.done
        return self.qualification.qualified[0]


def test_one_contract_with_its_rule_is_the_instrument():
    asking = Asking()
    assert asking.question.contract.symbol == "AAPL"
    assert asking.question.contract.exchange == "SMART"
    assert asking.question.contract.currency == "USD"

    (rule,) = asking.answer(("AAPL", 265598), min_size=Decimal("0.0001"), size_increment=Decimal("0.0001"))
    assert rule == r.RequestMarketRule(market_rule_id=26)  # of SMART, the first of the valid exchanges
    assert not asking.qualification.done
    assert asking.qualification.take(RULE_26, 0) == []

    one = asking.one
    assert one.contract.con_id == 265598
    assert one.contract.exchange == "SMART"
    assert one.min_tick == Decimal("0.01")
    assert one.increment_at(Decimal("0.99")) == Decimal("0.0001")
    assert one.increment_at(Decimal(1)) == one.increment_at(Decimal(-250)) == Decimal("0.01")
    assert one.size_increment == Decimal("0.0001")
    assert one.order_types == {"LMT", "MKT"}
    assert one.liquid_hours.opens_ns == (1_767_623_400_000_000_000,)


def test_without_rules_the_smallest_step_is_the_only_one():
    asking = Asking()
    assert asking.answer(("AAPL", 1), market_rule_ids="", valid_exchanges="") == []
    assert asking.one.increment_at(Decimal(5)) == Decimal("0.01")


def test_the_same_contract_told_twice_is_one():
    asking = Asking()
    asking.answer(("AAPL", 1), ("AAPL", 1))
    asking.qualification.take(RULE_26, 0)
    assert asking.one.contract.con_id == 1


def test_an_ambiguous_contract_lists_the_candidates():
    with pytest.raises(AmbiguousContract) as refused:
        Asking().answer(*(("AAPL", con_id) for con_id in range(12)))
    text = str(refused.value)
    assert "'AAPL'" in text
    assert "fits 12 of IB's contracts" in text
    assert "0: AAPL STK AAPL SMART NASDAQ USD AAPL INC" in text
    assert "and 2 more" in text
    assert "con_id" in text


def test_no_contract_says_what_was_looked_for():
    asking = Asking(facts=ContractFacts(sec_type="FUT", exchange="CME", expiry="202603"))
    error = a.ErrorMessage(req_id=asking.question.req_id, code=200, message="No security definition")
    with pytest.raises(NoContract, match=r"'AAPL' .*FUT.*CME.*202603.*code 200: No security definition"):
        asking.qualification.take(error, 0)
    with pytest.raises(NoContract, match="no contract like"):
        Asking().answer()
    with pytest.raises(NoContract, match="code 321"):
        Asking().qualification.take(a.ErrorMessage(req_id=1, code=321, message="validation"), 0)


@pytest.mark.parametrize(("instrument", "facts", "told", "both"), [
    ({"currency": "EUR"}, {"con_id": 1}, {}, ("currency", "EUR", "USD")),
    ({}, {}, {"multiplier": "50"}, ("multiplier", "is 1", "has 50")),
    ({"multiplier": Decimal(50)}, {}, {}, ("multiplier", "is 50", "none, which is 1")),
    ({}, {}, {"sec_type": "CFD"}, ("sec_type", "STK", "CFD")),
    ({}, {}, {"size_increment": Decimal(100)}, ("lot", "is 1", "steps of 100")),
    ({"lot": Decimal("0.1")}, {}, {"min_size": Decimal(1)}, ("lot", "is 0.1", "is 1")),
    ({}, {"exchange": "MARS"}, {}, ("exchange", "MARS", "SMART,NYSE")),
    ({}, {}, {"market_rule_ids": "26"}, ("exchange", "SMART", "'26'")),
])
def test_a_disagreement_names_both_sides(instrument, facts, told, both):
    asking = Asking(Instrument(id=0, symbol="AAPL", **instrument), ContractFacts(**facts))
    with pytest.raises(ContractDisagrees) as refused:
        asking.answer(("AAPL", 1), **told)
    assert all(word in str(refused.value) for word in both), str(refused.value)


def test_a_tick_that_is_no_step_of_the_rule_is_refused():
    asking = Asking(Instrument(id=0, symbol="AAPL", tick=Decimal("0.05")))
    asking.answer(("AAPL", 1))
    with pytest.raises(ContractDisagrees, match=r"tick .*'AAPL'.* is 0\.05; .* 0\.0001, 0\.01"):
        asking.qualification.take(RULE_26, 0)


@pytest.mark.parametrize("told", [
    {"trading_hours": "tomorrow"}, {"liquid_hours": "20260105:0930"}, {"time_zone_id": "Atlantis"},
    {"multiplier": "many"},
])
def test_what_cannot_be_read_is_refused(told):
    asking = Asking()
    with pytest.raises(ContractUnreadable):  # noqa: PT012 -- which of the two answers shows it, is not the point
        asking.answer(("AAPL", 1), **told)
        asking.qualification.take(RULE_26, 0)


def test_a_contract_id_is_enough_and_its_answer_is_checked():
    asking = Asking(facts=ContractFacts(con_id=265598))
    assert asking.question.contract.con_id == 265598
    assert asking.question.contract.symbol == ""
    asking.answer(("AAPL", 265598))
    asking.qualification.take(RULE_26, 0)
    assert asking.one.instrument is AAPL


def test_a_currency_pair_and_a_future_are_looked_for_by_their_facts():
    pair = Asking(Instrument(id=0, symbol="EUR.USD"), ContractFacts(sec_type="CASH", symbol="EUR", exchange="IDEALPRO"))
    assert (pair.question.contract.symbol, pair.question.contract.currency) == ("EUR", "USD")
    future = Asking(Instrument(id=0, symbol="ESZ3", multiplier=Decimal(50), tick=Decimal("0.25")),
                    ContractFacts(sec_type="FUT", exchange="CME", local_symbol="ESZ3"))
    assert (future.question.contract.symbol, future.question.contract.local_symbol) == ("", "ESZ3")
    future.answer(("ES", 9), sec_type="FUT", multiplier="50", exchange="CME", valid_exchanges="CME",
                  market_rule_ids="67", min_tick=Decimal("0.25"), min_size=Decimal(1), size_increment=Decimal(1))
    step = PriceIncrement(low_edge=Decimal(0), increment=Decimal("0.25"))
    future.qualification.take(a.MarketRule(market_rule_id=67, increments=(step,)), 0)
    assert future.one.contract.exchange == "CME"


def test_answers_to_others_change_nothing():
    asking = Asking()
    for answer in (contract_data(77, "AAPL", 1), a.ContractDataEnd(req_id=77), RULE_26,
                   a.ErrorMessage(req_id=77, code=200, message=""), a.ErrorMessage(req_id=-1, code=2104, message=""),
                   a.ErrorMessage(req_id=asking.question.req_id, code=2108, message="a warning")):
        assert asking.qualification.take(answer, 0) == []
    assert not asking.qualification.done


def test_a_question_without_answer_is_asked_again_and_then_given_up():
    asking = Asking()
    ids, now_ns = {asking.question.req_id}, 0
    assert asking.qualification.due(ANSWER_NS_MAX - 1) == []
    for _ in range(ASKED_TIMES_MAX - 1):
        now_ns += PATIENT_NS
        (again,) = asking.qualification.due(now_ns)
        ids.add(again.req_id)
        assert again.contract == asking.question.contract
    assert len(ids) == ASKED_TIMES_MAX
    with pytest.raises(ContractUnanswered, match="AAPL"):
        asking.qualification.due(now_ns + PATIENT_NS)


def test_a_late_answer_to_a_question_that_was_asked_again_is_nobodys():
    asking = Asking()
    (again,) = asking.qualification.due(PATIENT_NS)
    assert asking.answer(("AAPL", 1), ("AAPL", 2)) == []  # to the first question: not ambiguous, but stale
    asking.question = again
    assert asking.answer(("AAPL", 3))


def test_a_rule_without_answer_is_asked_again_and_then_given_up():
    asking = Asking()
    asking.answer(("AAPL", 1))
    for i in range(1, ASKED_TIMES_MAX):
        assert asking.qualification.due(i * PATIENT_NS) == [r.RequestMarketRule(market_rule_id=26)]
    with pytest.raises(ContractUnanswered, match="market rule 26"):
        asking.qualification.due(ASKED_TIMES_MAX * PATIENT_NS)


def test_a_new_connection_asks_for_what_is_not_known():
    asking = Asking()
    (question,) = asking.qualification.start(1)
    assert question.req_id != asking.question.req_id
    asking.question = question
    asking.answer(("AAPL", 1))
    assert asking.qualification.start(2) == [r.RequestMarketRule(market_rule_id=26)]
    asking.qualification.take(RULE_26, 2)
    assert asking.qualification.start(3) == []


def test_a_rule_that_many_share_is_asked_once():
    ids = iter(range(1, 1_000))
    many = [(Instrument(id=i, symbol=f"S{i}"), ContractFacts()) for i in range(5)]
    qualification = Qualification(many, lambda: next(ids))
    rules = []
    for i, question in enumerate(qualification.start(0)):
        qualification.take(contract_data(question.req_id, f"S{i}", 100 + i), 0)
        rules += qualification.take(a.ContractDataEnd(req_id=question.req_id), 0)
    assert rules == [r.RequestMarketRule(market_rule_id=26)]
    qualification.take(RULE_26, 0)
    assert sorted(qualification.qualified) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("facts", [
    {"con_id": -1}, {"con_id": 2**31}, {"expiry": "2026"}, {"expiry": "2026-01-01"}, {"right": "X"},
    {"strike": Decimal("NaN")}, {"strike": Decimal(-1)}, {"symbol": "A\0B"}, {"symbol": "Ü"}, {"sec_type": ""},
    {"exchange": ""}, {"local_symbol": "x" * 65},
])
def test_facts_that_cannot_be_are_refused(facts):
    with pytest.raises(ValueError, match="allowed"):
        ContractFacts(**facts)


@pytest.mark.parametrize("version", [157, 163, 164, 178])
def test_the_questions_go_on_the_wire_and_the_answers_come_off_it(version):
    """What a server of any version tells of a contract is enough: sizes came with 164."""
    codec = Codec(version)
    asking = Asking()
    sent = codec.decode_request(codec.encode(asking.question)[4:])
    assert sent.contract.symbol == "AAPL"
    data = codec.decode_answer(codec.encode(contract_data(1, "AAPL", 5, min_size=Decimal(1)))[4:])
    asking.qualification.take(data, 0)
    asking.qualification.take(a.ContractDataEnd(req_id=1), 0)
    asking.qualification.take(codec.decode_answer(codec.encode(RULE_26)[4:]), 0)
    assert asking.one.min_size == (Decimal(1) if version >= 164 else None)


def test_every_error_is_one_kind():
    assert all(issubclass(e, ContractError) for e in (
        AmbiguousContract, ContractDisagrees, ContractUnanswered, ContractUnreadable, NoContract))
