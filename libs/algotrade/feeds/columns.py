"""Columns of times, symbols and numbers as numpy arrays, each row checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from algotrade.feeds.port import FeedError
from algotrade.feeds.tables import plain, translated

# Far enough from the ends of int64 that adding the duration of a bar cannot overflow.
TIME_MIN_NS = int(np.datetime64("1970-01-01", "ns").astype(np.int64))
TIME_MAX_NS = int(np.datetime64("2200-01-01", "ns").astype(np.int64))


def time_text(time_ns: int) -> str:
    """Return ``time_ns`` as people read it: 2013-10-07T13:30:00.000000000Z."""
    return f"{np.datetime64(time_ns, 'ns')}Z"


def times_ns(path: Path, column: str, array: Any, first_row: int) -> npt.NDArray[np.int64]:
    """Return ``array`` (int64 or timestamps) as int64 ns since 1970 UTC, shape (rows,).

    ``first_row`` is the row of ``array[0]`` in the file, for the message. Raises ``FeedError`` where a time is missing
    or outside 1970 to 2199.
    """
    if array.null_count:
        row = first_row + array.is_null().index(True).as_py()
        raise FeedError(f"{path}: {column} of row {row} (counted from 0) is missing; allowed: a time in every row")
    with translated(path, what=f"column {column!r} ", allowed="times from 1970 to 2199"):
        if pa.types.is_timestamp(array.type):
            array = array.cast(pa.timestamp("ns", array.type.tz)).view(pa.int64())
        times: npt.NDArray[np.int64] = plain(array.cast(pa.int64()))
    if len(times) and not (times.min() >= TIME_MIN_NS and times.max() < TIME_MAX_NS):
        row = int(np.argmax((times < TIME_MIN_NS) | (times >= TIME_MAX_NS)))
        raise FeedError(f"{path}: {column} of row {first_row + row} (counted from 0) is {times[row]} = "
                        f"{time_text(int(times[row]))}; allowed: nanoseconds since 1970 UTC, from 1970 to 2199")
    return times


def numbers(path: Path, column: str, array: Any) -> npt.NDArray[np.float64]:
    """Return ``array`` as float64, shape (rows,); missing values are NaN.

    Raises ``FeedError`` where a double cannot hold an integer exactly.
    """
    with translated(path, what=f"column {column!r} ", allowed="numbers that a double can hold"):
        if pa.types.is_decimal(array.type):
            # By way of text: arrow's own cast multiplies by a power of ten and misses the nearest double.
            array = array.cast(pa.string())
        array = array.cast(pa.float64())
        if not array.null_count:
            return plain(array)
        filled = np.full(len(array), np.nan)
        filled[plain(array.is_valid().cast(pa.uint8())) == 1] = plain(array.drop_null())
        return filled


class SymbolCodes:
    """Turns columns of symbols into integers: the ids of ``known``, or numbers in order of appearance.

    ``codes`` is the mapping so far, by symbol.
    """

    def __init__(self, path: Path, known: Mapping[str, int] | None = None) -> None:
        self._path = path
        self._grows = known is None
        self.codes: dict[str, int] = dict(known or {})
        self._dictionary: Any = None
        self._code_of_index = np.empty(0, np.int32)

    def encode(self, array: Any, first_row: int) -> npt.NDArray[np.int32]:
        """Return the code of every row of ``array``, int32, shape (rows,).

        Raises ``FeedError`` where a symbol is missing, empty or not known.
        """
        if not pa.types.is_dictionary(array.type):
            array = array.cast(pa.string()).dictionary_encode()
        if array.null_count:
            self._refuse_missing(first_row + array.is_null().index(True).as_py())
        indices: npt.NDArray[np.int32] = plain(array.indices)
        # Batches of one file mostly share one dictionary.
        if self._dictionary is None or not array.dictionary.equals(self._dictionary):
            self._dictionary = array.dictionary
            self._code_of_index = np.full(len(array.dictionary), -1, np.int32)
        codes = self._code_of_index[indices]
        if len(codes) and codes.min() < 0:
            self._learn(array.dictionary.to_pylist(), indices, first_row)
            codes = self._code_of_index[indices]
        return codes

    def _learn(self, symbols: list[str | None], indices: npt.NDArray[np.int32], first_row: int) -> None:
        # A dictionary may hold symbols that no row uses: only those in use are looked up.
        used, first = np.unique(indices, return_index=True)
        for i in np.argsort(first):
            symbol, row = symbols[used[i]], first_row + int(first[i])
            if not symbol:
                self._refuse_missing(row)
            if symbol not in self.codes:
                if not self._grows:
                    known = ", ".join(sorted(self.codes)[:20]) or "none"
                    raise FeedError(f"{self._path}: symbol of row {row} (counted from 0) is {symbol!r}; "
                                    f"allowed: the known instruments {known}")
                self.codes[symbol] = len(self.codes)
            self._code_of_index[used[i]] = self.codes[symbol]

    def _refuse_missing(self, row: int) -> NoReturn:
        raise FeedError(f"{self._path}: symbol of row {row} (counted from 0) is missing; "
                        "allowed: a symbol in every row")
