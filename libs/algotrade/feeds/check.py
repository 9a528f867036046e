"""Looking a data file over before it is traded on: its facts, and what the quality gate says of every record."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from algotrade.domain.instrument import Instruments
from algotrade.domain.market import Flag, Kind, MarketBatch, Record
from algotrade.domain.session import Sessions
from algotrade.feeds.facts import FileFacts, inspect, instruments_of
from algotrade.feeds.quality import QualityGate, QualityRules
from algotrade.feeds.replay import ReplayFeed

EXAMPLES_MAX = 5

_COMMON_FIELDS = 5


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A record that the gate flagged: where it stands in the merged run (from 1), what it says, what is wrong."""

    sequence: int
    event_time_ns: int
    symbol: str
    kind: Kind
    flags: Flag
    values: dict[str, float]


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``check`` found.

    ``counts``    records with each flag, by (kind, flag); a record with two flags is in both
    ``examples``  the first ``EXAMPLES_MAX`` records with each flag, in the same order
    """

    facts: tuple[FileFacts, ...]
    records: int
    passed: int
    quarantined: int
    counts: dict[tuple[Kind, Flag], int]
    examples: dict[tuple[Kind, Flag], list[Example]]


def check(
    paths: Sequence[Path], *, instruments: Instruments | None = None, rules: QualityRules | None = None,
    sessions: Mapping[int, Sessions] | None = None, bar_duration_ns: int | None = None,
) -> CheckReport:
    """Read ``paths`` as one merged run through a fresh gate, in bounded memory.

    ``instruments`` defaults to those of the files, ``sessions`` (by instrument id) to markets that never close.
    Raises ``FeedError`` where a file cannot be replayed.
    """
    facts = tuple(inspect(path, bar_duration_ns=bar_duration_ns) for path in paths)
    instruments = instruments or instruments_of(facts)
    gate = QualityGate(instruments, rules or QualityRules(), sessions or {})
    examples: dict[tuple[Kind, Flag], list[Example]] = {}
    feed = ReplayFeed(paths, instruments, bar_duration_ns=bar_duration_ns)
    try:
        while (batch := feed.read()) is not None:
            verdict = gate.check(batch)
            for part in (verdict.passed, verdict.quarantined):
                _collect(part, instruments, examples)
    finally:
        feed.close()
    passed, quarantined = (int(count) for count in gate.record_counts.sum(axis=0))
    counts = gate.counts()
    return CheckReport(
        facts=facts, records=passed + quarantined, passed=passed, quarantined=quarantined, counts=counts,
        examples={key: examples[key] for key in counts})


def _collect(part: MarketBatch, instruments: Instruments, examples: dict[tuple[Kind, Flag], list[Example]]) -> None:
    for kind, records in part.arrays().items():
        for flag in Flag:
            wanted = EXAMPLES_MAX - len(examples.get((kind, flag), ()))
            if wanted > 0:
                rows = np.flatnonzero(records["flags"] & int(flag))[:wanted]
                examples.setdefault((kind, flag), []).extend(_example(kind, records[row], instruments) for row in rows)


def _example(kind: Kind, record: Record, instruments: Instruments) -> Example:
    fields = record.dtype.names or ()
    return Example(
        sequence=int(record["sequence"]), event_time_ns=int(record["event_time_ns"]),
        symbol=instruments[int(record["instrument"])].symbol, kind=kind, flags=Flag(int(record["flags"])),
        values={field: float(record[field]) for field in fields[_COMMON_FIELDS:] if field != "open_time_ns"})
