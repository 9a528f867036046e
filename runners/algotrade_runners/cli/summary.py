"""The table at the end of a demo."""

from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from algotrade_runners.cli.outcome import Outcome
from algotrade_runners.cli.results import Results


def print_summary(results: Results, outcome: Outcome, out: Path, console: Console) -> None:
    """Print what came out, and where to look further."""
    summary, statistics = results.summary, results.statistics
    table = Table(title=f"{summary.strategy}: what came out", show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column(justify="right")
    rejects = ", ".join(f"{reason} {count:,}" for reason, count in outcome.fold.rejects.items())
    for name, value in (
        ("records in / quarantined", f"{summary.events_in:,} / {summary.events_quarantined:,}"),
        ("lost / handled twice", f"{summary.events_lost:,} / {summary.events_duplicated:,}"),
        ("intents / orders / fills", f"{summary.intents:,} / {summary.orders:,} / {summary.fills:,}"),
        ("refused", f"{summary.rejects:,}" + (f" ({rejects})" if rejects else "")),
        *((("liquidated by the broker", f"{len(outcome.fold.liquidations):,}"),) if outcome.fold.liquidations else ()),
        ("profit and loss", f"{_money(summary.pnl)} {summary.currency}"),
        ("of which commissions", f"{_money(-statistics.commission)} {summary.currency}"),
        ("return / deepest drawdown", f"{statistics.return_share:+.2%} / {statistics.drawdown_max.share:.2%}"),
        ("records per second", f"{summary.events_per_s:,.0f}"),
        ("seconds", f"{summary.elapsed_s:.2f}"),
        ("fills.csv SHA-256", summary.fills_sha256[:16] + " ..."),
    ):
        table.add_row(name, value)
    console.print(table)
    if results.report is None:
        console.print(f"no report: {results.report_missing}", markup=False)
    console.print(f"open {results.report or out}", style="bold", markup=False, soft_wrap=True)


def _money(amount: Decimal) -> str:
    return f"{amount:+,.2f}"
