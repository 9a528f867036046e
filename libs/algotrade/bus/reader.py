"""Reads one topic partition message by message; what does not decode goes to the dead-letter topic, counted."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from algotrade.bus.codec import Frame, Schema, Undecodable, decode, encode_value
from algotrade.bus.port import Bus, Message, Outgoing
from algotrade.bus.topics import DEAD_SUFFIX

T = TypeVar("T")

DEAD_VALUE_BYTES_MAX = 1 << 20
"""So much of an undecodable message is kept; ``DeadLetter.size_bytes`` tells how much there was."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, tag="dead_letter"):
    """A message that ``reader`` could not decode, with where it stood and why.

    ``reason`` is one word (``codec.Undecodable``), ``detail`` the sentence for people. May be there twice: a reader
    that restarts meets the message again.
    """

    topic: str
    partition: int
    position: int
    reader: str
    reason: str
    detail: str
    size_bytes: int
    value: bytes


class Received(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One decoded message and where it stood."""

    position: int
    key: bytes
    origin_time_ns: int
    value: T


class TopicReader(Generic[T]):
    """Reads ``topic`` from ``position`` on, for ``group``; ``parse`` takes each frame apart.

    ``parse`` raises ``Undecodable`` for what it does not take (``codec.values_of``, ``codec.records_of``). Such a
    message goes durably to the dead-letter topic before the reader moves past it: nothing is skipped silently.

    ``position``  of the next message that ``read`` looks at: what belongs into a snapshot
    ``dead``      reason -> number of messages sent to the dead-letter topic by this object
    """

    def __init__(self, bus: Bus, topic: str, parse: Callable[[Frame], T], *, group: str, position: int = 0,
                 partition: int = 0) -> None:
        self._bus = bus
        self._topic = topic
        self._parse = parse
        self._group = group
        self._partition = partition
        self.position = position
        self.dead: dict[str, int] = {}

    def read(self, messages_max: int) -> list[Received[T]]:
        """Return what decodes of the next ``messages_max`` messages; an empty list only where the log ends.

        Raises what ``Bus.read`` and, for dead letters, ``Bus.append`` raise.
        """
        while messages := self._bus.read(self._topic, self.position, messages_max=messages_max,
                                         partition=self._partition):
            received = []
            for message in messages:
                try:
                    frame = decode(message.value)
                    received.append(
                        Received(message.position, message.key, frame.origin_time_ns, self._parse(frame)))
                except Undecodable as error:
                    self._bury(message, error)
            self.position = messages[-1].position + 1
            if received:
                return received
        return []

    def _bury(self, message: Message, error: Undecodable) -> None:
        letter = DeadLetter(
            topic=self._topic, partition=self._partition, position=message.position, reader=self._group,
            reason=error.reason, detail=error.detail, size_bytes=len(message.value),
            value=message.value[:DEAD_VALUE_BYTES_MAX],
        )
        self._bus.append(self._topic + DEAD_SUFFIX,
                         [Outgoing(message.key, encode_value(Schema.DEAD_LETTER, letter))])
        self.dead[error.reason] = self.dead.get(error.reason, 0) + 1
