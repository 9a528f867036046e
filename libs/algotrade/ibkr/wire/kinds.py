"""The kinds of field: how each is written, and what is taken for one.

Records say what their fields are by these names: ``req_id: Int``, ``limit: MaybeNumber``. "Maybe" kinds may be unset:
None here, empty on the wire, and the largest int or double where a server spells it out. ``Int0``, ``Number0`` and
their like have a value of their own for an empty field, because servers leave such fields empty and clients take that
value for it.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import msgspec

from algotrade.ibkr.wire.errors import refused
from algotrade.ibkr.wire.numbers import (
    INT_MAX,
    UNSET_DOUBLE,
    UNSET_DOUBLE_TEXT,
    UNSET_INT,
    decode_decimal,
    decode_float,
    decode_int,
    decode_maybe_decimal,
    decode_maybe_float,
    decode_maybe_int,
    decode_offset,
    encode_decimal,
    encode_float,
    encode_int,
    encode_offset_asked,
    encode_offset_told,
)
from algotrade.ibkr.wire.texts import (
    decode_ascii,
    decode_escaped,
    decode_flag,
    decode_text,
    encode_ascii,
    encode_escaped,
    encode_flag,
    encode_text,
)

Decoder = Callable[[bytes, str], Any]
Encoder = Callable[[Any, str], str]


class Kind(NamedTuple):
    """One kind of field. ``decode`` and ``encode`` take the value and the field's name, for the error.

    ``decode_asked`` and ``encode_asked`` serve requests, where these write or allow something else.
    """

    name: str
    decode: Decoder
    encode: Encoder
    decode_asked: Decoder | None = None
    encode_asked: Encoder | None = None


def _maybe(encode: Encoder, unset: float | None = None, spelt: str = "") -> Encoder:
    """Return ``encode`` that writes None as ``spelt``, and refuses ``unset``, which would be read as None."""

    def encode_maybe(value: Any, name: str) -> str:
        if value is None:
            return spelt
        if unset is not None and value == unset:
            raise refused(name, value, "None where it is not set")
        return encode(value, name)

    return encode_maybe


def _int_or(empty: int) -> Decoder:
    def decode(raw: bytes, name: str) -> int:
        return decode_int(raw, name) if raw else empty

    return decode


def _int_of(*allowed: int) -> Kind:
    """Return the kind of a number that says which fields follow: another one cannot be read past."""
    listed = ", ".join(map(str, allowed))

    def decode(raw: bytes, name: str) -> int:
        value = decode_int(raw, name)
        if value not in allowed:
            raise refused(name, value, listed)
        return value

    def encode(value: Any, name: str) -> str:
        if value not in allowed:
            raise refused(name, value, listed)
        return encode_int(value, name)

    return Kind(f"int_of_{'_'.join(map(str, allowed))}", decode, encode)


def _decimal_or_zero(raw: bytes, name: str) -> Decimal:
    value = decode_maybe_decimal(raw, name)
    return Decimal(0) if value is None else value


INT = Kind("int", decode_int, encode_int)
INT_0 = Kind("int_0", _int_or(0), encode_int)
INT_1 = Kind("int_1", _int_or(1), encode_int)
INT_MINUS_1 = Kind("int_minus_1", _int_or(-1), encode_int)
TICK_TYPE = _int_of(1, 2, 3, 4)
CONDITION_KIND = _int_of(1, 3, 4, 5, 6, 7)
MAYBE_INT = Kind("maybe_int", decode_maybe_int, _maybe(encode_int, UNSET_INT))
NUMBER = Kind("number", decode_decimal, encode_decimal)
NUMBER_0 = Kind("number_0", _decimal_or_zero, encode_decimal)
MAYBE_NUMBER = Kind("maybe_number", decode_maybe_decimal, _maybe(encode_decimal))
SPELT_NUMBER = Kind("spelt_number", decode_maybe_decimal, _maybe(encode_decimal, spelt=UNSET_DOUBLE_TEXT))
OFFSET = Kind("offset", decode_offset, encode_offset_told, encode_asked=encode_offset_asked)
FLOAT = Kind("float", decode_float, encode_float)
MAYBE_FLOAT = Kind("maybe_float", decode_maybe_float, _maybe(encode_float, UNSET_DOUBLE))
SPELT_FLOAT = Kind("spelt_float", decode_maybe_float, _maybe(encode_float, UNSET_DOUBLE, UNSET_DOUBLE_TEXT))
FLAG = Kind("flag", decode_flag, encode_flag)
TEXT = Kind("text", decode_text, encode_text, decode_ascii, encode_ascii)
ESCAPED = Kind("escaped", decode_escaped, encode_escaped)

# Where msgspec reads the numbers, it holds them to what decode_int does.
_64_BITS = msgspec.Meta(ge=-INT_MAX, le=INT_MAX)

Int = Annotated[int, INT, _64_BITS]
"""A whole number of at most 64 bits."""
Int0 = Annotated[int, INT_0, _64_BITS]
"""The same; an empty field is 0."""
Int1 = Annotated[int, INT_1]
"""The same; an empty field is 1."""
IntMinus1 = Annotated[int, INT_MINUS_1]
"""The same; an empty field is -1."""
TickType = Annotated[int, TICK_TYPE]
"""Which shape a tick has: last (1), all last (2), bid and ask (3), midpoint (4)."""
ConditionKind = Annotated[int, CONDITION_KIND]
"""Which shape a condition has: price (1), time (3), margin (4), execution (5), volume (6), percent change (7)."""
MaybeInt = Annotated[int | None, MAYBE_INT]
"""A whole number; empty or 2147483647 is None."""
Number = Annotated[Decimal, NUMBER]
"""A finite number, exactly as it was written, of at most 40 digits on either side of its point."""
Number0 = Annotated[Decimal, NUMBER_0]
"""The same; empty or the largest double is 0."""
MaybeNumber = Annotated[Decimal | None, MAYBE_NUMBER]
"""The same; empty or the largest double is None."""
SpeltNumber = Annotated[Decimal | None, SPELT_NUMBER]
"""The same, but None is written as the largest double: clients take an empty field for 0 here, or fail."""
Offset = Annotated[Decimal | None, OFFSET]
"""A number that may be infinite: clients write "Infinite", servers "Infinity"; either is read."""
Float = Annotated[float, FLOAT]
"""A finite number as the nearest double; a whole one is written without a point, as old clients read sizes."""
MaybeFloat = Annotated[float | None, MAYBE_FLOAT]
"""The same; empty or the largest double is None."""
FloatWhere = Annotated[float | None, FLOAT]
"""A finite number in those shapes of a message that have it, None in the others."""
SpeltFloat = Annotated[float | None, SPELT_FLOAT]
"""As ``SpeltNumber``, as the nearest double."""
Flag = Annotated[bool, FLAG]
"""A truth value: 1 or 0; "true", "false" and empty, which is false, are read too."""
Text = Annotated[str, TEXT]
"""Text without control characters: UTF-8, or Latin-1 as old servers write it; ASCII alone in requests."""
Escaped = Annotated[str, ESCAPED]
r"""Text that travels as ASCII: every other character, and the backslash, as \\uXXXX."""
