"""Order ids, which never go back, and request ids, which are never order ids."""

from algotrade.ibkr.session.errors import LinkDown, OrderIdsExhausted

REQUEST_ID_FIRST = 1 << 30
"""Request ids begin here and order ids end below, so that an error's id names one or the other, never both."""
REQUEST_ID_MAX = (1 << 31) - 1
"""Ids are 32 bits on the broker's side; a larger one is refused there (code 320, observed)."""


class OrderIds:
    """The next order id and the next request id.

    ``minimum``  the lowest order id that may be used: one above the highest that was ever used
    """

    def __init__(self, minimum: int) -> None:
        assert 0 < minimum <= REQUEST_ID_FIRST, f"order ids begin at {minimum}"
        self._next = minimum
        self._next_request = REQUEST_ID_FIRST
        self.told: int | None = None
        """The broker's next order id on this connection, None until it has come."""

    def disconnected(self) -> None:
        """Forget the broker's word; ours stays."""
        self.told = None

    def told_next(self, order_id: int) -> int | None:
        """Take the broker's next order id; return ours where the broker's is below it, else None."""
        self.told = order_id
        if order_id < self._next:
            return self._next
        self._next = order_id
        return None

    def seen(self, order_id: int) -> None:
        """Note an order id that somebody has used: the next one is above it."""
        if self._next <= order_id < REQUEST_ID_FIRST:
            self._next = order_id + 1

    def next_order_id(self) -> int:
        """Return an order id that nobody has used, and use it up. Raises ``LinkDown`` and ``OrderIdsExhausted``."""
        if self.told is None:
            raise LinkDown("the broker has not told its next order id on this connection")
        if self._next >= REQUEST_ID_FIRST:
            raise OrderIdsExhausted(f"the next order id is {self._next}; allowed: below {REQUEST_ID_FIRST}. Reset the "
                                    "API order ids in TWS or the Gateway while no order is open")
        self._next += 1
        return self._next - 1

    def next_request_id(self) -> int:
        """Return a request id that this session has not used."""
        assert self._next_request <= REQUEST_ID_MAX, "a billion requests in one session"
        self._next_request += 1
        return self._next_request - 1
