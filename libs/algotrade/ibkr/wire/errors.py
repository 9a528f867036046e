"""What the codec refuses."""

VERSION_MIN = 157
"""The oldest server version spoken: the newest that the last text-only official client knows."""
VERSION_MAX = 178
"""The newest: above it the layouts are not known here."""


class WireError(ValueError):
    """Bytes that are no message, or a value that may not go on the wire.

    The message names the record, the field, the value found and what is allowed. Nothing was changed by it: a frame is
    decoded whole or not at all.
    """
