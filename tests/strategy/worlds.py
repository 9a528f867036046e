"""Markets and hosts for strategies' tests: generated records, simple fills, and a host that cuts a run anywhere."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import numpy as np
from hypothesis import strategies as st

from algotrade.domain import (
    BAR,
    QUOTE,
    ExecType,
    ExecutionReport,
    Flag,
    Instrument,
    Instruments,
    Kind,
    Liquidation,
    NewOrder,
    OrderIntent,
    OrderStatus,
    Records,
    Side,
)
from algotrade.strategy import Runnable

RUN = "run-1"
SECOND_NS = 1_000_000_000

INSTRUMENTS = Instruments([
    Instrument(id=0, symbol="ONE"),
    Instrument(id=1, symbol="LOTS", lot=Decimal(10), tick=Decimal("0.05")),
    Instrument(id=2, symbol="FRACTIONS", lot=Decimal("0.001"), multiplier=Decimal(5)),
])


def _records(dtype: np.dtype, count: int, random: np.random.Generator) -> Records:
    records = np.zeros(count, dtype=dtype)
    # Sequences have holes (other kinds were numbered too), and several records may share a time.
    records["sequence"] = np.cumsum(random.integers(1, 4, count))
    records["event_time_ns"] = SECOND_NS * np.cumsum(random.integers(0, 3, count))
    records["receive_time_ns"] = records["event_time_ns"]
    records["instrument"] = random.integers(0, len(INSTRUMENTS), count)
    records["flags"] = random.choice([0, 0, 0, int(Flag.PRICE_JUMP), int(Flag.CROSSED), int(Flag.STALE)], count)
    return records


def walk(count: int, random: np.random.Generator) -> np.ndarray:
    """Return ``count`` prices of a random walk; every now and then one that is none."""
    prices = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.01, count))), 2)
    prices[random.random(count) < 0.05] = random.choice([np.nan, np.inf, 0.0, -1.0, 1e-300])
    return prices


def bars(count: int, seed: int) -> Records:
    random = np.random.default_rng(seed)
    records = _records(BAR, count, random)
    for field in ("open", "high", "low", "close"):
        records[field] = walk(count, random)
    records["volume"] = random.integers(0, 1000, count)
    return records


def quotes(count: int, seed: int) -> Records:
    random = np.random.default_rng(seed)
    records = _records(QUOTE, count, random)
    records["bid"] = np.round(100 + 0.01 * np.cumsum(random.integers(-1, 2, count)), 2)
    records["ask"] = records["bid"] + random.choice([0.01, 0.02, 0.03], count)
    for field in ("bid_size", "ask_size"):
        records[field] = 100 * random.integers(0, 30, count)
        records[field][random.random(count) < 0.02] = np.nan
    return records


seeds = st.integers(0, 2**32 - 1)
counts = st.integers(0, 400)


def report(
    order: NewOrder, exec_type: ExecType, cumulative: Decimal, *, last: Decimal = Decimal(0), leaves: Decimal
) -> ExecutionReport:
    status = OrderStatus.CANCELED if leaves == 0 else OrderStatus.PARTIALLY_FILLED
    return ExecutionReport(
        sequence=1, order_id=1, intent_id=order.id, request_id=order.id, instrument=order.instrument,
        exec_type=exec_type, status=OrderStatus.FILLED if cumulative == order.quantity else status,
        side=order.side, order_type=order.order_type, time_in_force=order.time_in_force, quantity=order.quantity,
        cumulative_quantity=cumulative, leaves_quantity=leaves, average_price=Decimal(100),
        event_time_ns=order.event_time_ns, last_quantity=last, last_price=Decimal(100),
    )


def liquidation(instrument: int = 0, sequence: int = 1) -> Liquidation:
    """Return a report of 40 that the broker sold by itself."""
    return Liquidation(sequence=sequence, execution_id="l.l.l.01", instrument=instrument, side=Side.SELL,
                       quantity=Decimal(40), price=Decimal("99.5"), event_time_ns=7)


def filled(order: NewOrder) -> list[ExecutionReport]:
    return [report(order, ExecType.TRADE, order.quantity, last=order.quantity, leaves=Decimal(0))]


def fate(order: NewOrder, delay: int) -> list[tuple[int, ExecutionReport]]:
    """Return what becomes of ``order``: (records later, report). Which of five fates depends on its id alone."""
    lot = INSTRUMENTS[order.instrument].lot
    part = lot * max(1, int(order.quantity / lot) // 3)
    none, rest = Decimal(0), order.quantity - part
    new = (delay, report(order, ExecType.NEW, none, leaves=order.quantity))
    half = (delay, report(order, ExecType.TRADE, part, last=part, leaves=rest))
    match order.id.sequence % 5:
        case 0:
            return [(delay, report(order, ExecType.REJECTED, none, leaves=none))]
        case 1 if rest > 0:
            return [new, half, (2 * delay, report(order, ExecType.CANCELED, part, leaves=none))]
        case 2 if rest > 0:
            done = report(order, ExecType.TRADE, order.quantity, last=rest, leaves=none)
            return [new, half, (3 * delay, done), (3 * delay, done)]
        case 3:  # A fill that crossed with the end of the order, and comes after it.
            late = report(order, ExecType.TRADE, part, last=part, leaves=none)
            return [new, (delay, report(order, ExecType.EXPIRED, none, leaves=none)), (4 * delay, late)]
        case _:
            return [new, *[(2 * delay, r) for r in filled(order)]]


def host(
    runner: Runnable, kind: Kind, records: Records, *, cuts: Iterable[int] = (), delay: int = 1,
    restart: Callable[[Runnable], Runnable] | None = None,
) -> list[OrderIntent]:
    """Run ``records`` through ``runner``, handing reports over ``delay`` or more records after the intent.

    ``cuts``     rows before which a batch ends; they must change nothing
    ``restart``  called at every cut: returns the runner to go on with
    """
    edges, reports, intents, at = sorted({*cuts, len(records)}), {}, [], 0
    while at < len(records):
        runner.fold(reports.pop(at, []))
        if restart is not None and at in edges:
            runner = restart(runner)
        end = min([edge for edge in edges if edge > at] + [row for row in reports if row > at])
        consumed, born = runner.advance(kind, records[at:end])
        assert consumed == end - at or born
        at += consumed
        for intent in born:
            assert intent.id.sequence == records[at - 1]["sequence"]
            assert intent.event_time_ns == records[at - 1]["event_time_ns"]
            if isinstance(intent, NewOrder):
                for later, what in fate(intent, delay):
                    reports.setdefault(at - 1 + later, []).append(what)
        intents += born
    return intents


