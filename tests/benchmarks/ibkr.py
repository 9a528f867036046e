"""The live path over a loopback socket: intents to the wire, cancels behind a thousand requests, a cold start of 200.

The Gateway runs in a process of its own, the order plane in this one with its bus on the disk, journal flushed before
every order; the session's thread beside it, as in the order plane's process. What a strategy plane appends is appended
here, by a process of its own bus file. Times end when the order's frame was handed to the socket.
"""

import logging
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import numpy as np
import psutil
import structlog

from algotrade.bus import LocalBus, Outgoing, Schema, encode_value
from algotrade.bus.market import instrument_key
from algotrade.bus.topics import ORDER_PLANE, STRATEGY_PLANE
from algotrade.domain import (
    QUOTE,
    Instrument,
    Instruments,
    IntentId,
    Kind,
    MarketBatch,
    NewOrder,
    OrderType,
    Side,
    SystemClock,
    TimeInForce,
)
from algotrade.execution.ibkr import IbkrBroker, OrderSettings
from algotrade.feeds.ibkr import IbkrFeed, IbkrFeedSettings
from algotrade.gateway import Gateway, Hosted, LimitsSet
from algotrade.gateway.listings import Listings
from algotrade.ibkr.session import IbkrSettings, Session, Told, Written
from algotrade.ibkr.wire.answers import ErrorMessage
from algotrade.ibkr.wire.requests import CancelOrder, PlaceOrder, RequestContractData
from algotrade.risk import Limits
from algotrade_runners.order_plane.build import build_live_order_plane
from algotrade_runners.replay_time import INTENTS_TOPIC
from algotrade_runners.settings import BusSettings, Settings, StrategySettings
from tests.benchmarks.table import Row, at_most, percentile, show

INTENTS = 400
RATE = 30
"""Intents a second: below the 40 that the session sends, which keeps 5 of its 45 messages a second for cancels."""
QUEUED = 1_000
CANCELS = 20
SYMBOLS = 200
ROUNDS, ROUND_NS = 2_400, 50_000_000
"""Quotes of each instrument, one every 50 ms, for two minutes."""
PACING = {100, 162, 420}
LIBRARIES = ("ib_insync", "ib_async")
WAIT_S = 120.0


def universe(count: int) -> Instruments:
    return Instruments(Instrument(id=i, symbol=f"S{i:03d}") for i in range(count))


def quotes(instruments: Instruments, start_ns: int) -> MarketBatch:
    """Return the same quote of every instrument, again and again: an order meets the next one after its arrival."""
    count = len(instruments)
    rows = np.zeros(count * ROUNDS, QUOTE)
    rows["sequence"] = np.arange(1, len(rows) + 1)
    rows["event_time_ns"] = start_ns + np.arange(len(rows)) * (ROUND_NS // min(count, 50))
    rows["instrument"] = np.arange(len(rows)) % count
    rows["bid"], rows["ask"], rows["bid_size"], rows["ask_size"] = 99.99, 100.01, 1_000, 1_000
    return MarketBatch.of({Kind.QUOTE: rows})


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def serve(symbols: int, listens, stop) -> None:
    """Serve a market whose prices stand still, at the host's own time."""
    quiet()
    instruments, now_ns = universe(symbols), SystemClock().time_ns()
    with Hosted(lambda: Gateway(
            instruments, [quotes(instruments, now_ns)], start_ns=now_ns, speed=1.0,
            limits=LimitsSet(lines=max(100, symbols)))) as hosted:
        listens.put(hosted.port)
        stop.wait()


@contextmanager
def gateway(symbols: int) -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    listens, stop = context.Queue(), context.Event()
    process = context.Process(target=serve, args=(symbols, listens, stop))
    process.start()
    try:
        yield listens.get(timeout=WAIT_S)
    finally:
        stop.set()
        process.join()


class Tapped(Session):
    """The session, whose owner's events can be looked at."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.written: list[Written] = []

    def events(self):
        found = super().events()
        self.written += [event for event in found if isinstance(event, Written)]
        return found


def intent(number: int, now_ns: int) -> NewOrder:
    """Return an order that fills at once, so that none piles up."""
    side = Side.BUY if number % 2 else Side.SELL
    return NewOrder(
        id=IntentId(strategy="bench", run="bench", sequence=number, number=0), instrument=0, event_time_ns=now_ns,
        expires_at_ns=now_ns + 60 * 10**9, side=side, quantity=Decimal(1), order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC, limit_price=Decimal(100) + side * Decimal("0.02"))


def intents_to_wire(library: str) -> list[float]:
    """Return seconds from an intent being durable on the bus to its order handed to the socket."""
    clock = SystemClock()
    instruments = universe(1)
    ibkr = IbkrSettings(client=library, maintenance=())
    with gateway(1) as port, tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            bus=BusSettings(url=f"local:{folder}"), instruments=({"symbol": "S000"},),
            strategy=StrategySettings(name="ofi"), ibkr=ibkr,
            risk=Limits(reference_age_ns_max=10**18, working_orders_max=INTENTS + 1, orders_per_window_max=10_000,
                        position_quantity_max=Decimal(10**6), order_quantity_max=Decimal(10**4)))
        orders, strategy = LocalBus(Path(folder), ORDER_PLANE), LocalBus(Path(folder), STRATEGY_PLANE)
        session = Tapped(IbkrSettings(port=port, client=library, maintenance=()), clock)
        contracts = {one.instrument.id: one.contract for one in Listings(instruments, {}, clock.time_ns())}
        broker = IbkrBroker(session, contracts, instruments, OrderSettings(), clock)
        plane = build_live_order_plane(settings, orders, clock, broker)
        plane._gate.marks["price"], plane._gate.marks["time_ns"] = 100.0, clock.time_ns()
        appended = drive(plane, orders, strategy, broker, clock)
        wires = {one.request.order.order_ref: one.time_ns for one in session.written
                 if isinstance(one.request, PlaceOrder)}
        plane.stop()
        orders.close()
        strategy.close()
    return [(wires[reference] - time_ns) / 1e9 for reference, time_ns in appended.items() if reference in wires]


def drive(plane, orders: LocalBus, strategy: LocalBus, broker: IbkrBroker, clock: SystemClock) -> dict[str, int]:
    """Step the plane as its host does, and append intents at their pace; return when each was durable."""
    lease = strategy.lead(INTENTS_TOPIC)
    appended: dict[str, int] = {}
    while broker.disarmed_because:
        if not plane.step():
            orders.wait(plane.wait_s)
    begin_ns = clock.monotonic_ns()
    while len(appended) < INTENTS or plane.state.intents < INTENTS:
        due = min(INTENTS, (clock.monotonic_ns() - begin_ns) * RATE // 10**9)
        if len(appended) < due:
            one = intent(len(appended) + 1, clock.time_ns())
            strategy.append(INTENTS_TOPIC, [Outgoing(instrument_key(0), encode_value(Schema.INTENT, one))], lease=lease)
            appended[str(one.id)] = clock.time_ns()
        if not plane.step():
            orders.wait(plane.wait_s)
    end_ns = clock.monotonic_ns() + 10**9
    while clock.monotonic_ns() < end_ns:
        if not plane.step():
            orders.wait(plane.wait_s)
    return appended


def cancels_to_wire(library: str) -> list[float]:
    """Return seconds from a cancel being asked for to its frame handed to the socket, behind ``QUEUED`` requests."""
    clock = SystemClock()
    with gateway(1) as port:
        session = Session(IbkrSettings(port=port, client=library, maintenance=()), clock)
        session.start()
        assert session.connected(WAIT_S), session.failure
        listing = next(iter(Listings(universe(1), {}, clock.time_ns())))
        asked, wires = {}, {}
        for _ in range(QUEUED):
            session.request(RequestContractData(req_id=session.next_request_id(), contract=listing.contract))
        for number in range(CANCELS):
            asked[number + 1] = clock.time_ns()
            session.request(CancelOrder(order_id=number + 1))
            pause_until = clock.monotonic_ns() + 150_000_000
            while clock.monotonic_ns() < pause_until:
                session.wait(0.01)
                for event in session.events():
                    if isinstance(event, Written) and isinstance(event.request, CancelOrder):
                        wires[event.request.order_id] = event.time_ns
        session.close()
    return [(wires[order_id] - time_ns) / 1e9 for order_id, time_ns in asked.items()]


def cold_start(library: str) -> tuple[int, float]:
    """Return how many pacing errors a start with 200 symbols met, and the seconds until every quote had come."""
    clock, instruments = SystemClock(), universe(SYMBOLS)
    errors = 0
    with gateway(SYMBOLS) as port:
        session = Session(IbkrSettings(port=port, client=library, client_id=2, read_only=True, maintenance=()), clock)
        events = session.events

        def looked():
            nonlocal errors
            found = events()
            errors += sum(isinstance(e, Told) and isinstance(e.answer, ErrorMessage) and e.answer.code in PACING
                          for e in found)
            return found

        session.events = looked
        feed = IbkrFeed(session, IbkrFeedSettings(lines_max=SYMBOLS), instruments, clock)
        begin_s = time.perf_counter()
        session.start()
        seen: set[int] = set()
        while len(seen) < SYMBOLS and time.perf_counter() - begin_s < WAIT_S:
            session.wait(0.01)
            if (batch := feed.poll()) is not None:
                seen.update(int(i) for i in batch.quotes["instrument"])
        elapsed_s = time.perf_counter() - begin_s
        feed.close()
    assert len(seen) == SYMBOLS, f"{len(seen)} of {SYMBOLS} symbols have quotes"
    return errors, elapsed_s


def figures() -> list[Row]:
    rows = []
    for library in LIBRARIES:
        wires = intents_to_wire(library)
        assert len(wires) == INTENTS, f"{len(wires)} of {INTENTS} intents reached the wire"
        rows += [at_most(f"intent to wire, median ({library}, {RATE}/s)", percentile(wires, 0.5) * 1e3, 5, "ms"),
                 at_most(f"intent to wire, 99 % ({library}, {RATE}/s)", percentile(wires, 0.99) * 1e3, 25, "ms")]
        cancels = cancels_to_wire(library)
        rows.append(at_most(f"cancel to wire, 99 %, {QUEUED:,} queued ({library})", percentile(cancels, 0.99) * 1e3, 50,
                            "ms"))
        errors, elapsed_s = cold_start(library)
        rows.append(at_most(f"cold start of {SYMBOLS} symbols, pacing errors ({library})", errors, 0, "errors",
                            beside=f"all quotes after {elapsed_s:.1f} s"))
    return rows


if __name__ == "__main__":
    quiet()
    show(f"Interactive Brokers over loopback ({psutil.cpu_count()} cores)", figures())
    sys.exit()
