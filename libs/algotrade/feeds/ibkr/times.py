"""Times of bars as IB writes them, strictly; and when a bar ends."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.session import Sessions
from algotrade.feeds.ibkr.settings import BarSize
from algotrade.feeds.port import FeedError
from algotrade.ibkr.hours import HoursError, moment_ns, zone_of

_DAY = re.compile(r"[0-9]{8}")
_EPOCH = re.compile(r"[0-9]{9,11}")
_LOCAL = re.compile(r"(\d{8})[ ]{1,2}(\d{2}:\d{2}:\d{2}) (\S.*)", re.ASCII)
_DASHED = re.compile(r"(\d{8})-(\d{2}:\d{2}:\d{2})", re.ASCII)

ALLOWED = "seconds since 1970 UTC, yyyymmdd for days, yyyymmdd hh:mm:ss ZONE, or yyyymmdd-hh:mm:ss (UTC)"


class Moment(NamedTuple):
    """Now: by the market's clock (ns since 1970 UTC), and by the host's (monotonic ns)."""

    time_ns: int
    monotonic_ns: int


class Edges(NamedTuple):
    """When a bar begins and when it is complete, ns since 1970 UTC."""

    open_ns: int
    close_ns: int


def bar_edges(text: str, size: BarSize, zone: ZoneInfo, sessions: Sessions) -> Edges:
    """Return the edges of the bar that IB dates ``text``. Raises ``FeedError`` for a date in no known form.

    A bar within a day ends at the next multiple of its size by the clocks of ``zone``: the first bar of a session may
    begin between two multiples, and is shorter (observed). A day's bar is the session, or sessions, of ``sessions``
    that close on that day in ``zone``; where there is none, from midnight to midnight. A local time without a zone is
    refused: it is in whatever zone somebody's Gateway was set to.
    """
    if size.is_day:
        return _day_edges(_date_of(text, zone), zone, sessions)
    open_ns = _moment(text)
    offset = datetime.fromtimestamp(open_ns // NANOSECONDS_PER_SECOND, zone).utcoffset()
    assert offset is not None, "a zone knows its offset"
    offset_ns = round(offset.total_seconds()) * NANOSECONDS_PER_SECOND
    return Edges(open_ns, ((open_ns + offset_ns) // size.duration_ns + 1) * size.duration_ns - offset_ns)


def _moment(text: str) -> int:
    if _EPOCH.fullmatch(text):
        return int(text) * NANOSECONDS_PER_SECOND
    local, dashed = _LOCAL.fullmatch(text), _DASHED.fullmatch(text)
    match = local or dashed
    if match is None:
        raise _refused(text)
    try:
        zone = zone_of(match[3]) if local else UTC
        moment = datetime.strptime(f"{match[1]} {match[2]}", "%Y%m%d %H:%M:%S").replace(tzinfo=zone)
    except (ValueError, HoursError) as error:
        raise _refused(text) from error
    return round(moment.timestamp()) * NANOSECONDS_PER_SECOND


def _date_of(text: str, zone: ZoneInfo) -> date:
    if not _DAY.fullmatch(text):
        return datetime.fromtimestamp(_moment(text) // NANOSECONDS_PER_SECOND, zone).date()
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError as error:
        raise _refused(text) from error


def _day_edges(day: date, zone: ZoneInfo, sessions: Sessions) -> Edges:
    begin, end = (moment_ns(day + timedelta(days=n), 0, zone, fold=0) for n in (0, 1))
    of_day = [(o, c) for o, c in zip(sessions.opens_ns, sessions.closes_ns, strict=True) if begin < c <= end]
    return Edges(of_day[0][0], of_day[-1][1]) if of_day else Edges(begin, end)


def _refused(text: str) -> FeedError:
    return FeedError(f"date of a bar is {text[:40]!r}; allowed: {ALLOWED}")


def duration_text(seconds: float, size: BarSize) -> tuple[str, int]:
    """Return how IB is asked for bars of the last ``seconds``, and how many seconds that is.

    At least two bars and a minute, at most what one request may ask for.
    """
    wanted = min(max(int(seconds) + 1, 2 * size.duration_s, 60), size.history_s_max)
    if wanted <= 86_400 and not size.is_day:
        return f"{wanted} S", wanted
    days = min(-(-wanted // 86_400), size.history_s_max // 86_400)
    return f"{days} D", days * 86_400
