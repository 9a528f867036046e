"""Stoikov's micro-price: the mid that is to be expected, given the imbalance of the queues and the spread.

S. Stoikov, "The micro-price: a high-frequency estimator of future prices", Quantitative Finance 18(12), 2018: the limit
of the expected mid at its k-th move from now, k to infinity. Imbalance (in buckets) and spread (in ticks) make a finite
Markov chain, of which the paper counts, on data to which the mirrored market is added, the moves without a change of
the mid (Q), with one (T) and the changes themselves (R). The adjustment of the mid is G1 + B G1 + B^2 G1 + ... with
G1 = (1 - Q)^-1 R K and B = (1 - Q)^-1 T. That sum solves

    (1 - Q - T) G = r,   r = expected change of the mid at the next quote,

which says no more than that mid + G is a martingale; and because of the mirror G of a state is -G of its mirror image,
so half of the states are unknowns and no constant is left open. This file counts one transition per quote and solves
that system every ``refit`` quotes: the paper's estimator, from all quotes so far and none that come later.

States: five buckets of |bid_size - ask_size| / (bid_size + ask_size) on either side, a balanced book by itself (its
adjustment is 0), and spreads of 1, 2, 3 and 4 ticks or more. What the paper leaves out of the sample (wider spreads)
is here in the last state, and changes of the mid have any size. A locked or crossed book and one without size is in
no state: no transition leads to it or from it, and its micro-price is NaN.
"""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.signal import Signal, book_level, factor, period

BUCKETS = 5
"""Buckets of the imbalance on either side of balance."""

SPREADS = 4
"""Spreads told apart, in ticks; the last is that and more."""

STATES = BUCKETS * SPREADS

UNDETERMINED = 1e-9
"""A pivot below this share of a state's visits is rounding: the quotes so far do not determine its adjustment."""


@jit
def state_of(bid: float, bid_size: float, ask: float, ask_size: float, tick: float) -> int:
    """Return the state of a quote with more to buy, 1 .. STATES, minus that of its mirror image, 0 of a balanced book.

    ``ask`` is above ``bid``, and not both sizes are 0.
    """
    if bid_size == ask_size:
        return 0
    tilt = abs(bid_size - ask_size) / (bid_size + ask_size)
    bucket = int(min(tilt * BUCKETS, BUCKETS - 1.0))
    ticks = int(min(max((ask - bid) / tick + 0.5, 1.0), SPREADS * 1.0))
    state = (ticks - 1) * BUCKETS + bucket + 1
    return state if bid_size > ask_size else -state


@jit
def _count(s: Any, before: int, now: int, change: float) -> None:
    """Count a transition and its mirror image, which is the same row: signs are relative to the state before."""
    if before == 0:
        return
    row = abs(before) - 1
    side = 1.0 if before > 0 else -1.0
    s["visits"][row] += 1.0
    s["changes"][row] += side * change
    if now != 0:
        s["transitions"][row, abs(now) - 1] += side if now > 0 else -side


@jit
def solve(transitions: Any, visits: Any, changes: Any, system: Any, found: Any) -> None:
    """Solve (visits - transitions) found = changes; ``system`` is overwritten, what is not determined is 0.

    No row's off-diagonal sum exceeds its diagonal, so elimination needs no exchange of rows.
    """
    for i in range(STATES):
        for j in range(STATES):
            system[i, j] = (visits[i] if i == j else 0.0) - transitions[i, j]
        found[i] = changes[i]
    for k in range(STATES):
        if system[k, k] <= UNDETERMINED * visits[k]:
            continue
        for i in range(k + 1, STATES):
            share = system[i, k] / system[k, k]
            for j in range(k + 1, STATES):
                system[i, j] -= share * system[k, j]
            found[i] -= share * found[k]
    for back in range(STATES):
        k = STATES - 1 - back
        rest = found[k]
        for j in range(k + 1, STATES):
            rest -= system[k, j] * found[j]
        found[k] = rest / system[k, k] if system[k, k] > UNDETERMINED * visits[k] else 0.0


@jit
def _microprice(s: Any, bid: float, bid_size: float, ask: float, ask_size: float) -> float:
    mid = 0.5 * (bid + ask)
    known = ask > bid and bid_size + ask_size > 0.0
    now = state_of(bid, bid_size, ask, ask_size, s["tick"]) if known else 0
    if known and s["linked"] > 0:
        _count(s, s["state"], now, mid - s["mid"])
    s["linked"] = 1 if known else 0
    s["state"] = now
    s["mid"] = mid
    s["since"] += 1
    if s["since"] == s["refit"]:
        s["since"] = 0
        solve(s["transitions"], s["visits"], s["changes"], s["system"], s["adjustments"])
    if not known or s["seen"] + 1 < s["refit"]:
        return math.nan
    if now == 0:
        return mid
    adjustment = s["adjustments"][abs(now) - 1]
    return mid + adjustment if now > 0 else mid - adjustment


def _fields(_: int) -> list[Any]:
    square = (STATES, STATES)
    return [("mid", "<f8"), ("state", "<i8"), ("linked", "<i8"), ("since", "<i8"), ("visits", "<f8", (STATES,)),
            ("changes", "<f8", (STATES,)), ("adjustments", "<f8", (STATES,)), ("transitions", "<f8", square),
            ("system", "<f8", square)]


MICROPRICE = Signal(
    name="microprice", family="microstructure", unit="that of the prices", step=_microprice, fields=_fields,
    inputs=book_level(),
    parameters=(factor("tick", 0.01, 1e-12, 1e12, "that of the prices"), period(1_000, low=2, name="refit")),
    warm_up=lambda refit, **_: refit,
    formula="mid + G(imbalance bucket, spread in ticks), G = G1 + B G1 + B^2 G1 + ... of the chain counted over all "
            "quotes so far and their mirror images, solved anew every refit quotes",
    source="S. Stoikov, Quantitative Finance 18(12), 2018; the spread's last state is 4 ticks or more")
