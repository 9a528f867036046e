"""``Signal``: a kernel and what is to be known about it, callable from Python on one series, a panel or a sweep."""

import difflib
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from algotrade.signals.arithmetic import LIMIT, SMALLEST
from algotrade.signals.loops import Loops, loops_of
from algotrade.signals.sharing import share_out, threads_of

Floats = npt.NDArray[np.float64]

CAPACITY = 1_024
"""Observations that a ring holds where nothing is said: 8 KiB a ring, in every state and its snapshot."""

CAPACITY_MAX = 1_048_576
"""Observations that a ring may hold at all."""

THREADS_FROM = 50_000
"""Observations in all states below which further threads cost more than they bring."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """One number of an observation. ``floor``: the least that is usable; what is below is ignored as NaN is."""

    name: str
    floor: float = -LIMIT


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A setting of a signal, kept in a state field of its name.

    ``low``, ``high``  what is allowed, both included
    ``unit``           of the value; ``observations`` are whole numbers, and so are counts
    ``ring``           the window of a ring: ``high`` is then the ring's capacity
    """

    name: str
    default: float
    low: float
    high: float = math.inf
    unit: str = "observations"
    whole: bool = True
    ring: bool = False

    def checked(self, signal: str, value: Any, capacity: int) -> float:
        """Return ``value``, or raise ``ValueError`` with what is allowed."""
        high = capacity if self.ring else self.high
        fits = isinstance(value, int | np.integer) or (isinstance(value, float | np.floating) and not self.whole)
        if isinstance(value, bool) or not fits or not self.low <= value <= high:
            kind = "whole " if self.whole else ""
            more = f"; a window above it needs capacity=, up to {CAPACITY_MAX}" if self.ring else ""
            raise ValueError(f"{signal}: {self.name} is {value!r}; allowed: {kind}{self.unit} from {self.low:g} to "
                             f"{high:g}{more}")
        return value


def window(default: int, low: int = 1, name: str = "period") -> Parameter:
    """Return a parameter that is the window of a ring."""
    return Parameter(name=name, default=default, low=low, ring=True)


def period(default: int, low: int = 1, name: str = "period") -> Parameter:
    """Return a parameter that is a number of observations, none of which are kept."""
    return Parameter(name=name, default=default, low=low, high=CAPACITY_MAX)


def factor(name: str, default: float, low: float, high: float, unit: str = "") -> Parameter:
    """Return a parameter that may be any number in a range."""
    return Parameter(name=name, default=default, low=low, high=high, unit=unit or "number", whole=False)


def any_of(*names: str) -> tuple[Input, ...]:
    """Return inputs that may be any finite number."""
    return tuple(Input(name=name) for name in names)


def prices(*names: str) -> tuple[Input, ...]:
    """Return inputs that must be positive, because a ratio or a logarithm of them is taken."""
    return tuple(Input(name=name, floor=SMALLEST) for name in names)


def sizes(*names: str) -> tuple[Input, ...]:
    """Return inputs that must not be negative."""
    return tuple(Input(name=name, floor=0.0) for name in names)


def book_level(suffix: str = "") -> tuple[Input, ...]:
    """Return the four inputs of one level of a book, or of a quote: bid, its size, ask, its size."""
    return (*any_of(f"bid{suffix}"), *sizes(f"bid_size{suffix}"), *any_of(f"ask{suffix}"), *sizes(f"ask_size{suffix}"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Signal:
    """One signal of the catalogue.

    ``step``      compiled; (state, inputs) -> value(s) for a usable observation, NaN until known
    ``fields``    capacity of the rings -> the fields of the state that are ``step``'s own; all zeros = nothing seen
    ``outputs``   ``float``, or the named tuple that ``step`` returns
    ``warm_up``   parameters -> usable observations up to and including the one with the first value, at least
    ``ordered``   pairs of parameters of which the first must be below the second

    A state is one record: ``seen`` (usable observations so far), ``value`` (the latest), a field for each parameter,
    then ``fields``. It may be nested in another record, and its bytes are its snapshot.
    """

    kind: ClassVar[str] = "signal"
    """Its call shape: one value, or a few, per observation."""

    name: str
    family: str
    inputs: tuple[Input, ...]
    parameters: tuple[Parameter, ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    fields: Callable[[int], list[Any]]
    step: Callable[..., Any]
    outputs: type[Any] = float
    warm_up: Callable[..., int]
    unit: str
    formula: str
    source: str

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of the outputs, the signal's own where there is one."""
        return (self.name,) if self.outputs is float else self.outputs._fields

    @functools.cached_property
    def _loops(self) -> Loops:
        return loops_of(self.name, self.step, tuple(i.floor for i in self.inputs), self.outputs)

    @property
    def update(self) -> Callable[..., Any]:
        """``update(state, *inputs) -> value(s)``, compiled: for Python and for other kernels."""
        return self._loops.update

    def dtype(self, capacity: int = CAPACITY) -> np.dtype[Any]:
        """Return the dtype of a state whose rings hold ``capacity`` observations."""
        if not 1 <= capacity <= CAPACITY_MAX:
            raise ValueError(f"{self.name}: capacity is {capacity}; allowed: 1 to {CAPACITY_MAX} observations")
        return self._dtype(capacity if any(p.ring for p in self.parameters) else 1)

    @functools.cache  # noqa: B019 -- signals live as long as the process
    def _dtype(self, capacity: int) -> np.dtype[Any]:
        count = len(self.output_names)
        value = ("value", "<f8") if self.outputs is float else ("value", "<f8", (count,))
        own = [(p.name, "<i8" if p.whole else "<f8") for p in self.parameters]
        return np.dtype([("seen", "<i8"), *own, value, *self.fields(capacity)])

    def warmup(self, **parameters: float) -> int:
        """Return how many usable observations it takes to the first value, that one included."""
        return self.warm_up(**checked(self, parameters, CAPACITY_MAX))

    def state(self, *, capacity: int | None = None, **parameters: float) -> Any:
        """Return a state that has seen nothing, a record; ``capacity`` as in ``dtype``."""
        return self.states(1, capacity=capacity, **parameters)[0]

    def states(self, count: int, *, capacity: int | None = None, **parameters: Any) -> npt.NDArray[Any]:
        """Return ``count`` states that have seen nothing; a parameter is one value or a sequence of ``count``."""
        found = checked(self, parameters, CAPACITY_MAX if capacity is None else capacity)
        made = np.zeros(count, self.dtype(self._room(found) if capacity is None else capacity))
        for name, values in found.items():
            made[name] = values
        return made

    def batch(self, *columns: npt.ArrayLike, capacity: int | None = None, threads: int | None = None,
              **parameters: float) -> Any:
        """Return the value after each observation, NaN until known: float64 of the inputs' shape, (n,) or (series, n).

        Series are computed side by side in ``threads`` threads, by default as many as numba uses. Several outputs
        come as a named tuple of arrays. A parameter left out has its default.
        """
        arrays, shape = self._arrays(columns)
        return self._run(self.states(len(arrays[0]), capacity=capacity, **parameters), arrays, shape, threads)

    def sweep(self, *columns: npt.ArrayLike, capacity: int | None = None, threads: int | None = None,
              **parameters: Any) -> Any:
        """Return the values over one series for many parameters, (m, n): sequences of m values, or one for all m."""
        arrays, shape = self._arrays(columns)
        if len(shape) != 1:
            raise ValueError(f"{self.name}: inputs of a sweep have shape {shape}; allowed: one series, (n,)")
        counts = {len(v) for v in parameters.values() if isinstance(v, Sequence | np.ndarray)} or {1}
        if len(counts) != 1:
            raise ValueError(f"{self.name}: sequences of {sorted(counts)} values; allowed: the same length")
        states = self.states(counts.pop(), capacity=capacity, **parameters)
        return self._run(states, arrays, (len(states), *shape), threads)

    def feed(self, state: Any, *columns: npt.ArrayLike) -> Any:
        """Return the values after further observations of one series, (n,); the state is moved on in place.

        ``state`` is what ``state`` returned, or any array or row of such records.
        """
        arrays, shape = self._arrays(columns)
        if len(shape) != 1:
            raise ValueError(f"{self.name}: inputs have shape {shape}; allowed: one series, (n,)")
        # A record is a view of the memory that it lives in, and so is this array of one.
        states = np.ndarray((1,), state.dtype, state.data)
        return self._run(states, arrays, shape, 1)

    def _run(self, states: npt.NDArray[Any], arrays: list[Floats], shape: tuple[int, ...], threads: int | None) -> Any:
        out = np.empty((len(states), len(self.output_names), arrays[0].shape[1]))
        row_step = int(len(arrays[0]) > 1)
        columns = tuple(arrays)
        run = self._loops.run
        wanted = threads_of(self.name, threads)
        share_out(len(states), wanted if out.size >= THREADS_FROM else 1,
                  lambda first, last: run(states, columns, out, row_step, first, last))
        values = [out[:, k] if len(shape) > 1 else out[0, k] for k in range(out.shape[1])]
        return values[0] if self.outputs is float else self.outputs(*values)

    def _arrays(self, columns: Sequence[npt.ArrayLike]) -> tuple[list[Floats], tuple[int, ...]]:
        """Return the inputs as (series, n) each, and the shape in which they came."""
        names = [i.name for i in self.inputs]
        if len(columns) != len(names):
            raise ValueError(f"{self.name}: {len(columns)} inputs; allowed: {len(names)}, {', '.join(names)}")
        arrays = [np.ascontiguousarray(column, dtype=np.float64) for column in columns]
        shapes = [array.shape for array in arrays]
        if len(set(shapes)) != 1 or len(shapes[0]) not in {1, 2}:
            raise ValueError(f"{self.name}: shapes of {', '.join(names)} are {shapes}; allowed: the same, (n,) or "
                             "(series, n)")
        return [array[np.newaxis] if array.ndim == 1 else array for array in arrays], shapes[0]

    def _room(self, parameters: Mapping[str, Any]) -> int:
        """Return the default capacity, or the next power of 4 times it that holds the windows asked for."""
        windows = [max(_each(parameters[p.name])) for p in self.parameters if p.ring]
        room = CAPACITY
        while windows and max(windows) > room < CAPACITY_MAX:
            room *= 4
        return min(room, CAPACITY_MAX)


def checked(entry: Any, given: Mapping[str, Any], capacity: int) -> dict[str, Any]:
    """Return a value for each parameter of a catalogue entry, or raise ``ValueError`` with what is allowed.

    ``entry``  has a ``name``, ``parameters`` and the ``ordered`` pairs of them
    """
    known = {p.name: p for p in entry.parameters}
    for name in given:
        if name not in known:
            raise ValueError(f"{entry.name}: no parameter {name!r}; {near(name, known)}")
    found = {name: given.get(name, p.default) for name, p in known.items()}
    for name, p in known.items():
        for value in _each(found[name]):
            p.checked(entry.name, value, capacity)
    for below, above in entry.ordered:
        if not np.all(np.less(found[below], found[above])):
            raise ValueError(f"{entry.name}: {below} is {found[below]} and {above} {found[above]}; allowed: "
                             f"{below} below {above}")
    return found


def _each(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    yield from value if isinstance(value, list | tuple | range) else (value,)


def near(name: str, known: Iterable[str]) -> str:
    """Return what to say about an unknown name: those that are near it, or all where they are few."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    if close:
        return f"near it: {', '.join(close)}"
    return f"allowed: {', '.join(names)}" if 0 < len(names) <= 10 else f"{len(names)} are known"
