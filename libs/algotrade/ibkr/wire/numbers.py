"""Numbers on the wire: how they are written, and what is taken for one."""

import math
import re
from decimal import Decimal
from typing import Any

from algotrade.ibkr.wire.errors import refused

UNSET_INT = 2**31 - 1
UNSET_DOUBLE_TEXT = "1.7976931348623157E308"
UNSET_DOUBLE = float(UNSET_DOUBLE_TEXT)
INT_MAX = 2**63 - 1

PLACES_MAX = 40
"""Digits on either side of a number's point: no price or size needs more, and a huge one fills memory."""
FLOAT_BYTES_MAX = 400
"""The longest spelling of a double that is read: the largest and the smallest need some 330 digits."""

_INT = re.compile(rb"-?0{0,200}[0-9]{1,19}")
_FLOAT = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DECIMAL = re.compile(rb"-?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_UNSET_DOUBLE = re.compile(rb"1\.7976931348623157[eE]\+?308")
_INFINITE = {b"Infinity", b"Infinite"}
_WHOLE_MAX = 1e15
"""Up to here every whole double is exact, and shorter without an exponent."""


def decode_int(raw: bytes, name: str) -> int:
    """Return a whole number of at most 64 bits."""
    if _INT.fullmatch(raw):
        value = int(raw)
        if -INT_MAX <= value <= INT_MAX:
            return value
    raise refused(name, raw, "a whole number of at most 64 bits")


def decode_maybe_int(raw: bytes, name: str) -> int | None:
    """Return a whole number, None where it is not set."""
    if not raw:
        return None
    value = decode_int(raw, name)
    return None if value == UNSET_INT else value


def decode_decimal(raw: bytes, name: str) -> Decimal:
    """Return a finite number, exactly as it was written."""
    if _DECIMAL.fullmatch(raw):
        value = Decimal(raw.decode())
        if _fits(value):
            return value
        if not value:  # "0E-324", as who prints doubles may spell it
            return Decimal(0)
    raise refused(name, raw, "a finite number")


def decode_maybe_decimal(raw: bytes, name: str) -> Decimal | None:
    """Return a finite number, None where it is not set."""
    return None if not raw or _UNSET_DOUBLE.fullmatch(raw) else decode_decimal(raw, name)


def decode_offset(raw: bytes, name: str) -> Decimal | None:
    """Return a number, which may be infinite, None where it is not set."""
    return Decimal("Infinity") if raw in _INFINITE else decode_maybe_decimal(raw, name)


def decode_float(raw: bytes, name: str) -> float:
    """Return a finite number, the nearest double."""
    if len(raw) <= FLOAT_BYTES_MAX and _FLOAT.fullmatch(raw):
        value = float(raw)
        if math.isfinite(value):
            return value
    raise refused(name, raw, "a finite number")


def decode_maybe_float(raw: bytes, name: str) -> float | None:
    """Return a finite number, None where it is not set."""
    if not raw:
        return None
    value = decode_float(raw, name)
    return None if value == UNSET_DOUBLE else value


def encode_int(value: Any, name: str) -> str:
    """Write a whole number; nothing but an int is one."""
    if type(value) is int and -INT_MAX <= value <= INT_MAX:
        return str(value)
    raise refused(name, value, "an int of at most 64 bits")


def encode_decimal(value: Any, name: str) -> str:
    """Write a finite ``Decimal``, never as a power of ten."""
    if type(value) is Decimal and value.is_finite() and _fits(value):
        return format(value, "f")
    raise refused(name, value, f"a finite Decimal of up to {PLACES_MAX} digits on either side of its point")


def encode_offset_asked(value: Any, name: str) -> str:
    """Write a ``Decimal`` that may be infinite, as clients do."""
    return _encode_offset(value, name, "Infinite")


def encode_offset_told(value: Any, name: str) -> str:
    """Write a ``Decimal`` that may be infinite, as servers do."""
    return _encode_offset(value, name, "Infinity")


def _encode_offset(value: Any, name: str, infinite: str) -> str:
    if value is None:
        return ""
    if type(value) is Decimal and value.is_infinite() and value > 0:
        return infinite
    return encode_decimal(value, name)


def encode_float(value: Any, name: str) -> str:
    """Write a finite float, so that reading it back gives the same."""
    if type(value) is float and math.isfinite(value):
        return str(int(value)) if value.is_integer() and -_WHOLE_MAX < value < _WHOLE_MAX else repr(value)
    raise refused(name, value, "a finite float")


def _fits(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "asked of finite numbers alone"
    # A zero's exponent would write that many zeros.
    above = exponent if not value and exponent > 0 else value.adjusted() + 1
    return exponent >= -PLACES_MAX and above <= PLACES_MAX
