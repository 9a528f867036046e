"""Every documented code of the link, and what it does to which channel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.session.link import (
    FARM_CODES,
    FARM_TABLE,
    ORDER_LINK_CODES,
    ORDER_LINK_TABLE,
    SOCKET_CODES,
    SOCKET_TABLE,
    Channel,
    FarmState,
    LinkEvent,
    LinkStates,
    OrderLinkState,
    SocketState,
    farm_name,
)


def ready():
    links = LinkStates()
    links.socket_event(LinkEvent.OPENING)
    links.socket_event(LinkEvent.READY)
    return links


def test_every_state_stands_in_its_table():
    assert set(SOCKET_TABLE) == set(SocketState)
    assert set(ORDER_LINK_TABLE) == set(OrderLinkState)
    assert set(FARM_TABLE) == set(FarmState)


@pytest.mark.parametrize(("code", "text", "farm", "state"), [
    (2103, "Market data farm connection is broken:usfarm", "usfarm", "broken"),
    (2105, "HMDS data farm connection is broken:ushmds", "ushmds", "broken"),
    (2157, "Sec-def data farm connection is broken:secdefil", "secdefil", "broken"),
    (2104, "Market data farm connection is OK:usfarm.nj", "usfarm.nj", "ok"),
    (2106, "HMDS data farm connection is OK:euhmds", "euhmds", "ok"),
    (2158, "Sec-def data farm connection is OK:secdefhk", "secdefhk", "ok"),
    (2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds", "historical", "idle"),
    (2108, "Market data farm connection is inactive but should be available upon demand.eufarm", "market data", "idle"),
    (2119, "Market data farm is connecting:usfarm", "usfarm", "connecting"),
])
def test_farm_codes_move_one_farm_and_nothing_else(code, text, farm, state):
    links = ready()
    (change,) = links.code(code, text)
    assert (change.channel, change.name, change.state) == (Channel.FARM, farm, state)
    assert links.farms == {farm: FarmState(state)}
    assert (links.socket, links.orders) == (SocketState.CONNECTED, OrderLinkState.UP)


@pytest.mark.parametrize("code", sorted(FARM_CODES))
def test_farm_ok_without_1102_restores_no_order_link(code):
    links = ready()
    links.code(1100, "")
    links.code(code, "farm:usfarm")
    assert links.orders is OrderLinkState.DOWN


@pytest.mark.parametrize(("code", "state"), [(1100, "down"), (2110, "down"), (1101, "up"), (1102, "up")])
def test_order_link_codes(code, state):
    assert code in ORDER_LINK_CODES
    for links in (ready(), ready()):
        (change,) = links.code(code, "")
        assert (change.channel, change.state) == (Channel.ORDERS, state)
        assert links.socket is SocketState.CONNECTED


@pytest.mark.parametrize("code", [1300, 502, 503, 504, 507, 509])
def test_socket_codes_end_the_connection(code):
    assert code in SOCKET_CODES


def test_1100_before_the_connection_is_ready_is_not_forgotten():
    links = LinkStates()
    links.socket_event(LinkEvent.OPENING)
    links.code(1100, "")
    links.socket_event(LinkEvent.READY)
    assert links.socket is SocketState.CONNECTED
    assert links.orders is OrderLinkState.DOWN
    links.code(1102, "")
    assert links.orders is OrderLinkState.UP


def test_a_lost_socket_takes_order_link_and_farms_with_it():
    links = ready()
    links.code(2104, "OK:usfarm")
    changes = links.socket_event(LinkEvent.LOST)
    assert [(c.channel, c.state) for c in changes] == [
        (Channel.SOCKET, "down"), (Channel.ORDERS, "down"), (Channel.FARM, "unknown")]
    assert links.farms == {}


@given(st.lists(st.one_of(
    st.sampled_from([LinkEvent.OPENING, LinkEvent.READY, LinkEvent.LOST]),
    st.sampled_from([*FARM_CODES, *ORDER_LINK_CODES, *SOCKET_CODES, 202, 399, 10197]))))
def test_whatever_comes_the_order_link_is_up_only_on_a_connection(events):
    links = LinkStates()
    for event in events:
        if isinstance(event, LinkEvent):
            links.socket_event(event)
        elif links.socket is not SocketState.DOWN:
            links.code(event, "x:farm")
        if links.socket is SocketState.DOWN:
            assert links.orders is OrderLinkState.DOWN
            assert not links.farms


@given(st.text())
def test_any_text_names_a_farm_of_bounded_length(text):
    name = farm_name(text, "market data")
    assert 0 < len(name) <= 40
    assert " " not in name or name == "market data"
