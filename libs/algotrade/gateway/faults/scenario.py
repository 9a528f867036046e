"""A scenario: which faults come when, from a TOML file.

A table ``[[fault]]`` for each: its ``kind`` and fields (``kinds``), and when it comes. ``at_s``: so many market seconds
after the start, and with ``every_s`` again and again; ``jitter_s`` is drawn from the seed. Or ``at``: at this time of
day, every day or on ``days``. For example:

    seed = 7

    [[fault]]
    at_s = 30
    kind = "link_lost"
    seconds = 20

    [[fault]]
    at = "00:15 America/New_York"
    days = ["mon", "tue"]
    kind = "restart"
"""

import heapq
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.session import NEVER_NS
from algotrade.gateway.faults.kinds import Fault, FaultRefused, fault_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FAULTS_MAX = 10_000
AT_S_MAX = 400 * 86_400.0

_DAILY = re.compile(r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d) (?P<zone>\S+)")
_WHEN = {"at_s", "at", "days", "every_s", "jitter_s"}


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One fault and when it comes: once or again and again after the start, or at a time of day."""

    fault: Fault
    at_s: float = 0.0
    every_s: float = 0.0
    jitter_s: float = 0.0
    daily: tuple[int, int, str] | None = None
    days: tuple[str, ...] = DAYS

    def times_ns(self, start_ns: int, seed: int) -> Iterator[int]:
        """Yield the market times at which it comes, rising, perhaps without end."""
        if self.daily is not None:
            yield from self._daily_ns(start_ns)
            return
        dice = random.Random(seed)  # noqa: S311 -- a scenario, no secret
        at_s = self.at_s
        while True:
            yield start_ns + round((at_s + dice.uniform(0.0, self.jitter_s)) * NANOSECONDS_PER_SECOND)
            if not self.every_s:
                return
            at_s += self.every_s

    def _daily_ns(self, start_ns: int) -> Iterator[int]:
        assert self.daily is not None
        hour, minute, zone = self.daily
        day = datetime.fromtimestamp(start_ns // NANOSECONDS_PER_SECOND, UTC).astimezone(ZoneInfo(zone)).date()
        while True:
            moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
            time_ns = int(moment.timestamp()) * NANOSECONDS_PER_SECOND
            if time_ns > start_ns and DAYS[day.weekday()] in self.days:
                yield time_ns
            day += timedelta(days=1)


class Scenario:
    """The faults to come; ``due`` gives each once, when its time has come."""

    def __init__(self, planned: Sequence[Planned] = (), seed: int = 0) -> None:
        self.seed = seed
        self._planned = tuple(planned)
        self._next: list[tuple[int, int, Iterator[int]]] = []

    def begin(self, start_ns: int) -> None:
        """Begin at this market time."""
        self._next = []
        for number, one in enumerate(self._planned):
            # No two faults draw the same, of neighbouring seeds neither.
            self._put(number, one.times_ns(start_ns, self.seed * FAULTS_MAX + number))

    def due(self, now_ns: int) -> list[Fault]:
        """Return the faults whose time has come since the last call, in order."""
        found = []
        while self._next and self._next[0][0] <= now_ns:
            _, number, times = heapq.heappop(self._next)
            found.append(self._planned[number].fault)
            self._put(number, times)
        return found

    @property
    def next_ns(self) -> int:
        """Return when the next fault comes, ``NEVER_NS`` where none does."""
        return self._next[0][0] if self._next else NEVER_NS

    def _put(self, number: int, times: Iterator[int]) -> None:
        at_ns = next(times, None)
        if at_ns is not None:
            heapq.heappush(self._next, (at_ns, number, times))


def load_scenario(path: Path) -> Scenario:
    """Return the scenario in the TOML file ``path``; raises ``FaultRefused``, which names the file and the fault."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FaultRefused(f"scenario {path} cannot be read: {error}") from error
    unknown = values.keys() - {"seed", "fault"}
    faults, seed = values.get("fault", []), values.get("seed", 0)
    if unknown or not isinstance(faults, list) or len(faults) > FAULTS_MAX or type(seed) is not int or seed < 0:
        raise FaultRefused(f"scenario {path} has {sorted(values)}; allowed: seed, a number from 0 on, and up to "
                           f"{FAULTS_MAX} tables [[fault]]")
    try:
        return Scenario([_planned(one) for one in faults], seed)
    except FaultRefused as error:
        raise FaultRefused(f"scenario {path}: {error}") from error


def _planned(values: Any) -> Planned:
    if not isinstance(values, dict):
        raise FaultRefused(f"fault is {values!r}; allowed: a table [[fault]]")
    when = {key: values[key] for key in _WHEN & values.keys()}
    fault = fault_of({key: value for key, value in values.items() if key not in _WHEN})
    daily = _daily(when.pop("at")) if "at" in when else None
    days = when.pop("days", list(DAYS))
    if not isinstance(days, list) or not days or any(day not in DAYS for day in days):
        raise FaultRefused(f"days is {days!r}; allowed: of {', '.join(DAYS)}")
    if (daily is None) == ("at_s" not in when):
        raise FaultRefused(f"fault {values} comes at no time, or at two; allowed: at_s, or at")
    for name, value in when.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= AT_S_MAX:
            raise FaultRefused(f"{name} is {value!r}; allowed: 0 to {AT_S_MAX:g}")
    if daily is not None and when:
        raise FaultRefused(f"{', '.join(sorted(when))} does not go with at; allowed: days")
    return Planned(fault=fault, daily=daily, days=tuple(days), **when)


def _daily(text: Any) -> tuple[int, int, str]:
    match = _DAILY.fullmatch(text) if isinstance(text, str) else None
    try:
        if match is not None:
            ZoneInfo(match["zone"])
            return int(match["hour"]), int(match["minute"]), match["zone"]
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a folder of zones
        pass
    raise FaultRefused(f"at is {text!r}; allowed: HH:MM and an IANA zone, such as 00:15 America/New_York")
