"""Input for signals: series that exercise every branch, whatever the inputs are called."""

from typing import Any

import numpy as np

NAMED = ("open", "high", "low", "close", "volume")


def bars(n: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Return bars of a random walk: high and low around open and close, now and then a bar like the one before."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    opened = close * np.exp(rng.normal(0, 0.004, n))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, 0.004, n)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, 0.004, n)))
    made = {"open": opened, "high": high, "low": low, "close": close, "volume": rng.integers(1, 1000, n) * 100.0}
    for i in range(11, n, 17):
        for column in made.values():
            column[i] = column[i - 1]
    return made


def columns(signal: Any, n: int, seed: int = 1) -> list[np.ndarray]:
    """Return the signal's inputs; what is not a column of a bar is a random walk, positive."""
    made = bars(n, seed)
    rng = np.random.default_rng(seed + 100)
    quotes = {"bid": np.round(made["close"], 1), "ask": np.round(made["close"], 1) + 0.1 * rng.integers(1, 3, n),
              "bid_size": rng.integers(1, 50, n) * 100.0, "ask_size": rng.integers(1, 50, n) * 100.0}
    walks = {i.name: 50 + np.abs(np.cumsum(rng.normal(size=n))) for i in signal.inputs
             if i.name not in made and i.name not in quotes and i.name != "x"}
    known = {"x": made["close"], **made, **quotes, **walks}
    return [known[i.name].copy() for i in signal.inputs]


def small(signal: Any) -> dict[str, Any]:
    """Return parameters with short windows, so that rings wrap often: 3 above the least, ordered ones apart."""
    found = {p.name: min(p.low + 3, p.high) if p.whole else p.default for p in signal.parameters}
    for below, above in signal.ordered:
        found[above] = found[below] + 4
    return found
