"""Who started a trade: 1 the buyer, -1 the seller, 0 where the rule does not tell."""

from algotrade.jit import jit

AT_THE_MID = 1e-12
"""A price this close to the mid, as a share of it, is at the mid: the rest is rounding, below any tick."""


@jit
def tick_sign(price: float, last_price: float, last_sign: float) -> float:
    """Return the sign by the tick rule: up is bought, down is sold, unchanged is what the trade before was."""
    if price > last_price:
        return 1.0
    return -1.0 if price < last_price else last_sign


@jit
def quote_sign(price: float, mid: float, otherwise: float) -> float:
    """Return the sign by the quote rule: above the mid is bought, below is sold, at the mid ``otherwise``."""
    off = price - mid
    if abs(off) <= AT_THE_MID * abs(mid):
        return otherwise
    return 1.0 if off > 0.0 else -1.0
