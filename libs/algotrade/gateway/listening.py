"""Listening: the sockets that a Gateway takes, whatever it tells them: a market it plays or a recording it replays."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Generic

from algotrade.domain import Clock
from algotrade.gateway.connection import C, Connection
from algotrade.gateway.limits import LimitsSet
from algotrade.ibkr.wire import Codec, Request

LOOPBACK = "127.0.0.1"

SOCKETS_MAX = 64
"""Sockets that may be open, clients or not: who comes on top of them is closed at once."""


class Listener(ABC, Generic[C]):
    """Listens, serves until it is stopped, then closes every socket. A ``connection.Host``."""

    def __init__(self, *, clock: Clock, limits: LimitsSet, version_min: int, version_max: int) -> None:
        self.clock = clock
        self.limits = limits
        self.version_min, self.version_max = version_min, version_max
        self._connections: set[Connection[C]] = set()
        self._stopping = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._failure: BaseException | None = None

    async def start(self, port: int = 0, host: str = LOOPBACK) -> int:
        """Listen, and return the port; 0 takes a free one. ``OSError`` where that is not to be had."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        self._server = await loop.create_server(lambda: Connection(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def serve(self) -> None:
        """Work until ``stop``; then close every socket. What is our own bug ends it with its exception."""
        assert self._server is not None, "start comes first"
        try:
            await self._work()
        finally:
            self._server.close()
            for connection in list(self._connections):
                connection.abort()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End ``serve``."""
        self._stopping.set()

    async def _work(self) -> None:
        """Do until ``stop`` what is done without being asked."""
        await self._stopping.wait()

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what a callback raised, and stop: a Gateway with a bug in it tells nobody anything any more."""
        self._failure = context.get("exception") or RuntimeError(context["message"])
        self._stopping.set()

    # What connections ask (connection.Host).

    @abstractmethod
    def greeting_time(self) -> str:
        """Return the connection time that the handshake tells."""

    def met(self, connection: Connection[C]) -> bool:
        """Take notice of a new socket; False where there are too many."""
        self._connections.add(connection)
        return len(self._connections) <= SOCKETS_MAX

    @abstractmethod
    def admit(self, connection: Connection[C], client_id: int, codec: Codec) -> C | None:
        """Take a client that introduced itself; None where it was refused and told so."""

    @abstractmethod
    def ask(self, session: C, request: Request) -> None:
        """Answer a request of a client."""

    def gone(self, connection: Connection[C], session: C | None) -> None:
        """Take notice that a socket is closed."""
        self._connections.discard(connection)
        if session is not None:
            self._left(session)

    @abstractmethod
    def _left(self, session: C) -> None:
        """Take notice that a client is gone."""
