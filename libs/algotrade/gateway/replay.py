"""A Gateway that says again what another one was recorded saying: docs/GATEWAY.md, "Replaying a recording"."""

import asyncio
import heapq
from collections.abc import Sequence

from algotrade.domain import Clock, SystemClock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.connection import Connection
from algotrade.gateway.limits import LimitsSet
from algotrade.gateway.listening import Listener
from algotrade.gateway.recorded_clients import NO_ID, Ids, RecordedClient, Told, comparable, named
from algotrade.gateway.refusals import CLIENT_ID_IN_USE
from algotrade.ibkr.wire import Codec, Request, framed
from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.telemetry import get_log

NOT_RECORDED = 322
"""By this code, error processing request, a client is told what was not recorded."""


class ReplayedClient:
    """A connected client, and what it is yet to be told."""

    def __init__(self, recorded: RecordedClient, client_id: int, connection: "Connection[ReplayedClient]", codec: Codec,
                 clock: Clock, speed: float) -> None:
        self.client_id = client_id
        self._recorded = recorded
        self._connection = connection
        self._codec = codec
        self._clock = clock
        self._speed = speed
        self._ids = Ids(recorded.client_id, client_id)
        self._open = list(recorded.exchanges[1:])
        self._due: list[tuple[int, int, Told]] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin: what came by itself comes again."""
        self._schedule(self._recorded.exchanges[0].told)

    def ask(self, request: Request) -> None:
        """Answer ``request`` with what the recorded one of its kind was answered, or tell that there is none."""
        asked = comparable(request, self._ids.orders_recorded.get, self._ids.requests_recorded.get)
        exchange = next((one for one in self._open if one.asked == asked), None)
        if exchange is None:
            get_log().warning("not_recorded", client_id=self.client_id, request=named(request))
            req_id = getattr(request, "order_id", getattr(request, "req_id", NO_ID))
            self._connection.tell(ErrorMessage(req_id=req_id, code=NOT_RECORDED, message=(
                f"Error processing request: not in the recording, or not so often: {named(request)}")))
            return
        self._open.remove(exchange)
        self._ids.match(request, exchange.request)
        self._schedule(exchange.told)

    def catch_up(self) -> None:
        """Do nothing: a recording leaves nothing out."""

    def close(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()

    def _schedule(self, told: Sequence[Told]) -> None:
        now_ns = self._clock.monotonic_ns()
        for one in told:
            heapq.heappush(self._due, (now_ns + int(one.delay_ns / self._speed), one.number, one))
        self._tell_due()

    def _tell_due(self) -> None:
        now_ns = self._clock.monotonic_ns()
        out = bytearray()
        while self._due and self._due[0][0] <= now_ns:
            told = heapq.heappop(self._due)[2]
            out += self._frame(told)
        if out:
            self._connection.send(bytes(out))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._due:
            wait_s = (self._due[0][0] - now_ns) / NANOSECONDS_PER_SECOND
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tell_due)

    def _frame(self, told: Told) -> bytes:
        """Return the recorded bytes where no id changes, else the answer in our own spelling."""
        answer = self._ids.answer(told.answer)
        if answer == told.answer:
            return framed(told.payload)
        return self._codec.encode(answer)


class ReplayGateway(Listener[ReplayedClient]):
    """Plays recorded connections to whoever connects: the first client gets the first one, and so on, then again.

    ``speed``  recorded seconds a second, above 0
    """

    def __init__(self, recorded: Sequence[RecordedClient], *, speed: float = 1.0, clock: Clock | None = None) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed is {speed:g}; allowed: above 0")
        assert len({one.version for one in recorded}) == 1, "read_clients sees to that"
        super().__init__(clock=clock or SystemClock(), limits=LimitsSet(), version_min=recorded[0].version,
                         version_max=recorded[0].version)
        self._recorded = recorded
        self._speed = speed
        self._begun = 0
        self._clients: dict[int, ReplayedClient] = {}

    # What connections ask (connection.Host).

    def greeting_time(self) -> str:
        """Return the connection time of the recording."""
        return self._next.greeted

    @property
    def _next(self) -> RecordedClient:
        return self._recorded[self._begun % len(self._recorded)]

    def admit(self, connection: Connection[ReplayedClient], client_id: int, codec: Codec) -> ReplayedClient | None:
        """Give a client the next recorded connection."""
        if client_id in self._clients:
            connection.tell(CLIENT_ID_IN_USE)
            connection.close()
            return None
        client = ReplayedClient(self._next, client_id, connection, codec, self.clock, self._speed)
        self._begun += 1
        self._clients[client_id] = client
        get_log().info("client_connected", client_id=client_id, recorded=self._begun)
        client.start()
        return client

    def ask(self, session: ReplayedClient, request: Request) -> None:
        """Answer a request."""
        session.ask(request)

    def _left(self, session: ReplayedClient) -> None:
        session.close()
        del self._clients[session.client_id]
