"""The link to the broker is lost, farms break, the Gateway restarts: what clients hear, and what holds afterwards."""

import pytest

from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.gateway.faults.world import (
    IBM_QUOTES,
    IBM_TICKS,
    codes,
    executions,
    limit_order,
    market_order,
    placed,
    seen,
    statuses,
    world,
)
from tests.gateway.raw import IBM


@pytest.fixture
def one():
    with world() as found:
        yield found


def ticks(client):
    return len(seen(client, a.TickByTick))


def test_a_notice_is_told_to_every_client_and_changes_nothing(one):
    with one.client(1) as first, one.client(2) as second:
        first.ask(IBM_TICKS)
        one.set_off("notice", code=2110)
        one.set_off("notice", code=2100, text="own words")
        one.advance(2)
        assert codes(first) == codes(second) == [2110, 2100]
        assert [m.message for m in seen(first, a.ErrorMessage) if m.code == 2100] == ["own words"]
        assert ticks(first) > 0


@pytest.mark.parametrize(("loses_data", "code", "goes_on"), [(False, 1102, True), (True, 1101, False)])
def test_a_lost_link_stops_the_market_and_1101_the_subscriptions_too(one, loses_data, code, goes_on):
    with one.client() as client:
        client.ask(IBM_TICKS)
        one.advance(2)
        before = ticks(client)
        one.set_off("link_lost", seconds=20, loses_data=loses_data)
        one.advance(19)
        assert (codes(client), ticks(client)) == ([1100], before)
        one.advance(2)
        assert codes(client) == [1100, code]
        one.advance(5)
        assert (ticks(client) > before) is goes_on
        if loses_data:
            client.ask(IBM_QUOTES)  # ticks of the same contract are refused within 15 s
            one.advance(5)
            assert seen(client, a.TickPrice)


def test_an_order_waits_for_the_link_and_what_happened_meanwhile_is_only_told_when_asked(one):
    with one.client() as client:
        client.ask(limit_order(1, "180.02"))
        assert statuses(client)[-1] in {"PreSubmitted", "Submitted"}
        told = len(seen(client, a.OrderStatus))
        one.set_off("link_lost", seconds=20)
        placed(client, market_order(2))
        one.advance(15)
        assert (executions(client), len(seen(client, a.OrderStatus))) == ([], told)
        one.advance(6)
        one.advance(1)
        assert [shares for _, shares in executions(client)] == [100]  # of the order that waited; the other's is lost
        client.ask(r.RequestExecutions(req_id=9))
        client.until(lambda m: isinstance(m, a.ExecutionDataEnd))
        answered = [m for m in client.seen if isinstance(m, a.ExecutionData) and m.req_id == 9]
        assert sorted(m.order_id for m in answered) == [1, 2]


def test_two_overlapping_outages_end_with_the_later_one(one):
    with one.client() as client:
        client.ask(IBM_TICKS)
        one.set_off("link_lost", seconds=10)
        one.advance(5)
        one.set_off("link_lost", seconds=10)
        one.advance(7)
        assert (codes(client), ticks(client)) == ([1100, 1100, 1102], 0)
        one.advance(5)
        assert (codes(client)[-1], ticks(client) > 0) == (1102, True)


@pytest.mark.parametrize(("code", "ok", "stops"), [(2103, 2104, True), (2105, 2106, False), (2157, 2158, False)])
def test_a_broken_farm_says_so_and_only_the_one_of_market_data_stops_them(one, code, ok, stops):
    with one.client() as client:
        client.ask(IBM_TICKS)
        one.set_off("farm_broken", seconds=10, code=code, farm="usfarm.nj")
        one.advance(5)
        assert (ticks(client) == 0) is stops
        assert client.error(code).message.endswith(":usfarm.nj")
        one.advance(6)
        assert [m.message for m in seen(client, a.ErrorMessage) if m.code == ok][-1].endswith(":usfarm.nj")
        one.advance(2)
        assert ticks(client) > 0
        client.ask(limit_order(1))  # the order link is another one
        assert statuses(client)


def test_a_moved_port_says_1300_and_closes_every_socket(one):
    with one.client(1) as first, one.client(2) as second:
        one.set_off("port_moved")
        for client in (first, second):
            assert client.closed()
            assert [m.code for m in client.seen if isinstance(m, a.ErrorMessage)][-1] == 1300
    assert one.is_open


def test_a_competing_session_is_told_on_each_subscription_and_ends(one):
    with one.client() as client:
        client.ask(r.RequestMarketData(req_id=7, contract=IBM))
        one.advance(1)
        before = len(seen(client, a.TickPrice))
        assert before
        one.set_off("competing_session", seconds=30)
        one.advance(20)
        assert [m.req_id for m in seen(client, a.ErrorMessage) if m.code == 10197] == [7]
        assert len(seen(client, a.TickPrice)) == before
        one.advance(15)
        assert len(seen(client, a.TickPrice)) > before


@pytest.mark.parametrize("rolls_back_ids", [False, True])
def test_a_restart_takes_nobody_for_a_while_keeps_orders_and_may_roll_back_ids(one, rolls_back_ids):
    with one.client() as client:
        client.ask(limit_order(1), limit_order(5), r.CancelOrder(order_id=5))
        assert statuses(client, 5)[-1] == "Cancelled"
        one.set_off("restart", seconds=60, rolls_back_ids=rolls_back_ids)
        assert client.closed()
    assert not one.is_open
    one.advance(59)
    assert not one.is_open
    one.advance(2)
    with one.client() as client:
        client.ask(r.RequestOpenOrders())
        client.until(lambda m: isinstance(m, a.OpenOrderEnd))
        assert [m.order_id for m in client.seen if isinstance(m, a.OpenOrder)] == [1]
        next_id = next(m.order_id for m in client.seen if isinstance(m, a.NextValidId))
        assert next_id == (2 if rolls_back_ids else 6)
        placed(client, market_order(next_id))
        one.advance(2)
        assert [shares for _, shares in executions(client)] == [100]


def test_after_a_login_by_hand_clients_are_taken_again(one):
    with one.client() as client:
        one.set_off("relogin", seconds=3600)
        assert client.closed()
    one.advance(3599)
    assert not one.is_open
    one.advance(2)
    with one.client() as client:
        assert codes(client) == []
