"""Reads one topic partition message by message; what does not decode goes to the dead-letter topic, counted."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from algotrade.bus.codec import Frame, Undecodable, decode
from algotrade.bus.dead_letters import DeadLetters
from algotrade.bus.port import Bus

T = TypeVar("T")


class Received(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One decoded message and where it stood; ``is_replayed``: a dead letter that comes again, late."""

    position: int
    key: bytes
    origin_time_ns: int
    value: T
    is_replayed: bool = False


class TopicReader(Generic[T]):
    """Reads ``topic`` from ``position`` on, for ``group``; ``parse`` takes each frame apart.

    ``parse`` raises ``Undecodable`` for what it does not take (``codec.values_of``, ``codec.records_of``). Such a
    message goes durably to the dead-letter topic before the reader moves past it: nothing is skipped silently.

    ``position``  of the next message that ``read`` looks at: what belongs into a snapshot
    ``buries``    False: of who only looks; what does not decode is passed over and counted
    """

    def __init__(self, bus: Bus, topic: str, parse: Callable[[Frame], T], *, group: str, position: int = 0,
                 partition: int = 0, buries: bool = True) -> None:
        self._bus = bus
        self._topic = topic
        self._parse = parse
        self._partition = partition
        self._letters = DeadLetters(bus, topic, partition, group, buries=buries)
        self.position = position

    @property
    def dead(self) -> dict[str, int]:
        """Return how many messages were sent to the dead-letter topic by this object, by reason."""
        return self._letters.counts

    def read(self, messages_max: int) -> list[Received[T]]:
        """Return what decodes of the next ``messages_max`` messages; an empty list only where the log ends.

        Raises what ``Bus.read`` and, for dead letters, ``Bus.append`` raise.
        """
        while messages := self._bus.read(self._topic, self.position, messages_max=messages_max,
                                         partition=self._partition):
            received, undecodable = [], []
            for message in messages:
                if self._letters.has(message.position):
                    continue
                try:
                    frame = decode(message.value)
                    received.append(Received(message.position, message.key, frame.origin_time_ns, self._parse(frame),
                                             frame.is_replayed))
                except Undecodable as error:
                    undecodable.append((message, error))
            self._letters.bury(undecodable)
            self.position = messages[-1].position + 1
            if received:
                return received
        return []
