"""The gate between what a strategy wants and what may reach a broker."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
import numpy as np

from algotrade.domain import Instrument, Instruments, NewOrder, OrderType, Records, Sessions, Side
from algotrade.domain.session import ALWAYS_OPEN, NEVER_NS
from algotrade.risk.checks import NO_PRICE, check_order, no_book, scales_of
from algotrade.risk.limits import Limits, LimitsError
from algotrade.risk.marks import no_marks
from algotrade.risk.reasons import Reason

NEEDS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
NEEDS_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})

_SEAL = object()


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """An order that passed the gate, in ticks and lots: the only thing that a broker port takes.

    Only the gate can make one; ``check_id`` numbers its passes, so that every order on a wire names its own.
    ``lots`` is what may still fill. Prices are ``checks.NO_PRICE`` where the type has none.
    """

    intent: NewOrder
    check_id: int
    lots: int
    limit_ticks: int
    stop_ticks: int
    seal: object

    def __post_init__(self) -> None:
        assert self.seal is _SEAL, "only the risk gate approves an order"


class Refused(msgspec.Struct, frozen=True):
    """The gate's no, with its reason; a value that is published, never an exception."""

    reason: Reason


Verdict: TypeAlias = Approved | Refused


class GateState(msgspec.Struct, kw_only=True):
    """The gate's part of a snapshot; arrays as their bytes."""

    book: bytes
    marks: bytes
    recent_ns: list[int]
    oldest: int
    checks: int
    working_orders: int


class Gate:
    """Holds the limits and the account's exposure, and checks one order at a time.

    The order manager tells it what is reserved, released and booked; the host moves ``marks`` with market data.
    """

    def __init__(self, limits: Limits, instruments: Instruments, sessions: Mapping[int, Sessions]) -> None:
        self._instruments = instruments
        self._sessions = sessions
        self._limits = limits.record()
        self._scales = scales_of(instruments)
        self._book = no_book(len(instruments))
        self.marks: Records = no_marks(len(instruments))
        self._recent_ns = [-NEVER_NS] * limits.orders_per_window_max
        self._oldest = 0
        self._checks = 0
        self._working_orders = 0
        for symbol in limits.restricted:
            if symbol not in {i.symbol for i in instruments}:
                raise LimitsError(f"restricted names {symbol!r}; allowed: {[i.symbol for i in instruments]}")
            self._book["restricted"][instruments.by_symbol(symbol).id] = 1
        # Compiles the kernel, so that no order pays for it; nothing is priced yet, so nothing can pass.
        self._check(0, 0, Side.BUY, 1, OrderType.MARKET, NO_PRICE, NO_PRICE)

    def check(self, order: NewOrder, now_ns: int, decided: Reason | None = None) -> Verdict:
        """Return ``Approved``, or ``Refused`` with the first reason that stands against ``order`` at ``now_ns``.

        ``now_ns`` is the event time of a replay, the wall clock live. Nothing is reserved yet. ``decided`` is what was
        decided of this very order before, and recorded: then that is the verdict again.
        """
        instrument = self._instruments[order.instrument]
        if decided is not None and decided is not Reason.PASSED:
            return Refused(decided)
        if decided is None and not self._sessions.get(instrument.id, ALWAYS_OPEN).is_open(now_ns):
            return Refused(Reason.SESSION_CLOSED)
        malformed = _malformed(order, instrument)
        if malformed is not Reason.PASSED:
            return Refused(malformed)
        lots = instrument.quantity_to_lots(order.quantity)
        limit_ticks = NO_PRICE if order.limit_price is None else instrument.price_to_ticks(order.limit_price)
        stop_ticks = NO_PRICE if order.stop_price is None else instrument.price_to_ticks(order.stop_price)
        reason = int(Reason.PASSED) if decided is not None else self._check(
            now_ns, instrument.id, order.side, lots, order.order_type, limit_ticks, stop_ticks)
        if reason != Reason.PASSED:
            return Refused(Reason(reason))
        self._recent_ns[self._oldest] = now_ns
        self._oldest = (self._oldest + 1) % len(self._recent_ns)
        self._checks += 1
        price = max(float(p) for p in (order.limit_price, order.stop_price, 0) if p is not None)
        self._book["working_price"][instrument.id] = max(price, self._book["working_price"][instrument.id])
        return Approved(intent=order, check_id=self._checks, lots=lots, limit_ticks=limit_ticks,
                        stop_ticks=stop_ticks, seal=_SEAL)

    def _check(self, now_ns: int, instrument: int, side: Side, lots: int, order_type: OrderType, limit_ticks: int,
               stop_ticks: int) -> int:
        return check_order(
            self._limits, self._book, self.marks, self._scales, self._recent_ns[self._oldest], self._working_orders,
            now_ns, instrument, int(side), lots, int(order_type), limit_ticks, stop_ticks)

    def reserve(self, instrument: int, side: Side, lots: int, *, orders: int) -> None:
        """Count ``lots`` (negative: no longer) as working on ``side``, and ``orders`` more or fewer open orders."""
        row = self._book[instrument]
        row["working_buy_lots" if side is Side.BUY else "working_sell_lots"] += lots
        if row["working_buy_lots"] == row["working_sell_lots"] == 0:
            row["working_price"] = 0.0
        self._working_orders += orders
        assert self._working_orders >= 0, "more orders were closed than opened"

    def book(self, instrument: int, side: Side, lots: int) -> None:
        """Add an executed ``lots`` to the position."""
        self._book["position_lots"][instrument] += side * lots

    @property
    def working_orders(self) -> int:
        """Return how many orders are open."""
        return self._working_orders

    def position_lots(self, instrument: int) -> int:
        """Return the signed position in lots."""
        return int(self._book["position_lots"][instrument])

    def state(self) -> GateState:
        """Return everything that a restart needs."""
        return GateState(book=self._book.tobytes(), marks=self.marks.tobytes(), recent_ns=list(self._recent_ns),
                         oldest=self._oldest, checks=self._checks, working_orders=self._working_orders)

    def restore(self, state: GateState) -> None:
        """Go on from ``state``; limits and restrictions are today's, not the snapshot's."""
        restricted = self._book["restricted"].copy()
        self._book = np.frombuffer(state.book, dtype=self._book.dtype).copy()
        self._book["restricted"] = restricted
        self.marks[:] = np.frombuffer(state.marks, dtype=self.marks.dtype)
        in_order = state.recent_ns[state.oldest:] + state.recent_ns[:state.oldest]
        size = len(self._recent_ns)
        self._recent_ns = ([-NEVER_NS] * size + in_order)[-size:]
        self._oldest = 0
        self._checks = state.checks
        self._working_orders = state.working_orders


def _malformed(order: NewOrder, instrument: Instrument) -> Reason:
    """Return what is wrong with the order's own values, whatever the account and the market."""
    if not order.quantity.is_finite() or order.quantity <= 0:
        return Reason.QUANTITY_NOT_POSITIVE
    if not instrument.is_on_lot(order.quantity):
        return Reason.QUANTITY_OFF_LOT
    for price, needed in ((order.limit_price, order.order_type in NEEDS_LIMIT),
                          (order.stop_price, order.order_type in NEEDS_STOP)):
        if (price is None) == needed:
            return Reason.PRICE_MISMATCH
        if price is None:
            continue
        if not price.is_finite() or price <= 0:
            return Reason.PRICE_NOT_POSITIVE
        if not instrument.is_on_tick(price):
            return Reason.PRICE_OFF_TICK
    return Reason.PASSED
