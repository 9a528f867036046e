"""Eigenvalues and eigenvectors of small symmetric matrices, by rotations. Compiled."""

import math
from typing import Any

from algotrade.jit import jit

SWEEPS_MAX = 40
"""Passes over all pairs: fewer than ten do, and convergence is quadratic; a bound, because everything has one."""

NEGLIGIBLE = 2.0**-56
"""Share of the matrix's length below which an element off the diagonal is 0: its square is beyond rounding."""


@jit
def _rotate(a: Any, p: int, q: int, c: float, s: float) -> None:
    """Turn rows p and q."""
    for k in range(a.shape[1]):
        x, y = a[p, k], a[q, k]
        a[p, k] = c * x - s * y
        a[q, k] = s * x + c * y


@jit
def _annihilate(a: Any, v: Any, p: int, q: int) -> None:
    """Turn rows and columns p and q so that their common element is 0."""
    n = len(a)
    theta = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
    # Of the two angles the smaller: the rotation that changes least.
    t = math.copysign(1.0, theta) / (abs(theta) + math.sqrt(theta * theta + 1.0))
    c = 1.0 / math.sqrt(t * t + 1.0)
    s = t * c
    first, second, common = a[p, p], a[q, q], a[p, q]
    _rotate(a, p, q, c, s)
    for k in range(n):
        a[k, p] = a[p, k]
        a[k, q] = a[q, k]
    a[p, p] = first - t * common
    a[q, q] = second + t * common
    a[p, q] = 0.0
    a[q, p] = 0.0
    _rotate(v, p, q, c, s)


@jit
def eigen(a: Any, v: Any) -> None:
    """Turn a symmetric matrix (n, n) into its eigenvalues, on the diagonal; the rows of ``v`` are the vectors.

    Cyclic rotations, after C. Jacobi, Crelle 30, 1846, with the angle of H. Rutishauser, Numerische Mathematik 9, 1966.
    In no order; the vectors are orthogonal to the last digits, whatever the eigenvalues.
    """
    n = len(a)
    squares = 0.0
    for p in range(n):
        for q in range(n):
            v[p, q] = 1.0 if p == q else 0.0
            squares += a[p, q] * a[p, q]
    bound = NEGLIGIBLE * math.sqrt(squares)
    for _ in range(SWEEPS_MAX):
        turned = 0
        for p in range(n - 1):
            for q in range(p + 1, n):
                if abs(a[p, q]) > bound:
                    _annihilate(a, v, p, q)
                    turned += 1
        if turned == 0:
            return


@jit
def largest_first(a: Any, v: Any, wanted: int) -> None:
    """Bring the ``wanted`` largest eigenvalues, and their vectors, to the front, in falling order."""
    n = len(a)
    for k in range(wanted):
        best = k
        for j in range(k + 1, n):
            best = j if a[j, j] > a[best, best] else best
        if best != k:
            a[k, k], a[best, best] = a[best, best], a[k, k]
            for j in range(n):
                v[k, j], v[best, j] = v[best, j], v[k, j]
