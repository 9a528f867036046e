"""What one plane's bus counts of its dealings with the cluster; written by the plane's thread, read by any other."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from algotrade.bus.kafka.records import Lane
from algotrade.bus.kafka.tail import Standing
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock
from algotrade.telemetry.metrics import Histogram, Labels, Samples

ERROR_NAMES_MAX = 32
"""Errors counted under their own names. The client knows some two hundred; a run meets a handful."""

OTHER_ERRORS = "other"


class Meter:
    """Numbers that the bus raises as it works.

    ``append_latency``  seconds from records sent until all in-sync replicas had them, one observation per append
    ``errors``          what the client reported beside the answers to calls, by its name for it
    ``rebalances``      times that the members of a group of ours were dealt anew
    ``epoch``           under which this bus leads, 0 where it does not
    """

    def __init__(self) -> None:
        self.append_latency = Histogram()
        self.errors: dict[str, int] = {}
        self.rebalances = 0
        self.epoch = 0
        self._appending_since_ns: int | None = None

    def error(self, name: str) -> None:
        """Count an error; names that come once there are too many are counted together."""
        if name not in self.errors and len(self.errors) >= ERROR_NAMES_MAX:
            name = OTHER_ERRORS
        self.errors[name] = self.errors.get(name, 0) + 1

    @contextmanager
    def appending(self, clock: Clock) -> Iterator[None]:
        """Measure an append; one that fails is no latency."""
        began_ns = self._appending_since_ns = clock.monotonic_ns()
        try:
            yield
            self.append_latency.observe((clock.monotonic_ns() - began_ns) / NANOSECONDS_PER_SECOND)
        finally:
            self._appending_since_ns = None

    def appending_s(self, clock: Clock) -> float:
        """Return how long the append in hand has been waiting, 0.0 where none is; for any thread."""
        since_ns = self._appending_since_ns
        return 0.0 if since_ns is None else (clock.monotonic_ns() - since_ns) / NANOSECONDS_PER_SECOND

    def samples(self, *, standings: Mapping[Lane, Standing], labels: Mapping[Lane, Labels], inputs: Collection[Lane],
                waiting: Mapping[str, int], voided: int, silent_s: float) -> Samples:
        """Return the metrics. Behind can only be who reads on: ``inputs`` are the lanes that others write."""
        behind = {labels[lane]: standing for lane, standing in standings.items() if lane in inputs}
        fetched = {labels[lane]: standing for lane, standing in standings.items()}
        return {
            "algotrade_bus_lag_messages": {at: s.lag_messages for at, s in behind.items()},
            "algotrade_bus_lag_seconds": {at: s.lag_seconds for at, s in behind.items()},
            "algotrade_bus_fetched_messages": {at: s.fetched_messages for at, s in fetched.items()},
            "algotrade_bus_fetched_bytes": {at: s.fetched_bytes for at, s in fetched.items()},
            "algotrade_bus_append_latency_seconds": self.append_latency,
            "algotrade_bus_undelivered": {(name,): count for name, count in waiting.items()},
            "algotrade_bus_void_total": voided,
            "algotrade_bus_silent_seconds": silent_s,
            "algotrade_bus_epoch": self.epoch,
            "algotrade_bus_rebalances_total": self.rebalances,
            "algotrade_bus_errors_total": {(name,): count for name, count in self.errors.copy().items()},
        }
