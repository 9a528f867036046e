"""The fill ledger: every execution is booked once, as it was last stated, and positions are what the fills add up to.

A broker may state an execution anew. Interactive Brokers counts that in the last group of its id (``a.b.c.01``, then
``a.b.c.02``): the higher number replaces the lower one, whichever comes first, and a quantity of 0 takes the execution
back. What an execution cost may be told later than the execution, or never.

Whatever the order, the repetition and the delay in which executions and costs are told, the fills in the end are the
same, and so are the quantity, what was paid and the commission of every position. Average cost follows the order in
which executions were first told, as it does everywhere.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from algotrade.domain import Fill, Instruments, Position

EXECUTIONS_REMEMBERED = 1 << 16
"""Executions kept against duplicates. Interactive Brokers repeats those since midnight on request, not older ones:
a day with more executions needs more here."""

FILLS_KEPT = 1 << 13
"""The last executions, kept whole: those that can still be corrected, or told what they cost."""

ZERO = Decimal(0)
_REVISED = re.compile(r"(.+)\.([0-9]{2,4})")


def execution_and_revision(execution_id: str) -> tuple[str, int]:
    """Return what names the execution, whatever was corrected, and the number of its correction, 1 for none."""
    found = _REVISED.fullmatch(execution_id)
    return (found[1], int(found[2])) if found else (execution_id, 1)


class Revisions:
    """Which executions were told, by the number of their last correction: the last ``kept`` of them."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._last: OrderedDict[str, int] = OrderedDict()

    def is_news(self, execution_id: str) -> bool:
        """Take note of an execution; False where it, or a later correction of it, was told before."""
        name, revision = execution_and_revision(execution_id)
        if revision <= self._last.get(name, -1):
            return False
        self._last[name] = revision
        if len(self._last) > self._kept:
            self._last.popitem(last=False)
        return True

    def state(self) -> dict[str, int]:
        """Return what a restart needs."""
        return dict(self._last)

    def restore(self, state: dict[str, int]) -> None:
        """Go on from ``state``."""
        self._last = OrderedDict(state)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An execution as it was last stated.

    ``fill``      its quantity is 0 where it was taken back, and then it costs nothing
    ``revision``  number of the correction, from 1
    ``commission``  as it was last told, 0 where it was not
    ``costed``    number of the correction that the commission was told with, 0: it was not told
    """

    fill: Fill
    revision: int
    commission: Decimal
    costed: int


class Booking(msgspec.Struct, frozen=True):
    """What a statement changed: the execution before, None where it is new, and after."""

    before: Entry | None
    after: Entry


class LedgerState(msgspec.Struct, kw_only=True):
    """The ledger's part of a snapshot. ``older``: of each instrument, what the fills add up to that are not kept."""

    older: list[Position]
    entries: list[Entry]
    executions: list[str]
    uncorrectable: int


class FillLedger:
    """Books executions idempotently; all money is ``Decimal``. O(1) for a new one, bounded memory.

    ``uncorrectable``  counts what was told of corrected executions too old to be kept: positions may be wrong by it
    """

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._positions: dict[int, Position] = {}
        self._older: dict[int, Position] = {}
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._recent: deque[str] = deque()
        self._known: set[str] = set()
        self._uncosted = 0
        self.uncorrectable = 0

    @property
    def uncosted(self) -> int:
        """Return how many of the fills that are kept have no commission told yet."""
        return self._uncosted

    def book(self, fill: Fill, *, is_costed: bool = True) -> Booking | None:
        """Take ``fill`` as a statement of its execution; None where it changes nothing.

        ``is_costed``  False where its commission was not told: then that is as it was, 0 at first
        """
        name, revision = execution_and_revision(fill.execution_id)
        before = self._entries.get(name)
        if before is None:
            if name in self._known:
                self.uncorrectable += revision > 1
                return None
            commission = fill.commission if is_costed else ZERO
            return self._first(name, Entry(fill=_stated(fill, commission), revision=revision, commission=commission,
                                           costed=revision if is_costed else 0))
        after = _restated(before, fill, revision, is_costed=is_costed)
        if after == before:
            return None
        self._entries[name] = after
        self._uncosted += _is_uncosted(after) - _is_uncosted(before)
        self._correct(before.fill, after.fill)
        return Booking(before, after)

    def position(self, instrument: int) -> Position:
        """Return the position of ``instrument``, flat where nothing was ever filled."""
        return self._positions.get(instrument) or self._flat(instrument)

    def positions(self) -> Sequence[Position]:
        """Return the positions of every instrument that was ever filled, by instrument id."""
        return [self._positions[i] for i in sorted(self._positions)]

    def fills(self) -> list[Fill]:
        """Return the fills that are kept, as they were last stated, in the order in which they were first told."""
        return [entry.fill for entry in self._entries.values() if entry.fill.quantity]

    def state(self) -> LedgerState:
        """Return everything that a restart needs."""
        return LedgerState(older=list(self._older.values()), entries=list(self._entries.values()),
                           executions=list(self._recent), uncorrectable=self.uncorrectable)

    def restore(self, state: LedgerState) -> None:
        """Go on from ``state``."""
        self._older = {p.instrument: p for p in state.older}
        self._positions = dict(self._older)
        self._entries = OrderedDict((execution_and_revision(e.fill.execution_id)[0], e) for e in state.entries)
        for entry in state.entries:
            self._add(entry.fill)
        self._recent = deque(state.executions)
        self._known = set(state.executions)
        self._uncosted = sum(_is_uncosted(entry) for entry in state.entries)
        self.uncorrectable = state.uncorrectable

    def _first(self, name: str, entry: Entry) -> Booking:
        if len(self._recent) == EXECUTIONS_REMEMBERED:
            self._known.discard(self._recent.popleft())
        self._recent.append(name)
        self._known.add(name)
        self._entries[name] = entry
        self._uncosted += _is_uncosted(entry)
        self._add(entry.fill)
        if len(self._entries) > FILLS_KEPT:
            _, oldest = self._entries.popitem(last=False)
            self._uncosted -= _is_uncosted(oldest)
            if oldest.fill.quantity:
                i = oldest.fill.instrument
                self._older[i] = (self._older.get(i) or self._flat(i)).after(oldest.fill)
        return Booking(None, entry)

    def _add(self, fill: Fill) -> None:
        if fill.quantity:
            self._positions[fill.instrument] = self.position(fill.instrument).after(fill)

    def _correct(self, before: Fill, after: Fill) -> None:
        """Let the position be what the fills add up to now."""
        assert before.instrument == after.instrument, f"execution {after.execution_id} changed its instrument"
        i = after.instrument
        if (before.quantity, before.price) == (after.quantity, after.price):
            # The usual case: its cost came later, and a sum takes it at any time.
            position = self.position(i)
            self._positions[i] = msgspec.structs.replace(
                position, commission=position.commission + after.commission - before.commission)
            return
        position = self._older.get(i) or self._flat(i)
        for entry in self._entries.values():
            if entry.fill.instrument == i and entry.fill.quantity:
                position = position.after(entry.fill)
        self._positions[i] = position

    def _flat(self, instrument: int) -> Position:
        return Position(instrument=instrument, multiplier=self._instruments[instrument].multiplier)


def _is_uncosted(entry: Entry) -> bool:
    return entry.costed == 0 and entry.fill.quantity > 0


def _restated(before: Entry, fill: Fill, revision: int, *, is_costed: bool) -> Entry:
    """Return ``before`` as ``fill`` states it anew: of quantity and price, and of cost, the highest revision counts.

    What is told of one revision a second time with another quantity or price is passed over.
    """
    costed, commission = before.costed, before.commission
    if is_costed and revision >= costed:
        costed, commission = revision, fill.commission
    facts = fill if revision > before.revision else before.fill
    return Entry(fill=_stated(facts, commission), revision=max(revision, before.revision), commission=commission,
                 costed=costed)


def _stated(facts: Fill, commission: Decimal) -> Fill:
    """Return ``facts`` at this cost; what was taken back costs nothing (assumed)."""
    return msgspec.structs.replace(facts, commission=commission if facts.quantity else ZERO)
