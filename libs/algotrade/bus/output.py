"""How a plane goes on publishing after a restart: it says again what it had said, and the log is the witness.

A restored plane reads its inputs once more from where its snapshot stood, and so makes again what it had published
behind it. ``RepeatingOutput`` holds each regenerated message against the log and appends only what the log does not
have yet. A difference means that the plane is not deterministic: our bug, and an assertion, before anything wrong
goes out.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec

from algotrade.bus.codec import Frame, Schema, Undecodable, decode, encode_value
from algotrade.bus.dead_letters import DeadLetters
from algotrade.bus.port import Bus, BusError, Lease, Message, Outgoing

MESSAGES_PER_READ_MAX = 256
PENDING_MAX = 1 << 20
"""Messages between two flushes; more than that is a plane that has lost its way."""


class RepeatingOutput:
    """The output of a plane on a ``shard`` of ``topic``, its partition, which only this plane writes.

    ``position`` is what the snapshot holds, 0 without one. The log is read lazily from there, in bounded chunks, and
    compared without ``origin_time_ns``, which is a time of day. Consecutive identical messages in the log count as
    one: the copy is an append that was repeated because its acknowledgement was lost. What no reader of the topic takes
    is none of ours: a stranger's, it is passed over and goes to the dead-letter topic. So is a replayed letter passed
    over.

    ``parse``     takes a frame of the topic apart as its readers do; raises ``Undecodable``. None: all frames do
    ``plane``     under whose name dead letters are written; "": none are
    ``repeated``  messages found in the log and not appended again
    ``appended``  messages appended
    """

    def __init__(self, bus: Bus, topic: str, *, position: int = 0, shard: int = 0,
                 parse: Callable[[Frame], object] | None = None, plane: str = "") -> None:
        self._bus = bus
        self._topic = topic
        self._shard = shard
        self._position = position
        self._read_to = position
        self._parse = parse
        self._letters = DeadLetters(bus, topic, shard, plane, buries=bool(plane))
        self._pending: deque[Outgoing] = deque()
        self._ahead: deque[Message] = deque()
        self._previous: Outgoing | None = None
        self._passed_over: int | None = None
        self._exhausted = False
        self._started = False
        self.repeated = 0
        self.appended = 0

    @property
    def position(self) -> int:
        """Return the position behind everything that was flushed: what belongs into a snapshot."""
        assert not self._pending, f"{len(self._pending)} messages for {self._topic} are not flushed"
        return self._position

    def send(self, key: bytes, schema: Schema, value: msgspec.Struct, *, origin_time_ns: int = 0) -> None:
        """Keep ``value`` for the next ``flush``."""
        assert len(self._pending) < PENDING_MAX, f"{self._topic}: {PENDING_MAX} messages without a flush"
        assert self._bus.partition_for(self._topic, key) == self._shard, f"{self._topic}: {key!r} in {self._shard}"
        self._pending.append(Outgoing(key, encode_value(schema, value, origin_time_ns)))

    def flush(self, lease: Lease | None = None) -> None:
        """Find what was sent in the log, and append the rest of it in one append; durable on return.

        Raises what ``Bus.append`` raises, and keeps what was sent: call it again. Whether the failed append was kept
        after all does not matter, because the log is then looked at first.
        """
        flush_together(self._bus, [self], lease)

    def unlogged(self) -> list[Outgoing]:
        """Compare what was sent with the log; return what the log does not have, to be appended by the caller."""
        while self._pending and (message := self._next_logged()) is not None:
            self._compare(message)
        # Until the append is acknowledged the log may or may not have it.
        self._exhausted = self._exhausted and not self._pending
        return list(self._pending)

    def follow(self) -> None:
        """Compare what was sent with the log, to which another process appends; keep what it does not have yet."""
        self.unlogged()
        self.look_again()

    def look_again(self) -> None:
        """Expect more in the log than this object knows of: others may have appended."""
        self._exhausted = False

    def appended_at(self, positions: list[int]) -> None:
        """Note that what ``unlogged`` returned was appended."""
        if positions:
            self._exhausted = True
            self._position = self._read_to = positions[-1] + 1
            self._previous = self._pending[-1]
            self.appended += len(self._pending)
            self._pending.clear()

    @property
    def topic(self) -> str:
        """Return the topic's name."""
        return self._topic

    @property
    def dead(self) -> dict[str, int]:
        """Return how many strangers' messages were met, by reason."""
        return self._letters.counts

    def _next_logged(self) -> Message | None:
        """Return the next message of ours in the log that is not behind us, None once there is no more."""
        if self._exhausted:
            return None
        if not self._started:
            self._started = True
            self._remember_previous()
        while True:
            if not self._ahead:
                # Not from ``_position``: that stays behind the last one of ours, so that a restart finds it there.
                self._ahead.extend(self._bus.read(self._topic, self._read_to, messages_max=MESSAGES_PER_READ_MAX,
                                                  partition=self._shard))
            if not self._ahead:
                self._exhausted = True
                return None
            message = self._ahead.popleft()
            self._read_to = message.position + 1
            if self._is_ours(message):
                return message

    def _is_ours(self, message: Message) -> bool:
        if self._letters.has(message.position):
            return False
        try:
            frame = decode(message.value)
            if self._parse is not None:
                self._parse(frame)
        except Undecodable as error:
            self._letters.bury([(message, error)])
            self._passed_over = message.position
            return False
        # One that was replayed repeats what stood before: this plane never said it there, and will not say it there.
        return not frame.is_replayed

    def _remember_previous(self) -> None:
        """Look at the message before the snapshot's position: the first one behind it may be its copy."""
        oldest, following = self._bus.bounds(self._topic, self._shard)
        if oldest < self._position <= following:
            for message in self._bus.read(self._topic, self._position - 1, messages_max=1, partition=self._shard):
                self._previous = Outgoing(message.key, message.value)

    def _compare(self, logged: Message) -> None:
        found = (logged.key, _content(logged.value))
        expected = self._pending[0]
        if found == (expected.key, _content(expected.value)):
            self._previous = self._pending.popleft()
            self.repeated += 1
        elif self._previous is None or found != (self._previous.key, _content(self._previous.value)):
            if self._passed_over is not None:
                # Perhaps it was ours: then the log is damaged, and what it would witness is unknown.
                raise BusError(f"{self._topic} position {self._passed_over} does not decode, and position "
                               f"{logged.position} has {_shown(found)}, which is not what follows")
            raise AssertionError(
                f"{self._topic} position {logged.position}: the log has {_shown(found)}, "
                f"regenerated was {_shown((expected.key, _content(expected.value)))}")
        self._position = logged.position + 1
        self._passed_over = None


def _content(value: bytes) -> tuple[Schema, int, memoryview]:
    """Return what is compared of a message that is known to decode."""
    frame = decode(value)
    return frame.schema, frame.version, frame.body


def flush_together(bus: Bus, outputs: Sequence[RepeatingOutput], lease: Lease | None = None,
                   promises: Mapping[str, int] | None = None, *, soon: bool = False) -> None:
    """Flush ``outputs`` of one plane with one flush of the disk, in the order of cause and effect, then promise.

    ``soon``  nobody waits for these promises (``Bus.append_all``)
    """
    unlogged = [(output, output.unlogged()) for output in outputs]
    some = [(output, messages) for output, messages in unlogged if messages]
    if some or promises:
        appended = bus.append_all([(output.topic, messages) for output, messages in some], lease=lease,
                                  promises=promises, soon=soon)
        for (output, _), positions in zip(some, appended, strict=True):
            output.appended_at(positions)


def _shown(content: tuple[bytes, tuple[Schema, int, memoryview]]) -> str:
    key, (schema, version, body) = content
    return f"{schema.name} version {version} key {key!r} body {bytes(body[:200])!r}"
