"""The two loops around every signal's step: one observation, and arrays of them.

Arrays are run through in the same step, compiled a second time for a state whose blocks are all full (``hot``): nothing
is left in it but the arithmetic. ``update`` and ``run`` are written once, below, and compiled for each signal with the
signal's own functions in the place of the names ``step``, ``usable``, ``put`` and so on. Names, because numba's disk
cache knows a function by its name, place and bytecode: what a closure holds would be part of that key, and compiled
functions have no stable one.
"""

import functools
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from algotrade.jit import jit
from algotrade.signals.arithmetic import LIMIT
from algotrade.signals.hot import is_full, on_stack, put_back, settled

BOOK = 20
"""Inputs of a signal of an order book: bid, its size, ask and its size at each of five levels."""


def _update_1(s: Any, *inputs: Any) -> Any:
    if usable(*inputs):
        value = step(s, *inputs)
        s["value"] = value
        s["seen"] += 1
        return value
    return s["value"] if s["seen"] > 0 else np.nan


def _update_2(s: Any, *inputs: Any) -> Any:
    kept = s["value"]
    if usable(*inputs):
        a, b = step(s, *inputs)
        kept[0], kept[1] = a, b
        s["seen"] += 1
        return outputs(a, b)
    return outputs(kept[0], kept[1]) if s["seen"] > 0 else outputs(np.nan, np.nan)


def _update_3(s: Any, *inputs: Any) -> Any:
    kept = s["value"]
    if usable(*inputs):
        a, b, c = step(s, *inputs)
        kept[0], kept[1], kept[2] = a, b, c
        s["seen"] += 1
        return outputs(a, b, c)
    return outputs(kept[0], kept[1], kept[2]) if s["seen"] > 0 else outputs(np.nan, np.nan, np.nan)


def _update_4(s: Any, *inputs: Any) -> Any:
    kept = s["value"]
    if usable(*inputs):
        a, b, c, d = step(s, *inputs)
        kept[0], kept[1], kept[2], kept[3] = a, b, c, d
        s["seen"] += 1
        return outputs(a, b, c, d)
    if s["seen"] > 0:
        return outputs(kept[0], kept[1], kept[2], kept[3])
    return outputs(np.nan, np.nan, np.nan, np.nan)


def _update_5(s: Any, *inputs: Any) -> Any:
    kept = s["value"]
    if usable(*inputs):
        a, b, c, d, e = step(s, *inputs)
        kept[0], kept[1], kept[2], kept[3], kept[4] = a, b, c, d, e
        s["seen"] += 1
        return outputs(a, b, c, d, e)
    if s["seen"] > 0:
        return outputs(kept[0], kept[1], kept[2], kept[3], kept[4])
    return outputs(np.nan, np.nan, np.nan, np.nan, np.nan)


UPDATE: dict[int, Callable[..., Any]] = {1: _update_1, 2: _update_2, 3: _update_3, 4: _update_4, 5: _update_5}


def _run(states: Any, columns: Any, out: Any, row_step: int, first: int, last: int) -> None:
    for j in range(first, last):
        hot = on_stack(states[j])
        row = j * row_step
        i = 0
        while i < out.shape[2]:
            if is_full(hot):
                i = go_on(hot, columns, out, j, row, i)
            if i < out.shape[2]:
                put(out, j, i, update(hot, *pick(columns, row, i)))
                i += 1
        put_back(hot)


# Most observations pass through here: the same step, of which the compiler has left out what asks whether blocks are
# full. Unsigned places, because of signed ones numba asks whether they count from the end: half of a short step.
def _go_on(hot: Any, columns: Any, out: Any, j: int, row: int, begin: int) -> int:
    """Take observations from ``begin`` on up to one that is not usable; return its place, or the end."""
    s = settled(hot)
    i = begin
    while i < out.shape[2]:
        inputs = pick(columns, np.uintp(row), np.uintp(i))
        if not usable(*inputs):
            break
        put(out, np.uintp(j), np.uintp(i), step(s, *inputs))
        s["seen"] += 1
        i += 1
    if i > begin:
        keep(hot, out, j, i - 1)
    return i


class Loops(NamedTuple):
    """``update(state, *inputs) -> value(s)`` and ``run(states, columns, out, row_step, first, last)``, compiled.

    ``run`` takes state j = first .. last - 1 over row ``j * row_step`` of each column (rows, n) and fills row j of
    ``out`` (states, outputs, n): with ``row_step`` 1 a panel, with 0 a sweep over one series.
    """

    update: Callable[..., Any]
    run: Callable[..., None]


def loops_of(name: str, step: Callable[..., Any], floors: tuple[float, ...], outputs: Any) -> Loops:
    """Return the loops of the signal ``name``; ``floors`` are the least usable values of its inputs."""
    count = 1 if outputs is float else len(outputs._fields)
    is_usable, pick = _usable(floors), PICK[len(floors)]
    put, keep = (_put_one, _keep_one) if outputs is float else (_put_several, _keep_several)
    update = compiled(UPDATE[count], f"{name}_update", step=step, usable=is_usable, outputs=outputs)
    go_on = compiled(_go_on, f"{name}_go_on", step=step, usable=is_usable, pick=pick, put=put, keep=keep)
    return Loops(update, compiled(_run, f"{name}_run", nogil=True, update=update, go_on=go_on, pick=pick, put=put))


def compiled(template: Callable[..., Any], name: str, *, nogil: bool = False, **known: Any) -> Callable[..., Any]:
    """Return the template compiled under ``name``, its free names bound to ``known``."""
    assert isinstance(template, types.FunctionType)
    function = types.FunctionType(template.__code__, {**template.__globals__, **known}, name)
    function.__qualname__, function.__module__ = name, template.__module__
    return jit(function, nogil=nogil)


@functools.cache
def _usable(floors: tuple[float, ...]) -> Callable[..., Any]:
    if len(floors) == BOOK:
        assert floors == floors[:4] * (BOOK // 4), f"floors are {floors}; allowed: the same at each level of a book"
        return compiled(_usable_20, f"usable_above_{floors}", level=_usable(floors[:4]))
    lows: dict[str, Any] = {f"low_{k}": floor for k, floor in enumerate(floors)}
    lows |= {f"free_{k}": floor == -LIMIT for k, floor in enumerate(floors)}
    return compiled(_USABLE[len(floors)], f"usable_above_{floors}", **lows)


def _usable_1(a: float) -> bool:
    return low_0 <= a <= LIMIT


# Of several inputs the magnitudes are added first: where the sum is within the limit each of them is, and a NaN makes
# it a NaN, so that one comparison does for all. Where it is not, each is looked at.
def _usable_2(a: float, b: float) -> bool:
    if abs(a) + abs(b) <= LIMIT:
        return (free_0 or low_0 <= a) and (free_1 or low_1 <= b)
    return low_0 <= a <= LIMIT and low_1 <= b <= LIMIT


def _usable_3(a: float, b: float, c: float) -> bool:
    if abs(a) + abs(b) + abs(c) <= LIMIT:
        return (free_0 or low_0 <= a) and (free_1 or low_1 <= b) and (free_2 or low_2 <= c)
    return low_0 <= a <= LIMIT and low_1 <= b <= LIMIT and low_2 <= c <= LIMIT


def _usable_4(a: float, b: float, c: float, d: float) -> bool:
    if abs(a) + abs(b) + (abs(c) + abs(d)) <= LIMIT:
        return ((free_0 or low_0 <= a) and (free_1 or low_1 <= b) and (free_2 or low_2 <= c)
                and (free_3 or low_3 <= d))
    return low_0 <= a <= LIMIT and low_1 <= b <= LIMIT and low_2 <= c <= LIMIT and low_3 <= d <= LIMIT


def _usable_20(*q: float) -> bool:
    return (level(q[0], q[1], q[2], q[3]) and level(q[4], q[5], q[6], q[7]) and level(q[8], q[9], q[10], q[11])
            and level(q[12], q[13], q[14], q[15]) and level(q[16], q[17], q[18], q[19]))


_USABLE: dict[int, Callable[..., bool]] = {1: _usable_1, 2: _usable_2, 3: _usable_3, 4: _usable_4}


@jit
def _pick_1(columns: Any, row: int, i: int) -> Any:
    return (columns[0][row, i],)


@jit
def _pick_2(columns: Any, row: int, i: int) -> Any:
    return columns[0][row, i], columns[1][row, i]


@jit
def _pick_3(columns: Any, row: int, i: int) -> Any:
    return columns[0][row, i], columns[1][row, i], columns[2][row, i]


@jit
def _pick_4(columns: Any, row: int, i: int) -> Any:
    return columns[0][row, i], columns[1][row, i], columns[2][row, i], columns[3][row, i]


@jit
def _pick_20(columns: Any, row: int, i: int) -> Any:
    return (_pick_4(columns[:4], row, i) + _pick_4(columns[4:8], row, i) + _pick_4(columns[8:12], row, i)
            + _pick_4(columns[12:16], row, i) + _pick_4(columns[16:], row, i))


PICK: dict[int, Callable[..., Any]] = {1: _pick_1, 2: _pick_2, 3: _pick_3, 4: _pick_4, BOOK: _pick_20}


@jit
def _put_one(out: npt.NDArray[np.float64], j: int, i: int, value: float) -> None:
    out[j, 0, i] = value


@jit
def _put_several(out: npt.NDArray[np.float64], j: int, i: int, values: Any) -> None:
    for k in range(len(values)):
        out[j, k, i] = values[k]


@jit
def _keep_one(s: Any, out: npt.NDArray[np.float64], j: int, i: int) -> None:
    s["value"] = out[j, 0, i]


@jit
def _keep_several(s: Any, out: npt.NDArray[np.float64], j: int, i: int) -> None:
    kept = s["value"]
    for k in range(len(kept)):
        kept[k] = out[j, k, i]


# What a signal's own functions stand in for; here so that a reader, ruff and mypy find the names.
step: Callable[..., Any] = _update_1
usable: Callable[..., bool] = _usable_1
level: Callable[..., bool] = _usable_1
put: Callable[..., None] = _put_one
keep: Callable[..., None] = _keep_one
pick: Callable[..., Any] = _pick_1
update: Callable[..., Any] = _update_1
go_on: Callable[..., int] = _go_on
outputs: Any = float
low_0 = low_1 = low_2 = low_3 = -LIMIT
free_0 = free_1 = free_2 = free_3 = True
