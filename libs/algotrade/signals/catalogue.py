"""``catalog``: every signal by name, and what else is computed from market data.

An entry has a ``name``, ``family``, ``inputs``, ``parameters``, ``outputs``, ``unit``, ``formula``, ``source``, a
``batch`` and a ``kind``, which names its call shape: ``signal`` (``Signal``) gives a value per observation, ``bars``
(``BarBuilder``) takes trades and gives bars, ``panel`` (``Panel``) looks at many symbols at a time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from algotrade.signals.averages import AVERAGES
from algotrade.signals.bars import BARS
from algotrade.signals.coefficients import COEFFICIENTS
from algotrade.signals.combine import COMBINE
from algotrade.signals.cross_section import CROSS_SECTION
from algotrade.signals.hedges import HEDGES
from algotrade.signals.hurst import HURST
from algotrade.signals.moments import MOMENTS
from algotrade.signals.momentum import MOMENTUM
from algotrade.signals.neutralise import NEUTRALISE
from algotrade.signals.order import ORDER
from algotrade.signals.orthogonal import ORTHOGONAL
from algotrade.signals.oscillators import OSCILLATORS
from algotrade.signals.pairs import PAIRS
from algotrade.signals.pca import PCA
from algotrade.signals.quotes import QUOTES
from algotrade.signals.shaping import SHAPING
from algotrade.signals.signal import near
from algotrade.signals.trades import TRADES
from algotrade.signals.trend import TREND
from algotrade.signals.volatility import VOLATILITY
from algotrade.signals.volume import VOLUME

FAMILIES = (AVERAGES, TREND, MOMENTUM, OSCILLATORS, VOLATILITY, VOLUME, MOMENTS, ORDER, PAIRS, HEDGES, HURST,
            CROSS_SECTION, NEUTRALISE, PCA, SHAPING, COMBINE, ORTHOGONAL, COEFFICIENTS, QUOTES, TRADES, BARS)


class UnknownSignal(KeyError):
    """No signal has this name; the message lists those that are near it."""

    def __str__(self) -> str:
        """Return the message, without the quotes that a KeyError puts around it."""
        return str(self.args[0])


class Catalog(Mapping[str, Any]):
    """Entries by name, in the order of their families."""

    def __init__(self, entries: tuple[Any, ...]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        assert len(self._entries) == len(entries), "two entries of one name"

    def __getitem__(self, name: str) -> Any:
        """Return the entry, or raise ``UnknownSignal``."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownSignal(f"no signal {name!r}; {near(name, self._entries)}") from None

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._entries)


catalog = Catalog(tuple(entry for family in FAMILIES for entry in family))
