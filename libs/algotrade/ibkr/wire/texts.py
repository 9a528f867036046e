"""Text and truth values on the wire."""

import re
from typing import Any

from algotrade.ibkr.wire.errors import refused

TEXT_MAX = 1_000_000
"""The longest text, in characters."""

_NOT_PRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters but tab and line ends, and halves of characters, which no encoding has."""
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")


def decode_text(raw: bytes, name: str) -> str:
    """Return text: UTF-8, or Latin-1 as older servers write it. Control characters are refused."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _checked(text, name)


def decode_ascii(raw: bytes, name: str) -> str:
    """Return text of ASCII alone, as requests are."""
    if raw.isascii():
        return _checked(raw.decode("ascii"), name)
    raise refused(name, raw, "ASCII")


def decode_escaped(raw: bytes, name: str) -> str:
    r"""Return text whose \\uXXXX stand for characters; whatever else a backslash precedes stays as it is."""
    text = decode_text(raw, name)
    if "\\" not in text:
        return text
    return _checked(_ESCAPE.sub(_unescaped, text), name)


def decode_flag(raw: bytes, name: str) -> bool:
    """Return a truth value; an empty field is false."""
    if raw in {b"1", b"true"}:
        return True
    if raw in {b"0", b"", b"false"}:
        return False
    raise refused(name, raw, "0 or 1")


def encode_text(value: Any, name: str) -> str:
    """Write text without control characters."""
    if type(value) is str:
        return _checked(value, name)
    raise refused(name, value, "a str")


def encode_ascii(value: Any, name: str) -> str:
    """Write text of ASCII alone: the server takes no other in a request."""
    text = encode_text(value, name)
    if text.isascii():
        return text
    raise refused(name, value, "ASCII")


def encode_escaped(value: Any, name: str) -> str:
    r"""Write text as ASCII, every other character and the backslash as \\uXXXX."""
    text = encode_text(value, name)
    if text.isascii() and "\\" not in text:
        return text
    return "".join(c if c.isascii() and c != "\\" else _escaped(c) for c in text)


def encode_flag(value: Any, name: str) -> str:
    """Write a truth value; nothing but a bool is one."""
    if value is True:
        return "1"
    if value is False:
        return "0"
    raise refused(name, value, "a bool")


def _checked(text: str, name: str) -> str:
    if not text.isprintable() and _NOT_PRINTABLE.search(text):
        raise refused(name, text, "text without control characters")
    if len(text) > TEXT_MAX:
        raise refused(name, text, f"up to {TEXT_MAX} characters")
    return text


def _escaped(character: str) -> str:
    """Return the escapes of one character: two beyond the first 65,536."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _unescaped(escapes: re.Match[str]) -> str:
    """Return the characters of a run of escapes; the run itself where it has half a character."""
    try:
        return bytes.fromhex(escapes[0].replace("\\u", "")).decode("utf-16-be")
    except UnicodeDecodeError:
        return escapes[0]
