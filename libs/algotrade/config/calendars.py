"""Trading sessions by market identifier, from exchange_calendars; loaded only where an instrument names a market."""

from algotrade.domain import Sessions
from algotrade.domain.session import sessions_of


class CalendarError(Exception):
    """A market's calendar is not to be had; the message names the market and what to do."""


def load_sessions(mic: str, first_ns: int, last_ns: int) -> Sessions:
    """Return the sessions of market ``mic`` (ISO 10383) that touch [first_ns, last_ns], ns since 1970 UTC.

    Needs the extra ``calendars``. Breaks within a session (lunch in Tokyo) count as open.
    """
    try:
        import exchange_calendars  # noqa: PLC0415 -- brings pandas, so only who trades by a calendar loads it
        import pandas as pd  # noqa: PLC0415
    except ImportError as error:
        raise CalendarError(
            f"the calendar of {mic} needs exchange_calendars: pip install 'algotrade[calendars]'") from error
    first = (pd.Timestamp(first_ns, tz="UTC") - pd.Timedelta(days=7)).normalize().tz_localize(None)
    last = (pd.Timestamp(last_ns, tz="UTC") + pd.Timedelta(days=14)).normalize().tz_localize(None)
    try:
        calendar = exchange_calendars.get_calendar(mic, start=first, end=last)
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise CalendarError(f"mic is {mic!r}; allowed: a market that exchange_calendars knows, such as XNYS") from error
    return sessions_of([(int(o.value), int(c.value)) for o, c in zip(calendar.opens, calendar.closes, strict=True)])
