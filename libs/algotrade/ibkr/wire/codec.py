"""One server version's messages, both ways."""

from collections.abc import Mapping

from algotrade.ibkr.wire.answers import ANSWERS
from algotrade.ibkr.wire.compiling import Decode, Encode, compiled
from algotrade.ibkr.wire.errors import VERSION_MAX, VERSION_MIN, WireError
from algotrade.ibkr.wire.frames import framed
from algotrade.ibkr.wire.message import Answer, Message, Request
from algotrade.ibkr.wire.requests import REQUESTS


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
        self._answers = {b"%d" % m.ID: m for m in ANSWERS}
        self._requests = {b"%d" % m.ID: m for m in REQUESTS}
        self._answer_decoders: dict[bytes, Decode] = {}
        self._request_decoders: dict[bytes, Decode] = {}
        self._encoders: dict[type[Message], Encode] = {}

    def decode_answer(self, payload: bytes) -> Answer:
        """Return what the server told by ``payload``."""
        fields = payload.split(b"\0")
        decode = self._answer_decoders.get(fields[0])
        if decode is None:
            decode = self._decoder(self._answers, self._answer_decoders, fields[0], "answer")
        return decode(payload, fields)  # type: ignore[return-value]  # the table holds answers alone

    def decode_request(self, payload: bytes) -> Request:
        """Return what a client asked by ``payload``."""
        fields = payload.split(b"\0")
        decode = self._request_decoders.get(fields[0])
        if decode is None:
            decode = self._decoder(self._requests, self._request_decoders, fields[0], "request")
        return decode(payload, fields)  # type: ignore[return-value]  # the table holds requests alone

    def encode(self, message: Message) -> bytes:
        """Return ``message`` as a frame. A client's is ASCII: anything else is refused."""
        encode = self._encoders.get(type(message))
        if encode is None:
            encode = self._encoders[type(message)] = compiled(type(message), self.version)[1]
        return framed(encode(message).encode())

    def _decoder(
        self, known: Mapping[bytes, type[Message]], decoders: dict[bytes, Decode], wire_id: bytes, what: str,
    ) -> Decode:
        message = known.get(wire_id)
        if message is None:
            raise WireError(f"{what} id is {wire_id[:20]!r}; allowed: the {len(known)} ids of docs/WIRE.md")
        decode = decoders[wire_id] = compiled(message, self.version)[0]
        return decode
