"""The state of an order, and what IB calls it."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from algotrade.domain.session import NEVER_NS
from algotrade.ibkr.wire.records import Contract, Order
from algotrade.matching.conditions import UNMOVED
from algotrade.matching.orders import FOK, IOC, LIMIT, MARKET, STOP, STOP_LIMIT

ZERO = Decimal(0)

BOOK_TYPES = {
    "MKT": MARKET, "LMT": LIMIT, "STP": STOP, "STP LMT": STOP_LIMIT, "TRAIL": STOP, "MIT": MARKET, "LIT": LIMIT,
    "MOC": MARKET, "LOC": LIMIT,
}
"""Each order type of ours, and what it is once it is in the book."""
WITH_LIMIT = {"LMT", "STP LMT", "LIT", "LOC"}
WITH_STOP = {"STP", "STP LMT", "MIT", "LIT"}
IF_TOUCHED = {"MIT", "LIT"}
AT_CLOSE = {"MOC", "LOC"}
TRIGGERED_TYPES = {"STP", "STP LMT", "TRAIL", "MIT", "LIT"}
TIFS = {"DAY", "GTC", "IOC", "FOK", "GTD", "OPG"}


class Stage(StrEnum):
    """Where an order is.

    HELD       not transmitted: a later leg of its bracket will do that
    CHILD      waits for its parent to fill
    FRONT      waits for its price to be touched, or for an auction
    BOOK       in the book
    """

    HELD = "held"
    CHILD = "child"
    FRONT = "front"
    BOOK = "book"
    FILLED = "filled"
    CANCELLED = "cancelled"
    INACTIVE = "inactive"


DONE = frozenset({Stage.FILLED, Stage.CANCELLED, Stage.INACTIVE})
_LAST_WORDS = {Stage.FILLED: "Filled", Stage.CANCELLED: "Cancelled", Stage.INACTIVE: "Inactive"}


class Live(msgspec.Struct, kw_only=True):
    """One order. ``perm_id`` is its identity; ``order_id`` is 0 for one that no client has placed or bound.

    ``order``       as asked, account and time in force filled in
    ``quantity``    in all: what OCA reductions have left of it; ``filled + remaining == quantity`` always
    ``value``       of what was filled, quantity times price
    ``arrival``     its place in the book's queue
    ``due_ns``      the auction it waits for
    ``is_open``     its market, as far as its ``outsideRth`` lets it take part
    ``told``        the status that was last told, empty for none
    """

    perm_id: int
    client_id: int
    order_id: int
    instrument: int
    contract: Contract
    order: Order
    side: int
    quantity: Decimal
    limit_ticks: int = 0
    stop_ticks: int = 0
    amount_ticks: int = 0
    percent: float = 0.0
    stage: Stage = Stage.HELD
    born_ns: int = 0
    arrival: int = 0
    expires_ns: int = NEVER_NS
    due_ns: int = NEVER_NS
    is_triggered: bool = False
    is_resting: bool = False
    is_open: bool = True
    is_liquidation: bool = False
    oca_group: str = ""
    oca_type: int = 0
    filled: Decimal = ZERO
    value: Decimal = ZERO
    last_price: Decimal = ZERO
    commission: Decimal = ZERO
    told: str = ""
    done_ns: int = 0
    done_because: str = ""

    @property
    def is_done(self) -> bool:
        """Tell whether nothing more happens to it."""
        return self.stage in DONE

    @property
    def is_active(self) -> bool:
        """Tell whether it was transmitted and is not done."""
        return self.stage not in DONE and self.stage is not Stage.HELD

    @property
    def account(self) -> str:
        """Return whose it is."""
        return self.order.account

    @property
    def remaining(self) -> Decimal:
        """Return what is not filled, also of an order that is done."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal:
        """Return the average price of what was filled, 0 for nothing, to 8 places."""
        return round(self.value / self.filled, 8) if self.filled else ZERO

    @property
    def book_type(self) -> int:
        """Return what it is in the book: a type of ``matching.orders``."""
        return BOOK_TYPES[self.order.order_type]

    @property
    def book_tif(self) -> int:
        """Return how long it is in the book: FOK, IOC (auctions too), or 0 for as long as it lives."""
        if self.order.tif == "FOK":
            return FOK
        return IOC if self.order.tif in {"IOC", "OPG"} or self.order.order_type in AT_CLOSE else 0

    @property
    def status(self) -> str:
        """Return its status by IB's name, of those that a server sends."""
        if self.stage in _LAST_WORDS:
            return _LAST_WORDS[self.stage]
        waits = self.order.order_type in TRIGGERED_TYPES and not self.is_triggered
        return "Submitted" if self.stage is Stage.BOOK and self.is_open and not waits else "PreSubmitted"

    @property
    def why_held(self) -> str:
        """Return what an order that is not done waits for: its parent, its trigger, both or nothing."""
        reasons = ["child"] if self.stage is Stage.CHILD else []
        if self.order.order_type in TRIGGERED_TYPES and not self.is_triggered and not self.is_done:
            reasons.append("trigger")
        return ",".join(reasons)

    @property
    def is_trail_set(self) -> bool:
        """Tell whether it is a trail whose stop has a price."""
        return self.order.order_type == "TRAIL" and abs(self.stop_ticks) < UNMOVED
