"""The kinds of field: how each is written, and what is taken for one.

Records say what their fields are by these names: ``req_id: Int``, ``limit: MaybeDecimal``. "Maybe" kinds may be unset:
None here, empty on the wire, and the largest int or double where a server spells it out.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from algotrade.ibkr.wire.errors import WireError

UNSET_INT = b"2147483647"
UNSET_DOUBLE = Decimal("1.7976931348623157E308")
INT_MAX = 2**63 - 1
TEXT_MAX = 1_000_000

_INT = re.compile(rb"-?[0-9]{1,19}")
_NUMBER = re.compile(rb"-?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_PLACES_MAX = 60
"""Decimal places and digits that a number may span: no price or size needs more, and a huge one fills memory."""
_INFINITE = {b"Infinity", b"Infinite"}


class Kind(NamedTuple):
    """One kind of field. ``decode`` and ``encode`` take the value and the field's name, for the error."""

    name: str
    decode: Callable[[bytes, str], Any]
    encode: Callable[[Any, str], str]


def _refused(name: str, value: object, allowed: str) -> WireError:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return WireError(f"{name} is {shown}; allowed: {allowed}")


def decode_int(raw: bytes, name: str) -> int:
    """Return a whole number of at most 64 bits."""
    if _INT.fullmatch(raw):
        value = int(raw)
        if -INT_MAX <= value <= INT_MAX:
            return value
    raise _refused(name, raw, "a whole number")


def decode_maybe_int(raw: bytes, name: str) -> int | None:
    """Return a whole number, None where it is not set."""
    return None if not raw or raw == UNSET_INT else decode_int(raw, name)


def decode_decimal(raw: bytes, name: str) -> Decimal:
    """Return a finite number, exactly as it was written."""
    if _NUMBER.fullmatch(raw):
        value = Decimal(raw.decode())
        _, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int), "what the pattern takes is finite"
        if len(digits) <= _PLACES_MAX and exponent >= -_PLACES_MAX and exponent + len(digits) <= _PLACES_MAX:
            return value
        # How a zero, or a limit of double precision, may be spelled by who prints doubles.
        if not value or value == UNSET_DOUBLE:
            return Decimal(0) if not value else UNSET_DOUBLE
    raise _refused(name, raw, "a finite number")


def decode_maybe_decimal(raw: bytes, name: str) -> Decimal | None:
    """Return a finite number, None where it is not set."""
    if not raw:
        return None
    value = decode_decimal(raw, name)
    return None if value == UNSET_DOUBLE else value


def decode_offset(raw: bytes, name: str) -> Decimal | None:
    """Return a number, which may be infinite, None where it is not set."""
    return Decimal("Infinity") if raw in _INFINITE else decode_maybe_decimal(raw, name)


def decode_float(raw: bytes, name: str) -> float:
    """Return a finite number, the nearest double."""
    if _NUMBER.fullmatch(raw):
        value = float(raw)
        if math.isfinite(value):
            return value
    raise _refused(name, raw, "a finite number")


def decode_maybe_float(raw: bytes, name: str) -> float | None:
    """Return a finite number, None where it is not set."""
    if not raw:
        return None
    value = decode_float(raw, name)
    return None if value == float(UNSET_DOUBLE) else value


def decode_flag(raw: bytes, name: str) -> bool:
    """Return a truth value; an empty field is false."""
    if raw in {b"1", b"true"}:
        return True
    if raw in {b"0", b"", b"false"}:
        return False
    raise _refused(name, raw, "0 or 1")


def decode_text(raw: bytes, name: str) -> str:
    """Return text: UTF-8, or Latin-1 as older servers write it. Control characters are refused."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _checked_text(text, name)


def _checked_text(text: str, name: str) -> str:
    if text.isprintable() or not any(c < " " and c not in "\n\r\t" for c in text):
        if len(text) <= TEXT_MAX:
            return text
        raise _refused(name, text, f"up to {TEXT_MAX} characters")
    raise _refused(name, text, "text without control characters")


def encode_int(value: Any, name: str) -> str:
    """Write a whole number; nothing but an int is one."""
    if type(value) is int and -INT_MAX <= value <= INT_MAX:
        return str(value)
    raise _refused(name, value, "an int of at most 64 bits")


def encode_decimal(value: Any, name: str) -> str:
    """Write a finite ``Decimal``, never as a power of ten."""
    if type(value) is Decimal and value.is_finite() and -_PLACES_MAX <= value.adjusted() <= _PLACES_MAX:
        return format(value, "f")
    raise _refused(name, value, "a finite Decimal")


def encode_offset(value: Any, name: str) -> str:
    """Write a ``Decimal`` that may be infinite."""
    if value is None:
        return ""
    return "Infinite" if value == Decimal("Infinity") else encode_decimal(value, name)


def encode_float(value: Any, name: str) -> str:
    """Write a finite float, so that reading it back gives the same; a whole one without a point."""
    if type(value) is float and math.isfinite(value):
        return repr(value).removesuffix(".0")  # ibapi 9.81 reads sizes as integers
    raise _refused(name, value, "a finite float")


def encode_flag(value: Any, name: str) -> str:
    """Write a truth value; nothing but a bool is one."""
    if value is True:
        return "1"
    if value is False:
        return "0"
    raise _refused(name, value, "a bool")


def encode_text(value: Any, name: str) -> str:
    """Write text without control characters."""
    if type(value) is str:
        return _checked_text(value, name)
    raise _refused(name, value, "a str")


def _maybe(encode: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    def encode_maybe(value: Any, name: str) -> str:
        return "" if value is None else encode(value, name)

    return encode_maybe


INT = Kind("int", decode_int, encode_int)
MAYBE_INT = Kind("maybe_int", decode_maybe_int, _maybe(encode_int))
DECIMAL = Kind("decimal", decode_decimal, encode_decimal)
MAYBE_DECIMAL = Kind("maybe_decimal", decode_maybe_decimal, _maybe(encode_decimal))
OFFSET = Kind("offset", decode_offset, encode_offset)
FLOAT = Kind("float", decode_float, encode_float)
MAYBE_FLOAT = Kind("maybe_float", decode_maybe_float, _maybe(encode_float))
FLAG = Kind("flag", decode_flag, encode_flag)
TEXT = Kind("text", decode_text, encode_text)

Int = Annotated[int, INT]
MaybeInt = Annotated[int | None, MAYBE_INT]
Number = Annotated[Decimal, DECIMAL]
MaybeNumber = Annotated[Decimal | None, MAYBE_DECIMAL]
Offset = Annotated[Decimal | None, OFFSET]
Float = Annotated[float, FLOAT]
MaybeFloat = Annotated[float | None, MAYBE_FLOAT]
Flag = Annotated[bool, FLAG]
Text = Annotated[str, TEXT]
