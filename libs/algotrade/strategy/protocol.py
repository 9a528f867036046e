"""What a strategy is to the rest of the house: one seam for hosts, and two ways to write what stands behind it.

``Runnable``        the seam: the strategy plane and the backtest know nothing else
``KernelStrategy``  compiled: parameters, a state record, ``step`` and ``fold`` (run by ``kernel.KernelRunner``)
``Strategy``        plain Python: one callback per record (run by ``python.PythonRunner``)

Intents are born of market records only, and a strategy's clock is the event time of the record in hand.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec

from algotrade.domain.execution import ExecutionReport, Liquidation, Report
from algotrade.domain.market import Kind, Records
from algotrade.domain.order import OrderIntent
from algotrade.strategy.definition import KernelStrategy
from algotrade.strategy.intents import (
    BUY,
    CANCEL,
    DAY,
    FOK,
    GTC,
    INTENT,
    IOC,
    LIMIT,
    MARKET,
    NEW,
    NO_PRICE,
    REPLACE,
    SELL,
    STOP,
    STOP_LIMIT,
    UNCHANGED,
)
from algotrade.strategy.orders import Orders
from algotrade.strategy.snapshot import StateMismatch

__all__ = [
    "BUY", "CANCEL", "DAY", "FOK", "GTC", "INTENT", "IOC", "LIMIT", "MARKET", "NEW", "NO_PRICE", "REPLACE", "SELL",
    "STOP", "STOP_LIMIT", "UNCHANGED",
    "Bar", "KernelStrategy", "Orders", "Quote", "Runnable", "StateMismatch", "Strategy", "Trade",
]


class Runnable(Protocol):
    """A strategy as its hosts see it.

    A host hands over records of the kinds it wants, in sequence order and each once, takes the intents, and decides
    about going on: it may have to wait for reports before the next record. It drops what is delivered twice
    (records and reports both carry a sequence), and calls from one thread.
    """

    @property
    def name(self) -> str:
        """Return the name in the intents' ids."""
        ...

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return the kinds of record to hand over; others are not accepted."""
        ...

    def advance(self, kind: Kind, records: Records) -> tuple[int, list[OrderIntent]]:
        """Consume ``records`` of ``kind`` up to and including the first that bears intents, or all of them.

        Return how many were consumed and that record's intents. How a run is cut into calls changes nothing.
        """
        ...

    def fold(self, reports: Sequence[Report]) -> None:
        """Take note of ``reports``, in order; those of other strategies and runs are passed over.

        A liquidation is everybody's.
        """
        ...

    def state(self) -> bytes:
        """Return all that the strategy remembers."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from ``data``, which ``state`` of the same strategy returned; anything else is ``StateMismatch``."""
        ...


class Quote(msgspec.Struct, frozen=True, gc=False):
    """One row of ``domain.market.QUOTE`` for a plain-Python strategy; the fields in the same order."""

    sequence: int
    event_time_ns: int
    receive_time_ns: int
    instrument: int
    flags: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One row of ``domain.market.TRADE`` for a plain-Python strategy; the fields in the same order."""

    sequence: int
    event_time_ns: int
    receive_time_ns: int
    instrument: int
    flags: int
    price: float
    size: float


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One row of ``domain.market.BAR`` for a plain-Python strategy; the fields in the same order."""

    sequence: int
    event_time_ns: int
    receive_time_ns: int
    instrument: int
    flags: int
    open_time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Strategy(Protocol):
    """A strategy in plain Python: inherit, name it, say which kinds it wants, and override those callbacks.

    At about a microsecond a record it is fifty times slower than a kernel; nothing else differs. What it remembers
    goes through ``state`` and ``restore``: a restart replays from there and must find the same intents.
    """

    name: str
    kinds: AbstractSet[Kind]

    # The callbacks return explicitly: type checkers take a bare docstring in a protocol for an abstract method.

    def on_quote(self, record: Quote, orders: Orders) -> None:  # noqa: ARG002
        """Look at a quote; ask for orders through ``orders``."""
        return

    def on_trade(self, record: Trade, orders: Orders) -> None:  # noqa: ARG002
        """Look at a trade; ask for orders through ``orders``."""
        return

    def on_bar(self, record: Bar, orders: Orders) -> None:  # noqa: ARG002
        """Look at a bar; ask for orders through ``orders``."""
        return

    def on_report(self, report: ExecutionReport) -> None:  # noqa: ARG002
        """Take note of what happened to an order of this strategy."""
        return

    def on_liquidation(self, told: Liquidation) -> None:  # noqa: ARG002
        """Take note that the broker closed a position of the account by itself; no position of ours is changed by it.

        Whether it was this strategy's is for it, or for people, to judge: a report of an order comes only of an order.
        """
        return

    def state(self) -> bytes:
        """Return all that the strategy remembers."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from what ``state`` returned."""
        ...
