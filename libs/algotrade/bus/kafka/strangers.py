"""Records of strangers on the topics that only Kafka has (promises, leaders): kept out, counted, buried."""

from collections.abc import Callable

from algotrade.bus.codec import Undecodable
from algotrade.bus.dead_letters import DeadLetters
from algotrade.bus.kafka.names import whole_name
from algotrade.bus.kafka.records import Consumed, Lane
from algotrade.bus.port import Bus, Message
from algotrade.bus.topics import CONTROL_DEAD

WAITING_MAX = 1_024
"""Letters that wait to be appended; what comes beyond is counted only."""


class Strangers:
    """What came on the control topics of ``run`` and does not decode.

    ``reader``  the plane that buries it; None, who only looks, only passes over it
    ``count``   how many there were
    """

    def __init__(self, bus: Bus, reader: str | None, run: str) -> None:
        self._bus = bus
        self._reader = reader
        self._run = run
        self._waiting: list[tuple[str, int, Message, Undecodable]] = []
        self._letters: dict[tuple[str, int], DeadLetters] = {}
        self.count = 0

    def kept_out(self, lane: Lane, take: Callable[[Consumed], None]) -> Callable[[Consumed], None]:
        """Return ``take`` as one that raises nothing for what it cannot decode."""
        topic, partition = lane[0].removeprefix(whole_name(self._run, "")), lane[1]

        def guarded(record: Consumed) -> None:
            try:
                take(record)
            except Undecodable as error:
                self.count += 1
                if self._reader is not None and len(self._waiting) < WAITING_MAX:
                    message = Message(record.offset, record.key, record.value, record.headers)
                    self._waiting.append((topic, partition, message, error))

        return guarded

    def bury(self) -> None:
        """Append letters for what came. Not while records are being taken in: it reads and appends itself."""
        if not self._waiting or CONTROL_DEAD not in self._bus.topics():
            return
        found: dict[tuple[str, int], list[tuple[Message, Undecodable]]] = {}
        for topic, partition, message, error in self._waiting:
            found.setdefault((topic, partition), []).append((message, error))
        self._waiting = []
        for (topic, partition), some in found.items():
            letters = self._letters.get((topic, partition))
            if letters is None:
                assert self._reader is not None, "who only looks buries nothing"
                letters = self._letters[topic, partition] = DeadLetters(
                    self._bus, topic, partition, self._reader, dead_topic=CONTROL_DEAD)
            letters.bury(some)
