"""What the codec refuses."""

VERSION_MIN = 157
"""The oldest server version spoken: the newest that the last text-only official client knows."""
VERSION_MAX = 178
"""The newest: above it the layouts are not known here."""

_SHOWN_MAX = 80


class WireError(ValueError):
    """Bytes that are no message, or a value that may not go on the wire.

    The message names the record, the field, the value found and what is allowed. Nothing was changed by it: a frame is
    decoded whole or not at all.
    """


def refused(name: str, value: object, allowed: str) -> WireError:
    """Return the error for ``value`` in the field ``name``."""
    # A huge int's repr is refused by Python itself, and no error needs a megabyte of text.
    shown = f"an int of {value.bit_length()} bits" if isinstance(value, int) and value.bit_length() > 256 else (
        repr(value[:_SHOWN_MAX]) if isinstance(value, str | bytes) else repr(value))
    shown = shown if len(shown) <= _SHOWN_MAX else shown[: _SHOWN_MAX - 3] + "..."
    return WireError(f"{name} is {shown}; allowed: {allowed}")
