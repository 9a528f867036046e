"""From what the user asked for to the settings of a run."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from algotrade.bus import bus_at
from algotrade.config import ConfigError, convert, override
from algotrade.feeds import FileFacts, inspect, instruments_of, write_sample
from algotrade.strategy import STRATEGIES, default_for, definition_of
from algotrade_runners.settings import Settings, check_whole, load_settings

LOOPBACK = "127.0.0.1"
SAMPLE_STATEMENT = (
    "Daily bars of five US stocks, 2000-03 to 2013-03, in the public domain (Quandl WIKI prices, by way of the PyPI "
    "package bokeh_sampledata). Open, high, low, close and volume are adjusted by adj_close/close: the raw closes hold "
    "splits of -45 to -50 %, which are no losses. AAPL's -52 % of 2000-09-29 is real.")
FILES_STATEMENT = "Prices and sizes are those of the files, not adjusted for splits or dividends."


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks of ``algotrade demo``; None: not said. ``data`` empty: the sample. ``speed`` 0: no pacing.

    ``bus``             its address (``bus_at``)
    ``broker_process``  the simulated broker gets a process of its own
    """

    data: tuple[Path, ...]
    out: Path
    bus: str
    strategy: str | None
    speed: float | None
    seed: int | None
    resume: bool = False
    broker_process: bool = False

    @property
    def config(self) -> Path:
        """Return where the run's configuration is kept."""
        return self.out / "config.toml"

    @property
    def manifest(self) -> Path:
        """Return where the run's manifest is kept."""
        return self.out / "manifest.json"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A run that can start: its settings, the facts of its files, and what to say about them."""

    settings: Settings
    facts: tuple[FileFacts, ...]
    statements: tuple[str, ...]
    resumed: bool

    @property
    def records_total(self) -> int:
        """Return how many records the files hold."""
        return sum(fact.rows for fact in self.facts)

    @property
    def data_sha256(self) -> dict[str, str]:
        """Return the hash of each file, by name."""
        return {fact.path.name: fact.sha256 for fact in self.facts}


def prepare(request: Request) -> Prepared:
    """Look the files over and compose the settings, or for a resumed run take those that it began with.

    ``ALGOTRADE__SECTION__KEY`` in the environment wins over what is composed here. Raises ``FeedError`` and
    ``ConfigError``.
    """
    paths = request.data or (_sample(request.out),)
    facts = tuple(inspect(path) for path in paths)
    _check_different(facts)
    statements = (FILES_STATEMENT if request.data else SAMPLE_STATEMENT,)
    if request.resume and request.config.exists():
        settings = _as_before(request, {fact.path.name: fact.sha256 for fact in facts})
    else:
        settings = _composed(request, facts)
    check_whole(settings)
    return Prepared(settings=settings, facts=facts, statements=statements, resumed=request.resume)


def _check_different(facts: Sequence[FileFacts]) -> None:
    seen: dict[str, Path] = {}
    for fact in facts:
        before = seen.setdefault(fact.sha256, fact.path)
        if before is not fact.path:
            raise ConfigError(f"--data: {fact.path} holds the same bytes as {before}; allowed: every record once")


def _composed(request: Request, facts: Sequence[FileFacts]) -> Settings:
    values: dict[str, Any] = {
        "run": {"seed": 1 if request.seed is None else request.seed},
        "bus": {"url": bus_at(request.bus, os.environ).url},
        "feed": {"paths": [str(fact.path.resolve()) for fact in facts], "speed": request.speed or 0.0},
        "instruments": [{"symbol": i.symbol, "tick": str(i.tick)} for i in instruments_of(facts)],
        "strategy": {"name": chosen_strategy(request.strategy, facts)},
        "telemetry": {"data_plane_port": 0, "strategy_plane_port": 0, "order_plane_port": 0},
    }
    if request.broker_process:
        values["broker"] = {"url": _broker_url()}
    override(values, os.environ)
    return convert(values, Settings, "of this demo")


def _as_before(request: Request, data_sha256: dict[str, str]) -> Settings:
    """Return the settings that the run began with; a run that would now be another one is refused.

    Where its files are and how fast it goes may change: neither changes a fill.
    """
    settings = load_settings(request.config, os.environ)
    began = msgspec.json.decode(request.manifest.read_bytes()) if request.manifest.exists() else {}
    if began.get("data_sha256", data_sha256) != data_sha256:
        given = "--data" if request.data else "no --data, and so the sample"
        raise ConfigError(f"{given}: {', '.join(data_sha256)} are not the files that the run in {request.bus} began "
                          f"with; allowed: --data with {', '.join(began['data_sha256'])}, unchanged")
    for option, asked, before in (("--strategy", request.strategy, settings.strategy.name),
                                  ("--seed", request.seed, settings.run.seed)):
        if asked not in {None, before}:
            raise ConfigError(f"{option} is {asked}; allowed: {before}, with which the run in {request.bus} began")
    paths = tuple(str(path.resolve()) for path in request.data) or settings.feed.paths
    speed = settings.feed.speed if request.speed is None else request.speed
    return msgspec.structs.replace(
        settings, feed=msgspec.structs.replace(settings.feed, paths=paths, speed=speed),
        bus=msgspec.structs.replace(settings.bus, url=bus_at(request.bus, os.environ).url),
        broker=msgspec.structs.replace(settings.broker, url=_broker_url() if settings.broker.url else ""))


def _broker_url() -> str:
    """Return an address of this host that was free a moment ago."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        return f"tcp://{LOOPBACK}:{listener.getsockname()[1]}"


def _sample(out: Path) -> Path:
    """Write the sample data, the same bytes every time, and return where."""
    path = out / "data" / "stocks.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sample(path)
    return path


def chosen_strategy(name: str | None, facts: Sequence[FileFacts]) -> str:
    """Return the strategy ``name``, or the default one for what the files hold; raises ``ConfigError``."""
    kinds = {fact.kind for fact in facts}
    try:
        definition = default_for(kinds) if name is None else definition_of(name)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if definition.kind not in kinds:
        held = ", ".join(sorted(kind.name.lower() + "s" for kind in kinds))
        able = [d.name for d in STRATEGIES.values() if d.kind in kinds]
        raise ConfigError(f"strategy {definition.name} consumes {definition.kind.name.lower()}s, and the files hold "
                          f"{held}; allowed: {', '.join(able) or 'none of them'}")
    return definition.name
