"""Whose order is whose: our orders as the broker knows them, and how what it tells finds them.

An order's identity is our intent's id, which the broker carries as the order's reference. Then come its permanent ids:
a set, because a change that is sent during an outage can leave two incarnations under one reference (observed). The
broker's order id names an order only within the connection in which we sent it or the broker told it with our
reference: a restarted Gateway gives ids of lost orders again (observed).
"""

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from algotrade.domain import IntentId, NewOrder, Side
from algotrade.execution.ibkr.codes import Doing

ENDED_KEPT = 4_096
"""Orders kept after their end, for what is told of them late. Open ones are bounded by the risk gate."""
PERM_IDS_MAX = 16
"""Incarnations of one order that are tracked."""
REFERENCE_CHARACTERS_MAX = 128
"""Longer references are our bug (assumed: the broker documents no length)."""


class Asked(msgspec.Struct, kw_only=True):
    """A cancel or a change that the broker has not answered.

    ``wanted``      the order as the change asks for it, None for a cancel
    ``asked_ns``    monotonic
    ``is_written``  it was handed to the socket, or perhaps was, by an earlier process
    ``against``     what the broker said against it
    ``looks_left``  how often more the order must be found open and unchanged before the request counts as refused;
                    None while there is no reason to doubt it
    """

    request_id: IntentId
    wanted: NewOrder | None
    asked_ns: int = 0
    is_written: bool = True
    against: str = ""
    looks_left: int | None = None


class Tracked(msgspec.Struct, kw_only=True):
    """One of our orders, as the broker knows it.

    ``terms``            the order as the broker has it, as far as we know
    ``broker_order_id``  of this client id; used to change and to cancel
    ``parent_id``        of the order whose fill it waits for, as the broker calls that, 0 for none
    ``perm_ids``         every incarnation; more than one is a split
    ``quantities``       of those: the total quantity, as last told or as we had it last, by permanent id
    ``done``             of those: in which state each ended, by permanent id
    ``is_written``       it was handed to the socket, or perhaps was, by an earlier process
    ``is_acknowledged``  the broker was seen to work it
    ``is_lost``          we have said that it is not known what became of it
    ``has_ended``        nothing more is expected
    ``against``          what the broker said against a new order
    ``filled``           of those: units filled, as that state said, by permanent id; absent where it did not say
    ``stated``           units that may fill of all incarnations, as was told; None: those of ``terms``
    ``executed``         units of the executions that were told, as corrected; ``taken_back``: what corrections took off
    ``misses``           complete looks in a row that did not find it anywhere; ``missed_ns``: the last, monotonic
    ``sent_ns``          monotonic
    ``is_heard``         anything at all was told of it since it was sent
    ``look_ns``          when to look for it, monotonic; None: no reason to
    ``answer_ns``        when to look for it unless it was heard of, monotonic; None: nothing is under way
    ``awaits_fills``     it ended, and executions are to be asked for before that is told
    ``doubted_ns``       since when ``against`` or ``awaits_fills`` stands: only a look begun later settles it
    """

    order_id: int
    intent_id: IntentId
    terms: NewOrder
    broker_order_id: int
    parent_id: int = 0
    perm_ids: list[int] = []
    quantities: dict[int, Decimal] = {}
    done: dict[int, str] = {}
    requests: list[Asked] = []
    is_written: bool = True
    is_acknowledged: bool = False
    is_lost: bool = False
    has_ended: bool = False
    against: str = ""
    filled: dict[int, Decimal] = {}
    stated: Decimal | None = None
    executed: Decimal = Decimal(0)
    taken_back: Decimal = Decimal(0)
    misses: int = 0
    missed_ns: int = 0
    sent_ns: int = 0
    is_heard: bool = False
    look_ns: int | None = None
    answer_ns: int | None = None
    awaits_fills: bool = False
    doubted_ns: int = 0

    @property
    def reference(self) -> str:
        """Return what the broker carries as the order's reference."""
        return str(self.intent_id)

    @property
    def instrument(self) -> int:
        """Return the instrument's id."""
        return self.terms.instrument

    @property
    def side(self) -> Side:
        """Return the order's side."""
        return self.terms.side

    @property
    def asked(self) -> Decimal:
        """Return the largest quantity that a change under way asks for, 0 where none is."""
        return max((one.wanted.quantity for one in self.requests if one.wanted is not None), default=Decimal(0))

    @property
    def may_fill(self) -> Decimal:
        """Return what may fill of all incarnations, counting those in full that did not end and say how much filled.

        A change that is under way may be made to any of them.
        """
        each = (self.filled.get(perm_id, max(self.quantities.get(perm_id, self.terms.quantity), self.asked))
                for perm_id in self.perm_ids)
        return sum(each, Decimal(0))

    def changed(self, terms: NewOrder) -> None:
        """Take it that the broker has it with these terms; a life whose quantity was not told may be as it was."""
        self.quantities = {**dict.fromkeys(self.perm_ids, self.terms.quantity), **self.quantities}
        self.terms, self.stated = terms, None

    @property
    def filled_told(self) -> Decimal | None:
        """Return the units filled, as the states in which it ended said; None: they did not say."""
        return sum(self.filled.values(), Decimal(0)) if self.filled else None

    @property
    def is_short(self) -> bool:
        """Tell whether executions are missing of those that the state in which it ended counts.

        The state of an order does not follow corrections of its executions (assumed).
        """
        return self.filled_told is not None and self.executed + self.taken_back < self.filled_told

    @property
    def is_split(self) -> bool:
        """Tell whether the broker has more than one order under this reference."""
        return len(self.perm_ids) > 1

    @property
    def lives_twice(self) -> bool:
        """Tell whether it is split and one incarnation at least has not ended, as far as we know, and may fill."""
        return self.is_split and not set(self.perm_ids) <= set(self.done) and self.may_fill > self.executed

    @property
    def doing(self) -> Doing:
        """Return what is under way with it."""
        if not self.is_acknowledged:
            return Doing.PLACING
        if any(one.wanted is None for one in self.requests):
            return Doing.CANCELING
        return Doing.MODIFYING if self.requests else Doing.WORKING


class BrokerOrders:
    """Our orders, found by whatever the broker names them with. Bounded memory.

    ``client_id``  of our session
    """

    def __init__(self, client_id: int) -> None:
        self._client_id = client_id
        self._orders: dict[int, Tracked] = {}
        self._by_reference: dict[str, int] = {}
        self._by_perm: dict[int, int] = {}
        self._by_connection: dict[int, int] = {}
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._split: set[int] = set()
        self.ended_lately: set[int] = set()
        """Our ids of the orders that ended since this was last cleared, when a look began."""

    def split(self) -> list[Tracked]:
        """Return the orders that live twice."""
        return [order for i in sorted(self._split) if (order := self._orders.get(i)) is not None and order.lives_twice]

    def open(self) -> list[Tracked]:
        """Return the orders that have not ended."""
        # A copy first: metrics are read in another thread.
        return [order for order in list(self._orders.values()) if not order.has_ended]

    def add(self, order: Tracked) -> None:
        """Track ``order``."""
        reference = order.reference
        assert reference.isascii(), f"reference is {reference!r}; allowed: ASCII"
        assert reference.isprintable(), f"reference is {reference!r}; allowed: printable characters"
        assert len(reference) <= REFERENCE_CHARACTERS_MAX, (
            f"reference is {reference!r}; allowed: {REFERENCE_CHARACTERS_MAX} characters")
        self._orders[order.order_id] = order
        self._by_reference[reference] = order.order_id
        for perm_id in order.perm_ids:
            self._by_perm[perm_id] = order.order_id
        if order.is_split:
            self._split.add(order.order_id)
        if order.has_ended:
            self.ended(order)

    def ended(self, order: Tracked) -> None:
        """Keep ``order`` among those that ended; the oldest beyond ``ENDED_KEPT`` is forgotten."""
        order.has_ended, order.stated = True, None
        order.requests = []
        self.ended_lately.add(order.order_id)
        self._ended[order.order_id] = None
        if len(self._ended) > ENDED_KEPT:
            oldest, _ = self._ended.popitem(last=False)
            forgotten = self._orders.pop(oldest)
            self._split.discard(oldest)
            self._by_reference.pop(forgotten.reference, None)
            for perm_id in forgotten.perm_ids:
                self._by_perm.pop(perm_id, None)
            if self._by_connection.get(forgotten.broker_order_id) == oldest:
                del self._by_connection[forgotten.broker_order_id]

    def revived(self, order: Tracked) -> None:
        """Keep ``order``, which had ended, among those that have not: the broker works another incarnation of it."""
        order.has_ended = False
        self._ended.pop(order.order_id, None)

    def get(self, order_id: int) -> Tracked | None:
        """Return the order with our own id."""
        return self._orders.get(order_id)

    def connected(self) -> None:
        """Forget what order ids mean: a new connection has begun."""
        self._by_connection.clear()

    def sent(self, order: Tracked) -> None:
        """Take note that the order's id is used for it in this connection."""
        self._by_connection[order.broker_order_id] = order.order_id

    def by_reference(self, reference: str, perm_id: int) -> Tracked | None:
        """Return the order with this reference; without one, that of the permanent id."""
        if reference:
            return self._get(self._by_reference.get(reference))
        return self._get(self._by_perm.get(perm_id))

    def by_ids(self, perm_id: int, order_id: int, client_id: int) -> Tracked | None:
        """Return the order by its permanent id, else by the order id that this connection knows to be ours."""
        known = self._by_perm.get(perm_id) if perm_id else None
        if known is None and client_id == self._client_id:
            known = self._by_connection.get(order_id)
        return self._get(known)

    def by_request(self, order_id: int) -> Tracked | None:
        """Return the order that an error names, which tells nothing but the order id."""
        return self._get(self._by_connection.get(order_id))

    def of_own_request(self, order_id: int) -> Tracked | None:
        """Return the order that a request of ours names: we never give an id twice."""
        return self.by_request(order_id) or next(
            (order for order in self.open() if order.broker_order_id == order_id), None)

    def identified(self, order: Tracked, perm_id: int, order_id: int | None = None, client_id: int = -1) -> bool:
        """Take note of the ids that the broker told with our reference; True where that is a second incarnation."""
        if order_id is not None and order_id > 0 and client_id == self._client_id:
            order.broker_order_id = order_id
            self._by_connection[order_id] = order.order_id
        if perm_id == 0 or perm_id in order.perm_ids:
            return False
        if len(order.perm_ids) == PERM_IDS_MAX:
            return True  # split as it is, and no broker gives so many
        if order.perm_ids:
            order.awaits_fills = False  # whatever has ended, this life has not
        else:
            # What was told without a permanent id was told of this one.
            order.done = {perm_id: order.done[0]} if order.done else {}
            order.filled = {perm_id: order.filled[0]} if order.filled else {}
        order.perm_ids = [*order.perm_ids, perm_id]
        self._by_perm[perm_id] = order.order_id
        if order.is_split:
            self._split.add(order.order_id)
        return order.is_split

    def state(self) -> list[Tracked]:
        """Return every order, those that ended first, oldest first."""
        return [*(self._orders[i] for i in self._ended), *self.open()]

    def restore(self, orders: Iterable[Tracked]) -> None:
        """Go on from ``orders``, of an earlier process: no order id names anything yet."""
        self._orders, self._by_reference, self._by_perm = {}, {}, {}
        self._by_connection, self._ended, self._split = {}, OrderedDict(), set()
        for order in orders:
            self.add(order)

    def _get(self, order_id: int | None) -> Tracked | None:
        return None if order_id is None else self._orders.get(order_id)
