"""What docs/SIGNALS.md says of each signal, from the catalogue, and its picture, drawn by the command itself."""

from pathlib import Path
from typing import Any

from algotrade.signals import catalog
from algotrade_runners.cli import signal_facts as facts
from algotrade_runners.cli.main import app

PICTURES = Path("docs") / "images" / "signals"
INSTRUMENT, OBSERVATIONS = "AAPL", "500"


def signals() -> str:
    """Return the list of families, then a section for each entry."""
    found = facts.families()
    parts = [f"- {family}: " + ", ".join(f"[`{e.name}`](#{e.name})" for e in entries)
             for family, entries in found.items()]
    text = "\n".join(parts)
    return "\n\n".join([text, *(f"## {family.capitalize()}\n\n" + "\n\n".join(map(_section, entries))
                                for family, entries in found.items())])


def drawn() -> list[Any]:
    """Return the entries that daily bars of several stocks can show."""
    return [entry for entry in catalog.values() if facts.is_drawn(entry)]


def options_of(entry: Any) -> list[str]:
    """Return the options with which the command draws the picture of ``entry``."""
    inputs = [f"{name}={column}" for name, column in facts.default_inputs(entry).items()]
    return [word for text in inputs for word in ("--input", text)]


def draw(root: Path) -> None:
    """Draw every picture, and remove those of signals that are no more."""
    folder = root / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for entry in drawn():
        app(["signals", "plot", entry.name, "--instrument", INSTRUMENT, "--last", OBSERVATIONS, *options_of(entry),
             "--out", str(folder / f"{entry.name}.png")], standalone_mode=False)
    for path in folder.glob("*.png"):
        if path.stem not in {entry.name for entry in drawn()}:
            path.unlink()


def _section(entry: Any) -> str:
    rows = ["| | |", "|---|---|", f"| formula | {_cell(entry.formula)} |", f"| source | {_cell(entry.source)} |",
            f"| inputs | {', '.join(f'`{i.name}`' for i in entry.inputs)} |"]
    rows += [f"| `{p.name}` | {p.default:g}; allowed: {_cell(facts.range_of(p))} |" for p in entry.parameters]
    if facts.outputs_of(entry):
        rows.append(f"| outputs | {', '.join(f'`{name}`' for name in entry.output_names)} |")
    rows.append(f"| unit | {_cell(entry.unit)} |")
    if facts.warm_up_of(entry):
        rows.append(f"| first value | {facts.warm_up_of(entry)} |")
    if not facts.is_series(entry):
        rows.append(f"| call shape | {_cell(facts.shape_of(entry))} |")
    return f"### `{entry.name}`\n\n" + "\n".join(rows) + "\n\n" + _plot(entry)


def _plot(entry: Any) -> str:
    if facts.is_drawn(entry):
        return f"![{entry.name} of {INSTRUMENT}]({PICTURES.relative_to('docs').as_posix()}/{entry.name}.png)"
    if facts.is_among(entry):
        return ("No plot here: the demo's bars are of five stocks. `algotrade signals plot` draws an instrument's "
                "among all those of your data.")
    if facts.is_panel(entry):
        return "No plot: it gives no value per time of one instrument's data."
    if not facts.is_series(entry):
        return "No plot: it gives no value per observation of one series."
    return "No plot here: daily bars do not have its inputs. `algotrade signals plot` draws it on data that do."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_(", "\\_(")
