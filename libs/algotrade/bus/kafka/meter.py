"""What one plane's bus counts of its dealings with the cluster; written by the plane's thread, read by any other."""

from collections.abc import Collection, Mapping

from algotrade.bus.kafka.records import Lane
from algotrade.bus.kafka.tail import Standing
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

    def error(self, name: str) -> None:
        """Count an error; names that come once there are too many are counted together."""
        if name not in self.errors and len(self.errors) >= ERROR_NAMES_MAX:
            name = OTHER_ERRORS
        self.errors[name] = self.errors.get(name, 0) + 1

    def samples(self, *, standings: Mapping[Lane, Standing], labels: Mapping[Lane, Labels], inputs: Collection[Lane],
                waiting: Mapping[str, int], voided: int) -> Samples:
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
            "algotrade_bus_epoch": self.epoch,
            "algotrade_bus_rebalances_total": self.rebalances,
            "algotrade_bus_errors_total": {(name,): count for name, count in self.errors.copy().items()},
        }
