"""What tests of this folder measured, by its name; shown at the end of the run."""

FIGURES: dict[str, list[float]] = {}


def measured(what: str, value: float) -> None:
    FIGURES.setdefault(what, []).append(value)
