"""What is done to what clients ask about orders, before the broker hears it."""

import heapq
from collections import Counter, deque

from algotrade.domain.session import NEVER_NS
from algotrade.gateway.faults.kinds import CancelLate, LivesTwice, OrderLost
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire.requests import CancelOrder, PlaceOrder, RequestGlobalCancel

WAITING_MAX = 10_000
"""Requests held back at most; what comes on top of them is handled at once."""

Rule = CancelLate | OrderLost | LivesTwice
Asked = tuple[int, Request]
"""Client id and request."""


class Intake:
    """Rules on orders and cancels; requests that only ask are never touched."""

    def __init__(self) -> None:
        self._rules: deque[Rule] = deque()
        self._left: Counter[int] = Counter()
        self._late: list[tuple[int, int, Asked]] = []
        self._count = 0
        self._waiting: deque[Asked] = deque()
        self.is_cut_off = False
        """Orders and cancels wait: the broker cannot be reached."""

    def add(self, rule: Rule) -> None:
        """Let ``rule`` hold from now on."""
        self._rules.append(rule)
        self._left[id(rule)] = rule.times

    def takes(self, client_id: int, request: Request, now_ns: int, *, is_known: bool) -> bool:
        """Tell whether ``request`` does not reach the broker now; ``is_known``: it changes an order that is there."""
        if not isinstance(request, PlaceOrder | CancelOrder | RequestGlobalCancel):
            return False
        if isinstance(request, PlaceOrder) and not is_known and self._used(OrderLost):
            return True
        if isinstance(request, CancelOrder) and len(self._late) < WAITING_MAX:
            late = self._used(CancelLate)
            if isinstance(late, CancelLate):
                self._count += 1
                heapq.heappush(self._late, (now_ns + round(late.seconds * 1e9), self._count, (client_id, request)))
                return True
        if self.is_cut_off and len(self._waiting) < WAITING_MAX:
            self._waiting.append((client_id, request))
            return True
        return False

    def doubles(self) -> bool:
        """Tell whether the change of an order that is at hand makes a second one."""
        return self._used(LivesTwice) is not None

    def due(self, now_ns: int) -> list[Asked]:
        """Return what was held back and reaches the broker now."""
        found: list[Asked] = []
        while self._late and self._late[0][0] <= now_ns:
            found.append(heapq.heappop(self._late)[2])
        if not self.is_cut_off:
            found.extend(self._waiting)
            self._waiting.clear()
        return found

    @property
    def next_ns(self) -> int:
        """Return when the next of what is late reaches the broker, ``NEVER_NS`` where nothing is late."""
        return self._late[0][0] if self._late else NEVER_NS

    def _used(self, kind: type[Rule]) -> Rule | None:
        for rule in self._rules:
            if isinstance(rule, kind):
                self._left[id(rule)] -= 1
                if not self._left[id(rule)]:
                    del self._left[id(rule)]
                    self._rules.remove(rule)
                return rule
        return None
