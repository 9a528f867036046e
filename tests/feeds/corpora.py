"""Recorded market data through the gate: the flags of every record, and calendars to judge them by."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from algotrade.domain import Flag, Kind
from algotrade.domain.session import Sessions, sessions_of
from algotrade.feeds import QualityGate, QualityRules, inspect, instruments_of
from algotrade.feeds.replay import ReplayFeed
from tests.feeds.market_files import DAY_NS, SECOND_NS, drain, joined
from tests.shared_data import shared_data

NEW_YORK = ZoneInfo("America/New_York")


class Judged:
    """One file behind a gate with ``rules``: ``records`` in the order of the run, flags set, and their ``symbols``."""

    def __init__(self, name: str, kind: Kind, rules: QualityRules | None = None,
                 sessions: Sessions | None = None) -> None:
        path = shared_data(f"{name}.parquet")
        known = instruments_of([inspect(path)])
        calendar = {i.id: sessions for i in known} if sessions else {}
        gate = QualityGate(known, rules or QualityRules(), calendar)
        verdicts = [gate.check(batch) for batch in drain(ReplayFeed([path], known))]
        parts = joined([part for verdict in verdicts for part in (verdict.passed, verdict.quarantined)])
        # A symbol's bars arrive between those of others: by sequence the run is one again.
        self.records = np.sort(parts[kind], order="sequence", kind="stable")
        self.symbols = np.array([i.symbol for i in known])[self.records["instrument"]]
        self.counts = {flag: count for (_, flag), count in gate.counts().items()}
        self.quarantined = int(gate.record_counts[kind, 1])

    def flagged(self, flag: Flag) -> np.ndarray:
        """Return which records have ``flag``."""
        return (self.records["flags"] & int(flag)) != 0

    def started(self) -> np.ndarray:
        """Return the New York wall clock at which each record's bar began, as naive datetime64[m]."""
        starts = self.records["open_time_ns"]
        days, place = np.unique(starts // DAY_NS, return_inverse=True)
        offsets = np.array([_offset_ns(day) for day in days.tolist()])
        return (starts + offsets[place]).astype("M8[ns]").astype("M8[m]")


def _offset_ns(day: int) -> int:
    # At noon UTC: no clock changes while New York trades.
    noon = dt.datetime(1970, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=day)
    offset = noon.astimezone(NEW_YORK).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * SECOND_NS


def regular_sessions(first: str, last: str) -> Sessions:
    """Return 09:30 to 16:00 in New York of every weekday from ``first`` to ``last``."""
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    weekdays = [day for day in days.astype(object) if day.weekday() < 5]
    return sessions_of([tuple(
        int(dt.datetime.combine(day, time, NEW_YORK).timestamp()) * SECOND_NS
        for time in (dt.time(9, 30), dt.time(16))) for day in weekdays])


def one_session(first: str, last: str) -> Sessions:
    """Return a single session from ``first`` to ``last`` (UTC), so that STALE and GAP look across nights too."""
    edges = [int(np.datetime64(text, "ns").astype(np.int64)) for text in (first, last)]
    return sessions_of([(edges[0], edges[1])])
