"""Runs every signal; ``test_without_jit`` compares an interpreted run, rings at capacity, and a compiled one."""

import sys

import numpy as np

from algotrade.signals import catalog
from tests.signals.markets import columns, small
from tests.signals.panels import HOLES as ABSENT
from tests.signals.panels import arrays

SIZES = (0, 1, 2, 60)
HOLES = (np.nan, np.inf, 0.0, -1.7e308)


def least(signal) -> dict:
    """Return every parameter at its least, ordered ones one apart: windows of 1 where they may be."""
    found = {p.name: int(p.low) if p.whole else p.default for p in signal.parameters}
    for below, above in signal.ordered:
        found[above] = found[above] if found[below] < found[above] else found[below] + 1
    return found


def results(*, at_capacity: bool) -> dict[str, np.ndarray]:
    """Return what all signals give; ``at_capacity``: of rings that hold no more than their windows."""
    found = {}
    for signal in (entry for entry in catalog.values() if entry.kind == "signal"):
        for kind, parameters in (("least", least(signal)), ("small", small(signal))):
            room = int(max([1, *(parameters[p.name] for p in signal.parameters if p.ring)])) if at_capacity else None
            for n in SIZES:
                data = columns(signal, 60)
                data[0][[5, 17, 18, 40]] = HOLES
                data = [column[:n] for column in data]
                values = signal.batch(*data, capacity=room, threads=1, **parameters)
                found[f"{signal.name}.{kind}.{n}"] = np.array(values).reshape(len(signal.output_names), n)
    return found | panel_results()


def panel_results() -> dict[str, np.ndarray]:
    """Return what entries of many symbols give: of no symbols and times and of more, a tenth of the values absent."""
    found = {}
    for entry in (entry for entry in catalog.values() if entry.kind == "panel"):
        for times, symbols in ((0, 3), (5, 0), (1, 1), (20, 7), (20, 40)):
            given = arrays(entry, times=times, symbols=symbols)
            rng = np.random.default_rng(2)
            for k, item in enumerate(entry.inputs):
                if not item.labels:
                    holes = rng.random(given[k].shape) < 0.1
                    given[k] = np.where(holes, rng.choice(ABSENT, given[k].shape), given[k])
            for kind, parameters in (("least", least(entry)), ("small", small(entry))):
                values = entry.batch(*given, threads=1, **parameters)
                for name, value in zip(entry.output_names, values if entry.finish else (values,), strict=True):
                    found[f"{entry.name}.{name}.{kind}.{times}.{symbols}"] = np.asarray(value)
    return found


if __name__ == "__main__":
    np.savez(sys.argv[1], **results(at_capacity=True))
