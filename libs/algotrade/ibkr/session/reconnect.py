"""When to try again: backoff with jitter, and the broker's own hours, in which silence is no alarm."""

import random
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND

WAIT_S_FIRST, WAIT_S_MAX, WAIT_FACTOR = 1.0, 60.0, 2.0
JITTER = 0.25
"""Each wait is longer or shorter by up to this share, so that many clients do not come back at once."""
CLIENT_ID_WAIT_S = 15.0
"""After 326: whoever has our client id may just be leaving."""
MAINTENANCE_WAIT_S = 30.0
"""Within a maintenance window: patient from the first try on, and never slower than this either."""

_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class MaintenanceWindow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours in which the broker resets its servers or waits for a log-in.

    ``name``   what it is
    ``zone``   of the hours, an IANA name: daylight saving is followed
    ``start``  HH:MM
    ``end``    HH:MM, not included; not after ``start``: on the next day
    ``days``   on which it starts: mon, tue, wed, thu, fri, sat, sun
    """

    name: str
    zone: str
    start: str
    end: str
    days: tuple[str, ...] = DAYS

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"zone is {self.zone!r}; allowed: an IANA name such as America/New_York") from error
        for name in ("start", "end"):
            text = getattr(self, name)
            if not _HOURS.fullmatch(text):
                raise ValueError(f"{name} is {text!r}; allowed: HH:MM")
        wrong = [day for day in self.days if day not in DAYS]
        if wrong or not self.days:
            raise ValueError(f"days is {self.days}; allowed: one or more of {', '.join(DAYS)}")

    def ends_ns(self, time_ns: int) -> int | None:
        """Return when the window that holds ``time_ns`` ends, ns since 1970 UTC; None outside of it."""
        local = datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).astimezone(ZoneInfo(self.zone))
        for day in (local.date() - timedelta(days=1), local.date()):
            if DAYS[day.weekday()] in self.days:
                start_ns, end_ns = self._bounds_ns(day)
                if start_ns <= time_ns < end_ns:
                    return end_ns
        return None

    def _bounds_ns(self, day: date) -> tuple[int, int]:
        start, end = time.fromisoformat(self.start), time.fromisoformat(self.end)
        last = day if end > start else day + timedelta(days=1)
        zone = ZoneInfo(self.zone)
        begin = datetime.combine(day, start, zone)
        # An hour that is there twice belongs to the window both times: fold 1 is the later one.
        finish = datetime.combine(last, end, zone).replace(fold=1)
        return tuple(int(at.timestamp()) * NANOSECONDS_PER_SECOND for at in (begin, finish))  # type: ignore[return-value]


_SUNDAY_TO_FRIDAY = ("sun", "mon", "tue", "wed", "thu", "fri")
WEEKEND = (
    MaintenanceWindow(name="weekend reset", zone="America/New_York", start="23:00", end="03:00", days=("fri",)),
    MaintenanceWindow(name="Sunday log-in", zone="America/New_York", start="01:00", end="17:00", days=("sun",)),
)
"""The weekend's reset, and the Sunday on which the week's log-in has ended until somebody logs in again (documented;
that markets open by 17:00 is assumed)."""
NORTH_AMERICA = (
    MaintenanceWindow(name="daily reset", zone="America/New_York", start="00:15", end="01:45", days=_SUNDAY_TO_FRIDAY),
    *WEEKEND,
)
"""The broker's hours of 2026 for North America (documented; they were others in 2024, so they are a setting)."""
EUROPE = (
    MaintenanceWindow(name="daily reset", zone="Europe/Zurich", start="06:25", end="07:45"), *WEEKEND)
"""The same for Europe."""
ASIA = (
    MaintenanceWindow(name="morning reset", zone="Asia/Hong_Kong", start="04:45", end="06:05"),
    MaintenanceWindow(name="evening reset", zone="Asia/Hong_Kong", start="20:15", end="21:15"), *WEEKEND,
)
"""The same for Asia and the Pacific."""


REGIONS: dict[str, tuple[MaintenanceWindow, ...]] = {
    "america": NORTH_AMERICA, "europe": EUROPE, "asia": ASIA, "none": ()}
"""The hours by region; "none" has none, as a simulated Gateway."""


def window_at(windows: Iterable[MaintenanceWindow], time_ns: int) -> tuple[MaintenanceWindow, int] | None:
    """Return the window that holds ``time_ns`` and ends last, with its end (ns since 1970 UTC); None outside of all."""
    inside = [(window, end) for window in windows if (end := window.ends_ns(time_ns)) is not None]
    return max(inside, key=lambda found: found[1], default=None)


class Backoff:
    """How long to wait before the next try. ``seed`` makes the jitter repeat."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- jitter, not secrets
        self._failures = 0

    def failed(self, *, client_id_in_use: bool, in_maintenance: bool) -> float:
        """Return the seconds to wait after one more failure."""
        if client_id_in_use:
            wait_s = CLIENT_ID_WAIT_S
        elif in_maintenance:
            wait_s = MAINTENANCE_WAIT_S
        else:
            wait_s = min(WAIT_S_FIRST * WAIT_FACTOR ** min(self._failures, 10), WAIT_S_MAX)
            self._failures += 1
        return wait_s * self._random.uniform(1 - JITTER, 1 + JITTER)

    def succeeded(self) -> None:
        """Begin anew with the shortest wait."""
        self._failures = 0
