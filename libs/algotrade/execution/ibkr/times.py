"""The broker's times of executions, as text. Strict: what is in no known form is refused, never guessed."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from algotrade.domain.clock import NANOSECONDS_PER_SECOND

_DASHED = re.compile(r"[0-9]{8}-[0-9]{2}:[0-9]{2}:[0-9]{2}")
_SPACED = re.compile(
    r"([0-9]{8}) {1,2}([0-9]{2}:[0-9]{2}:[0-9]{2})(?: ([A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*))?")
ALLOWED = "yyyymmdd hh:mm:ss, with a zone or without, or yyyymmdd-hh:mm:ss"


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of this name, old ones such as US/Eastern or MET too; an unknown one is a ``ValueError``."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"zone is {name!r}; allowed: an IANA name such as America/New_York") from error


def time_ns_of(text: str, zone: ZoneInfo) -> int:
    """Return ``text`` as ns since 1970 UTC; raises ``ValueError``.

    ``zone``  that TWS or the Gateway is set to: of a time that names none. The form with a dash is UTC (documented). An
              hour that comes twice, when summer time ends, is taken for the first
    """
    spaced = _SPACED.fullmatch(text)
    if spaced:
        zone = zone_of(spaced[3]) if spaced[3] else zone
        local = datetime.strptime(f"{spaced[1]}-{spaced[2]}", "%Y%m%d-%H:%M:%S").replace(tzinfo=zone)
    elif _DASHED.fullmatch(text):
        local = datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    else:
        raise ValueError(f"time is {text[:40]!r}; allowed: {ALLOWED}")
    return int(local.timestamp()) * NANOSECONDS_PER_SECOND
