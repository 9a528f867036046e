"""Sockets that die, stall, or cut and join what they carry."""

import pytest

from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.gateway.faults.world import IBM_QUOTES, IBM_TICKS, limit_order, seen, world
from tests.gateway.raw import Raw


@pytest.fixture
def one():
    with world() as found:
        yield found


def test_a_half_open_socket_carries_nothing_and_is_reset_later_and_its_id_is_in_use_meanwhile(one):
    with one.client(1) as dead, one.client(2) as well:
        dead.ask(IBM_QUOTES)
        well.ask(IBM_QUOTES)
        one.advance(1)
        before = len(seen(well, a.TickPrice))
        assert seen(dead, a.TickPrice)
        one.set_off("half_open", seconds=60, client_id=1)
        dead.ask(limit_order(1))
        one.advance(30)
        assert len(seen(well, a.TickPrice)) > before
        with Raw(one.hosted.port) as second:
            second.greet()
            second.ask(r.StartApi(client_id=1))
            assert second.error(326)
        one.advance(31)
        with pytest.raises(ConnectionResetError):
            dead.link.recv(1 << 16)  # and nothing came before
        well.ask(r.RequestAllOpenOrders())
        well.until(lambda m: isinstance(m, a.OpenOrderEnd))
        assert [m for m in well.seen if isinstance(m, a.OpenOrder)] == []
    with one.client(1):
        pass


def test_a_reset_ends_one_socket_or_all(one):
    with one.client(1) as first, one.client(2) as second:
        one.set_off("reset", client_id=2)
        with pytest.raises(ConnectionResetError):
            second.until(lambda m: False)
        seen(first, a.CurrentTime)
        one.set_off("reset")
        with pytest.raises(ConnectionResetError):
            first.until(lambda m: False)


def test_a_gateway_that_reads_slowly_answers_later_and_loses_nothing(one):
    with one.client() as client:
        one.set_off("slow_reader", seconds=10)
        client.ask(*(r.RequestMarketRule(market_rule_id=2001) for _ in range(20)), IBM_TICKS)
        one.advance(9)
        assert one.hosted.call(lambda gateway: gateway.held()) == 0
        one.advance(2)
        client.until_count(a.MarketRule, 20)
        one.advance(2)
        client.until_count(a.TickByTick, 1)


@pytest.mark.parametrize("size_bytes", [1, 7])
def test_what_is_sent_in_pieces_says_the_same(one, size_bytes):
    with one.client(1) as whole, one.client(2) as pieces:
        one.set_off("split", seconds=10, size_bytes=size_bytes, client_id=2)
        for client in (whole, pieces):
            client.ask(IBM_QUOTES, r.RequestMarketRule(market_rule_id=2001))
        one.advance(8)
        told = a.TickPrice | a.TickSize | a.MarketRule
        assert seen(whole, told) == seen(pieces, told) != []
        one.advance(5)
        assert one.hosted.call(lambda gateway: [c._piece_bytes for _, c in gateway.connections()]) == [None, None]


def test_what_is_collected_comes_in_one_piece_and_says_the_same(one):
    with one.client() as client:
        client.ask(IBM_TICKS)
        seen(client, a.CurrentTime)
        one.set_off("coalesced", seconds=60, milliseconds=2_000)
        for _ in range(5):
            one.advance(1)
        data = client.link.recv(1 << 20)
        told = [client.codec.decode_answer(p) for p in client.splitter.feed(data)]
        assert len([m for m in told if isinstance(m, a.TickByTick)]) == 5
        one.advance(60)
        assert len(seen(client, a.TickByTick)) == 60
