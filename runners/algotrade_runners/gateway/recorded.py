"""The market that the Gateway plays: from files, from the sample, or made up."""

import tempfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from algotrade.config import load_sessions
from algotrade.domain import Instrument, Instruments, MarketBatch, Sessions
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.feeds import (
    FeedError,
    FileFacts,
    QualityGate,
    QualityRules,
    ReplayFeed,
    inspect,
    instruments_of,
    write_sample,
)
from algotrade.gateway.generate import generated

SUFFIXES = {".parquet", ".csv"}

DAY_S = 86_400
GENERATED = (("AAA", "0.01"), ("BBB", "0.01"), ("CCC", "0.01"), ("EUR.USD", "0.00005"))
GENERATED_BEGIN_S = 1_381_190_400
"""2013-10-08 00:00 UTC, where a made-up market begins to be live; a day of history lies before, and one ahead."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Instruments, their sessions, and every record that passed the quality gate.

    ``start_ns``  where the replay begins, None: before the first record
    """

    instruments: Instruments
    sessions: dict[int, Sessions]
    batches: list[MarketBatch]
    start_ns: int | None
    quarantined: int = 0


def made_up(seed: int, start_ns: int | None) -> Recorded:
    """Return a random market: a day of history before ``start_ns``, and a day to come."""
    instruments = Instruments(
        Instrument(id=i, symbol=symbol, tick=Decimal(tick)) for i, (symbol, tick) in enumerate(GENERATED))
    start_ns = GENERATED_BEGIN_S * NANOSECONDS_PER_SECOND if start_ns is None else start_ns
    batch = generated(instruments, seed, start_ns - DAY_S * NANOSECONDS_PER_SECOND, 2 * DAY_S)
    return Recorded(instruments=instruments, sessions={}, batches=[batch], start_ns=start_ns)


def from_files(paths: Sequence[Path], mic: str | None, start_ns: int | None) -> Recorded:
    """Return what ``paths`` hold, files or folders of them; none: the sample data of the demo.

    ``mic``  calendar by which the instruments trade, None: they never close
    Raises ``FeedError`` and ``CalendarError``.
    """
    if paths:
        return _read([file for path in paths for file in _files(path)], mic, start_ns)
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "stocks.parquet"
        write_sample(sample)
        return _read([sample], mic, start_ns)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
    if not found:
        raise FeedError(f"{path}: holds no data files; allowed: files named *{', *'.join(sorted(SUFFIXES))}")
    return found


def _read(files: Sequence[Path], mic: str | None, start_ns: int | None) -> Recorded:
    facts = [inspect(file) for file in files]
    instruments = Instruments(msgspec.structs.replace(i, mic=mic) for i in instruments_of(facts))
    sessions = _sessions(instruments, mic, facts)
    gate = QualityGate(instruments, QualityRules(), sessions)
    batches, quarantined = [], 0
    for batch in _batches(files, instruments):
        verdict = gate.check(batch)
        batches.append(verdict.passed)
        quarantined += len(verdict.quarantined)
    return Recorded(instruments=instruments, sessions=sessions, batches=batches, start_ns=start_ns,
                    quarantined=quarantined)


def _batches(files: Sequence[Path], instruments: Instruments) -> Iterator[MarketBatch]:
    feed = ReplayFeed(files, instruments)
    try:
        while (batch := feed.read()) is not None:
            yield batch
    finally:
        feed.close()


def _sessions(instruments: Instruments, mic: str | None, facts: Sequence[FileFacts]) -> dict[int, Sessions]:
    if mic is None:
        return {}
    sessions = load_sessions(mic, min(f.first_time_ns for f in facts), max(f.last_time_ns for f in facts))
    return {instrument.id: sessions for instrument in instruments}
