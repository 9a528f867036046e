"""What a session knows and decides, without sockets and threads: events in, requests and events out.

The shell around it (session.py) owns the socket and the clock's waiting, and holds a lock over every call. ``Core`` is
the one place where link, snapshots, clock skew, accounts, order ids and sender meet, and where it is decided whether
orders may be sent.
"""

from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime

from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock
from algotrade.ibkr.session import errors as e
from algotrade.ibkr.session import events as ev
from algotrade.ibkr.session import failures
from algotrade.ibkr.session.account import chosen_account
from algotrade.ibkr.session.arming import Grounds, why_not
from algotrade.ibkr.session.inbound import Inbound, Unreadable
from algotrade.ibkr.session.library import GREETING_MESSAGES
from algotrade.ibkr.session.link import SOCKET_CODES, Change, Channel, LinkEvent, LinkStates, SocketState
from algotrade.ibkr.session.order_ids import OrderIds
from algotrade.ibkr.session.reconnect import window_at
from algotrade.ibkr.session.sender import HandedBack, Lane, PacedSender, Queued, lane_of
from algotrade.ibkr.session.settings import IbkrSettings
from algotrade.ibkr.session.skew import ClockSkew
from algotrade.ibkr.session.snapshots import Snapshots
from algotrade.ibkr.wire import Answer, Request, WireError
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r

EVENTS_MAX = 1 << 16
"""Events that may wait for the owner. Above, the socket is not read on: the broker waits, nothing is dropped."""
PROBE_NS = 5_300_000_000
"""Between two questions for the broker's clock; no whole number of seconds, so that the answers narrow the skew."""
SILENCE_NS_MAX = 30 * NANOSECONDS_PER_SECOND
"""A socket from which nothing came for so long, though it was asked, is half open: it is given up."""
PROBE_OLD_NS = 60 * NANOSECONDS_PER_SECOND
"""What the broker's clock told so long ago says nothing any more."""
HOLE_NS = 30 * NANOSECONDS_PER_SECOND
"""After an answer about orders that could not be read: how long until everything is asked for again."""
HISTORY_ENDS = (
    a.HistoricalData, a.HeadTimestamp, a.HistoricalTicks, a.HistoricalTicksBidAsk, a.HistoricalTicksLast)
"""With these a request for history is answered; with ticks, once they say that they are done."""
CODES_MAX, OTHER_CODE = 500, 0
"""Different codes that are counted each for itself; there are some 450 documented ones."""
OWN_QUEUED_MAX = 100
"""The session puts no question of its own behind more than these."""
QUARANTINE_KEPT = 100
QUARANTINE_BYTES_MAX = 4096
CLIENT_ID_IN_USE = 326
"""The broker's code for a second session of one client id; it closes after it."""
_ORDER_LANES = frozenset({Lane.CANCEL, Lane.ORDER})


class Core:
    """One session's state. Times come from ``clock`` alone.

    ``fence``         asked before each order is written: False hands it back unsent
    ``order_id_min``  the lowest order id that this session may use: one above the highest that was ever used
    """

    def __init__(self, settings: IbkrSettings, clock: Clock, fence: Callable[[], bool], order_id_min: int) -> None:
        self._settings = settings
        self._clock = clock
        self._fence = fence
        self._inbound = Inbound()
        self._events: deque[ev.SessionEvent] = deque()
        self._armed = False
        self._blamed: e.ConnectFailed | None = None
        """What the broker told of why it will close."""
        self._last_bytes_ns = self._probed_ns = self._hole_ns = 0
        self.links = LinkStates()
        self.sender = PacedSender(self._refusal)
        self.snapshots = Snapshots()
        self.skew = ClockSkew()
        self.order_ids = OrderIds(order_id_min)
        self.connection = 0
        self.has_work = False
        """Set where something came in after which ``step`` may have more to do than before."""
        self.account = ""
        self.accounts = ""
        self.failure: e.SessionError | None = None
        self.quarantine: deque[ev.Quarantined] = deque(maxlen=QUARANTINE_KEPT)
        self.holes = 0
        self.facts: ev.SnapshotTaken | None = None
        self.counts: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()

    # The connection, as the shell tells it.

    def opening(self) -> None:
        """Begin anew: a connection is being made."""
        self.connection += 1
        self._inbound = Inbound()
        self._blamed = None
        self.accounts = self.account = ""
        self.order_ids.disconnected()
        self.skew.reset()
        self._changed(self.links.socket_event(LinkEvent.OPENING))

    def started(self) -> None:
        """Account and first order id have come: the connection is ready. Raises ``Refused`` for a wrong account."""
        self.account = chosen_account(self._settings.account, self.accounts, self._settings.port)
        now_ns = self._clock.monotonic_ns()
        self._last_bytes_ns = now_ns
        self.failure = None
        self.counts["connects"] += 1
        self.sender.note_written(now_ns, GREETING_MESSAGES)
        self._begin_snapshots(now_ns, new_connection=True)
        self._probed_ns = now_ns - PROBE_NS
        self._changed(self.links.socket_event(LinkEvent.READY))

    def received(self, data: bytes) -> None:
        """Take in bytes; raises ``SessionError`` where the connection has to be dropped."""
        self._last_bytes_ns = self._clock.monotonic_ns()
        time_ns = self._clock.time_ns()
        try:
            found = self._inbound.feed(data)
        except WireError as error:
            raise e.LinkLost(f"the stream broke: {error}") from error
        failure = None
        for answer in found:
            try:
                self._take_in(answer, time_ns)
            except e.SessionError as error:  # what came with it is heard nevertheless
                failure = failure or error
        self._look_at_arming()
        if failure is not None:
            raise failure

    def lost(self, failure: e.SessionError) -> None:
        """Hand back what waits and void what was known: the connection has ended, or was never made."""
        self.failure = failure
        self._void_snapshots()
        self.skew.reset()
        for back in self.sender.unsent(f"not sent: {failure}"):
            self._hand_back(back)
        self._changed(self.links.socket_event(LinkEvent.LOST), str(failure))

    def why_lost(self, reason: str) -> e.SessionError:
        """Return what it means that the other side closed; what it told before says more than that."""
        return self._blamed or failures.closed(
            self._settings, reason, was_ready=self.links.socket is SocketState.CONNECTED,
            had_bytes=self._inbound.has_bytes)

    def why_silent(self) -> e.SessionError:
        """Return what it means that connecting took too long."""
        lacks = [name for name, value in (("an account", self.accounts), ("a first order id", self.order_ids.told))
                 if not value]
        return self._blamed or failures.silent(self._settings, has_greeted=self.version is not None, lacks=lacks)

    # What goes out.

    def request(self, request: Request, *, is_own: bool = False) -> int:
        """Queue ``request``; return the number of the connection that it waits for. Raises ``RequestRefused``."""
        codec = self._inbound.codec
        assert not isinstance(request, r.StartApi), "the session starts the API by itself"
        if self.links.socket is not SocketState.CONNECTED or codec is None:
            raise e.LinkDown(f"not connected: {self.failure or 'not started'}")
        lane = lane_of(request)
        if lane in _ORDER_LANES and self._settings.read_only:
            raise e.ReadOnly(f"{type(request).__name__} in a session that only reads (IBKR_READ_ONLY)")
        if lane is Lane.ORDER and (because := self.disarmed_because):
            raise e.Disarmed(f"no orders now: {because}")
        for back in self.sender.put(Queued(request, codec.encode(request), lane, is_own)):
            self._hand_back(back)
        if isinstance(request, r.PlaceOrder):
            self.order_ids.seen(request.order_id)
        return self.connection

    def take(self) -> bytes | None:
        """Return the next frame to write now, None where there is none; it counts as written."""
        now_ns = self._clock.monotonic_ns()
        while (taken := self.sender.take(now_ns)) is not None:
            if isinstance(taken, HandedBack):
                self._hand_back(taken)
                continue
            time_ns = self._clock.time_ns()
            self.written[taken.lane.name.lower()] += 1
            if isinstance(taken.request, r.RequestCurrentTime):
                self.skew.asked(time_ns, now_ns)
            self.snapshots.asked(taken.request, now_ns)
            if taken.lane in _ORDER_LANES:
                self._events.append(ev.Written(taken.request, time_ns, self.connection))
            return taken.frame
        return None

    def step(self) -> float | None:
        """Do what is due by the clock; return the seconds until the next such thing, None where none will be.

        Raises ``LinkLost`` for a socket that has fallen silent.
        """
        if self.links.socket is not SocketState.CONNECTED:
            return None
        now_ns = self._clock.monotonic_ns()
        self.has_work = False
        if now_ns - self._last_bytes_ns > SILENCE_NS_MAX and not self.is_full:
            raise e.LinkLost(f"half open: nothing came for {SILENCE_NS_MAX // NANOSECONDS_PER_SECOND} s")
        if self.holes and self.snapshots.is_complete and now_ns - self._hole_ns > HOLE_NS:
            self._begin_snapshots(now_ns, new_connection=False)
        if self.sender.queued(Lane.STATE) < OWN_QUEUED_MAX:
            for question in self.snapshots.due(now_ns, self.order_ids.next_request_id):
                self.request(question, is_own=True)
            if self._probe_due_ns() <= now_ns:
                self._probed_ns = now_ns
                self.request(r.RequestCurrentTime(), is_own=True)
        if self.skew.probed_ns is not None and now_ns - self.skew.probed_ns > PROBE_OLD_NS:
            self.skew.reset()
        self._look_at_arming()
        due_ns = (self._probe_due_ns(), self.snapshots.next_due_ns(), now_ns + NANOSECONDS_PER_SECOND)
        waits_ns = [max(0, due - now_ns) for due in due_ns if due is not None]
        sender_ns = self.sender.wait_ns(now_ns)
        return min([*waits_ns, *([] if sender_ns is None else [sender_ns])]) / NANOSECONDS_PER_SECOND

    # What the owner sees.

    def events(self) -> list[ev.SessionEvent]:
        """Return what happened since the last call, and forget it."""
        events = list(self._events)
        self._events.clear()
        return events

    @property
    def has_events(self) -> bool:
        """Tell whether something waits for the owner."""
        return bool(self._events)

    @property
    def is_full(self) -> bool:
        """Tell whether so much waits that no more may be read."""
        return len(self._events) >= EVENTS_MAX

    @property
    def disarmed_because(self) -> str:
        """Return every reason for which no order may be sent, "" where there is none."""
        connected = self.links.socket is SocketState.CONNECTED
        return "; ".join(why_not(Grounds(
            not_connected="" if connected else self._not_connected(), order_link=self.links.orders,
            account=self.account, missing=self.snapshots.missing, refused=self.snapshots.refused,
            too_large=self.snapshots.is_too_large, skew_ns=self.skew.skew_ns, holes=self.holes, behind=self.is_full,
            read_only=self._settings.read_only)))

    @property
    def version(self) -> int | None:
        """Return the server's version, None until it has greeted."""
        codec = self._inbound.codec
        return None if codec is None else codec.version

    def maintenance(self) -> str:
        """Return the maintenance window that it is now and when it ends, "" outside of all."""
        found = window_at(self._settings.windows, self._clock.time_ns())
        if found is None:
            return ""
        end = datetime.fromtimestamp(found[1] // NANOSECONDS_PER_SECOND, UTC)
        return f"{found[0].name} until {end:%H:%M} UTC"

    # Inside.

    def _not_connected(self) -> str:
        window = self.maintenance()
        return f"{self.failure or self.links.socket}{f' ({window})' if window else ''}"

    def _probe_due_ns(self) -> int:
        return self._probed_ns + PROBE_NS

    def _refusal(self) -> str:
        if because := self.disarmed_because:
            return f"disarmed before it was sent: {because}"
        return "" if self._fence() else "fenced: this owner no longer leads"

    def _look_at_arming(self) -> None:
        time_ns = self._clock.time_ns()
        if self.snapshots.is_complete and self.facts is None:
            self.facts = ev.SnapshotTaken(self.snapshots.facts(), time_ns)
            self._events.append(self.facts)
        because = self.disarmed_because
        if self._armed == bool(because):
            self._armed = not because
            self._events.append(ev.ArmingChanged(self._armed, because, time_ns))

    def _begin_snapshots(self, now_ns: int, *, new_connection: bool) -> None:
        self.facts = None
        self.holes = 0
        self.snapshots.begin(now_ns, new_connection=new_connection)

    def _void_snapshots(self) -> None:
        self.facts = None
        self.snapshots.void()

    def _changed(self, changes: list[Change], text: str = "", code: int | None = None) -> None:
        time_ns = self._clock.time_ns()
        for change in changes:
            is_new_socket = change.channel is Channel.SOCKET and change.event is LinkEvent.READY
            self._events.append(ev.LinkChanged(
                channel=change.channel, name=change.name, state=change.state, time_ns=time_ns,
                connection=self.connection, code=code, text=text,
                resubscribe=is_new_socket or change.event is LinkEvent.RESTORED_WITHOUT_DATA,
                verify=change.event is LinkEvent.RESTORED_WITH_DATA))
        self._look_at_arming()

    def _hand_back(self, back: HandedBack) -> None:
        if not back.queued.is_own:
            self.counts["unsent"] += 1
            self._events.append(ev.Unsent(back.queued.request, back.because, self._clock.time_ns()))

    def _take_in(self, answer: Answer | Unreadable, time_ns: int) -> None:
        if isinstance(answer, Unreadable):
            self._unreadable(answer, time_ns)
        else:
            self.counts["answers"] += 1
            self._answered(answer, time_ns)

    def _unreadable(self, found: Unreadable, time_ns: int) -> None:
        self.counts["quarantined"] += 1
        told = ev.Quarantined(payload=found.payload[:QUARANTINE_BYTES_MAX], because=found.because,
                              is_order=found.is_order, time_ns=time_ns)
        self.quarantine.append(told)
        self._events.append(told)
        if found.is_order:
            self.holes += 1
            self._hole_ns = self._clock.monotonic_ns()
            self._look_at_arming()

    def _answered(self, answer: Answer, time_ns: int) -> None:
        self._events.append(ev.Told(answer, time_ns))
        now_ns = self._clock.monotonic_ns()
        match answer:
            case a.ErrorMessage():
                self._error(answer, now_ns)
            case a.ManagedAccounts():
                self.accounts = answer.accounts
                if self.links.socket is SocketState.CONNECTED:
                    self.account = chosen_account(self._settings.account, answer.accounts, self._settings.port)
            case a.NextValidId():
                kept = self.order_ids.told_next(answer.order_id)
                if kept is not None:
                    self._events.append(ev.OrderIdsRolledBack(answer.order_id, kept, time_ns))
            case a.CurrentTime():
                self.skew.told(answer.time_s, time_ns, now_ns)
            case a.OpenOrder() | a.OrderStatus():
                self.order_ids.seen(answer.order_id)
            case _ if isinstance(answer, HISTORY_ENDS) and getattr(answer, "is_done", True):
                self.sender.answered(answer.req_id)
        if self.snapshots.told(answer, now_ns):
            self.has_work = True

    def _error(self, error: a.ErrorMessage, now_ns: int) -> None:
        known = error.code in self.codes or len(self.codes) < CODES_MAX
        self.codes[error.code if known else OTHER_CODE] += 1
        self.has_work = True
        self.sender.answered(error.req_id)
        if error.code == CLIENT_ID_IN_USE and self.links.socket is SocketState.CONNECTING:
            self._blamed = failures.client_id_in_use(self._settings)
            raise self._blamed
        if error.code in SOCKET_CODES:
            raise e.LinkLost(f"{error.code} {error.message}")
        changes = self.links.code(error.code, error.message)
        for change in changes:
            if change.event is LinkEvent.LOST:
                self._void_snapshots()
            elif change.channel is Channel.ORDERS and self.links.socket is SocketState.CONNECTED:
                self._begin_snapshots(now_ns, new_connection=False)
        self._changed(changes, error.message, error.code)
