"""Order-flow imbalance of the best quotes, with a memory that fades.

After Cont, Kukanov & Stoikov, "The Price Impact of Order Book Events", Journal of Financial Econometrics 12(1), 2014,
section 2. The n-th quote (bid price B, its size b, ask price A, its size a) contributes

    e_n = 1{B_n >= B_(n-1)} b_n - 1{B_n <= B_(n-1)} b_(n-1) - 1{A_n <= A_(n-1)} a_n + 1{A_n >= A_(n-1)} a_(n-1)

units: what came to the bid or left the ask, less what left the bid or came to the ask. The paper sums e_n over ten
seconds and explains the move of the mid, in ticks, by that sum over twice the depth. Here the sum forgets, so that each
quote costs O(1), and the depth is averaged with the same memory:

    flow_n  = decay * flow_(n-1) + e_n                              units
    depth_n = depth_(n-1) + (1 - decay) * ((b_n + a_n) / 2 - depth_(n-1))      units, starts at the first quote's
    imbalance_n = flow_n / (2 * depth_n)                            ticks that the paper's stylised book would move

with decay = 1 - 1 / window: the memory is counted in quotes, not in time, so bursts neither flood nor empty it.

NaN rule: a quote with a price or size that is not finite, with a negative size, or whose use would make the state not
finite (an overflow) is ignored: the quote before stays the one that the next is compared with. The imbalance is NaN
until ``window`` quotes were used, and while the depth is 0.
"""

import math

import numpy as np
import numpy.typing as npt

from algotrade.jit import jit

STATE = np.dtype(
    [
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("bid_size", "<f8"),
        ("ask_size", "<f8"),
        ("flow", "<f8"),
        ("depth", "<f8"),
        ("seen", "<i8"),
    ]
)
"""The last quote that was used, the decayed sums of the formula, and how many quotes were used."""


@jit
def contribution(
    last_bid: float, last_ask: float, last_bid_size: float, last_ask_size: float,
    bid: float, ask: float, bid_size: float, ask_size: float,
) -> float:
    """Return e_n of a quote after the last one, in units; inputs are finite."""
    event = 0.0
    if bid >= last_bid:
        event += bid_size
    if bid <= last_bid:
        event -= last_bid_size
    if ask <= last_ask:
        event -= ask_size
    if ask >= last_ask:
        event += last_ask_size
    return event


@jit
def update(
    last_bid: float, last_ask: float, last_bid_size: float, last_ask_size: float, flow: float, depth: float, seen: int,
    bid: float, ask: float, bid_size: float, ask_size: float, decay: float,
) -> tuple[float, float, float, float, float, float, int]:
    """Return the state (bid, ask, bid_size, ask_size, flow, depth, seen) after a quote."""
    mean_size = 0.5 * bid_size + 0.5 * ask_size
    if seen == 0:
        flow_after = 0.0
        depth_after = mean_size
    else:
        flow_after = decay * flow + contribution(
            last_bid, last_ask, last_bid_size, last_ask_size, bid, ask, bid_size, ask_size
        )
        depth_after = depth + (1.0 - decay) * (mean_size - depth)
    usable = (
        bid_size >= 0.0 and ask_size >= 0.0 and math.isfinite(bid) and math.isfinite(ask)
        and math.isfinite(flow_after) and math.isfinite(depth_after)
    )
    if not usable:
        return last_bid, last_ask, last_bid_size, last_ask_size, flow, depth, seen
    return bid, ask, bid_size, ask_size, flow_after, depth_after, seen + 1


@jit
def value(flow: float, depth: float, seen: int, window: int) -> float:
    """Return the imbalance in ticks, positive for buying; NaN while fewer than ``window`` quotes were used."""
    return 0.5 * flow / depth if seen >= window and depth > 0.0 else math.nan


def decay_of(window: int) -> float:
    """Return what is left of an event's weight one quote later, for a memory of ``window`` quotes, 1 or more."""
    if window < 1:
        raise ValueError(f"window is {window}; allowed: 1 or more quotes")
    return 1.0 - 1.0 / window


def batch(
    bid: npt.ArrayLike, ask: npt.ArrayLike, bid_size: npt.ArrayLike, ask_size: npt.ArrayLike, window: int
) -> npt.NDArray[np.float64]:
    """Return the imbalance after each quote, ticks, float64 (n,): what ``update`` gives one by one, bit for bit.

    ``bid``, ``ask``            prices, (n,)
    ``bid_size``, ``ask_size``  units, (n,)
    ``window``                  memory, quotes
    """
    bids, asks, bid_sizes, ask_sizes = (
        np.ascontiguousarray(column, dtype=np.float64) for column in (bid, ask, bid_size, ask_size)
    )
    lengths = [len(column) for column in (bids, asks, bid_sizes, ask_sizes)]
    if len(set(lengths)) != 1:
        raise ValueError(f"lengths of bid, ask, bid_size and ask_size are {lengths}; allowed: the same")
    return _batch(bids, asks, bid_sizes, ask_sizes, decay_of(window), window)


@jit
def _batch(
    bid: npt.NDArray[np.float64], ask: npt.NDArray[np.float64], bid_size: npt.NDArray[np.float64],
    ask_size: npt.NDArray[np.float64], decay: float, window: int,
) -> npt.NDArray[np.float64]:
    imbalances = np.empty(len(bid), dtype=np.float64)
    last_bid = last_ask = last_bid_size = last_ask_size = flow = depth = 0.0
    seen = 0
    for i in range(len(bid)):
        last_bid, last_ask, last_bid_size, last_ask_size, flow, depth, seen = update(
            last_bid, last_ask, last_bid_size, last_ask_size, flow, depth, seen,
            bid[i], ask[i], bid_size[i], ask_size[i], decay,
        )
        imbalances[i] = value(flow, depth, seen, window)
    return imbalances
