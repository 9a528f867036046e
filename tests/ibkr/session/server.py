"""A scripted server on a real socket, built on our own codec.

It greets, answers what a session asks, and can be told to misbehave. Not a Gateway: it knows no market and no orders.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from decimal import Decimal

from algotrade.domain import SystemClock
from algotrade.ibkr.wire import Answer, Codec, Message, Request, Splitter, framed
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r

DEADLINE_S = 20.0
END = {
    r.RequestOpenOrders: lambda _: a.OpenOrderEnd(), r.RequestAllOpenOrders: lambda _: a.OpenOrderEnd(),
    r.RequestCompletedOrders: lambda _: a.CompletedOrdersEnd(), r.RequestPositions: lambda _: a.PositionEnd(),
    r.RequestExecutions: lambda request: a.ExecutionDataEnd(req_id=request.req_id),
}
"""The answer that ends each snapshot."""


def notice(code: int, text: str = "", req_id: int = -1) -> a.ErrorMessage:
    return a.ErrorMessage(req_id=req_id, code=code, message=text)


class ScriptedServer:
    """Takes connections on a free port until ``close``.

    ``before``    for a request's type: what is told, before the end marker where there is one; or a function of it
    ``withheld``  types of request that are not answered
    ``greeting``  replaces the greeting: bytes, or None for silence
    """

    def __init__(self, *, version: int = 176, accounts: str = "DU1234567", next_id: int = 1) -> None:
        self.version, self.accounts, self.next_id = version, accounts, next_id
        self.before: dict[type[Request], list[Answer] | Callable[[Request], list[Answer]]] = {}
        self.withheld: set[type[Message]] = set()
        self.greeting: bytes | str | None = "versions"
        self.refuse_code: int | None = None
        self.close_after_greeting = self.close_at_once = False
        self.time_offset_s = 0
        self.chunk: Callable[[bytes], Iterable[bytes]] = lambda data: [data]
        self.first: list[Answer] = []
        self.requests: list[Request] = []
        self.client_versions = ""
        self.connections = 0
        self._changed = threading.Condition()
        self._links: list[socket.socket] = []
        self._codecs: dict[socket.socket, Codec] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._is_closing = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    # What tests ask and order.

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, DEADLINE_S), "the server did not see it in time"

    def asked(self, kind: type[Request]) -> list[Request]:
        return [request for request in list(self.requests) if isinstance(request, kind)]

    def wait_asked(self, kind: type[Request], count: int = 1) -> None:
        self.wait_for(lambda: len(self.asked(kind)) >= count)

    def tell(self, *answers: Answer | bytes) -> None:
        """Send to the newest connection, answers as they are encoded at its version, bytes as they are."""
        link = self._links[-1]
        self._send(link, b"".join(one if isinstance(one, bytes) else self._codecs[link].encode(one) for one in answers))

    def reset(self) -> None:
        """End the newest connection by RST."""
        link = self._links[-1]
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.shutdown(socket.SHUT_RD)  # wakes the thread that reads: while it waits, closing sends nothing
        link.close()

    def hang_up(self) -> None:
        """End the newest connection by FIN."""
        self._shut(self._links[-1])

    def close(self) -> None:
        self._is_closing = True
        self._shut(self._listener)
        for link in self._links:
            self._shut(link)
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    # Inside.

    @staticmethod
    def _shut(link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        link.close()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(link,), daemon=True)
            self._threads.append(thread)
            with self._changed:
                self.connections += 1
                self._links.append(link)
                self._changed.notify_all()
            if self._is_closing or self.close_at_once:
                self._shut(link)
            thread.start()

    def _serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            splitter, is_greeted, rest = Splitter(), False, b""
            while data := link.recv(65536):
                if not is_greeted:
                    rest += data
                    if len(rest) < 8 or len(rest) < 8 + struct.unpack(">I", rest[4:8])[0]:
                        continue
                    assert rest.startswith(b"API\0")
                    length = struct.unpack(">I", rest[4:8])[0]
                    versions, data = rest[8 : 8 + length], rest[8 + length :]
                    is_greeted = True
                    if not self._greet(link, versions):
                        continue
                for payload in splitter.feed(data):
                    self._heard(link, self._codecs[link].decode_request(payload))

    def _greet(self, link: socket.socket, versions: bytes) -> bool:
        self.client_versions = versions.decode()
        highest = int(self.client_versions.removeprefix("v").partition("..")[2].partition(" ")[0])
        version = min(self.version, highest)
        if self.greeting is None:
            return False
        if isinstance(self.greeting, bytes):
            self._send(link, self.greeting)
            return False
        if version >= 157:
            self._codecs[link] = Codec(version)
        self._send(link, framed(b"%d\x0020260105 09:30:00 EST\0" % version))
        if self.close_after_greeting:
            self._shut(link)
        return True

    def _heard(self, link: socket.socket, request: Request) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        codec = self._codecs[link]
        if isinstance(request, r.StartApi) and self.refuse_code is not None:
            self._send(link, codec.encode(notice(self.refuse_code, "Unable to connect as the client id is in use")))
            self._shut(link)
            return
        self._send(link, b"".join(codec.encode(one) for one in self._answers(request)))

    def _answers(self, request: Request) -> list[Answer]:
        if type(request) in self.withheld:
            return []
        if isinstance(request, r.StartApi):
            told: list[Answer] = [*self.first, a.ManagedAccounts(accounts=self.accounts),
                                  a.NextValidId(order_id=self.next_id), notice(2104, "Market data farm OK:usfarm")]
            return [one for one in told if type(one) not in self.withheld]
        if isinstance(request, r.RequestCurrentTime):
            return [a.CurrentTime(time_s=SystemClock().time_ns() // 10**9 + self.time_offset_s)]
        before = self.before.get(type(request), [])
        told = before(request) if callable(before) else before
        return [*told, END[type(request)](request)] if type(request) in END else told

    def _send(self, link: socket.socket, data: bytes) -> None:
        for piece in self.chunk(data) if data else ():
            link.sendall(piece)


def order(order_id: int, **more: object) -> r.PlaceOrder:
    from algotrade.ibkr.wire.records import Contract, Order

    fields: dict = {"action": "BUY", "total_quantity": Decimal(100), "order_type": "LMT", "lmt_price": Decimal("10.5"),
                    "tif": "DAY", **more}
    contract = Contract(con_id=1, symbol="IBM", sec_type="STK", exchange="SMART", currency="USD")
    return r.PlaceOrder(order_id=order_id, contract=contract, order=Order(**fields))
