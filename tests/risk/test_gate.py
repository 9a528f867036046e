"""The gate against a plain oracle that knows no ticks, no kernels and no incremental state."""

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import Instrument, Instruments, IntentId, NewOrder, OrderType, Sessions, Side, TimeInForce
from algotrade.risk import Approved, Gate, Limits, LimitsError, Reason, Refused
from algotrade.risk.marks import move_mark

SECOND_NS = 1_000_000_000
INSTRUMENTS = Instruments([
    Instrument(id=0, symbol="A", tick=Decimal("0.01")),
    Instrument(id=1, symbol="B", tick=Decimal("0.25"), lot=Decimal(10), multiplier=Decimal(50)),
])
LIMITS = Limits(
    order_quantity_max=Decimal(500), order_notional_max=Decimal(60_000), price_collar_bps=Decimal(100),
    position_quantity_max=Decimal(800), gross_exposure_max=Decimal(150_000), net_exposure_max=Decimal(90_000),
    orders_per_window_max=4, order_window_ns=SECOND_NS, reference_age_ns_max=5 * SECOND_NS, working_orders_max=6,
)


def order(quantity, *, instrument=0, side=Side.BUY, order_type=OrderType.MARKET, limit=None, stop=None, sequence=1):
    return NewOrder(
        id=IntentId(strategy="s", run="r", sequence=sequence, number=0), instrument=instrument, event_time_ns=0,
        expires_at_ns=2**62, side=side, quantity=Decimal(quantity), order_type=order_type,
        time_in_force=TimeInForce.DAY, limit_price=None if limit is None else Decimal(limit),
        stop_price=None if stop is None else Decimal(stop),
    )


def gate(limits=LIMITS, *, price=100.0, at_ns=0, sessions=None):
    made = Gate(limits, INSTRUMENTS, sessions or {})
    for i in range(len(INSTRUMENTS)):
        move_mark(made.marks, i, at_ns, price, 0)
    return made


@dataclass
class Oracle:
    """The limits as a person would check them, all from the list of what is held and working."""

    positions: list[int] = field(default_factory=lambda: [0, 0])
    working: list[tuple[int, Side, int]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    prices: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """The highest limit among each instrument's orders since it last had none working."""

    def verdict(self, new: NewOrder, now_ns: int, price: float) -> Reason:  # noqa: C901, PLR0911 -- as the gate
        instrument = INSTRUMENTS[new.instrument]
        if float(new.quantity) > LIMITS.order_quantity_max:
            return Reason.ORDER_QUANTITY_MAX
        if len(self.working) >= LIMITS.working_orders_max:
            return Reason.WORKING_ORDERS_MAX
        worst = price
        if new.limit_price is not None:
            limit = float(new.limit_price)
            if new.side * (limit - price) > price * float(LIMITS.price_collar_bps) * 1e-4:
                return Reason.PRICE_COLLAR
            worst = limit if new.side is Side.BUY else max(limit, price)
        if float(new.quantity) * worst * float(instrument.multiplier) > LIMITS.order_notional_max:
            return Reason.ORDER_NOTIONAL_MAX
        lowest_before, highest_before = self.reach(self.working)
        lowest, highest = self.reach([*self.working, (new.instrument, new.side, int(new.quantity))])
        if (highest if new.side is Side.BUY else [-x for x in lowest])[new.instrument] > LIMITS.position_quantity_max:
            return Reason.POSITION_QUANTITY_MAX
        units = [max(price, p) * float(i.multiplier) for p, i in zip(self.prices, INSTRUMENTS, strict=True)]
        gross_before, net_before = exposure(lowest_before, highest_before, units)
        grows = [max(abs(h), abs(low)) for h, low in zip(highest, lowest, strict=True)] != [
            max(abs(h), abs(low)) for h, low in zip(highest_before, lowest_before, strict=True)]
        if grows:
            units[new.instrument] = max(units[new.instrument], worst * float(instrument.multiplier))
        gross, net = exposure(lowest, highest, units)
        if gross > max(LIMITS.gross_exposure_max, gross_before):
            return Reason.GROSS_EXPOSURE_MAX
        if net > max(LIMITS.net_exposure_max, net_before):
            return Reason.NET_EXPOSURE_MAX
        if sum(t > now_ns - LIMITS.order_window_ns for t in self.times) >= LIMITS.orders_per_window_max:
            return Reason.ORDER_RATE_MAX
        return Reason.PASSED

    def reach(self, orders):
        """Return how low and how high each position may come by ``orders``."""
        highest, lowest = list(self.positions), list(self.positions)
        for i, side, quantity in orders:
            highest[i] += quantity * (side is Side.BUY)
            lowest[i] -= quantity * (side is Side.SELL)
        return lowest, highest

    def place(self, new: NewOrder, now_ns: int) -> None:
        self.times.append(now_ns)
        self.working.append((new.instrument, new.side, int(new.quantity)))
        self.prices[new.instrument] = max(self.prices[new.instrument], float(new.limit_price or 0))

    def end(self, number: int) -> tuple[int, Side, int]:
        ended = self.working.pop(number % len(self.working))
        if not any(i == ended[0] for i, _, _ in self.working):
            self.prices[ended[0]] = 0.0
        return ended


def exposure(lowest, highest, units):
    """Return gross and net in the worst case."""
    gross = sum(max(abs(h), abs(low)) * u for h, low, u in zip(highest, lowest, units, strict=True))
    up = sum(h * u for h, u in zip(highest, units, strict=True))
    down = -sum(low * u for low, u in zip(lowest, units, strict=True))
    return gross, max(up, down)


steps = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "order", "fill", "cancel"]), st.integers(0, 1), st.sampled_from(Side),
        st.integers(1, 60), st.one_of(st.none(), st.integers(95, 105)), st.integers(0, SECOND_NS // 2),
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(steps)
def test_every_verdict_is_the_oracles(rows):
    made, oracle, now_ns = gate(), Oracle(), 0
    for what, instrument, side, tens, limit, pause_ns in rows:
        now_ns += pause_ns
        price = 100.0 + 5.0 * (pause_ns % 7)  # moves, so that positions are carried over limits
        move_mark(made.marks, instrument, now_ns, price, 0)
        move_mark(made.marks, 1 - instrument, now_ns, price, 0)
        if what == "order":
            new = order(10 * tens, instrument=instrument, side=side, limit=limit,
                        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT)
            verdict = made.check(new, now_ns)
            expected = oracle.verdict(new, now_ns, price)
            assert (verdict.reason if isinstance(verdict, Refused) else Reason.PASSED) == expected
            if isinstance(verdict, Approved):
                assert verdict.lots * INSTRUMENTS[instrument].lot == new.quantity
                made.reserve(instrument, side, verdict.lots, orders=1)
                oracle.place(new, now_ns)
        elif oracle.working:
            i, working_side, quantity = oracle.end(tens)
            lots = int(quantity / INSTRUMENTS[i].lot)
            made.reserve(i, working_side, -lots, orders=-1)
            if what == "fill":
                made.book(i, working_side, lots)
                oracle.positions[i] += working_side * quantity


@given(steps)
def test_a_restored_gate_gives_the_verdicts_of_the_one_that_went_on(rows):
    made, now_ns = gate(), 0
    for _, instrument, side, tens, limit, pause_ns in rows:
        now_ns += pause_ns
        other = gate(price=7.0)
        other.restore(made.state())
        new = order(10 * tens, instrument=instrument, side=side, limit=limit,
                    order_type=OrderType.MARKET if limit is None else OrderType.LIMIT)
        verdict = made.check(new, now_ns)
        assert other.check(new, now_ns) == verdict
        if isinstance(verdict, Approved):
            made.reserve(instrument, side, verdict.lots, orders=1)


@pytest.mark.parametrize(("new", "reason"), [
    (order("0"), Reason.QUANTITY_NOT_POSITIVE),
    (order("-5"), Reason.QUANTITY_NOT_POSITIVE),
    (order("NaN"), Reason.QUANTITY_NOT_POSITIVE),
    (order("Infinity"), Reason.QUANTITY_NOT_POSITIVE),
    (order("1.5"), Reason.QUANTITY_OFF_LOT),
    (order("5", instrument=1), Reason.QUANTITY_OFF_LOT),
    (order("1e30"), Reason.QUANTITY_OFF_LOT),
    (order(1, order_type=OrderType.LIMIT), Reason.PRICE_MISMATCH),
    (order(1, limit=100), Reason.PRICE_MISMATCH),
    (order(1, order_type=OrderType.STOP, limit=100), Reason.PRICE_MISMATCH),
    (order(1, order_type=OrderType.STOP_LIMIT, limit=100), Reason.PRICE_MISMATCH),
    (order(1, order_type=OrderType.LIMIT, limit=0), Reason.PRICE_NOT_POSITIVE),
    (order(1, order_type=OrderType.LIMIT, limit=-100), Reason.PRICE_NOT_POSITIVE),
    (order(1, order_type=OrderType.LIMIT, limit="NaN"), Reason.PRICE_NOT_POSITIVE),
    (order(1, order_type=OrderType.LIMIT, limit="sNaN"), Reason.PRICE_NOT_POSITIVE),
    (order(1, order_type=OrderType.LIMIT, limit="Infinity"), Reason.PRICE_NOT_POSITIVE),
    (order(1, order_type=OrderType.LIMIT, limit="100.001"), Reason.PRICE_OFF_TICK),
    (order(10, instrument=1, order_type=OrderType.LIMIT, limit="100.10"), Reason.PRICE_OFF_TICK),
    (order(1, order_type=OrderType.LIMIT, limit="1e30"), Reason.PRICE_OFF_TICK),
    (order(1, order_type=OrderType.LIMIT, limit="101.01"), Reason.PRICE_COLLAR),
    (order(1, side=Side.SELL, order_type=OrderType.LIMIT, limit="98.99"), Reason.PRICE_COLLAR),
    (order(1, order_type=OrderType.STOP, stop="98.99"), Reason.PRICE_COLLAR),
    (order(1, side=Side.SELL, order_type=OrderType.STOP, stop="101.01"), Reason.PRICE_COLLAR),
    (order(501), Reason.ORDER_QUANTITY_MAX),
])
def test_a_bad_order_is_refused_with_its_reason(new, reason):
    assert gate().check(new, 0) == Refused(reason)


@pytest.mark.parametrize("new", [
    order(1, order_type=OrderType.LIMIT, limit="101.00"),
    order(1, order_type=OrderType.LIMIT, limit="50.00"),
    order(1, side=Side.SELL, order_type=OrderType.LIMIT, limit="150.00"),
    order(1, order_type=OrderType.STOP, stop="120.00"),
    order(1, order_type=OrderType.STOP_LIMIT, stop="100.50", limit="101.00"),
])
def test_a_price_on_the_harmless_side_of_the_collar_passes(new):
    assert isinstance(gate().check(new, 0), Approved)


def test_orders_are_priced_from_a_fresh_and_trusted_reference_only():
    fresh = gate(at_ns=10 * SECOND_NS)
    assert fresh.check(order(1), 15 * SECOND_NS).__class__ is Approved
    assert fresh.check(order(1), 15 * SECOND_NS + 1) == Refused(Reason.REFERENCE_STALE)
    assert Gate(LIMITS, INSTRUMENTS, {}).check(order(1), 0) == Refused(Reason.REFERENCE_MISSING)

    crossed = 4
    move_mark(fresh.marks, 0, 11 * SECOND_NS, 5.0, crossed)
    assert fresh.check(order(1), 11 * SECOND_NS) == Refused(Reason.REFERENCE_SUSPECT)
    assert fresh.marks["price"][0] == 100.0
    move_mark(fresh.marks, 0, 12 * SECOND_NS, 101.0, 0)
    assert isinstance(fresh.check(order(1), 12 * SECOND_NS), Approved)


def test_a_restricted_instrument_and_a_closed_session_take_no_order():
    restricted = gate(Limits(restricted=frozenset({"A"})))
    assert restricted.check(order(1), 0) == Refused(Reason.INSTRUMENT_RESTRICTED)
    closed = gate(sessions={0: Sessions(opens_ns=(100,), closes_ns=(200,))})
    assert closed.check(order(1), 99) == Refused(Reason.SESSION_CLOSED)
    assert isinstance(closed.check(order(1), 100), Approved)
    assert closed.check(order(1), 200) == Refused(Reason.SESSION_CLOSED)


def test_a_restriction_on_an_unknown_symbol_is_refused():
    with pytest.raises(LimitsError, match="restricted names 'ZZZ'; allowed"):
        Gate(Limits(restricted=frozenset({"ZZZ"})), INSTRUMENTS, {})


def test_a_holding_that_nothing_prices_stops_new_exposure():
    made = gate()
    made.book(1, Side.BUY, 1)
    made.marks["price"][1] = np.nan
    assert made.check(order(1), 0) == Refused(Reason.GROSS_EXPOSURE_MAX)


def test_nobody_but_the_gate_can_approve():
    with pytest.raises(AssertionError, match="only the risk gate"):
        Approved(intent=order(1), check_id=1, lots=1, limit_ticks=0, stop_ticks=0, seal=object())


def test_a_limit_does_not_trap_a_position_that_the_market_carried_over_it():
    made = gate(Limits(gross_exposure_max=Decimal(10_000), net_exposure_max=Decimal(10_000)))
    made.book(0, Side.BUY, 99)
    move_mark(made.marks, 0, 1, 110.0, 0)

    assert made.check(order(1), 1) == Refused(Reason.GROSS_EXPOSURE_MAX)
    assert isinstance(made.check(order(99, side=Side.SELL, order_type=OrderType.LIMIT, limit=130), 1), Approved)
    assert made.check(order(250, side=Side.SELL), 1) == Refused(Reason.GROSS_EXPOSURE_MAX)


def test_a_working_order_stays_valued_at_its_own_price():
    made = gate(Limits(gross_exposure_max=Decimal(100_000), net_exposure_max=Decimal(100_000)))
    far = order(90, order_type=OrderType.STOP, stop=1000)
    assert isinstance(made.check(far, 0), Approved)
    made.reserve(0, Side.BUY, 90, orders=1)

    assert made.check(order(20), 0) == Refused(Reason.GROSS_EXPOSURE_MAX)
    made.reserve(0, Side.BUY, -90, orders=-1)
    assert isinstance(made.check(order(20), 0), Approved)


def test_a_quantity_limit_holds_exactly_in_lots():
    tenths = Instruments([Instrument(id=0, symbol="X", lot=Decimal("0.1"))])
    made = Gate(Limits(order_quantity_max=Decimal("0.3")), tenths, {})
    move_mark(made.marks, 0, 0, 100.0, 0)

    assert isinstance(made.check(order("0.3"), 0), Approved)
    assert made.check(order("0.4"), 0) == Refused(Reason.ORDER_QUANTITY_MAX)


def test_the_first_reason_is_that_of_the_table():
    both = gate(Limits(restricted=frozenset({"A"})), sessions={0: Sessions(opens_ns=(100,), closes_ns=(200,))})
    assert both.check(order(1), 99) == Refused(Reason.SESSION_CLOSED)
    assert both.check(order(0), 100) == Refused(Reason.QUANTITY_NOT_POSITIVE)
    assert both.check(order(1), 100) == Refused(Reason.INSTRUMENT_RESTRICTED)
