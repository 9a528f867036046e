"""Trading hours in IB's words: every form, every kind of zone name, and the nights on which clocks are changed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain.session import Sessions
from algotrade.ibkr.hours import NEVER_OPEN, HoursError, sessions_from, zone_of

S = 1_000_000_000
NEW_YORK = ZoneInfo("America/New_York")


def utc(*stretches: str) -> list[tuple[int, int]]:
    """Return stretches such as "2026-01-05T14:30/21:00" or with both dates, in UTC, as ns."""
    rows = []
    for stretch in stretches:
        begin, end = stretch.split("/")
        end = end if "T" in end else f"{begin.split('T')[0]}T{end}"
        rows.append(tuple(round(datetime.fromisoformat(t + "+00:00").timestamp()) * S for t in (begin, end)))
    return rows


def rows(sessions: Sessions) -> list[tuple[int, int]]:
    return list(zip(sessions.opens_ns, sessions.closes_ns, strict=True))


@pytest.mark.parametrize(("text", "zone", "expected"), [
    # A stock: one session a day, and closed days.
    ("20260105:0930-20260105:1600;20260106:0930-20260106:1600;20260110:CLOSED", "US/Eastern",
     ["2026-01-05T14:30/21:00", "2026-01-06T14:30/21:00"]),
    # The older form, without the second date; and with a lunch break.
    ("20090507:0700-1830,1830-2330;20090508:CLOSED", "US/Eastern", ["2009-05-07T11:00/2009-05-08T03:30"]),
    ("20260105:0900-1130,1230-1500", "Japan", ["2026-01-05T00:00/02:30", "2026-01-05T03:30/06:00"]),
    ("20260105:0900-20260105:1130,20260105:1230-20260105:1500", "JST (Japan Standard Time)",
     ["2026-01-05T00:00/02:30", "2026-01-05T03:30/06:00"]),
    # A future: the session begins on the evening before.
    ("20260104:1700-20260105:1600;20260105:1700-20260106:1600", "US/Central",
     ["2026-01-04T23:00/2026-01-05T22:00", "2026-01-05T23:00/2026-01-06T22:00"]),
    # Frankfurt and London, under IB's names of their zones.
    ("20260105:0800-20260105:2200", "MET", ["2026-01-05T07:00/21:00"]),
    ("20260706:0800-20260706:2200", "MET", ["2026-07-06T06:00/20:00"]),
    ("20260706:0800-20260706:1630", "GB-Eire", ["2026-07-06T07:00/15:30"]),
    ("20260105:0930-20260105:1600", "Hongkong", ["2026-01-05T01:30/08:00"]),
    # "EST" is the exchange's time, in summer too.
    ("20260706:0930-20260706:1600", "EST", ["2026-07-06T13:30/20:00"]),
    ("20260706:0930-20260706:1600", "EST (Eastern Standard Time)", ["2026-07-06T13:30/20:00"]),
    # The clocks go forward on 2026-03-08 at 02:00 in New York, and back on 2026-11-01.
    ("20260306:0930-20260306:1600;20260309:0930-20260309:1600", "US/Eastern",
     ["2026-03-06T14:30/21:00", "2026-03-09T13:30/20:00"]),
    ("20260307:1800-20260308:1700", "US/Eastern", ["2026-03-07T23:00/2026-03-08T21:00"]),  # 22 hours long
    ("20261031:1800-20261101:1700", "US/Eastern", ["2026-10-31T22:00/2026-11-01T22:00"]),  # 24 hours long
    # A local time that comes twice: opens at the first, closes at the second.
    ("20261101:0130-20261101:0900", "US/Eastern", ["2026-11-01T05:30/14:00"]),
    ("20261031:1800-20261101:0130", "US/Eastern", ["2026-10-31T22:00/2026-11-01T06:30"]),
    # Around the clock, written both ways; days that touch are one stretch.
    ("20260105:0000-20260105:2400;20260106:0000-20260107:0000", "UTC", ["2026-01-05T00:00/2026-01-07T00:00"]),
    # Out of order and twice.
    ("20260106:0930-20260106:1600;20260105:0930-20260105:1600;20260106:0930-20260106:1600;", "US/Eastern",
     ["2026-01-05T14:30/21:00", "2026-01-06T14:30/21:00"]),
])
def test_hours_are_read(text, zone, expected):
    sessions = sessions_from(text, zone_of(zone))

    assert sessions is not None
    assert rows(sessions) == utc(*expected)


def test_no_hours_are_not_known_and_closed_days_are_never_open():
    assert sessions_from("", NEW_YORK) is None
    assert sessions_from(" ", NEW_YORK) is None
    closed = sessions_from("20260110:CLOSED;20260111:CLOSED", NEW_YORK)
    assert closed == NEVER_OPEN
    assert not closed.is_open(1_768_000_000 * S)


@pytest.mark.parametrize("text", [
    "20260105", "20260105:", "20260105:OPEN", "20260105:closed", "20260105:930-1600", "20260105:0930-1600-1700",
    "20261305:0930-1600", "20260105:0960-1600", "20260105:2500-2600", "20260105:1600-0930", "20260105:0930-0930",
    "20260105:0930-20260205:0930", "2026-01-05:0930-1600", "20260105:0930-1600|20260106:CLOSED",
    "20260105:20260105:0930-1600", "20260105:\u0660\u0669\u0663\u0660-1600",
])
def test_anything_else_is_refused_with_its_words(text):
    with pytest.raises(HoursError, match=r"2026-?\d"):
        sessions_from(text, NEW_YORK)


def test_more_days_than_a_year_are_refused():
    with pytest.raises(HoursError, match="500 days"):
        sessions_from(";".join(["20260105:CLOSED"] * 500), NEW_YORK)


@pytest.mark.parametrize("name", ["", "Atlantis/Capital", "../etc/passwd", "EST;x", "\x00"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(HoursError, match="time zone"):
        zone_of(name)


@given(st.lists(st.tuples(st.integers(0, 27), st.integers(0, 1439), st.integers(1, 1440)), max_size=8))
def test_what_is_open_is_the_union_of_the_sessions(spans):
    """A minute is open exactly where one of the sessions, as written, covers it."""
    texts = []
    for day, begin, length in spans:
        end_day, end = day + (begin + length) // 1440, (begin + length) % 1440
        texts.append(f"202606{day + 1:02d}:{begin // 60:02d}{begin % 60:02d}-"
                     f"202606{end_day + 1:02d}:{end // 60:02d}{end % 60:02d}")
    sessions = sessions_from(";".join(texts), ZoneInfo("UTC"))
    base = round(datetime.fromisoformat("2026-06-01T00:00:00+00:00").timestamp())
    for minute in {0, *(d * 1440 + b + x for d, b, n in spans for x in (-1, 0, n // 2, n - 1, n))}:
        covered = any(d * 1440 + b <= minute < d * 1440 + b + n for d, b, n in spans)
        found = sessions is not None and sessions.is_open((base + minute * 60) * S)
        assert found == covered
