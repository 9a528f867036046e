"""``algotrade demo --broker ibkr``: the planes in real time, data and orders both over an API socket of IB's.

Against a simulated Gateway, which this starts and which plays files or a made-up market; or, with IBKR_HOST set,
against the TWS or Gateway there, on a paper account.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
from rich.console import Console

from algotrade.bus import Bus, MarketReader, bus_at
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, PLANES, STRATEGY_PLANE
from algotrade.config import ConfigError, convert, override
from algotrade.domain import Instrument, Instruments, MarketBatch, SystemClock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.feeds import FileFacts, inspect, instruments_of
from algotrade.feeds.ibkr.settings import BAR_SIZES
from algotrade.gateway.listings import Listings
from algotrade_runners.cli.children import Children
from algotrade_runners.cli.demo import (
    EXIT_INTERRUPTED,
    EXIT_PLANE_DIED,
    LOOK_S,
    Options,
    begin,
    how,
    looking,
    tail,
)
from algotrade_runners.cli.gateway_child import GatewayChild
from algotrade_runners.cli.outcome import outcome_of
from algotrade_runners.cli.prepare import FILES_STATEMENT, Prepared, chosen_strategy
from algotrade_runners.cli.results import write_results
from algotrade_runners.cli.summary import print_summary
from algotrade_runners.gateway.recorded import made_up
from algotrade_runners.host import EXIT_OK, StopFlag
from algotrade_runners.replay_time import handled
from algotrade_runners.settings import Settings, check_whole, reached_by
from algotrade_runners.tally import last_sequence

SEED = 7
SECONDS = 60.0
SPEED = 10.0
HOLD_S = 15.0
"""For the planes to start in: market time stands still until then."""
SETTLE_S_MAX = 5.0
TOLD_EVERY_S = 5.0
SYMBOLS = ("AAPL", "IBM", "MSFT")

QUICK = {"window_quotes": 50, "enter_ticks": 1.0, "exit_ticks": 0.25, "cooldown_ms": 10_000}
"""Parameters of ``ofi`` that trade within a minute of a market with one quote a second."""

MADE_UP_STATEMENT = "Prices and sizes are made up by a seeded generator: what comes out says nothing about any market."
GATEWAY_STATEMENT = ("Data and orders went through a simulated IB Gateway, in real time: a second run does not repeat "
                     "the first one's fills.")
REAL_STATEMENT = "Data and orders went through Interactive Brokers, on a paper account."


def live_demo(options: Options, symbols: tuple[str, ...], seconds: float | None, console: Console,
              stop: StopFlag) -> int:
    """Run it and return the process's exit code.

    ``symbols``  to trade at IBKR_HOST
    ``seconds``  after which it ends; None: as long as the data last, or a minute of a made-up market
    """
    request = options.request
    if request.resume or options.standbys or options.shards > 1:
        raise ConfigError("--resume, --standbys and --shards do not go with --broker ibkr; allowed: a new run")
    request.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if os.environ.get("IBKR_HOST"):
            gateway, prepared = None, _prepared_for_real(options, symbols or SYMBOLS)
        else:
            if symbols:
                raise ConfigError("--symbol needs IBKR_HOST; the simulated Gateway has the symbols of its data")
            gateway = stack.enter_context(_gateway(options))
            prepared = _prepared(options, gateway)
            seconds = SECONDS if seconds is None and not request.data else seconds
        console.print(_what(prepared), markup=False, soft_wrap=True)
        return _run(prepared, options, gateway, seconds, console, stop)


def _gateway(options: Options) -> GatewayChild:
    request = options.request
    data = [word for path in request.data for word in ("--data", str(path))]
    seed = SEED if request.seed is None else request.seed
    return GatewayChild([*(data or ["--generate", str(seed)]), "--speed", f"{request.speed or SPEED:g}",
                         "--hold", f"{HOLD_S:g}"], request.out / "logs" / "gateway.log", SystemClock())


def _prepared(options: Options, gateway: GatewayChild) -> Prepared:
    """Return the run against the simulated Gateway."""
    request = options.request
    facts = tuple(inspect(path) for path in request.data)
    instruments = instruments_of(facts) if facts else made_up(0, None).instruments
    clock = gateway.clock()
    values = _common(options, instruments, facts)
    listings = Listings(instruments, {}, int(clock["market_ns"]))
    values["contracts"] = {
        one.instrument.symbol: {"con_id": one.contract.con_id, "sec_type": one.contract.sec_type,
                                "exchange": one.contract.exchange, "symbol": one.contract.symbol}
        for one in listings}
    for table, one in zip(values["instruments"], listings, strict=True):
        table["currency"] = one.contract.currency
    values["ibkr"] |= {"host": gateway.host, "port": gateway.port, "region": "none"}
    values["clock"] = {"speed": clock["speed"], "start_ns": int(clock["market_ns"]),
                       "anchor_ns": int(clock["monotonic_ns"])}
    statements = (FILES_STATEMENT if facts else MADE_UP_STATEMENT, GATEWAY_STATEMENT)
    return _whole(values, facts, statements)


def _prepared_for_real(options: Options, symbols: tuple[str, ...]) -> Prepared:
    """Return the run at IBKR_HOST."""
    if options.request.data:
        raise ConfigError("--data: files go to a simulated Gateway; allowed: --data without IBKR_HOST")
    values = _common(options, Instruments(Instrument(id=i, symbol=symbol) for i, symbol in enumerate(symbols)), ())
    prepared = _whole(values, (), (REAL_STATEMENT,))
    assert prepared.settings.ibkr is not None
    ibkr = reached_by(prepared.settings.ibkr, os.environ)
    return msgspec.structs.replace(prepared, settings=msgspec.structs.replace(prepared.settings, ibkr=ibkr))


def _common(options: Options, instruments: Instruments, facts: tuple[FileFacts, ...]) -> dict[str, Any]:
    request = options.request
    strategy = chosen_strategy(request.strategy, facts) if facts else request.strategy or "ofi"
    return {
        "run": {"seed": SEED if request.seed is None else request.seed},
        "bus": {"url": bus_at(request.bus, os.environ).url},
        "ibkr": {},
        "ibkr_feed": _fed(facts),
        "instruments": [{"symbol": i.symbol, "tick": str(i.tick)} for i in instruments],
        "strategy": {"name": strategy, "parameters": {} if facts or strategy != "ofi" else QUICK},
        "telemetry": {"data_plane_port": 0, "strategy_plane_port": 0, "order_plane_port": 0},
    }


def _fed(facts: tuple[FileFacts, ...]) -> dict[str, Any]:
    """Return what the feed asks for: quotes, and where the files hold bars, bars of their size."""
    spacing_s = min((fact.bar_spacing_ns for fact in facts if fact.bar_spacing_ns), default=0) / NANOSECONDS_PER_SECOND
    size = next((name for name, size in BAR_SIZES.items() if size.duration_s == spacing_s), "")
    return {"bars": size}


def _whole(values: dict[str, Any], facts: tuple[FileFacts, ...], statements: tuple[str, ...]) -> Prepared:
    override(values, os.environ)
    settings = convert(values, Settings, "of this demo")
    check_whole(settings)
    return Prepared(settings=settings, facts=facts, statements=statements, resumed=False)


def _what(prepared: Prepared) -> str:
    settings = prepared.settings
    assert settings.ibkr is not None
    symbols = ", ".join(i.symbol for i in settings.universe())
    return f"{settings.strategy.name} on {symbols}, through {settings.ibkr.host}:{settings.ibkr.port}"


def _run(prepared: Prepared, options: Options, gateway: GatewayChild | None, seconds: float | None, console: Console,
         stop: StopFlag) -> int:
    request, clock = options.request, SystemClock()
    place = bus_at(request.bus, os.environ)
    begin(prepared, options, place)
    with looking(place) as bus, Children(request.config, request.out / "logs", clock) as children:
        ends_ns = None if seconds is None else clock.monotonic_ns() + int(
            (seconds + (0.0 if gateway is None else HOLD_S)) * NANOSECONDS_PER_SECOND)
        lost = _watch(bus, children, gateway, ends_ns, console, stop)
        if not lost:
            _settle(bus, children)
        children.stop()
        for name, code in lost.items():
            console.print(f"the {name} {how(code)}; the end of its log:", style="bold red", markup=False)
            console.print(tail(children.log(name)), markup=False, soft_wrap=True)
        if lost:
            return EXIT_PLANE_DIED
        outcome = outcome_of(bus)
        if not outcome.data.published.records:
            console.print("no market data came; the planes' logs in OUT/logs say why", style="bold red")
            return EXIT_INTERRUPTED if stop.is_set else EXIT_PLANE_DIED
        results = write_results(prepared, outcome, request.out, _published(bus))
    print_summary(results, outcome, request.out, console)
    return EXIT_OK


def _watch(bus: Bus, children: Children, gateway: GatewayChild | None, ends_ns: int | None, console: Console,
           stop: StopFlag) -> dict[str, int]:
    """Wait for the end; return the planes that failed before, with their exit codes."""
    clock, pause = SystemClock(), threading.Event()
    told_ns = clock.monotonic_ns()
    while not stop.is_set and not (lost := children.lost()):
        now_ns = clock.monotonic_ns()
        if (ends_ns is not None and now_ns >= ends_ns) or (gateway is not None and gateway.status()["has_ended"]):
            return {}
        if now_ns - told_ns >= TOLD_EVERY_S * NANOSECONDS_PER_SECOND:
            told_ns = now_ns
            _tell(bus, ends_ns, now_ns, console)
        pause.wait(LOOK_S)
    return {} if stop.is_set else lost


def _tell(bus: Bus, ends_ns: int | None, now_ns: int, console: Console) -> None:
    planes = "  ".join(f"{plane} {max(0, handled(bus, plane)):,}" for plane in PLANES)
    left = "" if ends_ns is None else f", {max(0, ends_ns - now_ns) // NANOSECONDS_PER_SECOND} s to go"
    console.print(f"records handled: {planes}{left}")


def _settle(bus: Bus, children: Children) -> None:
    """Stop the data plane, then let the others handle all that it published."""
    children.stop_plane(DATA_PLANE)
    clock, pause = SystemClock(), threading.Event()
    deadline_ns = clock.monotonic_ns() + int(SETTLE_S_MAX * NANOSECONDS_PER_SECOND)
    while clock.monotonic_ns() < deadline_ns and not children.lost():
        published = handled(bus, DATA_PLANE)
        if all(handled(bus, plane) >= published for plane in (STRATEGY_PLANE, ORDER_PLANE)):
            break
        pause.wait(LOOK_S)


def _published(bus: Bus) -> Iterator[MarketBatch]:
    """Read what the market topics hold: no file can give it again."""
    reader = MarketReader(bus, group="demo")
    while (batch := reader.poll()) is not None:
        yield batch
        reader.consume(last_sequence(batch))
