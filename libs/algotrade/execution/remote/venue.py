"""The broker's side: a venue that one session at a time may use per client id, over a socket.

What it holds it holds in memory: it is here to be refused by, and to outlive order planes. A venue that begins anew
takes the account as its first client knows it.
"""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from algotrade.domain import LAYOUTS, Kind, MarketBatch
from algotrade.domain.session import NEVER_NS
from algotrade.execution.broker import BrokerError, BrokerEvent
from algotrade.execution.heard import Heard
from algotrade.execution.remote.wire import (
    CLIENT_ID_IN_USE,
    MOMENT_GONE,
    Answer,
    Hello,
    Market,
    Refused,
    Reply,
    Request,
    StateIs,
    StateWanted,
    Told,
    Welcome,
    receive_request,
    send,
)
from algotrade.execution.simulated import SimulatedBroker

TOLD_KEPT = 1 << 17
"""Events remembered for a client that comes back; more than any plane is behind its snapshot."""


class RemoteVenue:
    """Takes sessions on ``listener`` until ``close``; every session talks to the one ``broker``.

    ``witness``  is told of every command that the broker takes, by (client id, command), before it has an effect
    """

    def __init__(self, broker: SimulatedBroker, listener: socket.socket,
                 witness: Callable[[int, Heard], None] = lambda _client_id, _command: None) -> None:
        self._broker = broker
        self._listener = listener
        self._witness = witness
        self._lock = threading.Lock()
        self._sessions: dict[int, socket.socket] = {}
        self._told: deque[Told] = deque(maxlen=TOLD_KEPT)
        self._forgotten: tuple[int, int] = (0, 0)
        """The moment of the newest event that is no longer remembered."""

    def serve(self) -> None:
        """Take sessions, each in a thread of its own; returns once the listener is closed."""
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._session, args=(link,), name="session", daemon=True).start()

    def close(self) -> None:
        """Take no more sessions, and end those that there are."""
        # Wakes `accept`, which closing alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self._sessions.values()):
            with contextlib.suppress(OSError):  # its client has just left
                link.shutdown(socket.SHUT_RDWR)

    def _session(self, link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_lost_hosts(link)
        client_id: int | None = None
        try:
            hello = receive_request(link)
            if not isinstance(hello, Hello):
                return
            welcome = self._open(hello, link)
            if isinstance(welcome, Welcome):
                client_id = hello.client_id  # from here on it is given back, whatever happens
            send(link, welcome)
            if client_id is None:
                return
            while (request := receive_request(link)) is not None:
                with self._lock:
                    answer = self._handle(client_id, request)
                send(link, answer)
        except (OSError, BrokerError):
            pass  # The client is gone, or talks nonsense: its session ends, the venue goes on.
        finally:
            if client_id is not None:
                self._sessions.pop(client_id)
            link.close()

    def _open(self, hello: Hello, link: socket.socket) -> Welcome | Refused:
        with self._lock:
            if hello.client_id in self._sessions:
                return Refused(code=CLIENT_ID_IN_USE, text=f"client id {hello.client_id} is in use")
            if (self._broker.commands, self._sequence) == (0, 0):
                self._broker.restore(hello.state)
                self._forgotten = (hello.commands, hello.sequence)
            here = (self._broker.commands, self._sequence)
            if hello.commands > here[0] or hello.sequence > here[1]:
                return Refused(code=MOMENT_GONE, text=(
                    f"the client knows of command {hello.commands}, record {hello.sequence}; the venue has only come "
                    f"to command {here[0]}, record {here[1]}"))
            if hello.commands < self._forgotten[0] or hello.sequence < self._forgotten[1]:
                return Refused(code=MOMENT_GONE, text=(
                    f"what was told after command {hello.commands}, record {hello.sequence} is no longer remembered"))
            self._sessions[hello.client_id] = link
            return Welcome(commands=here[0], sequence=here[1], told=[
                told for told in self._told if told.commands > hello.commands or told.sequence > hello.sequence])

    @property
    def _sequence(self) -> int:
        return int(self._broker.counters["last_sequence"][0])

    def _handle(self, client_id: int, request: Request) -> Reply:
        match request:
            case Heard():
                self._witness(client_id, request)
                self._broker.hear(request)
                return self._answer(self._tell())
            case Market():
                return self._answer(self._pass(request))
            case StateWanted():
                return StateIs(state=self._broker.state())
            case Hello():
                raise BrokerError("a second hello in one session")

    def _pass(self, market: Market) -> list[BrokerEvent]:
        batch = MarketBatch.of({
            kind: np.frombuffer(data, dtype=LAYOUTS[kind])
            for kind, data in ((Kind.QUOTE, market.quotes), (Kind.TRADE, market.trades), (Kind.BAR, market.bars))})
        at = np.zeros(len(Kind), dtype=np.int64)
        events: list[BrokerEvent] = []
        while self._broker.advance(batch, at, NEVER_NS):
            events += self._tell()
        return events

    def _tell(self) -> list[BrokerEvent]:
        events = self._broker.events()
        for event in events:
            if len(self._told) == TOLD_KEPT:
                self._forgotten = (self._told[0].commands, self._told[0].sequence)
            self._told.append(Told(self._broker.commands, self._sequence, event))
        return events

    def _answer(self, events: list[BrokerEvent]) -> Answer:
        return Answer(events=events, working_orders=self._broker.working_orders)


def _notice_lost_hosts(link: socket.socket) -> None:
    """Let the kernel end a session whose host is gone without a word; a process that is only frozen keeps it."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; elsewhere the system's own, longer times
        for option, value in ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 4)):
            link.setsockopt(socket.IPPROTO_TCP, option, value)
