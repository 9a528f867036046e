"""What a data file holds, before anybody trades on it."""

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.domain.instrument import Instrument, Instruments
from algotrade.domain.market import Kind
from algotrade.feeds.columns import numbers
from algotrade.feeds.scan import SCAN_ROWS, Scan, scan
from algotrade.feeds.tables import Table, open_table, translated

DECIMALS_MAX = 9

# What arithmetic on prices leaves behind (an adjusted 101.30000000000001) is no decimal.
_NOISE = 1e-12


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one file. Times are ns since 1970 UTC, as ``ts_event`` has them: a bar's start.

    ``shape``            "quotes", "quote bars", "trades" or "bars" (``feeds.schema``)
    ``symbols``          in the order of their first row
    ``order``            "time", or "symbol, time": sorted within each symbol, the symbols one after the other
    ``out_of_order``     rows whose time is below one before them; the quality gate quarantines them
    ``bar_spacing_ns``   smallest spacing of (quote) bars within a symbol; None of others
    ``tick``             1, 0.1, 0.01, ...: the decimals that the prices need, nine at most
    ``sha256``           of the file's bytes
    """

    path: Path
    shape: str
    kind: Kind
    rows: int
    symbols: tuple[str, ...]
    first_time_ns: int
    last_time_ns: int
    order: Literal["time", "symbol, time"]
    out_of_order: int
    bar_spacing_ns: int | None
    tick: Decimal
    sha256: str

    @property
    def out_of_order_share(self) -> float:
        """Return the share of the rows that are out of order, 0 to 1."""
        return self.out_of_order / self.rows


def inspect(path: Path, *, bar_duration_ns: int | None = None) -> FileFacts:
    """Read ``path`` through once, in bounded memory, and return its facts.

    Raises ``FeedError`` where the file cannot be replayed: missing, broken, empty, unsorted, of another schema.
    """
    table = open_table(path)
    found = scan(table, duration_ns=bar_duration_ns)
    with translated(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFacts(
        path=path, shape=found.shape.name, kind=found.shape.kind, rows=found.rows, symbols=found.symbols,
        first_time_ns=found.first_time_ns, last_time_ns=found.last_time_ns,
        order="symbol, time" if found.by_symbol else "time", out_of_order=found.out_of_order,
        bar_spacing_ns=found.spacing_ns, tick=Decimal(1).scaleb(-_decimals(table, found)), sha256=digest,
    )


def instruments_of(facts: Iterable[FileFacts]) -> Instruments:
    """Return an instrument for every symbol in the files, by name, with the finest tick that its files need.

    They trade in whole units of US dollars on a market that never closes: enough to look at data, not to trade.
    """
    ticks: dict[str, Decimal] = {}
    for fact in facts:
        for symbol in fact.symbols:
            ticks[symbol] = min(fact.tick, ticks.get(symbol, fact.tick))
    return Instruments(
        Instrument(id=i, symbol=symbol, tick=ticks[symbol]) for i, symbol in enumerate(sorted(ticks)))


def _decimals(table: Table, found: Scan) -> int:
    prices = [column for column in found.shape.numbers if column not in {"size", "volume"}]
    decimals = 0
    for batch in table.batches(prices, SCAN_ROWS):
        for column in prices:
            decimals = _decimals_needed(numbers(table.path, column, batch.column(column)), decimals)
    return decimals


def _decimals_needed(prices: npt.NDArray[np.float64], decimals: int) -> int:
    prices = prices[np.isfinite(prices)]
    while decimals < DECIMALS_MAX:
        rounded = np.rint(prices * 10.0**decimals) / 10.0**decimals
        if np.all(np.abs(rounded - prices) <= _NOISE * np.abs(prices)):
            break
        decimals += 1
    return decimals
