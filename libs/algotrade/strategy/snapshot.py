"""The bytes of a strategy's state, headed by what they belong to."""

import msgspec

_LENGTH_BYTES = 4


class StateMismatch(ValueError):
    """A state belongs to another strategy, run, layout or parameters than the one that shall go on from it."""


class StateOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a state belongs to. ``layout`` and ``parameters`` are digests; equal digests mean equal content.

    The run is part of it because a pending order's reports carry their run: another run would wait for ever.
    """

    strategy: str
    run: str
    layout: str
    parameters: str


def seal(of: StateOf, body: bytes) -> bytes:
    """Return ``body`` headed by ``of``: 4 bytes length of the header, little-endian, header, body."""
    header = msgspec.msgpack.encode(of)
    return len(header).to_bytes(_LENGTH_BYTES, "little") + header + body


def unseal(of: StateOf, data: bytes) -> bytes:
    """Return the body of ``data``, which must be headed by ``of``."""
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    try:
        found = msgspec.msgpack.decode(data[_LENGTH_BYTES:end], type=StateOf)
    except msgspec.MsgspecError as error:
        raise StateMismatch(f"state of {len(data)} bytes has no readable header: {error}") from error
    for field in of.__struct_fields__:
        ours, theirs = getattr(of, field), getattr(found, field)
        if ours != theirs:
            raise StateMismatch(f"{field} of the state is {theirs!r}; allowed: {ours!r}, as {of.strategy!r} has")
    return data[end:]
