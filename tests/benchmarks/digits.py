"""How many digits a rolling variance keeps, against exact sums of the same window."""

import math

import numpy as np

from algotrade.signals import catalog

WINDOWS = (20, 10_000)


def hard_series(observations: int) -> dict[str, np.ndarray]:
    """Return what loses digits in a variance of running sums: little noise, small steps, around a million."""
    rng = np.random.default_rng(1)
    return {"white noise of 1e-3 around 1e6": 1e6 + rng.normal(0, 1e-3, observations),
            "random walk from 1e6 in steps of 1e-3": 1e6 + np.cumsum(rng.normal(0, 1e-3, observations))}


def exact(window: np.ndarray) -> float:
    """Return the population variance of ``window`` with exact sums: the mean, then the squared deviations."""
    mean = math.fsum(window) / len(window)
    off = window - mean  # exact where the deviations are this much smaller than the values (Sterbenz)
    # The rounded mean is off by up to 1e-10 itself; its square is what the second sum takes back.
    return (math.fsum(off * off) - math.fsum(off) ** 2 / len(window)) / len(window)


def worst_errors(observations: int, windows_checked: int) -> dict[tuple[str, int], float]:
    """Return the largest relative error of ``windows_checked`` windows, spread evenly, the last among them."""
    found = {}
    for case, series in hard_series(observations).items():
        for window in WINDOWS:
            ours = catalog["variance"].batch(series, period=window)
            ends = np.linspace(window - 1, observations - 1, windows_checked).astype(np.intp)
            found[case, window] = max(
                abs(ours[end] - truth) / truth
                for end in ends if (truth := exact(series[end - window + 1 : end + 1])) > 0.0)
    return found
