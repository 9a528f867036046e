"""Clients that misbehave harm themselves at most; bytes may come in any pieces."""

import random
import socket
import struct

import pytest

from algotrade.gateway import LimitsSet, connection
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire.answers.contracts import ContractDataEnd
from algotrade.ibkr.wire.answers.link import CurrentTime, ErrorMessage, ManagedAccounts, NextValidId
from algotrade.ibkr.wire.answers.market import TickByTick, TickPrice
from algotrade.ibkr.wire.requests import (
    RequestContractData,
    RequestCurrentTime,
    RequestHistoricalData,
    RequestHistoricalTicks,
    RequestMarketData,
    RequestPositions,
    RequestTickByTick,
    StartApi,
)
from tests.gateway.empty_account import ACCOUNT, EmptyAccount
from tests.gateway.raw import EUR, IBM, Raw, greeting
from tests.gateway.world import OPEN_NS, SECOND_NS, connected, ib_insync, market, served


@pytest.fixture
def hosted():
    with served() as found:
        yield found


def is_time(message) -> bool:
    return isinstance(message, CurrentTime)


def test_what_a_client_is_told_unasked_in_this_order(hosted):
    with Raw(hosted.port).start() as client:
        assert [type(m) for m in client.seen[:2]] == [ManagedAccounts, NextValidId]
        assert client.seen[0].accounts == ACCOUNT
        assert [m.code for m in client.seen if isinstance(m, ErrorMessage)] == [2104, 2106, 2158]


@pytest.mark.parametrize(("low", "high", "spoken"), [
    (100, 157, 157), (157, 176, 176), (100, 300, 178), (170, 170, 170)])
def test_the_newest_common_version_is_spoken(hosted, low, high, spoken):
    with Raw(hosted.port) as client:
        client.link.sendall(greeting(low, high, " +PACEAPI"))
        data = client.link.recv(1000)  # in one piece: ibapi waits for ever for a second one
        assert data[4:].split(b"\0")[0] == str(spoken).encode()
        assert struct.unpack(">I", data[:4])[0] == len(data) - 4


@pytest.mark.parametrize(("low", "high"), [(100, 156), (179, 300)])
def test_a_client_without_a_common_version_is_refused(hosted, low, high):
    with Raw(hosted.port) as client:
        client.link.sendall(greeting(low, high))
        assert client.closed()
        assert client.seen == []


@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, b"API\0\xff\xff\xff\xff", b"API\0\0\0\0\x04v157garbage", b"\x16\x03\x01"])
def test_garbage_instead_of_a_greeting_ends_that_socket_alone(hosted, garbage):
    with Raw(hosted.port).start() as well, Raw(hosted.port) as ill:
        ill.link.sendall(garbage)
        assert ill.ended()
        well.ask(RequestCurrentTime())
        well.until(is_time)


@pytest.mark.parametrize("garbage", [
    b"\xff\xff\xff\xff", struct.pack(">I", 0), struct.pack(">I", 5) + b"49\0x\0", struct.pack(">I", 6) + b"9\0abc\0",
    struct.pack(">I", 11) + b"20\0x\0y\0z\0w\0"])
def test_garbage_behind_the_greeting_ends_that_client_alone(hosted, garbage):
    with Raw(hosted.port).start(1) as well, Raw(hosted.port).start(2) as ill:
        ill.link.sendall(garbage)
        assert ill.closed()
        well.ask(RequestCurrentTime())
        well.until(is_time)


def test_a_message_that_is_not_known_is_answered_by_505(hosted):
    with Raw(hosted.port).start() as client:
        client.link.sendall(struct.pack(">I", 5) + b"85\x001\0")
        assert client.error(505)
        client.ask(RequestCurrentTime())
        client.until(is_time)


def test_bytes_may_come_one_by_one(hosted):
    with Raw(hosted.port) as client:
        for byte in greeting():
            client.link.sendall(bytes([byte]))
        asked = b"".join(map(client.codec.encode, (
            StartApi(client_id=5), RequestContractData(req_id=1, contract=IBM), RequestCurrentTime())))
        data = b""
        while b"\0" not in data:
            data += client.link.recv(1)
        for byte in asked:
            client.link.sendall(bytes([byte]))
        while not client.splitter.waiting_bytes and not client.seen:
            data += client.link.recv(1 << 16)
            length = int.from_bytes(data[:4], "big") + 4
            if len(data) > length:
                client.seen += map(client.codec.decode_answer, client.splitter.feed(data[length:]))
        client.until(is_time)
        assert any(isinstance(m, ContractDataEnd) for m in client.seen)


def test_everything_may_come_in_one_piece(hosted):
    with Raw(hosted.port) as client:
        client.link.sendall(greeting() + b"".join(map(client.codec.encode, (
            StartApi(client_id=5), RequestPositions(), RequestContractData(req_id=1, contract=IBM),
            RequestCurrentTime()))))
        first = client.link.recv(1 << 16)
        length = int.from_bytes(first[:4], "big") + 4
        client.seen += map(client.codec.decode_answer, client.splitter.feed(first[length:]))
        client.until(is_time)
        assert any(isinstance(m, ContractDataEnd) for m in client.seen)


def test_nothing_is_answered_before_the_introduction(hosted):
    with Raw(hosted.port) as client:
        client.greet()
        client.ask(RequestCurrentTime())
        assert client.closed()
        assert client.seen == []


def test_a_client_id_in_use_is_refused_by_326(hosted):
    with Raw(hosted.port).start(7) as first:
        with Raw(hosted.port) as second:
            second.greet()
            second.ask(StartApi(client_id=7))
            assert second.closed()
            assert [(m.req_id, m.code) for m in second.seen] == [(-1, 326)]
        first.ask(RequestCurrentTime())
        first.until(is_time)
    with Raw(hosted.port).start(8) as other:
        other.until(lambda m: isinstance(m, NextValidId))


def test_a_client_id_is_free_again_once_its_client_is_gone():
    with served(make_trading=EmptyAccount) as hosted:
        for _ in range(3):
            with Raw(hosted.port).start(7):
                assert hosted.call(lambda g: list(g.trading.clients)) == [7]
            while hosted.call(lambda g: g.trading.clients):
                hosted.advance(0)


def test_as_many_clients_as_ib_takes():
    with served() as hosted:
        clients = [Raw(hosted.port).start(n) for n in range(32)]
        with Raw(hosted.port) as one_more:
            one_more.greet()
            one_more.ask(StartApi(client_id=99))
            assert one_more.closed()
        for client in clients:
            client.link.close()


def test_a_slow_reader_gets_the_latest_quotes_not_all_of_them(monkeypatch):
    """What waits for it stays within a bound; once it reads on, it is told where the market stands."""
    monkeypatch.setattr(connection, "BEHIND_BYTES", 1 << 14)
    monkeypatch.setattr(connection, "CAUGHT_UP_BYTES", 1 << 12)
    waiting = []
    with served(market(seconds=30_000)) as hosted, Raw(hosted.port, receive_buffer=1 << 12).start() as client:
        client.ask(RequestMarketData(req_id=1, contract=IBM))
        while not hosted.call(lambda g: g.held()):
            hosted.advance(0)
        for _ in range(60):
            hosted.advance(500 * SECOND_NS)
            waiting.append(hosted.call(lambda g: max(c.waiting_bytes for c in g._connections)))
        top = hosted.call(lambda g: g._floor.market.tops[0])
        client.until(lambda m: isinstance(m, TickPrice) and m.tick_type == 2 and m.price == top.ask
                     and len([x for x in client.seen if isinstance(x, TickPrice)]) > 100)
        prices = [m for m in client.seen if isinstance(m, TickPrice)]
    assert 1 << 14 < max(waiting) < 1 << 17
    assert len(prices) < 60_000 / 2
    assert len(client.seen) > 100


def test_a_reader_that_never_reads_is_cut_off_before_memory_grows(monkeypatch):
    monkeypatch.setattr(connection, "WAITING_BYTES_MAX", 1 << 20)
    with served(market(seconds=60_000)) as hosted, Raw(hosted.port).start(1) as well, \
            Raw(hosted.port, receive_buffer=1 << 12).start(2) as slow:
        slow.ask(RequestTickByTick(req_id=1, contract=IBM, tick_type="BidAsk"),
                 RequestTickByTick(req_id=2, contract=EUR, tick_type="BidAsk"))
        while hosted.call(lambda g: g.held()) != 2:
            hosted.advance(0)
        hosted.advance(60_000 * SECOND_NS)
        while hosted.call(lambda g: len(g._sessions)) == 2:
            hosted.advance(0)
        well.ask(RequestCurrentTime())
        well.until(is_time)


def test_ticks_reach_several_clients_at_once(hosted):
    with Raw(hosted.port).start(1) as one, Raw(hosted.port).start(2) as two, connected(ib_insync, hosted, 3) as three:
        one.ask(RequestTickByTick(req_id=1, contract=IBM, tick_type="Last"))
        two.ask(RequestTickByTick(req_id=9, contract=IBM, tick_type="BidAsk"))
        ticker = three.ib.reqMktData(three.stock())
        three.run(three.ib.reqCurrentTimeAsync())
        while hosted.call(lambda g: g.held()) != 3:
            hosted.advance(0)
        hosted.advance(SECOND_NS)
        tick = one.until(lambda m: isinstance(m, TickByTick))
        assert (tick.req_id, tick.price, tick.size) == (1, 180.01, 100)
        quote = two.until(lambda m: isinstance(m, TickByTick))
        assert (quote.req_id, quote.bid, quote.ask) == (9, 180.0, 180.02)
        three.until(three.ib.pendingTickersEvent, lambda: ticker.last == 180.01)


def test_what_is_due_reaches_the_broker_before_the_clients():
    with served(make_trading=EmptyAccount) as hosted:
        hosted.advance(3 * SECOND_NS)
        account = hosted.call(lambda g: g.trading)
        assert sum(len(batch) for batch, _ in account.seen) == 6 + 3 + 1  # and SPY's last bar before
        gaps = [b - a for a, b in zip(account.times_ns, account.times_ns[1:], strict=False)]
        assert max(gaps) <= 100_000_000


def test_a_bug_of_ours_ends_the_gateway_with_its_exception():
    class Broken(EmptyAccount):
        def handle(self, client_id, request, now_ns):
            raise ZeroDivisionError

    def asked():
        with served(make_trading=Broken) as hosted, Raw(hosted.port).start() as client:
            client.ask(RequestPositions())
            assert client.closed()

    with pytest.raises(ZeroDivisionError):
        asked()


REQUESTS = [Codec(176).encode(request) for request in (
    RequestContractData(req_id=1, contract=IBM), RequestMarketData(req_id=2, contract=IBM, generic_ticks="233"),
    RequestTickByTick(req_id=3, contract=IBM, tick_type="Last"), RequestPositions(), RequestCurrentTime(),
    RequestHistoricalData(req_id=4, contract=IBM, end="", bar_size="1 min", duration="1 D", use_rth=1,
                          what_to_show="TRADES", format_date=2),
    RequestHistoricalTicks(req_id=5, contract=IBM, start="20131008-13:30:00", end="", count=9, what_to_show="BID_ASK",
                           use_rth=0))]


def test_mutated_requests_harm_nobody_else():
    """Bytes of requests are changed, lost and repeated; whatever becomes of that client, the Gateway goes on."""
    rng = random.Random(7)  # noqa: S311 -- the same mutations on every run
    limits = LimitsSet(messages=10_000)
    with served(start_ns=OPEN_NS + 60 * SECOND_NS, limits=limits) as hosted, Raw(hosted.port).start(99) as well:
        for _ in range(400):
            frame = bytearray(b"".join(rng.choices(REQUESTS, k=3)))
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(frame))
                frame[at : at + rng.randint(0, 2)] = rng.choice([b"", b"\0", b"9", b"-", rng.randbytes(1), b"1e400"])
            with Raw(hosted.port).start(1) as ill:
                ill.link.sendall(frame)
                ill.link.shutdown(socket.SHUT_WR)
                assert ill.ended()
            hosted.advance(SECOND_NS // 10)
        well.ask(RequestCurrentTime())
        well.until(is_time)


def test_limits_can_be_set():
    with served(limits=LimitsSet(clients=1)) as hosted, Raw(hosted.port).start(1), Raw(hosted.port) as second:
        second.greet()
        second.ask(StartApi(client_id=2))
        assert second.closed()
