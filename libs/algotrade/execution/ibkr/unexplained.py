"""Positions that moved by no execution that was told: then somebody else traded, and the broker is asked who.

A client hears of its own orders' executions only (documented; client 0 and the master client of more). What a person
or the broker itself trades in the account shows as a position that moves, until executions are asked for.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.telemetry.log import get_log

EXECUTION_NS_MAX = 3 * NANOSECONDS_PER_SECOND
"""How long the execution behind a position may take after it (assumed; both usually come within a second)."""

ZERO = Decimal(0)


class Unexplained:
    """Compares how the account's positions move with the executions that were told. A false alarm costs one look.

    ``con_ids``  of the contracts that are traded here; of others nobody wants to know
    ``counts``   shared: what happened, by its name
    """

    def __init__(self, con_ids: Iterable[int], counts: Counter[str]) -> None:
        self._counts = counts
        self._executed = dict.fromkeys(con_ids, ZERO)
        self._positions = dict.fromkeys(self._executed, ZERO)
        self._listed = dict(self._positions)
        self._before: dict[int, Decimal] = {}
        """Positions less what was executed, when all was known; empty before that, and then nothing is compared."""
        self._ask_at_ns: dict[int, int] = {}

    def executed(self, con_id: int, quantity: Decimal) -> None:
        """Take note of an execution, whoever's it is; a sale is negative."""
        if con_id in self._executed:
            self._executed[con_id] += quantity

    def position(self, con_id: int, quantity: Decimal, now_ns: int) -> None:
        """Take note of a position as the account has it now. One that is never told is never missed."""
        if con_id in self._positions:
            self._positions[con_id] = quantity
            if self._has_moved(con_id):
                self._ask_at_ns.setdefault(con_id, now_ns + EXECUTION_NS_MAX)

    def is_due(self, now_ns: int) -> bool:
        """Tell, once, that a position has moved and nothing says why: executions are to be asked for."""
        due = [con_id for con_id, at_ns in self._ask_at_ns.items() if now_ns >= at_ns]
        for con_id in due:
            del self._ask_at_ns[con_id]
        moved = [con_id for con_id in due if self._has_moved(con_id)]
        self._counts["positions_moved"] += bool(moved)
        return bool(moved)

    def listed(self) -> None:
        """Take note that all positions were told. What is executed later, they do not have."""
        self._listed = dict(self._positions)

    def all_told(self, now_ns: int) -> None:
        """Take it that all executions were told, after the positions: what they do not explain, nothing will.

        A position that has moved since is another matter, and its execution may not have been told.
        """
        before, self._before = self._before, {
            con_id: quantity - self._executed[con_id] for con_id, quantity in self._listed.items()}
        for con_id, quantity in self._positions.items():
            if quantity != self._listed[con_id]:
                self.position(con_id, quantity, now_ns)
            elif self._before[con_id] != before.get(con_id, self._before[con_id]):
                self._counts["positions_unexplained"] += 1
                get_log().warning("position_unexplained", con_id=con_id, quantity=str(quantity),
                                  difference=str(self._before[con_id] - before[con_id]))

    def _has_moved(self, con_id: int) -> bool:
        quantity = self._positions[con_id] - self._executed[con_id]
        return quantity != self._before.get(con_id, quantity)
