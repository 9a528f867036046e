"""A session with TWS or the Gateway: a thread that connects, sends, reads and connects again.

The owner's thread asks by ``request`` and takes what happened by ``events``; nothing of the owner's runs in the
session's thread but its fence. What is known and decided is in core.py; here are the socket, the waiting and the lock.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from algotrade.domain.clock import Clock
from algotrade.ibkr.session.core import Core
from algotrade.ibkr.session.errors import ClientIdInUse, Closed, Refused, SessionError
from algotrade.ibkr.session.events import SessionEvent, SnapshotTaken
from algotrade.ibkr.session.library import LibraryLink, Opening
from algotrade.ibkr.session.link import FarmState, OrderLinkState, SocketState
from algotrade.ibkr.session.reconnect import Backoff
from algotrade.ibkr.session.samples import samples_of
from algotrade.ibkr.session.sender import Lane
from algotrade.ibkr.session.settings import IbkrSettings
from algotrade.ibkr.wire import Request
from algotrade.telemetry.metrics import Samples

JOIN_S = 10.0
"""How long closing may take; longer is our bug."""
BLOCKED_S = 0.01
"""How long to wait before looking again whether a socket that took no more does so now."""


class Witness(Protocol):
    """Is told every byte of every connection, both ways, as it passes; called in the session's thread."""

    def connected(self) -> None:
        """Take note: a connection begins."""
        ...

    def told(self, data: bytes) -> None:
        """Take ``data``, which the broker sent."""
        ...

    def asked(self, data: bytes) -> None:
        """Take ``data``, which we sent."""
        ...

    def disconnected(self, because: str) -> None:
        """Take note: the connection has ended, or was never made; ``because`` is the name of the error."""
        ...


def _always() -> bool:
    return True


class Session:
    """One session of one client id, with one owner.

    ``fence``         asked in the session's thread, immediately before an order is written: False hands it back unsent.
                      Must not call the session, nor wait
    ``order_id_min``  one above the highest order id that this client id has ever used, as the owner's journal says
    ``seed``          of the jitter between tries
    ``witness``       is told every byte
    """

    def __init__(
        self, settings: IbkrSettings, clock: Clock, *, fence: Callable[[], bool] = _always, order_id_min: int = 1,
        seed: int = 0, witness: Witness | None = None,
    ) -> None:
        self.settings = settings
        self._core = Core(settings, clock, fence, order_id_min)
        self._backoff = Backoff(seed)
        self._witness = witness
        self._changed = threading.Condition()  # also the lock over the core
        self._thread = threading.Thread(target=self._run, name="ibkr-session", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._closing: asyncio.Event | None = None
        self._link: LibraryLink | None = None
        self._dropped: Exception | None = None
        self._is_closing = False
        self._tries = 0
        self._fatal: BaseException | None = None

    # The owner's side.

    def start(self) -> None:
        """Begin to connect, and go on trying until closed; returns at once."""
        self._thread.start()

    def connected(self, timeout_s: float = 0.0) -> bool:
        """Return whether there is a connection that is ready, after waiting for the end of the first try.

        False: see ``failure``, and more tries follow. Raises ``Refused`` where trying again would change nothing: the
        session is over.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._tries or self._fatal, timeout_s)
            self._raise_fatal()
            return self._core.links.socket is SocketState.CONNECTED

    def close(self) -> None:
        """End the connection and the thread. What waited comes back by ``events``, which may still be called."""
        with self._changed:
            self._is_closing = True
            self._wake_up()
            if self._loop is not None and self._closing is not None:
                self._loop.call_soon_threadsafe(self._closing.set)
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
            assert not self._thread.is_alive(), "the session's thread does not end"

    def request(self, request: Request) -> int:
        """Queue ``request`` by its kind's priority; return the number of the connection that it waits for.

        Raises ``RequestRefused`` (nothing was queued), ``WireError`` for a value that may not go on the wire, and what
        ended the session.
        """
        with self._changed:
            self._raise_fatal()
            connection = self._core.request(request)
            self._wake_up()
            return connection

    def events(self) -> list[SessionEvent]:
        """Return what happened since the last call, in order; raises what ended the session, after the last of it."""
        with self._changed:
            was_full = self._core.is_full
            events = self._core.events()
            if not events:
                self._raise_fatal()
            if was_full:
                self._wake_up()
            return events

    def wait(self, timeout_s: float) -> bool:
        """Wait until there are events, or the session is over, or time is up; return whether there is something."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: self._core.has_events or self._fatal, timeout_s))

    def next_order_id(self) -> int:
        """Return an order id that was never used. Raises ``LinkDown`` before the broker has told its own next one."""
        with self._changed:
            return self._core.order_ids.next_order_id()

    def used_order_id(self, order_id: int) -> None:
        """Take note that ``order_id`` was used, perhaps by an earlier process: the next one is above it."""
        with self._changed:
            self._core.order_ids.seen(order_id)

    def next_request_id(self) -> int:
        """Return a request id; never an order id, so that an error names one thing."""
        with self._changed:
            return self._core.order_ids.next_request_id()

    @property
    def disarmed_because(self) -> str:
        """Return every reason for which no order may be sent now; "" when armed."""
        with self._changed:
            return self._core.disarmed_because

    @property
    def failure(self) -> SessionError | None:
        """Return why there is no connection, None while there is one or before the first try has ended."""
        with self._changed:
            return self._core.failure

    @property
    def server_version(self) -> int | None:
        """Return the version of the last connection, None before any greeting."""
        with self._changed:
            return self._core.version

    @property
    def account(self) -> str:
        """Return the account that this session works with, "" while there is no connection."""
        with self._changed:
            return self._core.account

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return every account of the login."""
        with self._changed:
            return tuple(name for name in self._core.accounts.split(",") if name)

    @property
    def links(self) -> tuple[SocketState, OrderLinkState, dict[str, FarmState]]:
        """Return the states of socket, order link, and farms by name."""
        with self._changed:
            links = self._core.links
            return links.socket, links.orders, dict(links.farms)

    @property
    def skew_ns(self) -> int | None:
        """Return the broker's clock less ours, as little as its answers allow; None where it has not told."""
        with self._changed:
            return self._core.skew.skew_ns

    @property
    def snapshot(self) -> SnapshotTaken | None:
        """Return the four snapshots of this connection, None until each was told to its end."""
        with self._changed:
            return self._core.facts

    @property
    def maintenance(self) -> str:
        """Return the maintenance window that it is now, in which silence is no alarm; "" outside of all."""
        return self._core.maintenance()

    def queued(self, lane: Lane) -> int:
        """Return how many requests wait in ``lane``."""
        with self._changed:
            return self._core.sender.queued(lane)

    def samples(self) -> Samples:
        """Return the session's metrics."""
        with self._changed:
            return samples_of(self._core)

    def _raise_fatal(self) -> None:
        if self._fatal is not None:
            raise self._fatal

    def _wake_up(self) -> None:
        """Let the session's thread look again; under the lock."""
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None:
            loop.call_soon_threadsafe(wake.set)

    # The session's thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._connections())
        except Exception as error:  # noqa: BLE001 -- handed to the owner, who raises it
            self._end(error)
        else:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        with self._changed:
            self._fatal = self._fatal or error
            self._changed.notify_all()
            if error is not None:
                self._core.lost(SessionError(f"the session's thread has ended: {error!r}"))

    async def _connections(self) -> None:
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()  # last: from here on the owner may call into it
        try:
            await self._connect_again_and_again()
        finally:
            with self._changed:  # before the loop is closed: nobody may call into it any more
                self._loop = self._wake = self._closing = None

    async def _connect_again_and_again(self) -> None:
        while not self._is_closing:
            failure = await self._connection()
            with self._changed:
                self._core.lost(failure)
                self._tries += 1
                if isinstance(failure, Refused):
                    self._fatal = failure
                self._changed.notify_all()
                in_maintenance = bool(self._core.maintenance())
            if self._witness is not None:
                self._witness.disconnected(type(failure).__name__)
            if isinstance(failure, Refused):
                return
            wait_s = self._backoff.failed(client_id_in_use=isinstance(failure, ClientIdInUse),
                                          in_maintenance=in_maintenance)
            await self._pause(wait_s)

    async def _pause(self, wait_s: float) -> None:
        """Wait for so long, or until the session is closed."""
        assert self._loop is not None
        until = self._loop.time() + wait_s
        while not self._is_closing and (left := until - self._loop.time()) > 0:
            await self._woken(left)

    async def _woken(self, timeout_s: float | None) -> None:
        assert self._wake is not None
        try:
            await asyncio.wait_for(self._wake.wait(), timeout_s)
        except TimeoutError:
            return
        self._wake.clear()

    async def _connection(self) -> SessionError:
        """Make a connection and keep it; return why it ended."""
        self._dropped = None
        with self._changed:
            self._core.opening()
        if self._witness is not None:
            self._witness.connected()
        link = None
        try:
            link = self._link = LibraryLink(self.settings.client, self._arrived, self._sent)
            link.lost.add_done_callback(lambda _: self._stir())
            opening = await self._opened(link)
            if opening is None:
                return Closed("the session was closed")
            if opening is not Opening.READY:
                return self._why(link, opening)
            link.start_reading()
            self._backoff.succeeded()
            with self._changed:
                self._core.started()
                self._tries += 1
                self._changed.notify_all()
            return await self._pump(link)
        except SessionError as error:
            return error
        finally:
            if link is not None:
                link.drop()
                if link.has_socket:  # the next connection must not meet this one's end
                    await link.lost

    async def _opened(self, link: LibraryLink) -> Opening | None:
        """Return how far connecting came, None where the session was closed meanwhile."""
        settings = self.settings
        assert self._closing is not None
        opening = asyncio.ensure_future(
            link.open(settings.host, settings.port, settings.client_id, settings.connect_s))
        closing = asyncio.ensure_future(self._closing.wait())
        await asyncio.wait({opening, closing}, return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
        if opening.done():
            return opening.result()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        return None

    def _why(self, link: LibraryLink, opening: Opening) -> SessionError:
        """Return why the connection ended; a bug of ours that ended it is raised."""
        if isinstance(self._dropped, SessionError):
            return self._dropped
        if self._dropped is not None:
            raise self._dropped
        with self._changed:
            if opening is Opening.SILENT:
                return self._core.why_silent()
            return self._core.why_lost(link.lost.result())

    async def _pump(self, link: LibraryLink) -> SessionError:
        """Write what is due, until the connection ends."""
        while not (self._is_closing or link.lost.done() or self._dropped):
            with self._changed:
                wait_s = self._core.step()
                self._write(link)
                is_blocked = not link.may_write
                link.pause(paused=self._core.is_full)
                if self._core.has_events:
                    self._changed.notify_all()
                if not is_blocked:
                    wait_s = self._core.step()
            await self._woken(BLOCKED_S if is_blocked else wait_s)
        if self._is_closing and not link.lost.done() and self._dropped is None:
            return Closed("the session was closed")
        return self._why(link, Opening.CLOSED)

    def _write(self, link: LibraryLink) -> None:
        # What the system does not take at once stays with us, where it is certain that it was not sent.
        while link.may_write and (frame := self._core.take()) is not None:
            link.write(frame)

    def _arrived(self, data: bytes) -> None:
        if self._witness is not None:
            self._witness.told(data)
        if self._dropped is not None:
            return
        link = self._link
        assert link is not None
        with self._changed:
            try:
                self._core.received(data)
            except Exception as error:  # noqa: BLE001 -- the library's event would swallow it; the pump raises bugs
                self._dropped = error
                link.drop()
                self._core.has_work = True
            if self._core.is_full:
                link.pause(paused=True)
            self._changed.notify_all()
        if self._core.has_work:
            self._stir()

    def _sent(self, data: bytes) -> None:
        if self._witness is not None:
            self._witness.asked(data)

    def _stir(self) -> None:
        if self._wake is not None:
            self._wake.set()
