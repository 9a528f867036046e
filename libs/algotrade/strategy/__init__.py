"""Strategies: market records and reports in, order intents out. One seam for hosts; kernels or plain Python behind."""

from algotrade.strategy.kernel import KernelRunner
from algotrade.strategy.protocol import (
    Bar,
    KernelStrategy,
    Orders,
    Quote,
    Runnable,
    StateMismatch,
    Strategy,
    Trade,
)
from algotrade.strategy.python import PythonRunner
from algotrade.strategy.registry import STRATEGIES, default_for, definition_of

__all__ = [
    "STRATEGIES", "Bar", "KernelRunner", "KernelStrategy", "Orders", "PythonRunner", "Quote", "Runnable",
    "StateMismatch", "Strategy", "Trade", "default_for", "definition_of",
]
