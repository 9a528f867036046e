"""Numbers: what is usable as an observation, and a product and sum that are rounded once."""

from fractions import Fraction
from typing import Any

import numba
from numba.core import types
from numba.core.typing.templates import signature
from numba.extending import intrinsic

CONFIG: Any = numba.config
"""Numba's settings, of which mypy knows nothing."""

INTERPRETED = bool(CONFIG.DISABLE_JIT)

LIMIT = 1e60
"""Larger magnitudes are not usable: squares, cubes, fourth powers and their sums stay finite below it."""

SMALLEST = 1e-60
"""Smaller positive numbers are not usable where an input must be positive."""


@intrinsic
def _fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fma(*(context.cast(builder, arg, kind, types.float64)
                             for arg, kind in zip(args, sig.args, strict=True)))

    return signature(types.float64, a, b, c), lower


def _interpreted(a: float, b: float, c: float) -> float:
    return float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))


fma: Any = _interpreted if INTERPRETED else _fma
"""``fma(a, b, c)``: a * b + c of finite numbers, rounded once: an instruction where the processor has it, the C
library's function elsewhere. Python has none before 3.13."""
