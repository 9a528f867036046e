"""Frames: a length in four bytes, big-endian, and as many bytes of fields, each ended by a NUL."""

import struct

from algotrade.ibkr.wire.errors import WireError

FRAME_BYTES_MAX = 0xFFFFFF
"""The longest message that the broker's own API takes; a longer one is a broken or hostile stream."""

_LENGTH = struct.Struct(">I")


def framed(payload: bytes) -> bytes:
    """Return ``payload`` with its length before it; one above ``FRAME_BYTES_MAX`` is a ``WireError``."""
    if len(payload) > FRAME_BYTES_MAX:
        raise WireError(f"a frame of {len(payload)} bytes; allowed: up to {FRAME_BYTES_MAX}")
    return _LENGTH.pack(len(payload)) + payload


class Splitter:
    """Cuts a stream of bytes, however it was cut on its way, into the payloads of its frames.

    Keeps at most one unfinished frame. After a ``WireError`` the stream is of no more use: where the next frame would
    begin is not known, and every further call raises.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._wanted = 4

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the payloads that they complete, in order.

        A length above ``FRAME_BYTES_MAX`` is a ``WireError`` at once, before its bytes are waited for; so is an empty
        frame. What was complete before it is returned first, and the next call raises.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return []
            data = bytes(self._rest)
        payloads: list[bytes] = []
        append, unpack = payloads.append, _LENGTH.unpack_from
        at, end, self._wanted = 0, len(data), 4
        while (begin := at + 4) <= end:
            (length,) = unpack(data, at)
            if not 0 < length <= FRAME_BYTES_MAX:
                if payloads:
                    break
                self._rest = bytearray(data[at:begin])
                raise WireError(f"a frame of {length} bytes; allowed: 1 to {FRAME_BYTES_MAX}")
            stop = begin + length
            if stop > end:
                self._wanted = 4 + length
                break
            append(data[begin:stop])
            at = stop
        self._rest = bytearray(data[at:])
        return payloads
