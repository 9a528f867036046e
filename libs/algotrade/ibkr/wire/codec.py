"""One server version's messages, both ways."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from algotrade.ibkr.wire.answers import ANSWERS
from algotrade.ibkr.wire.compiling import Decode, Encode, compiled
from algotrade.ibkr.wire.errors import VERSION_MAX, VERSION_MIN, WireError
from algotrade.ibkr.wire.frames import framed
from algotrade.ibkr.wire.message import Answer, Message, Request
from algotrade.ibkr.wire.plain import PLAIN_BYTES_MAX, TO_JSON, plain_readers
from algotrade.ibkr.wire.requests import REQUESTS

M = TypeVar("M", bound=Message)


class Codec:
    """Encodes and decodes the messages of server ``version``; another version is a ``WireError``.

    A client decodes answers and encodes requests, a server the other way round. A message is compiled when it is first
    met. Payloads are what ``Splitter`` returns; encoded messages come with their length. Decoding is strict: what the
    layout does not have, be it an id, a count of fields or text in a number, is a ``WireError`` and never a message.
    """

    def __init__(self, version: int) -> None:
        if not VERSION_MIN <= version <= VERSION_MAX:
            raise WireError(f"server version is {version}; allowed: {VERSION_MIN} to {VERSION_MAX}")
        self.version = version
        self._plain = plain_readers(version)
        self._answers: dict[bytes, type[Answer]] = {b"%d" % m.ID: m for m in ANSWERS}
        self._requests: dict[bytes, type[Request]] = {b"%d" % m.ID: m for m in REQUESTS}
        self._answer_decoders: dict[bytes, Decode[Answer]] = {}
        self._request_decoders: dict[bytes, Decode[Request]] = {}
        self._encoders: dict[type[Message], Encode] = {}

    def decode_answer(self, payload: bytes) -> Answer:
        """Return what the server told by ``payload``."""
        # Ids of one digit with their own version are four bytes: most of a market's ticks begin so.
        read = self._plain.get(payload[:4])
        if read is not None and not payload[-1] and len(payload) <= PLAIN_BYTES_MAX:
            try:
                return read(b"[" + payload[4:-1].translate(TO_JSON) + b"]")
            except msgspec.DecodeError:
                pass  # the strict way says why, if it does not read it
        return self._decoded(payload, self._answers, self._answer_decoders, "answer")

    def decode_request(self, payload: bytes) -> Request:
        """Return what a client asked by ``payload``."""
        return self._decoded(payload, self._requests, self._request_decoders, "request")

    def encode(self, message: Message) -> bytes:
        """Return ``message`` as a frame. A client's is ASCII: anything else is refused."""
        encode = self._encoders.get(type(message))
        if encode is None:
            encode = self._encoders[type(message)] = compiled(type(message), self.version)[1]
        return framed(encode(message).encode())

    def _decoded(
        self, payload: bytes, known: Mapping[bytes, type[M]], decoders: dict[bytes, Decode[M]], what: str,
    ) -> M:
        fields = payload.split(b"\0")
        wire_id = fields[0]
        decode = decoders.get(wire_id)
        if decode is None:
            message = known.get(wire_id)
            if message is None:
                raise WireError(f"{what} id is {wire_id[:20]!r}; allowed: the {len(known)} ids of docs/WIRE.md")
            decode = decoders[wire_id] = compiled(message, self.version)[0]
        return decode(fields)
