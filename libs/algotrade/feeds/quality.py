"""The quality gate: every record of a run is passed, flagged or quarantined, and each reason is counted.

What each flag means is said by ``domain.market.Flag``; how it is decided:

================ ============ ==========================================================================================
flag             quarantined  when
================ ============ ==========================================================================================
NOT_FINITE       yes          a price is NaN or infinite, or a size infinite (a NaN size is merely unknown)
NOT_POSITIVE     yes          a price is 0 or negative, or a size negative: a one-sided quote with 0 on a side too
OUT_OF_ORDER     yes          event time below that of the last record that passed, of this instrument and kind; or
                              flagged so by the feed, which knows the whole of its source
INCONSISTENT     yes          a bar whose high is below, or low above, one of its prices; that ends before it begins; or
                              that has the start of the last bar and other values (one of the two must be wrong, and
                              the first has already been acted upon)
DUPLICATE        yes          a bar with the start and the values of the last one. Never a quote or trade: two prints of
                              the same time, price and size are ordinary
LOCKED, CROSSED  no           bid equals, or is above, the ask
REPEATED         no           a quote or bar with the values of the last one, at the same or a later time
STALE            no           the instrument was silent for more than ``stale_after_ns`` within a session: from the last
                              event to this one, or to the start of this bar
GAP              no           more than 1.5 bar durations between two bars' starts within a session
OUTSIDE_SESSION  no           the market was closed; of a bar: during all of it
PRICE_JUMP       no           too far from the last trusted price of the instrument and kind, see ``QualityRules``
================ ============ ==========================================================================================

A market without a calendar never closes, and each UTC day is a session of its own for STALE and GAP.
A record that is quarantined leaves no trace: the next one is judged as if it had not been there.
"""

import hashlib
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.domain.instrument import Instruments
from algotrade.domain.market import QUARANTINE, Flag, Kind, MarketBatch, Records, no_records
from algotrade.domain.session import Sessions
from algotrade.feeds.port import FeedError
from algotrade.feeds.quality_kernels import (
    FLAG_BITS,
    MEMORY,
    judge_bars,
    judge_quotes,
    judge_trades,
    session_keys,
)

_STATE_VERSION = b"gate\x01"
_KERNELS: dict[Kind, Callable[..., None]] = {
    Kind.QUOTE: judge_quotes, Kind.TRADE: judge_trades, Kind.BAR: judge_bars}


class QualityRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bounds of the gate. The defaults are measured: ``tests/feeds/test_quality_corpora.py`` prints the table.

    ``stale_after_ns``        silence within a session that is worth a flag

    A price jumps when its distance from the last trusted price is more than the greater of ``jump_floor_bps`` (basis
    points: hundredths of a percent) and ``jump_multiple`` times the mean distance between trusted prices. The distance
    of q from p is the greater of p/q and q/p, less 1; a bar's is that of its high or low, whichever is farther, a
    quote's that of its middle. Records stay flagged while they stay far away, until ``jump_confirm_records`` in a row
    agree with one another by the same measure: the last of them is trusted again.

    ``jump_initial_bps``      the mean distance before any was seen
    ``jump_memory_records``   how many records the moving mean looks back on, about
    """

    stale_after_ns: int = 60 * 1_000_000_000
    jump_floor_bps: float = 100.0
    jump_multiple: float = 6.0
    jump_initial_bps: float = 100.0
    jump_memory_records: int = 16
    jump_confirm_records: int = 3

    def __post_init__(self) -> None:
        for field, least in (("stale_after_ns", 0), ("jump_floor_bps", 0), ("jump_multiple", 1),
                             ("jump_initial_bps", 0), ("jump_memory_records", 1), ("jump_confirm_records", 1)):
            value = getattr(self, field)
            if not least <= value < float("inf"):
                raise ValueError(f"{field} is {value}; allowed: {least} or more")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A batch behind the gate: ``passed`` for strategies, ``quarantined`` for people; each in sequence order."""

    passed: MarketBatch
    quarantined: MarketBatch


class QualityGate:
    """Judges the records of a run in sequence order, instrument by instrument and kind by kind.

    ``sessions`` by instrument id; one that is missing has a market that never closes.
    """

    def __init__(self, instruments: Instruments, rules: QualityRules, sessions: Mapping[int, Sessions]) -> None:
        self._rules = rules
        self._symbols = hashlib.sha256("\0".join(i.symbol for i in instruments).encode()).digest()[:8]
        self._calendar = _Calendar(len(instruments), sessions)
        self._memory = np.zeros((len(Kind), len(instruments)), MEMORY)
        self.flag_counts: npt.NDArray[np.int64] = np.zeros((len(Kind), FLAG_BITS), np.int64)
        """How many records got each flag, shape (kinds, bits of ``Flag``)."""
        self.record_counts: npt.NDArray[np.int64] = np.zeros((len(Kind), 2), np.int64)
        """How many records passed and were quarantined, shape (kinds, 2)."""
        for kind in Kind:
            # Compiles the kernel, so that no record pays for it.
            self._judge(kind, no_records(kind), np.empty(0, np.int64))

    def check(self, batch: MarketBatch) -> Verdict:
        """Return the records of ``batch`` with their flags set, apart by verdict; ``batch`` itself stays as it is."""
        passed, quarantined = {}, {}
        for kind, records in batch.arrays().items():
            if len(records):
                passed[kind], quarantined[kind] = self._check(kind, records)
        return Verdict(passed=MarketBatch.of(passed), quarantined=MarketBatch.of(quarantined))

    def last_times_ns(self, kind: Kind) -> dict[int, int]:
        """Return the event time of the last record of ``kind`` that passed, by instrument id, where there was one."""
        memory = self._memory[kind]
        return {int(i): int(memory[i]["event_time_ns"]) for i in np.flatnonzero(memory["seen"])}

    def counts(self) -> dict[tuple[Kind, Flag], int]:
        """Return how many records of each kind got each flag so far; what never happened is left out."""
        return {(kind, flag): count for kind in Kind for flag in Flag
                if (count := int(self.flag_counts[kind, int(flag).bit_length() - 1]))}

    def state(self) -> bytes:
        """Return everything the gate remembers: the same bytes however the run was cut into batches."""
        parts = (self._memory, self.flag_counts, self.record_counts)
        return _STATE_VERSION + self._symbols + b"".join(part.tobytes() for part in parts)

    def restore(self, state: bytes) -> None:
        """Go on from ``state``; one of other instruments or of another version is a ``FeedError``."""
        header = _STATE_VERSION + self._symbols
        parts = (self._memory, self.flag_counts, self.record_counts)
        if not state.startswith(header) or len(state) != len(header) + sum(part.nbytes for part in parts):
            raise FeedError(f"state of the quality gate has {len(state)} bytes and begins with {state[:13]!r}; "
                            f"allowed: one of this version and these instruments, which begins with {header!r}")
        begin = len(header)
        for part in parts:
            part[...] = np.frombuffer(state, part.dtype, part.size, begin).reshape(part.shape)
            begin += part.nbytes

    def _check(self, kind: Kind, records: Records) -> tuple[Records, Records]:
        # As plain bytes, which numpy copies three times as fast as fields.
        records = records.view(f"V{records.dtype.itemsize}").copy().view(records.dtype)
        self._judge(kind, records, self._calendar.keys(kind, records))
        held = (records["flags"] & int(QUARANTINE)) != 0
        count = int(np.count_nonzero(held))
        self.record_counts[kind] += (len(records) - count, count)
        if not count:
            return records, records[:0]
        return records.take(np.flatnonzero(~held)), records.take(np.flatnonzero(held))

    def _judge(self, kind: Kind, records: Records, keys: npt.NDArray[np.int64]) -> None:
        rules = self._rules
        _KERNELS[kind](
            records, keys, self._memory[kind], self.flag_counts[kind],
            rules.stale_after_ns, rules.jump_floor_bps / 1e4, float(rules.jump_multiple),
            1.0 / rules.jump_memory_records, rules.jump_initial_bps / 1e4, rules.jump_confirm_records)


class _Calendar:
    """Gives every record the key of its session: records of an instrument with equal keys are in one session."""

    def __init__(self, instruments: int, sessions: Mapping[int, Sessions]) -> None:
        unknown = [i for i in sessions if not 0 <= i < instruments]
        assert not unknown, f"sessions of instruments {unknown}, which there are not"
        per_instrument = [sessions.get(i, Sessions()) for i in range(instruments)]
        places = {table: i for i, table in enumerate(dict.fromkeys(per_instrument))}
        tables = [table.table() for table in places]
        self._edges = np.concatenate([np.empty((0, 2), np.int64), *tables])
        self._bounds = np.cumsum([0, *map(len, tables)], dtype=np.int64)
        self._table_of = np.array([places[table] for table in per_instrument], np.int64)
        # Where the last record of each table was found: no memory, only a place to look first.
        self._hints = self._bounds[:-1].copy()

    def keys(self, kind: Kind, records: Records) -> npt.NDArray[np.int64]:
        """Return the session keys of ``records``, int64, shape (records,), CLOSED where the market is closed."""
        instruments, ends = records["instrument"], records["event_time_ns"]
        in_range = instruments.min() >= 0 and instruments.max() < len(self._table_of)
        assert in_range, "an instrument id of another set of instruments"
        is_bar = kind is Kind.BAR
        keys = np.empty(len(records), np.int64)
        session_keys(records["open_time_ns"] if is_bar else ends, ends, 0 if is_bar else 1, instruments,
                     self._table_of, self._bounds, self._edges, self._hints, keys)
        return keys
