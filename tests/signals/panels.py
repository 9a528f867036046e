"""Input for entries that look at many symbols at a time: an array for each input, by the names of its axes."""

from typing import Any

import numpy as np

SIGNALS, FACTORS, GROUPS = 3, 2, 2
HOLES = (np.nan, np.inf, -np.inf, 1e61, -1.7e308)


def arrays(entry: Any, times: int = 14, symbols: int = 11, seed: int = 1) -> list[np.ndarray]:
    """Return values on a grid, so that some are equal; prices are positive; nothing is absent."""
    rng = np.random.default_rng(seed)
    sizes = {"times": times, "symbols": symbols, "signals": SIGNALS, "factors": FACTORS}
    found = []
    for item in entry.inputs:
        size = tuple(sizes[axis] for axis in item.axes)
        if item.labels:
            found.append(rng.integers(0, GROUPS, size))
        elif item.name == "prices":
            found.append(50 + np.abs(np.cumsum(rng.normal(size=size), axis=0)))
        else:
            found.append(np.round(rng.normal(size=size), 1))
    return found


def along(item: Any, array: np.ndarray, axis: str, places: Any) -> np.ndarray:
    """Return the places of an axis, the array as it is where the input has no such axis."""
    return np.take(array, places, axis=item.axes.index(axis)) if axis in item.axes else array


def with_hole(item: Any, array: np.ndarray, symbol: int, hole: float) -> np.ndarray:
    """Return the array with a symbol of which nothing is known, groups and weights of signals as they are."""
    if "symbols" not in item.axes or item.labels:
        return array
    found = array.copy()
    np.moveaxis(found, item.axes.index("symbols"), 0)[symbol] = hole
    return found
