"""What the report shows, as values: it is drawn from a ``RunView`` and from nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from algotrade.backtest.curve import Curve
from algotrade.backtest.fold_reports import RunFold
from algotrade.backtest.holdings import Holding, holdings_of
from algotrade.backtest.marks import MarkSampler
from algotrade.backtest.statistics import Statistics
from algotrade.domain import Fill, Instrument, Instruments, Liquidation, Records, Side

CHARTS_MAX = 24
"""Price charts in one report: the instruments traded most. Each takes about 100 kB."""


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, in words for the reader.

    ``data``        where the prices came from: file or source, kind, number of records
    ``parameters``  of the strategy, by name
    ``first_ns``, ``last_ns``  the period, event time
    ``versions``    of what the result may depend on: algotrade, Python, numpy, numba
    """

    title: str
    data: str
    strategy: str
    parameters: dict[str, str]
    first_ns: int
    last_ns: int
    git_commit: str
    seed: int | None
    versions: dict[str, str]


class EventCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the run's market records; None where nobody counted, which the report shows as such."""

    lost: int | None
    duplicated: int | None
    quarantined: int | None


class PriceView(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One price chart: ``PRICES`` rows of an instrument and its fills in time order."""

    symbol: str
    currency: str
    prices: Records
    fills: tuple[Fill, ...]


class RunView(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A run as the report shows it. All text is plain text; escaping is the report's business.

    ``charts``           at most ``CHARTS_MAX`` instruments; ``charts_left_out`` counts those with fills that got none
    ``statements``       what a reader must know about the data, one sentence or paragraph each
    ``rejects``          by reason; ``quality`` records by the quality gate's verdict
    ``assumptions``      of the matching models, one sentence each
    """

    heading: Heading
    statistics: Statistics
    curve: Curve
    events: EventCounts
    charts: tuple[PriceView, ...]
    charts_left_out: int
    holdings: tuple[Holding, ...]
    rejects: dict[str, int]
    cancel_rejects: dict[str, int]
    quality: dict[str, int]
    statements: tuple[str, ...]
    assumptions: tuple[str, ...]


def view_of(
    heading: Heading, curve: Curve, statistics: Statistics, fold: RunFold, sampler: MarkSampler,
    instruments: Instruments, *, events: EventCounts, quality: Mapping[str, int], statements: Sequence[str],
    assumptions: Sequence[str],
) -> RunView:
    """Return the view of a run from what its folds hold."""
    charts, left_out = _charts(fold, sampler, instruments)
    return RunView(
        heading=heading, statistics=statistics, curve=curve, events=events, charts=charts, charts_left_out=left_out,
        holdings=tuple(holdings_of(curve.positions, curve.marks, instruments)), rejects=fold.rejects,
        cancel_rejects=fold.cancel_rejects, quality=dict(quality),
        statements=(*statements, *(_liquidated(told, instruments[told.instrument]) for told in fold.liquidations)),
        assumptions=tuple(assumptions),
    )


def _liquidated(told: Liquidation, instrument: Instrument) -> str:
    verb = "bought" if told.side is Side.BUY else "sold"
    return (f"The broker {verb} {told.quantity} {instrument.symbol} at {told.price} {instrument.currency} by itself "
            f"(execution {told.execution_id}). It is of no order of this run and in none of its figures.")


def _charts(fold: RunFold, sampler: MarkSampler, instruments: Instruments) -> tuple[tuple[PriceView, ...], int]:
    """Return the charts of the instruments with most fills, in id order, and how many with fills are left out."""
    fills = fold.fills
    counts = Counter(f.instrument for f in fills)
    ranked = sorted(instruments, key=lambda i: (-counts[i.id], i.id))
    drawn = sorted(ranked[:CHARTS_MAX], key=lambda i: i.id)
    views = tuple(_chart(i, sampler, fills) for i in drawn)
    return tuple(v for v in views if len(v.prices)), sum(1 for i in ranked[CHARTS_MAX:] if counts[i.id])


def _chart(instrument: Instrument, sampler: MarkSampler, fills: Sequence[Fill]) -> PriceView:
    return PriceView(
        symbol=instrument.symbol, currency=instrument.currency, prices=sampler.prices(instrument.id),
        fills=tuple(f for f in fills if f.instrument == instrument.id),
    )
