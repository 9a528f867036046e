"""Turns frames into frames that a broken, hostile or newer peer might send."""

import random
import struct
from collections.abc import Sequence

NASTY = (
    b"", b"-", b".", b"-.", b"e5", b"1e5", b"1E400", b"-1E400", b"1e-400", b"nan", b"NaN", b"inf", b"-inf", b"Infinity",
    b"Infinite", b"1_0", b"+1", b" 1", b"1 ", b"0x10", b"\xd9\xa1", b"2147483647", b"-2147483648",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"9" * 40, b"9" * 5000, b"0" * 300 + b"1",
    b"-0", b"-0.0", b"0E-324",
    b"0E+300", b"1.7976931348623157E308", b"4.9E-324", b"1" + b"0" * 39, b"0." + b"0" * 39 + b"1", b"true", b"false",
    b"True", b"\x01", b"\x7f", b"\xff\xfe", b"\xed\xa0\x80", b"\\u0000", b"\\ud800", b"\\u00e9\\", b"BAG", b"PEG BENCH",
    b"-1", b"1000000000000", b"7",
)
"""What a field may be replaced by."""


class Mutator:
    """Mutates frames by ``rng``; ``frames`` are the others that a splice takes from."""

    def __init__(self, rng: random.Random, frames: Sequence[bytes]) -> None:
        self._rng = rng
        self._frames = frames
        self._ways = (self._flip, self._cut, self._insert, self._splice, self._replace, self._replace, self._move,
                      self._repeat, self._drop, self._swap, self._nul)

    def mutated(self, frame: bytes) -> bytes:
        """Return ``frame`` after one to three changes; one in sixty lies about its length."""
        payload = frame[4:]
        for _ in range(self._rng.choice((1, 1, 1, 2, 3))):
            payload = self._rng.choice(self._ways)(payload)
        length = len(payload)
        if self._rng.randrange(60) == 0:
            length = self._rng.choice((0, length + 1, max(0, length - 1), 0xFFFFFF, 0x1000000, 0xFFFFFFFF,
                                       self._rng.randrange(2000)))
        return struct.pack(">I", length) + payload

    def _at(self, payload: bytes) -> int:
        return self._rng.randrange(len(payload) + 1)

    def _flip(self, payload: bytes) -> bytes:
        changed = bytearray(payload)
        for _ in range(self._rng.choice((1, 1, 2, 8))):
            if changed:
                changed[self._rng.randrange(len(changed))] ^= 1 << self._rng.randrange(8)
        return bytes(changed)

    def _cut(self, payload: bytes) -> bytes:
        return payload[: self._at(payload)]

    def _insert(self, payload: bytes) -> bytes:
        at = self._at(payload)
        return payload[:at] + self._rng.randbytes(self._rng.choice((1, 2, 20))) + payload[at:]

    def _splice(self, payload: bytes) -> bytes:
        other = self._rng.choice(self._frames)[4:]
        return payload[: self._at(payload)] + other[self._at(other) :]

    def _nul(self, payload: bytes) -> bytes:
        at = self._at(payload)
        return payload[:at] + b"\0" * self._rng.choice((1, 1, 3)) + payload[at:]

    def _fields(self, payload: bytes) -> tuple[list[bytes], int]:
        fields = payload.split(b"\0")
        return fields, self._rng.randrange(len(fields))

    def _replace(self, payload: bytes) -> bytes:
        fields, at = self._fields(payload)
        fields[at] = self._rng.choice(NASTY)
        return b"\0".join(fields)

    def _move(self, payload: bytes) -> bytes:
        fields, at = self._fields(payload)
        fields.insert(self._rng.randrange(len(fields)), fields.pop(at))
        return b"\0".join(fields)

    def _repeat(self, payload: bytes) -> bytes:
        fields, at = self._fields(payload)
        return b"\0".join(fields[:at] + [fields[at]] * self._rng.choice((2, 2, 50)) + fields[at + 1 :])

    def _drop(self, payload: bytes) -> bytes:
        fields, at = self._fields(payload)
        del fields[at]
        return b"\0".join(fields)

    def _swap(self, payload: bytes) -> bytes:
        fields, at = self._fields(payload)
        other = self._rng.randrange(len(fields))
        fields[at], fields[other] = fields[other], fields[at]
        return b"\0".join(fields)
