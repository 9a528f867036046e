"""What can be traded, and the one crossing between prices, ticks and floats."""

import functools
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec
import numpy as np

STEPS_MAX = 2**53
"""Ticks or lots beyond which float64, and soon int64, is no longer exact: no price or order is that large."""


class InstrumentError(ValueError):
    """An instrument is unknown or its definition is not valid; the message names the field and the value."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tradable thing.

    ``id``          small integer that records carry; unique in a run, from 0 without holes
    ``symbol``      the name that people and files use
    ``tick``        smallest price step, in ``currency``
    ``lot``         smallest quantity step, in units (shares, contracts)
    ``multiplier``  currency value of one unit at a price of 1 (an ES future: 50)
    ``currency``    ISO 4217
    ``mic``         ISO 10383 market identifier whose calendar applies, or None: always open
    """

    id: int
    symbol: str
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    currency: str = "USD"
    mic: str | None = None

    def __post_init__(self) -> None:
        if self.id < 0:
            raise InstrumentError(f"id of instrument {self.symbol!r} is {self.id}; allowed: 0 or more")
        if not self.symbol or not self.symbol.isprintable() or len(self.symbol) > 64:
            raise InstrumentError(f"symbol is {self.symbol!r}; allowed: 1 to 64 printable characters")
        for field in ("tick", "lot", "multiplier"):
            value: Decimal = getattr(self, field)
            if not value.is_finite() or value <= 0:
                raise InstrumentError(f"{field} of instrument {self.symbol!r} is {value}; allowed: above 0")

    def price_to_ticks(self, price: Decimal | float) -> int:
        """Return ``price`` in whole ticks, rounded half to even. A price that is not finite is refused."""
        return _steps(price, self.tick, "price", self.symbol)

    def ticks_to_price(self, ticks: int) -> Decimal:
        """Return the price of ``ticks`` steps, exactly."""
        return ticks * self.tick

    def is_on_tick(self, price: Decimal) -> bool:
        """Tell whether ``price`` is a whole number of ticks, at most ``STEPS_MAX``."""
        return _is_whole(price, self.tick)

    def quantity_to_lots(self, quantity: Decimal | float) -> int:
        """Return ``quantity`` in whole lots, rounded half to even. A quantity that is not finite is refused."""
        return _steps(quantity, self.lot, "quantity", self.symbol)

    def lots_to_quantity(self, lots: int) -> Decimal:
        """Return the quantity of ``lots`` steps, exactly."""
        return lots * self.lot

    def is_on_lot(self, quantity: Decimal) -> bool:
        """Tell whether ``quantity`` is a whole number of lots, at most ``STEPS_MAX``."""
        return _is_whole(quantity, self.lot)


def _is_whole(value: Decimal, step: Decimal) -> bool:
    return value.is_finite() and abs(value) <= STEPS_MAX * step and value % step == 0


@functools.lru_cache(maxsize=4096)  # the same few sizes and prices come again and again
def _steps(value: Decimal | float, step: Decimal, what: str, symbol: str) -> int:
    if not math.isfinite(value):
        raise InstrumentError(f"{what} of {symbol!r} is {value}; allowed: a finite number")
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return int((exact / step).to_integral_value())


class Instruments:
    """The instruments of a run, by id and by symbol; immutable; iterates in id order."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_id = sorted(instruments, key=lambda i: i.id)
        if [i.id for i in self._by_id] != list(range(len(self._by_id))):
            ids = [i.id for i in self._by_id]
            raise InstrumentError(f"instrument ids are {ids}; allowed: 0, 1, 2, ... without holes")
        self._by_symbol = {i.symbol: i for i in self._by_id}
        if len(self._by_symbol) != len(self._by_id):
            raise InstrumentError(f"symbols are {[i.symbol for i in self._by_id]}; allowed: each once")

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_id)

    def __getitem__(self, instrument_id: int) -> Instrument:
        if not 0 <= instrument_id < len(self._by_id):
            raise InstrumentError(f"instrument id is {instrument_id}; allowed: 0 to {len(self._by_id) - 1}")
        return self._by_id[instrument_id]

    def by_symbol(self, symbol: str) -> Instrument:
        """Return the instrument named ``symbol``; an unknown one is an ``InstrumentError`` that lists the known."""
        try:
            return self._by_symbol[symbol]
        except KeyError:
            known = ", ".join(sorted(self._by_symbol)[:20])
            raise InstrumentError(f"symbol {symbol!r} is unknown; known: {known}") from None

    def tick_sizes(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the tick of every instrument as float64, indexed by id, for kernels."""
        return np.array([float(i.tick) for i in self._by_id], dtype=np.float64)

    def lot_sizes(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the lot of every instrument as float64, indexed by id, for kernels."""
        return np.array([float(i.lot) for i in self._by_id], dtype=np.float64)
