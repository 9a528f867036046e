"""What tests of this folder measured, by its name; shown at the end of the run, whichever process measured it."""

import statistics

FIGURES: dict[str, list[float]] = {}
KEY = "kafka_figures"


def measured(what: str, value: float) -> None:
    FIGURES.setdefault(what, []).append(value)


def collect(found: dict[str, list[float]]) -> None:
    """Take in what another process measured."""
    for what, values in found.items():
        FIGURES.setdefault(what, []).extend(values)


def lines() -> list[str]:
    return [f"{what}: {len(values)} times, median {statistics.median(values):.1f}, most {max(values):.1f}"
            for what, values in FIGURES.items()]
