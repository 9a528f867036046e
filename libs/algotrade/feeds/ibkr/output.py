"""Where translated records collect until they are taken: in the order in which they came, with honest times."""

import math
from collections import Counter

import numpy as np

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.market import LAYOUTS, Flag, Kind, MarketBatch

AHEAD_NS_MAX = NANOSECONDS_PER_SECOND
"""How far an exchange's time may be ahead of ours. One further ahead is not believed: event times never go back, so it
would hold all that follows at its own time."""

SIZE_UNKNOWN = math.nan


def is_same(one: float, other: float) -> bool:
    """Tell whether two values are equal, or both unknown."""
    return one == other or (math.isnan(one) and math.isnan(other))


class Output:
    """Records of all instruments, by kind.

    Event times never go back within an instrument: not between its quotes and trades, and not between its bars. A time
    that would is raised to the last one and counted, for the order in which ticks came is the truth, and IB's times are
    whole seconds. Sequences are 0: the data plane numbers the run.
    """

    def __init__(self) -> None:
        self._rows: dict[Kind, list[tuple[float, ...]]] = {kind: [] for kind in Kind}
        self._latest_ns: dict[tuple[int, bool], int] = {}
        self._gaps: set[tuple[int, Kind]] = set()
        self.counts: Counter[str] = Counter()
        """``times_raised``: event times raised to the one before; ``times_ahead``: exchange times not believed."""

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def open_gap(self, instrument: int, kind: Kind) -> bool:
        """Flag the next record of ``kind`` as one behind a gap; False where that was to be so already."""
        known = (instrument, kind) in self._gaps
        self._gaps.add((instrument, kind))
        return not known

    def has_gap(self, instrument: int, kind: Kind) -> bool:
        """Tell whether the next record of ``kind`` will be flagged so."""
        return (instrument, kind) in self._gaps

    def quote(self, instrument: int, event_ns: int, receive_ns: int, flags: int,
              bid: float, ask: float, bid_size: float, ask_size: float) -> None:
        """Add a quote."""
        row = self._common(instrument, Kind.QUOTE, event_ns, receive_ns, flags)
        self._rows[Kind.QUOTE].append((*row, bid, ask, bid_size, ask_size))

    def trade(self, instrument: int, event_ns: int, receive_ns: int, flags: int, price: float, size: float) -> None:
        """Add a trade."""
        row = self._common(instrument, Kind.TRADE, event_ns, receive_ns, flags)
        self._rows[Kind.TRADE].append((*row, price, size))

    def bar(self, instrument: int, close_ns: int, receive_ns: int, flags: int, open_ns: int,
            prices: tuple[float, float, float, float], volume: float) -> None:
        """Add a bar; ``prices`` are open, high, low, close. Nothing may correct its end: bars come in order."""
        last_ns = self._latest_ns.get((instrument, True), close_ns)
        assert close_ns >= last_ns, f"a bar of instrument {instrument} ends at {close_ns}, the last one at {last_ns}"
        row = self._common(instrument, Kind.BAR, close_ns, receive_ns, flags)
        self._rows[Kind.BAR].append((*row, open_ns, *prices, volume))

    def take(self) -> MarketBatch | None:
        """Return what came since the last call, None where nothing did."""
        if not len(self):
            return None
        arrays = {kind: np.array(rows, dtype=LAYOUTS[kind]) for kind, rows in self._rows.items() if rows}
        self._rows = {kind: [] for kind in Kind}
        return MarketBatch.of(arrays)

    def _common(self, instrument: int, kind: Kind, event_ns: int, receive_ns: int, flags: int,
                ) -> tuple[int, int, int, int, int]:
        key = (instrument, kind is Kind.BAR)
        if event_ns > receive_ns + AHEAD_NS_MAX and kind is not Kind.BAR:
            event_ns = receive_ns
            self.counts["times_ahead"] += 1
        latest_ns = self._latest_ns.get(key, event_ns)
        if event_ns < latest_ns:
            event_ns = latest_ns
            self.counts["times_raised"] += 1
        self._latest_ns[key] = event_ns
        if self._gaps and (instrument, kind) in self._gaps:
            self._gaps.discard((instrument, kind))
            flags |= Flag.GAP
        return 0, event_ns, receive_ns, instrument, int(flags)
