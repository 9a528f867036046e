"""What is done to what the broker tells of orders, before clients hear it."""

import heapq
from collections import Counter

from algotrade.domain.session import NEVER_NS
from algotrade.gateway.faults.kinds import (
    CommissionLate,
    CommissionNever,
    Duplicated,
    ExecutionFirst,
    StatusLost,
)
from algotrade.gateway.port import Sent
from algotrade.ibkr.wire.answers import CommissionReport, ExecutionData, OpenOrder, OrderStatus

UNASKED = -1
Rule = ExecutionFirst | Duplicated | CommissionLate | CommissionNever | StatusLost


class Evidence:
    """Rules on what is told unasked; answers to requests are never touched: who asks is told the truth.

    Each rule holds for the next ``times`` things that it fits. Deterministic: the same answers give the same ones.
    """

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._left: Counter[int] = Counter()
        self._late: list[tuple[int, int, Sent]] = []
        self._count = 0
        self.is_lost = False
        """Nothing that happens to orders is told at all, nor will be."""

    def add(self, rule: Rule) -> None:
        """Let ``rule`` hold from now on."""
        self._rules.append(rule)
        self._left[id(rule)] = rule.times

    def applied(self, sent: list[Sent], now_ns: int) -> list[Sent]:
        """Return what of ``sent`` is told now, and in which order; what is late comes by ``due``."""
        if self.is_lost:
            return [one for one in sent if not _is_evidence(one)]
        if not self._rules:
            return sent
        told: list[Sent] = []
        for one in self._reordered(sent):
            told.extend(self._told(one, now_ns))
        return told

    def due(self, now_ns: int) -> list[Sent]:
        """Return what was held back and is to be told now."""
        found = []
        while self._late and self._late[0][0] <= now_ns:
            found.append(heapq.heappop(self._late)[2])
        return [] if self.is_lost else found

    @property
    def next_ns(self) -> int:
        """Return when the next of what is late is due, ``NEVER_NS`` where nothing is."""
        return self._late[0][0] if self._late else NEVER_NS

    def _reordered(self, sent: list[Sent]) -> list[Sent]:
        executions = [one for one in sent if _is_execution(one)]
        if not executions or self._takes(ExecutionFirst) is None:
            return sent
        first = next(i for i, one in enumerate(sent) if _is_evidence(one))
        rest = [one for one in sent if not _is_execution(one)]
        return [*rest[:first], *executions, *rest[first:]]

    def _told(self, one: Sent, now_ns: int) -> list[Sent]:
        answer = one[1]
        if isinstance(answer, OrderStatus) and self._takes(StatusLost):
            return []
        if isinstance(answer, CommissionReport):
            if self._takes(CommissionNever):
                return []
            late = self._takes(CommissionLate)
            if isinstance(late, CommissionLate):
                self._count += 1
                heapq.heappush(self._late, (now_ns + round(late.seconds * 1e9), self._count, one))
                return []
        if _is_execution(one):
            again = self._takes(Duplicated)
            if isinstance(again, Duplicated):
                return [one] * (1 + again.copies)
        return [one]

    def _takes(self, kind: type[Rule]) -> Rule | None:
        """Return the oldest rule of ``kind`` that holds still, used once more; None where there is none."""
        for rule in self._rules:
            if isinstance(rule, kind):
                self._left[id(rule)] -= 1
                if not self._left[id(rule)]:
                    del self._left[id(rule)]
                    self._rules = [other for other in self._rules if other is not rule]
                return rule
        return None


def _is_execution(one: Sent) -> bool:
    return isinstance(one[1], ExecutionData) and one[1].req_id == UNASKED


def _is_evidence(one: Sent) -> bool:
    return _is_execution(one) or isinstance(one[1], OpenOrder | OrderStatus | CommissionReport)
