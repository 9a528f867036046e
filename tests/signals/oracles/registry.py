"""``@oracle``: the plain formula of a signal, registered under the signal's name by any file of this folder.

An oracle takes the usable observations of each input, float64 (n,), and the parameters by name; it returns a ``Bound``
of n values, or one for each output. It shares no code with the kernels and sees nothing of their state.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.signals.oracles.bound import Bound

ORACLES: dict[str, Callable[..., Any]] = {}


def oracle(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        assert name not in ORACLES, f"{name} has two oracles"
        ORACLES[name] = function
        return function

    return register


def every_oracle() -> dict[str, Callable[..., Any]]:
    """Import each file of the folder, return what they registered."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        importlib.import_module(f"tests.signals.oracles.{path.stem}")
    return ORACLES


def expected(name: str, columns: list[Any], parameters: dict[str, Any]) -> list[Bound]:
    found = every_oracle()[name](*columns, **parameters)
    return [found] if isinstance(found, Bound) else list(found)
