"""The leader's side of the fence: it reads back what it appends before anything rests on it (``epochs``)."""

from collections.abc import Mapping

from algotrade.bus.kafka.client import REQUEST_S_MAX, Fetcher
from algotrade.bus.kafka.records import Consumed, Lane
from algotrade.bus.port import BusError, BusUnreachable, Lease, Superseded
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, SystemClock


class Fence:
    """Reads back what a leader appends, and finds the marker of whoever came after it.

    ``stand``  where this leader's own marker stands in each partition that its plane writes
    """

    def __init__(self, fetcher: Fetcher, stand: Mapping[Lane, int]) -> None:
        self._fetcher = fetcher
        self._reached = dict(stand)
        self._newest: dict[Lane, int] = dict.fromkeys(stand, 0)
        self._clock = SystemClock()
        for lane, offset in stand.items():
            self._fetcher.assign(lane, offset)

    def look(self, lease: Lease) -> None:
        """Raise ``Superseded`` where a newer marker is known of."""
        self._fetch(0)
        newest = max(self._newest.values(), default=0)
        if newest > lease.epoch:
            raise Superseded(f"epoch {lease.epoch} of {lease.topic} is over; epoch {newest} leads")

    def read_back(self, lease: Lease, written: Mapping[Lane, int]) -> None:
        """Return once everything up to ``written`` was read without a newer marker; else raise ``Superseded``."""
        deadline_ns = self._clock.monotonic_ns() + int(REQUEST_S_MAX * NANOSECONDS_PER_SECOND)
        while any(self._reached[lane] <= offset for lane, offset in written.items()):
            self._fetch(0.02)
            if self._clock.monotonic_ns() > deadline_ns:
                raise BusUnreachable(f"{lease.topic}: what was appended has not come back in {REQUEST_S_MAX:.0f} s")
        self.look(lease)

    def close(self) -> None:
        """Stop reading."""
        self._fetcher.close()

    def _fetch(self, timeout_s: float) -> None:
        for lane, record in self._fetcher.fetch(timeout_s):
            if record is None:
                raise BusError(f"{lane[0]}/{lane[1]}: what this leader appended is gone")
            if isinstance(record, Consumed):
                self._reached[lane] = record.offset + 1
                if record.is_marker:
                    self._newest[lane] = max(self._newest[lane], record.epoch)
