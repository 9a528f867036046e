"""Bars from trades: by time, by number of trades, by volume, by money, by imbalance.

    from algotrade.signals import catalog

    bars = catalog["volume_bars"].batch(time_ns, price, size, volume=10_000)    # the finished bars, dtype BAR
    state = catalog["volume_bars"].state(volume=10_000)                         # one record, its bytes its snapshot
    if catalog["volume_bars"].update(state, time_ns, price, size):              # compiled: a bar has been finished
        state["bar"]["close"]                                                   # it, until the next one is
    catalog["volume_bars"].feed(state, time_ns, price, size)                    # the bars that further trades finish
    state["forming"]                                                            # what is not finished yet

A trade belongs to one bar and is never cut. The bar that is not finished at the end is not given. All builders run one
step per trade, so however trades are cut into calls, the bars are the same to the last bit. After M. Lopez de Prado,
Advances in Financial Machine Learning, 2018, chapter 2.

**Unusable trades.** One whose price or size is not a number above 1e-60 and up to 1e60 is ignored as a whole. Time does
not go back: a trade with an earlier time than the one before is taken at that one's time.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from algotrade.signals.arithmetic import LIMIT, SMALLEST
from algotrade.signals.bar_steps import BAR, copy_bar, dollar_bars, tick_bars, time_bars, volume_bars
from algotrade.signals.entry import OwnShape
from algotrade.signals.hot import on_stack, put_back
from algotrade.signals.imbalance_bars import FIELDS, imbalance_bars
from algotrade.signals.loops import compiled
from algotrade.signals.signal import CAPACITY_MAX, Input, Parameter, factor, period

CHUNK = 65_536
"""Trades for whose bars ``feed`` has room at a time: a trade finishes one bar at most."""

TRADE = (Input(name="time_ns"), Input(name="price", floor=SMALLEST), Input(name="size", floor=SMALLEST))


@dataclass(frozen=True, kw_only=True)
class BarBuilder(OwnShape):
    """One kind of bars in the catalogue.

    ``step``    compiled; (state, time_ns, price, size) -> whether a bar was finished, for a usable trade
    ``fields``  the fields of the state that are ``step``'s own; all zeros = nothing seen

    A state is one record of a few hundred bytes: ``seen`` (usable trades so far), ``time_ns`` (of the latest),
    a field for each parameter, ``forming`` and ``bar`` (dtype ``BAR``), then ``fields``.
    """

    kind: ClassVar[str] = "bars"

    family: str = "bars"
    inputs: tuple[Input, ...] = TRADE
    outputs: np.dtype[Any] = BAR
    unit: str = "ns; that of the price; that of the size; price times size; trades"
    fields: tuple[tuple[str, str], ...] = ()
    step: Callable[..., Any]
    source: str = "M. Lopez de Prado, Advances in Financial Machine Learning, 2018, section 2.3"

    @property
    def shape(self) -> str:
        """Return the call shape in words."""
        return "time_ns, price, size (n,) -> the finished bars, dtype BAR (m,), m up to n"

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of a bar's fields."""
        return BAR.names or ()

    @functools.cached_property
    def update(self) -> Callable[..., Any]:
        """``update(state, time_ns, price, size) -> bool``, compiled: whether the trade finished ``state["bar"]``.

        For Python and for other kernels; ``time_ns`` is an int.
        """
        return compiled(_update, f"{self.name}_update", step=self.step)

    @functools.cached_property
    def _run(self) -> Callable[..., int]:
        return compiled(_run, f"{self.name}_run", update=self.update)

    @functools.cache  # noqa: B019 -- builders live as long as the process
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of a state."""
        own = [(p.name, "<i8" if p.whole else "<f8") for p in self.parameters]
        return np.dtype([("seen", "<i8"), ("time_ns", "<i8"), *own, ("forming", BAR), ("bar", BAR), *self.fields])

    def state(self, **parameters: float) -> Any:
        """Return a state that has seen nothing, a record; ``ValueError`` says which parameters are allowed."""
        made = np.zeros(1, self.dtype())
        for name, value in self.settings(parameters).items():
            made[name] = value
        return made[0]

    def batch(self, time_ns: npt.ArrayLike, price: npt.ArrayLike, size: npt.ArrayLike, **parameters: float) -> Any:
        """Return the bars that the trades finish, dtype ``BAR`` (m,), m up to n; the inputs are (n,)."""
        return self.feed(self.state(**parameters), time_ns, price, size)

    def feed(self, state: Any, time_ns: npt.ArrayLike, price: npt.ArrayLike, size: npt.ArrayLike) -> Any:
        """Return the bars that further trades finish; the state, what ``state`` returned, is moved on in place."""
        times, prices, sizes = self._arrays(time_ns, price, size)
        room = np.empty(min(len(times), CHUNK), BAR)
        found = [np.empty(0, BAR)]
        for begin in range(0, len(times), CHUNK):
            part = slice(begin, begin + CHUNK)
            count = self._run(state, times[part], prices[part], sizes[part], room)
            found.append(room[:count].copy())
        return np.concatenate(found)

    def _arrays(self, time_ns: npt.ArrayLike, *numbers: npt.ArrayLike) -> list[npt.NDArray[Any]]:
        times = np.ascontiguousarray(time_ns)
        if times.dtype != np.int64 and times.size:
            raise ValueError(f"{self.name}: time_ns is {times.dtype}; allowed: int64, nanoseconds since the epoch")
        arrays = [times.astype(np.int64), *(np.ascontiguousarray(column, dtype=np.float64) for column in numbers)]
        shapes = [array.shape for array in arrays]
        if len(set(shapes)) != 1 or len(shapes[0]) != 1:
            raise ValueError(f"{self.name}: shapes of time_ns, price and size are {shapes}; allowed: the same, (n,)")
        return arrays


def _update(s: Any, time_ns: int, price: float, size: float) -> bool:
    if not (SMALLEST <= price <= LIMIT and SMALLEST <= size <= LIMIT):
        return False
    time_ns = max(time_ns, s["time_ns"]) if s["seen"] > 0 else time_ns
    done = step(s, time_ns, price, size)
    s["time_ns"] = time_ns
    s["seen"] += 1
    return done


def _run(s: Any, times: Any, prices: Any, sizes: Any, out: Any) -> int:
    hot = on_stack(s)
    count = 0
    for i in range(len(times)):
        if update(hot, times[i], prices[i], sizes[i]):
            copy_bar(hot["bar"], out[count])
            count += 1
    put_back(hot)
    return count


# What a builder's own functions stand in for; here so that a reader, ruff and mypy find the names.
step: Callable[..., Any] = time_bars
update: Callable[..., Any] = _update

HOUR_NS = 3_600_000_000_000

BARS = (
    BarBuilder(
        name="time_bars", step=time_bars,
        parameters=(Parameter(name="interval_ns", default=60_000_000_000, low=1, high=24 * HOUR_NS, unit="ns"),),
        formula="all trades of one interval; these begin at multiples of it since the epoch; finished by the first "
                "trade after it, and an interval without trades has no bar"),
    BarBuilder(
        name="tick_bars", step=tick_bars, parameters=(period(1_000, name="ticks"),), formula="ticks trades a bar"),
    BarBuilder(
        name="volume_bars", step=volume_bars, parameters=(factor("volume", 10_000.0, SMALLEST, LIMIT, "units"),),
        formula="a bar ends with the trade that brings its volume to volume or above"),
    BarBuilder(
        name="dollar_bars", step=dollar_bars, parameters=(factor("dollars", 1_000_000.0, SMALLEST, LIMIT, "money"),),
        formula="a bar ends with the trade that brings its money, the sum of price times size, to dollars or above"),
    BarBuilder(
        name="imbalance_bars", step=imbalance_bars, fields=FIELDS,
        parameters=(Parameter(name="weight", default=0, low=0, high=2, unit="codes (0 trades, 1 volume, 2 money)"),
                    period(1_000, name="ticks"), period(20, name="span_bars"), period(10_000, name="span_ticks"),
                    period(1, name="ticks_min"), period(CAPACITY_MAX, name="ticks_max")),
        ordered=(("ticks_min", "ticks_max"),),
        formula="a bar ends where |sum b w| >= E0[T] |E0[b w]|: b the tick rule's sign, w the weight, E0[T] the mean "
                "trades of the bars before and E0[b w] that of b w, both exponential; the first bar has ticks trades",
        source="M. Lopez de Prado, Advances in Financial Machine Learning, 2018, section 2.3.2"),
)
