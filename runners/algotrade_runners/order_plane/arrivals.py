"""Intents in the order in which they reach the venue, from all shards that bear them."""

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from algotrade.bus import PROMISE_END, Received, TopicReader
from algotrade.domain import IntentId, OrderIntent
from algotrade.matching import VenueModel, arrival_ns

INTENTS_PER_READ = 256
INTENTS_WAITING_MAX = 4_096
"""Intents taken from the log of a shard before the first of them is handled; behind them the log waits, however long it
is."""


class Arrived(msgspec.Struct, frozen=True):
    """An intent with the time at which it reaches the venue, and the replayed ones that stand before it in its log."""

    arrival_ns: int
    received: Received[OrderIntent]
    late: tuple[Received[OrderIntent], ...] = ()

    @property
    def position(self) -> int:
        """Return the first position that is not handled while this intent is not."""
        return self.late[0].position if self.late else self.received.position


class Arrivals:
    """Reads a shard's intents from each of ``readers``, and hands them out by the time of their arrival.

    No intent overtakes another of its shard. Of those that arrive at one time, the one whose market record came first
    goes first, so that it makes no difference how many shards there are. One that was replayed has no time of arrival:
    it goes with the next of its shard that was not, or, behind the last of them, at the end of the data.

    ``last_arrivals_ns``  of the last intent handed out, for each shard
    """

    def __init__(self, readers: Sequence[TopicReader[OrderIntent]], model: VenueModel, seed: int,
                 last_arrivals_ns: Sequence[int]) -> None:
        self._readers = readers
        self._model = model
        self._seed = seed
        self._pending: list[deque[Arrived]] = [deque() for _ in readers]
        self._late: list[list[Received[OrderIntent]]] = [[] for _ in readers]
        """What was replayed behind all that is pending, for each shard."""
        self._is_cut = [False] * len(readers)
        """Whether the log of a shard may hold more than what was taken."""
        self.last_arrivals_ns = list(last_arrivals_ns) or [0] * len(readers)
        self._first: int | None = None
        """The shard of the intent that is next."""

    def take(self) -> Iterator[int]:
        """Take what the logs have, up to a bound; yield when the market data behind each were published.

        That is in ns since 1970 UTC. Intents that were replayed have no such time any more.
        """
        for shard, reader in enumerate(self._readers):
            pending = self._pending[shard]
            while len(pending) < INTENTS_WAITING_MAX and (received := reader.read(INTENTS_PER_READ)):
                for one in received:
                    if one.is_replayed:
                        self._late[shard].append(one)
                        continue
                    latest_ns = pending[-1].arrival_ns if pending else self.last_arrivals_ns[shard]
                    alone_ns = arrival_ns(self._model, self._seed, one.value.id, one.value.event_time_ns)
                    pending.append(Arrived(max(latest_ns, alone_ns), one, tuple(self._late[shard])))
                    self._late[shard].clear()
                    yield one.origin_time_ns
            self._is_cut[shard] = len(pending) >= INTENTS_WAITING_MAX
        self._look()

    def __len__(self) -> int:
        return sum(map(len, self._pending))

    @property
    def first_ns(self) -> int:
        """Return when the next intent arrives, ``PROMISE_END`` where none is known of."""
        return PROMISE_END if self._first is None else self._pending[self._first][0].arrival_ns

    @property
    def known_ns(self) -> int:
        """Return the time before which nothing arrives that was left in a log, ``PROMISE_END`` where nothing was.

        What was left arrives no earlier than what was taken before it. As long as some of that is still here, its time
        says as much.
        """
        return min((last_ns for pending, is_cut, last_ns
                    in zip(self._pending, self._is_cut, self.last_arrivals_ns, strict=True)
                    if is_cut and not pending), default=PROMISE_END)

    def may_go(self, covered_ns: int) -> bool:
        """Tell whether the next intent is known to be the next, when no more will be born that arrive before a time."""
        if self._first is None:
            return False
        covered_ns = min(covered_ns, self.known_ns)
        # Another shard may still bear one that arrives at that very time, and whose turn is before.
        return self.first_ns <= covered_ns if len(self._readers) == 1 else self.first_ns < covered_ns

    def pop(self) -> Arrived:
        """Hand out the next intent."""
        assert self._first is not None
        arrived = self._pending[self._first].popleft()
        self.last_arrivals_ns[self._first] = arrived.arrival_ns
        self._look()
        return arrived

    def pop_late(self) -> list[Received[OrderIntent]]:
        """Hand out what was replayed behind the last intent of each shard; to be asked when no more will be born."""
        assert not len(self), f"{len(self)} intents are still to be handed out"
        late = [one for some in self._late for one in some]
        self._late = [[] for _ in self._readers]
        return late

    @property
    def positions(self) -> list[int]:
        """Return, for each shard, where to read on from after a restart."""
        return [pending[0].position if pending else late[0].position if late else reader.position
                for pending, late, reader in zip(self._pending, self._late, self._readers, strict=True)]

    @property
    def dead(self) -> list[dict[str, int]]:
        """Return how many messages did not decode, by reason, for each shard."""
        return [reader.dead for reader in self._readers]

    def _look(self) -> None:
        heads = [(pending[0].arrival_ns, pending[0].received.value.id, shard)
                 for shard, pending in enumerate(self._pending) if pending]
        self._first = min(heads, key=_turn)[2] if heads else None


def _turn(head: tuple[int, IntentId, int]) -> tuple[int, int, int, int]:
    arrival_ns, intent_id, shard = head
    return arrival_ns, intent_id.sequence, intent_id.number, shard
