"""The session against the simulated Gateway, which enforces what IB enforces."""

from decimal import Decimal

import pytest

from algotrade.domain import SystemClock
from algotrade.gateway import Gateway, Hosted
from algotrade.ibkr.session import ClientIdInUse, IbkrSettings, Session, Told, Written
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract, Order
from tests.gateway.world import INSTRUMENTS
from tests.ibkr.session.test_socket import armed, first_failure, of, wait_until

IBM = Contract(symbol="IBM", sec_type="STK", exchange="SMART", currency="USD")


@pytest.fixture(params=["ib_insync", "ib_async"])
def library(request):
    return request.param


@pytest.fixture
def hosted():
    """Serve a market without records, at the host's own time."""
    with Hosted(lambda: Gateway(INSTRUMENTS, [])) as hosted:
        yield hosted


@pytest.fixture
def connect(hosted, library):
    made = []

    def make(**settings):
        session = Session(IbkrSettings(port=hosted.port, client=library, region="none", **settings), SystemClock())
        made.append(session)
        session.start()
        return session

    yield make
    for session in made:
        session.close()


def resting(session, price="1.00"):
    return r.PlaceOrder(order_id=session.next_order_id(), contract=IBM, order=Order(
        action="BUY", total_quantity=Decimal(100), order_type="LMT", lmt_price=Decimal(price), tif="GTC",
        account=session.account, order_ref=f"test/{price}"))


def told(events, kind):
    return [event.answer for event in of(events, Told) if isinstance(event.answer, kind)]


def test_arms_places_and_cancels(connect):
    session = connect()
    events = armed(session)
    order = resting(session)
    session.request(order)
    events = wait_until(session, lambda events: told(events, a.OpenOrder))
    assert told(events, a.OpenOrder)[0].order.order_ref == "test/1.00"
    session.request(r.CancelOrder(order_id=order.order_id))
    wait_until(session, lambda events: "Cancelled" in {status.status for status in told(events, a.OrderStatus)})


def test_warm_restart_with_working_order(connect):
    """A second session of the same client id finds the order among its snapshots, and ids go on above it."""
    first = connect()
    armed(first)
    order = resting(first)
    first.request(order)
    wait_until(first, lambda events: told(events, a.OpenOrder))
    first.close()
    second = connect()
    armed(second)
    (found,) = second.snapshot.facts.open_orders
    assert (found.order_id, found.order.order_ref) == (order.order_id, "test/1.00")
    assert second.next_order_id() > order.order_id


def test_dup_client_id_326(connect):
    armed(connect(client_id=3))
    assert isinstance(first_failure(connect(client_id=3)), ClientIdInUse)


def test_a_burst_of_150_requests_is_never_too_fast_for_the_gateway(connect):
    session = connect()
    armed(session)
    session.request(resting(session))  # the first one takes the Gateway longer
    wait_until(session, lambda events: told(events, a.OpenOrder))
    for _ in range(14):
        session.request(resting(session))
    for _ in range(120):
        session.request(r.RequestManagedAccounts())
    for number in range(15):
        session.request(r.CancelOrder(order_id=number + 1))
    events = wait_until(session, lambda events: len(told(events, a.ManagedAccounts)) == 120)
    assert not [error for error in told(events, a.ErrorMessage) if error.code == 100]
    assert session.links[0] == "connected"
    assert len([e for e in of(events, Written) if isinstance(e.request, r.CancelOrder)]) == 15
