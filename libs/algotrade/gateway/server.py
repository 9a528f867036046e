"""The Gateway: it plays the market to whoever connects, until it is stopped."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from algotrade.domain import Clock, Instruments, MarketBatch, Sessions, SystemClock
from algotrade.domain.clock import NANOSECONDS_PER_MILLISECOND
from algotrade.gateway.clock import MarketClock
from algotrade.gateway.connection import Connection
from algotrade.gateway.faults import Faults, Scenario
from algotrade.gateway.floor import DataPermission, Floor
from algotrade.gateway.limits import LimitsSet
from algotrade.gateway.listening import Listener
from algotrade.gateway.listings import Listings
from algotrade.gateway.market import Market
from algotrade.gateway.port import Sent, TradingPort
from algotrade.gateway.refusals import CLIENT_ID_IN_USE, FARMS_OK
from algotrade.gateway.session import Session
from algotrade.gateway.tape import Tape
from algotrade.gateway.times import local, zone_of
from algotrade.gateway.trading import Trading, TradingSettings
from algotrade.ibkr.wire import VERSION_MAX, VERSION_MIN, Codec, Request
from algotrade.ibkr.wire.answers import ErrorMessage
from algotrade.telemetry import get_log

STEP_NS = 100 * NANOSECONDS_PER_MILLISECOND
STEPS_MAX = 100
"""Market time passes in steps of 100 ms; longer ones where it runs so fast that a turn would need more than these."""

TURN_RECORDS_MAX = 4096
"""Records of one turn, about; sockets are looked after between two turns."""

TURN_S = 0.005
"""How long the market waits between two looks at its clock."""

DELAY_NS = 15 * 60 * 1_000 * NANOSECONDS_PER_MILLISECOND
"""How late delayed data are (documented: 15 to 20 minutes)."""


class Gateway(Listener[Session]):
    """A simulated IB Gateway over recorded market data.

    ``trading``     accounts and rules of the broker; ``make_trading`` makes what keeps to them, given the contracts
    ``start_ns``    market time at which it begins, what lies before is history; None: just before the first record
    ``speed``       market seconds a second; 0: time stands still until ``advance``; and it does for ``hold_s`` first
    ``sessions``    of instruments whose market closes, by instrument id
    ``data``        "delayed": the login may not see live data
    ``version_max`` the newest protocol version that is spoken
    ``scenario``    faults to come

    Raises ``TapeError`` for records that cannot be served, ``ValueError`` for a version or speed that is not allowed.
    """

    def __init__(
        self, instruments: Instruments, batches: Iterable[MarketBatch], *,
        trading: TradingSettings | None = None,
        make_trading: Callable[[Listings, TradingSettings], TradingPort] = Trading,
        start_ns: int | None = None, speed: float = 1.0, hold_s: float = 0.0,
        sessions: Mapping[int, Sessions] | None = None, data: DataPermission = "live",
        version_max: int = VERSION_MAX, scenario: Scenario | None = None,
        limits: LimitsSet | None = None, clock: Clock | None = None,
    ) -> None:
        if not VERSION_MIN <= version_max <= VERSION_MAX:
            raise ValueError(f"version_max is {version_max}; allowed: {VERSION_MIN} to {VERSION_MAX}")
        super().__init__(clock=clock or SystemClock(), limits=limits or LimitsSet(), version_min=VERSION_MIN,
                         version_max=version_max)
        tape = self._tape = Tape(batches, instruments)
        if start_ns is None:
            start_ns = tape.span_ns[0] - 1 if tape.span_ns is not None else self.clock.time_ns()
        self.listings = Listings(instruments, sessions or {}, start_ns)
        self.market_clock = MarketClock(self.clock, start_ns, speed, hold_s)
        market = Market(tape, self.listings, start_ns)
        delayed = Market(tape, self.listings, start_ns, DELAY_NS) if data == "delayed" else None
        self.trading = make_trading(self.listings, trading or TradingSettings())
        # So that it knows what things are worth before the first record comes; there is nobody to be told anything yet.
        self.trading.on_market(tape.newest(start_ns), start_ns)
        self._floor = Floor(self.clock, self.market_clock, self.listings, market, delayed, self.limits)
        self._played_ns = start_ns
        self.faults = Faults(scenario)
        self.faults.begin(self, start_ns)
        self._sessions: dict[int, tuple[Session, Connection[Session]]] = {}

    @property
    def now_ns(self) -> int:
        """Return the market time up to which everything was told."""
        return self._played_ns

    def status(self) -> dict[str, Any]:
        """Return where the Gateway stands, for people and for who waits for the end of the data."""
        span_ns = self._tape.span_ns
        return {"market_ns": self._played_ns, "ends_ns": None if span_ns is None else span_ns[1],
                "has_ended": span_ns is None or self._played_ns >= span_ns[1], "clients": sorted(self._sessions)}

    def held(self) -> int:
        """Return how many requests of the clients are open: subscriptions, and history that is kept up to date."""
        return self._floor.held.total()

    async def _work(self) -> None:
        """Play the market."""
        while not self._stopping.is_set():
            behind = self.market_clock.runs and self.step()
            await self._wait(0 if behind else TURN_S)

    async def advance(self, step_ns: int) -> None:
        """Step market time on, and return when everything that became due was told.

        Stepped time has no hurry: it waits for clients that are behind, as long as they read.
        """
        self.market_clock.advance(step_ns)
        while self.step():
            await self._wait(0)
            for connection in list(self._connections):
                await connection.let_read()

    def step(self) -> bool:
        """Play a part of what is due, and tell whether more is."""
        now_ns = self.market_clock.now_ns()
        stride_ns = max(STEP_NS, (now_ns - self._played_ns) // STEPS_MAX)
        records = 0
        for _ in range(STEPS_MAX):
            if self._played_ns >= now_ns or records >= TURN_RECORDS_MAX:
                break
            # Faults come and end at their moments, however far time is stepped at once.
            next_fault_ns = max(self.faults.next_ns, self._played_ns + 1)
            records += self._play(min(now_ns, self._played_ns + stride_ns, next_fault_ns))
        return self._played_ns < now_ns

    def _play(self, to_ns: int) -> int:
        """Play up to ``to_ns``, or as far as one step goes, and return how many records that were."""
        market, delayed = self._floor.market, self._floor.delayed
        due = market.take(to_ns)
        self.faults.pass_time(due.reached_ns)
        if len(due.recorded):
            self._dispatch(self.trading.on_market(due.recorded, due.reached_ns))
        self._dispatch(self.trading.on_time(due.reached_ns))
        self._follow(market, due.shown, delayed=False)
        while delayed is not None:
            late = delayed.take(due.reached_ns)
            self._follow(delayed, late.shown, delayed=True)
            if late.reached_ns == due.reached_ns:
                break
        self._played_ns = due.reached_ns
        for session, _ in list(self._sessions.values()):
            session.pass_time(self._floor.history_ns)
            session.flush()
        return len(due.shown)

    def _follow(self, market: Market, batch: MarketBatch, *, delayed: bool) -> None:
        if not len(batch) or self.faults.is_dark:
            return
        for instrument, flow in market.flows(batch):
            for session, _ in self._sessions.values():
                session.follow(instrument, flow, delayed=delayed)

    def _dispatch(self, sent: list[Sent]) -> None:
        self.tell(self.faults.told(sent, self._played_ns))

    # What faults ask (faults.Host).

    def connections(self) -> list[tuple[int, Connection[Session]]]:
        """Return the connected clients."""
        return [(client_id, connection) for client_id, (_, connection) in self._sessions.items()]

    def tell_all(self, answer: ErrorMessage) -> None:
        """Send to every client."""
        self.tell([(None, answer)])

    def drop_subscriptions(self) -> None:
        """Forget what clients subscribed to."""
        for session, _ in self._sessions.values():
            session.close()

    def market_subscriptions(self) -> list[tuple[int, int]]:
        """Return (client id, request id) of the quotes that are subscribed to."""
        return [(client_id, req_id) for client_id, (session, _) in self._sessions.items()
                for req_id in session.quotes_held()]

    def tell(self, sent: list[Sent]) -> None:
        """Send answers to whom they are for."""
        for client_id, answer in sent:
            for known, (session, _) in self._sessions.items():
                if client_id in {None, known}:
                    session.tell([answer])
        if sent:
            for session, _ in list(self._sessions.values()):
                session.flush()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    # What connections ask (connection.Host).

    def greeting_time(self) -> str:
        """Return the market's time as the handshake tells it."""
        return f"{local(self.market_clock.now_ns(), zone_of('US/Eastern')):%Y%m%d %H:%M:%S} EST"

    def admit(self, connection: Connection[Session], client_id: int, codec: Codec) -> Session | None:
        """Take a client, and tell it what comes unasked: accounts, the next order id, which farms are up."""
        if client_id in self._sessions:
            connection.tell(CLIENT_ID_IN_USE)
            connection.close()
            return None
        if len(self._sessions) >= self.limits.clients:
            get_log().warning("client_refused", client_id=client_id, clients=len(self._sessions))
            connection.close()
            return None
        session = Session(client_id, self._floor, codec, connection.send, lambda: connection.is_behind)
        self._sessions[client_id] = (session, connection)
        get_log().info("client_connected", client_id=client_id, version=codec.version)
        self._dispatch(self.trading.connected(client_id, self._played_ns))
        session.tell(list(FARMS_OK))
        session.flush()
        return session

    def ask(self, session: Session, request: Request) -> None:
        """Answer a request, here or by who keeps the orders."""
        if session.handles(request):
            session.handle(request)
        elif not self.faults.takes(session.client_id, request, self._played_ns):
            self._dispatch(self.trading.handle(session.client_id, request, self._played_ns))

    def met(self, connection: Connection[Session]) -> bool:
        """Take notice of a new socket; False where there are too many."""
        return super().met(connection) and not self.faults.is_closed(self._played_ns)

    def _left(self, session: Session) -> None:
        del self._sessions[session.client_id]
        session.close()
        get_log().info("client_disconnected", client_id=session.client_id)
        self._dispatch(self.trading.disconnected(session.client_id, self._played_ns))
