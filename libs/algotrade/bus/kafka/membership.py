"""Which shards of a plane are this process's, and which came or went since it last asked."""

import msgspec

from algotrade.bus.kafka.client import Seats


class Shares(msgspec.Struct, frozen=True):
    """``held`` now; ``gained`` since the last time, perhaps after another had them; ``left``: gone, and given up."""

    held: frozenset[int]
    gained: frozenset[int]
    left: frozenset[int]


class Membership:
    """What a process makes of its ``seats``.

    A shard counts as left one question after it is no longer held: its plane has stopped by then. One that another
    process has superseded here is not held, whatever the group says, until the group gives it anew: it hears late.
    """

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._known: dict[int, int] = {}
        self._superseded: dict[int, int] = {}
        self._leaving: frozenset[int] = frozenset()

    @property
    def rebalances(self) -> int:
        """Return how often the group has dealt anew."""
        return self._seats.rebalances

    def given(self, shard: int) -> int:
        """Return how often the shard was given to this process, 0 while it is not held."""
        return self._seats.look().get(shard, 0)

    def supersede(self, shard: int, given: int) -> None:
        """Note that another has led ``shard`` since it was given to this process that often."""
        self._superseded[shard] = given

    def look(self) -> Shares:
        """Return what is held and what has changed; the group's first answer is awaited."""
        self._seats.wait_dealt()
        seats = {shard: given for shard, given in self._seats.look().items() if self._superseded.get(shard) != given}
        held = frozenset(seats)
        gained = frozenset(shard for shard, given in seats.items() if self._known.get(shard) != given)
        left = self._leaving - held
        self._leaving = frozenset(self._known) - held
        self._known = seats
        return Shares(held, gained, left)

    def close(self) -> None:
        """Give every seat back."""
        self._seats.close()
