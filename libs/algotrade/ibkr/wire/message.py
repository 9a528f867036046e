"""What every message is."""

from typing import ClassVar

import msgspec

from algotrade.ibkr.wire.layout import Layout


class Message(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """A message: its number on the wire, and the version of its own that stands behind it, where it has one.

    Arrays to msgspec, because that is how messages of plain numbers are read fast: see ``plain``.
    """

    ID: ClassVar[int]
    VERSION: ClassVar[int | None] = None
    LAYOUT: ClassVar[Layout | None] = None


class Answer(Message, frozen=True, kw_only=True):
    """What the server tells."""


class Request(Message, frozen=True, kw_only=True):
    """What a client asks."""
