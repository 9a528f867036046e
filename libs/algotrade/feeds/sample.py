"""The default data: 13 years of daily bars of five US stocks, in the public domain (Quandl WIKI prices).

They come with the PyPI package bokeh_sampledata, which ``pip install 'algotrade[demo]'`` brings, as unadjusted prices
with an adjusted close. Here they become adjusted bars in the documented schema.
"""

import importlib.util
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from algotrade.feeds.columns import numbers
from algotrade.feeds.convert import write_table
from algotrade.feeds.port import FeedError
from algotrade.feeds.schema import SYMBOL_COLUMN, TIME_COLUMN
from algotrade.feeds.tables import plain, read_csv

_PACKAGE = "bokeh_sampledata"
_FILE = Path("_data") / "stocks.csv.gz"
_MARKET = "America/New_York"
_OPENS = time(9, 30)
_EPOCH = date(1970, 1, 1)
_PRICE_DECIMALS = 4

Floats = npt.NDArray[np.float64]


def sample_source() -> Path:
    """Return the path of the package's CSV file; ``FeedError`` where it is not installed."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise FeedError(f"package {_PACKAGE} is not installed; the sample data need it: pip install 'algotrade[demo]'")
    path = Path(found.origin).parent / _FILE
    if not path.exists():
        raise FeedError(f"{path}: does not exist: this version of {_PACKAGE} has no stocks; "
                        "pip install 'algotrade[demo]'")
    return path


def write_sample(path: Path) -> None:
    """Write the sample as Parquet, sorted by (symbol, ts_event): AAPL, FB, GOOG, IBM, MSFT from 2000-03 to 2013-03.

    Open, high, low and close times the ratio of adjusted to raw close, to four decimals; volume divided by it, in whole
    shares. ``ts_event`` is 09:30 in New York. The bytes depend on the package and on pyarrow only. Raises
    ``FeedError`` where the package or the time zone database is missing, or ``path`` cannot be written.
    """
    rows = read_csv(sample_source())
    ratio = _numbers(rows, "Adj Close") / _numbers(rows, "Close")
    open_, high, low, close = (np.round(_numbers(rows, name) * ratio, _PRICE_DECIMALS)
                               for name in ("Open", "High", "Low", "Close"))
    days = plain(rows.column("Date").combine_chunks().cast(pa.date32()).cast(pa.int32()))
    symbols = rows.column("Ticker").combine_chunks().cast(pa.string())
    adjusted = pa.table({
        TIME_COLUMN: pa.array(_opens_ns(days)),
        "session_date": pa.array(days, pa.date32()),
        SYMBOL_COLUMN: symbols,
        "open": open_,
        # Rounding keeps the order of prices, but a few rows of the source lack it.
        "high": np.maximum.reduce([open_, high, low, close]),
        "low": np.minimum.reduce([open_, high, low, close]),
        "close": close,
        "volume": np.rint(_numbers(rows, "Volume") / ratio).astype(np.int64),
    }).sort_by([(SYMBOL_COLUMN, "ascending"), (TIME_COLUMN, "ascending")])
    named = adjusted.schema.get_field_index(SYMBOL_COLUMN)
    write_table(adjusted.set_column(named, SYMBOL_COLUMN, adjusted.column(named).dictionary_encode()), path)


def _numbers(rows: Any, column: str) -> Floats:
    return numbers(Path(_FILE.name), column, rows.column(column).combine_chunks())


def _opens_ns(days: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return 09:30 in New York of each of ``days`` (counted from 1970-01-01), ns since 1970 UTC."""
    try:
        market = ZoneInfo(_MARKET)
    except ZoneInfoNotFoundError as error:
        raise FeedError(f"there is no time zone {_MARKET} on this system; allowed: a tz database: "
                        "pip install tzdata") from error
    distinct, place = np.unique(days, return_inverse=True)
    opens = [datetime.combine(_EPOCH + timedelta(days=day), _OPENS, market).timestamp() for day in distinct.tolist()]
    return (np.array(opens, np.int64) * 1_000_000_000)[place]
