"""The states of an order, and what moves it from one to another.

Theory of operation
-------------------
An order is in exactly one state. Something happens to it: an **event**, which is either ours (we ask the broker for
something) or evidence from the broker (it tells us something). The table below says what state follows; what is not in
the table cannot happen to an order in that state, and is handed to the caller as ``None``: for an event of ours that
is a bug, for evidence it is noted and changes nothing.

Rules that the table keeps, each learnt the hard way by somebody:

- **Silence is not an event.** Nothing moves an order because time passed. An order of which nothing is heard becomes
  UNKNOWN (event LOST), keeps its worst-case risk reserved, and leaves UNKNOWN only by evidence.
- **A fill is a fact.** It is booked in every state, also after the order was canceled, rejected or expired: venues do
  report in that order. The state of a terminal order does not change by it.
- **What lives has not ended.** RESTATED is the only way back from a terminal state: the broker shows that it works the
  order once more than we knew, and what may still fill of it has to be reserved.
- **A refused request leaves the order as it was.** A cancel or a replace that is turned down returns the order to
  working, it never ends it.
- **Requests may overlap.** A cancel may be sent while a replace is on its way. The table follows one answer at a time;
  while another request is still open, the order manager keeps the order in that request's state.
- **WORKING is not a state of its own.** An order that works is NEW before its first fill and PARTIALLY_FILLED after,
  so events that make an order working again lead to NEW here, and ``follow`` looks at what was filled.

The diagram in docs/ARCHITECTURE.md is drawn from this table; a test holds the two together.
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from algotrade.domain.order import OrderStatus
from algotrade.jit import jit


class OrderEvent(IntEnum):
    """What may happen to an order. The first three are ours, LOST is our not knowing, the rest is evidence."""

    CANCEL_SENT = 0
    REPLACE_SENT = 1
    LOST = 2
    ACCEPTED = 3
    FILLED_PARTLY = 4
    FILLED_WHOLLY = 5
    CANCELED = 6
    REPLACED = 7
    REQUEST_REJECTED = 8
    REJECTED = 9
    EXPIRED = 10
    RESTATED = 11


S, E = OrderStatus, OrderEvent

_ENDS = {E.FILLED_WHOLLY: S.FILLED, E.CANCELED: S.CANCELED, E.EXPIRED: S.EXPIRED}

TABLE: dict[OrderStatus, dict[OrderEvent, OrderStatus]] = {
    S.PENDING_NEW: {
        **_ENDS,
        E.ACCEPTED: S.NEW,
        E.FILLED_PARTLY: S.PARTIALLY_FILLED,  # an execution may be reported before the acknowledgement
        E.REJECTED: S.REJECTED,
        E.CANCEL_SENT: S.PENDING_CANCEL,
        E.LOST: S.UNKNOWN,
        E.RESTATED: S.PENDING_NEW,
    },
    S.NEW: {
        **_ENDS,
        E.ACCEPTED: S.NEW,
        E.FILLED_PARTLY: S.PARTIALLY_FILLED,
        E.REJECTED: S.REJECTED,  # a broker may accept first and refuse after its own checks
        E.CANCEL_SENT: S.PENDING_CANCEL,
        E.REPLACE_SENT: S.PENDING_REPLACE,
        E.LOST: S.UNKNOWN,
        E.RESTATED: S.NEW,
    },
    S.PARTIALLY_FILLED: {
        **_ENDS,
        E.ACCEPTED: S.PARTIALLY_FILLED,
        E.FILLED_PARTLY: S.PARTIALLY_FILLED,
        E.CANCEL_SENT: S.PENDING_CANCEL,
        E.REPLACE_SENT: S.PENDING_REPLACE,
        E.LOST: S.UNKNOWN,
        E.RESTATED: S.PARTIALLY_FILLED,
    },
    S.PENDING_CANCEL: {
        **_ENDS,
        E.ACCEPTED: S.PENDING_CANCEL,
        E.FILLED_PARTLY: S.PENDING_CANCEL,
        E.REPLACED: S.PENDING_CANCEL,  # a replace was on its way when the cancel was sent
        E.REQUEST_REJECTED: S.NEW,
        E.REJECTED: S.REJECTED,
        E.LOST: S.UNKNOWN,
        E.RESTATED: S.PENDING_CANCEL,
    },
    S.PENDING_REPLACE: {
        **_ENDS,
        E.ACCEPTED: S.PENDING_REPLACE,
        E.FILLED_PARTLY: S.PENDING_REPLACE,
        E.REPLACED: S.NEW,
        E.REQUEST_REJECTED: S.NEW,
        E.CANCEL_SENT: S.PENDING_CANCEL,
        E.LOST: S.UNKNOWN,
        E.RESTATED: S.PENDING_REPLACE,
    },
    S.UNKNOWN: {
        **_ENDS,
        E.ACCEPTED: S.NEW,
        E.FILLED_PARTLY: S.PARTIALLY_FILLED,
        E.REPLACED: S.NEW,
        E.REQUEST_REJECTED: S.UNKNOWN,  # tells about the request, not that the order lives
        E.REJECTED: S.REJECTED,
        E.CANCEL_SENT: S.UNKNOWN,  # a cancel may always be sent; it does not make the order known
        E.LOST: S.UNKNOWN,
        E.RESTATED: S.UNKNOWN,  # tells how much may fill, not what became of it
    },
    **{
        ended: {E.FILLED_PARTLY: ended, E.FILLED_WHOLLY: ended, E.RESTATED: S.NEW}
        for ended in (S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED)
    },
}
"""state -> event -> next state."""

IMPOSSIBLE = -1


def _matrix() -> npt.NDArray[np.int8]:
    matrix = np.full((len(OrderStatus), len(OrderEvent)), IMPOSSIBLE, dtype=np.int8)
    for status, row in TABLE.items():
        for event, following in row.items():
            matrix[status, event] = following
    return matrix


MATRIX = _matrix()
"""``TABLE`` for kernels: shape (states, events), the next state or ``IMPOSSIBLE``."""

_NEW, _PARTIALLY_FILLED = int(S.NEW), int(S.PARTIALLY_FILLED)


@jit
def next_status(matrix: npt.NDArray[np.int8], status: int, event: int, filled_lots: int) -> int:
    """Return the state that follows, or ``IMPOSSIBLE``; ``filled_lots`` counts this event too."""
    following = matrix[status, event]
    if following == _NEW and filled_lots > 0:
        return _PARTIALLY_FILLED
    return int(following)


def follow(status: OrderStatus, event: OrderEvent, filled_lots: int) -> OrderStatus | None:
    """Return the state that follows, or None where the event cannot happen in ``status``."""
    following = int(next_status(MATRIX, int(status), int(event), filled_lots))
    return None if following == IMPOSSIBLE else OrderStatus(following)
