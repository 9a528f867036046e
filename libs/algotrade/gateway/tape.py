"""The recorded market: what becomes due as time goes on, and what lies before as history."""

from bisect import bisect_right
from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.domain import LAYOUTS, QUARANTINE, TRADE, Instruments, Kind, MarketBatch, Records, joined

RECORDS_MAX = 20_000_000
"""The whole tape is held in memory, 48 to 80 bytes a record."""

TAKEN_MAX = 4096
"""Records that become due in one step, about: sockets are looked after between two steps."""

Rows = npt.NDArray[np.int64]


class TapeError(ValueError):
    """The records cannot be served; the message says why and what is allowed."""


class Due(msgspec.Struct, frozen=True):
    """What became due up to and including ``reached_ns``.

    ``recorded`` is what was recorded; ``shown`` has made-up prints too, where no trades were recorded.
    """

    recorded: MarketBatch
    shown: MarketBatch
    reached_ns: int


class Tape:
    """All records, in the order of the run; quarantined ones are left out. Immutable.

    An instrument that has quotes, but neither trades nor bars, gets prints at its midpoints, on its tick, of size 0,
    whenever these change: prices that nobody traded at, marked by ``assumed``.
    """

    def __init__(self, batches: Iterable[MarketBatch], instruments: Instruments) -> None:
        parts: dict[Kind, list[Records]] = {kind: [] for kind in Kind}
        count = 0
        for batch in batches:
            count += len(batch)
            if count > RECORDS_MAX:
                raise TapeError(f"the data hold more than {RECORDS_MAX:,} records; allowed: up to as many, for all of "
                                "them are kept in memory")
            for kind, records in batch.arrays().items():
                parts[kind].append(records[(records["flags"] & int(QUARANTINE)) == 0])
        self._recorded = {k: joined(p) if p else np.empty(0, LAYOUTS[k]) for k, p in parts.items()}
        for kind, records in self._recorded.items():
            if np.any(np.diff(records["sequence"]) <= 0) or np.any(np.diff(records["event_time_ns"]) < 0):
                raise TapeError(f"{kind.name.lower()} records go back; allowed: rising sequences and event times")
        self.assumed = self._without_prints(instruments)
        self._shown = dict(self._recorded)
        if self.assumed:
            self._shown[Kind.TRADE] = self._with_midpoints(instruments)
        self._keys = {k: np.ascontiguousarray(r["event_time_ns"]) for k, r in self._shown.items()}
        self._rows: dict[tuple[Kind, int], Rows] = {}

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Return the event times of the first and the last record, None where there is none."""
        ends = [(int(k[0]), int(k[-1])) for k in self._keys.values() if len(k)]
        return (min(a for a, _ in ends), max(b for _, b in ends)) if ends else None

    def records(self, kind: Kind, instrument: int, after_ns: int, through_ns: int) -> Records:
        """Return the instrument's shown records of ``kind`` with ``after_ns`` < event time <= ``through_ns``."""
        rows = self._rows_of(kind, instrument)
        # Bisected through the rows, so that no column of the whole tape is copied.
        key = self._keys[kind].__getitem__
        begin, end = bisect_right(rows, after_ns, key=key), bisect_right(rows, through_ns, key=key)
        return self._shown[kind][rows[begin:end]]

    def newest(self, time_ns: int) -> MarketBatch:
        """Return the last recorded quote, trade and bar of each instrument up to ``time_ns``."""
        newest = {}
        for kind, records in self._recorded.items():
            past = records[: int(np.searchsorted(records["event_time_ns"], time_ns, side="right"))]
            # The first of each instrument, seen from the end.
            _, place = np.unique(past["instrument"][::-1], return_index=True)
            newest[kind] = past[np.sort(len(past) - 1 - place)]
        return MarketBatch.of(newest)

    def has(self, kind: Kind, instrument: int) -> bool:
        """Tell whether there are shown records of the instrument and kind, now or later."""
        return len(self._rows_of(kind, instrument)) > 0

    def first_ns(self, kind: Kind, instrument: int) -> int | None:
        """Return the event time of the instrument's first shown record of ``kind``."""
        rows = self._rows_of(kind, instrument)
        return int(self._keys[kind][rows[0]]) if len(rows) else None

    def _rows_of(self, kind: Kind, instrument: int) -> Rows:
        rows = self._rows.get((kind, instrument))
        if rows is None:
            rows = self._rows[kind, instrument] = np.flatnonzero(self._shown[kind]["instrument"] == instrument)
        return rows

    def _without_prints(self, instruments: Instruments) -> frozenset[int]:
        held = {kind: set(np.unique(r["instrument"]).tolist()) for kind, r in self._recorded.items()}
        wanting = held[Kind.QUOTE] - held[Kind.TRADE] - held[Kind.BAR]
        return frozenset(i.id for i in instruments if i.id in wanting)

    def _with_midpoints(self, instruments: Instruments) -> Records:
        parts = [self._recorded[Kind.TRADE]]
        for instrument in (i for i in instruments if i.id in self.assumed):
            quotes = self._recorded[Kind.QUOTE]
            quotes = quotes[quotes["instrument"] == instrument.id]
            tick = float(instrument.tick)
            decimals = max(0, -int(instrument.tick.normalize().as_tuple().exponent))
            steps = np.rint((quotes["bid"] + quotes["ask"]) / 2 / tick)
            fresh = np.flatnonzero(np.diff(steps, prepend=np.nan) != 0)
            prints = np.zeros(len(fresh), TRADE)
            for name in ("sequence", "event_time_ns", "receive_time_ns", "instrument"):
                prints[name] = quotes[name][fresh]
            prints["price"] = np.round(steps[fresh] * tick, decimals)
            parts.append(prints)
        whole = joined(parts)
        return whole.take(np.argsort(whole["sequence"], kind="stable"))

    def cut(self, kind: Kind, time_ns: int) -> int:
        """Return how many shown records of ``kind`` have an event time of at most ``time_ns``."""
        return int(np.searchsorted(self._keys[kind], time_ns, side="right"))

    def time_at(self, kind: Kind, row: int) -> int | None:
        """Return the event time of a shown record, None behind the last."""
        keys = self._keys[kind]
        return int(keys[row]) if row < len(keys) else None

    def between(self, begins: dict[Kind, int], ends: dict[Kind, int]) -> tuple[MarketBatch, MarketBatch]:
        """Return the recorded and the shown records of these rows."""
        shown = MarketBatch.of({kind: self._shown[kind][begins[kind] : ends[kind]] for kind in Kind})
        if not self.assumed:
            return shown, shown
        real = ~np.isin(shown.trades["instrument"], list(self.assumed))
        return MarketBatch.of({**shown.arrays(), Kind.TRADE: shown.trades[real]}), shown


class Cursor:
    """How far a tape has been played: what is up to ``start_ns``, inclusive, lies in the past from the beginning."""

    def __init__(self, tape: Tape, start_ns: int) -> None:
        self._tape = tape
        self._at = {kind: tape.cut(kind, start_ns) for kind in Kind}
        self.reached_ns = start_ns

    def next_ns(self) -> int | None:
        """Return the event time of the next record, None at the end."""
        times = [t for kind in Kind if (t := self._tape.time_at(kind, self._at[kind])) is not None]
        return min(times, default=None)

    def take(self, now_ns: int) -> Due:
        """Return what became due up to ``now_ns``; less where that is more than ``TAKEN_MAX`` of a kind."""
        limits = [self._tape.time_at(kind, self._at[kind] + TAKEN_MAX) for kind in Kind]
        to_ns = min([now_ns, *(t for t in limits if t is not None)])
        ends = {kind: self._tape.cut(kind, to_ns) for kind in Kind}
        recorded, shown = self._tape.between(self._at, ends)
        self._at, self.reached_ns = ends, to_ns
        return Due(recorded, shown, to_ns)
