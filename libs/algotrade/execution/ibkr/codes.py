"""What the broker's codes mean for an order, as a table. A code is a hint: none of them ends an order by itself.

Documented codes, and those observed in public threads, by what they are about. What a code means depends on what was
under way: 201 says of a new order that it is refused, and of a change that the order stays as it was. A code that is in
no row is one that we do not understand, and then the broker is asked.
"""

from enum import Enum, IntEnum


class Doing(IntEnum):
    """What was under way with the order that a code names."""

    PLACING = 0
    """Sent, and never acknowledged."""
    WORKING = 1
    MODIFYING = 2
    CANCELING = 3


class Hint(Enum):
    """What a code hints at, and what is done about it."""

    LINK = "link"
    """Something between us and the broker; the session sees to it. Nothing of an order."""
    NOTE = "note"
    """The order lives on; look at it."""
    REFUSED = "refused"
    """The new order is refused: true once it is found to be absent from the open orders."""
    NOT_CHANGED = "not changed"
    """The change was refused, the original lives."""
    CANCELED = "canceled"
    """The cancel was taken; the status and the executions say what came of it."""
    NOT_CANCELED = "not canceled"
    """The cancel was refused: the order is probably filled, or not known; executions and open orders say."""
    DATA = "data"
    """About market data. Never touches an order."""
    UNSURE = "unsure"
    """Nothing is known of the order until the broker was asked."""


LINK = frozenset({
    1100, 1101, 1102, 1300, 326, 502, 503, 504, 507, 509, 2110,  # lost and restored
    2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158,  # data farms
})
NOTE = frozenset({399, 404, 481, 2109, 2137, 10311, 10331, 10347, 10349, *range(2100, 2200)}) - LINK - {2102}
REFUSED = frozenset({
    103, 106, 107, 109, 110, 111, 133, 154, 163, 164, 200, 201, 203, 321, 322, 355, 382, 383, 387, 388, 434, 460, 10006,
    10241, 10242, 10243, 10247, 10248, 10250, 10268, 10285, 10318,
})
NOT_CHANGED = frozenset({104, 105, 110, 134, 201, 321, 329, 355, 2102, 10241, 10242, 10243})
CANCELED = frozenset({202})
NOT_CANCELED = frozenset({135, 136, 161, 10147, 10148})
DATA = frozenset({
    101, 162, 165, 200, 300, 309, 316, 317, 354, 366, 420, 10090, 10167, 10186, 10189, 10197, 10225,
})
UNSURE = frozenset({10328})

COMPETING_SESSION = 10197
"""Another session of this login takes the market data."""
NOTICES_FROM = 2000
"""Codes from here on are warnings and notices where they are not in the table (documented for 2100 to 2199)."""

DOCUMENTED = LINK | NOTE | REFUSED | NOT_CHANGED | CANCELED | NOT_CANCELED | DATA | UNSURE
"""Every code of the table."""


def hint_of(code: int, doing: Doing) -> Hint:
    """Return what ``code`` hints at, told of an order with which ``doing`` was under way."""
    always = ((LINK, Hint.LINK), (NOTE, Hint.NOTE), (CANCELED, Hint.CANCELED), (NOT_CANCELED, Hint.NOT_CANCELED))
    for codes, hint in always:
        if code in codes:
            return hint
    if doing is Doing.PLACING and code in REFUSED:
        return Hint.REFUSED
    if doing is Doing.MODIFYING and code in NOT_CHANGED:
        return Hint.NOT_CHANGED
    if code in DATA:
        return Hint.DATA
    return Hint.NOTE if code >= NOTICES_FROM and code not in DOCUMENTED else Hint.UNSURE
