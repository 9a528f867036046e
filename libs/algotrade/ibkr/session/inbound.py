"""What comes in on one connection: greeting, then answers. Bytes in, records out; no I/O."""

from algotrade.ibkr.session.errors import NotAnApiPort, VersionRefused
from algotrade.ibkr.wire import VERSION_MAX, VERSION_MIN, Answer, Codec, Splitter, WireError
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.compiling import compiled

_ORDER_ANSWERS = (
    a.OrderStatus, a.OpenOrder, a.OpenOrderEnd, a.OrderBound, a.CompletedOrder, a.CompletedOrdersEnd, a.ExecutionData,
    a.ExecutionDataEnd, a.CommissionReport, a.PositionData, a.PositionEnd, a.ErrorMessage, a.NextValidId,
    a.ManagedAccounts,
)
"""Answers that orders and positions are known by; one of these that cannot be read is a hole in what we know."""
_ORDER_IDS = frozenset(b"%d" % answer.ID for answer in _ORDER_ANSWERS)
_ORDER_REQUESTS = (r.PlaceOrder, r.CancelOrder, r.RequestGlobalCancel)
"""Compiled with the greeting, as the answers above: the first order shall not wait for it."""


class Unreadable:
    """A payload that is no answer of this version, and why."""

    def __init__(self, payload: bytes, because: str) -> None:
        self.payload = payload
        self.because = because
        self.is_order = payload.partition(b"\0")[0] in _ORDER_IDS


class Inbound:
    """Reads one connection from its first byte.

    ``codec`` and ``connection_time`` are None until the server has greeted.
    """

    def __init__(self) -> None:
        self.codec: Codec | None = None
        self.connection_time: str | None = None
        self.has_bytes = False
        self._splitter = Splitter()

    def feed(self, data: bytes) -> list[Answer | Unreadable]:
        """Return what ``data`` completes.

        Raises ``NotAnApiPort`` and ``VersionRefused`` for a greeting that is none or too old, and ``WireError`` for a
        length that cannot be: the stream is of no more use then.
        """
        self.has_bytes = True
        try:
            payloads = self._splitter.feed(data)
        except WireError as error:
            if self.codec is None:
                raise NotAnApiPort(f"what answers is not TWS or the Gateway: {error}") from error
            raise
        found: list[Answer | Unreadable] = []
        for payload in payloads:
            if self.codec is None:
                self._greeted(payload)
            else:
                found.append(self._read(self.codec, payload))
        return found

    def _greeted(self, payload: bytes) -> None:
        version, _, rest = payload.partition(b"\0")
        if not version.isdigit() or not rest.endswith(b"\0") or rest.count(b"\0") != 1:
            raise NotAnApiPort(f"what answers is not TWS or the Gateway: it greets with {payload[:40]!r}")
        number = int(version[:9])
        if not VERSION_MIN <= number <= VERSION_MAX:
            raise VersionRefused(
                f"the server speaks version {number}; allowed: {VERSION_MIN} to {VERSION_MAX}. Update it")
        for message in (*_ORDER_ANSWERS, *_ORDER_REQUESTS):
            compiled(message, number)
        self.codec = Codec(number)
        self.connection_time = rest[:-1].decode("ascii", "replace")

    @staticmethod
    def _read(codec: Codec, payload: bytes) -> Answer | Unreadable:
        try:
            return codec.decode_answer(payload)
        except WireError as error:
            return Unreadable(payload, str(error))
