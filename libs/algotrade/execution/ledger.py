"""The fill ledger: every execution is booked once, and positions are what the fills add up to."""

from collections import deque
from collections.abc import Sequence

import msgspec

from algotrade.domain import Fill, Instruments, Position

EXECUTIONS_REMEMBERED = 1 << 16
"""Execution ids kept against duplicates. Interactive Brokers repeats those since midnight on request, not older ones:
a day with more executions needs more here."""


class LedgerState(msgspec.Struct, kw_only=True):
    """The ledger's part of a snapshot."""

    positions: list[Position]
    executions: list[str]


class FillLedger:
    """Books fills idempotently; all money is ``Decimal``. O(1) per fill, bounded memory."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._positions: dict[int, Position] = {}
        self._recent: deque[str] = deque(maxlen=EXECUTIONS_REMEMBERED)
        self._known: set[str] = set()

    def book(self, fill: Fill) -> bool:
        """Add ``fill`` to its position; False (and no effect) where its execution id was booked already."""
        if fill.execution_id in self._known:
            return False
        if len(self._recent) == EXECUTIONS_REMEMBERED:
            self._known.discard(self._recent[0])
        self._recent.append(fill.execution_id)
        self._known.add(fill.execution_id)
        self._positions[fill.instrument] = self.position(fill.instrument).after(fill)
        return True

    def position(self, instrument: int) -> Position:
        """Return the position of ``instrument``, flat where nothing was ever filled."""
        known = self._positions.get(instrument)
        return known or Position(instrument=instrument, multiplier=self._instruments[instrument].multiplier)

    def positions(self) -> Sequence[Position]:
        """Return the positions of every instrument that was ever filled, by instrument id."""
        return [self._positions[i] for i in sorted(self._positions)]

    def state(self) -> LedgerState:
        """Return everything that a restart needs."""
        return LedgerState(positions=list(self.positions()), executions=list(self._recent))

    def restore(self, state: LedgerState) -> None:
        """Go on from ``state``."""
        self._positions = {p.instrument: p for p in state.positions}
        self._recent = deque(state.executions, maxlen=EXECUTIONS_REMEMBERED)
        self._known = set(state.executions)
