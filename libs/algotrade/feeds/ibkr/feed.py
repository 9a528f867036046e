"""The feed that is plugged into the data plane: a session's events in, records out, and nothing that waits."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Protocol

from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock
from algotrade.domain.instrument import Instruments
from algotrade.domain.market import MarketBatch
from algotrade.domain.session import Sessions
from algotrade.feeds.ibkr.core import GOOD_NEWS, Core
from algotrade.feeds.ibkr.lines import check_budget
from algotrade.feeds.ibkr.output import Output
from algotrade.feeds.ibkr.settings import IbkrFeedSettings
from algotrade.feeds.ibkr.times import Moment
from algotrade.feeds.port import FeedError
from algotrade.ibkr.contracts import ContractError, ContractFacts, Qualified
from algotrade.ibkr.qualification import Qualification
from algotrade.ibkr.session import (
    Channel,
    LinkChanged,
    OrderLinkState,
    Quarantined,
    QueueFull,
    RequestRefused,
    SessionError,
    SessionEvent,
    SocketState,
    Told,
)
from algotrade.ibkr.wire import Request, WireError
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Samples

EVENTS_PER_POLL_MAX = 1_024
"""Events that one poll translates, in some 10 ms; those behind wait, and the session bounds how many there are."""
HOURS_NS_MAX = 12 * 3_600 * NANOSECONDS_PER_SECOND
"""How old, in market time, the hours that IB told may become."""


class MarketSession(Protocol):
    """What the feed needs of ``algotrade.ibkr.session.Session``, whose methods say more."""

    def request(self, request: Request) -> int:
        """Queue ``request``. Raises ``RequestRefused``, and what ended the session."""
        ...

    def next_request_id(self) -> int:
        """Return an id that no other request has."""
        ...

    def events(self) -> list[SessionEvent]:
        """Return what happened since the last call; raises what ended the session."""
        ...

    def samples(self) -> Samples:
        """Return the session's metrics."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


class IbkrFeed:
    """Live market data by one session, which is the feed's own from here on: the caller starts it, ``close`` ends it.

    ``facts``       what IB has to be told of instruments beside symbol and currency, by instrument id
    ``hours``       calendars by instrument id, of the configuration; of others IB's own hours are used
    ``known_bars``  the end (event time) of the last bar that was published, by instrument id: what an earlier process
                    left. Bars are filled back from there, and none is published twice
    ``clock``       may be the market time of a simulated Gateway

    Raises ``FeedError`` where the universe does not fit the account's allowances.
    """

    def __init__(self, session: MarketSession, settings: IbkrFeedSettings, instruments: Instruments, clock: Clock, *,
                 facts: Mapping[int, ContractFacts] | None = None, hours: Mapping[int, Sessions] | None = None,
                 known_bars: Mapping[int, int] | None = None) -> None:
        self.need = check_budget(settings, instruments)
        self._session = session
        self._settings = settings
        self._instruments = instruments
        self._clock = clock
        self._facts = facts or {}
        self._hours = hours or {}
        self._known_bars = known_bars or {}
        self._events: deque[SessionEvent] = deque()
        self._outbox: deque[Request] = deque()
        self._out = Output()
        self._core: Core | None = None
        self._qualification: Qualification | None = self._asked_anew()
        self._hours_ns = 0
        self._is_connected = False
        self._is_closed = False
        self.counts: Counter[str] = Counter()

    # The port of the data plane.

    def poll(self) -> MarketBatch | None:
        """Return what came since the last call; ``LiveFeed.poll``."""
        assert not self._is_closed, "a feed that was closed"
        now = Moment(self._clock.time_ns(), self._clock.monotonic_ns())
        try:
            if not self._events:
                self._events.extend(self._session.events())
            for _ in range(min(len(self._events), EVENTS_PER_POLL_MAX)):
                self._happened(self._events.popleft(), now)
            self._go_on(now)
            self._send()
        except (SessionError, ContractError, WireError) as error:
            raise FeedError(str(error)) from error
        finally:
            self._log()
        return self._out.take()

    def ready(self) -> Mapping[str, bool]:
        """Return whether there is a link, every contract is known, and every subscription is well."""
        now = Moment(self._clock.time_ns(), self._clock.monotonic_ns())
        core = self._core
        return {"link": self._is_connected, "contracts": core is not None,
                "data": core is not None and not core.not_well(now)}

    def samples(self) -> Samples:
        """Return the metrics as they are, the session's among them."""
        return {**self._session.samples(), **self._own_samples()}

    def close(self) -> None:
        """End the session, and every subscription with it."""
        if not self._is_closed:
            self._is_closed = True
            self._session.close()

    # Inside.

    def _happened(self, event: SessionEvent, now: Moment) -> None:
        match event:
            case Told(answer=answer, receive_time_ns=receive_ns):
                if self._qualification is not None:
                    self._qualifies(lambda q: q.take(answer, now.monotonic_ns))
                if self._core is not None:
                    self._core.answered(answer, receive_ns, now)
            case LinkChanged():
                self._link_changed(event, now)
            case Quarantined(because=because):
                self.counts["unreadable"] += 1
                get_log().warning("answer_unreadable", because=because)
            case _:
                pass  # of orders, which are not the feed's

    def _link_changed(self, change: LinkChanged, now: Moment) -> None:
        if change.channel is Channel.SOCKET:
            self._is_connected = change.state == SocketState.CONNECTED
            if not self._is_connected:
                self._outbox.clear()
                if self._core is not None:
                    self._core.disconnected(change.text or "the connection was lost")
        if change.resubscribe:
            self._begin(now)
        elif self._core is None:
            return
        elif change.verify:
            self._core.restored(now)
        elif change.channel is Channel.ORDERS and change.state == OrderLinkState.DOWN:
            self._core.doubted(f"{change.code}: {change.text}", now)
        elif change.channel is Channel.FARM and change.code is not None:
            self._core.farm(change.code, change.name, now)

    def _begin(self, now: Moment) -> None:
        """Ask for everything, on a new connection or after 1101: contracts before data."""
        self._outbox.clear()
        if self._core is not None:
            self._core.connected(now)
            if self._lacks_calendars and self._qualification is None:
                self._qualification = self._asked_anew()
        if self._qualification is not None:
            self._outbox += self._qualification.start(now.monotonic_ns)

    def _go_on(self, now: Moment) -> None:
        if not self._is_connected:
            return
        if self._core is not None:
            self._core.step(now)
            if self._qualification is None and self._lacks_calendars and now.time_ns - self._hours_ns > HOURS_NS_MAX:
                self._qualification = self._asked_anew()
                self._outbox += self._qualification.start(now.monotonic_ns)
        if self._qualification is not None:
            self._qualifies(lambda q: q.due(now.monotonic_ns))
        if self._qualification is not None and self._qualification.done:
            self._hours_ns = now.time_ns
            self._knows(self._qualification.qualified, now)
            self._qualification = None

    def _qualifies(self, ask: Callable[[Qualification], list[Request]]) -> None:
        """Let the open questions about contracts go on."""
        assert self._qualification is not None
        try:
            self._outbox += ask(self._qualification)
        except ContractError as error:
            if self._core is None:
                raise
            # It was known what the instruments are; only their hours were to be told anew.
            get_log().warning("hours_not_told", because=str(error))
            self._qualification = None
            self._hours_ns = self._clock.time_ns()

    def _knows(self, qualified: dict[int, Qualified], now: Moment) -> None:
        if self._core is not None:
            self._core.refreshed(qualified)
            return
        get_log().info("contracts_known", contracts={
            q.instrument.symbol: q.contract.con_id for q in qualified.values()})
        self._core = Core(self._settings, self._instruments, qualified, hours=self._hours,
                          known_bars=self._known_bars, next_request_id=self._session.next_request_id, out=self._out)
        self._core.connected(now)

    def _asked_anew(self) -> Qualification:
        wanted = [(i, self._facts.get(i.id, ContractFacts())) for i in self._instruments]
        return Qualification(wanted, self._session.next_request_id)

    @property
    def _lacks_calendars(self) -> bool:
        return any(i.id not in self._hours for i in self._instruments)

    def _send(self) -> None:
        if self._core is not None:
            self._outbox += self._core.requests
            self._core.requests.clear()
        while self._outbox:
            try:
                self._session.request(self._outbox[0])
            except QueueFull:
                return  # the rest goes with the next poll
            except RequestRefused:
                # The connection is gone, as the session's next events will say; everything is asked for again then.
                self._outbox.clear()
                return
            self._outbox.popleft()

    def _log(self) -> None:
        if self._core is None:
            return
        log = get_log()
        for note in self._core.notes:
            (log.info if note.event in GOOD_NEWS else log.warning)(note.event, **note.fields)
        self._core.notes.clear()

    def _own_samples(self) -> Samples:
        core, out = self._core, self._out
        if core is None:
            return {}
        lives = Counter((s.what.value, s.watch.life.value) for s in core.streams)
        bars = Counter[str]()
        for line in (core.bars.lines.values() if core.bars is not None else ()):
            bars.update(line.counts)
        unreadable = self.counts["unreadable"] + core.counts["unreadable"]
        unreadable += core.bars.counts["unreadable"] if core.bars is not None else 0
        return {
            "algotrade_feed_subscriptions": {labels: float(count) for labels, count in lives.items()},
            "algotrade_feed_lines": float(self.need.lines),
            "algotrade_feed_gaps_total": {("ticks",): float(core.counts["gaps"]), ("bars",): float(bars["holes"])},
            "algotrade_feed_asked_again_total": float(core.counts["asked_again"]),
            "algotrade_feed_bars_late_total": {(of,): float(bars[of]) for of in ("repeated", "revised")},
            "algotrade_feed_unreadable_total": float(unreadable),
            "algotrade_feed_times_corrected_total": {
                (of,): float(out.counts[f"times_{of}"]) for of in ("raised", "ahead")},
            "algotrade_feed_halted": float(len(core.halted)),
            "algotrade_feed_delayed": float(sum(s.is_delayed for s in core.streams)),
        }
