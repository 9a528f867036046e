"""The frame around every message, and its two kinds of body: records (numpy) and values (msgpack).

A message is a little-endian header of 24 bytes and a body:

    offset  type  field
         0  u16   magic, 0xA17B
         2  u16   schema, ``Schema``
         4  u16   version of the schema, from 1
         6  u16   flags: bit 0 REPLAYED, a dead letter that was appended again by people (``dead_letters``); others 0
         8  u32   length of the body, bytes, at most 16 MiB
        12  u32   CRC-32 (zlib) of everything else: the header without this field, then the body
        16  i64   origin_time_ns: when the market data behind this message was published, ns since 1970 UTC by the
                  host's clock; 0 = none
        24        body

The checksum covers the header too: one flipped bit in ``schema`` would otherwise turn quotes into bars. A reader
accepts the current version of a schema and the one before it.
"""

import functools
import struct
import zlib
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

import msgspec
import numpy as np

from algotrade.domain.market import LAYOUT_VERSION, LAYOUTS, Kind, Records

MAGIC = 0xA17B
BODY_BYTES_MAX = 16 << 20

REPLAYED = 1
"""Flag: the message was appended again, after somebody could not decode it. It is late, and its writer's no more."""

_HEAD = struct.Struct("<HHHHI")
_CHECKSUM = struct.Struct("<I")
_ORIGIN = struct.Struct("<q")
_HEADER = struct.Struct("<HHHHIIq")
HEADER_BYTES = _HEADER.size

T = TypeVar("T")


class Schema(IntEnum):
    """What a body holds. A number is never used again for something else."""

    QUOTES = 1
    TRADES = 2
    BARS = 3
    INTENT = 10
    JOURNAL = 11
    REPORT = 12
    MERGE = 13
    SNAPSHOT = 20
    DEAD_LETTER = 30


VERSIONS: dict[Schema, int] = {
    Schema.QUOTES: LAYOUT_VERSION,
    Schema.TRADES: LAYOUT_VERSION,
    Schema.BARS: LAYOUT_VERSION,
    Schema.INTENT: 1,
    Schema.JOURNAL: 1,
    Schema.REPORT: 1,
    Schema.MERGE: 1,
    Schema.SNAPSHOT: 1,
    Schema.DEAD_LETTER: 1,
}
"""The version that is written. The one before it is read as well; before version 1 there is none."""

SCHEMA_OF_KIND: dict[Kind, Schema] = {Kind.QUOTE: Schema.QUOTES, Kind.TRADE: Schema.TRADES, Kind.BAR: Schema.BARS}

RECORD_LAYOUTS: dict[tuple[Schema, int], np.dtype[np.void]] = {
    (schema, LAYOUT_VERSION): LAYOUTS[kind] for kind, schema in SCHEMA_OF_KIND.items()
}
"""The layout of every version that is read. A new version adds its rows and the conversion of the old ones."""


class Undecodable(ValueError):
    """A message is not what it should be. ``reason`` is one word of few, fit for a metric's label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A message whose header and checksum hold. ``body`` is a view of the message's bytes, not a copy."""

    schema: Schema
    version: int
    origin_time_ns: int
    body: memoryview
    flags: int = 0

    @property
    def is_replayed(self) -> bool:
        """Tell whether the message was appended again (``REPLAYED``)."""
        return bool(self.flags & REPLAYED)


def encode(schema: Schema, body: Any, origin_time_ns: int = 0) -> bytes:
    """Return the message that carries ``body`` (any contiguous bytes) in the current version of ``schema``."""
    length = memoryview(body).nbytes
    assert length <= BODY_BYTES_MAX, f"{schema.name} body of {length} bytes; allowed: {BODY_BYTES_MAX}"
    return _framed(_HEAD.pack(MAGIC, schema, VERSIONS[schema], 0, length), origin_time_ns, body)


def replayed(frame: Frame) -> bytes:
    """Return the message of ``frame`` with the flag ``REPLAYED``; its version stays what it is."""
    head = _HEAD.pack(MAGIC, frame.schema, frame.version, frame.flags | REPLAYED, len(frame.body))
    return _framed(head, frame.origin_time_ns, frame.body)


def _framed(head: bytes, origin_time_ns: int, body: Any) -> bytes:
    origin = _ORIGIN.pack(origin_time_ns)
    checksum = zlib.crc32(body, zlib.crc32(origin, zlib.crc32(head)))
    return b"".join((head, _CHECKSUM.pack(checksum), origin, body))


def decode(value: bytes) -> Frame:
    """Return the frame of ``value``; raises ``Undecodable`` for whatever is not exactly right."""
    if len(value) < HEADER_BYTES:
        raise Undecodable("short", f"{len(value)} bytes; a header has {HEADER_BYTES}")
    magic, schema_id, version, flags, length, checksum, origin_time_ns = _HEADER.unpack_from(value)
    if magic != MAGIC:
        raise Undecodable("magic", f"message begins with {magic:#06x}, not with {MAGIC:#06x}")
    if length > BODY_BYTES_MAX:
        raise Undecodable("oversize", f"body of {length} bytes; allowed: {BODY_BYTES_MAX}")
    view = memoryview(value)
    body = view[HEADER_BYTES:]
    if length != len(body):
        raise Undecodable("length", f"header announces {length} bytes, {len(body)} follow")
    if checksum != zlib.crc32(body, zlib.crc32(view[16:24], zlib.crc32(view[:12]))):
        raise Undecodable("checksum", f"CRC-32 {checksum:#010x} does not hold")
    if schema_id not in _SCHEMAS:
        raise Undecodable("schema", f"schema id {schema_id} is unknown")
    schema = _SCHEMAS[schema_id]
    if version not in accepted_versions(schema) or flags & ~REPLAYED:
        raise Undecodable("version", f"version {version} (flags {flags:#x}) of {schema.name}; read: "
                                     f"{', '.join(map(str, accepted_versions(schema)))}")
    return Frame(schema, version, origin_time_ns, body, flags)


_SCHEMAS = {int(schema): schema for schema in Schema}


def accepted_versions(schema: Schema) -> tuple[int, ...]:
    """Return the versions of ``schema`` that are read: the current one, and the one before where it exists."""
    current = VERSIONS[schema]
    return (current, current - 1) if current > 1 else (current,)


def encode_records(kind: Kind, array: Records, origin_time_ns: int = 0) -> bytes:
    """Return the message that carries ``array``, which has the layout of ``kind``."""
    assert array.dtype == LAYOUTS[kind], f"records of {kind.name} have layout {array.dtype}"
    return encode(SCHEMA_OF_KIND[kind], np.ascontiguousarray(array).view(np.uint8), origin_time_ns)


def decode_records(frame: Frame) -> Records:
    """Return the records of ``frame``: a read-only view of its bytes. Raises ``Undecodable``."""
    layout = RECORD_LAYOUTS.get((frame.schema, frame.version))
    if layout is None:
        raise Undecodable("schema", f"{frame.schema.name} version {frame.version} holds no records")
    if len(frame.body) % layout.itemsize:
        raise Undecodable("layout", f"{len(frame.body)} bytes are no whole number of {layout.itemsize}-byte records")
    return np.frombuffer(frame.body, dtype=layout)


def encode_value(schema: Schema, value: msgspec.Struct, origin_time_ns: int = 0) -> bytes:
    """Return the message that carries ``value``; ``Decimal`` stays exact."""
    return encode(schema, _ENCODER.encode(value), origin_time_ns)


_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")


def decode_value(frame: Frame, of: Any) -> Any:
    """Return the value of ``frame``, of type ``of`` (a struct, or a union of tagged ones). Raises ``Undecodable``."""
    try:
        return decode_bare(frame.body, of)
    except Undecodable as error:
        raise Undecodable(error.reason, f"{frame.schema.name}: {error.detail}") from error


def decode_bare(body: bytes | memoryview, of: Any) -> Any:
    """Return the value in ``body``, which has no frame around it; as ``decode_value``."""
    try:
        return _decoder(of).decode(body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        # ValueError: text that is not UTF-8. ArithmeticError: a Decimal beyond its limits.
        raise Undecodable("value", str(error)) from error


@functools.cache
def _decoder(of: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(of)


def records_of(kind: Kind) -> Callable[[Frame], Records]:
    """Return the function that takes a frame of ``kind``'s records apart, and raises ``Undecodable`` for others."""
    schema = SCHEMA_OF_KIND[kind]

    def parse(frame: Frame) -> Records:
        _check_schema(frame, schema)
        return decode_records(frame)

    return parse


def values_of(schema: Schema, of: type[T]) -> Callable[[Frame], T]:
    """Return the function that takes a frame of ``schema``'s values apart, and raises ``Undecodable`` for others."""

    def parse(frame: Frame) -> T:
        _check_schema(frame, schema)
        value: T = decode_value(frame, of)
        return value

    return parse


def _check_schema(frame: Frame, schema: Schema) -> None:
    if frame.schema is not schema:
        raise Undecodable("schema", f"{frame.schema.name} where {schema.name} belongs")
