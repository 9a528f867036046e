"""A client that says what it likes, byte by byte."""

import contextlib
import socket
import struct

from algotrade.ibkr.wire import Codec, Splitter
from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import StartApi

WAIT_S = 10.0
IBM = Contract(symbol="IBM", sec_type="STK", exchange="SMART", currency="USD")
EUR = Contract(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")


def greeting(low: int = 157, high: int = 176, options: str = "") -> bytes:
    text = f"v{low}..{high}{options}".encode()
    return b"API\0" + struct.pack(">I", len(text)) + text


class Raw:
    """A socket to the Gateway; ``until`` reads on with a deadline."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.link = socket.socket()
        if receive_buffer is not None:
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.link.settimeout(WAIT_S)
        self.link.connect(("127.0.0.1", port))
        self.splitter = Splitter()
        self.codec = Codec(176)
        self.seen: list = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def greet(self, version: int = 176) -> tuple[int, str]:
        self.link.sendall(greeting(157, version))
        payloads: list[bytes] = []
        while not payloads:
            data = self._receive()
            assert data, "closed before it greeted"
            payloads = self.splitter.feed(data)
        told, when, _ = payloads[0].split(b"\0")
        self.codec = Codec(int(told))
        return int(told), when.decode()

    def start(self, client_id: int = 1) -> "Raw":
        self.greet()
        self.ask(StartApi(client_id=client_id))
        self.until(lambda m: isinstance(m, ErrorMessage) and m.code == 2158)
        return self

    def ask(self, *requests) -> None:
        self.link.sendall(b"".join(map(self.codec.encode, requests)))

    def until(self, wanted):
        """Return the first message that is ``wanted``; all that were read are in ``seen``."""
        at = 0
        while True:
            for i in range(at, len(self.seen)):
                if wanted(self.seen[i]):
                    return self.seen[i]
            at = len(self.seen)
            self.read()

    def until_count(self, kind, count: int) -> None:
        """Read on until so many of ``kind`` are in ``seen``."""
        while sum(isinstance(m, kind) for m in self.seen) < count:
            self.read()

    def read(self) -> None:
        data = self._receive()
        assert data, f"closed; seen {self.seen[-5:]}"
        self.seen += map(self.codec.decode_answer, self.splitter.feed(data))

    def error(self, code: int) -> ErrorMessage:
        return self.until(lambda m: isinstance(m, ErrorMessage) and m.code == code)

    def closed(self) -> bool:
        """Read until the other side closes; tell that it did, in time."""
        with contextlib.suppress(ConnectionResetError):
            while data := self._receive():
                self.seen += map(self.codec.decode_answer, self.splitter.feed(data))
        return True

    def ended(self) -> bool:
        """Do the same, whatever comes before."""
        with contextlib.suppress(ConnectionResetError):
            while self._receive():
                pass
        return True

    def _receive(self) -> bytes:
        return self.link.recv(1 << 16)
