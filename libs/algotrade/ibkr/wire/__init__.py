"""The TWS API's text protocol, server versions 157 to 178, both directions, as typed records.

Written from the layouts that clients write and accept on the wire; no code of the broker's is in it. Above 178 the
protocol changes its framing (message ids become binary), so it is refused rather than guessed.
"""

from algotrade.ibkr.wire.codec import Codec
from algotrade.ibkr.wire.errors import VERSION_MAX, VERSION_MIN, WireError
from algotrade.ibkr.wire.frames import FRAME_BYTES_MAX, Splitter, framed
from algotrade.ibkr.wire.message import Answer, Message, Request

__all__ = [
    "FRAME_BYTES_MAX", "VERSION_MAX", "VERSION_MIN", "Answer", "Codec", "Message", "Request", "Splitter", "WireError",
    "framed",
]
