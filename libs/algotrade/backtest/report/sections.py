"""The report's sections as HTML, top to bottom. Every text of the run's is escaped here or in ``text.table``."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from html import escape

from algotrade.backtest.report.charts import FILLS_DRAWN_MAX
from algotrade.backtest.report.text import day, duration, moment, number, percent, quantity, table
from algotrade.backtest.report.view import PriceView, RunView
from algotrade.backtest.statistics import DAYS_PER_YEAR, Statistics

STACKED_MAX = 6
"""Up to so many price charts stand below one another; more share one place and a selector."""

LEGEND = '<div class="legend"><span class="gain">▲ buy</span><span class="loss">▼ sell</span></div>'


def all_of(run: RunView) -> Iterator[str]:
    """Yield the body of the page."""
    yield _header(run)
    yield _performance_strip(run.statistics)
    yield _integrity_strip(run)
    if run.statements:
        yield f'<div class="notice">{"".join(f"<p>{escape(s)}</p>" for s in run.statements)}</div>\n'
    yield ('<h2>Equity, drawdown and exposure</h2>\n<div class="card"><div class="chart" data-figure="performance">'
           "</div></div>\n")
    yield f'<h2>Statistics</h2>\n<div class="card figures">{_statistics(run.statistics)}</div>\n'
    yield from _prices(run)
    yield f'<h2>Positions at the end</h2>\n<div class="card">{_positions(run)}</div>\n'
    yield _counts(run)
    if run.assumptions:
        items = "".join(f"<li>{escape(a)}</li>" for a in run.assumptions)
        yield f'<h2>Assumptions of the matching models</h2>\n<div class="card"><ul>{items}</ul></div>\n'
    yield _footer(run)


def price_figure(place: int) -> str:
    """Return the name of the figure of the price chart at ``place``."""
    return f"price-{place}"


def _header(run: RunView) -> str:
    heading = run.heading
    parameters = ", ".join(f"{name} = {value}" for name, value in heading.parameters.items())
    facts = [
        ("Period", f"{moment(heading.first_ns)} to {moment(heading.last_ns)}", True),
        ("Data", heading.data, True),
        ("Strategy", heading.strategy, True),
        ("Parameters", parameters or "none", True),
        ("Git commit", heading.git_commit, False),
        ("Seed", "none" if heading.seed is None else str(heading.seed), False),
        ("Versions", ", ".join(f"{name} {version}" for name, version in heading.versions.items()), True),
    ]
    terms = "".join(
        f"<dt>{name}</dt><dd{' class=wide' if wide else ''}>{escape(value)}</dd>" for name, value, wide in facts
    )
    subtitle = f"{heading.strategy} · {day(heading.first_ns)} to {day(heading.last_ns)}"
    return (f'<header>\n<h1>{escape(heading.title)}</h1>\n<p class="subtitle">{escape(subtitle)}</p>\n'
            f"<dl>{terms}</dl>\n</header>\n")


def _kpi(name: str, value: str, note: str = "", tone: str = "") -> str:
    below = f'<div class="note">{escape(note)}</div>' if note else ""
    return (f'<div class="kpi"><div class="name">{escape(name)}</div>'
            f'<div class="value {tone}">{escape(value)}</div>{below}</div>')


def _performance_strip(s: Statistics) -> str:
    tone = "gain" if s.total_pnl > 0 else "loss" if s.total_pnl < 0 else ""
    worst = s.drawdown_max
    fell = f"{day(worst.peak_ns)} to {day(worst.trough_ns)}" if worst.peak_ns is not None else "equity never fell"
    return (
        '<div class="kpis">'
        + _kpi(f"Net P&L, {s.currency}", number(s.total_pnl), f"on {number(s.starting_cash, 0)} at the start", tone)
        + _kpi("Return", percent(s.return_share), f"{percent(s.return_annual)} a year", tone)
        + _kpi("Max drawdown", percent(-worst.share), fell, "loss" if worst.share > 0 else "")
        + _kpi("Sharpe ratio", number(s.sharpe_ratio), f"volatility {percent(s.volatility_annual)}")
        + "</div>\n"
    )


def _integrity_strip(run: RunView) -> str:
    s, events = run.statistics, run.events
    return (
        '<div class="kpis small">'
        + _kpi("Fills", f"{s.fills:,}")
        + _kpi("Rejected orders", f"{s.rejects:,}", tone="warn" if s.rejects else "")
        + _kpi("Events lost", *_count(events.lost, "loss"))
        + _kpi("Events duplicated", *_count(events.duplicated, "warn"))
        + _kpi("Events quarantined", *_count(events.quarantined, "warn"))
        + "</div>\n"
    )


def _count(count: int | None, tone: str) -> tuple[str, str, str]:
    if count is None:
        return "not counted", "", ""
    return f"{count:,}", "", tone if count else ""


def _statistics(s: Statistics) -> str:
    rows = (
        ("Starting cash", number(s.starting_cash)), ("Orders", f"{s.orders:,}"),
        ("Round trips closed", f"{s.round_trips:,}"),
        ("Final equity", number(s.equity_final)), ("Fills", f"{s.fills:,}"),
        ("Hit rate, after commissions", percent(s.hit_rate, 1)),
        ("Commissions", number(s.commission)), ("Value traded", number(s.traded_value, 0)),
        ("Average holding", duration(s.holding_ns_average)),
        ("Max drawdown, amount", number(s.drawdown_max.amount)), ("Turnover, times mean equity", number(s.turnover)),
        ("Days with data", f"{s.days:,}"),
    )
    return "".join(f"<div><span>{escape(name)}</span><span>{escape(value)}</span></div>" for name, value in rows)


def _prices(run: RunView) -> Iterator[str]:
    if not run.charts:
        return
    yield "<h2>Prices and fills</h2>\n"
    if len(run.charts) <= STACKED_MAX:
        for place, view in enumerate(run.charts):
            name, caption = f"<h3>{escape(view.symbol)}</h3>", f'<p class="caption">{escape(_caption(view))}</p>'
            chart = f'<div class="chart" data-figure="{price_figure(place)}"></div>'
            yield f'<div class="card"><div class="title">{name}{caption}{LEGEND}</div>{chart}</div>\n'
    else:
        yield _selector(run)
    if run.charts_left_out:
        yield (f'<p class="caption">{run.charts_left_out:,} more instruments with fills are not drawn; their positions '
               "are below.</p>\n")


def _selector(run: RunView) -> str:
    options = "".join(
        f'<option value="{price_figure(place)}" data-caption="{escape(_caption(view))}">{escape(view.symbol)}</option>'
        for place, view in enumerate(run.charts)
    )
    select = f'<select id="instrument" autocomplete="off">{options}</select>'
    return (f'<div class="card"><div class="title"><label>Instrument {select}</label>'
            f'<p class="caption" id="caption">{escape(_caption(run.charts[0]))}</p>{LEGEND}</div>'
            f'<div class="chart" id="chosen" data-figure="{price_figure(0)}"></div></div>\n')


def _caption(view: PriceView) -> str:
    buys = sum(1 for f in view.fills if f.side > 0)
    counts = f"in {view.currency} · {buys:,} bought · {len(view.fills) - buys:,} sold"
    if len(view.fills) > FILLS_DRAWN_MAX:
        return f"{counts} · {FILLS_DRAWN_MAX:,} of the {len(view.fills):,} fills are drawn, spread evenly"
    return counts


def _positions(run: RunView) -> str:
    head = ("Instrument", "Currency", "Quantity", "Average price", "Mark", "Market value", "Realised", "Unrealised",
            "Commission", "Net P&L")
    rows = [
        (
            h.symbol, h.currency, quantity(h.quantity), number(h.average_price, 4) if h.quantity else "",
            "" if h.mark is None else quantity(h.mark), number(h.market_value), number(h.realized_pnl),
            number(h.unrealized_pnl), number(h.commission), number(h.net_pnl),
        )
        for h in run.holdings
    ]
    zero = Decimal(0)
    total = (
        "Total", run.statistics.currency, "", "", "", number(sum((h.market_value for h in run.holdings), zero)),
        number(sum((h.realized_pnl for h in run.holdings), zero)),
        number(sum((h.unrealized_pnl for h in run.holdings), zero)),
        number(sum((h.commission for h in run.holdings), zero)), number(run.statistics.total_pnl),
    )
    return table(head, rows, words=2, total=total if len(rows) > 1 else None)


def _counts(run: RunView) -> str:
    rejects = table(("Reason", "Orders"), _counted(run.rejects))
    quality = table(("Verdict of the quality gate", "Records"), _counted(run.quality))
    refused = ""
    if run.cancel_rejects:
        refused = table(("Cancels and replaces refused, reason", "Requests"), _counted(run.cancel_rejects))
    return (
        f'<div class="pair"><div><h2>Rejected orders</h2><div class="card">{rejects}{refused}</div></div>'
        f'<div><h2>Data quality</h2><div class="card">{quality}</div></div></div>\n'
    )


def _counted(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    return ((name, f"{count:,}") for name, count in counts.items())


def _footer(run: RunView) -> str:
    return (
        "<footer>All times are event times in UTC. P&amp;L and positions are exact sums of the fills; the curves are "
        f"drawn in floating point, with {len(run.curve.time_ns):,} points. Daily returns run from the end of one UTC "
        f"day with data to the next; volatility and Sharpe ratio are annualised with {DAYS_PER_YEAR} days and a "
        f"risk-free rate of 0; a return a year is given from {DAYS_PER_YEAR} days on. A round trip runs from flat to "
        "flat. An en dash stands for what is undefined.</footer>\n"
    )
