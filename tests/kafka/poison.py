"""A stranger with a producer of its own, and what it puts on the topics of a run. None of it is a message of ours."""

import random
import struct
import zlib

import numpy as np

from algotrade.bus import DeadLetter, Schema, decode, encode, encode_records
from algotrade.bus.dead_letters import letter_of
from algotrade.bus.kafka import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Appender
from algotrade.bus.kafka.records import Record
from algotrade.bus.topics import PLANES, TOPICS
from algotrade.domain import LAYOUTS, Kind

LEADERS = [f"leader.{plane}" for plane in PLANES]
CONTROL = ["promises", *LEADERS]
DEAD = [name for name in TOPICS if name.endswith(".dead")]
READ = [name for name in TOPICS if name not in DEAD]

_RANDOM = random.Random(7)  # noqa: S311 -- poison, no secret


def _framed(schema, version, body=b"body", flags=0):
    """Return a frame whose checksum holds, whatever it announces."""
    head = struct.pack("<HHHHI", 0xA17B, schema, version, flags, len(body))
    origin = struct.pack("<q", 1)
    return head + struct.pack("<I", zlib.crc32(head + origin + body)) + origin + body


def _falling_quotes():
    array = np.zeros(2, dtype=LAYOUTS[Kind.QUOTE])
    array["sequence"] = [9, 8]
    return encode_records(Kind.QUOTE, array)


POISON = {
    "empty but for its key": b" ",
    "bad magic": b"\x00\x01" + encode(Schema.INTENT, b"x")[2:],
    "a version that nobody has": _framed(Schema.INTENT, 999),
    "a schema that nobody has": _framed(77, 1),
    "flags that nobody has": _framed(Schema.REPORT, 1, flags=0x8000),
    "truncated": encode(Schema.REPORT, b"x" * 100)[:60],
    "a body that is no value": encode(Schema.JOURNAL, b"\xc1"),
    "another one's schema": encode(Schema.DEAD_LETTER, b"\x80"),
    "quotes in no order": _falling_quotes(),
    "text that is not UTF-8": b"\x83\xa6writer\xa1\xff\xa6values\x80\xa4ends\x90",
    "random": _RANDOM.randbytes(500),
    "1 MiB": _RANDOM.randbytes(1 << 20),
}
HEADERS = (("trace", b"\x01\x02"), ("empty", b""))


class Stranger:
    """Writes to the topics of the run at ``bus``, with headers of its own and without ours."""

    def __init__(self, bus):
        self.address = KafkaAddress.parse(bus, {})
        self._appender = Appender(self.address, KafkaAccess())
        self.written = {}

    def put(self, topics, poison=POISON):
        """Append all of ``poison`` to each topic, and note under (topic, position) what was put where."""
        # The broker itself refuses what is larger than a segment: of promises that is 1 MiB with all that is around it.
        rows = [(topic, Record(b"stranger", value[:1_000_000] if topic == "promises" else value, 0, headers=HEADERS))
                for topic in topics for value in poison.values()]
        offsets = self._appender.append(
            ((f"{self.address.run}.{topic}", 0), record) for topic, record in rows)
        self.written |= {(topic, offset): record.value for (topic, record), offset in zip(rows, offsets, strict=True)}

    def close(self):
        self._appender.close()


def letters_on(bus):
    """Return every dead letter, each with its key."""
    found: list[tuple[bytes, DeadLetter]] = []
    for name in DEAD:
        at, _ = bus.bounds(name)
        while messages := bus.read(name, at, messages_max=64):
            at = messages[-1].position + 1
            found += [(message.key, letter) for message in messages if (letter := _letter(message.value))]
    return found


def _letter(value):
    return letter_of(decode(value)) if value not in POISON.values() else None
