"""Several signals as one, and what it costs to follow it: blend and turnover."""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.panel import Array, Arrays, Panel, PanelInput
from algotrade.signals.rows import is_usable


@jit
def _blend(columns: Any, t: int, out: Any, work: Any) -> None:  # noqa: ARG001 -- as every step
    signals, weights = columns
    weight = weights[t] if len(weights) > 1 else weights[0]
    for i in range(out.shape[1]):
        total, present, gross = 0.0, 0.0, 0.0
        for k in range(len(signals)):
            if is_usable(weight[k]):
                gross += abs(weight[k])
                if is_usable(signals[k, t, i]):
                    present += abs(weight[k])
                    total += weight[k] * signals[k, t, i]
        # All there: the weighted sum itself, not a last digit away from it.
        scale = 1.0 if present == gross else gross / present
        out[t, i] = total * scale if present > 0.0 else math.nan


@jit
def _gross(row: Any) -> float:
    """Return the sum of magnitudes, NaN where no symbol is present."""
    total, count = 0.0, 0
    for i in range(len(row)):
        if is_usable(row[i]):
            total += abs(row[i])
            count += 1
    return total if count > 0 else math.nan


@jit
def turnover_row(before: Any, now: Any) -> float:
    """Return half the sum of the changes from one row of weights to the next, each brought to a gross of 1."""
    gross_before = _gross(before)
    gross_now = _gross(now)
    if math.isnan(gross_before) or math.isnan(gross_now):
        return math.nan
    total = 0.0
    for i in range(len(now)):
        old = before[i] / gross_before if is_usable(before[i]) and gross_before > 0.0 else 0.0
        new = now[i] / gross_now if is_usable(now[i]) and gross_now > 0.0 else 0.0
        total += abs(new - old)
    return 0.5 * total


@jit
def _turnover(columns: Any, t: int, out: Any, work: Any) -> None:  # noqa: ARG001 -- as every step
    weights = columns[0]
    out[t] = turnover_row(weights[t - 1], weights[t]) if t > 0 else math.nan


def nothing(_: Arrays, __: dict[str, Any]) -> Arrays:
    """Return no arrays to work in."""
    return (np.empty(0),)


def _equal(sizes: dict[str, int]) -> Array:
    return np.full((1, sizes["signals"]), 1.0 / max(sizes["signals"], 1))


COMBINE = (
    Panel(
        name="blend", family="composition", step=_blend, work=nothing,
        inputs=(PanelInput(name="signals", axes=("signals", "times", "symbols")),
                PanelInput(name="weights", axes=("times", "signals"), constant=True, default=_equal)),
        unit="that of the signals, times that of the weights",
        formula="sum of w_k s_k over the signals that the symbol has, times sum |w_k| of all over that of those it "
                "has: who is absent leaves his weight to the others. A weight that is NaN is of a signal absent "
                "everywhere; without weights each is 1 / signals",
        source="R. Grinold & R. Kahn, Active Portfolio Management, 2000; numpy.average"),
    Panel(
        name="turnover", family="composition", step=_turnover, work=nothing, history=True, axes=("times",),
        inputs=(PanelInput(name="weights"),), warm_up=lambda: 2, unit="share of the gross, 0 to 1",
        formula="1/2 sum |w_t - w_(t-1)|, w the weights over the sum of their magnitudes; absent is 0, all 0 is flat; "
                "NaN at the first time and where a row has no symbol",
        source="R. Grinold & R. Kahn, Active Portfolio Management, 2000"),
)
