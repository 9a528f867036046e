"""``algotrade signals``: what the catalogue of signals holds, and what a signal looks like on your data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

app = typer.Typer(no_args_is_help=True, help="Look at the signals, and plot them on your data.",
                  epilog="example: algotrade signals list")

Name = Annotated[str, typer.Argument(metavar="SIGNAL", help="Its name, as listed.")]
PICTURES = (".png", ".svg")
PAGE = ".html"


class Refused(Exception):
    """The command line asks for what there is not; the message says what is allowed."""


@app.command("list", epilog="example: algotrade signals list --family volatility")
def list_signals(
    family: Annotated[str | None, typer.Option(help="Only this family, such as trend.")] = None,
) -> None:
    """List the signals by family: inputs, in the order in which they are handed in, parameters and outputs."""
    from rich.table import Table

    from algotrade_runners.cli.output import console
    from algotrade_runners.cli.signal_facts import families, inputs_of, outputs_of, parameters_of

    found = families()
    with _told():
        if family is not None and family not in found:
            raise Refused(f"--family {family}; allowed: {', '.join(found)}")
    table = Table()
    for column in ("signal", "family", "inputs", "parameters", "outputs, where several"):
        table.add_column(column)
    shown = [entry for name, entries in found.items() if family in {None, name} for entry in entries]
    for entry in shown:
        table.add_row(entry.name, entry.family, inputs_of(entry), parameters_of(entry), outputs_of(entry))
    out = console()
    out.print(table)
    total = sum(map(len, found.values()))
    out.print(f"{len(shown)} of {total}; algotrade signals show SIGNAL tells more", markup=False)


@app.command(epilog="example: algotrade signals show rsi")
def show(signal: Name) -> None:
    """Show one signal: formula, source, inputs, parameters and their ranges, and a program that computes it."""
    from rich.table import Table

    from algotrade_runners.cli import signal_facts as facts
    from algotrade_runners.cli.output import console

    entry = _entry(signal)
    out = console()
    rows = [("family", entry.family), ("formula", entry.formula), ("source", entry.source), ("unit", entry.unit),
            ("inputs", facts.inputs_of(entry)), ("outputs", facts.outputs_of(entry)),
            ("warm-up", facts.warm_up_of(entry)), ("call shape", facts.shape_of(entry))]
    out.print(facts.call_of(entry), style="bold", markup=False)
    told = Table.grid(padding=(0, 2))
    for name, text in rows:
        if text:
            told.add_row(name, text.replace("[", "\\["))
    out.print(told)
    if entry.parameters:
        table = Table(title="parameters", title_justify="left")
        for column in ("name", "default", "allowed"):
            table.add_column(column)
        for parameter in entry.parameters:
            table.add_row(parameter.name, f"{parameter.default:g}", facts.range_of(parameter))
        out.print(table)
    example = facts.example_of(entry)
    if example:
        out.print(f"\n{example}", markup=False, highlight=False)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="example: algotrade signals plot rsi --data bars.parquet --instrument IBM --period 7 --out rsi.png")
def plot(
    context: typer.Context, signal: Name,
    data: Annotated[list[Path] | None, typer.Option(
        help="Parquet or CSV file of quotes, trades or bars; again for more. Without: the demo's daily bars.")] = None,
    instrument: Annotated[str | None, typer.Option(help="By default the first in the data.")] = None,
    given: Annotated[list[str] | None, typer.Option(
        "--input", metavar="NAME=COLUMN[@INSTRUMENT]", help="Take an input from this column; again for more.")] = None,
    last: Annotated[int | None, typer.Option(min=2, help="Draw so many observations, the latest.")] = None,
    out: Annotated[Path | None, typer.Option(
        metavar="FILE.html|.png|.svg", help="By default SIGNAL.html; a picture needs algotrade\\[plot].")] = None,
) -> None:
    """Plot a signal on the data in FILE. Its parameters are options too: --period 7, as `signals show` lists them."""
    from algotrade_runners.cli.signal_chart import chart_of, latest_of
    from algotrade_runners.cli.signal_facts import is_among, is_series, shape_of
    from algotrade_runners.cli.signal_series import among, read_tape, series_of

    entry = _entry(signal)
    path = out or Path(f"{signal}{PAGE}")
    with _told():
        if not is_series(entry) and not is_among(entry):
            raise Refused(f"{signal} is no series with a value per observation ({shape_of(entry)}): it has no plot")
        if path.suffix not in {*PICTURES, PAGE}:
            raise Refused(f"--out {path}; allowed: a name that ends in {', '.join((PAGE, *PICTURES))}")
        parameters = _parameters(entry, context.args)
        inputs = dict(_input(text) for text in given or ())
        asked = [symbol for symbol in (instrument, *(of for _, of in inputs.values())) if symbol]
        tape = read_tape(tuple(data or ()), asked, every=is_among(entry))
        symbol = instrument or next(name for name in tape.symbols if name not in asked or len(tape.symbols) == 1)
        where = ", ".join(file.name for file in data or ()) or "the sample"
        names = [i.name for i in entry.inputs if not getattr(i, "default", None)]
        series = (among if is_among(entry) else series_of)(tape, signal, names, symbol, inputs, where)
        chart = chart_of(entry, series, parameters, last)
        if path.suffix == PAGE:
            from algotrade_runners.cli.signal_page import write_signal_page

            write_signal_page(path, chart)
        else:
            from algotrade_runners.cli.signal_picture import write_picture

            write_picture(path, chart)
    typer.echo(f"{path}: {chart.title}; {chart.subtitle}; {latest_of(chart)}")


def _entry(name: str) -> Any:
    from algotrade.signals import catalog
    from algotrade.signals.catalogue import UnknownSignal

    with _told():
        try:
            return catalog[name]
        except UnknownSignal as error:
            raise Refused(str(error)) from error


def _parameters(entry: Any, words: "Sequence[str]") -> dict[str, float]:
    """Return the parameters among the options, checked; ``Refused`` with what is allowed."""
    found: dict[str, float] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, has_value, text = word.removeprefix("--").partition("=")
        known = {p.name: p for p in entry.parameters}
        name = name.replace("-", "_")
        if not word.startswith("--"):
            raise Refused(f"{word!r} is no option; allowed: SIGNAL and options")
        if name in known and not has_value:
            text = rest.pop(0) if rest else ""
        if name in known:
            found[name] = _number(entry.name, name, text, whole=known[name].whole)
        else:
            _refuse_unknown(entry, name)
    try:
        entry.warmup(**found)
    except ValueError as error:
        raise Refused(str(error)) from error
    return found


def _refuse_unknown(entry: Any, name: str) -> NoReturn:
    from algotrade.signals.signal import near

    options = [p.name for p in entry.parameters]
    raise Refused(f"{entry.name}: no parameter {name!r}; {near(name, options) if options else 'it has none'}; "
                  "options: --data, --instrument, --input, --last, --out")


def _number(signal: str, name: str, text: str, *, whole: bool) -> float:
    try:
        return int(text) if whole else float(text)
    except ValueError as error:
        raise Refused(f"{signal}: {name} is {text!r}; allowed: a {'whole ' if whole else ''}number") from error


def _input(text: str) -> tuple[str, tuple[str, str]]:
    """Return the input, and the column and the instrument that it is taken from."""
    name, _, source = text.partition("=")
    column, _, symbol = source.partition("@")
    if not name or not column:
        raise Refused(f"--input {text}; allowed: NAME=COLUMN or NAME=COLUMN@INSTRUMENT, such as x=volume")
    return name, (column, symbol)


def _told() -> "AbstractContextManager[None]":
    from algotrade.backtest.report import ReportUnavailable
    from algotrade.feeds import FeedError
    from algotrade_runners.cli.errors import told
    from algotrade_runners.cli.signal_picture import PictureUnavailable
    from algotrade_runners.cli.signal_series import SeriesRefused

    # A file that cannot be plotted is a word of the command line that is wrong.
    return told(config=(Refused, SeriesRefused, FeedError, ReportUnavailable, PictureUnavailable))
