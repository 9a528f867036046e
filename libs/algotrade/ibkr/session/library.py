"""The client library, ib_insync or ib_async: the one file that imports either.

Of the library its socket, its greeting and its start message are used. What comes in is read by our own codec, from the
first byte: the library's own view of orders is not true (a warning that it does not know ends an order there), so its
decoder is not even asked.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from algotrade.ibkr.session.errors import LibraryMissing, NothingListens

GREETING_MESSAGES = 2
"""What the library writes by itself: its versions, and the start message."""
LIBRARY_S_MORE = 5.0
CANCEL_S = 0.05
_QUIET = ("ib_insync", "ib_async", "eventkit")


class Opening(StrEnum):
    """How far connecting came: account and first order id have come; the other side closed; or it says nothing."""

    READY = "ready"
    CLOSED = "closed"
    SILENT = "silent"


def _client_class(library: str) -> Any:
    try:
        if library == "ib_insync":
            from ib_insync.client import Client  # noqa: PLC0415 -- only the one that was chosen is loaded
        else:
            from ib_async.client import Client  # type: ignore[assignment]  # noqa: PLC0415 -- as above
    except ImportError as error:
        raise LibraryMissing(f"{library} is not installed; allowed: pip install 'algotrade[ibkr]', or another "
                             "IBKR_CLIENT (ib_insync, ib_async)") from error
    return Client


class _Wrapper:
    """What the library calls back; nothing of it is needed."""

    def connectAck(self) -> None:  # noqa: N802 -- the library's name
        """Take note that the version was agreed on."""

    def setEventsDone(self) -> None:  # noqa: N802 -- as above
        """Take note that the connection is going."""

    def connectionClosed(self) -> None:  # noqa: N802 -- as above
        """Take note that the connection has gone."""


class LibraryLink:
    """One connection through ``library``; lives in one event loop, and is used once.

    ``on_bytes``  gets what came in, as it came
    ``on_sent``   gets what the library and we write, as it goes out
    Raises ``LibraryMissing``.
    """

    def __init__(
        self, library: str, on_bytes: Callable[[bytes], None], on_sent: Callable[[bytes], None],
    ) -> None:
        for name in _QUIET:  # what they would log comes as typed errors from here
            logging.getLogger(name).addHandler(logging.NullHandler())
            logging.getLogger(name).propagate = False
        self._client = _client_class(library)(_Wrapper())
        self._client.MaxRequests = 0  # we pace: its queue has no priorities, and loses what waits when the socket drops
        self._client.decoder.interpret = _not_read
        self._connection = self._client.conn
        self._on_bytes, self._on_sent = on_bytes, on_sent
        self._send = self._connection.sendMsg
        self._connection.sendMsg = self.write
        # The library's events hold methods weakly; this object lives as long as it is connected.
        self._connection.hasData += self._arrived
        self._connection.disconnected += self._gone
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended, with the system's reason, or ""."""

    @property
    def may_write(self) -> bool:
        """Tell whether what is written now can still leave, and nothing waits before it."""
        link = self._connection.transport
        return link is not None and not link.is_closing() and link.get_write_buffer_size() == 0

    @property
    def has_socket(self) -> bool:
        """Tell whether the connection was taken and has not ended."""
        return self._connection.transport is not None

    async def open(self, host: str, port: int, client_id: int, timeout_s: float) -> Opening:
        """Connect, greet and start; return how far that came. Raises ``NothingListens``."""
        # Our time-out is the one that counts; the library's would not say how far it came.
        connecting = asyncio.ensure_future(
            self._client.connectAsync(host, port, client_id, timeout_s + LIBRARY_S_MORE))
        try:
            await asyncio.wait({connecting, self.lost}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                _raise_translated(connecting, host, port)
                return Opening.READY
            if self.lost.done():
                return Opening.CLOSED
            if self.has_socket:
                return Opening.SILENT
            raise NothingListens(f"{host}:{port} does not answer within {timeout_s:g} s")
        finally:
            await _ended(connecting)

    def start_reading(self) -> None:
        """Take the library's own reading out, once everything that it waits for has come."""
        self._connection.hasData -= self._client._onSocketHasData  # noqa: SLF001 -- it offers no other way
        link = self._connection.transport
        if link is not None:
            raw = link.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def write(self, data: bytes) -> None:
        """Hand ``data`` to the socket; nothing happens where it has ended."""
        if self._connection.transport is not None:
            self._on_sent(data)
            self._send(data)

    def pause(self, *, paused: bool) -> None:
        """Stop or go on taking bytes from the socket; the other side feels it."""
        link = self._connection.transport
        if link is None or link.is_closing():
            return
        if paused and link.is_reading():
            link.pause_reading()
        elif not paused and not link.is_reading():
            link.resume_reading()

    def drop(self) -> None:
        """End the connection at once; what the system has not taken is thrown away."""
        if self._connection.transport is not None:
            self._connection.transport.abort()

    def _arrived(self, data: bytes) -> None:
        self._on_bytes(data)

    def _gone(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)


def _raise_translated(connecting: "asyncio.Future[None]", host: str, port: int) -> None:
    """Raise what the library or the system had against it, in our words."""
    error = connecting.exception()
    if isinstance(error, OSError):
        raise NothingListens(f"{host}:{port} takes no connection: {error.strerror or error}") from error
    if error is not None:
        raise error


async def _ended(task: "asyncio.Future[None]") -> None:
    """Cancel ``task`` until it has ended: `wait_for` forgets a cancellation that meets its result (Python 3.11)."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_S)
    if not task.cancelled():
        task.exception()  # looked at, so that nobody complains that it was not


def _not_read(_fields: list[str]) -> None:
    """Stand in for the library's decoder."""
