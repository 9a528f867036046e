"""Signals: numbers computed from market data, one value per observation, streaming and in batches.

    from algotrade.signals import catalog

    catalog["rsi"].batch(close, period=14)        # float64 of the input's length, NaN until known
    state = catalog["rsi"].state(period=14)       # one record; its bytes are its snapshot
    catalog["rsi"].update(state, price)           # the value now; compiled, for Python and for kernels alike
    catalog["rsi"].feed(state, more_prices)       # the values after each of them
    catalog["rsi"].sweep(close, period=[7, 14])   # (2, n), in parallel

    catalog["volume_bars"].batch(time_ns, price, size, volume=10_000)   # bars from trades (``bars``)
    catalog["cross_zscore"].batch(values)                               # across symbols at each time (``panel``)

Every signal is a step over a record, compiled once for all parameter values (``signal``): streaming, batch, panel and
sweep run the same step, so they agree bit for bit. A strategy nests ``catalog[...].dtype()`` in its own state and calls
``catalog[...].update`` from its kernel, bound to a name of its module; or, as ``ema_cross`` and ``ofi`` do, it
calls the scalar functions of ``ema`` and ``order_flow`` and keeps the parameters elsewhere.

**Unusable observations.** One rule for all: an observation with an input that is NaN, infinite or of a magnitude
above 1e60, that is not above 1e-60 where it must be positive (prices of which a ratio or logarithm is taken), or that
is negative where it must not be (sizes), is ignored as a whole. The state stays as it was and the value with it: it is
repeated, NaN before the first. A value that is not defined (a ratio over a range of 0) is NaN at that observation only.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from algotrade.signals.catalogue import catalog

__all__ = ["catalog"]


def __getattr__(name: str) -> Any:
    """Import the catalogue when it is asked for: a strategy that needs one module loads that alone."""
    if name == "catalog":
        from algotrade.signals.catalogue import catalog  # noqa: PLC0415 -- this is the point

        return catalog
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
