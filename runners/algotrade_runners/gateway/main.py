"""The simulated Gateway's process: it plays data to IB's clients until SIGTERM."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from algotrade.config import ConfigError
from algotrade.domain import SystemClock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.feeds import FeedError
from algotrade.gateway import Gateway, TapeError
from algotrade.gateway.control import Control
from algotrade.gateway.faults import Scenario, load_scenario
from algotrade.gateway.listening import LOOPBACK
from algotrade.gateway.trading import AccountSettings, Trading, TradingSettings
from algotrade.ibkr.wire import VERSION_MAX
from algotrade.telemetry import configure_log, get_log
from algotrade_runners.gateway.kept import Kept, keep_state, read_state
from algotrade_runners.gateway.listen import listen
from algotrade_runners.gateway.recorded import Recorded, from_files, made_up
from algotrade_runners.gateway.replay import run_replay
from algotrade_runners.host import EXIT_OK, EXIT_WORLD, follow_parent

NAME = "gateway"


class GatewayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``algotrade gateway`` was asked for.

    ``data``      files or folders; empty: the sample. ``seed``: a made-up market instead
    ``start_ns``  market time at which the replay begins, None: before the first record
    ``mic``       calendar by which the instruments trade, None: they never close
    ``delayed``   the login may not see live data
    ``scenario``  a file of faults to come
    ``state``     a file that keeps accounts, orders and market time over a restart
    ``hold_s``    seconds for which market time stands still first, so that clients can come
    ``replay``    a folder of recordings to be said again, instead of a market
    ``control_port``  of the HTTP server that drives it, 0: any free one, None: none
    """

    port: int
    account: str
    speed: float
    data: tuple[Path, ...] = ()
    seed: int | None = None
    start_ns: int | None = None
    mic: str | None = None
    delayed: bool = False
    version_max: int = VERSION_MAX
    control_port: int | None = None
    hold_s: float = 0.0
    scenario: Path | None = None
    state: Path | None = None
    replay: Path | None = None
    host: str = LOOPBACK


def run_gateway(options: GatewayOptions) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code (``host.EXIT_*``).

    Raises ``FeedError``, ``CalendarError`` and ``ConfigError`` where the market cannot be played.
    """
    configure_log(plane=NAME, clock=SystemClock())
    follow_parent()
    if options.replay is not None:
        return run_replay(options.replay, options.port, options.host, options.speed, {
            "--data": options.data, "--generate": options.seed is not None, "--start-at": options.start_ns,
            "--calendar": options.mic, "--delayed": options.delayed, "--scenario": options.scenario,
            "--state": options.state, "--hold": options.hold_s, "--control-port": options.control_port is not None,
            "--max-server-version": options.version_max != VERSION_MAX})
    for option, given in (("--data", options.data), ("--calendar", options.mic)):
        if options.seed is not None and given:
            raise ConfigError(f"--generate and {option} are both given; allowed: one of them")
    scenario = None if options.scenario is None else load_scenario(options.scenario)
    kept = None if options.state is None else read_state(options.state, options.account)
    if kept is not None:
        options = msgspec.structs.replace(options, start_ns=kept.market_ns)
    recorded = (from_files(options.data, options.mic, options.start_ns) if options.seed is None
                else made_up(options.seed, options.start_ns))
    if recorded.quarantined:
        get_log().warning("records_quarantined", count=recorded.quarantined)
    return asyncio.run(_serve(options, recorded, scenario, kept))


async def _serve(options: GatewayOptions, recorded: Recorded, scenario: Scenario | None, kept: Kept | None) -> int:
    gateway = _gateway(options, recorded, scenario)
    if kept is not None:
        assert isinstance(gateway.trading, Trading), "a Gateway keeps accounts and orders"
        gateway.trading.restore(kept.trading)
        gateway.trading.restarted(gateway.now_ns, rolls_back_ids=False)
    port = await listen(gateway, options.port, options.host)
    if port is None:
        return EXIT_WORLD
    try:
        control = _control(gateway, options)
    except OSError as error:
        get_log().error("stopped_by_the_world", error=f"--control-port {options.control_port}: {error}")
        return EXIT_WORLD
    sys.stdout.write(f"algotrade gateway listens on {options.host}:{port}, account {options.account}, "
                     f"{len(recorded.instruments)} instruments, market time {_told(gateway.now_ns)}, "
                     f"speed {options.speed:g}{_seed(options, scenario)}"
                     f"{'' if control is None else f', control port {control.port}'}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    keeping = None if options.state is None else asyncio.create_task(keep_state(options.state, gateway, ended))
    try:
        await gateway.serve()
    finally:
        ended.set()
        if keeping is not None:
            await keeping
        if control is not None:
            control.close()
    return EXIT_OK


def _control(gateway: Gateway, options: GatewayOptions) -> Control | None:
    if options.control_port is None:
        return None
    return Control(gateway, asyncio.get_running_loop(), options.control_port, options.host)


def _gateway(options: GatewayOptions, recorded: Recorded, scenario: Scenario | None) -> Gateway:
    try:
        return Gateway(
            recorded.instruments, recorded.batches, start_ns=recorded.start_ns, speed=options.speed,
            hold_s=options.hold_s,
            trading=TradingSettings(accounts={options.account: AccountSettings()}), sessions=recorded.sessions,
            scenario=scenario, data="delayed" if options.delayed else "live", version_max=options.version_max)
    except TapeError as error:
        raise FeedError(str(error)) from error
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _told(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seed(options: GatewayOptions, scenario: Scenario | None) -> str:
    market = "" if options.seed is None else f", seed {options.seed}"
    return market + ("" if scenario is None else f", seed of the scenario {scenario.seed}")
