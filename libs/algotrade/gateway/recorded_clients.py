"""What a recording knows: which request got which answers, and when. No sockets, no clock.

A recording has requests and answers in one stream; the wire does not say what belongs to what.
Here an answer belongs to

- the request whose id it carries, the newest one where several had it;
- without an id, the earliest request of its kind whose end marker has not come yet (positions, open orders, ...);
- what is pushed about orders and the account, to the last request about orders before it: so it keeps its order;
- all else, to startApi: it comes by itself.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from algotrade.ibkr.recording import Frame, RecordingError, read_recording
from algotrade.ibkr.scrubbing import NAMES, REFERENCES, anonymous
from algotrade.ibkr.wire import Answer, Codec, Request, WireError
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r

NO_ID = -1
SUFFIX = ".jsonl"

_OPEN_ORDERS = (r.RequestOpenOrders, r.RequestAllOpenOrders)
_SNAPSHOTS: dict[type[Answer], tuple[type[Request], ...]] = {
    a.OpenOrder: _OPEN_ORDERS, a.OrderStatus: _OPEN_ORDERS, a.OpenOrderEnd: _OPEN_ORDERS,
    a.CompletedOrder: (r.RequestCompletedOrders,), a.CompletedOrdersEnd: (r.RequestCompletedOrders,),
    a.PositionData: (r.RequestPositions,), a.PositionEnd: (r.RequestPositions,),
    a.AccountValue: (r.RequestAccountUpdates,), a.PortfolioValue: (r.RequestAccountUpdates,),
    a.AccountTime: (r.RequestAccountUpdates,), a.AccountDownloadEnd: (r.RequestAccountUpdates,),
    a.NextValidId: (r.RequestIds,), a.ManagedAccounts: (r.RequestManagedAccounts,),
    a.CurrentTime: (r.RequestCurrentTime,), a.MarketRule: (r.RequestMarketRule,),
}
"""Answers that carry no request id, and what asks for them."""
_ENDS = (a.OpenOrderEnd, a.CompletedOrdersEnd, a.PositionEnd, a.AccountDownloadEnd, a.NextValidId, a.ManagedAccounts,
         a.CurrentTime, a.MarketRule)
"""The last, or only, answer to such a request."""
_ABOUT_ORDERS = (r.PlaceOrder, r.CancelOrder, r.RequestGlobalCancel)
_PUSHED = (a.OpenOrder, a.OrderStatus, a.ExecutionData, a.CommissionReport, a.OrderBound, a.PositionData,
           a.AccountValue, a.PortfolioValue, a.AccountTime)
_ENDS_OTHERS = (r.CancelMarketData, r.CancelMarketDepth, r.CancelHistoricalData, r.CancelRealTimeBars,
                r.CancelAccountSummary, r.CancelPositionsMulti, r.CancelAccountUpdatesMulti, r.CancelHeadTimestamp,
                r.CancelPnl, r.CancelPnlSingle, r.CancelTickByTick)
"""Requests whose id is that of the one they end."""


class Told(NamedTuple):
    """One recorded answer: how long after its request it came, its place in the recording, what it said."""

    delay_ns: int
    number: int
    answer: Answer
    payload: bytes


class Exchange(msgspec.Struct):
    """A recorded request with what belongs to it; ``asked`` is what a request has to be like to be this one."""

    request: Request
    asked: Request
    asked_ns: int
    told: list[Told] = []


class RecordedClient(msgspec.Struct, frozen=True):
    """One recorded connection; its first exchange is that of startApi."""

    version: int
    greeted: str
    exchanges: list[Exchange]
    unread: int

    @property
    def client_id(self) -> int:
        """Return the client id that was recorded."""
        start = self.exchanges[0].request
        assert isinstance(start, r.StartApi)
        return start.client_id


def read_clients(folder: Path) -> list[RecordedClient]:
    """Return the connections that the recordings in ``folder`` hold, file by file, in the order of their names.

    Connections that never came as far as startApi are left out. Raises ``RecordingError``: no such folder, nothing
    recorded in it, a file that is no recording or is cut off, recordings of several server versions.
    """
    if not folder.is_dir():
        raise RecordingError(f"{folder} is no folder; allowed: what `algotrade ibkr record --out` wrote")
    files = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    if not files:
        raise RecordingError(f"{folder} holds no recordings; allowed: files named *{SUFFIX}")
    found = [client for path in files for client in _clients(path)]
    if not found:
        raise RecordingError(f"{folder} holds no connection on which a client introduced itself")
    versions = sorted({client.version for client in found})
    if len(versions) > 1:
        raise RecordingError(f"{folder} holds recordings of the server versions {', '.join(map(str, versions))}; "
                             "allowed: one version in a folder")
    return found


def _clients(path: Path) -> Iterator[RecordedClient]:
    _, frames = read_recording(path)
    connection: list[Frame] | None = None
    for frame in frames:
        if frame.kind == "open":
            connection = []
        elif connection is None:
            raise RecordingError(f"{path}: {frame.kind!r} outside of a connection; allowed: between open and close")
        elif frame.kind != "close":
            connection.append(frame)
        else:
            client = _Reader().read(connection)
            connection = None
            if client is not None:
                yield client
    if connection is not None:
        raise RecordingError(f"{path} is cut off: its last connection does not close; allowed: a whole recording")


class _Reader:
    """Sorts the frames of one connection."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._by_id: dict[int, Exchange] = {}
        self._orders: set[int] = set()
        self._waiting: dict[type[Request], list[Exchange]] = {}
        self._about_orders: Exchange | None = None
        self._by_execution: dict[str, Exchange] = {}
        self._unread = 0

    def read(self, frames: list[Frame]) -> RecordedClient | None:
        greeting = next((frame.payload for frame in frames if frame.kind == "<"), b"")
        try:
            version, greeted, _ = greeting.decode("latin-1").split("\0")
            codec = Codec(int(version))
        except (ValueError, WireError):
            return None
        behind = {next((i for i, f in enumerate(frames) if f.kind == kind), None) for kind in "<>"}
        for number, frame in enumerate(frames):
            if number not in behind:
                self._take(number, frame, codec)
        if not self._exchanges:
            return None
        return RecordedClient(codec.version, greeted, self._exchanges, self._unread)

    def _take(self, number: int, frame: Frame, codec: Codec) -> None:
        try:
            if frame.kind == ">":
                self._asked(codec.decode_request(frame.payload), frame.offset_ns)
            elif self._exchanges:
                answer = codec.decode_answer(frame.payload)
                owner = self._owner(answer)
                owner.told.append(Told(frame.offset_ns - owner.asked_ns, number, answer, frame.payload))
        except WireError:
            self._unread += 1  # masked when it was recorded, because nobody here can read it

    def _asked(self, request: Request, asked_ns: int) -> None:
        if not self._exchanges and not isinstance(request, r.StartApi):
            return
        order_id = getattr(request, "order_id", None)
        asked = comparable(request, lambda known: known if known in self._orders else None, lambda known: known)
        exchange = Exchange(request, asked, asked_ns, [])
        self._exchanges.append(exchange)
        if isinstance(request, r.PlaceOrder):
            self._orders.add(request.order_id)
        if isinstance(request, _ABOUT_ORDERS):
            self._about_orders = exchange
        if order_id is None and (req_id := getattr(request, "req_id", None)) is not None:
            self._by_id[req_id] = exchange
        if not isinstance(request, r.RequestAccountUpdates) or request.is_subscribed:
            self._waiting.setdefault(type(request), []).append(exchange)

    def _owner(self, answer: Answer) -> Exchange:
        req_id = getattr(answer, "req_id", NO_ID)
        owner = self._by_id.get(req_id) if req_id != NO_ID else None
        if isinstance(answer, a.ErrorMessage) and req_id in self._orders and self._about_orders is not None:
            owner = self._about_orders
        if isinstance(answer, a.CommissionReport):
            owner = self._by_execution.get(answer.exec_id)
        owner = owner or self._snapshot(answer) or self._pusher(answer) or self._exchanges[0]
        if isinstance(answer, a.ExecutionData):
            self._by_execution[answer.execution.exec_id] = owner
        return owner

    def _snapshot(self, answer: Answer) -> Exchange | None:
        kinds = _SNAPSHOTS.get(type(answer), ())
        waiting = [exchange for kind in kinds for exchange in self._waiting.get(kind, ())]
        if isinstance(answer, a.MarketRule):
            waiting = [e for e in waiting if getattr(e.request, "market_rule_id", None) == answer.market_rule_id]
        if not waiting:
            return None
        first = min(waiting, key=lambda exchange: exchange.asked_ns)
        if isinstance(answer, _ENDS):
            self._waiting[type(first.request)].remove(first)
        return first

    def _pusher(self, answer: Answer) -> Exchange | None:
        if not isinstance(answer, _PUSHED):
            return None
        asked_for = (e for e in reversed(self._exchanges) if isinstance(e.request, _SNAPSHOTS.get(type(answer), ())))
        return self._about_orders or next(asked_for, None)


def comparable(
    request: Request, order_of: Callable[[int], int | None], request_of: Callable[[int], int | None],
) -> Request:
    """Return ``request`` as it is compared: without ids of its own, and without what is scrubbed from a recording.

    ``order_of`` and ``request_of`` give the recorded id for one that was used before, None where it was not.
    """
    plain: Any = anonymous(request)
    if isinstance(plain, r.StartApi):
        return r.StartApi(client_id=0)
    changed: dict[str, Any] = {}
    if isinstance(plain, r.PlaceOrder):
        changed["order_id"] = order_of(plain.order_id) or 0
        parent = plain.order.parent_id
        changed["order"] = msgspec.structs.replace(plain.order, parent_id=(parent and order_of(parent)) or 0)
    elif isinstance(plain, r.CancelOrder):
        changed["order_id"] = order_of(plain.order_id) or plain.order_id  # of a session before: it has that id in both
    elif isinstance(plain, _ENDS_OTHERS):
        known = request_of(getattr(plain, "req_id", NO_ID))
        changed["req_id"] = NO_ID if known is None else known
    elif hasattr(plain, "req_id"):
        changed["req_id"] = 0
    compared: Request = msgspec.structs.replace(plain, **changed) if changed else plain
    return compared


def named(request: Request) -> str:
    """Return a request in a few words, for who has to be told that it was not recorded."""
    contract = getattr(request, "contract", None)
    words = [type(request).__name__]
    if contract is not None:
        words += ["of", *(t for t in (contract.symbol, contract.sec_type, contract.exchange, contract.currency) if t)]
        if contract.con_id:
            words.append(f"(contract id {contract.con_id})")
    order = getattr(request, "order", None)
    if order is not None:
        words += ["to", order.action, f"{order.total_quantity:f}", order.order_type]
    for name in ("order_id", "what_to_show", "bar_size", "duration", "end", "tags", "market_rule_id"):
        if value := getattr(request, name, None):
            words.append(f"{name} {value}")
    return " ".join(words)


class Ids:
    """A connected client's ids beside those of the recording, both ways."""

    def __init__(self, recorded_client_id: int, client_id: int) -> None:
        self._clients = {recorded_client_id: client_id}
        self._orders: dict[int, int] = {}
        self._requests: dict[int, int] = {}
        self._texts: dict[str, str] = {}
        self.orders_recorded: dict[int, int] = {}
        self.requests_recorded: dict[int, int] = {}

    def match(self, request: Any, recorded: Any) -> None:
        """Take notice that ``request`` is the recorded one."""
        if isinstance(request, r.PlaceOrder):
            self._orders[recorded.order_id] = request.order_id
            self.orders_recorded[request.order_id] = recorded.order_id
            for name in REFERENCES | NAMES:
                theirs, ours = getattr(recorded.order, name, ""), getattr(request.order, name, "")
                if theirs and ours:
                    self._texts[theirs] = ours
        elif not isinstance(request, r.CancelOrder) and hasattr(request, "req_id"):
            self._requests[recorded.req_id] = request.req_id
            self.requests_recorded[request.req_id] = recorded.req_id

    def answer(self, answer: Answer) -> Answer:
        """Return a recorded answer as the connected client has to hear it."""
        changed: dict[str, Any] = {}
        req_id = getattr(answer, "req_id", None)
        if isinstance(answer, a.ErrorMessage) and answer.req_id in self._orders:
            changed["req_id"] = self._orders[answer.req_id]
        elif req_id is not None and req_id != NO_ID:
            changed["req_id"] = self._requests.get(req_id, req_id)
        for name in type(answer).__struct_fields__:
            value = getattr(answer, name)
            if isinstance(value, msgspec.Struct):
                changed[name] = self._part(value)
            elif name in {"order_id", "parent_id", "client_id"} and not isinstance(answer, a.NextValidId):
                changed[name] = self._id(name, value)
        return msgspec.structs.replace(answer, **changed) if changed else answer

    def _part(self, part: msgspec.Struct) -> msgspec.Struct:
        changed: dict[str, Any] = {}
        for name in type(part).__struct_fields__:
            value = getattr(part, name)
            if name in {"parent_id", "client_id"}:
                changed[name] = self._id(name, value)
            elif isinstance(value, str) and name in REFERENCES | NAMES:
                changed[name] = self._texts.get(value, value)
        return msgspec.structs.replace(part, **changed) if changed else part

    def _id(self, name: str, value: int) -> int:
        return (self._clients if name == "client_id" else self._orders).get(value, value)
