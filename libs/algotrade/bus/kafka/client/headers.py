"""Records with their headers (``records``), as Kafka's client takes and gives them."""

import struct
from typing import Any

from confluent_kafka import Message

from algotrade.bus.kafka.records import Consumed, Record
from algotrade.domain.clock import NANOSECONDS_PER_MILLISECOND

_NUMBER = struct.Struct(">q")
_OURS = ("bytes", "epoch", "marker", "told")


def headers_of(record: Record) -> list[tuple[str, str | bytes | None]]:
    """Return the headers of ``record`` and those that say what it is."""
    headers: list[tuple[str, str | bytes | None]] = list(record.headers)
    if record.bytes_through or record.is_marker:
        headers.append(("bytes", _NUMBER.pack(record.bytes_through)))
    if record.epoch:
        headers.append(("epoch", _NUMBER.pack(record.epoch)))
    if record.is_marker:
        headers.append(("marker", b""))
    if record.told:
        headers.append(("told", record.told))
    return headers


def consumed(message: Message) -> Consumed:
    """Return what ``message`` brought."""
    # A stranger's record has other headers, or none: it is a message like others, and will not decode.
    pairs: Any = message.headers() or ()
    headers = dict(pairs)
    others = tuple((name, _bytes(value)) for name, value in pairs if name not in _OURS)
    return Consumed(message.offset() or 0, _bytes(message.key()), _bytes(message.value()),
                    _number(headers.get("bytes")), _number(headers.get("epoch")), "marker" in headers,
                    max(0, message.timestamp()[1]) * NANOSECONDS_PER_MILLISECOND, others,
                    _bytes(headers.get("told")))


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _number(data: Any) -> int:
    return max(0, int(_NUMBER.unpack(data)[0])) if isinstance(data, bytes) and len(data) == _NUMBER.size else 0
