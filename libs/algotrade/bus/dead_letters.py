"""What could not be decoded: kept with where it stood and why, once per reader, and never in the way.

What was dead stays dead at its position: a reader that starts again passes over what its letters name, also where newer
software could read it. Otherwise a restart would do what the run before it did not, and the log would say so. A letter
comes again by being replayed (``replay``), at the end of its topic.
"""

from collections.abc import Sequence

import msgspec

from algotrade.bus.codec import Schema, Undecodable, decode, encode_value, values_of
from algotrade.bus.port import Bus, Message, Outgoing
from algotrade.bus.topics import DEAD_SUFFIX

DEAD_VALUE_BYTES_MAX = 1 << 20
"""So much of an undecodable message is kept; ``DeadLetter.size_bytes`` tells how much there was."""

DEAD_KEY_BYTES_MAX = 64 << 10
"""The same for its key. Ours have a dozen bytes."""

DEAD_HEADERS_BYTES_MAX = 64 << 10
"""The same for all headers together; what does not fit is left out."""

BYTES_PER_APPEND_MAX = 8 << 20
"""Letters of one read are appended together up to this: a storm of damage must not cost an append each."""

LETTERS_PER_READ = 64


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, tag="dead_letter"):
    """A message that ``reader`` could not decode, with where it stood and why.

    ``reason`` is one word (``codec.Undecodable``), ``detail`` the sentence for people. The letter's own key is that of
    the message, and ``headers`` are what the message carried besides, on a body that has them. May be there twice:
    where two processes of one plane came by at the same moment.
    """

    topic: str
    partition: int
    position: int
    reader: str
    reason: str
    detail: str
    size_bytes: int
    value: bytes
    key_bytes: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Tell whether all of the message was kept."""
        return self.size_bytes == len(self.value) and self.key_bytes <= DEAD_KEY_BYTES_MAX


letter_of = values_of(Schema.DEAD_LETTER, DeadLetter)
"""Takes the frame of a dead letter apart."""


class DeadLetters:
    """Buries what ``reader`` cannot decode of one topic partition.

    ``counts``      reason -> number of messages buried by this object
    ``buries``      False: only counts, for who only looks, and where there is no topic for the letters
    ``dead_topic``  where they go, if not to the topic's own
    """

    def __init__(self, bus: Bus, topic: str, partition: int, reader: str, *, buries: bool = True,
                 dead_topic: str = "") -> None:
        self._bus = bus
        self._topic, self._partition = topic, partition
        self._reader = reader
        self._dead_topic = dead_topic or topic + DEAD_SUFFIX
        self._buries = buries and self._dead_topic in bus.topics()
        self._buried: set[int] = set()
        self._looked_to: int | None = None
        self.counts: dict[str, int] = {}

    def has(self, position: int) -> bool:
        """Tell whether the message at ``position`` is known to be buried: before this object was made, or since."""
        if self._looked_to is None and self._buries:
            self._look()
        return position in self._buried

    def bury(self, found: Sequence[tuple[Message, Undecodable]]) -> None:
        """Append letters for ``found``, durably. Raises what ``Bus.append`` raises."""
        if found and self._buries:
            # Another process of this plane, which leads or follows, may have come by here first.
            self._look()
            found = [(message, error) for message, error in found if message.position not in self._buried]
        letters: list[Outgoing] = []
        size_bytes = 0
        for message, error in found:
            letters.append(outgoing_letter(self._topic, self._partition, self._reader, message, error))
            size_bytes += len(letters[-1].key) + len(letters[-1].value)
            if size_bytes >= BYTES_PER_APPEND_MAX:
                self._append(letters)
                letters, size_bytes = [], 0
        self._append(letters)
        for _, error in found:
            self.counts[error.reason] = self.counts.get(error.reason, 0) + 1

    def _append(self, letters: list[Outgoing]) -> None:
        if letters and self._buries:
            self._bus.append(self._dead_topic, letters)

    def _look(self) -> None:
        """Note the positions that this reader's letters name, as far as the dead-letter topic goes back."""
        oldest, _ = self._bus.bounds(self._dead_topic)
        at = max(oldest, self._looked_to or 0)
        while messages := self._bus.read(self._dead_topic, at, messages_max=LETTERS_PER_READ):
            at = messages[-1].position + 1
            for message in messages:
                try:
                    letter = letter_of(decode(message.value))
                except Undecodable:
                    continue  # A stranger's among the letters: it says nothing, and has no letter of its own.
                if (letter.topic, letter.partition, letter.reader) == (self._topic, self._partition, self._reader):
                    self._buried.add(letter.position)
        self._looked_to = at


def outgoing_letter(topic: str, partition: int, reader: str, message: Message, error: Undecodable) -> Outgoing:
    """Return the letter that keeps ``message``, as far as the bounds let it."""
    headers, room = [], DEAD_HEADERS_BYTES_MAX
    for name, value in message.headers:
        room -= len(name) + len(value)
        if room >= 0:
            headers.append((name, value))
    letter = DeadLetter(
        topic=topic, partition=partition, position=message.position, reader=reader, reason=error.reason,
        detail=error.detail, size_bytes=len(message.value), value=message.value[:DEAD_VALUE_BYTES_MAX],
        key_bytes=len(message.key), headers=tuple(headers))
    return Outgoing(message.key[:DEAD_KEY_BYTES_MAX], encode_value(Schema.DEAD_LETTER, letter))
