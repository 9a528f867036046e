"""Runs every kernel over generated data and prints a digest of each result; ``test_without_jit`` compares two runs."""

import hashlib

import numpy as np

from algotrade.domain import Kind
from algotrade.signals import ema, order_flow
from algotrade.strategy import KernelRunner
from algotrade.strategy.ema_cross import EMA_CROSS, EmaCrossParameters
from algotrade.strategy.ofi import OFI, OfiParameters
from tests.strategy.worlds import INSTRUMENTS, RUN, bars, host, quotes

COUNT = 1500
WILD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1.7e308, -1.7e308]


def wild(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.normal(100, 10, COUNT)
    at = random.random(COUNT) < 0.1
    values[at] = random.choice(WILD, at.sum())
    return values


def results() -> dict[str, bytes]:
    flow = OfiParameters(window_quotes=5, enter_ticks=1.0, exit_ticks=0.5, cooldown_ms=2000)
    runs = {
        "ema_cross": (EMA_CROSS, EmaCrossParameters(fast_period=2, slow_period=5), Kind.BAR, bars(COUNT, 1)),
        "ofi": (OFI, flow, Kind.QUOTE, quotes(COUNT, 2)),
    }
    found = {
        "signals.ema": ema.batch(wild(1), 5).tobytes(),
        "signals.order_flow": order_flow.batch(wild(2), wild(3), abs(wild(4)), abs(wild(5)), 5).tobytes(),
    }
    for name, (definition, parameters, kind, records) in runs.items():
        runner = KernelRunner(definition, parameters, INSTRUMENTS, RUN)
        found[f"{name}.intents"] = repr(host(runner, kind, records, cuts=range(0, COUNT, 37))).encode()
        found[f"{name}.state"] = runner.state()
    return found


def digests() -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in results().items()}
