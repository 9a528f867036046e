"""Trading hours as IB writes them: ``20260105:0400-20260105:2000;20260106:CLOSED`` in a zone of an older name.

Forms taken (documented; the older ones observed in clients' recordings): a session is ``date:hhmm-date:hhmm`` or, as
older servers write it, ``date:hhmm-hhmm``; several of one day stand behind one another with commas, days with
semicolons. A session may begin on the day before the one it belongs to (futures). Anything else is an ``HoursError``.
"""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.session import NEVER_NS, Sessions, sessions_of

NEVER_OPEN = sessions_of([(NEVER_NS - 1, NEVER_NS)])
"""A market that does not open; ``Sessions()`` without stretches is one that never closes."""

DAYS_MAX = 400
"""Days that one text may tell of: IB sends about a week."""

# Newer hosts install the old names of zones apart from the others (tzdata-legacy). "EST" and the like are fixed offsets
# in the zones' data base; IB means the exchange's own time, summer time included (observed).
_ZONES = {
    "US/Eastern": "America/New_York", "EST5EDT": "America/New_York", "EST": "America/New_York",
    "EST (Eastern Standard Time)": "America/New_York", "US/Central": "America/Chicago", "CST6CDT": "America/Chicago",
    "CST (Central Standard Time)": "America/Chicago", "US/Mountain": "America/Denver", "US/Pacific":
    "America/Los_Angeles", "Canada/Eastern": "America/Toronto", "MET": "Europe/Brussels", "CET": "Europe/Brussels",
    "MET (Middle Europe Time)": "Europe/Brussels", "EET": "Europe/Helsinki", "GB": "Europe/London",
    "GB-Eire": "Europe/London", "GMT (Greenwich Mean Time)": "Europe/London", "BST": "Europe/London",
    "Japan": "Asia/Tokyo", "JST": "Asia/Tokyo", "JST (Japan Standard Time)": "Asia/Tokyo", "Hongkong": "Asia/Hong_Kong",
    "Singapore": "Asia/Singapore", "PRC": "Asia/Shanghai", "ROK": "Asia/Seoul", "ROC": "Asia/Taipei",
    "Israel": "Asia/Jerusalem", "Asia/Calcutta": "Asia/Kolkata", "Poland": "Europe/Warsaw", "NZ": "Pacific/Auckland",
    "Australia/NSW": "Australia/Sydney", "Australia/ACT": "Australia/Sydney", "Brazil/East": "America/Sao_Paulo",
    "Mexico/General": "America/Mexico_City", "UTC": "UTC", "GMT": "UTC", "Z": "UTC",
}

_DAY = re.compile(r"(\d{8}):(.+)", re.ASCII)
_SPAN = re.compile(r"(?:(\d{8}):)?(\d{4})-(?:(\d{8}):)?(\d{4})", re.ASCII)


class HoursError(ValueError):
    """Hours or a zone that cannot be read; the message names the text and what is allowed."""


def zone_of(name: str) -> ZoneInfo:
    """Return the zone that IB calls ``name``; one that this host does not know is an ``HoursError``."""
    name = name.strip()
    try:
        return ZoneInfo(_ZONES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise HoursError(f"time zone is {name!r}; allowed: a zone of this host's tz database (package tzdata), or one "
                         f"of {', '.join(sorted(_ZONES)[:8])}, ...") from error


def sessions_from(text: str, zone: ZoneInfo) -> Sessions | None:
    """Return the sessions of ``text``, None where it is empty: then the hours are not known.

    A text of closed days alone gives ``NEVER_OPEN``. Where summer time makes a local time ambiguous, opens are the
    earlier and closes the later of the two, so that no open minute is taken for a closed one.
    """
    if not text.strip():
        return None
    days = [day for day in text.split(";") if day.strip()]
    if len(days) > DAYS_MAX:
        raise HoursError(f"trading hours tell of {len(days)} days; allowed: up to {DAYS_MAX}")
    rows = sorted(row for day in days for row in _rows_of(day.strip(), zone))
    return sessions_of(_united(rows)) if rows else NEVER_OPEN


def moment_ns(day: date, minutes: int, zone: ZoneInfo, *, fold: int) -> int:
    """Return the moment ``minutes`` after midnight, by the clocks of ``zone``, on ``day``: ns since 1970 UTC."""
    local = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    return round(local.replace(tzinfo=zone, fold=fold).timestamp()) * NANOSECONDS_PER_SECOND


def _rows_of(day: str, zone: ZoneInfo) -> list[tuple[int, int]]:
    match = _DAY.fullmatch(day)
    if match is None:
        raise _refused(day)
    first = _date(match[1], day)
    if match[2] == "CLOSED":
        return []
    rows = []
    for i, span in enumerate(match[2].split(",")):
        parts = _SPAN.fullmatch(span)
        # The date before the first span is the day's own.
        if parts is None or (i == 0 and parts[1] is not None):
            raise _refused(day)
        begin = _date(parts[1], day) if parts[1] else first
        end = _date(parts[3], day) if parts[3] else begin
        opens = moment_ns(begin, _minutes(parts[2], day), zone, fold=0)
        closes = moment_ns(end, _minutes(parts[4], day), zone, fold=1)
        if not opens < closes <= opens + 8 * 86_400 * NANOSECONDS_PER_SECOND:
            raise HoursError(f"trading hours hold {day!r}, which closes before it opens or a week behind; allowed: "
                             "sessions of some length, up to 8 days")
        rows.append((opens, closes))
    return rows


def _united(rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return sorted ``rows`` with those that touch or overlap made one."""
    united: list[tuple[int, int]] = []
    for opens, closes in rows:
        if united and opens <= united[-1][1]:
            united[-1] = (united[-1][0], max(closes, united[-1][1]))
        else:
            united.append((opens, closes))
    return united


def _date(digits: str, day: str) -> date:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise _refused(day) from None


def _minutes(digits: str, day: str) -> int:
    hours, minutes = int(digits[:2]), int(digits[2:])
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise _refused(day)
    return hours * 60 + minutes


def _refused(day: str) -> HoursError:
    return HoursError(f"trading hours hold {day[:80]!r}; allowed: yyyymmdd:hhmm-yyyymmdd:hhmm, yyyymmdd:hhmm-hhmm, "
                      "or yyyymmdd:CLOSED")
