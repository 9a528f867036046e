"""Dead letters of a bus appended again: what ``algotrade bus dead replay`` does."""

import os
from typing import Any

import msgspec

from algotrade.bus import TOPICS, BusError, Schema, bus_at, values_of
from algotrade.bus.market import MARKET_TOPICS
from algotrade.bus.market_reader import rising_records
from algotrade.bus.port import Outgoing
from algotrade.bus.replay import Letter, Parses, ReplayRefused, letter_of_topic, letters_on, replayable, topic_of
from algotrade.domain import OrderIntent, Report
from algotrade_runners.replay_time import INTENTS_TOPIC, REPORTS_TOPIC

_INTENT: Any = OrderIntent  # a union of tagged structs: msgspec takes it, type checkers call it no type
_REPORT: Any = Report

PARSES: Parses = {
    **{topic: rising_records(kind) for kind, topic in MARKET_TOPICS.items()},
    INTENTS_TOPIC: values_of(Schema.INTENT, _INTENT),
    REPORTS_TOPIC: values_of(Schema.REPORT, _REPORT),
}
"""Not the journal, which only says what its plane did; not snapshots, whose last one would become the newest state; not
what was quarantined, which nobody reads."""


class Replayed(msgspec.Struct, frozen=True):
    """A line for each message that was appended again, and for each that was refused."""

    replayed: tuple[str, ...]
    refused: tuple[str, ...]


def replay_letters(address: str, dead_topic: str, position: int | None) -> Replayed:
    """Append the letter at ``position`` of ``dead_topic`` again, or each of its messages once (None).

    Raises ``BusError`` where the bus cannot be written.
    """
    place = bus_at(address, os.environ)
    if not place.exists():
        raise BusError(f"{place} holds no bus; allowed: one that a run has made")
    try:
        topic = topic_of(dead_topic, TOPICS, PARSES)
    except ReplayRefused as error:
        return Replayed((), (str(error),))
    bus = place.open_for_people(topic.writer)
    try:
        wanted = [kept for kept in letters_on(bus, dead_topic) if position in (None, kept.position)]
        if not wanted and position is not None:
            return Replayed((), (f"{dead_topic} position {position}: there is no letter",))
        messages, refused = _sorted_out(wanted, topic.name)
        appended = bus.append(topic.name, [message for _, message in messages]) if messages else []
    finally:
        bus.close()
    return Replayed(tuple(
        f"{dead_topic} {kept.position}: {topic.name}/{kept.letter.partition} position {kept.letter.position} -> {at}"
        for (kept, _), at in zip(messages, appended, strict=True)), tuple(refused))


def _sorted_out(wanted: list[Letter], topic: str) -> tuple[list[tuple[Letter, Outgoing]], list[str]]:
    """Return what can be appended, in the order of its log, and why the rest cannot."""
    messages, refused = [], []
    # Each of a topic's readers has a letter of its own; the message is one.
    first = {(kept.letter.partition, kept.letter.position): kept for kept in reversed(wanted)}
    for _, kept in sorted(first.items()):
        try:
            messages.append((kept, replayable(letter_of_topic(kept, topic), PARSES)))
        except ReplayRefused as error:
            refused.append(str(error))
    return messages, refused
