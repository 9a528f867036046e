"""What clients ask about orders and executions, and who sees what."""

from decimal import Decimal

from algotrade.gateway.trading import AccountSettings
from algotrade.ibkr.wire.answers.link import ManagedAccounts, NextValidId
from algotrade.ibkr.wire.answers.orders import (
    CommissionReport,
    CompletedOrder,
    CompletedOrdersEnd,
    ExecutionData,
    ExecutionDataEnd,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
)
from algotrade.ibkr.wire.requests import (
    RequestAllOpenOrders,
    RequestAutoOpenOrders,
    RequestCompletedOrders,
    RequestExecutions,
    RequestGlobalCancel,
    RequestIds,
    RequestManagedAccounts,
    RequestOpenOrders,
)
from tests.gateway.trading.world import AAA, BBB, CODECS, DAY, MONDAY, World, contract, order


def kinds(answers):
    return [type(a) for a in answers]


def resting(world, **more):
    return world.place(order(order_type="LMT", limit=90), **more)


def test_a_client_is_told_accounts_and_its_next_id_when_it_connects_and_when_it_asks():
    world = World(clients=(), accounts={"DU1": AccountSettings(), "DU2": AccountSettings()})
    assert world.connect(7) == [ManagedAccounts(accounts="DU1,DU2"), NextValidId(order_id=1)]
    assert world.ask(RequestManagedAccounts(), 7) == [ManagedAccounts(accounts="DU1,DU2")]
    assert world.ask(RequestIds(), 7) == [NextValidId(order_id=1)]


def test_evidence_of_a_fill_comes_in_ibs_order():
    world = World()
    world.place(order(order_ref="strategy.run.1.0"))
    answers = world.quote(99, 100)
    assert kinds(answers) == [ExecutionData, OpenOrder, OrderStatus, CommissionReport]
    executed, told, status, cost = answers
    assert executed.execution.exec_id == cost.exec_id == "00000001.00000001.01.01"
    assert executed.execution.order_ref == told.order.order_ref == "strategy.run.1.0"
    assert executed.execution.time == "20260105 15:30:01 UTC"
    assert executed.execution.perm_id == status.perm_id == told.order.perm_id > 0
    assert (cost.commission, cost.currency, cost.realized_pnl) == (1, "USD", None)


def test_times_are_told_in_the_zone_of_the_login():
    world = World(time_zone="US/Eastern")
    world.place(order())
    assert world.quote(99, 100)[0].execution.time == "20260105 10:30:01 US/Eastern"


def test_permanent_ids_are_unique_and_grow():
    world = World(clients=(1, 2))
    for n in range(6):
        resting(world, client_id=1 + n % 2)
    perm_ids = [s.perm_id for _, s in world.sent if isinstance(s, OrderStatus)]
    assert sorted(set(perm_ids)) == perm_ids


def test_a_client_sees_its_own_orders_and_the_master_all():
    world = World(clients=(1, 2, 9), master_client_id=9)
    world.place(order(), client_id=1)
    resting(world, client_id=2)
    world.quote(99, 100)
    assert {s.client_id for s in world.of(OrderStatus, 1)} == {1}
    assert {s.client_id for s in world.of(OrderStatus, 2)} == {2}
    assert {s.client_id for s in world.of(OrderStatus, 9)} == {1, 2}
    assert len(world.commissions(1)) == len(world.commissions(9)) == 1
    assert world.commissions(2) == []


def test_open_orders_of_the_client_and_of_all():
    world = World(clients=(1, 2))
    resting(world, client_id=1)
    resting(world, client_id=2)
    own = world.ask(RequestOpenOrders(), 1)
    assert kinds(own) == [OpenOrder, OrderStatus, OpenOrderEnd]
    assert own[0].order.client_id == 1
    everything = world.ask(RequestAllOpenOrders(), 1)
    assert kinds(everything) == [OpenOrder, OrderStatus] * 2 + [OpenOrderEnd]
    assert [a.order.client_id for a in everything[:-1:2]] == [1, 2]


def test_manual_orders_have_no_id_until_client_0_binds_them():
    world = World(clients=(0, 1))
    sent = world.take(world.trading.manual_order(contract(AAA), order(order_type="LMT", limit=90, tif="GTC",
                                                                      account="DU1234567"), world.now_ns))
    assert [a.order_id for a in sent] == [0, 0]
    assert world.ask(RequestAllOpenOrders(), 1)[0].order_id == 0
    assert world.ask(RequestOpenOrders(), 1) == [OpenOrderEnd()]

    bound = world.ask(RequestOpenOrders(), 0)

    assert kinds(bound) == [OrderBound, OpenOrder, OrderStatus, OpenOrderEnd]
    order_id = bound[0].order_id
    assert order_id < 0
    world.cancel(order_id, client_id=1)
    assert world.errors(1) == [(order_id, 10147)]
    world.cancel(order_id, client_id=0)
    assert world.status(order_id, client_id=0).status == "Cancelled"


def test_automatic_binding_is_for_client_0_alone():
    world = World(clients=(0, 1))
    world.ask(RequestAutoOpenOrders(is_bound=True), 1)
    assert world.errors(1) == [(-1, 327)]
    world.ask(RequestAutoOpenOrders(is_bound=True), 0)
    sent = world.take(world.trading.manual_order(contract(AAA), order(order_type="LMT", limit=90, tif="GTC",
                                                                      account="DU1234567"), world.now_ns))
    assert kinds(sent) == [OrderBound, OpenOrder, OrderStatus]


def test_a_global_cancel_ends_everything_of_everybody():
    world = World(clients=(0, 1, 2))
    resting(world, client_id=1)
    world.place(order(order_type="LMT", limit=90, transmit=False), client_id=2)
    world.trading.manual_order(contract(BBB), order(order_type="LMT", limit=90, tif="GTC", account="DU1234567"),
                               world.now_ns)
    world.ask(RequestGlobalCancel(), 2)
    assert world.trading.state().orders == {}
    assert world.errors(1) == [(1, 202)]
    assert world.errors(2) == [(1, 202)]
    assert [s.status for s in world.of(OrderStatus, 0)] == ["Cancelled"]


def test_completed_orders_of_the_day_with_how_they_ended():
    world = World()
    filled, cancelled = world.place(order()), resting(world)
    world.quote(99, 100)
    world.cancel(cancelled)
    answers = world.ask(RequestCompletedOrders(is_api_only=True))
    assert kinds(answers) == [CompletedOrder, CompletedOrder, CompletedOrdersEnd]
    assert [(a.state.status, a.state.completed_status) for a in answers[:2]] == [
        ("Filled", "Filled Size: 100"), ("Cancelled", "Cancelled by Trader")]
    assert [a.order.perm_id for a in answers[:2]] == [world.status(i).perm_id for i in (filled, cancelled)]
    assert answers[0].order.filled_quantity == 100
    world.at(MONDAY + DAY)
    assert world.ask(RequestCompletedOrders(is_api_only=True)) == [CompletedOrdersEnd()]


def test_executions_since_midnight_by_any_filter():
    world = World(clients=(1, 2))
    world.place(order(), client_id=1)
    world.quote(99, 100)
    world.place(order("SELL", 10), BBB, client_id=2)
    world.quote(50, 51, BBB)

    def found(**fields):
        answers = world.ask(RequestExecutions(req_id=5, **fields))
        assert answers[-1] == ExecutionDataEnd(req_id=5)
        assert kinds(answers[:-1]) == [ExecutionData, CommissionReport] * (len(answers) // 2)
        return [(a.execution.client_id, a.contract.symbol, a.execution.side) for a in answers[:-1:2]]

    one, two = (1, "AAA", "BOT"), (2, "BBB", "SLD")
    assert found() == [one, two]
    assert found(client_id=2) == found(symbol="BBB") == found(side="SELL") == [two]
    assert found(time="20260105 15:30:02 UTC") == found(time="20260105-15:30:02") == [two]
    assert found(account="DU1234567", sec_type="STK", exchange="NYSE", side="BUY") == [one]
    assert found(account="DU1") == found(sec_type="FUT") == found(exchange="IBIS") == []
    world.ask(RequestExecutions(req_id=6, time="yesterday"))
    assert world.errors() == [(6, 321)]
    world.at(MONDAY + DAY)
    assert found() == []


def test_who_is_away_misses_what_happens_and_finds_it_later():
    world = World()
    order_id = world.place(order())
    world.trading.disconnected(1, world.now_ns)
    assert world.quote(99, 100) == []
    world.connect(1)
    answers = world.ask(RequestExecutions(req_id=1))
    assert [a.order_id for a in answers[:1]] == [order_id]


def test_a_what_if_order_tells_margin_and_commission_and_places_nothing():
    world = World()
    world.quote(99.99, 100.01)
    before = world.trading.state()
    world.place(order(what_if=True), order_id=3)
    told, = world.of(OpenOrder)
    assert (told.order_id, told.order.what_if) == (3, True)
    state = told.state
    assert (state.init_margin_before, state.init_margin_change) == ("0.00", "5000.00")
    assert state.init_margin_after == "5000.00"
    assert (state.maint_margin_change, state.equity_with_loan_after) == ("2500.00", "999999.00")
    assert (state.commission, state.commission_currency) == (1, "USD")
    assert world.of(OrderStatus) == []
    assert world.trading.state() == before

    world.place(order(what_if=True, transmit=False), order_id=3)
    world.place(order(what_if=True, quantity=0), order_id=3)
    assert world.errors() == [(3, 413), (3, 434)]


def test_margins_as_text_are_numbers_to_every_client():
    world = World()
    world.quote(99.99, 100.01)
    world.place(order(what_if=True))
    told, = world.of(OpenOrder)
    for codec in CODECS:
        again = codec.decode_answer(codec.encode(told)[4:])
        assert Decimal(again.state.init_margin_after) == 5000
