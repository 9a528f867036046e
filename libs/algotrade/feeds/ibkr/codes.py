"""What IB's codes about a subscription mean for it (docs/IBKR.md, Codes). None of them ever touches an order."""

from enum import Enum


class Effect(Enum):
    """What becomes of the subscription that a code names."""

    NOTED = "noted"
    """Nothing: a warning, or the answer to a cancel that came too late."""
    EMPTY = "empty"
    """There is nothing in the stretch that was asked for; the subscription lives."""
    OVER_BUDGET = "over budget"
    """The account's lines are all in use: asked for again, slowly."""
    COMPETING = "competing live session"
    """The user has data elsewhere: blocked until ticks come."""
    DELAYED = "delayed"
    """There is no subscription; what comes is delayed."""
    ENDED = "ended"
    """The subscription is over, its data were interrupted: asked for again at once (10225: a bust; 10182)."""
    REFUSED = "refused"
    """IB says no. Asked for again, slowly: permissions and farms change."""


WARNINGS = range(2100, 2200)

_EFFECTS = {
    101: Effect.OVER_BUDGET, 309: Effect.OVER_BUDGET, 10190: Effect.OVER_BUDGET,
    10197: Effect.COMPETING,
    10167: Effect.DELAYED,
    10225: Effect.ENDED, 10182: Effect.ENDED,
    # History told something; no id of ours (any more); a part of the ticks is not subscribed to, the others come.
    **dict.fromkeys((165, 300, 310, 366, 10090, 10091), Effect.NOTED),
}

# The one code that means several things, told apart by its text alone (observed).
HISTORY_ERROR = 162
_NO_DATA = "no data"


def effect_of(code: int, message: str) -> Effect:
    """Return what ``code`` does to the subscription that it was told of; one that is not listed refuses it."""
    if code == HISTORY_ERROR:
        return Effect.EMPTY if _NO_DATA in message.lower() else Effect.REFUSED
    if code in WARNINGS:
        return Effect.NOTED
    return _EFFECTS.get(code, Effect.REFUSED)
