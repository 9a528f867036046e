"""Runs a plain-Python strategy behind the seam that hosts know (``protocol.Runnable``)."""

from collections.abc import Callable, Sequence
from typing import Any

from algotrade.domain.execution import Liquidation, Report
from algotrade.domain.instrument import Instruments
from algotrade.domain.market import LAYOUTS, Kind, Records
from algotrade.domain.order import OrderIntent
from algotrade.strategy.protocol import Bar, Orders, Quote, Strategy, Trade
from algotrade.strategy.snapshot import StateOf, seal, unseal

CHUNK_RECORDS_MAX = 64
"""Records that are made into Python objects at once: in bulk is faster, and what an intent leaves unused is bounded."""

LAYOUT = "python"


class PythonRunner:
    """A plain-Python strategy and its run. Records are handed out one at a time, as small frozen objects."""

    def __init__(self, strategy: Strategy, instruments: Instruments, run: str) -> None:
        self._strategy = strategy
        self._run = run
        self._kinds = frozenset(strategy.kinds)
        self._orders = Orders(strategy=strategy.name, run=run, instruments=instruments)
        self._callbacks: dict[Kind, tuple[type[Any], Callable[[Any, Orders], None]]] = {
            Kind.QUOTE: (Quote, strategy.on_quote),
            Kind.TRADE: (Trade, strategy.on_trade),
            Kind.BAR: (Bar, strategy.on_bar),
        }
        # Here, so that one that is missing is missed now, and not at the first report of a live day.
        self._on_report, self._on_liquidation = strategy.on_report, strategy.on_liquidation
        # The strategy's own bytes say what its parameters were, if it wants to know.
        self._state_of = StateOf(strategy=strategy.name, run=run, layout=LAYOUT, parameters="")

    @property
    def name(self) -> str:
        """Return the strategy's name."""
        return self._strategy.name

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return the kinds that the strategy wants."""
        return self._kinds

    def advance(self, kind: Kind, records: Records) -> tuple[int, list[OrderIntent]]:
        """Consume up to and including the first record that bears intents (``Runnable.advance``)."""
        assert kind in self._kinds, f"{self.name} consumes {sorted(self._kinds)}, not {kind!r}"
        assert records.dtype == LAYOUTS[kind], f"records of {kind!r} have layout {records.dtype}"
        row_type, callback = self._callbacks[kind]
        consumed = 0
        while consumed < len(records):
            for fields in records[consumed : consumed + CHUNK_RECORDS_MAX].tolist():
                record = row_type(*fields)
                self._orders.begin(record.sequence, record.event_time_ns)
                callback(record, self._orders)
                consumed += 1
                intents = self._orders.take()
                if intents:
                    return consumed, intents
        return consumed, []

    def fold(self, reports: Sequence[Report]) -> None:
        """Hand reports on this strategy's orders of this run to ``on_report``, one at a time, in their order.

        Liquidations go to ``on_liquidation``.
        """
        for report in reports:
            if isinstance(report, Liquidation):
                self._on_liquidation(report)
            elif report.intent_id.strategy == self.name and report.intent_id.run == self._run:
                self._on_report(report)

    def state(self) -> bytes:
        """Return the strategy's own bytes, headed by what they belong to."""
        return seal(self._state_of, self._strategy.state())

    def restore(self, data: bytes) -> None:
        """Go on from what ``state`` returned; ``StateMismatch`` where it is another strategy's."""
        self._strategy.restore(unseal(self._state_of, data))
