"""One socket: the handshake, frames in, bytes out within a bound, and the end."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from algotrade.gateway.limits import LimitsSet, MessageRate, Verdict
from algotrade.gateway.refusals import RATE, unknown_message
from algotrade.ibkr.wire import Answer, Codec, Request, Splitter, WireError, framed
from algotrade.ibkr.wire.requests import REQUESTS, StartApi
from algotrade.telemetry import get_log

if TYPE_CHECKING:
    from algotrade.domain import Clock

PREFIX = b"API\0"
GREETING_BYTES_MAX = 1024
"""Version range and connect options of a client; what is longer is no greeting."""

GREETING_S_MAX = 10.0
"""A socket that has not introduced itself by then is closed."""

CLOSE_S_MAX = 5.0
"""How long a socket that is being closed may take over what waits to be sent."""

BEHIND_BYTES, CAUGHT_UP_BYTES = 1 << 20, 1 << 18
"""With so much waiting for a client its quotes are conflated, until no more than the second waits."""

KERNEL_BYTES = 1 << 18
"""What the kernel may hold on top: left to itself it takes megabytes, all of them stale for a reader that is slow."""

PATIENCE_S = 0.2
"""How long stepped time waits for a client that does not read at all."""

WAITING_BYTES_MAX = 32 << 20
"""A client for which more waits is cut off: the largest answer is 16 MiB (IB cuts off slow readers too: observed)."""

_RANGE = re.compile(r"v(\d{1,4})(?:\.\.(\d{1,4}))?(?: .*)?", re.DOTALL)
_KNOWN = {message.ID for message in REQUESTS}


class Client(Protocol):
    """What a connection asks of a client that has introduced itself."""

    def catch_up(self) -> None:
        """Tell where things stand, after the client was behind."""
        ...


C = TypeVar("C", bound=Client)


class Host(Protocol[C]):
    """What a connection asks of the Gateway. ``version_min`` and ``version_max`` are spoken, and what lies between."""

    clock: "Clock"
    limits: LimitsSet
    version_min: int
    version_max: int

    def greeting_time(self) -> str:
        """Return the connection time that the handshake tells."""
        ...

    def met(self, connection: "Connection[C]") -> bool:
        """Take notice of a new socket; False where there are too many."""
        ...

    def admit(self, connection: "Connection[C]", client_id: int, codec: Codec) -> C | None:
        """Take a client that introduced itself; None where it was refused and told so."""
        ...

    def ask(self, session: C, request: Request) -> None:
        """Answer a request of a client."""
        ...

    def gone(self, connection: "Connection[C]", session: C | None) -> None:
        """Take notice that a socket is closed."""
        ...


class Connection(asyncio.Protocol, Generic[C]):
    """A client's socket. Whatever it sends harms nobody but itself."""

    def __init__(self, host: Host[C]) -> None:
        self._host = host
        self._greeting = b""
        self._splitter = Splitter()
        self._codec: Codec | None = None
        self._session: C | None = None
        self._rate = MessageRate(host.limits)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_dead = False
        self._piece_bytes: int | None = None
        self._collect_s = 0.0
        self._collected: list[bytes] = []
        self.is_behind = False
        self.is_stuck = False
        self._read_on = asyncio.Event()

    @property
    def waiting_bytes(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=BEHIND_BYTES, low=CAUGHT_UP_BYTES)
        link = transport.get_extra_info("socket")
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        self._set_deadline(GREETING_S_MAX, self.close)
        if not self._host.met(self):
            self._drop("too_many_sockets", "no more are taken")

    def data_received(self, data: bytes) -> None:
        """Take bytes, however they were cut on their way."""
        if self._is_dead:
            return
        if self._codec is None:
            self._greeting += data
            data = self._greet()
            if self._codec is None:
                return
        try:
            payloads = self._splitter.feed(data)
        except WireError as error:
            self._drop("broken_stream", error)
            return
        for payload in payloads:
            if self._transport is None or self._transport.is_closing():
                return
            self._take(payload)

    def pause_writing(self) -> None:
        """Take notice that much waits for the client."""
        self.is_behind = True
        self._read_on.clear()

    def resume_writing(self) -> None:
        """Take notice that the client has caught up."""
        self.is_behind = self.is_stuck = False
        self._read_on.set()
        if self._session is not None:
            self._session.catch_up()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- why does not matter here
        """Take notice that the socket is closed."""
        self._transport = None
        self._read_on.set()
        if self._deadline is not None:
            self._deadline.cancel()
        session, self._session = self._session, None
        self._host.gone(self, session)

    async def let_read(self) -> None:
        """Wait for a client that is behind for as long as it reads; one that does not is stuck until it does."""
        while self.is_behind and not self.is_stuck and self._transport is not None:
            before = self.waiting_bytes
            with suppress(TimeoutError):
                await asyncio.wait_for(self._read_on.wait(), PATIENCE_S)
            self.is_stuck = self.is_behind and self.waiting_bytes >= before

    def send(self, data: bytes) -> None:
        """Send ``data``, or cut the client off where too much waits for it."""
        if self._transport is None or self._transport.is_closing() or self._is_dead:
            return
        if self._collect_s:
            if not self._collected:
                asyncio.get_running_loop().call_later(self._collect_s, self._send_collected)
            self._collected.append(data)
            return
        for piece in self._pieces(data):
            self._transport.write(piece)
        if self._transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            get_log().warning("client_too_slow", waiting_bytes=self._transport.get_write_buffer_size(),
                              allowed=WAITING_BYTES_MAX)
            self._transport.abort()

    def tell(self, answer: Answer) -> None:
        """Send one answer; its version has been agreed on."""
        assert self._codec is not None
        self.send(self._codec.encode(answer))

    # What faults do to it.

    def go_dead(self) -> None:
        """Take nothing in and let nothing out any more, without a word to the client."""
        self._is_dead = True

    def reset(self) -> None:
        """Close the socket as a host does that knows nothing of it (RST)."""
        if self._transport is not None:
            link = self._transport.get_extra_info("socket")
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def stop_reading(self) -> None:
        """Leave what the client sends in its socket."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def cut_into(self, size_bytes: int | None) -> None:
        """Send in pieces of this size; None: as it comes."""
        self._piece_bytes = size_bytes

    def collect_for(self, seconds: float) -> None:
        """Hold back what is to be sent for so long, and send it in one piece; 0: send at once."""
        self._collect_s = seconds
        if not seconds:
            self._send_collected()

    def _send_collected(self) -> None:
        data, self._collected = b"".join(self._collected), []
        if data and self._transport is not None and not self._transport.is_closing() and not self._is_dead:
            self._transport.write(data)

    def _pieces(self, data: bytes) -> list[bytes]:
        size = self._piece_bytes
        return [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]

    # The end.

    def close(self) -> None:
        """Close the socket, after what waits has been sent; a client that does not read it loses it."""
        if self._transport is not None:
            self._transport.close()
            self._set_deadline(CLOSE_S_MAX, self.abort)

    def abort(self) -> None:
        """Close the socket now."""
        if self._transport is not None:
            self._transport.abort()

    def _set_deadline(self, seconds: float, then: Callable[[], None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, then)

    def _greet(self) -> bytes:
        """Answer the greeting once it is whole, and return what came behind it."""
        got = self._greeting
        begin = len(PREFIX) + 4
        if not got.startswith(PREFIX[: len(got)]):
            self._drop("no_greeting", repr(got[:20]))
            return b""
        if len(got) < begin:
            return b""
        end = begin + int.from_bytes(got[len(PREFIX) : begin], "big")
        if end > begin + GREETING_BYTES_MAX:
            self._drop("no_greeting", f"{end - begin} bytes")
            return b""
        if len(got) < end:
            return b""
        match = _RANGE.fullmatch(got[begin:end].decode("latin-1"))
        lowest, highest = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        version = min(highest, self._host.version_max)
        if version < max(lowest, self._host.version_min):
            self._drop("no_common_version", f"client {lowest} to {highest}, here {self._host.version_min} to "
                                            f"{self._host.version_max}")
            return b""
        self._codec = Codec(version)
        self._greeting = b""
        # In one piece: ibapi waits for ever for the rest of a handshake that comes in two.
        self.send(framed(f"{version}\0{self._host.greeting_time()}\0".encode()))
        return got[end:]

    def _take(self, payload: bytes) -> None:
        verdict = self._rate.take(self._host.clock.monotonic_ns())
        if verdict is not Verdict.TAKEN:
            self.tell(RATE)
            if verdict is Verdict.CUT_OFF:
                self._drop("too_many_messages", f"more than {self._host.limits.messages} a second")
            return
        assert self._codec is not None
        wire_id = payload.split(b"\0", 1)[0]
        if self._session is not None and wire_id.isdigit() and len(wire_id) <= 4 and int(wire_id) not in _KNOWN:
            self.tell(unknown_message(wire_id.decode()))
            return
        try:
            request = self._codec.decode_request(payload)
        except WireError as error:
            self._drop("no_message", error)
            return
        if self._session is not None:
            if not isinstance(request, StartApi):
                self._host.ask(self._session, request)
        elif isinstance(request, StartApi):
            self._session = self._host.admit(self, request.client_id, self._codec)
            if self._session is not None and self._deadline is not None:
                self._deadline.cancel()
        else:
            self._drop("no_introduction", type(request).__name__)

    def _drop(self, event: str, why: object) -> None:
        get_log().warning("client_dropped", reason=event, why=str(why))
        self.close()
