"""Trading sessions by market identifier, from exchange_calendars; loaded only where an instrument names a market."""

from datetime import UTC, date, datetime, timedelta

from algotrade.domain import Sessions
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.session import sessions_of


class CalendarError(Exception):
    """A market's calendar is not to be had; the message names the market and what to do."""


def load_sessions(mic: str, first_ns: int, last_ns: int) -> Sessions:
    """Return the sessions of market ``mic`` (ISO 10383) that touch [first_ns, last_ns], ns since 1970 UTC.

    Needs the extra ``calendars``. Breaks within a session (lunch in Tokyo) count as open.
    """
    try:
        import exchange_calendars  # noqa: PLC0415 -- brings pandas, so only who trades by a calendar loads it
    except ImportError as error:
        raise CalendarError(
            f"the calendar of {mic} needs exchange_calendars: pip install 'algotrade[calendars]'") from error
    # A few days more on either side, so that the range begins and ends between sessions, whatever the time zone.
    first = _day(first_ns) - timedelta(days=7)
    last = _day(last_ns) + timedelta(days=14)
    try:
        calendar = exchange_calendars.get_calendar(mic, start=str(first), end=str(last))
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise CalendarError(f"mic is {mic!r}; allowed: a market that exchange_calendars knows, such as XNYS") from error
    return sessions_of([(int(o.value), int(c.value)) for o, c in zip(calendar.opens, calendar.closes, strict=True)])


def _day(time_ns: int) -> date:
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).date()
