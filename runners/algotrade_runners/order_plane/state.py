"""The order plane's snapshot, in replay and live."""

import msgspec

from algotrade.bus import MarketCursor
from algotrade.execution import BrokerState, ManagerState
from algotrade.risk import GateState
from algotrade.telemetry.metrics import Histogram
from algotrade_runners.tally import Tally

JOURNAL_TOPIC = "orders.journal"


class OrderState(msgspec.Struct, kw_only=True):
    """The order plane's snapshot: what it knows, and the positions that this reflects."""

    cursor: MarketCursor = MarketCursor()
    intents_positions: list[int] = []
    reports_positions: list[int] = []
    """One for each shard."""
    journal_position: int = 0
    last_arrivals_ns: list[int] = []
    """When the last intent that was handled reached the venue, for each shard."""
    manager: ManagerState | None = None
    gate: GateState | None = None
    broker: BrokerState | None = None
    """Of a simulated one."""
    live_broker: bytes = b""
    """Whose broker order ids are whose, of a live one."""
    tally: Tally = msgspec.field(default_factory=Tally)
    intents: int = 0
    reports: int = 0
    fills: int = 0
    broker_events: int = 0
    """Evidence taken from a live broker."""
    repeated: int = 0
    finished: bool = False
    began_ns: int = 0
    ended_ns: int = 0
    """Monotonic clock when this process first and last handled a record; 0 where it has not."""
    intent_latency_counts: list[int] = []
    """Intents by the time from market data published to intent read, in the buckets of telemetry.metrics."""
    latency_counts: list[int] = []
    """Orders by the time from market data published to order accepted, in the buckets of telemetry.metrics."""
    session_began_at: int = 0
    """Records that earlier processes had handled."""

    def begin_session(self) -> None:
        """Take note that a process begins with this state."""
        self.session_began_at = self.tally.records
        self.began_ns = self.ended_ns = 0

    def progressed(self, now_ns: int) -> None:
        """Take note that something was handled; ``now_ns`` is monotonic."""
        self.ended_ns = now_ns
        self.began_ns = self.began_ns or now_ns


def kept_histogram(counts: list[int]) -> Histogram:
    """Return a histogram that goes on counting in ``counts`` of a snapshot, or in its own where there are none yet."""
    histogram = Histogram()
    histogram.counts = counts or histogram.counts
    return histogram
