"""The feed port: where market data enters, whatever it comes from (files, a broker)."""

from typing import Protocol

from algotrade.domain.market import MarketBatch


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
