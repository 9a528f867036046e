"""The command ``algotrade``. Each subcommand imports what it needs when it runs, so that ``--help`` is quick."""

import os
import sys
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from algotrade.bus.topics import PLANES, SHARDS_MAX
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade_runners.cli import bus_commands, data_commands, ibkr_commands, signals_commands

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
    help="Trading through Interactive Brokers for people who must be able to trust the state.",
    epilog="example: algotrade demo --out out/demo")
app.add_typer(data_commands.app, name="data")
app.add_typer(signals_commands.app, name="signals")
app.add_typer(bus_commands.app, name="bus")
app.add_typer(ibkr_commands.app, name="ibkr")

Plane = Enum("Plane", {plane.upper().replace("-", "_"): plane for plane in PLANES}, type=str)  # type: ignore[misc]


def _version(wanted: bool) -> None:  # noqa: FBT001 -- typer's signature
    if wanted:
        import algotrade

        typer.echo(f"algotrade {algotrade.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True,  # noqa: FBT002
                                          callback=_version)] = False,
) -> None:
    pass


def _speed(text: str) -> float:
    if text == "max":
        return 0.0
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise typer.BadParameter(f"{text!r}; allowed: max, or a factor above 0")
    return factor


def _bus(text: str) -> str:
    """Return the address of a bus; one on Kafka that names no run gets a new name."""
    from algotrade.bus import BusError, KafkaPlace, bus_at
    from algotrade.domain import SystemClock

    try:
        place = bus_at(text, os.environ)
    except BusError as error:
        raise typer.BadParameter(str(error)) from error
    if isinstance(place, KafkaPlace) and not place.address.run:
        started_s = SystemClock().time_ns() // NANOSECONDS_PER_SECOND
        return f"{place}/demo-{datetime.fromtimestamp(started_s, UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
    return text


def _run_to_resume(text: str) -> str:
    return text if text.startswith("kafka://") else f"local:{text}"


@app.command(epilog="example: algotrade demo --data quotes.parquet --data trades.parquet --out out/ibm --speed max")
def demo(
    data: Annotated[list[Path] | None, typer.Option(
        help="Parquet or CSV file of quotes, trades or bars; again for more. Without: daily bars of five US stocks.",
    )] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("out/demo"),
    strategy: Annotated[str | None, typer.Option(
        help="ema_cross or ofi; by default ofi on quotes, else ema_cross.")] = None,
    speed: Annotated[float | None, typer.Option(
        parser=_speed, metavar="max|FACTOR", help="Replay at FACTOR times real time; max by default.")] = None,
    bus: Annotated[str | None, typer.Option(
        parser=_bus, metavar="local:DIR|kafka://HOST:PORT",
        help="Where the planes meet; by default OUT/bus. On Kafka a run makes topics of its own.")] = None,
    processes: Annotated[int, typer.Option(help="3: a process per plane. 1: all in one, in memory.")] = 3,
    standbys: Annotated[int, typer.Option(
        min=0, max=8, help="So many more strategy and order planes stand by to take over; on Kafka only.")] = 0,
    shards: Annotated[int, typer.Option(
        min=1, max=SHARDS_MAX, help="Share the instruments out among so many data and strategy planes; on Kafka.")] = 1,
    broker: Annotated[str, typer.Option(
        metavar="sim|process|ibkr", help="Simulate the broker in the order plane, or in a process of its own; or trade "
        "through IB's API: against a simulated Gateway, or the one at IBKR_HOST (paper accounts only).")] = "sim",
    seconds: Annotated[float | None, typer.Option(
        min=1, help="With ibkr: end after so many seconds; by default 60, or at the end of --data.")] = None,
    symbol: Annotated[list[str] | None, typer.Option(
        help="With ibkr and IBKR_HOST: a US stock to trade, again for more; AAPL, IBM and MSFT by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the models that draw; 1 by default.")] = None,
    resume: Annotated[str | None, typer.Option(
        parser=_run_to_resume, metavar="DIR|kafka://HOST:PORT/RUN",
        help="Go on with the run in this bus folder, or of this name on Kafka.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="No moving lines, no colours.")] = False,  # noqa: FBT002
) -> None:
    """Replay market data through the three planes: risk-checked, filled, accounted for, reported."""
    from algotrade_runners.cli.demo import Options
    from algotrade_runners.cli.demo import demo as run_demo
    from algotrade_runners.cli.errors import told
    from algotrade_runners.cli.output import console
    from algotrade_runners.cli.prepare import Request
    from algotrade_runners.host import StopFlag

    if processes not in {1, 3}:
        raise typer.BadParameter(f"{processes}; allowed: 1 or 3", param_hint="--processes")
    if broker not in {"sim", "process", "ibkr"} or (broker != "sim" and processes == 1):
        raise typer.BadParameter(f"{broker!r}; allowed: sim, or with --processes 3 process or ibkr",
                                 param_hint="--broker")
    if broker != "ibkr" and (seconds is not None or symbol):
        raise typer.BadParameter("belongs to --broker ibkr", param_hint="--seconds" if seconds else "--symbol")
    if processes == 1 and (bus is not None or resume is not None):
        raise typer.BadParameter("keeps its log in memory; --bus and --resume need --processes 3",
                                 param_hint="--processes 1")
    if bus is not None and resume is not None and bus != resume:
        raise typer.BadParameter(f"{resume} and --bus {bus} differ; allowed: one of them", param_hint="--resume")
    on_kafka = (bus or resume or "").startswith("kafka://")
    if standbys and not on_kafka:
        raise typer.BadParameter(f"{standbys} needs --bus kafka://HOST:PORT; on one host whoever starts last leads",
                                 param_hint="--standbys")
    if shards > 1 and not on_kafka:
        raise typer.BadParameter(f"{shards} needs --bus kafka://HOST:PORT", param_hint="--shards")
    stop = StopFlag()
    stop.install()
    plain = plain or not sys.stdout.isatty()
    options = Options(
        request=Request(data=tuple(data or ()), out=out, bus=bus or resume or f"local:{out / 'bus'}", strategy=strategy,
                        speed=speed, seed=seed, resume=resume is not None, broker_process=broker == "process"),
        processes=processes, plain=plain, standbys=standbys, shards=shards)
    with told():
        if broker == "ibkr":
            from algotrade_runners.cli.live_demo import live_demo

            raise typer.Exit(live_demo(options, tuple(symbol or ()), seconds, console(plain=plain), stop))
        raise typer.Exit(run_demo(options, console(plain=plain), stop))


@app.command(epilog="example: algotrade run order-plane --config out/demo/config.toml")
def run(
    plane: Annotated[Plane, typer.Argument(help="Which plane this process is.")],
    config: Annotated[Path, typer.Option(help="The run's configuration, TOML: docs/CONFIGURATION.md.")],
) -> None:
    """Run one plane until the data end, or until SIGTERM. Exit codes: docs/ARCHITECTURE.md."""
    from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, STRATEGY_PLANE
    from algotrade_runners.cli.errors import told
    from algotrade_runners.data_plane.main import run_data_plane
    from algotrade_runners.host import leave
    from algotrade_runners.order_plane.main import run_order_plane
    from algotrade_runners.settings import load_settings
    from algotrade_runners.strategy_plane.main import run_strategy_plane

    runners = {DATA_PLANE: run_data_plane, STRATEGY_PLANE: run_strategy_plane, ORDER_PLANE: run_order_plane}
    with told():
        settings = load_settings(config, os.environ)
    leave(runners[plane.value](settings))


def _moment(text: str) -> int:
    """Return ns since 1970 UTC of an ISO 8601 time with a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r}; allowed: a time with its zone, such as 2013-10-08T14:00:00Z")
    return int(moment.timestamp()) * NANOSECONDS_PER_SECOND


@app.command(epilog=(
    "example: algotrade gateway --data quotes.parquet --start-at 2013-10-08T14:00:00Z --speed 10; "
    "of a recording: algotrade gateway --replay out/recorded --port 4002"))
def gateway(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: any free port.")] = 4002,
    data: Annotated[list[Path] | None, typer.Option(
        help="Parquet or CSV file, or a folder of them; again for more. Without: the demo's daily bars.")] = None,
    account: Annotated[str, typer.Option(help="The account; those that start with DU are paper accounts.")]
        = "DU1234567",
    speed: Annotated[float, typer.Option(min=0, help="Market seconds a second; 0: time stands still.")] = 1.0,
    start_at: Annotated[int | None, typer.Option(
        parser=_moment, metavar="TIME", help="Begin here; what lies before is history. By default at the first record.",
    )] = None,
    generate: Annotated[int | None, typer.Option(
        min=0, metavar="SEED", help="Make a random market up instead of --data.")] = None,
    calendar: Annotated[str | None, typer.Option(
        metavar="MIC", help="Trade by this market's calendar, such as XNYS; by default the market never closes.",
    )] = None,
    delayed: Annotated[bool, typer.Option(  # noqa: FBT002
        "--delayed", help="The login may not see live data, only such of 15 minutes ago.")] = False,
    max_server_version: Annotated[int, typer.Option(
        min=157, max=178, help="The newest version of the protocol that is spoken.")] = 178,
    control_port: Annotated[int | None, typer.Option(
        min=0, max=65535, metavar="PORT", help="Take commands over HTTP here; 0: any free port. By default none.",
    )] = None,
    scenario: Annotated[Path | None, typer.Option(
        metavar="FILE.toml", help="Faults to come, and when: docs/GATEWAY.md.")] = None,
    state: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Keep accounts, orders and market time here; go on from there where it exists.")] = None,
    hold: Annotated[float, typer.Option(
        min=0, max=3600, metavar="SECONDS", help="Market time stands still so long first, for clients to come.")] = 0.0,
    replay: Annotated[Path | None, typer.Option(
        metavar="DIR", help="Say again what `algotrade ibkr record --out DIR` recorded, instead of playing a market.",
    )] = None,
) -> None:
    """Play recorded market data to IB's API clients as a Gateway would, until SIGTERM: docs/GATEWAY.md."""
    from algotrade.gateway.faults import FaultRefused
    from algotrade.ibkr.recording import RecordingError
    from algotrade_runners.cli.errors import told
    from algotrade_runners.gateway.main import GatewayOptions, run_gateway
    from algotrade_runners.host import leave

    with told(config=(FaultRefused,), world=(RecordingError,)):
        code = run_gateway(GatewayOptions(
            port=port, account=account, speed=speed, data=tuple(data or ()), seed=generate, start_ns=start_at,
            mic=calendar, delayed=delayed, version_max=max_server_version, control_port=control_port, hold_s=hold,
            scenario=scenario, state=state, replay=replay))
    leave(code)


@app.command(epilog="example: algotrade broker --config out/demo/config.toml")
def broker(
    config: Annotated[Path, typer.Option(help="The run's configuration; its broker.url says where to listen.")],
    orders: Annotated[Path | None, typer.Option(
        help="File that gets a line of JSON for every command taken, before it has an effect.")] = None,
) -> None:
    """Run the simulated broker in a process of its own, until SIGTERM: one session per client id."""
    from algotrade_runners.broker.main import run_broker
    from algotrade_runners.cli.errors import told
    from algotrade_runners.host import leave
    from algotrade_runners.settings import load_settings

    with told():
        code = run_broker(load_settings(config, os.environ), orders)
    leave(code)


@app.command(epilog="example: algotrade warm")
def warm(
    plain: Annotated[bool, typer.Option("--plain", help="No moving lines, no colours.")] = False,  # noqa: FBT002
) -> None:
    """Compile all kernels into the cache on disk, so that nothing waits for a compiler later: a minute or two, once.

    The cache is $ALGOTRADE_CACHE_DIR, or algotrade in the user's cache folder; it holds for this processor's model and
    these sources: docs/adr/0008-kernel-cache.md.
    """
    from rich.progress import track

    from algotrade.jit import cache_dir
    from algotrade.signals import catalog
    from algotrade_runners.cli.errors import told
    from algotrade_runners.cli.output import console
    from algotrade_runners.cli.warm import kernels, size_text, warm_planes, warm_signals

    out = console(plain=plain)
    with told():
        warm_planes()
        done = list(track(warm_signals(list(catalog)), "signals", len(catalog), console=out, transient=True,
                          disable=not out.is_terminal))
    later = [name for name, compiled in done if not compiled]
    count, size_bytes = kernels()
    out.print(f"{len(done) - len(later)} signals and the planes are compiled: {count:,} kernels, "
              f"{size_text(size_bytes)}, in {cache_dir()}", markup=False)
    if later:
        out.print(f"compiled at their first use: {', '.join(later)}", markup=False)


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
