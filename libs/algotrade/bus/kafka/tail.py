"""Reads partitions of a cluster as the bus port has it: from any position, and to the end that is known of."""

import contextlib
from collections import deque
from collections.abc import Callable

import msgspec

from algotrade.bus.kafka.client import REQUEST_S_MAX, Fetcher
from algotrade.bus.kafka.records import Consumed, End, Lane
from algotrade.bus.lag import age_s
from algotrade.bus.port import BusUnreachable, Message
from algotrade.bus.rules import check_position, shortened
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, SystemClock
from algotrade.telemetry import get_log

BUFFER_BYTES_MAX = 8 << 20
"""Of one partition, read but not asked for; then the cluster is not asked for more."""

_LOOK_S = 0.02

_PROBES, _PROBE_S = 20, 0.1
STUCK_S = 1.0
"""What is known to be there and has not come for so long may be no record at all: then the end is asked for."""


class Standing(msgspec.Struct, frozen=True):
    """How far the taker of one partition is behind.

    ``lag_messages``  known of and not taken; markers and void records still to be read count too
    ``lag_seconds``   age of the oldest of them, 0.0 where there is none. Of one that is still on its way only bounds
                      are known: it is younger than the one that came before it, and was known of since
    """

    lag_messages: int
    lag_seconds: float
    fetched_messages: int
    fetched_bytes: int


class _Tail:
    """One partition: what came and was not taken, and up to where it was read."""

    __slots__ = ("awaited_ns", "buffer", "bytes", "epoch", "fresh_from", "is_lost", "is_paused", "position", "reached",
                 "taken")

    def __init__(self, position: int, begin: int, epoch: int, awaited_ns: int, fresh_from: int) -> None:
        self.position = position
        """Records before it are looked at for their markers only."""
        self.fresh_from = fresh_from
        """Of records before it the promises that came with them are not heard, see ``Tails``."""
        self.reached = begin
        self.taken = position
        self.epoch = epoch
        self.buffer: deque[Message] = deque()
        self.awaited_ns = awaited_ns
        """What comes next is no older than this, should there be any."""
        self.bytes = 0
        self.is_paused = False
        self.is_lost = False


class Tails:
    """All partitions that one plane reads, over one consumer.

    ``floor``   tells (newest epoch before a position, offset to begin at), see ``epochs``
    ``prober``  makes a fetcher that tells ends
    ``hear``    takes promises that came with a record. Not those that lay in the log before it was read here: a log may
                have lost since what they speak of, and its writer is about to append that again
    ``voided``  records passed over because a newer epoch had begun
    """

    def __init__(self, fetcher: Fetcher, floor: Callable[[Lane, int], tuple[int, int]],
                 prober: Callable[[], Fetcher], hear: Callable[[bytes], None] = lambda _told: None) -> None:
        self._fetcher = fetcher
        self._hear = hear
        self._floor = floor
        self._prober = prober
        self._clock = SystemClock()
        self._tails: dict[Lane, _Tail] = {}
        self._ends: dict[Lane, int] = {}
        self._takers: dict[Lane, Callable[[Consumed], None]] = {}
        self._followed_to: dict[Lane, int] = {}
        self.voided = 0

    def follow(self, lane: Lane, offset: int, take: Callable[[Consumed], None]) -> None:
        """Hand every record of ``lane`` from ``offset`` on to ``take`` as it comes, instead of keeping it."""
        self._takers[lane] = take
        self._followed_to[lane] = offset
        self._fetcher.assign(lane, offset)

    def follow_to(self, lane: Lane, end: int) -> None:
        """Return once ``lane``, which is followed, was handed over up to ``end``."""
        self._drain_until(lane, lambda: self._followed_to[lane] >= end, f"{lane[0]}: what lies before position {end}")

    def knows_end(self, lane: Lane, end: int) -> None:
        """Note that ``lane`` goes to ``end`` at least: a read before it waits for what is on its way."""
        before = self._ends.get(lane, 0)
        if end > before:
            self._ends[lane] = end
            tail = self._tails.get(lane)
            if tail is not None and tail.reached >= before:
                tail.awaited_ns = self._clock.time_ns()

    def standings(self) -> dict[Lane, Standing]:
        """Return how far behind each partition's taker is. Called from any thread: it only reads what may move."""
        now_ns = self._clock.time_ns()
        return {lane: _standing(tail, self._ends.get(lane, 0), now_ns) for lane, tail in list(self._tails.items())}

    def read(self, name: str, lane: Lane, position: int, messages_max: int) -> list[Message]:
        """Return messages from ``position`` on; an empty list only where none is known of."""
        tail = self._tails.get(lane)
        if tail is None or tail.taken != position or tail.is_lost:
            tail = self._begin(name, lane, position)
        self.drain(0)
        end = self._ends.get(lane, 0)
        if not tail.buffer and tail.reached < end:
            tail = self._wait_for(name, lane, position, end)
        return self._take(lane, tail, messages_max)

    def _drain_until(self, lane: Lane, is_done: Callable[[], bool], what: str) -> None:
        """Take in what comes until ``is_done``; raises ``BusUnreachable`` where that takes too long."""
        begun_ns = self._clock.monotonic_ns()
        was_probed = False
        while not is_done():
            self.drain(_LOOK_S)
            waited_s = (self._clock.monotonic_ns() - begun_ns) / NANOSECONDS_PER_SECOND
            if waited_s > STUCK_S and not was_probed:
                was_probed = True
                self._probe(lane)
            if waited_s > REQUEST_S_MAX:
                raise BusUnreachable(f"{what} has not come in {REQUEST_S_MAX:.0f} s")

    def _probe(self, lane: Lane) -> None:
        """Find out whether the rest of ``lane`` is no records: the marks of a stranger's transaction take offsets too.

        A reader gets no word of them; only one that asks for the end of the partition does.
        """
        reached = self._tails[lane].reached if lane in self._tails else self._followed_to[lane]
        prober = self._prober()
        try:
            prober.assign(lane, reached)
            found = next((one for _ in range(_PROBES) for _, one in prober.fetch(_PROBE_S)), None)
        finally:
            prober.close()
        if isinstance(found, End):
            if lane in self._tails:
                self._tails[lane].reached = max(reached, found.offset)
            else:
                self._followed_to[lane] = max(reached, found.offset)

    def drain(self, timeout_s: float) -> bool:
        """Take in what has come, after waiting for the first of it; tell whether there was any."""
        came, gone = False, []
        for lane, record in self._fetcher.fetch(timeout_s):
            came = True
            take, tail = self._takers.get(lane), self._tails.get(lane)
            if take is not None:
                if isinstance(record, Consumed):
                    self._followed_to[lane] = record.offset + 1
                    take(record)
                elif record is None:
                    gone.append(lane)
            elif tail is not None:  # else it was dropped, and this was on its way
                if isinstance(record, Consumed):
                    self._came(lane, tail, record)
                elif record is None:
                    tail.is_lost = True
        for lane in gone:
            self._follow_again(lane)
        return came

    def _follow_again(self, lane: Lane) -> None:
        """Go on with a followed lane behind what retention has dropped: only the newest of its records matter."""
        low, _ = self._fetcher.bounds(lane)
        self._followed_to[lane] = max(low, self._followed_to[lane])
        self._fetcher.assign(lane, self._followed_to[lane])

    def drop(self, lane: Lane) -> None:
        """Read no more of ``lane``; what was fetched of it is forgotten."""
        if self._tails.pop(lane, None) is not None:
            self._fetcher.unassign(lane)

    def _wait_for(self, name: str, lane: Lane, position: int, end: int) -> _Tail:
        """Return the lane's tail once something of it came, or all up to ``end`` was passed over."""

        def is_here() -> bool:
            if self._tails[lane].is_lost:
                self._begin(name, lane, position)
            tail = self._tails[lane]
            return bool(tail.buffer) or tail.reached >= end

        try:
            self._drain_until(lane, is_here, f"{name}/{lane[1]}: what lies before position {end}")
        except BusUnreachable as error:
            _, high = self._fetcher.bounds(lane)
            if high < end:
                raise shortened(name, lane[1], end, high) from error
            raise
        return self._tails[lane]

    def _begin(self, name: str, lane: Lane, position: int) -> _Tail:
        low, high = self._fetcher.bounds(lane)
        check_position(name, lane[1], position, (low, high))
        if lane in self._tails and self._tails[lane].is_lost:
            # Where it now is within them, the log has perhaps been shortened and has grown again.
            get_log().warning("position_out_of_log", topic=name, partition=lane[1], position=position, begins=low,
                              ends=high)
        self.knows_end(lane, high)
        epoch, begin = self._floor(lane, position)
        begin = min(position, max(low, begin))
        tail = self._tails[lane] = _Tail(position, begin, epoch, self._clock.time_ns(), high)
        self._fetcher.assign(lane, begin)
        return tail

    def _came(self, lane: Lane, tail: _Tail, record: Consumed) -> None:
        if record.offset < tail.reached:
            return
        tail.reached = record.offset + 1
        tail.awaited_ns = record.appended_ns
        if record.is_marker:
            tail.epoch = max(tail.epoch, record.epoch)
        elif 0 < record.epoch < tail.epoch:
            self.voided += record.offset >= tail.position
        elif record.offset >= tail.position:
            message = Message(record.offset, record.key, record.value, record.headers, record.appended_ns)
            tail.buffer.append(message)
            tail.bytes += _weight_bytes(message)
            if record.told and record.offset >= tail.fresh_from:
                self._hear(record.told)
            if tail.bytes > BUFFER_BYTES_MAX and not tail.is_paused:
                self._fetcher.pause(lane)
                tail.is_paused = True

    def _take(self, lane: Lane, tail: _Tail, messages_max: int) -> list[Message]:
        buffer = tail.buffer
        messages = [buffer.popleft() for _ in range(min(messages_max, len(buffer)))]
        if messages:
            tail.taken = messages[-1].position + 1
            tail.bytes -= sum(_weight_bytes(message) for message in messages)
            if tail.is_paused and tail.bytes < BUFFER_BYTES_MAX // 2:
                self._fetcher.resume(lane)
                tail.is_paused = False
        return messages


def _standing(tail: _Tail, end: int, now_ns: int) -> Standing:
    fetched, unread = len(tail.buffer), max(0, end - tail.reached)
    oldest_ns = now_ns
    if fetched:
        with contextlib.suppress(IndexError):  # The plane has just taken the last one.
            oldest_ns = tail.buffer[0].appended_ns
    elif unread:
        oldest_ns = tail.awaited_ns
    return Standing(fetched + unread, age_s(oldest_ns, now_ns), fetched, tail.bytes)


def _weight_bytes(message: Message) -> int:
    headers_bytes = sum(len(name) + len(value) for name, value in message.headers) if message.headers else 0
    return len(message.key) + len(message.value) + headers_bytes
