"""Event time shared by three processes: who has promised what, and what may therefore be handled.

Conservative synchronisation after Chandy and Misra (1979, "Distributed simulation") and Bryant (1977). An intent born
at t reaches the venue at t + L or later, a report of time t reaches the strategy at t + R. Each side promises a time
before which it will say nothing more; the other goes as far as that promise lets it. Since L and R are above 0, each
exchange of promises moves event time on, so nobody waits for ever; and since what is handled depends on promises and
event times only, never on which process was faster, three processes give one answer.

Promises are volatile (the bus keeps them in shared memory). After a restart they are made again from snapshots.
"""

from algotrade.bus import PROMISE_END, PROMISE_NONE, Bus
from algotrade.bus.topics import STRATEGY_PLANE

INTENTS_TOPIC = "orders.intents"
REPORTS_TOPIC = "orders.reports"
REPORTS_TIME = "orders.reports.time"
"""The order plane's promise: no report will reach the strategy at or before this event time."""


def intents_time(shard: int = 0) -> str:
    """Return the strategy plane's promise for a shard: no intent will be born there before this event time."""
    return f"orders.intents.time/{shard}"


def market_time(shard: int) -> str:
    """Return the data plane's promise for a shard: no record of it will have an event time before this.

    A shard that has no records for a while would otherwise hold up all others: nobody knows how late it is there.
    """
    return f"market.time/{shard}"


def ready_name(plane: str, shard: int = 0) -> str:
    """Return the promise by which ``plane`` says that a shard of it is ready for data."""
    return f"ready/{plane}/{shard}"


def handled_name(plane: str, shard: int = 0) -> str:
    """Return the promise by which ``plane`` tells the sequence that it has handled, for progress lines."""
    return f"handled/{plane}/{shard}"


def handled(bus: Bus, plane: str) -> int:
    """Return the sequence up to which every shard of ``plane`` has handled what there is, -1 where none has begun."""
    shards = range(bus.partitions(INTENTS_TOPIC)) if plane == STRATEGY_PLANE else range(1)
    return min(bus.promised(handled_name(plane, shard)) for shard in shards)


def later(time_ns: int, by_ns: int) -> int:
    """Return ``time_ns + by_ns``; nothing promised stays nothing, the end stays the end."""
    if time_ns == PROMISE_NONE or time_ns >= PROMISE_END - by_ns:
        return time_ns if time_ns == PROMISE_NONE else PROMISE_END
    return time_ns + by_ns
