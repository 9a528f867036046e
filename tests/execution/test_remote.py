"""A session with the broker in a process of its own: who is refused, what is taken in again, and what nonsense does."""

import socket
import struct
import threading
from decimal import Decimal

import numpy as np
import pytest

from algotrade.domain import QUOTE, Kind, MarketBatch, SimulatedClock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution import BrokerError, SimulatedBroker
from algotrade.execution.remote.broker import RemoteBroker
from algotrade.execution.remote.venue import RemoteVenue
from algotrade.matching import CommissionModel, VenueModel
from algotrade.risk.marks import no_marks
from tests.execution.world import INSTRUMENTS, LIMITS, World, new

SECOND = NANOSECONDS_PER_SECOND


def simulated():
    return SimulatedBroker(INSTRUMENTS, VenueModel(), CommissionModel(), {}, no_marks(len(INSTRUMENTS)),
                           LIMITS.working_orders_max)


@pytest.fixture
def venue():
    served = RemoteVenue(simulated(), socket.create_server(("127.0.0.1", 0)))
    thread = threading.Thread(target=served.serve)
    thread.start()
    yield served
    served.close()
    thread.join()


@pytest.fixture
def clients(venue):
    made = []

    def client(client_id=1, address=None):
        made.append(RemoteBroker(simulated(), address or venue._listener.getsockname(), client_id, SimulatedClock()))
        return made[-1]

    yield client
    for one in made:
        one.close()


def quotes(times, bid=99, ask=101):
    """Return quotes in dollars, one at each time, which is its number too."""
    rows = [(at, at, at, 0, 0, bid, ask, np.nan, np.nan) for at in times]
    return MarketBatch.of({Kind.QUOTE: np.array(rows, dtype=QUOTE)})


def show(broker, batch):
    """Let ``batch`` pass; return what the broker tells of it."""
    at, told = np.zeros(len(Kind), dtype=np.int64), []
    while broker.advance(batch, at, 2**62):
        told += broker.events()
    return told + broker.events()


def order(world, sequence, quantity):
    """Return the command that places an order which the gate has approved."""
    return world.manager.on_intent(new(sequence, quantity), sequence).command


def test_a_second_session_of_a_client_id_is_refused_until_the_first_is_gone(clients):
    first, second = clients(), clients()
    assert first.arm()
    assert first.arm()
    assert not second.arm()
    assert second.disarmed_because == "client id 1 is in use"
    assert clients(client_id=2).arm()

    first.close()
    while not second.arm():
        second._clock.advance_to(second._clock.time_ns() + SECOND)
    assert second.disarmed_because == ""


def test_a_refused_client_asks_again_only_after_a_second(clients):
    first, second = clients(), clients()
    assert first.arm()
    assert not second.arm()
    first.close()

    assert not second.arm()
    second._clock.advance_to(SECOND - 1)
    assert not second.arm()


def test_nobody_there_is_no_error_but_a_reason(clients):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    alone = clients(address=address)

    assert not alone.arm()
    assert "broker unreachable" in alone.disarmed_because
    assert not alone.settled


def test_what_was_told_after_a_snapshot_is_told_again_and_nothing_is_asked_twice(clients, venue):
    world, market = World(), quotes([1, 2, 3])
    show(world.broker, market)
    first = clients()
    assert first.arm()
    told = show(first, market)
    snapshot = first.state()
    commands = [order(world, 4, 100), order(world, 5, 200)]
    for command in commands:
        first.send(command)
        told += first.events()
    after = quotes([6, 7])
    told += show(first, after)
    assert [event.exec_type.name for event in told] == ["NEW", "NEW", "TRADE", "TRADE"]
    first.close()

    again = clients()
    again.restore(snapshot)
    while not again.arm():
        again._clock.advance_to(again._clock.time_ns() + SECOND)
    assert not again.settled
    repeated = []
    for command in commands:
        again.send(command)
        repeated += again.events()
    repeated += show(again, after)
    assert repeated == told
    assert again.settled
    assert venue._broker.commands == 2


def test_a_client_that_knows_more_than_the_venue_is_refused(clients):
    ahead, market = clients(), quotes([1, 2])
    other = clients(client_id=2)
    assert other.arm()
    show(other, quotes([1]))
    show(ahead, market)

    with pytest.raises(BrokerError, match="command 0, record 2; the venue has only come to command 0, record 1"):
        ahead.arm()


@pytest.mark.parametrize("data", [
    b"", b"\x00", struct.pack(">I", 3) + b"abc", struct.pack(">I", 2**32 - 1), struct.pack(">I", 1) + b"\x80",
    struct.pack(">I", 12) + b"\x81\xa4type\xa5hello"], ids=["nothing", "half", "text", "huge", "map", "hello"])
def test_nonsense_ends_its_session_and_nothing_else(data, clients, venue):
    with socket.create_connection(venue._listener.getsockname()) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        assert link.recv(1) == b""

    assert clients().arm()


def test_a_session_that_breaks_is_an_error_of_the_world(clients, venue):
    client = clients()
    assert client.arm()
    for link in list(venue._sessions.values()):
        link.shutdown(socket.SHUT_RDWR)

    with pytest.raises(BrokerError):
        show(client, quotes([1]))


def test_fills_are_those_of_the_broker_inside_the_order_plane(clients):
    events = {}
    remote = clients()
    assert remote.arm()
    for where in ("inside", "outside"):
        world = World()
        told = show(world.broker, quotes(range(1, 4)))
        broker = world.broker if where == "inside" else remote
        if broker is remote:
            told = show(remote, quotes(range(1, 4)))
        for sequence in range(4, 9):
            broker.send(order(world, sequence, 100 * sequence))
            told += broker.events()
        events[where] = told + show(broker, quotes(range(10, 30)))
    assert events["inside"] == events["outside"]
    assert sum(event.quantity for event in events["inside"]) == Decimal(3_000)


def test_a_client_that_dies_before_it_is_welcome_leaves_its_id_free(clients, venue, monkeypatch):
    def broken(_link, _message):
        raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr("algotrade.execution.remote.venue.send", broken)
        assert not clients().arm()

    again = clients()
    while not again.arm():
        assert "in use" not in again.disarmed_because
        again._clock.advance_to(again._clock.time_ns() + SECOND)
