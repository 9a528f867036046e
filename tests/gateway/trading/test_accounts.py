"""Holdings against an oracle; margin, currencies, values, positions, profit and loss as clients hear of them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.gateway.trading import AccountSettings
from algotrade.gateway.trading.holdings import Holding, after
from algotrade.ibkr.wire.answers.account import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountTime,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountValue,
    Pnl,
    PnlSingle,
    PortfolioValue,
    PositionData,
    PositionEnd,
    PositionMulti,
    PositionMultiEnd,
)
from algotrade.ibkr.wire.requests import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelPnl,
    CancelPositions,
    CancelPositionsMulti,
    RequestAccountSummary,
    RequestAccountUpdates,
    RequestAccountUpdatesMulti,
    RequestPnl,
    RequestPnlSingle,
    RequestPositions,
    RequestPositionsMulti,
)
from tests.gateway.trading.world import (
    AAA,
    ACCOUNT,
    BBB,
    DAY,
    FUT,
    MINUTE,
    MONDAY,
    PAIR,
    SECOND,
    World,
    contract,
    order,
)

fills = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 20_000), st.integers(0, 500)), max_size=20)


def oracle(executions):
    """Fold executions with exact fractions: average cost, and what closing realises against it."""
    quantity, average, realized = Fraction(0), Fraction(0), Fraction(0)
    for signed, price, commission in executions:
        opens = quantity * signed >= 0
        closed = 0 if opens else min(abs(quantity), abs(signed))
        share = Fraction(closed, abs(signed))
        if closed:
            realized += closed * (price - average) * (1 if quantity > 0 else -1) - commission * share
        opened = abs(signed) - closed
        if opened:
            held = abs(quantity) if opens else 0
            sign = 1 if signed > 0 else -1
            total = average * held * sign + sign * opened * price + commission * (1 - share)
            average = total / (sign * (held + opened))
        quantity += signed
    return quantity, average if quantity else Fraction(0), realized


@given(fills)
def test_a_holding_is_the_fold_that_the_oracle_makes(executions):
    exact = [(q, Fraction(p, 100), Fraction(c, 100)) for q, p, c in executions]
    holding, cash = Holding(), Decimal(0)
    for quantity, cents, commission in executions:
        value, paid = quantity * Decimal(cents) / 100, Decimal(commission) / 100
        holding = after(holding, Decimal(quantity), value, paid)
        cash += -value - paid

    quantity, average, realized = oracle(exact)
    assert holding.quantity == quantity == sum(q for q, _, _ in executions)
    assert holding.realized - holding.cost == cash, "not a cent is lost to rounding"
    assert abs(Fraction(holding.realized) - realized) < Fraction(1, 10**6)
    assert abs(Fraction(holding.average_cost) - average) < Fraction(1, 10**6)
    if not holding.quantity:
        assert holding.cost == 0


def test_average_cost_has_the_commission_in_it_as_ibs_has():
    world = World()
    world.place(order())
    world.quote(100, 100)
    world.ask(RequestPositions())
    assert world.of(PositionData)[0].average_cost == Decimal("100.01")
    world.place(order("SELL"))
    world.quote(110, 110)
    assert world.commissions()[-1].realized_pnl == 1000 - 2


def test_positions_are_told_with_their_end_and_when_they_change():
    world = World()
    world.place(order())
    world.quote(100, 100)
    first = world.ask(RequestPositions())
    assert [type(a) for a in first] == [PositionData, PositionEnd]
    world.place(order("SELL", 100))
    changed = [a for a in world.quote(100, 100) if isinstance(a, PositionData)]
    assert [(p.position, p.average_cost) for p in changed] == [(0, 0)]
    world.ask(CancelPositions())
    world.place(order())
    assert [a for a in world.quote(100, 100) if isinstance(a, PositionData)] == []


def test_positions_of_one_account():
    world = World(accounts={"DU1": AccountSettings(), "DU2": AccountSettings()})
    world.ask(RequestPositionsMulti(req_id=3, account="DU2"))
    world.ask(RequestPositionsMulti(req_id=4, account="DU9"))
    assert world.of(PositionMultiEnd) == [PositionMultiEnd(req_id=3)]
    assert world.errors() == [(4, 321)]
    for account in ("DU1", "DU2"):
        world.place(order(account=account))
    world.quote(100, 100)
    assert [(p.account, p.position) for p in world.of(PositionMulti)] == [("DU2", 100)]
    world.ask(CancelPositionsMulti(req_id=3))
    world.place(order(account="DU2"))
    world.quote(100, 100)
    assert len(world.of(PositionMulti)) == 1


def values(answers):
    return {(a.key, a.currency): a.value for a in answers if isinstance(a, AccountValue)}


def test_account_updates_end_once_then_tell_only_what_changed():
    world = World()
    first = world.ask(RequestAccountUpdates(is_subscribed=True, account=""))
    assert first[-1] == AccountDownloadEnd(account=ACCOUNT)
    assert values(first)["NetLiquidation", "USD"] == "1000000.00"
    assert values(first)["BuyingPower", "USD"] == "2000000.00"
    assert [a.time for a in first if isinstance(a, AccountTime)] == ["15:30"]

    world.place(order())
    moved = world.quote(99.90, 100.10)

    assert values(moved)["TotalCashValue", "USD"] == "989989.00"
    assert values(moved)["NetLiquidation", "USD"] == "999989.00"
    assert values(moved)["InitMarginReq", "USD"] == "5000.00"
    assert ("AccountCode", "") not in values(moved)
    portfolio, = (a for a in moved if isinstance(a, PortfolioValue))
    assert (portfolio.position, portfolio.market_price, portfolio.market_value, portfolio.average_cost,
            portfolio.unrealized_pnl) == (100, 100, 10_000, Decimal("100.11"), -11)
    world.wait(MINUTE)
    assert values(world.wait(3 * MINUTE)) == {}
    world.quote(101, 101)
    later = world.wait(3 * MINUTE)
    assert values(later)["UnrealizedPnL", "BASE"] == "89.00"
    world.ask(RequestAccountUpdates(is_subscribed=False, account=""))
    world.quote(102, 102)
    assert world.wait(3 * MINUTE) == []


def test_one_account_at_a_time_and_only_a_known_one():
    world = World(accounts={"DU1": AccountSettings(), "DU2": AccountSettings()})
    for account in ("DU1", "DU2", "DU3"):
        world.ask(RequestAccountUpdates(is_subscribed=True, account=account))
    assert world.errors() == [(-1, 2100), (-1, 321)]
    assert [a.account for a in world.of(AccountDownloadEnd)] == ["DU1", "DU2"]


def test_summaries_by_tag_at_most_two_at_once():
    world = World(accounts={"DU1": AccountSettings(cash={"USD": Decimal(5), "EUR": Decimal(10)})})
    told = world.ask(RequestAccountSummary(req_id=1, group="All", tags="NetLiquidation,Nonsense,$LEDGER:EUR"))
    assert told[-1] == AccountSummaryEnd(req_id=1)
    found = {(a.tag, a.currency): a.value for a in told[:-1]}
    assert found["NetLiquidation", "USD"] == "16.00"
    assert found["CashBalance", "EUR"] == "10.00"
    assert found["ExchangeRate", "EUR"] == "1.1000000"
    assert {c for _, c in found} == {"USD", "EUR"}
    world.ask(RequestAccountSummary(req_id=2, group="All", tags="$LEDGER:ALL"))
    assert {a.currency for a in world.of(AccountSummary) if a.req_id == 2} == {"BASE", "EUR", "USD"}
    world.ask(RequestAccountSummary(req_id=3, group="All", tags="BuyingPower"))
    assert world.errors() == [(3, 322)]
    world.ask(CancelAccountSummary(req_id=2))
    world.ask(RequestAccountSummary(req_id=3, group="All", tags="BuyingPower"))
    assert len(world.errors()) == 1


def test_values_of_one_account_whole_or_ledger_only():
    world = World()
    whole = world.ask(RequestAccountUpdatesMulti(req_id=1, account=ACCOUNT))
    short = world.ask(RequestAccountUpdatesMulti(req_id=2, account=ACCOUNT, ledger_and_nlv=True))
    assert (whole[-1], short[-1]) == (AccountUpdateMultiEnd(req_id=1), AccountUpdateMultiEnd(req_id=2))
    keys = [{a.key for a in told if isinstance(a, AccountUpdateMulti)} for told in (whole, short)]
    assert "BuyingPower" in keys[0] - keys[1]
    assert {"NetLiquidation", "CashBalance"} <= keys[1] < keys[0]
    world.ask(RequestAccountUpdatesMulti(req_id=2, account=ACCOUNT))
    assert world.errors() == [(2, 322)]
    world.ask(CancelAccountUpdatesMulti(req_id=1))
    world.place(order())
    assert {a.req_id for a in world.quote(100, 100) if isinstance(a, AccountUpdateMulti)} == {2}


def test_profit_and_loss_about_every_second_in_which_they_change():
    world = World()
    world.place(order())
    world.quote(100, 100)
    first = world.ask(RequestPnl(req_id=1, account=ACCOUNT))
    assert first == [Pnl(req_id=1, daily=-1.0, unrealized=-1.0, realized=0.0)]
    single = world.ask(RequestPnlSingle(req_id=2, account=ACCOUNT, con_id=contract(AAA).con_id))
    assert single == [PnlSingle(req_id=2, position=Decimal(100), daily=-1.0, unrealized=-1.0, realized=0.0,
                                value=10_000.0)]
    world.ask(RequestPnlSingle(req_id=3, account=ACCOUNT, con_id=1))
    assert world.errors() == [(3, 321)]
    world.quote(103, 103)
    told = world.wait(SECOND)
    assert [a.unrealized for a in told] == [299.0, 299.0]
    assert world.wait(SECOND) == []
    world.ask(CancelPnl(req_id=1))
    world.quote(104, 104)
    assert [type(a) for a in world.wait(SECOND)] == [PnlSingle]


def test_a_day_begins_at_midnight_with_what_is_held():
    world = World()
    world.place(order(quantity=200))
    world.quote(100, 100)
    world.place(order("SELL", 100))
    world.quote(110, 110)
    pnl, = world.ask(RequestPnl(req_id=1, account=ACCOUNT))
    assert (pnl.daily, pnl.unrealized, pnl.realized) == (1998.0, 999.5, 998.5)
    world.at(MONDAY + DAY)
    world.quote(111, 111)
    pnl = world.wait(SECOND)[-1]
    assert (pnl.daily, pnl.unrealized, pnl.realized) == (100.0, 1099.5, 0.0)
    assert world.holding() == 100


def test_a_currency_pair_moves_both_currencies_and_is_the_rate():
    world = World()
    world.place(order(quantity=10_000), PAIR)
    world.quote(1.2, 1.2, PAIR)
    assert (world.cash("EUR"), world.cash("USD")) == (10_000, 1_000_000 - 12_000 - 2)
    told = world.ask(RequestAccountUpdates(is_subscribed=True, account=""))
    assert values(told)["NetLiquidation", "USD"] == "999998.00"
    assert values(told)["ExchangeRate", "EUR"] == "1.2000000"
    assert values(told)["GrossPositionValue", "USD"] == "0.00"
    world.quote(1.3, 1.3, PAIR)
    assert world.trading._appraiser.of_account(ACCOUNT).equity == 1_000_000 + 1000 - 2


def test_an_account_in_another_currency_inverts_the_rate():
    cash = {"EUR": Decimal(100), "USD": Decimal(125)}
    world = World(accounts={"DU1": AccountSettings(cash=cash, base_currency="EUR")})
    world.quote(1.25, 1.25, PAIR)
    assert world.trading._appraiser.of_account("DU1").equity == 200


def test_a_future_moves_cash_by_what_it_realises_and_asks_margin_of_its_whole_value():
    world = World()
    world.place(order(quantity=2), FUT)
    world.quote(4000, 4000, FUT)
    assert world.cash() == 1_000_000
    figures = world.trading._appraiser.of_account(ACCOUNT)
    assert (figures.equity, figures.initial_margin) == (1_000_000 - Decimal("4.5"), Decimal(32000))
    world.place(order("SELL", 2), FUT)
    world.quote(4010, 4010, FUT)
    assert world.cash() == 1_000_000 + 2 * 10 * 50 - 9


@pytest.mark.parametrize(("side", "sign"), [("BUY", 1), ("SELL", -1)])
def test_margin_of_long_and_short_and_what_is_left(side, sign):
    world = World()
    world.place(order(side, 1000), BBB)
    world.quote(50, 50, BBB)
    figures = world.trading._appraiser.of_account(ACCOUNT)
    assert (figures.initial_margin, figures.maintenance_margin) == (25_000, 12_500)
    assert figures.stock_value == sign * 50_000
    assert figures.available == figures.equity - 25_000
    assert figures.equity == 1_000_000 - 5


def test_a_days_profit_survives_corrections_and_counts_from_midnight():
    world = World()
    world.place(order())
    world.quote(100, 100)
    world.at(MONDAY + DAY)
    world.place(order("SELL", 40))
    world.quote(103, 103)
    assert world.trading._appraiser.of_account(ACCOUNT).daily == 300 - 1
    exec_id = world.executions()[-1].execution.exec_id
    world.trading.correct(exec_id, world.now_ns, quantity=Decimal(40), price=Decimal(102))
    figures = world.trading._appraiser.of_account(ACCOUNT)
    assert figures.daily == 300 - 1 - 40
    assert figures.realized == 40 * (Decimal(102) - Decimal("100.01")) - 1
