"""The fast way to read answers of plain numbers: nearly all of a market's ticks.

A ``Codec`` tries it first. Such a payload becomes the text of a JSON array by one translation of its bytes, which
msgspec reads into the record, checking types, range and count, in a third of the time of a walk over the fields. JSON's
numbers are fewer than the protocol's: what is anything else, or is not read, goes the strict way, whose word is final.
"""

import functools
from collections.abc import Callable

import msgspec

from algotrade.ibkr.wire.answers import ANSWERS
from algotrade.ibkr.wire.kinds import FLOAT, INT, INT_0, MAYBE_FLOAT
from algotrade.ibkr.wire.layout import Field, at_version, layout_of, members
from algotrade.ibkr.wire.message import Answer

PLAIN_BYTES_MAX = 200
"""Longer payloads go the strict way: no plain number is longer."""

TO_JSON = bytes(ord(",") if b == 0 else b if b in b"0123456789.-" else ord("!") for b in range(256))
"""What bytes become: a NUL, which ends a field, a comma; one that no plain number has, what makes the text no JSON."""


@functools.cache
def plain_readers(version: int) -> dict[bytes, Callable[[bytes], Answer]]:
    """Return msgspec's readers of the plain answers at server ``version``, by the four bytes they begin with.

    These are an id of one digit and the message's own version: the two ticks that most of a market is, and few more.
    """
    starts = {b"%d\0%d\0" % (m.ID, m.VERSION or 0): m for m in ANSWERS if _is_plain(m, version)}
    return {start: msgspec.json.Decoder(m).decode for start, m in starts.items() if len(start) == 4}


def _is_plain(message: type[Answer], version: int) -> bool:
    """Tell whether ``message`` is one number after another, in the order of its attributes, none of them left out."""
    own = members(message)
    named = [item.path if isinstance(item, Field) else "" for item in at_version(layout_of(message), version)]
    return message.VERSION is not None and bool(own) and named == list(own) and all(
        m.kind in (INT, INT_0, FLOAT, MAYBE_FLOAT) and m.default is msgspec.NODEFAULT for m in own.values())
