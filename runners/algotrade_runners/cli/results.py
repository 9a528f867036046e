"""The files of a run: fills, orders, positions, summary, manifest and report."""

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import msgspec

from algotrade.backtest.curve import Curve, curve_of
from algotrade.backtest.files import OutputError, written_whole
from algotrade.backtest.holdings import holdings_of
from algotrade.backtest.marks import MarkSampler
from algotrade.backtest.outputs import write_fills, write_orders, write_positions
from algotrade.backtest.report import EventCounts, Heading, ReportUnavailable, view_of, write_report
from algotrade.backtest.statistics import Statistics, statistics_of
from algotrade.config import config_hash, convert
from algotrade.domain import MarketBatch
from algotrade.strategy import definition_of
from algotrade.telemetry.metrics import Histogram
from algotrade_runners.cli.outcome import Outcome
from algotrade_runners.cli.prepare import Prepared
from algotrade_runners.data_plane.build import build_feed, build_gate
from algotrade_runners.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
LOCK = REPOSITORY / "requirements.lock"
DISTRIBUTIONS = ("algotrade", "numpy", "numba", "msgspec", "apsw", "pyarrow")


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What ``summary.json`` holds.

    ``events_in``          records read from the files, quarantined ones too
    ``events_per_s``       records handled by the order plane per second of ``elapsed_s``
    ``elapsed_s``          from the first read to the last record handled by the order plane, of this session
    ``rejects``            orders that the risk gate or the broker refused
    ``pnl``                realised and unrealised, less commissions, in ``currency``
    ``intent_latency_ms_p50``, ``intent_latency_ms_p99``  wall time from market data published to their intent read by
    the order plane
    ``order_latency_ms_p50``, ``order_latency_ms_p99``  wall time from market data published to their order accepted by
                           the broker; of a paced run: at full speed it is waiting in line. None without orders
    ``resumed``            the run was continued: times are those of the last session
    """

    events_in: int
    events_quarantined: int
    events_lost: int
    events_duplicated: int
    intents: int
    orders: int
    rejects: int
    fills: int
    fills_sha256: str
    pnl: Decimal
    currency: str
    elapsed_s: float
    events_per_s: float
    intent_latency_ms_p50: float | None
    intent_latency_ms_p99: float | None
    order_latency_ms_p50: float | None
    order_latency_ms_p99: float | None
    resumed: bool
    strategy: str
    versions: dict[str, str]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A run's results as they were written; ``report`` None where plotting is not installed, with the reason."""

    summary: Summary
    statistics: Statistics
    report: Path | None
    report_missing: str


def write_results(prepared: Prepared, outcome: Outcome, out: Path, market: Iterable[MarketBatch]) -> Results:
    """Write all files into ``out`` and return what they say. Raises ``OutputError`` where a file cannot be written.

    ``market``  the records that strategies had, once more, for the prices that value the positions
    """
    settings = prepared.settings
    instruments = settings.universe()
    fold = outcome.fold
    sampler = MarkSampler(instruments, outcome.data.published.first_time_ns, outcome.data.published.last_time_ns)
    for batch in market:
        sampler.feed(batch)
    curve = curve_of(fold.fills, sampler.marks(), instruments, settings.run.starting_cash)
    rejects = sum(fold.rejects.values())
    statistics = statistics_of(curve, fold.fills, instruments, orders=len(fold.orders), rejects=rejects)

    write_fills(out / "fills.csv", fold.fills, instruments)
    write_orders(out / "orders.csv", fold.orders, instruments)
    write_positions(out / "positions.csv", holdings_of(curve.positions, curve.marks, instruments))
    summary = _summary(prepared, outcome, curve, rejects, hash_of(out / "fills.csv"))
    _write_json(out / "summary.json", summary)
    report, missing = _report(out / "report.html", prepared, outcome, sampler, curve, statistics, summary)
    return Results(summary=summary, statistics=statistics, report=report, report_missing=missing)


def write_manifest(prepared: Prepared, path: Path) -> None:
    """Write what makes the run: code, locked requirements, configuration, data, seed. Known before it starts."""
    _write_json(path, {
        "git_commit": git_commit(),
        "lock_sha256": hash_of(LOCK) if LOCK.exists() else None,
        "config_sha256": config_hash(prepared.settings),
        "data_sha256": prepared.data_sha256,
        "seed": prepared.settings.run.seed,
        "versions": versions(),
    })


def versions() -> dict[str, str]:
    """Return the versions of what a result may depend on."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in DISTRIBUTIONS},
        "sqlite": apsw.sqlite_lib_version(),
    }


def git_commit() -> str | None:
    """Return the checkout's commit, with "+changes" where files differ from it; None outside a checkout."""
    try:
        commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if status else "")


def _git(*arguments: str) -> str:
    answer = subprocess.run(  # noqa: S603 -- no shell, fixed words
        ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)  # noqa: S607 -- theirs
    return answer.stdout.strip()


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def passed_again(settings: Settings) -> Iterator[MarketBatch]:
    """Read the files once more, through a fresh gate."""
    gate, feed = build_gate(settings), build_feed(settings)
    try:
        while (batch := feed.read()) is not None:
            yield gate.check(batch).passed
    finally:
        feed.close()


def _summary(prepared: Prepared, outcome: Outcome, curve: Curve, rejects: int, fills_sha256: str) -> Summary:
    elapsed_s = outcome.elapsed_s
    return Summary(
        events_in=outcome.data.read.records, events_quarantined=outcome.data.quarantined,
        events_lost=outcome.events_lost, events_duplicated=outcome.events_duplicated,
        intents=outcome.strategy.intents, orders=len(outcome.fold.orders), rejects=rejects,
        fills=len(outcome.fold.fills), fills_sha256=fills_sha256, pnl=curve.total_pnl, currency=curve.currency,
        elapsed_s=round(elapsed_s, 6), events_per_s=round(outcome.records_handled / elapsed_s, 1) if elapsed_s else 0.0,
        intent_latency_ms_p50=_latency_ms(outcome.orders.intent_latency_counts, 0.50),
        intent_latency_ms_p99=_latency_ms(outcome.orders.intent_latency_counts, 0.99),
        order_latency_ms_p50=_latency_ms(outcome.orders.latency_counts, 0.50),
        order_latency_ms_p99=_latency_ms(outcome.orders.latency_counts, 0.99),
        resumed=prepared.resumed, strategy=prepared.settings.strategy.name, versions=versions(),
    )


def _latency_ms(counts: list[int], share: float) -> float | None:
    latency = Histogram()
    latency.counts = counts
    return round(latency.quantile(share) * 1e3, 3) if any(latency.counts) else None


def _report(path: Path, prepared: Prepared, outcome: Outcome, sampler: MarkSampler, curve: Curve,
            statistics: Statistics, summary: Summary) -> tuple[Path | None, str]:
    settings = prepared.settings
    published = outcome.data.published
    heading = Heading(
        title=f"{settings.strategy.name} on {', '.join(i.symbol for i in list(settings.universe())[:6])}",
        data="; ".join(f"{f.path.name}: {f.rows:,} {f.shape}" for f in prepared.facts),
        strategy=settings.strategy.name, parameters=_parameters(settings), first_ns=published.first_time_ns,
        last_ns=published.last_time_ns, git_commit=git_commit() or "not a checkout", seed=settings.run.seed,
        versions=summary.versions)
    view = view_of(
        heading, curve, statistics, outcome.fold, sampler, settings.universe(),
        events=EventCounts(lost=summary.events_lost, duplicated=summary.events_duplicated,
                           quarantined=summary.events_quarantined),
        quality=outcome.data.quality, statements=prepared.statements, assumptions=settings.venue.assumptions())
    try:
        write_report(path, view)
    except ReportUnavailable as error:
        return None, str(error)
    return path, ""


def _parameters(settings: Settings) -> dict[str, str]:
    definition = definition_of(settings.strategy.name)
    parameters = convert(settings.strategy.parameters, definition.parameters, "strategy.parameters")
    return {name: str(value) for name, value in msgspec.structs.asdict(parameters).items()}


def _write_json(path: Path, value: Mapping[str, Any] | msgspec.Struct) -> None:
    encoder = msgspec.json.Encoder(decimal_format="number")
    with written_whole(path) as file:
        file.write(msgspec.json.format(encoder.encode(value), indent=2).decode() + "\n")


__all__ = ["OutputError", "Results", "Summary", "passed_again", "versions", "write_manifest", "write_results"]
