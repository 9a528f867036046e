"""The order plane's side of a broker in another process."""

import socket
from collections import deque

import numpy as np
import numpy.typing as npt

from algotrade.domain import Clock, Kind, MarketBatch, Records
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution.broker import BrokerError, BrokerEvent, Command
from algotrade.execution.heard import heard
from algotrade.execution.remote.wire import (
    CLIENT_ID_IN_USE,
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
    receive_reply,
    send,
)
from algotrade.execution.simulated import BrokerState, SimulatedBroker

ANSWER_S_MAX = 10.0
TRY_AGAIN_NS = NANOSECONDS_PER_SECOND
"""Between two attempts to open the session."""


class RemoteBroker:
    """The simulated broker over a socket; see ``SimulatedBroker`` for the methods.

    Until it is armed there is no session, and ``inner`` stands in for the broker: so a standby follows what its leader
    does. Once armed, what counts is what the broker tells. It has perhaps come further than we know of: then what it
    told since our moment is taken in at the moments at which it was told, and nothing is asked of it a second time.

    ``address``  host and port
    ``inner``    simulates; without orders, once armed, it moves the marks and counts records

    ``disarmed_because``  why there is no session, empty when there is
    """

    def __init__(self, inner: SimulatedBroker, address: tuple[str, int], client_id: int, clock: Clock) -> None:
        self._inner = inner
        self._address = address
        self._client_id = client_id
        self._clock = clock
        self._link: socket.socket | None = None
        self._next_try_ns = 0
        self._commands = 0
        self._broker_commands = 0
        self._broker_sequence = 0
        self._told: deque[Told] = deque()
        self._events: list[BrokerEvent] = []
        self._working_orders = 0
        self.disarmed_because = "not asked yet"

    @property
    def acts_outside(self) -> bool:
        """Return True: a command is out of our hands once it is sent."""
        return True

    @property
    def settled(self) -> bool:
        """Tell whether we stand where the broker stands."""
        return self._link is not None and not self._told and self._commands >= self._broker_commands and (
            self._sequence >= self._broker_sequence)

    @property
    def counters(self) -> Records:
        """Records handled so far and their sums: one ``VENUE`` row, shared, not to be written."""
        return self._inner.counters

    @property
    def working_orders(self) -> int:
        """How many orders are working."""
        return self._inner.working_orders if self._link is None else self._working_orders

    def arm(self) -> bool:
        """Open the session, where it is time to try; tell whether it is open.

        Raises ``BrokerError`` for a broker that cannot go on from the moment that we know of.
        """
        if self._link is None and self._clock.monotonic_ns() >= self._next_try_ns:
            self._next_try_ns = self._clock.monotonic_ns() + TRY_AGAIN_NS
            try:
                link = socket.create_connection(self._address, ANSWER_S_MAX)
            except OSError as error:
                self.disarmed_because = f"broker unreachable: {error}"
                return False
            self._begin(link)
        return self._link is not None

    def send(self, command: Command) -> None:
        """Hand ``command`` over, unless the broker has it already."""
        self._commands += 1
        if self._link is None:
            self._inner.send(command)
            return
        if self._commands <= self._broker_commands:
            self._take_told()
        else:
            assert not self._told, "a new command before everything was taken in that the broker told of the old ones"
            self._take(self._asked(heard(command)))
            self._broker_commands = self._commands

    def events(self) -> list[BrokerEvent]:
        """Return what happened since the last call."""
        if self._link is None:
            return self._inner.events()
        events, self._events = self._events, []
        return events

    def advance(self, batch: MarketBatch, at: npt.NDArray[np.int64], before_ns: int) -> bool:
        """Let records pass; as ``SimulatedBroker.advance``, but it does not stop where an order was moved."""
        if self._link is None:
            return self._inner.advance(batch, at, before_ns)
        begin = at.copy()
        self._inner.advance(batch, at, before_ns)
        # What it told of records that it has seen comes before what it will tell of those that it has not.
        self._take_told()
        passed = {kind: array[begin[kind] : at[kind]] for kind, array in batch.arrays().items()}
        fresh = {kind: array[array["sequence"] > self._broker_sequence] for kind, array in passed.items()}
        if any(len(array) for array in fresh.values()):
            assert self._commands >= self._broker_commands, "the market passes a command that the broker has"
            self._take(self._asked(Market(quotes=fresh[Kind.QUOTE].tobytes(), trades=fresh[Kind.TRADE].tobytes(),
                                          bars=fresh[Kind.BAR].tobytes())))
            self._broker_sequence = self._sequence
        return bool(self._events)

    def state(self) -> BrokerState:
        """Return everything that a restart needs, as the broker has it."""
        assert self.settled, "a snapshot before we stand where the broker stands"
        answer = self._asked(StateWanted())
        assert isinstance(answer, StateIs)
        return answer.state

    def restore(self, state: BrokerState) -> None:
        """Go on from ``state``; before the session is opened."""
        assert self._link is None
        self._inner.restore(state)
        self._commands = state.commands

    def close(self) -> None:
        """End the session."""
        if self._link is not None:
            self._link.close()
            self._link = None

    @property
    def _sequence(self) -> int:
        return int(self._inner.counters["last_sequence"][0])

    def _begin(self, link: socket.socket) -> None:
        link.settimeout(ANSWER_S_MAX)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            answer = _ask(link, Hello(client_id=self._client_id, commands=self._commands, sequence=self._sequence,
                                      state=self._inner.state()))
        except BrokerError as error:
            link.close()
            self.disarmed_because = str(error)
            return
        if isinstance(answer, Refused):
            link.close()
            if answer.code != CLIENT_ID_IN_USE:
                raise BrokerError(answer.text)
            self.disarmed_because = answer.text
            return
        assert isinstance(answer, Welcome)
        self._link = link
        self.disarmed_because = ""
        self._broker_commands, self._broker_sequence = answer.commands, answer.sequence
        self._told.extend(answer.told)
        self._working_orders = self._inner.working_orders
        self._events = self._inner.events()
        self._inner.forget_orders()

    def _asked(self, request: Request) -> Reply:
        assert self._link is not None
        return _ask(self._link, request)

    def _take(self, answer: Reply) -> None:
        assert isinstance(answer, Answer)
        self._events += answer.events
        self._working_orders = answer.working_orders

    def _take_told(self) -> None:
        while self._told and self._told[0].commands <= self._commands and self._told[0].sequence <= self._sequence:
            self._events.append(self._told.popleft().event)


def _ask(link: socket.socket, request: Request) -> Reply:
    try:
        send(link, request)
        return receive_reply(link)
    except OSError as error:
        raise BrokerError(f"the broker's session broke: {error}") from error
