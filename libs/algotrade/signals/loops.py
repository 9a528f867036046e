"""The two loops around every signal's step: one observation, and arrays of them.

``update`` and ``run`` are written once, below, and compiled for each signal with the signal's own functions in the
place of the names ``step``, ``usable``, ``kept`` and ``put``. Names, because numba's disk cache knows a function by its
name, place and bytecode: what a closure holds would be part of that key, and compiled functions have no stable one.
"""

import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from algotrade.jit import jit
from algotrade.signals.arithmetic import LIMIT
from algotrade.signals.hot import on_stack, put_back


def _update(s: Any, *inputs: Any) -> Any:
    if usable(*inputs):
        value = step(s, *inputs)
        keep(s, value)
        s["seen"] += 1
        return value
    return kept(s)


def _run(states: Any, columns: Any, out: Any, row_step: int, first: int, last: int) -> None:
    for j in range(first, last):
        hot = on_stack(states[j])
        row = j * row_step
        for i in range(out.shape[2]):
            put(out, j, i, update(hot, *pick(columns, row, i)))
        put_back(hot)


class Loops(NamedTuple):
    """``update(state, *inputs) -> value(s)`` and ``run(states, columns, out, row_step, first, last)``, compiled.

    ``run`` takes state j = first .. last - 1 over row ``j * row_step`` of each column (rows, n) and fills row j of
    ``out`` (states, outputs, n): with ``row_step`` 1 a panel, with 0 a sweep over one series.
    """

    update: Callable[..., Any]
    run: Callable[..., None]


def loops_of(name: str, step: Callable[..., Any], floors: tuple[float, ...], outputs: type[Any]) -> Loops:
    """Return the loops of the signal ``name``; ``floors`` are the least usable values of its inputs."""
    several = outputs is not float
    known: dict[str, Any] = {
        "step": step, "usable": _usable(name, floors), "outputs": outputs,
        "keep": _keep_several if several else _keep_one,
        "kept": _named(_KEPT[len(outputs._fields) if several else 1], f"{name}_kept", outputs=outputs),
        "put": _put_several if several else _put_one, "pick": PICK[len(floors)],
    }
    update = _named(_update, f"{name}_update", **known)
    return Loops(update, _named(_run, f"{name}_run", nogil=True, update=update, **known))


def _named(template: Callable[..., Any], name: str, *, nogil: bool = False, **known: Any) -> Callable[..., Any]:
    """Return the template compiled under ``name``, its free names bound to ``known``."""
    assert isinstance(template, types.FunctionType)
    function = types.FunctionType(template.__code__, {**template.__globals__, **known}, name)
    function.__qualname__, function.__module__ = name, template.__module__
    return jit(function, nogil=nogil)


def _usable(name: str, floors: tuple[float, ...]) -> Callable[..., Any]:
    names: dict[str, Any] = {f"low_{k}": floor for k, floor in enumerate(floors)}
    return _named(_USABLE[len(floors)], f"{name}_usable", **names)


def _usable_1(a: float) -> bool:
    return low_0 <= a <= LIMIT


def _usable_2(a: float, b: float) -> bool:
    return low_0 <= a <= LIMIT and low_1 <= b <= LIMIT


def _usable_3(a: float, b: float, c: float) -> bool:
    return low_0 <= a <= LIMIT and low_1 <= b <= LIMIT and low_2 <= c <= LIMIT


def _usable_4(a: float, b: float, c: float, d: float) -> bool:
    return low_0 <= a <= LIMIT and low_1 <= b <= LIMIT and low_2 <= c <= LIMIT and low_3 <= d <= LIMIT


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


PICK: dict[int, Callable[..., Any]] = {1: _pick_1, 2: _pick_2, 3: _pick_3, 4: _pick_4}


@jit
def _put_one(out: npt.NDArray[np.float64], j: int, i: int, value: float) -> None:
    out[j, 0, i] = value


@jit
def _put_several(out: npt.NDArray[np.float64], j: int, i: int, values: Any) -> None:
    for k in range(len(values)):
        out[j, k, i] = values[k]


@jit
def _keep_one(s: Any, value: float) -> None:
    s["value"] = value


@jit
def _keep_several(s: Any, values: Any) -> None:
    for k in range(len(values)):
        s["value"][k] = values[k]


def _kept_1(s: Any) -> float:
    return s["value"] if s["seen"] > 0 else np.nan


def _kept_2(s: Any) -> Any:
    v = s["value"]
    return outputs(v[0], v[1]) if s["seen"] > 0 else outputs(np.nan, np.nan)


def _kept_3(s: Any) -> Any:
    v = s["value"]
    return outputs(v[0], v[1], v[2]) if s["seen"] > 0 else outputs(np.nan, np.nan, np.nan)


_KEPT: dict[int, Callable[..., Any]] = {1: _kept_1, 2: _kept_2, 3: _kept_3}

# What a signal's own functions stand in for; here so that a reader, ruff and mypy find the names.
step: Callable[..., Any] = _update
usable: Callable[..., bool] = _usable_1
keep: Callable[..., None] = _keep_one
kept: Callable[..., Any] = _kept_1
put: Callable[..., None] = _put_one
pick: Callable[..., Any] = _pick_1
update: Callable[..., Any] = _update
outputs: type[Any] = float
low_0 = low_1 = low_2 = low_3 = -LIMIT
