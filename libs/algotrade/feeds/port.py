"""The feed port: where market data enters, whatever it comes from (files, a broker)."""

from collections.abc import Mapping
from typing import Protocol

from algotrade.domain.market import MarketBatch
from algotrade.telemetry.metrics import Samples


class FeedError(Exception):
    """Something outside this program keeps the data from being read or trusted.

    The message names the file, the row or column, the value found and what is allowed.
    """


class Feed(Protocol):
    """A merged run of market data, read once from its start to its end. Not thread safe."""

    @property
    def records_total(self) -> int | None:
        """Return how many records the whole run holds, None where that is not known (live)."""
        ...

    def read(self) -> MarketBatch | None:
        """Return the next stretch of the run, never empty, or None at its end.

        Sequences count up from 1 without holes over the whole run, across the kinds of record. Raises ``FeedError``.
        """
        ...

    def close(self) -> None:
        """Give everything back; a second call does nothing. Reading afterwards is our bug."""
        ...


class LiveFeed(Protocol):
    """Market data as they happen. Nothing here blocks; the caller numbers the records (``sequence`` is 0)."""

    def poll(self) -> MarketBatch | None:
        """Return what came since the last call, in the order in which it came, None where that is nothing.

        Raises ``FeedError`` where the source can never be read as it was asked for.
        """
        ...

    def ready(self) -> Mapping[str, bool]:
        """Return what the feed depends on, and whether it is there; called from another thread, so it only reads."""
        ...

    def samples(self) -> Samples:
        """Return the metrics as they are; called from another thread, so it only reads."""
        ...

    def close(self) -> None:
        """End every subscription; a second call does nothing."""
        ...
