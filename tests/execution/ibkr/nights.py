"""Days and nights of a simulated Gateway that restarts each night, and a feed and a broker that live through them.

Market time is stepped by the Gateway's control port, over HTTP, and our clock with it. Between two tries the session
waits for the host's time: ``quick`` makes that short.
"""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from algotrade.domain import (
    QUOTE,
    TRADE,
    Instruments,
    Kind,
    MarketBatch,
    NewOrder,
    OrderStatus,
    Side,
    TimeInForce,
)
from algotrade.execution.ibkr import IbkrBroker, OrderSettings
from algotrade.execution.order_manager import OrderManager
from algotrade.feeds.ibkr import IbkrFeed, IbkrFeedSettings
from algotrade.gateway.control import Control
from algotrade.gateway.faults import Scenario
from algotrade.gateway.trading import AccountSettings, TradingSettings
from algotrade.ibkr.session import IbkrSettings, Session, reconnect
from algotrade.ibkr.session import core as session_core
from algotrade.ibkr.wire.answers import OpenOrder, OpenOrderEnd
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import RequestAllOpenOrders
from algotrade.risk import Gate, Limits
from tests.execution.ibkr.world import intent_id, new
from tests.feeds.ibkr.test_gateway import HOST
from tests.gateway.raw import Raw
from tests.gateway.world import IBM, SECOND_NS, SPY, numbered, served

NEW_YORK = ZoneInfo("America/New_York")
ACCOUNT = "DU1234567"
PATIENCE_S = 30.0
OPEN, MORNING_S = time(9, 30), 60
OTHER = msgspec.structs.replace(SPY, id=1)
WAIT_S = 0.02
"""Between two tries."""
DIP = range(20, 25)
"""Seconds of a morning in which the price is a dollar lower."""


def quick(monkeypatch) -> None:
    """Shorten the waits between two tries, and between two questions for the time."""
    for name in ("WAIT_S_FIRST", "MAINTENANCE_WAIT_S"):
        monkeypatch.setattr(reconnect, name, WAIT_S)
    monkeypatch.setattr(session_core, "PROBE_NS", SECOND_NS // 10)


def at(day: date, clock: time) -> int:
    return int(datetime.combine(day, clock, NEW_YORK).timestamp()) * SECOND_NS


def mornings(first: date, days: int) -> MarketBatch:
    """Return a minute of quotes and trades at each day's open; for some seconds of it the price dips.

    The other instrument has the same quotes, and no trades.
    """
    n = np.concatenate([np.arange(MORNING_S)] * days)
    begin = np.repeat([at(first + timedelta(days=k), OPEN) for k in range(days)], MORNING_S)
    quotes, trades = np.zeros(len(n), QUOTE), np.zeros(len(n), TRADE)
    quotes["event_time_ns"], trades["event_time_ns"] = begin + n * SECOND_NS, begin + n * SECOND_NS + SECOND_NS // 2
    quotes["bid"] = np.where(np.isin(n, DIP), 179.0, 180.0) + n % 5 / 100
    quotes["ask"] = quotes["bid"] + 0.02
    quotes["bid_size"] = quotes["ask_size"] = 10_000
    trades["price"], trades["size"] = quotes["bid"] + 0.01, 1_000
    for array, columns in ((quotes, ("bid", "ask")), (trades, ("price",))):
        for column in columns:
            array[column] = array[column].round(2)
    quotes = np.repeat(quotes, 2)
    quotes["instrument"] = np.tile([IBM.id, OTHER.id], len(n))
    return numbered({Kind.QUOTE: quotes, Kind.TRADE: trades})


class Stepped:
    """A clock that only steps; durations are the host's."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def time_ns(self) -> int:
        return self.now_ns

    def monotonic_ns(self) -> int:
        return HOST.monotonic_ns()


class Tries:
    """Counts the tries to connect that have failed, or whose connection has ended.

    ``least_s``  between one end and the next, of the host's time
    """

    def __init__(self) -> None:
        self.ended, self.least_s, self._last_ns = 0, float("inf"), 0

    def connected(self) -> None:
        pass

    def told(self, data: bytes) -> None:
        pass

    def asked(self, data: bytes) -> None:
        pass

    def disconnected(self, because: str) -> None:
        now_ns = HOST.monotonic_ns()
        if self.ended:
            self.least_s = min(self.least_s, (now_ns - self._last_ns) / SECOND_NS)
        self.ended, self._last_ns = self.ended + 1, now_ns


class Nights:
    """A feed and a broker, each on a session of its own, and the Gateway that they reach."""

    def __init__(self, port: int, control_port: int, contract: Contract, clock: Stepped) -> None:
        self.clock, self._control_port, instruments = clock, control_port, Instruments([IBM, OTHER])
        self.tries, self._port = Tries(), port
        self.market_session = Session(IbkrSettings(port=port, client_id=7, read_only=True), clock)
        self.order_session = Session(IbkrSettings(port=port, client_id=8), clock, witness=self.tries)
        self.feed = IbkrFeed(self.market_session, IbkrFeedSettings(), instruments, clock)
        self.gate = Gate(Limits(reference_age_ns_max=2**61, position_quantity_max=Decimal(10**6),
                                order_window_ns=1), instruments, {})
        self.gate.marks["price"], self.gate.marks["time_ns"] = 180.0, clock.now_ns
        self.manager = OrderManager(instruments, self.gate)
        self.broker = IbkrBroker(self.order_session, {0: contract}, instruments,
                                 OrderSettings(client_id=8, outside_rth=True), clock)
        self.heard_ns = {IBM.id: 0, OTHER.id: 0}
        self.reports = []
        self.market_session.start()

    def close(self) -> None:
        self.feed.close()
        self.broker.close()

    # Time.

    def ask(self, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self._control_port}{path}", data)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 -- http, on loopback
            return json.loads(answer.read())

    def go_to(self, time_ns: int) -> None:
        """Step the Gateway's time and ours to this moment."""
        seconds = (time_ns - self.clock.now_ns) / SECOND_NS
        self.clock.now_ns = time_ns  # first: what is told on the way is heard at the end of it, not at its beginning
        self.ask("/clock/advance", {"seconds": seconds})

    def until(self, condition) -> None:
        """Take in what comes until ``condition()`` holds, with a deadline."""
        deadline_ns = HOST.monotonic_ns() + int(PATIENCE_S * SECOND_NS)
        while True:
            batch = self.feed.poll()
            if batch is not None:
                for row in batch.arrays()[Kind.QUOTE]:
                    self.heard_ns[int(row["instrument"])] = int(row["receive_time_ns"])
            self.broker.arm()
            self.reports += [report for event in self.broker.events() for report in self.manager.on_broker(event)]
            if condition():
                return
            assert HOST.monotonic_ns() < deadline_ns, (self.feed.ready(), self.broker.disarmed_because)
            self.order_session.wait(0.01)

    # What there is.

    @property
    def client_ids(self) -> list[int]:
        """Return the ids by which the Gateway knows its clients."""
        return self.ask("/status")["clients"]

    @property
    def is_well(self) -> bool:
        """Whether the feed is connected and orders may be sent."""
        return self.feed.ready()["link"] and self.feed.ready()["contracts"] and not self.broker.disarmed_because

    @property
    def is_cut_off(self) -> bool:
        return not self.market_session.samples()["algotrade_ibkr_connected"] and not self.order_session.samples()[
            "algotrade_ibkr_connected"]

    def heard_since(self, time_ns: int) -> bool:
        """Whether a quote of every instrument has come since."""
        return min(self.heard_ns.values()) >= time_ns

    def send(self, intent: NewOrder) -> None:
        assert self.broker.may_send(intent)
        handling = self.manager.on_intent(intent, self.clock.now_ns)
        assert handling.command is not None, handling.reports
        self.broker.bound(handling.command, self.broker.bind(handling.command))
        self.broker.send(handling.command)

    def status(self, sequence: int) -> OrderStatus:
        return self.manager.orders.by_intent(intent_id(sequence)).status

    def working(self) -> list[Decimal]:
        """Return the quantities of all orders that work at the Gateway, whoever's they are."""
        with Raw(self._port).start(99) as client:
            client.ask(RequestAllOpenOrders())
            client.until(lambda m: isinstance(m, OpenOrderEnd))
            return [m.order.total_quantity for m in client.seen if isinstance(m, OpenOrder)]

    @property
    def position(self) -> int:
        """Return the position as our books have it."""
        return int(self.manager.ledger.position(0).quantity)


def buy(sequence: int, limit: str) -> NewOrder:
    return new(sequence, limit=limit, side=Side.BUY, tif=TimeInForce.GTC)


@contextmanager
def nights(first: date, days: int, scenario: Scenario, monkeypatch) -> Iterator[Nights]:
    """Serve ``days`` mornings from ``first`` on, and the scenario's faults."""
    quick(monkeypatch)
    start_ns = at(first, time(9, 0))
    trading = TradingSettings(accounts={ACCOUNT: AccountSettings()})
    with served(mornings(first, days), Instruments([IBM, OTHER]), start_ns=start_ns, scenario=scenario,
                trading=trading) as hosted:
        control = Control(hosted.gateway, hosted._loop, 0)
        listing = hosted.gateway.listings.by_instrument(IBM.id)
        world = Nights(hosted.port, control.port, listing.contract, Stepped(start_ns))
        try:
            yield world
        finally:
            world.close()
            control.close()
