"""Checks that parameter structs share: each names the key, its value and what is allowed.

Strategy files, which ``algotrade.jit`` compiles, import this one, so it stays free of everything but the domain.
"""

from collections.abc import Collection
from decimal import Decimal

from algotrade.domain.instrument import Instrument

NANOSECONDS_PER_MILLISECOND = 1_000_000

PERIOD_MAX = 1_000_000
"""Longest memory of a signal, observations."""

DURATION_MS_MAX = 86_400_000
"""Longest duration, ms: a day."""


def check_range(key: str, value: Decimal | float, lowest: Decimal | float, highest: Decimal | float) -> None:
    """Refuse a value outside ``lowest`` to ``highest``, and NaN."""
    if not lowest <= value <= highest:
        raise ValueError(f"{key} is {value}; allowed: {lowest} to {highest}")


def check_positive(key: str, value: Decimal) -> None:
    """Refuse an amount that is not a finite number above 0."""
    if not (value.is_finite() and value > 0):
        raise ValueError(f"{key} is {value}; allowed: a finite number above 0")


def check_among(key: str, value: str, allowed: Collection[str]) -> None:
    """Refuse a word that is not among ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{key} is {value!r}; allowed: {', '.join(allowed)}")


def lots_of(key: str, quantity: Decimal, instrument: Instrument) -> int:
    """Return ``quantity`` in whole lots of ``instrument``, rounded down; less than one lot is refused."""
    lots = int(quantity // instrument.lot)
    if lots < 1:
        raise ValueError(f"{key} is {quantity}; allowed: {instrument.lot} or more, one lot of {instrument.symbol!r}")
    return lots
