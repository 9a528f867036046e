"""Dead letters appended again, once there is software that can read them: at the end of their topic, flagged.

A replayed message is late, and its readers know it by its flag (``codec.REPLAYED``). What each makes of it is written
in docs/KAFKA.md; in short, it never trades, and what its reader does is a function of the log alone.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from algotrade.bus.codec import Frame, Undecodable, decode, replayed
from algotrade.bus.dead_letters import LETTERS_PER_READ, DeadLetter, letter_of
from algotrade.bus.port import Bus, Outgoing
from algotrade.bus.topics import DEAD_SUFFIX, Topic

Parses = Mapping[str, Callable[[Frame], object]]
"""Topic -> what takes its frames apart, as its readers do; the others cannot be replayed."""


class ReplayRefused(Exception):
    """A letter is not replayed, for a reason that the message names; nothing was changed."""


class Letter(msgspec.Struct, frozen=True):
    """A letter on a dead-letter topic: at ``position``, with the key of the message that it keeps."""

    position: int
    key: bytes
    letter: DeadLetter


def letters_on(bus: Bus, dead_topic: str) -> Iterator[Letter]:
    """Yield the letters on ``dead_topic``; what a stranger put among them is passed over."""
    position, _ = bus.bounds(dead_topic)
    while messages := bus.read(dead_topic, position, messages_max=LETTERS_PER_READ):
        position = messages[-1].position + 1
        for message in messages:
            try:
                yield Letter(message.position, message.key, letter_of(decode(message.value)))
            except Undecodable:
                continue


def replayable(kept: Letter, parses: Parses) -> Outgoing:
    """Return the message that ``kept`` becomes. Raises ``ReplayRefused``."""
    letter = kept.letter
    where = f"{letter.topic}/{letter.partition} position {letter.position}"
    if letter.topic not in parses:
        raise ReplayRefused(f"{where}: {letter.topic} is not replayed; allowed: {', '.join(parses)}")
    if not letter.is_whole:
        raise ReplayRefused(f"{where}: of {letter.size_bytes:,} bytes, key {letter.key_bytes:,}, the letter is "
                            f"truncated: it has {len(letter.value):,}, key {len(kept.key):,}")
    try:
        frame = decode(letter.value)
        parses[letter.topic](frame)
    except Undecodable as error:
        raise ReplayRefused(f"{where} still does not decode: {error}") from error
    return Outgoing(kept.key, replayed(frame))


def letter_of_topic(kept: Letter, topic: str) -> Letter:
    """Return ``kept``. Raises ``ReplayRefused`` where it names another topic."""
    if kept.letter.topic != topic:
        raise ReplayRefused(f"letter {kept.position} is of {kept.letter.topic}, not of {topic}")
    return kept


def topic_of(dead_topic: str, table: Mapping[str, Topic], parses: Parses) -> Topic:
    """Return the row of the topic whose letters ``dead_topic`` takes. Raises ``ReplayRefused``."""
    topic = table.get(dead_topic.removesuffix(DEAD_SUFFIX))
    if not dead_topic.endswith(DEAD_SUFFIX) or topic is None or topic.name not in parses:
        raise ReplayRefused(f"{dead_topic}: nothing of it is replayed; allowed: "
                            f"{', '.join(name + DEAD_SUFFIX for name in parses)}")
    return topic
