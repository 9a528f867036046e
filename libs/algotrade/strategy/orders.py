"""How a plain-Python strategy asks for orders, and how any strategy's numbers become ticks, lots and ``Decimal``."""

import math
from decimal import Decimal

from algotrade.domain.instrument import Instrument, Instruments
from algotrade.domain.order import (
    CancelOrder,
    IntentId,
    NewOrder,
    OrderIntent,
    OrderType,
    ReplaceOrder,
    Side,
    TimeInForce,
)

Number = Decimal | float

INTENTS_PER_RECORD_MAX = 64
"""More intents than this from one record are a strategy gone wild: an assertion."""

_HAS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_HAS_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


class Orders:
    """Collects the intents of the record in hand; one per runner, handed to every callback.

    Prices are rounded to the instrument's tick and quantities to whole lots, half to even. What rounds to no lot at
    all is not an intent: the method returns None. ``lifetime_ns`` is how long after the record's event time the
    intent may still be acted upon.
    """

    def __init__(self, *, strategy: str, run: str, instruments: Instruments) -> None:
        self._strategy = strategy
        self._run = run
        self._instruments = instruments
        self._sequence = 0
        self._time_ns = 0
        self._intents: list[OrderIntent] = []

    @property
    def time_ns(self) -> int:
        """Return the strategy's clock: event time of the record in hand, ns since 1970 UTC."""
        return self._time_ns

    def market(
        self, instrument: int, side: Side, quantity: Number, *, lifetime_ns: int,
        time_in_force: TimeInForce = TimeInForce.DAY,
    ) -> IntentId | None:
        """Ask for a market order of ``quantity`` units; return its id."""
        return self._new(instrument, side, quantity, OrderType.MARKET, time_in_force, lifetime_ns)

    def limit(
        self, instrument: int, side: Side, quantity: Number, limit_price: Number, *, lifetime_ns: int,
        time_in_force: TimeInForce = TimeInForce.DAY,
    ) -> IntentId | None:
        """Ask for a limit order of ``quantity`` units; return its id."""
        return self._new(
            instrument, side, quantity, OrderType.LIMIT, time_in_force, lifetime_ns, limit_price=limit_price
        )

    def stop(
        self, instrument: int, side: Side, quantity: Number, stop_price: Number, *, lifetime_ns: int,
        time_in_force: TimeInForce = TimeInForce.DAY,
    ) -> IntentId | None:
        """Ask for a stop order of ``quantity`` units; return its id."""
        return self._new(
            instrument, side, quantity, OrderType.STOP, time_in_force, lifetime_ns, stop_price=stop_price
        )

    def stop_limit(
        self, instrument: int, side: Side, quantity: Number, stop_price: Number, limit_price: Number, *,
        lifetime_ns: int, time_in_force: TimeInForce = TimeInForce.DAY,
    ) -> IntentId | None:
        """Ask for a stop-limit order of ``quantity`` units; return its id."""
        return self._new(
            instrument, side, quantity, OrderType.STOP_LIMIT, time_in_force, lifetime_ns,
            limit_price=limit_price, stop_price=stop_price,
        )

    def cancel(self, instrument: int, target: IntentId, *, lifetime_ns: int) -> IntentId:
        """Ask to cancel what is left of the order that ``target`` made; return the cancel's own id."""
        intent = CancelOrder(
            id=self._next_id(), instrument=self._instruments[instrument].id, event_time_ns=self._time_ns,
            expires_at_ns=self._time_ns + lifetime_ns, target=target,
        )
        return self._add(intent)

    def replace(
        self, instrument: int, target: IntentId, *, lifetime_ns: int, quantity: Number | None = None,
        limit_price: Number | None = None, stop_price: Number | None = None,
    ) -> IntentId | None:
        """Ask to change the total quantity or the prices of the order that ``target`` made; return the own id."""
        of = self._instruments[instrument]
        units = None if quantity is None else whole_lots(of, quantity)
        if units == 0:
            return None
        intent = ReplaceOrder(
            id=self._next_id(), instrument=instrument, event_time_ns=self._time_ns,
            expires_at_ns=self._time_ns + lifetime_ns, target=target, quantity=units,
            limit_price=on_tick(of, limit_price), stop_price=on_tick(of, stop_price),
        )
        return self._add(intent)

    def begin(self, sequence: int, time_ns: int) -> None:
        """Take up the next record; called by the runner, which has taken the intents of the last one."""
        assert not self._intents, "intents of the record before were not taken"
        self._sequence = sequence
        self._time_ns = time_ns

    def take(self) -> list[OrderIntent]:
        """Return the intents of the record in hand and forget them; called by the runner."""
        taken, self._intents = self._intents, []
        return taken

    def _new(
        self, instrument: int, side: Side, quantity: Number, order_type: OrderType, time_in_force: TimeInForce,
        lifetime_ns: int, limit_price: Number | None = None, stop_price: Number | None = None,
    ) -> IntentId | None:
        intent = new_order(
            self._next_id(), self._instruments[instrument], self._time_ns, side=side, quantity=quantity,
            order_type=order_type, time_in_force=time_in_force, limit_price=limit_price, stop_price=stop_price,
            lifetime_ns=lifetime_ns,
        )
        return None if intent is None else self._add(intent)

    def _next_id(self) -> IntentId:
        return IntentId(
            strategy=self._strategy, run=self._run, sequence=self._sequence, number=len(self._intents)
        )

    def _add(self, intent: OrderIntent) -> IntentId:
        assert len(self._intents) < INTENTS_PER_RECORD_MAX, f"more than {INTENTS_PER_RECORD_MAX} intents of one record"
        self._intents.append(intent)
        return intent.id


def new_order(
    intent_id: IntentId, instrument: Instrument, event_time_ns: int, *, side: Side, quantity: Number,
    order_type: OrderType, time_in_force: TimeInForce, limit_price: Number | None, stop_price: Number | None,
    lifetime_ns: int,
) -> NewOrder | None:
    """Return the order on whole ticks and lots; None where ``quantity`` rounds to no lot."""
    units = whole_lots(instrument, quantity)
    if units == 0:
        return None
    assert (limit_price is not None) == (order_type in _HAS_LIMIT), f"{order_type!r} with limit price {limit_price}"
    assert (stop_price is not None) == (order_type in _HAS_STOP), f"{order_type!r} with stop price {stop_price}"
    return NewOrder(
        id=intent_id, instrument=instrument.id, event_time_ns=event_time_ns,
        expires_at_ns=event_time_ns + lifetime_ns, side=side, quantity=units, order_type=order_type,
        time_in_force=time_in_force, limit_price=on_tick(instrument, limit_price),
        stop_price=on_tick(instrument, stop_price),
    )


def whole_lots(instrument: Instrument, quantity: Number) -> Decimal:
    """Return ``quantity`` rounded to whole lots, half to even, 0 or more."""
    assert quantity >= 0, f"quantity of {instrument.symbol!r} is {quantity}; the side says buy or sell"
    return instrument.lots_to_quantity(instrument.quantity_to_lots(quantity))


def on_tick(instrument: Instrument, price: Number | None) -> Decimal | None:
    """Return ``price`` rounded to the tick, half to even; None stays None."""
    return None if price is None else instrument.ticks_to_price(instrument.price_to_ticks(price))


def number_or_none(value: float) -> float | None:
    """Return None for NaN, which is how records say none."""
    return None if math.isnan(value) else value
