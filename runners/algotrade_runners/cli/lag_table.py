"""The table of `algotrade bus lag` and `stats`: a row for each reader of each topic partition."""

from rich.table import Table

from algotrade.bus import Bus
from algotrade.bus.lag import Lag, age_s, lags
from algotrade.domain import SystemClock
from algotrade_runners.positions import known_positions


def lag_table(bus: Bus) -> Table:
    """Return how far every reader on ``bus`` is behind, now."""
    table = Table(title="readers", title_justify="left")
    for column in ("topic", "reader", "handled", "next", "behind", "seconds", "kept from"):
        table.add_column(column, justify="left" if column in {"topic", "reader"} else "right", no_wrap=True)
    found = lags(bus, known_positions(bus))
    now_ns = SystemClock().time_ns()
    for one in found:
        # The snapshot before the newest must find its inputs too, so more is kept than is not handled.
        table.add_row(f"{one.topic}/{one.partition}", one.reader, f"{one.handled:,}", f"{one.end:,}",
                      f"{one.behind:,}", _seconds(one, now_ns), f"{one.kept_from:,}")
    return table


def _seconds(lag: Lag, now_ns: int) -> str:
    if not lag.behind:
        return "0.0"
    return f"{age_s(lag.oldest_ns, now_ns):,.1f}" if lag.oldest_ns else "?"
