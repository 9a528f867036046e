"""The four snapshots that arming rests on: open orders, completed orders, executions, positions.

Each is asked for on every connection and after every outage, and counts only with its end marker. Silence is asked
again, never taken for "none". Open orders are asked for twice, our own and then everybody's: only the first question
tells order ids of this client with certainty (documented: the second one binds nothing). No I/O is in this file.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r

ANSWER_S_MAX = 10
"""How long an end marker may take before the question is put again; then twice as long, up to a minute."""
ASK_AGAIN_S_MAX = 60
STALE_NS = 120 * NANOSECONDS_PER_SECOND
"""An end marker that has not come for so long will not come: the next is not taken for it (assumed)."""
ASKED_MAX = 1_000
"""Questions of one kind that are remembered until their end marker; the oldest are forgotten."""
FACTS_MAX = 200_000
"""Records that a snapshot may have; more is a broken or hostile stream, and never arms."""


class Part(StrEnum):
    """One question and its end marker."""

    OWN_ORDERS = "open orders of this client"
    OPEN_ORDERS = "open orders of all clients"
    COMPLETED_ORDERS = "completed orders"
    POSITIONS = "positions"
    # Last, because they explain every position that was told before.
    EXECUTIONS = "executions"


class SnapshotFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the four snapshots told, the latest of each thing; empty means that the broker said that there is none.

    An order that ended while the snapshot was taken may still be among the open ones: its own answers say so.
    """

    open_orders: tuple[a.OpenOrder, ...]
    completed_orders: tuple[a.CompletedOrder, ...]
    executions: tuple[a.ExecutionData, ...]
    positions: tuple[a.PositionData, ...]


class _Asked(msgspec.Struct):
    part: Part
    run: int
    written_ns: int


class Snapshots:
    """Which parts have been told to their end since ``begin``, and what is to be asked now."""

    def __init__(self) -> None:
        self._run = 0
        self._done: set[Part] = set()
        self._next_ask_ns: dict[Part, int] = {}
        self._tries: dict[Part, int] = {}
        self._waiting: dict[type[Answer], deque[_Asked]] = {}
        self._facts: dict[type[Answer], dict[object, Answer]] = {}
        self._execution_ids: dict[int, _Asked] = {}
        self.refused: dict[Part, str] = {}
        """Part -> what the broker answered instead, the last time."""
        self.is_running = False

    @property
    def missing(self) -> list[Part]:
        """Return the parts without their end marker."""
        return [part for part in Part if part not in self._done]

    @property
    def is_complete(self) -> bool:
        """Tell whether every part was told to its end, and within bounds."""
        return self.is_running and not self.missing and not self.is_too_large

    @property
    def is_too_large(self) -> bool:
        """Tell whether more was told than a snapshot may have."""
        return any(len(facts) >= FACTS_MAX for facts in self._facts.values())

    def begin(self, now_ns: int, *, new_connection: bool) -> None:
        """Void what was told, and ask for everything from ``now_ns`` on."""
        self.void()
        self.is_running = True
        self._run += 1
        self._next_ask_ns = dict.fromkeys(Part, now_ns)
        if new_connection:
            self._waiting, self._execution_ids = {}, {}

    def void(self) -> None:
        """Forget everything: what was told before an outage says nothing about now."""
        self.is_running = False
        self._done, self._tries, self._facts, self.refused = set(), {}, {}, {}

    def due(self, now_ns: int, new_req_id: Callable[[], int]) -> list[Request]:
        """Return the questions to put now; ``new_req_id`` is called for the one that carries an id."""
        due = []
        for part in self.missing if self.is_running else ():
            if part is Part.OPEN_ORDERS and Part.OWN_ORDERS not in self._done:
                continue  # both have the same end marker
            if now_ns >= self._next_ask_ns[part]:
                tries = self._tries[part] = self._tries.get(part, 0) + 1
                wait_s = min(ANSWER_S_MAX * 2 ** min(tries - 1, 10), ASK_AGAIN_S_MAX)
                self._next_ask_ns[part] = now_ns + wait_s * NANOSECONDS_PER_SECOND
                due.append(_question(part, new_req_id))
        return due

    def next_due_ns(self) -> int | None:
        """Return when there is something to ask, None where nothing is missing."""
        if not self.is_running:
            return None
        missing = self.missing
        if Part.OWN_ORDERS in missing:
            missing = [part for part in missing if part is not Part.OPEN_ORDERS]
        return min((self._next_ask_ns[part] for part in missing), default=None)

    def asked(self, request: Request, now_ns: int) -> None:
        """Note that ``request`` was written, by whomever: its end marker is told apart from others by their order."""
        if isinstance(request, r.RequestExecutions):
            if request == r.RequestExecutions(req_id=request.req_id):  # a filtered one proves nothing
                self._execution_ids[request.req_id] = _Asked(Part.EXECUTIONS, self._run, now_ns)
                if len(self._execution_ids) > ASKED_MAX:
                    del self._execution_ids[next(iter(self._execution_ids))]
            return
        part = _PARTS.get(type(request))
        if part is not None:
            waiting = self._waiting.setdefault(_END_MARKERS[part], deque(maxlen=ASKED_MAX))
            waiting.append(_Asked(part, self._run, now_ns))

    def told(self, answer: Answer, now_ns: int) -> bool:
        """Take in what the broker said; return whether a part was ended or refused by it."""
        if not self.is_running:
            return False
        key = _key(answer)
        if key is not None:
            facts = self._facts.setdefault(type(answer), {})
            if len(facts) < FACTS_MAX:
                facts[key] = answer
            return False
        if isinstance(answer, a.ExecutionDataEnd):
            self._ended(self._execution_ids.pop(answer.req_id, None))
            return True
        if type(answer) in _END_TYPES:
            self._ended(self._oldest(type(answer), now_ns))
            return True
        if isinstance(answer, a.ErrorMessage) and answer.req_id in self._execution_ids:
            self.refused[Part.EXECUTIONS] = f"{answer.code} {answer.message}"
            del self._execution_ids[answer.req_id]
            return True
        return False

    def facts(self) -> SnapshotFacts:
        """Return what was told; only of use when it is complete."""
        found = {kind: tuple(facts.values()) for kind, facts in self._facts.items()}
        return SnapshotFacts(
            open_orders=found.get(a.OpenOrder, ()),  # type: ignore[arg-type]  # each list is of its key's type
            completed_orders=found.get(a.CompletedOrder, ()),  # type: ignore[arg-type]
            executions=found.get(a.ExecutionData, ()),  # type: ignore[arg-type]
            positions=found.get(a.PositionData, ()))  # type: ignore[arg-type]

    def _oldest(self, marker: type[Answer], now_ns: int) -> _Asked | None:
        waiting = self._waiting.get(marker, deque())
        while waiting:
            asked = waiting.popleft()
            if now_ns - asked.written_ns <= STALE_NS:
                return asked
        return None

    def _ended(self, asked: _Asked | None) -> None:
        # One that was asked for before the last outage tells of the time before it.
        if asked is not None and asked.run == self._run:
            self._done.add(asked.part)


def _question(part: Part, new_req_id: Callable[[], int]) -> Request:
    match part:
        case Part.OWN_ORDERS:
            return r.RequestOpenOrders()
        case Part.OPEN_ORDERS:
            return r.RequestAllOpenOrders()
        case Part.COMPLETED_ORDERS:
            return r.RequestCompletedOrders(is_api_only=False)
        case Part.EXECUTIONS:
            return r.RequestExecutions(req_id=new_req_id())
        case Part.POSITIONS:
            return r.RequestPositions()


_PARTS: dict[type[Request], Part] = {
    r.RequestOpenOrders: Part.OWN_ORDERS, r.RequestAllOpenOrders: Part.OPEN_ORDERS,
    r.RequestCompletedOrders: Part.COMPLETED_ORDERS, r.RequestPositions: Part.POSITIONS,
}
_END_MARKERS: dict[Part, type[Answer]] = {
    Part.OWN_ORDERS: a.OpenOrderEnd, Part.OPEN_ORDERS: a.OpenOrderEnd,
    Part.COMPLETED_ORDERS: a.CompletedOrdersEnd, Part.POSITIONS: a.PositionEnd,
}
_END_TYPES = frozenset(_END_MARKERS.values())


def _key(answer: Answer) -> object | None:
    """Return what makes a fact one of its own; None for an answer that is no such fact."""
    match answer:
        case a.OpenOrder():
            return answer.order.client_id, answer.order_id, answer.order.perm_id
        case a.CompletedOrder():
            return answer.order.perm_id, answer.order.order_ref
        case a.ExecutionData():
            return answer.execution.exec_id
        case a.PositionData():
            return answer.account, answer.contract.con_id, answer.contract.local_symbol
    return None
