"""Times as IB writes them: zones under their old names, trading hours, moments with or without a zone.

What is not written in one of the accepted forms is refused, never guessed: a request with a wrong end would get bars of
another day.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from algotrade.domain import Sessions
from algotrade.domain.clock import NANOSECONDS_PER_SECOND

DAY_NS = 86_400 * NANOSECONDS_PER_SECOND
HOURS_DAYS = 7
"""Days that trading hours are told for, today among them; a real Gateway tells about a week (observed)."""

_IANA = {
    "US/Eastern": "America/New_York", "US/Central": "America/Chicago", "US/Pacific": "America/Los_Angeles",
    "MET": "Europe/Berlin", "GB-Eire": "Europe/London", "GB": "Europe/London", "Japan": "Asia/Tokyo",
    "Hongkong": "Asia/Hong_Kong", "EST": "America/New_York", "EST5EDT": "America/New_York",
    "CST": "America/Chicago", "CST6CDT": "America/Chicago", "JST": "Asia/Tokyo", "UTC": "UTC", "GMT": "UTC",
}
"""The names that IB uses, and what they are called today: systems may come without the old ones."""

_DASHED = re.compile(r"(\d{8})-(\d{2}:\d{2}:\d{2})")
_SPACED = re.compile(r"(\d{8}) {1,2}(\d{2}:\d{2}:\d{2})(?: (\S+))?")


class TimeError(ValueError):
    """Text is no time; the message names it and what is allowed."""


def zone_of(name: str) -> tzinfo:
    """Return the zone that IB calls ``name``; IANA names are taken too. ``TimeError`` for any other."""
    known = _IANA.get(name, name if "/" in name else "")
    try:
        return ZoneInfo(known)
    except (KeyError, ValueError, OSError) as error:
        raise TimeError(f"time zone is {name!r}; allowed: {', '.join(_IANA)}, or an IANA name") from error


def local(time_ns: int, zone: tzinfo) -> datetime:
    """Return ``time_ns`` (ns since 1970 UTC) in ``zone``, to the second."""
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, zone)


def parse_moment(text: str, zone: tzinfo) -> int:
    """Return the moment that ``text`` names, ns since 1970 UTC.

    ``yyyymmdd-hh:mm:ss`` is UTC; ``yyyymmdd hh:mm:ss ZONE`` is in that zone, without one in ``zone`` (documented: the
    zone of the login; here the instrument's, assumed). Raises ``TimeError``.
    """
    at = zone
    match = _DASHED.fullmatch(text)
    if match:
        at = UTC
    else:
        match = _SPACED.fullmatch(text)
        if match is None:
            raise TimeError(f"time is {text!r}; allowed: yyyymmdd hh:mm:ss [ZONE], or yyyymmdd-hh:mm:ss in UTC")
        if match[3]:
            at = zone_of(match[3])
    try:
        moment = datetime.strptime(f"{match[1]} {match[2]}", "%Y%m%d %H:%M:%S").replace(tzinfo=at)
    except ValueError as error:
        raise TimeError(f"time is {text!r}; allowed: a day of the calendar and a time of the day") from error
    return int(moment.timestamp()) * NANOSECONDS_PER_SECOND


def spaced(time_ns: int, zone: tzinfo, name: str) -> str:
    """Write a moment as ``yyyymmdd hh:mm:ss ZONE``, as Gateways of today do (observed)."""
    return f"{local(time_ns, zone):%Y%m%d %H:%M:%S} {name}"


def dashed(time_ns: int, zone: tzinfo = UTC) -> str:
    """Write a moment as ``yyyymmdd-hh:mm:ss``."""
    return f"{local(time_ns, zone):%Y%m%d-%H:%M:%S}"


def midnight_ns(day: date, zone: tzinfo) -> int:
    """Return when ``day`` begins in ``zone``, ns since 1970 UTC."""
    return int(datetime.combine(day, time(), zone).timestamp()) * NANOSECONDS_PER_SECOND


def sessions_within(sessions: Sessions, begin_ns: int, end_ns: int, zone: tzinfo) -> list[tuple[int, int]]:
    """Return the sessions (open, close) that close after ``begin_ns`` and open before ``end_ns``.

    A market that never closes has one a day, from midnight to midnight in ``zone``.
    """
    if sessions.opens_ns:
        pairs = zip(sessions.opens_ns, sessions.closes_ns, strict=True)
        return [(o, c) for o, c in pairs if c > begin_ns and o < end_ns]
    day, days = local(begin_ns, zone).date(), []
    while (opens_ns := midnight_ns(day, zone)) < end_ns:
        day += timedelta(days=1)
        days.append((opens_ns, midnight_ns(day, zone)))
    return days


def hours_text(sessions: Sessions, zone: tzinfo, now_ns: int) -> str:
    """Write the sessions of the next days as IB does: ``20260105:0930-20260105:1600;20260106:CLOSED``.

    A session stands on the day on which it closes. Beyond the calendar's last day nothing is told.
    """
    today = local(now_ns, zone).date()
    parts = []
    for day in (today + timedelta(days=n) for n in range(HOURS_DAYS)):
        begin_ns, end_ns = midnight_ns(day, zone), midnight_ns(day + timedelta(days=1), zone)
        if sessions.closes_ns and begin_ns > sessions.closes_ns[-1]:
            break
        found = [(o, c) for o, c in sessions_within(sessions, begin_ns, end_ns, zone)
                 if not sessions.opens_ns or begin_ns < c <= end_ns]
        parts += [f"{local(o, zone):%Y%m%d:%H%M}-{local(c, zone):%Y%m%d:%H%M}" for o, c in found]
        if not found:
            parts.append(f"{day:%Y%m%d}:CLOSED")
    return ";".join(parts)
