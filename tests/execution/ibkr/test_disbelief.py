"""Executions that cannot be believed, costs, what is others', and the bounds of what is kept."""


import msgspec
import pytest

from algotrade.domain import OrderStatus
from algotrade.execution.ibkr import executions as executions_module
from algotrade.execution.ibkr import foreign as foreign_module
from algotrade.execution.ibkr import orders as orders_module
from algotrade.execution.ibkr.broker import Memory
from algotrade.ibkr.wire import answers as a
from tests.execution.ibkr.world import (
    CONTRACTS,
    SETTINGS,
    START_NS,
    Desk,
    cancel,
    commission,
    execution,
    new,
    open_order,
    position,
    status_of,
    working,
)


@pytest.mark.parametrize(("told", "because"), [
    (execution(100, account="DU7654321"), "account"),
    (execution(100, account="DU7654321", reference="", order_id=0, perm_id=9), "account"),
    (execution(0), "quantity"), (execution(-5), "quantity"), (execution(100, price="1.7976931348623157E308"), "price"),
    (execution(100, exec_id=""), "execution id"), (execution(100, side="SLD"), "side"),
    (execution(100, side=""), "side"), (execution(100, instrument=1), "contract"),
])
def test_an_execution_that_cannot_be_is_set_aside_and_disarms(told, because):
    desk = working()

    assert desk.say(told, told) == []

    assert (desk.quantity(), desk.count("executions_set_aside")) == (0, 1)
    assert because in desk.broker.disarmed_because
    assert because in desk.broker.set_aside[0].because
    assert not desk.broker.may_send(new(2, limit=100))
    assert desk.broker.may_send(cancel(2, 1))


def test_what_is_set_aside_is_bounded_and_counted(monkeypatch):
    desk = working()
    for i in range(executions_module.SET_ASIDE_MAX + 20):
        desk.say(execution(-1, exec_id=f"a.b.{i}.01"))

    assert len(desk.broker.set_aside) == executions_module.SET_ASIDE_MAX
    assert desk.count("executions_set_aside") == executions_module.SET_ASIDE_MAX + 20


def test_a_fill_whose_time_cannot_be_read_is_a_fill_at_the_time_that_we_heard_of_it():
    desk = working()

    [report] = desk.say(execution(100, time="yesterday"))

    assert (report.event_time_ns, desk.quantity(), desk.count("times_unread")) == (START_NS, 100, 1)


def test_a_commission_in_another_currency_is_not_booked_as_ours():
    desk = working()
    desk.say(execution(100), commission("0.9", currency="EUR"), commission(None))

    assert desk.manager.ledger.position(0).commission == 0
    assert desk.count("commissions_other_currency") == 1
    assert desk.say(commission("1", currency="USD"))[0].commission == 1


def test_costs_that_come_first_wait_and_are_bounded(monkeypatch):
    monkeypatch.setattr(executions_module, "PARKED_MAX", 3)
    desk = working()
    desk.say(*(commission("1", exec_id=f"a.b.{i}.01") for i in range(5)))

    first = desk.say(*(execution(10, exec_id=f"a.b.{i}.01") for i in range(5)))

    assert [r.commission for r in first] == [0, 0, 1, 1, 1]


# Account without a setting, others' orders, bounds.


def test_the_account_is_the_one_that_the_broker_names_where_none_is_set():
    desk = Desk(settings=msgspec.structs.replace(SETTINGS, account=""))
    desk.say(a.ManagedAccounts(accounts="DU1234567,"))
    desk.intent(new(1, limit=100))

    desk.say(execution(40), execution(60, exec_id="a.b.c.01", account="DU9"))

    assert (desk.quantity(), len(desk.broker.set_aside)) == (40, 1)


def test_what_is_kept_of_others_is_bounded(monkeypatch):
    monkeypatch.setattr(foreign_module, "ORDERS_KEPT", 5)
    monkeypatch.setattr(foreign_module, "EXECUTIONS_KEPT", 5)
    monkeypatch.setattr(foreign_module, "POSITIONS_KEPT", 5)
    desk = Desk()
    for i in range(1, 20):
        contract = msgspec.structs.replace(CONTRACTS[0], con_id=i)
        desk.say(open_order(reference="", perm_id=i), execution(1, exec_id=f"f.f.{i}.01", reference="", perm_id=i),
                 msgspec.structs.replace(position(i), contract=contract))

    assert [len(desk.broker.foreign_orders), len(desk.broker.account_positions)] == [5, 5]
    assert desk.count("foreign_orders_forgotten") == desk.count("positions_forgotten") == 14
    assert desk.count("foreign_executions") == 19


def test_an_order_id_of_another_client_is_not_ours():
    desk = working()

    desk.say(status_of("Cancelled", client_id=3, perm_id=9),
             execution(10, reference="", client_id=3, perm_id=9))

    assert (desk.status(), desk.quantity(), desk.count("foreign_executions")) == (OrderStatus.NEW, 0, 1)


def test_positions_are_replaced_by_a_snapshot_alone():
    desk = Desk()
    desk.snapshot(position(10), position(20, instrument=1))
    desk.say(position(15))
    assert [p.quantity for p in desk.broker.account_positions] == [15, 20]

    desk.snapshot(position(20, instrument=1))

    assert [(p.instrument, p.quantity) for p in desk.broker.account_positions] == [(1, 20)]


def test_what_is_kept_of_ended_orders_is_bounded(monkeypatch):
    monkeypatch.setattr(orders_module, "ENDED_KEPT", 4)
    desk = Desk()
    for i in range(1, 11):
        desk.intent(new(i, limit=100))
        desk.say(execution(100, exec_id=f"a.b.{i}.01", reference=f"s.r.{i}.0", order_id=i, perm_id=i))

    memory = msgspec.msgpack.decode(desk.broker.state(), type=Memory)
    assert [order.order_id for order in memory.orders] == [7, 8, 9, 10]
    orders = desk.broker._orders
    assert (len(orders._by_reference), len(orders._by_perm), len(orders._by_connection)) == (4, 4, 4)
