"""Input for signals: series that exercise every branch, whatever the inputs are called."""

from typing import Any

import numpy as np


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


def quotes(made: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return quotes around the closes: five levels of a book, the best one under the plain names as well."""
    n = len(made["close"])
    bid, ask = np.round(made["close"], 1), np.round(made["close"], 1) + 0.1 * rng.integers(1, 3, n)
    book = {"bid": bid, "ask": ask}
    for side in ("bid", "ask"):
        book[f"{side}_size"] = rng.integers(1, 50, n) * 100.0
        for k in range(1, 6):
            book[f"{side}_{k}"] = book[side] + (k - 1) * (0.1 if side == "ask" else -0.1)
            book[f"{side}_size_{k}"] = book[f"{side}_size"] if k == 1 else rng.integers(1, 50, n) * 100.0
    return book


def columns(signal: Any, n: int, seed: int = 1) -> list[np.ndarray]:
    """Return the signal's inputs; what is neither a column of a bar nor of a quote is a random walk, positive."""
    made = bars(n, seed)
    rng = np.random.default_rng(seed + 100)
    known = {"x": made["close"], **made, **quotes(made, rng)}
    known["signed_volume"] = made["volume"] * rng.choice([-1.0, 1.0], n)
    known["own_volume"] = np.round(made["volume"] * rng.uniform(0, 0.2, n))
    names = [i.name for i in signal.inputs]
    walks = {name: 50 + np.abs(np.cumsum(rng.normal(size=n))) for name in names if name not in known}
    if {"price", "bid", "ask"} <= set(names):
        # Trades at either side of the quote and, from the second on, at its middle.
        place = np.concatenate([[1.0], rng.choice([0.0, 0.5, 1.0], n)])[:n]
        walks["price"] = known["bid"] + place * (known["ask"] - known["bid"])
    known |= walks
    return [known[name].copy() for name in names]


def small(signal: Any) -> dict[str, Any]:
    """Return parameters with short windows, so that rings wrap often: 3 above the least, ordered ones apart."""
    found = {p.name: min(p.low + 3, p.high) if p.whole else p.default for p in signal.parameters}
    high = {p.name: p.high for p in signal.parameters}
    for below, above in signal.ordered:
        found[above] = min(found[below] + 4, high[above])
    return found
