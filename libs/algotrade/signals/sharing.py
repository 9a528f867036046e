"""Work on many rows, shared among threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from algotrade.signals.arithmetic import CONFIG


def threads_of(name: str, threads: int | None) -> int:
    """Return ``threads``, as many as numba uses where that is None; ``ValueError`` below 1, naming ``name``."""
    wanted: int = CONFIG.NUMBA_NUM_THREADS if threads is None else threads
    if wanted < 1:
        raise ValueError(f"{name}: threads is {wanted}; allowed: 1 or more")
    return wanted


def share_out(count: int, shares: int, run: Callable[[int, int], None]) -> None:
    """Call ``run(first, last)`` for all of ``count`` rows in so many shares, each in a thread; return when done.

    The calling thread does the first share: two that are started at once begin on the same core, and stay for a while.
    """
    shares = max(1, min(shares, count))
    cuts = [count * k // shares for k in range(shares + 1)]
    if shares == 1:
        run(0, count)
        return
    with ThreadPoolExecutor(shares - 1) as pool:
        others = [pool.submit(run, *cuts[k : k + 2]) for k in range(1, shares)]
        run(*cuts[:2])
        for other in others:
            other.result()
