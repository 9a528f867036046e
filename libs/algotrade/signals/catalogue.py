"""``catalog``: every signal by name."""

from collections.abc import Iterator, Mapping

from algotrade.signals.averages import AVERAGES
from algotrade.signals.moments import MOMENTS
from algotrade.signals.momentum import MOMENTUM
from algotrade.signals.order import ORDER
from algotrade.signals.oscillators import OSCILLATORS
from algotrade.signals.pairs import PAIRS
from algotrade.signals.signal import Signal, near
from algotrade.signals.trend import TREND
from algotrade.signals.volatility import VOLATILITY
from algotrade.signals.volume import VOLUME

FAMILIES = (AVERAGES, TREND, MOMENTUM, OSCILLATORS, VOLATILITY, VOLUME, MOMENTS, ORDER, PAIRS)


class UnknownSignal(KeyError):
    """No signal has this name; the message lists those that are near it."""

    def __str__(self) -> str:
        """Return the message, without the quotes that a KeyError puts around it."""
        return str(self.args[0])


class Catalog(Mapping[str, Signal]):
    """Signals by name, in the order of their families."""

    def __init__(self, signals: tuple[Signal, ...]) -> None:
        self._signals = {signal.name: signal for signal in signals}
        assert len(self._signals) == len(signals), "two signals of one name"

    def __getitem__(self, name: str) -> Signal:
        """Return the signal, or raise ``UnknownSignal``."""
        try:
            return self._signals[name]
        except KeyError:
            raise UnknownSignal(f"no signal {name!r}; {near(name, self._signals)}") from None

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._signals)

    def __len__(self) -> int:
        """Return how many signals there are."""
        return len(self._signals)


catalog = Catalog(tuple(signal for family in FAMILIES for signal in family))
