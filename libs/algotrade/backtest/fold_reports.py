"""What a stream of execution reports adds up to: fills, the last state of every order, rejects by reason."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from algotrade.domain import (
    ExecType,
    ExecutionReport,
    Fill,
    IntentId,
    Liquidation,
    OrderStatus,
    OrderType,
    Report,
    Side,
    TimeInForce,
)
from algotrade.execution.ledger import execution_and_revision

ORDERS_MAX = 1_000_000
"""Orders of one run, about 1 kB each. A run with more is cut into periods, each with a report of its own."""

FILLS_MAX = 4_000_000
"""Fills of one run."""


class RunTooLarge(Exception):
    """A run has more orders or fills than may be kept; the message names the bound."""


class OrderOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its last report left it, and when it was first heard of. Fields as in ``ExecutionReport``.

    ``reason`` is that of the order's own end: a refused cancel or replace leaves it alone.
    """

    order_id: int
    intent_id: IntentId
    instrument: int
    side: Side | None
    order_type: OrderType | None
    time_in_force: TimeInForce | None
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    status: OrderStatus
    cumulative_quantity: Decimal
    average_price: Decimal
    first_event_time_ns: int
    last_event_time_ns: int
    reason: str


class RunFold:
    """Folds the reports of one run, as often as they come: a sequence not above the last one is dropped.

    Memory grows with orders and fills, because the files of results list them all; beyond ``orders_max`` orders or
    ``fills_max`` fills ``feed`` raises ``RunTooLarge`` instead of growing on.

    A TRADE_CORRECT states an execution anew and takes the place of the fill it corrects: the one with the same
    execution id but for what stands behind the last full stop (Interactive Brokers counts corrections there). One with
    quantity 0 takes the fill back. What the broker liquidated is of no order, and listed by itself.
    """

    def __init__(self, orders_max: int = ORDERS_MAX, fills_max: int = FILLS_MAX) -> None:
        self._orders_max, self._fills_max = orders_max, fills_max
        self._orders: dict[IntentId, OrderOutcome] = {}
        self._fills: dict[str, Fill] = {}
        self._liquidations: dict[str, Liquidation] = {}
        self._rejects: Counter[str] = Counter()
        self._cancel_rejects: Counter[str] = Counter()
        self._last_sequence = 0
        self._duplicates = 0

    def feed(self, reports: Iterable[Report]) -> None:
        """Take in the next reports."""
        for report in reports:
            if report.sequence <= self._last_sequence:
                self._duplicates += 1
                continue
            self._last_sequence = report.sequence
            if isinstance(report, Liquidation):
                self._liquidations[execution_and_revision(report.execution_id)[0]] = report
                self._check_fills()
            else:
                self._fold(report)

    @property
    def fills(self) -> Sequence[Fill]:
        """Return the fills in the order they were first reported."""
        return list(self._fills.values())

    @property
    def liquidations(self) -> Sequence[Liquidation]:
        """Return what the broker closed by itself, each as it was last told, without those that it took back."""
        return [told for told in self._liquidations.values() if told.quantity]

    @property
    def orders(self) -> Sequence[OrderOutcome]:
        """Return the orders in the order they were first heard of, refused ones included."""
        return list(self._orders.values())

    @property
    def rejects(self) -> dict[str, int]:
        """Return the number of rejected orders by reason word, most frequent first."""
        return _ranked(self._rejects)

    @property
    def cancel_rejects(self) -> dict[str, int]:
        """Return the number of refused cancels and replaces by reason word, most frequent first."""
        return _ranked(self._cancel_rejects)

    @property
    def duplicates(self) -> int:
        """Return how many reports were dropped because they had been seen, by sequence or by execution id."""
        return self._duplicates

    def _fold(self, report: ExecutionReport) -> None:
        # A fine point is left to the details behind the colon; the table of reasons has one line a word.
        word = report.reason.partition(":")[0] or "unstated"
        if report.exec_type is ExecType.CANCEL_REJECTED:
            self._cancel_rejects[word] += 1
            if report.order_id == 0:
                return  # of an order that the order manager does not know, or no longer: it says nothing of the order
        elif report.exec_type is ExecType.REJECTED:
            self._rejects[word] += 1
        elif report.exec_type in {ExecType.TRADE, ExecType.TRADE_CORRECT}:
            self._book(report)
        self._orders[report.intent_id] = _outcome(self._orders.get(report.intent_id), report)
        if len(self._orders) > self._orders_max:
            raise RunTooLarge(f"more than {self._orders_max} orders; cut the run into shorter periods")

    def _book(self, report: ExecutionReport) -> None:
        assert report.execution_id is not None, f"report {report.sequence} is a trade without an execution id"
        assert report.side is not None, f"report {report.sequence} is a trade without a side"
        key = report.execution_id
        if report.exec_type is ExecType.TRADE_CORRECT:
            key = self._corrected(key)
        elif key in self._fills:
            self._duplicates += 1
            return
        if report.last_quantity == 0:
            self._fills.pop(key, None)
            return
        self._fills[key] = Fill(
            execution_id=report.execution_id, intent_id=report.intent_id, instrument=report.instrument,
            side=report.side, quantity=report.last_quantity, price=report.last_price, commission=report.commission,
            event_time_ns=report.event_time_ns,
        )
        self._check_fills()

    def _check_fills(self) -> None:
        if len(self._fills) + len(self._liquidations) > self._fills_max:
            raise RunTooLarge(f"more than {self._fills_max} fills; cut the run into shorter periods")

    def _corrected(self, execution_id: str) -> str:
        """Return the key of the fill that ``execution_id`` corrects; itself where none is known."""
        if execution_id in self._fills:
            return execution_id
        execution, dot, _ = execution_id.rpartition(".")
        # A walk over all fills, because corrections are a few a year.
        return next((key for key in self._fills if dot and key.rpartition(".")[0] == execution), execution_id)


def _outcome(before: OrderOutcome | None, report: ExecutionReport) -> OrderOutcome:
    own_reason = report.reason
    if report.exec_type is ExecType.CANCEL_REJECTED:
        own_reason = before.reason if before else ""
    return OrderOutcome(
        order_id=report.order_id, intent_id=report.intent_id, instrument=report.instrument, side=report.side,
        order_type=report.order_type, time_in_force=report.time_in_force, quantity=report.quantity,
        limit_price=report.limit_price, stop_price=report.stop_price, status=report.status,
        cumulative_quantity=report.cumulative_quantity, average_price=report.average_price,
        first_event_time_ns=before.first_event_time_ns if before else report.event_time_ns,
        last_event_time_ns=report.event_time_ns, reason=own_reason,
    )


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
