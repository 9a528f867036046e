"""How much a partition holds, by what its writer noted on its records (``retention``), whoever else wrote there too."""

from collections.abc import Callable, Iterator
from contextlib import closing

from algotrade.bus.kafka.client import REQUEST_S_MAX, Fetcher
from algotrade.bus.kafka.records import Consumed, End, Lane
from algotrade.bus.port import BusError, BusUnreachable, Outgoing
from algotrade.bus.rules import size_bytes

LOOK_BACK = 16
"""Records looked at from the end for the writer's newest; eight times as many where all of them are strangers'."""


def counted(fetcher: Callable[[], Fetcher], lane: Lane, low: int, high: int) -> tuple[int, int]:
    """Return what the writer has counted before ``low`` and before ``high``, the bounds of ``lane``.

    Strangers' records say nothing, and count nothing: 0 and 0 where there are no others. ``fetcher`` makes one that
    tells ends.
    """
    if low >= high:
        return 0, 0
    first = next((record for record in _records(fetcher(), lane, low, high) if record.is_counted), None)
    if first is None:
        return 0, 0
    last, back = None, LOOK_BACK
    while last is None:
        begin = max(first.offset, high - back)
        for record in _records(fetcher(), lane, begin, high):
            last = record if record.is_counted else last
        back *= 8
    own_bytes = 0 if first.is_marker else size_bytes(Outgoing(first.key, first.value))
    return max(0, first.bytes_through - own_bytes), last.bytes_through


def _records(fetcher: Fetcher, lane: Lane, begin: int, end: int) -> Iterator[Consumed]:
    """Yield the records of ``lane`` from ``begin`` to before ``end``, markers and void ones too."""
    with closing(fetcher):
        if begin >= end:
            return
        fetcher.assign(lane, begin)
        waits = 0
        while waits < REQUEST_S_MAX:
            waits += 1
            for _, found in fetcher.fetch(1.0):
                if found is None:
                    raise BusError(f"{lane[0]}/{lane[1]}: offset {begin} went while it was looked at")
                waits = 0
                if found.offset >= end:
                    return
                if isinstance(found, End):
                    continue
                yield found
                if found.offset == end - 1:
                    return
    raise BusUnreachable(f"{lane[0]}/{lane[1]}: what lies before offset {end} has not come in {REQUEST_S_MAX:.0f} s")
