"""From data files to a signal's inputs: which column is which input, of which instrument, and what is missing."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.domain import Kind
from algotrade.domain.market import Records, joined
from algotrade.feeds import ReplayFeed, inspect, instruments_of, write_sample

Floats: TypeAlias = npt.NDArray[np.float64]
Times: TypeAlias = npt.NDArray[np.int64]

COLUMNS: dict[Kind, tuple[str, ...]] = {
    Kind.BAR: ("open", "high", "low", "close", "volume", "return"),
    Kind.QUOTE: ("bid", "ask", "bid_size", "ask_size", "mid", "return"),
    Kind.TRADE: ("price", "size", "signed_volume", "return"),
}
"""What records of a kind give. Computed are ``mid``, ``return``, the log return of the price, and ``signed_volume``:
the size of a trade at a price above the one before, less that of one below (the tick rule)."""

PRICE = {Kind.BAR: "close", Kind.QUOTE: "mid", Kind.TRADE: "price"}
"""The column that is the price of a record."""

MEANT: dict[Kind, dict[str, str]] = {
    Kind.BAR: {"x": "close", "y": "close", "price": "close"},
    Kind.QUOTE: {"x": "mid", "y": "mid", "price": "mid"},
    Kind.TRADE: {"x": "price", "y": "price", "close": "price", "volume": "size"},
}
"""Input -> the column that it means, where no column has its name."""

MEANT_AMONG = {"x": "return", "returns": "return"}
"""Input of an entry that compares instruments -> the column that it means: levels of two stocks do not compare."""

OTHER = "y"
"""The input that is another instrument's."""


class SeriesRefused(Exception):
    """The data do not give what the signal needs; the message says what is missing, and what is there."""


class Column(msgspec.Struct, frozen=True):
    """One input: a column of records of ``kind``, of the instrument ``symbol``; "" is the one that is plotted."""

    column: str
    kind: Kind
    symbol: str = ""


class Tape(msgspec.Struct, frozen=True):
    """What files hold of the instruments asked for: (symbol, kind) -> records in time order."""

    symbols: tuple[str, ...]
    records: dict[tuple[str, Kind], Records]

    def kinds(self, symbol: str) -> list[Kind]:
        """Return the kinds of which there are records of the instrument."""
        return [kind for name, kind in self.records if name == symbol]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A signal's inputs, one observation per time, and the instrument's price to look at beside it.

    ``inputs``  in the signal's order;  ``names``  of what each was taken from, such as ``close`` or ``close of IBM``
    ``band``    highs and lows, where the signal takes them
    ``place``   of the instrument among all: inputs are (times, instruments) then
    """

    symbol: str
    times_ns: Times
    inputs: tuple[Floats, ...]
    names: tuple[str, ...]
    price: Floats
    price_name: str
    band: tuple[Floats, Floats] | None = None
    place: int | None = None


def read_tape(paths: Sequence[Path], symbols: Iterable[str] = (), *, every: bool = False) -> Tape:
    """Return the records in ``paths`` (without any, the sample's) of ``symbols`` and of the first two, or of ``every``.

    Raises ``FeedError`` for files that cannot be read, ``SeriesRefused`` for an instrument that they do not hold.
    """
    with tempfile.TemporaryDirectory() as folder:
        if not paths:
            paths = [Path(folder) / "stocks.parquet"]
            write_sample(paths[0])
        facts = [inspect(path) for path in paths]
        instruments = instruments_of(facts)
        known = tuple(dict.fromkeys(symbol for fact in facts for symbol in fact.symbols))
        wanted = list(dict.fromkeys([*symbols, *(known if every else known[:2])]))
        for symbol in wanted:
            if symbol not in known:
                raise SeriesRefused(f"no instrument {symbol!r} in {_listed(paths)}; allowed: {', '.join(known[:20])}")
        ids = {instrument.id: instrument.symbol for instrument in instruments if instrument.symbol in wanted}
        feed = ReplayFeed(paths, instruments)
        found: dict[tuple[str, Kind], list[Records]] = {}
        while (batch := feed.read()) is not None:
            for kind, records in batch.arrays().items():
                for number, symbol in ids.items():
                    part = records[records["instrument"] == number]
                    if len(part):
                        found.setdefault((symbol, kind), []).append(part)
        feed.close()
    return Tape(tuple(wanted), {place: joined(parts) for place, parts in found.items()})


def columns_of(inputs: Sequence[str], kinds: Sequence[Kind]) -> dict[str, Column]:
    """Return a column for each of ``inputs`` that records of ``kinds`` can give, all from one kind where one has all.

    From quotes and trades together: the trades, each with the quote before it.
    """
    def of(kind: Kind) -> dict[str, Column]:
        # Beside a quote a price is a trade's: a mid would say of every trade that it cost nothing.
        meant = {k: c for k, c in MEANT[kind].items() if not (k == "price" and "bid" in inputs)}
        meant |= {name: name for name in COLUMNS[kind]}
        return {name: Column(meant[name], kind) for name in inputs if name in meant}

    found = [of(kind) for kind in kinds]
    whole = [each for each in found if len(each) == len(inputs)]
    if whole:
        return whole[0]
    together = {name: column for kind in (Kind.QUOTE, Kind.TRADE) if kind in kinds for name, column in of(kind).items()}
    return max([together, *found], key=len)


def series_of(
    tape: Tape, signal: str, inputs: Sequence[str], symbol: str, given: Mapping[str, tuple[str, str]], where: str,
) -> Series:
    """Return the inputs of ``signal`` for ``symbol``; ``given``: input -> (column, symbol or "") in place of the usual.

    Raises ``SeriesRefused`` where columns or a second instrument are missing.
    """
    kinds = tape.kinds(symbol)
    found = columns_of([name for name in inputs if name not in given], kinds)
    for name, (column, of) in given.items():
        having = [kind for kind in tape.kinds(of or symbol) if column in COLUMNS[kind]]
        if name not in inputs or not having:
            raise SeriesRefused(f"--input {name}={column}: allowed: {' or '.join(inputs)} = one of "
                                f"{_offered(tape.kinds(of or symbol))}, @ an instrument")
        found[name] = Column(column, having[0], of)
    missing = [name for name in inputs if name not in found or _is_unknown(tape, symbol, found[name])]
    if missing:
        raise SeriesRefused(f"{signal} needs {', '.join(inputs)}; {where} has no {', '.join(missing)}; it has "
                            f"{_offered(kinds)}: --input {missing[0]}=COLUMN takes one of them")
    if OTHER in inputs and OTHER not in given:
        others = [name for name in tape.symbols if name != symbol and (name, found[OTHER].kind) in tape.records]
        if not others:
            raise SeriesRefused(f"{signal} needs two instruments, x and y; {where} holds {symbol} alone; "
                                "--input y=COLUMN takes another column of it")
        found[OTHER] = msgspec.structs.replace(found[OTHER], symbol=others[0])
    return _joined(tape, symbol, inputs, found)


def among(
    tape: Tape, signal: str, inputs: Sequence[str], symbol: str, given: Mapping[str, tuple[str, str]], where: str,
) -> Series:
    """Return the inputs of an entry that compares instruments, (times of ``symbol``, instruments), ``symbol`` first.

    An instrument without a bar at a time is absent then; of quotes and trades it has the latest. Raises
    ``SeriesRefused`` as ``series_of`` does, and where there is one instrument alone.
    """
    symbols = [symbol, *(name for name in tape.symbols if name != symbol)]
    if len(symbols) < 2:
        raise SeriesRefused(f"{signal} compares instruments at each time; {where} holds {symbol} alone")
    usual = {name: (MEANT_AMONG[name], "") for name in inputs if name in MEANT_AMONG}
    wanted = {**usual, **given}
    named = [of for _, of in wanted.values() if of]
    if named:
        raise SeriesRefused(f"{signal} takes a column of all instruments: allowed: --input NAME=COLUMN without "
                            f"@{named[0]}")
    own = series_of(tape, signal, inputs, symbol, wanted, where)
    columns = []
    for name in inputs:
        column = Column(wanted[name][0], next(k for k in tape.kinds(symbol) if wanted[name][0] in COLUMNS[k]))
        rows = []
        for other in symbols:
            records = tape.records.get((other, column.kind))
            rows.append(np.full(len(own.times_ns), np.nan) if records is None else _at(own.times_ns, records, column))
        columns.append(np.stack(rows, axis=1))
    names = tuple(f"{name}, {len(symbols)} instruments" for name in own.names)
    return msgspec.structs.replace(own, inputs=tuple(columns), names=names, place=0)


def _at(times: Times, records: Records, column: Column) -> Floats:
    others, values = records["event_time_ns"], _values(records, column)
    found = _latest(times, others, values)
    return np.where(np.isin(times, others), found, np.nan) if column.kind == Kind.BAR else found


def _joined(tape: Tape, symbol: str, inputs: Sequence[str], found: Mapping[str, Column]) -> Series:
    own = [column.kind for column in found.values() if not column.symbol]
    base = Kind.TRADE if Kind.TRADE in own else own[0] if own else next(iter(found.values())).kind
    rows = tape.records[symbol, base]
    times: Times = np.ascontiguousarray(rows["event_time_ns"])
    columns = []
    for name in inputs:
        column = found[name]
        records = tape.records[column.symbol or symbol, column.kind]
        values = _values(records, column)
        columns.append(values if records is rows else _latest(times, records["event_time_ns"], values))
    names = tuple(found[n].column + (f" of {found[n].symbol}" if found[n].symbol else "") for n in inputs)
    price = PRICE[base]
    return Series(symbol=symbol, times_ns=times, inputs=tuple(columns), names=names, price_name=price,
                  price=_values(rows, Column(price, base)),
                  band=(_field(rows, "high"), _field(rows, "low")) if {"high", "low"} <= set(inputs) else None)


def _latest(times: Times, others: Times, values: Floats) -> Floats:
    """Return for each of ``times`` the value with the latest of ``others`` not behind it, NaN before the first."""
    place = np.searchsorted(others, times, side="right") - 1
    return np.where(place >= 0, values[place], np.nan)


def _values(records: Records, column: Column) -> Floats:
    if column.column == "mid":
        return 0.5 * _field(records, "bid") + 0.5 * _field(records, "ask")
    if column.column == "signed_volume":
        return _field(records, "size") * _tick_rule(_field(records, "price"))
    if column.column == "return":
        price = _values(records, Column(PRICE[column.kind], column.kind))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.diff(np.log(price), prepend=np.nan)
    return _field(records, column.column)


def _tick_rule(price: Floats) -> Floats:
    """Return 1 after a rise, -1 after a fall, as before where the price stays; NaN until it first moves."""
    moves = np.sign(np.diff(price, prepend=np.nan))
    latest = np.maximum.accumulate(np.where(np.abs(moves) == 1.0, np.arange(len(moves)), -1))
    return np.where(latest >= 0, moves[latest], np.nan)


def _field(records: Records, name: str) -> Floats:
    return np.ascontiguousarray(records[name], dtype=np.float64)


def _is_unknown(tape: Tape, symbol: str, column: Column) -> bool:
    """Tell whether a column is there in name only: sizes of quotes may be left out of a file."""
    records: Any = tape.records.get((column.symbol or symbol, column.kind))
    return records is None or bool(np.isnan(_values(records, column)).all())


def _offered(kinds: Iterable[Kind]) -> str:
    return " and ".join(f"{kind.name.lower()}s ({', '.join(COLUMNS[kind])})" for kind in kinds) or "nothing"


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(path.name for path in paths)
