"""Looking: asking the broker for open orders, completed orders, executions and positions, each to its end marker.

Only a complete look says that something is absent. The session takes one by itself on every connection and after every
outage; these are the looks in between, for an order of which nothing is heard. One at a time, and not too often.
"""

from enum import Enum, auto

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r

LOOK_AGAIN_NS = 10 * NANOSECONDS_PER_SECOND
"""Between two looks of which the second one confirms the first."""
BETWEEN_LOOKS_NS = 2 * NANOSECONDS_PER_SECOND
"""Between the beginnings of any two looks: four messages each, of the 45 a second."""
LOOK_NS_MAX = 30 * NANOSECONDS_PER_SECOND
"""How long a look may take; one that takes longer proves nothing and is begun again (assumed)."""

_ENDS: tuple[type[Answer], ...] = (a.OpenOrderEnd, a.CompletedOrdersEnd, a.ExecutionDataEnd, a.PositionEnd)


class Outcome(Enum):
    """What came of a look, or of taking in an answer during one."""

    NOTHING = auto()
    COMPLETE = auto()
    FAILED = auto()


class Looks:
    """Whether a look is under way, and what it has seen of our orders.

    ``began_ns``   of the look that is under way, monotonic; what was sent later it cannot prove absent
    ``seen``       our ids of the orders that it told anything of
    ``seen_open``  those among them that are open
    """

    def __init__(self) -> None:
        self.began_ns = 0
        self.seen: set[int] = set()
        self.seen_open: set[int] = set()
        self.is_wanted = False
        self._missing: set[type[Answer]] = set()
        self._execution_req_id = 0
        self._next_ns = 0

    @property
    def is_running(self) -> bool:
        """Tell whether a look is under way."""
        return bool(self._missing)

    def is_due(self, now_ns: int) -> bool:
        """Tell whether a look is to be begun now."""
        return self.is_wanted and not self._missing and now_ns >= self._next_ns

    def begin(self, execution_req_id: int, now_ns: int) -> list[Request]:
        """Begin a look; return its questions."""
        self.is_wanted = False
        self.began_ns = now_ns
        self.seen, self.seen_open = set(), set()
        self._missing = set(_ENDS)
        self._execution_req_id = execution_req_id
        self._next_ns = now_ns + BETWEEN_LOOKS_NS
        # Executions last: they explain every position that was told before.
        return [r.RequestOpenOrders(), r.RequestCompletedOrders(is_api_only=False), r.RequestPositions(),
                r.RequestExecutions(req_id=execution_req_id)]

    def end(self) -> None:
        """End the look that is under way, whatever it has seen: it was cut short, or another one told everything."""
        self._missing = set()

    def unsent(self) -> None:
        """Take note that one of its questions never left: it proves nothing."""
        if self._missing:
            self._failed()

    def saw(self, order_id: int, *, is_open: bool) -> None:
        """Take note of an order of ours that was told."""
        if self._missing:
            self.seen.add(order_id)
            if is_open:
                self.seen_open.add(order_id)

    def told(self, answer: Answer) -> Outcome:
        """Take in an answer, after the order that it is about was seen."""
        if not self._missing:
            return Outcome.NOTHING
        if isinstance(answer, a.ErrorMessage) and answer.req_id == self._execution_req_id:
            return self._failed()
        if isinstance(answer, a.ExecutionDataEnd) and answer.req_id != self._execution_req_id:
            return Outcome.NOTHING
        if type(answer) not in self._missing:
            return Outcome.NOTHING
        self._missing.discard(type(answer))
        return Outcome.NOTHING if self._missing else Outcome.COMPLETE

    def tick(self, now_ns: int) -> Outcome:
        """Give up a look that takes too long."""
        return self._failed() if self._missing and now_ns - self.began_ns > LOOK_NS_MAX else Outcome.NOTHING

    def _failed(self) -> Outcome:
        self._missing = set()
        self.is_wanted = True
        self._next_ns = self.began_ns + LOOK_AGAIN_NS
        return Outcome.FAILED
