"""``algotrade data``: look data files over, and convert them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from algotrade.feeds import CheckReport

app = typer.Typer(no_args_is_help=True, help="Look data files over, and convert them.",
                  epilog="example: algotrade data check quotes.parquet")


@app.command(epilog="example: algotrade data check quotes.parquet trades.parquet")
def check(
    files: Annotated[list[Path], typer.Argument(help="Parquet or CSV files of quotes, trades or bars.")],
) -> None:
    """Say what is in FILES, and what the quality gate thinks of every record."""
    from algotrade.feeds import check as check_files
    from algotrade_runners.cli.errors import told
    from algotrade_runners.cli.output import console

    with told():
        _print_check(check_files(files), console())


@app.command(epilog="example: algotrade data convert ticks.csv ticks.parquet")
def convert(
    source: Annotated[Path, typer.Argument(help="Parquet or CSV file in the documented schema.")],
    target: Annotated[Path, typer.Argument(help="File to write; .csv or .parquet by its name.")],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite TARGET.")] = False,  # noqa: FBT002
) -> None:
    """Write SOURCE to TARGET, sorted by time, in the documented schema."""
    from algotrade.feeds import convert as convert_file
    from algotrade_runners.cli.errors import told

    with told():
        done = convert_file(source, target, replace=replace)
    typer.echo(f"{target}: {done.rows:,} rows, {done.moved:,} of them moved into order")
    if done.columns_left_out:
        typer.echo(f"left out, not in the schema: {', '.join(done.columns_left_out)}")


def _print_check(report: "CheckReport", console: "Console") -> None:
    from rich.table import Table

    from algotrade.backtest.outputs import iso_utc

    facts = Table(title="files", title_justify="left")
    for column in ("file", "holds", "rows", "symbols", "from", "to", "order", "tick"):
        facts.add_column(column)
    for fact in report.facts:
        shown = ", ".join(fact.symbols[:5]) + (f" and {len(fact.symbols) - 5} more" if len(fact.symbols) > 5 else "")
        facts.add_row(fact.path.name, fact.shape, f"{fact.rows:,}", shown, iso_utc(fact.first_time_ns),
                      iso_utc(fact.last_time_ns), fact.order, str(fact.tick))
    console.print(facts)
    console.print(f"{report.passed:,} records pass, {report.quarantined:,} are quarantined", highlight=False)
    if not report.counts:
        return
    verdicts = Table(title="what the quality gate noticed", title_justify="left")
    for column in ("kind", "flag", "records", "the first ones: sequence, time, symbol, values"):
        verdicts.add_column(column)
    for (kind, flag), count in report.counts.items():
        examples = "\n".join(
            f"{e.sequence} {iso_utc(e.event_time_ns)} {e.symbol} "
            + " ".join(f"{name}={value:g}" for name, value in e.values.items())
            for e in report.examples[kind, flag][:3])
        verdicts.add_row(kind.name.lower(), str(flag.name).lower(), f"{count:,}", examples)
    console.print(verdicts)
