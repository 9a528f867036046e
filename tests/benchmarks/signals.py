"""The signals: nanoseconds an observation, beside TA-Lib's C and talipp's Python; start-up; digits kept.

Everything runs in turn in one process, medians of 5. Where one thread does the work, figures are of processor time, so
that a busy machine tells the same; the panel, which two threads share, is timed on the wall, as TA-Lib is beside it.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import talib
import talipp.indicators
import talipp.ohlcv
from scipy.stats import rankdata

from algotrade.jit import jit
from algotrade.signals import catalog, order_flow
from tests.benchmarks.digits import worst_errors
from tests.benchmarks.table import Row, at_most, median, show
from tests.signals.markets import bars
from tests.signals.test_talib import CASES, PARTS

RUNS = 5
OBSERVATIONS = 200_000
SYMBOLS, OBSERVATIONS_PER_SYMBOL = 512, 2_000
CHUNK = 1_024
CROSS_SYMBOLS, CROSS_US_MAX = 3_000, 50

SERIES_RATIO_MIN, PANEL_RATIO_MIN, STREAM_RATIO_MIN = 0.8, 2.0, 20.0
IMPORT_S_MAX, FIRST_USE_S_MAX = 0.7, 0.4
ERROR_MAX = 1e-9

START = """
import resource
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
bare = cpu()
from algotrade.signals import catalog
imported = cpu()
catalog["rsi"].batch([float(i % 7) for i in range(100)], period=14)
print(imported - bare, cpu() - imported)
"""

STATE = np.dtype([("position", "<f8"), ("average", catalog["ema"].dtype())])
"""A strategy's own record with a signal's nested in it."""

update_ema = catalog["ema"].update


@jit
def nested(state: Any, prices: Any) -> None:
    """Run a kernel strategy's loop: the state is where it is, in the record."""
    for i in range(len(prices)):
        state["position"] += update_ema(state["average"], prices[i])


def seconds(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> float:
    begin = clock()
    work()
    return clock() - begin


def in_turn(*works: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> list[float]:
    """Return the median seconds of each of ``works``, which run by turns, once more before."""
    for work in works:
        work()
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS):
        for place, work in enumerate(works):
            taken[place].append(seconds(work, clock))
    return [median(each) for each in taken]


def single_kernels() -> list[Row]:
    prices = bars(OBSERVATIONS)["close"]
    rng = np.random.default_rng(1)
    bid = np.round(prices, 2)
    sizes = rng.integers(1, 20, (2, OBSERVATIONS)) * 100.0
    state = np.zeros(1, STATE)
    state["average"]["period"] = 30

    def in_record() -> None:
        nested(state[0], prices)

    def flow() -> None:
        if "ofi" in catalog:
            catalog["ofi"].batch(bid, bid + 0.01, *sizes)
        else:
            order_flow.batch(bid, bid + 0.01, *sizes, 100)

    works = (lambda: catalog["ema"].batch(prices), in_record, lambda: catalog["zscore"].batch(prices), flow,
             lambda: talib.EMA(prices, 30))
    ema, in_state, zscore, ofi, theirs = (taken / OBSERVATIONS * 1e9 for taken in in_turn(*works))
    return [
        at_most("ema, batch", ema, 3, "ns", f"TA-Lib {theirs:.3g} ns"),
        at_most("ema, nested in a strategy's record", in_state, 8, "ns"),
        at_most("zscore, batch", zscore, 10, "ns"),
        at_most("ofi, batch", ofi, 6, "ns"),
    ]


Case = tuple[str, Callable[..., Any], Callable[..., Any]]


def talib_cases() -> list[Case]:
    """Return name, our work and TA-Lib's, each a function of the columns; defaults on both sides."""
    found: list[Case] = []
    for name, function, _, names in CASES:
        signal = catalog[name]
        settings: dict[str, Any] = {}
        for parameter in signal.parameters:
            called = names.get(parameter.name, ())
            settings |= dict.fromkeys([called] if isinstance(called, str) else called, parameter.default)
        found.append((name, signal.batch, lambda *data, f=function, s=settings: f(*data, **s)))
    period = catalog["adx"].parameters[0].default
    adx = [function for name, _, function in PARTS if name == "adx"]
    found.append(("adx", catalog["adx"].batch, lambda *data: [f(*data, timeperiod=period) for f in adx]))
    return found


def inputs_of(name: str, made: dict[str, np.ndarray]) -> list[np.ndarray]:
    columns = dict(zip((i.name for i in catalog[name].inputs), ("high", "low"), strict=False))
    return [made[i.name if i.name in made else columns[i.name] if name == "correlation" else "close"]
            for i in catalog[name].inputs]


def beside_talib() -> list[Row]:
    made = bars(OBSERVATIONS)
    panels = [bars(OBSERVATIONS_PER_SYMBOL, seed) for seed in range(SYMBOLS)]
    stacked = {column: np.stack([p[column] for p in panels]) for column in made}
    rows, series_ratios, panel_ratios = [], [], []
    for name, ours, theirs in talib_cases():
        data, panel = inputs_of(name, made), inputs_of(name, stacked)

        def looped(panel=panel, theirs=theirs) -> list[Any]:
            return [theirs(*row) for row in zip(*panel, strict=True)]

        one, other = in_turn(lambda ours=ours, data=data: ours(*data), lambda theirs=theirs, data=data: theirs(*data))
        two, loop = in_turn(lambda ours=ours, panel=panel: ours(*panel, threads=2), looped, clock=time.perf_counter)
        series_ratios.append(other / one)
        panel_ratios.append(loop / two)
        met = other / one >= SERIES_RATIO_MIN and loop / two >= PANEL_RATIO_MIN
        rows.append(Row(
            name, f"{one / OBSERVATIONS * 1e9:.1f} ns, {other / one:.2f} x TA-Lib; panel {loop / two:.2f} x",
            f">= {SERIES_RATIO_MIN} x; >= {PANEL_RATIO_MIN:g} x", met,
            f"TA-Lib {other / OBSERVATIONS * 1e9:.1f} ns, looped {loop / panel[0].size * 1e9:.1f} ns"))
    return [*rows, Row("of all, the least and the middle ratio", f"series {min(series_ratios):.2f}, "
                       f"{median(series_ratios):.2f} x; panel {min(panel_ratios):.2f}, {median(panel_ratios):.2f} x")]


def beside_talipp() -> list[Row]:
    """Feed bars in chunks, and to talipp one by one, the only way that it takes them."""
    made = bars(20 * CHUNK)
    ohlcv = [talipp.ohlcv.OHLCV(*row) for row in
             zip(*(made[c].tolist() for c in ("open", "high", "low", "close", "volume")), strict=True)]
    closes = made["close"].tolist()
    library = talipp.indicators
    pairs = [
        ("sma", lambda: library.SMA(30), closes), ("ema", lambda: library.EMA(30), closes),
        ("rsi", lambda: library.RSI(14), closes), ("macd", lambda: library.MACD(12, 26, 9), closes),
        ("bollinger", lambda: library.BB(20, 2.0), closes), ("atr", lambda: library.ATR(14), ohlcv),
        ("adx", lambda: library.ADX(14, 14), ohlcv), ("cci", lambda: library.CCI(14), ohlcv),
    ]
    rows = []
    for name, make, values in pairs:
        signal = catalog[name]
        columns = inputs_of(name, made)

        def ours(signal=signal, columns=columns) -> None:
            state = signal.state()
            for begin in range(0, len(columns[0]), CHUNK):
                signal.feed(state, *(c[begin : begin + CHUNK] for c in columns))

        def theirs(make=make, values=values) -> None:
            indicator = make()
            for value in values:
                indicator.add(value)

        mine, other = in_turn(ours, theirs)
        rows.append(Row(f"{name}, fed {CHUNK:,} at a time", f"{other / mine:,.0f} x talipp",
                        f">= {STREAM_RATIO_MIN:g} x", other / mine >= STREAM_RATIO_MIN,
                        f"{mine / len(values) * 1e9:.1f} ns, talipp {other / len(values) * 1e9:,.0f} ns"))
    return rows


def cross_section() -> list[Row]:
    """Compute one row of many symbols, a hundredth of them absent; only the z-score has a limit asked of it."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=CROSS_SYMBOLS)
    values[rng.random(CROSS_SYMBOLS) < 0.01] = np.nan
    groups, factors = rng.integers(0, 11, CROSS_SYMBOLS), rng.normal(size=(CROSS_SYMBOLS, 3))
    peers: dict[str, Callable[[], Any]] = {
        "cross_zscore": lambda: (values - np.nanmean(values)) / np.nanstd(values, ddof=1),
        "cross_rank": lambda: rankdata(values, nan_policy="omit"),
        "winsorise": lambda: np.clip(values, *np.nanquantile(values, [0.01, 0.99])),
    }
    rows = []
    for name, peer in peers.items():
        work = catalog[name].batch
        mine, other = in_turn(lambda work=work: [work(values) for _ in range(200)],
                              lambda peer=peer: [peer() for _ in range(200)])
        mine, other = mine / 200 * 1e6, other / 200 * 1e6
        what, beside = f"{name} over {CROSS_SYMBOLS:,} symbols", f"numpy or scipy {other:.3g} us"
        rows.append(at_most(what, mine, CROSS_US_MAX, "us", beside) if name == "cross_zscore"
                    else Row(what, f"{mine:.3g} us", beside=beside))
    (taken,) = in_turn(lambda: [catalog["neutralise"].batch(values, groups, factors) for _ in range(50)])
    return [*rows, Row(f"neutralise over {CROSS_SYMBOLS:,} symbols, 11 groups and 3 factors",
                       f"{taken / 50 * 1e6:.3g} us")]


def start_up() -> list[Row]:
    """Import the catalogue and use a kernel that the disk has, each time in a new process."""
    shadow = "import sys; sys.modules['scipy'] = None\n"
    taken: dict[str, list[tuple[float, ...]]] = {"": [], shadow: []}
    for run in range(RUNS + 1):
        for before, found in taken.items():
            out = subprocess.run([sys.executable, "-c", before + START], capture_output=True, text=True, check=True)
            if run:
                found.append(tuple(map(float, out.stdout.split())))
    (imports, firsts), (bare_imports, bare_firsts) = (zip(*found, strict=True) for found in taken.values())
    return [
        at_most("import of the catalogue, new process", median(imports), IMPORT_S_MAX, "s",
                f"without scipy, which numba looks for: {median(bare_imports):.2f} s"),
        at_most("first use of a cached kernel", median(firsts), FIRST_USE_S_MAX, "s",
                f"without scipy, which numba imports where it is: {median(bare_firsts):.2f} s"),
    ]


def digits() -> list[Row]:
    return [at_most(f"variance, {case}, window {window:,}: relative error", error, ERROR_MAX, "",
                    "math.fsum, two passes over the window")
            for (case, window), error in worst_errors(10_000_000, windows_checked=2_000).items()]


def main() -> None:
    show(f"signals: one observation (medians of {RUNS})", [*single_kernels(), *cross_section()])
    show("signals: start-up (processor time)", start_up())
    show("signals: digits kept over 10 million observations", digits())
    show(f"signals: streaming (medians of {RUNS})", beside_talipp())
    show(f"signals: beside TA-Lib, per series, and a panel of {SYMBOLS} in 2 threads", beside_talib())


if __name__ == "__main__":
    main()
