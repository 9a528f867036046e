"""The states of a session's link, one machine per channel, and which of the broker's codes moves which.

Theory of operation
-------------------
Three things break on their own: the **socket** between us and TWS or the Gateway, the **order link** between the
Gateway and the broker, and the **data farms** that quotes, history and contract data come from. Each has a table below:
state -> event -> state. An event that is not in a state's row changes nothing.

Rules that the tables keep (IB's list of message codes; the threads are public ones):

- A farm that is broken (2103, 2105, 2157) closes nothing: orders go on, cancels too, only its data are stale.
- A farm that is well (2104, 2106, 2158) says nothing about the order link. Only 1101 and 1102 restore that.
- 1101: the broker lost our subscriptions, so everything is asked for again. 1102: it says that it kept them, which is
  believed when ticks arrive.
- 1300, 502, 504, 507 and 509 end the connection. The new port that 1300 names is not gone to: a port is a setting.
- A new socket knows nothing of its farms. Its order link is up once the connection is ready, unless 1100 came before
  (assumed; the four snapshots have to prove it before anything is armed).
"""

from enum import StrEnum
from typing import NamedTuple


class Channel(StrEnum):
    """What can break on its own."""

    SOCKET = "socket"
    ORDERS = "orders"
    FARM = "farm"


class SocketState(StrEnum):
    """Of the connection to TWS or the Gateway."""

    DOWN = "down"
    CONNECTING = "connecting"
    CONNECTED = "connected"


class OrderLinkState(StrEnum):
    """Of the Gateway's link to the broker. UNKNOWN: our own connection is being made."""

    DOWN = "down"
    UNKNOWN = "unknown"
    UP = "up"


class FarmState(StrEnum):
    """Of a data farm. IDLE: it will answer when it is asked."""

    UNKNOWN = "unknown"
    CONNECTING = "connecting"
    OK = "ok"
    IDLE = "idle"
    BROKEN = "broken"


class LinkEvent(StrEnum):
    """What may happen to a channel."""

    OPENING = "opening"
    READY = "ready"
    LOST = "lost"
    RESTORED_WITHOUT_DATA = "restored, subscriptions lost"
    RESTORED_WITH_DATA = "restored, subscriptions kept"
    FARM_OK = "farm ok"
    FARM_IDLE = "farm idle"
    FARM_BROKEN = "farm broken"
    FARM_CONNECTING = "farm connecting"


S, L, F, E = SocketState, OrderLinkState, FarmState, LinkEvent

SOCKET_TABLE: dict[SocketState, dict[LinkEvent, SocketState]] = {
    S.DOWN: {E.OPENING: S.CONNECTING},
    S.CONNECTING: {E.READY: S.CONNECTED, E.LOST: S.DOWN},
    S.CONNECTED: {E.LOST: S.DOWN},
}
"""state -> event -> next state."""

_RESTORED = {E.RESTORED_WITHOUT_DATA: L.UP, E.RESTORED_WITH_DATA: L.UP}

ORDER_LINK_TABLE: dict[OrderLinkState, dict[LinkEvent, OrderLinkState]] = {
    L.DOWN: {E.OPENING: L.UNKNOWN, **_RESTORED},
    L.UNKNOWN: {E.READY: L.UP, E.LOST: L.DOWN, **_RESTORED},
    # Restored without a loss before it is news too: subscriptions may be gone all the same.
    L.UP: {E.LOST: L.DOWN, **_RESTORED},
}
"""state -> event -> next state."""

_FARM_EVENTS = {
    E.FARM_OK: F.OK, E.FARM_IDLE: F.IDLE, E.FARM_BROKEN: F.BROKEN, E.FARM_CONNECTING: F.CONNECTING,
    E.LOST: F.UNKNOWN,
}
FARM_TABLE: dict[FarmState, dict[LinkEvent, FarmState]] = dict.fromkeys(FarmState, _FARM_EVENTS)
"""state -> event -> next state: what a farm was before does not matter."""

ORDER_LINK_CODES: dict[int, LinkEvent] = {
    1100: E.LOST,
    2110: E.LOST,
    1101: E.RESTORED_WITHOUT_DATA,
    1102: E.RESTORED_WITH_DATA,
}
"""Code -> what it does to the order link."""

SOCKET_CODES: dict[int, LinkEvent] = dict.fromkeys((502, 503, 504, 507, 509, 1300), E.LOST)
"""Code -> what it does to the socket: the connection is given up, and the same address tried again."""

FARM_CODES: dict[int, tuple[LinkEvent, str]] = {
    2103: (E.FARM_BROKEN, "market data"), 2105: (E.FARM_BROKEN, "historical"), 2157: (E.FARM_BROKEN, "definitions"),
    2104: (E.FARM_OK, "market data"), 2106: (E.FARM_OK, "historical"), 2158: (E.FARM_OK, "definitions"),
    2107: (E.FARM_IDLE, "historical"), 2108: (E.FARM_IDLE, "market data"), 2119: (E.FARM_CONNECTING, "market data"),
}
"""Code -> what it does to a farm, and which sort of farm it is about."""


class Change(NamedTuple):
    """A channel's state after an event, told also where it is as before: 1101 is news on a link that is up."""

    channel: Channel
    name: str
    state: str
    event: LinkEvent


FARMS_MAX = 100
"""Farms that are told apart; the broker has some twenty. Another then counts as its sort."""
FARMS_NAME_MAX = 40
"""Characters of a farm's name that are kept; the broker's are short."""


class LinkStates:
    """The channels of one session."""

    def __init__(self) -> None:
        self.socket = SocketState.DOWN
        self.orders = OrderLinkState.DOWN
        self.farms: dict[str, FarmState] = {}

    def socket_event(self, event: LinkEvent) -> list[Change]:
        """Follow what happened to the socket; its loss takes the order link and the farms with it."""
        following = SOCKET_TABLE[self.socket].get(event)
        if following is None:
            return []
        self.socket = following
        changes = [Change(Channel.SOCKET, "", following, event), *self._orders_event(event)]
        if event is E.LOST:
            changes += [self._farm_event(name, event) for name in self.farms]
            self.farms = {}
        return changes

    def code(self, code: int, text: str) -> list[Change]:
        """Follow what the broker told by ``code``; empty for a code that is about something else.

        Those of ``SOCKET_CODES`` are not followed here: the connection has to be closed first.
        """
        assert self.socket is not SocketState.DOWN, "a code from a connection that has ended"
        event = ORDER_LINK_CODES.get(code)
        if event is not None:
            return self._orders_event(event)
        if code in FARM_CODES:
            farm_event, sort = FARM_CODES[code]
            name = farm_name(text, sort)
            is_known = name in self.farms or len(self.farms) < FARMS_MAX
            return [self._farm_event(name if is_known else sort, farm_event)]
        return []

    def _orders_event(self, event: LinkEvent) -> list[Change]:
        following = ORDER_LINK_TABLE[self.orders].get(event)
        if following is None:
            return []
        self.orders = following
        return [Change(Channel.ORDERS, "", following, event)]

    def _farm_event(self, name: str, event: LinkEvent) -> Change:
        following = FARM_TABLE[self.farms.get(name, FarmState.UNKNOWN)][event]
        if event is not E.LOST:
            self.farms[name] = following
        return Change(Channel.FARM, name, following, event)


def farm_name(text: str, sort: str) -> str:
    """Return the farm that a notice is about: what stands behind its last colon (observed), or ``sort``."""
    _, colon, name = text.rpartition(":")
    name = name.strip()
    return name[:FARMS_NAME_MAX] if colon and name and " " not in name else sort
