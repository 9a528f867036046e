"""Order statistics of a window: one rank in two heaps, O(log window) an observation; the extremes in a queue."""

import math
from typing import Any

import numpy as np

from algotrade.jit import jit
from algotrade.signals.blocks import extremes, highest
from algotrade.signals.signal import Signal, any_of, factor, window


def ranked(capacity: int) -> np.dtype[Any]:
    """Return the fields of the window's values and of the heaps over them.

    A value stays in one slot of ``values`` while it is in the window. ``low`` holds the slots of the smallest values,
    the largest of them on top, ``high`` the others, the smallest on top; ``places`` says where a slot is: its place in
    ``low``, or -1 less its place in ``high``.
    """
    return np.dtype([
        ("slot", "<i8"), ("count", "<i8"), ("in_low", "<i8"), ("values", "<f8", (capacity,)),
        ("low", "<i8", (capacity,)), ("high", "<i8", (capacity,)), ("places", "<i8", (capacity,))])


@jit
def _place(b: Any, side: int, at: int, slot: int) -> None:
    if side < 0:
        b["low"][at] = slot
        b["places"][slot] = at
    else:
        b["high"][at] = slot
        b["places"][slot] = -1 - at


@jit
def _sift(b: Any, side: int, at: int, size: int) -> None:
    """Move the slot at ``at`` up or down its heap to where it belongs; ``side`` -1: ``low``, 1: ``high``."""
    values = b["values"]
    heap = b["low"] if side < 0 else b["high"]
    slot = heap[at]
    value = side * values[slot]
    while at > 0:
        above = heap[(at - 1) // 2]
        if side * values[above] <= value:
            break
        _place(b, side, at, above)
        at = (at - 1) // 2
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and side * values[heap[below + 1]] < side * values[heap[below]]:
            below += 1
        if side * values[heap[below]] >= value:
            break
        _place(b, side, at, heap[below])
        at = below
    _place(b, side, at, slot)


@jit
def put(b: Any, window: int, share: float, x: float) -> None:
    """Put ``x`` in, so that ``low`` holds the ranks up to ``share`` of the way through the window."""
    slot = b["slot"]
    count = b["count"]
    b["slot"] = slot + 1 if slot + 1 < window else 0
    b["values"][slot] = x
    if count < window:
        b["count"] = count + 1
        if b["in_low"] < int(share * count) + 1:
            _place(b, -1, b["in_low"], slot)
            b["in_low"] += 1
        else:
            _place(b, 1, count - b["in_low"], slot)
    in_low = b["in_low"]
    in_high = b["count"] - in_low
    at = b["places"][slot]
    if at >= 0:
        _sift(b, -1, at, in_low)
    else:
        _sift(b, 1, -1 - at, in_high)
    if in_high > 0 and b["values"][b["low"][0]] > b["values"][b["high"][0]]:
        smaller, larger = b["high"][0], b["low"][0]
        _place(b, -1, 0, smaller)
        _place(b, 1, 0, larger)
        _sift(b, -1, 0, in_low)
        _sift(b, 1, 0, in_high)


@jit
def quantile_of(b: Any, share: float) -> float:
    """Return the value ``share`` of the way through the sorted window, between two of them on the line."""
    place = share * (b["count"] - 1)
    below = b["values"][b["low"][0]]
    part = place - int(place)
    if part == 0.0 or b["count"] == b["in_low"]:
        return below
    above = b["values"][b["high"][0]]
    return below + part * (above - below)


@jit
def _median(s: Any, x: float) -> float:
    put(s["ranked"], s["period"], 0.5, x)
    return quantile_of(s["ranked"], 0.5) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _quantile(s: Any, x: float) -> float:
    put(s["ranked"], s["period"], s["share"], x)
    return quantile_of(s["ranked"], s["share"]) if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _maximum(s: Any, x: float) -> float:
    top = highest(s["extremes"], s["period"], x)
    return top if s["seen"] + 1 >= s["period"] else math.nan


@jit
def _minimum(s: Any, x: float) -> float:
    bottom = -highest(s["extremes"], s["period"], -x)
    return bottom if s["seen"] + 1 >= s["period"] else math.nan


ORDER = (
    Signal(
        name="rolling_median", family="statistics", inputs=any_of("x"), parameters=(window(20),), step=_median,
        unit="that of the input", fields=lambda n: [("ranked", ranked(n))], warm_up=lambda period: period,
        formula="the middle of the last period values, or half-way between the two middle ones",
        source="pandas rolling.median"),
    Signal(
        name="rolling_quantile", family="statistics", inputs=any_of("x"), step=_quantile, unit="that of the input",
        parameters=(window(20), factor("share", 0.25, 0.0, 1.0)), fields=lambda n: [("ranked", ranked(n))],
        warm_up=lambda period, **_: period,
        formula="the value share of the way through the sorted last period values, linear between two",
        source="numpy.quantile, method linear; pandas rolling.quantile"),
    Signal(
        name="rolling_max", family="statistics", inputs=any_of("x"), parameters=(window(30),), step=_maximum,
        unit="that of the input", fields=lambda n: [("extremes", extremes(n))], warm_up=lambda period: period,
        formula="the largest of the last period values", source="TA-Lib MAX"),
    Signal(
        name="rolling_min", family="statistics", inputs=any_of("x"), parameters=(window(30),), step=_minimum,
        unit="that of the input", fields=lambda n: [("extremes", extremes(n))], warm_up=lambda period: period,
        formula="the smallest of the last period values", source="TA-Lib MIN"),
)
