"""``Panel``: an entry that looks at many symbols at a time, callable on one row of them and on a panel of rows.

    from algotrade.signals import catalog

    catalog["cross_zscore"].batch(values)                         # (symbols,) or (times, symbols) -> the same shape
    catalog["neutralise"].batch(values, sectors, exposures)       # labels and factors of the symbols; None: without
    catalog["information_coefficient"].batch(values, prices)      # (times, symbols) twice -> (times,)

Each time is computed by one compiled step, which allocates nothing: so a panel is its rows to the last bit. Entries of
which ``shape`` says [times,] take a row as well, which is a panel of one time. Rows are shared among threads.

**Absent symbols.** A symbol whose value is NaN, infinite or of a magnitude above 1e60 is absent at that time: it is
not counted, and its result is NaN. A price must also be above 1e-60. **Rows that say nothing.** Where fewer symbols are
present than ``symbols_min``, or where all their values are equal, the result of the whole row is NaN. So it is where
they differ by no more than rounding: by a standard deviation up to 8 units in the last place of the largest value.
Ranks and quantiles are of the values as they are: there only equal ones are.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from algotrade.signals.entry import OwnShape
from algotrade.signals.loops import compiled
from algotrade.signals.sharing import share_out, threads_of
from algotrade.signals.signal import CAPACITY_MAX, THREADS_FROM, Input, Parameter

Array = npt.NDArray[Any]
Arrays = tuple[Array, ...]

TIMES = "times"


@dataclass(frozen=True, kw_only=True)
class PanelInput(Input):
    """An array that is handed in.

    ``axes``      the names of its axes: inputs agree in the length of each
    ``constant``  may be without times where others have them: it is the same at all times then
    ``labels``    of groups: whole numbers, texts, or numbers of which NaN is no group; any other input is of numbers
    ``default``   what stands in its place where it is left out, from the length of the axes; None: it must be given
    """

    axes: tuple[str, ...] = (TIMES, "symbols")
    constant: bool = False
    labels: bool = False
    default: Callable[[dict[str, int]], Array] | None = None


def symbols_min(default: int, low: int = 2) -> Parameter:
    """Return the parameter that says how many symbols must be present."""
    return Parameter(name="symbols_min", default=default, low=low, high=CAPACITY_MAX, unit="symbols")


def sort_work(columns: Arrays, _: dict[str, Any]) -> Arrays:
    """Return what ``rows.sort`` and its callers work in, for as many symbols as the first input has."""
    symbols = columns[0].shape[-1]
    return np.empty((4, symbols)), np.empty((2, symbols), np.int64)


@dataclass(frozen=True, kw_only=True)
class Panel(OwnShape):
    """An entry of which a compiled step computes one time.

    ``step``      compiled; (inputs, t, out, work, parameters): fills place t of ``out`` and nothing else of it
    ``work``      (inputs, parameters) -> the arrays that ``step`` works in, one set per thread
    ``axes``      of the result; a parameter's name is an axis of that length
    ``history``   the step of a time looks at other times: a row alone is refused
    ``in_order``  ``work`` carries over from one time to the next, so that one thread does it all
    ``warm_up``   parameters -> times that it takes to the first value, at least
    ``finish``    (out, as it is filled) -> what ``batch`` returns; ``gives`` tells its shape in words
    """

    kind: ClassVar[str] = "panel"

    inputs: tuple[PanelInput, ...]
    step: Callable[..., None]
    work: Callable[[Arrays, dict[str, Any]], Arrays] = sort_work
    axes: tuple[str | int, ...] = (TIMES, "symbols")
    over: str = TIMES
    history: bool = False
    in_order: bool = False
    warm_up: Callable[..., int] = lambda **_: 1
    finish: Callable[[Array], Any] | None = None
    gives: str = ""

    @property
    def shape(self) -> str:
        """Return the call shape in words: the axes of each input, and of the result."""
        given = ", ".join(f"{i.name} {_axes(i.axes, bare=i.constant or not self.history)}"
                          + (" or None" if i.default else "") for i in self.inputs)
        return f"{given} -> {self.gives or _axes(self.axes, bare=not self.history)}"

    def warmup(self, **parameters: float) -> int:
        """Return how many times must be handed in for a first value."""
        return self.warm_up(**self.settings(parameters))

    @functools.cached_property
    def _run(self) -> Callable[..., None]:
        return compiled(_run, f"{self.name}_run", nogil=True, step=self.step)

    def batch(self, *columns: Any, threads: int | None = None, **parameters: Any) -> Any:
        """Return the result, float64, for each time; its shape and those of the inputs are ``shape``.

        Times are computed side by side in ``threads`` threads, by default as many as numba uses. A parameter left out
        has its default. ``ValueError`` says what is wrong with an input or a parameter, and what is allowed.
        """
        settings = self.settings(parameters)
        arrays, sizes, is_row = self._arrays(columns)
        sizes |= {name: value for name, value in settings.items() if name not in sizes}
        out = np.empty([axis if isinstance(axis, int) else sizes[axis] for axis in self.axes])
        values = tuple(int(settings[p.name]) if p.whole else float(settings[p.name]) for p in self.parameters)
        wanted = threads_of(self.name, threads)
        is_shared = arrays[0].size >= THREADS_FROM and not self.in_order
        share_out(sizes[self.over], wanted if is_shared else 1, lambda first, last: self._run(
            arrays, out, self.work(arrays, settings), values, first, last))
        found = out.squeeze(self.axes.index(TIMES)) if is_row else out
        return found if self.finish is None else self.finish(found)

    def _arrays(self, columns: Sequence[Any]) -> tuple[Arrays, dict[str, int], bool]:
        """Return the inputs with a times axis each, the length of each axis, and whether what was given is a row."""
        names = ", ".join(i.name for i in self.inputs)
        least = sum(i.default is None for i in self.inputs)
        if not least <= len(columns) <= len(self.inputs):
            allowed = f"{least} to {len(self.inputs)}" if least < len(self.inputs) else f"{least}"
            raise ValueError(f"{self.name}: {len(columns)} inputs; allowed: {allowed}, {names}")
        sizes: dict[str, int] = {}
        lengths_of: dict[str, str] = {}
        found: list[Array | None] = []
        is_row = False
        for item, column in zip(self.inputs, [*columns, *[None] * len(self.inputs)], strict=False):
            if column is None and item.default is not None:
                found.append(None)
                continue
            array, is_bare = self._array(item, column)
            is_row = is_row or (is_bare and not item.constant)
            for axis, length in zip(item.axes, array.shape, strict=True):
                if axis == TIMES and is_bare and item.constant:
                    continue
                if sizes.setdefault(axis, length) != length:
                    raise ValueError(f"{self.name}: {item.name} has {length} {axis}; allowed: {sizes[axis]}, as "
                                     f"{lengths_of[axis]} has")
                lengths_of.setdefault(axis, item.name)
            found.append(array)
        for k, item in enumerate(self.inputs):
            if item.default is not None and found[k] is None:
                found[k] = item.default(sizes)
        return tuple(array for array in found if array is not None), sizes, is_row

    def _array(self, item: PanelInput, column: Any) -> tuple[Array, bool]:
        """Return an input with a times axis, and whether it came without."""
        bare = item.constant or not self.history
        try:
            array = codes(column) if item.labels else np.ascontiguousarray(column, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name}: {item.name} is {type(column).__name__} ({error}); allowed: "
                             f"{'labels' if item.labels else 'numbers'}, {_axes(item.axes, bare=bare)}") from error
        # To the compiler an array that may not be written is another type, of seconds; its copy is of milliseconds.
        array = array if array.flags.writeable else array.copy()
        if TIMES in item.axes and bare and array.ndim == len(item.axes) - 1:
            return np.expand_dims(array, item.axes.index(TIMES)), True
        if array.ndim != len(item.axes):
            raise ValueError(f"{self.name}: {item.name} has shape {array.shape}; allowed: "
                             f"{_axes(item.axes, bare=bare)}")
        return array, False


def codes(labels: Any) -> Array:
    """Return labels of groups as whole numbers from 0, int64 of their shape; -1 for NaN and for None."""
    given = np.asarray(labels)
    if given.dtype == object:
        missing = np.array([label is None or label != label for label in given.ravel()], dtype=bool)  # noqa: PLR0124
        texts = np.array([str(label) for label in given.ravel()])
        found = np.unique(texts, return_inverse=True)[1]
        return np.where(missing, -1, found).reshape(given.shape).astype(np.int64)
    if given.dtype.kind not in "biufUS":
        raise TypeError(f"labels of {given.dtype}")
    found = np.unique(given, return_inverse=True)[1].reshape(given.shape).astype(np.int64)
    return np.where(np.isnan(given), -1, found) if given.dtype.kind == "f" else found


def _axes(axes: Sequence[str | int], *, bare: bool) -> str:
    """Return axes as text; ``bare``: times may be left out."""
    parts = [f"[{axis},]" if axis == TIMES and bare else f"{axis}," for axis in axes]
    parts[-1] = parts[-1].removesuffix(",")
    return f"({' '.join(parts)}{',' if len(axes) == 1 else ''})"


def _run(columns: Any, out: Any, work: Any, settings: Any, first: int, last: int) -> None:
    for t in range(first, last):
        step(columns, t, out, work, *settings)


# What an entry's own step stands in for; here so that a reader, ruff and mypy find the name.
step: Callable[..., None] = _run
