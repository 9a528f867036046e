"""Positions that moved by no execution that was told: then somebody else traded, and the broker is asked who.

A client hears of its own orders' executions only (documented; client 0 and the master client of more). What a person
or the broker itself trades in the account shows as a position that moves, until executions are asked for.

A position and its execution come in any order, and while an order fills in many parts one is always ahead of the other.
So a position is explained by what was executed at any moment of the last seconds, or is in the next ones.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterable
from decimal import Decimal

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution.ledger import EXECUTIONS_REMEMBERED, execution_and_revision
from algotrade.telemetry.log import get_log

EXECUTION_NS_MAX = 3 * NANOSECONDS_PER_SECOND
"""How far an execution and the position that it makes may be apart (assumed; both usually come within a second)."""
VALUES_KEPT = 4_096
"""Positions that wait, and sums of executions that were, of one contract: beyond that, a false alarm may come."""
LOOKS_MAX = 3
"""Looks in a row that do not explain a position; after so many it is taken as it is, whatever else moves."""

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
        self._lately = {con_id: deque[tuple[int, Decimal]](maxlen=VALUES_KEPT) for con_id in self._executed}
        """What had been executed, and until when."""
        self._waiting = {con_id: deque[tuple[int, Decimal]](maxlen=VALUES_KEPT) for con_id in self._executed}
        """When executions are to be asked for, and what has to be executed before that, oldest first."""
        self._doubted: dict[int, tuple[int, Decimal, Decimal]] = {}
        """How many looks did not explain a position; position and what was executed, at the last of them."""
        self._told: OrderedDict[str, tuple[int, Decimal]] = OrderedDict()
        """Executions, by revision and quantity: those since midnight are told again at every look."""

    def executed(self, con_id: int, execution_id: str, quantity: Decimal, now_ns: int) -> None:
        """Take note of an execution, whoever's it is; a sale is negative. One that is told again changes nothing."""
        name, revision = execution_and_revision(execution_id)
        revision_before, quantity_before = self._told.get(name, (-1, ZERO))
        if con_id not in self._executed or revision <= revision_before:
            return
        self._told[name] = revision, quantity
        if len(self._told) > EXECUTIONS_REMEMBERED:
            self._told.popitem(last=False)
        self._lately[con_id].append((now_ns, self._executed[con_id]))
        self._executed[con_id] += quantity - quantity_before
        waiting = self._waiting[con_id]
        if any(wanted == self._executed[con_id] for _, wanted in waiting):
            while waiting.popleft()[1] != self._executed[con_id]:
                pass

    def position(self, con_id: int, quantity: Decimal, now_ns: int) -> None:
        """Take note of a position as the account has it now."""
        if con_id in self._positions:
            self._positions[con_id] = quantity
            self._compare(con_id, now_ns)

    def is_due(self, now_ns: int) -> bool:
        """Tell, once, that a position has moved and nothing says why: executions are to be asked for."""
        has_moved = False
        for con_id, waiting in self._waiting.items():
            if not waiting or now_ns < waiting[0][0]:
                continue
            waiting.clear()
            wanted, lately = self._wanted(con_id), self._lately[con_id]
            while lately and lately[0][0] < now_ns - EXECUTION_NS_MAX:
                lately.popleft()
            if any(wanted == executed for _, executed in lately):
                self._compare(con_id, now_ns)  # it is behind, as it may be while more is executed
            else:
                has_moved |= wanted != self._executed[con_id]
        self._counts["positions_moved"] += has_moved
        return has_moved

    def listed(self) -> None:
        """Take note that all positions were told. What is executed later, they do not have."""
        self._listed = dict(self._positions)

    def flat_but(self, held: Collection[int]) -> None:
        """Take it that of these contracts only was a position told: of those that were closed, none may be."""
        for con_id in self._positions:
            if con_id not in held:
                self._positions[con_id] = self._listed[con_id] = ZERO

    def all_told(self, now_ns: int) -> None:
        """Take it that positions and executions were told to their ends.

        What executions do not explain may be on its way, or fell between the two: it is asked about once more. What
        they do not explain then either, with nothing else having moved, nothing will.
        """
        for con_id, listed in self._listed.items():
            quantity, executed = self._positions[con_id], self._executed[con_id]
            before = self._before.setdefault(con_id, listed - executed)
            looks, *doubted = self._doubted.pop(con_id, (0, ZERO, ZERO))
            if before not in {listed - executed, quantity - executed}:
                if quantity == listed and looks and (doubted == [listed, executed] or looks >= LOOKS_MAX):
                    self._before[con_id] = quantity - executed
                    self._counts["positions_unexplained"] += 1
                    get_log().warning("position_unexplained", con_id=con_id, quantity=str(quantity),
                                      difference=str(quantity - executed - before))
                else:
                    self._doubted[con_id] = looks + 1, listed, executed
            self._compare(con_id, now_ns)

    def _compare(self, con_id: int, now_ns: int) -> None:
        """Let nothing wait where all is explained, and the position as it is otherwise."""
        wanted, waiting = self._wanted(con_id), self._waiting[con_id]
        if wanted == self._executed[con_id]:
            waiting.clear()
        elif not waiting or waiting[-1][1] != wanted:
            waiting.append((now_ns + EXECUTION_NS_MAX, wanted))

    def _wanted(self, con_id: int) -> Decimal:
        """Return what has to have been executed for the position to be as it is."""
        return self._positions[con_id] - self._before.get(con_id, self._positions[con_id] - self._executed[con_id])
