"""One configuration file for all planes of a run: what each section means, with its defaults.

Every plane reads the same file, so a plane cannot run with other settings than its neighbours without their hashes
telling. ``docs/CONFIGURATION.md`` is generated from here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from algotrade.bus.topics import PLANES
from algotrade.config import ConfigError, convert, load, load_sessions
from algotrade.domain import Clock, Instrument, Instruments, ScaledClock, Sessions
from algotrade.execution.ibkr.settings import OrderSettings
from algotrade.feeds import QualityRules
from algotrade.feeds.ibkr.settings import IbkrFeedSettings
from algotrade.ibkr.contracts import ContractFacts
from algotrade.ibkr.session import IbkrSettings, SettingsRefused, ibkr_settings
from algotrade.matching import CommissionModel, VenueModel
from algotrade.risk import Limits
from algotrade.strategy import KernelStrategy, definition_of
from algotrade.telemetry.log import FORMATS, LEVELS

RUN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
BROKER_URL = re.compile(r"tcp://(?P<host>[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")
SEED_MAX = 2**63 - 1

RECORDS_BETWEEN_MAX = 500_000
"""Twice as many records, each in a message of its own (some 160 bytes), fit into a market topic's 256 MiB."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class RunSettings(_Section, frozen=True, kw_only=True):
    """One run.

    ``id``             goes into every intent id
    ``seed``           for every model that draws
    ``starting_cash``  of the account, in the instruments' currency; returns are shares of it
    """

    id: str = "demo"
    seed: int = 1
    starting_cash: Decimal = Decimal(1_000_000)

    def __post_init__(self) -> None:
        if not RUN_ID.fullmatch(self.id):
            raise ValueError(f"id is {self.id!r}; allowed: 1 to 32 of a-z, 0-9, - and _, not starting with - or _")
        if not 0 <= self.seed <= SEED_MAX:
            raise ValueError(f"seed is {self.seed}; allowed: 0 to {SEED_MAX}")
        if not self.starting_cash.is_finite() or self.starting_cash <= 0:
            raise ValueError(f"starting_cash is {self.starting_cash}; allowed: a finite number above 0")


class BusSettings(_Section, frozen=True, kw_only=True):
    """Where the planes meet.

    ``url``  ``local:FOLDER``, the durable log of one host, or ``kafka://HOST:PORT[,HOST:PORT...]/RUN``
    """

    url: str


class FeedSettings(_Section, frozen=True, kw_only=True):
    """What the data plane replays.

    ``paths``            files in the documented schema; none where the data come from Interactive Brokers
    ``speed``            event time per wall time; 0 = as fast as possible
    ``bar_duration_s``   of the bars; 0 = read from their spacing
    """

    paths: tuple[str, ...] = ()
    speed: float = 0.0
    bar_duration_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("speed", "bar_duration_s"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}; allowed: 0 or more")


class BrokerSettings(_Section, frozen=True, kw_only=True):
    """Where the broker is.

    ``url``        empty: simulated inside the order plane; ``tcp://HOST:PORT``: simulated by ``algotrade broker`` there
    ``client_id``  of the order plane's session; the broker takes one session of an id at a time
    """

    url: str = ""
    client_id: int = 1

    def __post_init__(self) -> None:
        self.address()
        if not 0 <= self.client_id < 2**31:
            raise ValueError(f"client_id is {self.client_id}; allowed: 0 to {2**31 - 1}")

    def address(self) -> tuple[str, int] | None:
        """Return host and port, None for the broker inside the order plane."""
        if not self.url:
            return None
        match = BROKER_URL.fullmatch(self.url)
        if match is None or not 0 < int(match["port"]) <= 65_535:
            raise ValueError(f"url is {self.url!r}; allowed: tcp://HOST:PORT, or empty")
        return match["host"], int(match["port"])


class StrategySettings(_Section, frozen=True, kw_only=True):
    """Which strategy runs.

    ``name``        of the strategy
    ``parameters``  those left out keep their defaults
    """

    name: str
    parameters: dict[str, Any] = {}


class TelemetrySettings(_Section, frozen=True, kw_only=True):
    """Where each plane serves /healthz, /readyz and /metrics, and how it logs.

    ``host``                 address to listen on
    ``data_plane_port``      0: any free one, as the log tells
    ``strategy_plane_port``  as above
    ``order_plane_port``     as above
    ``log_format``           json or console
    ``log_level``            debug, info, warning or error
    """

    host: str = "127.0.0.1"
    data_plane_port: int = 8000
    strategy_plane_port: int = 8001
    order_plane_port: int = 8002
    log_format: str = "json"
    log_level: str = "info"

    def __post_init__(self) -> None:
        for name in ("data_plane_port", "strategy_plane_port", "order_plane_port"):
            port = getattr(self, name)
            if not 0 <= port <= 65_535:
                raise ValueError(f"{name} is {port}; allowed: 0 to 65535")
        for name, allowed in (("log_format", FORMATS), ("log_level", LEVELS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}")

    def port(self, plane: str) -> int:
        """Return the port of ``plane``."""
        assert plane in PLANES
        port: int = getattr(self, plane.replace("-", "_") + "_port")
        return port


class CalendarSettings(_Section, frozen=True, kw_only=True):
    """Which years of trading sessions are looked up, for instruments that name a market (``mic``).

    ``first``  date
    ``last``   date, inclusive
    """

    first: date = date(2000, 1, 1)
    last: date = date(2030, 12, 31)

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"last is {self.last}; allowed: {self.first} or later")

    def range_ns(self) -> tuple[int, int]:
        """Return the first and last moment, ns since 1970 UTC."""
        first, last = (datetime.combine(day, datetime.min.time(), UTC) for day in (self.first, self.last))
        return int(first.timestamp()) * 10**9, int((last + timedelta(days=1)).timestamp()) * 10**9 - 1


class IbkrOrders(_Section, frozen=True, kw_only=True):
    """How orders go to Interactive Brokers.

    ``time_zone``    that TWS or the Gateway is set to, an IANA name: of times that name none
    ``outside_rth``  orders may fill outside regular trading hours
    """

    time_zone: str = "UTC"
    outside_rth: bool = False

    def __post_init__(self) -> None:
        self.of(IbkrSettings())

    def of(self, ibkr: IbkrSettings) -> OrderSettings:
        """Return the settings of the broker that is reached by ``ibkr``."""
        return OrderSettings(account=ibkr.account, client_id=ibkr.client_id, time_zone=self.time_zone,
                             outside_rth=self.outside_rth)


class ClockSettings(_Section, frozen=True, kw_only=True):
    """What time it is, for a run against a simulated Gateway whose market is not of today.

    ``speed``      of market time against the host's; 0: market time is the host's
    ``start_ns``   market time, ns since 1970 UTC, at the host's monotonic reading ``anchor_ns``
    ``anchor_ns``  as above
    """

    speed: float = 0.0
    start_ns: int = 0
    anchor_ns: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.speed < float("inf"):
            raise ValueError(f"speed is {self.speed}; allowed: 0 or more")

    def of(self, clock: Clock) -> Clock:
        """Return the clock of the market, by the host's ``clock``."""
        if not self.speed:
            return clock
        return ScaledClock(clock, start_ns=self.start_ns, anchor_ns=self.anchor_ns, speed=self.speed)


class SnapshotSettings(_Section, frozen=True, kw_only=True):
    """How often planes write snapshots.

    ``records_between``  market records that a plane handles between two; a restart repeats at most those. The log keeps
                         what came since the one before the last, and has to have room for it
    """

    records_between: int = 100_000

    def __post_init__(self) -> None:
        if not 1_000 <= self.records_between <= RECORDS_BETWEEN_MAX:
            raise ValueError(f"records_between is {self.records_between}; allowed: 1000 to {RECORDS_BETWEEN_MAX}")


class Settings(_Section, frozen=True, kw_only=True):
    """The whole file. ``instruments`` without their ids: the place in the list is the id.

    With ``ibkr`` the run is live: market data and orders go through Interactive Brokers, or a simulated Gateway.
    ``contracts`` says by symbol what IB has to be told beside symbol and currency.
    """

    bus: BusSettings
    instruments: tuple[dict[str, Any], ...]
    strategy: StrategySettings
    feed: FeedSettings = FeedSettings()
    ibkr: IbkrSettings | None = None
    ibkr_feed: IbkrFeedSettings = IbkrFeedSettings()
    ibkr_orders: IbkrOrders = IbkrOrders()
    contracts: dict[str, ContractFacts] = {}
    clock: ClockSettings = ClockSettings()
    run: RunSettings = RunSettings()
    broker: BrokerSettings = BrokerSettings()
    quality: QualityRules = QualityRules()
    risk: Limits = Limits()
    venue: VenueModel = VenueModel()
    commission: CommissionModel = CommissionModel()
    calendar: CalendarSettings = CalendarSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    snapshots: SnapshotSettings = SnapshotSettings()

    def __post_init__(self) -> None:
        self.universe()
        if bool(self.feed.paths) == self.is_live:
            given = f"{len(self.feed.paths)} files and" if self.is_live else "empty, and there is no"
            raise ValueError(f"feed.paths is {given} [ibkr]; allowed: one source of market data")

    @property
    def is_live(self) -> bool:
        """Tell whether data and orders go through Interactive Brokers, in real time."""
        return self.ibkr is not None

    def universe(self) -> Instruments:
        """Return the instruments, numbered."""
        if not self.instruments:
            raise ValueError("instruments is empty; allowed: one table or more")
        return Instruments(_instrument(i, table) for i, table in enumerate(self.instruments))

    def sessions(self) -> Mapping[int, Sessions]:
        """Return the trading sessions of each instrument that names a market, by instrument id."""
        instruments = self.universe()
        mics = {i.mic for i in instruments if i.mic is not None}
        by_mic = {mic: load_sessions(mic, *self.calendar.range_ns()) for mic in mics}
        return {i.id: by_mic[i.mic] for i in instruments if i.mic is not None}


def load_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Return the settings in the file ``path``, as the environment changes them; raises ``ConfigError``.

    ``ALGOTRADE__SECTION__KEY`` sets any key. Of a live run IBKR_HOST, IBKR_PORT, IBKR_ACCOUNT, IBKR_CLIENT_ID,
    IBKR_READ_ONLY and IBKR_CLIENT say how to reach the broker, as they do for every command.
    """
    settings = load(path, Settings, environment)
    if settings.ibkr is None:
        return settings
    return msgspec.structs.replace(settings, ibkr=reached_by(settings.ibkr, environment))


def reached_by(ibkr: IbkrSettings, environment: Mapping[str, str]) -> IbkrSettings:
    """Return ``ibkr`` with what the variables IBKR_* of ``environment`` say; raises ``ConfigError``."""
    try:
        return ibkr_settings(environment, ibkr)
    except SettingsRefused as error:
        raise ConfigError(str(error)) from error


def strategy_of(settings: Settings) -> tuple[KernelStrategy, Any]:
    """Return the strategy that the settings name, and its parameters; raises ``ConfigError``."""
    try:
        definition = definition_of(settings.strategy.name)
    except ValueError as error:
        raise ConfigError(f"configuration strategy.name: {error}") from error
    return definition, convert(settings.strategy.parameters, definition.parameters, "strategy.parameters")


def check_whole(settings: Settings) -> None:
    """Raise ``ConfigError`` for what no section can see by itself; every plane asks before it starts.

    So no plane waits for one that was refused.
    """
    strategy_of(settings)
    symbols = [i.symbol for i in settings.universe()]
    for key, named in (("risk.restricted", settings.risk.restricted), ("contracts", settings.contracts),
                       ("ibkr_feed.tick_by_tick", settings.ibkr_feed.tick_by_tick)):
        for symbol in named:
            if symbol not in symbols:
                raise ConfigError(f"configuration {key}: names {symbol!r}; allowed: {', '.join(symbols)}")


def _instrument(number: int, table: dict[str, Any]) -> Instrument:
    if "id" in table:
        raise ValueError(f"id of instrument {number} is {table['id']}; allowed: none, the place in the list is the id")
    try:
        return msgspec.convert({**table, "id": number}, Instrument)
    except msgspec.ValidationError as error:
        raise ValueError(f"instrument {number}: {error}; allowed: {', '.join(INSTRUMENT_KEYS)}") from error


INSTRUMENT_KEYS = [f.name for f in msgspec.structs.fields(Instrument) if f.name != "id"]
