"""Equity over time from fills and marks: exact at the end, float64 on the way."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from algotrade.backtest.marks import DAY_NS
from algotrade.domain import Fill, Instruments, Position, Records, fold

Times: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = npt.NDArray[np.float64]

POINTS_MIN = 4
"""First, last, peak and trough are always among the points."""

_EVENT = np.dtype([
    ("time_ns", "<i8"), ("is_mark", "<i1"), ("instrument", "<i4"), ("price", "<f8"), ("quantity", "<f8"),
    ("commission", "<f8"),
])
"""A fill (``quantity`` signed) or a mark (``quantity`` 0)."""


class CurveError(ValueError):
    """A run that has no equity in one number; the message says why."""


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest fall of equity below an earlier peak, by share of the peak.

    ``amount``     peak less trough, in the run's currency, 0 or more
    ``share``      ``amount`` over the peak, 0 or more
    ``peak_ns``    when the fall began, ``trough_ns`` when it was deepest; None where equity never fell
    """

    amount: float = 0.0
    share: float = 0.0
    peak_ns: int | None = None
    trough_ns: int | None = None


class Curve(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A run's equity. Money in ``currency``; arrays of one length, in time order, never NaN.

    ``time_ns``         at most ``points_max`` of the times at which something happened, first and last among them
    ``equity``          ``cash + net_exposure``
    ``cash``            starting cash less what fills cost, commissions included
    ``gross_exposure``  sum of |position * mark * multiplier|; ``net_exposure`` the same with signs
    ``drawdown``        equity less its highest value so far, starting cash included; 0 or negative
    ``day_end_ns``      the last time of each UTC day with a fill or a mark; ``day_equity`` the equity then
    ``drawdown_max``    the worst of all times, not only of the points
    ``positions``       the ledger: fold of all fills, exact
    ``marks``           price of each traded instrument at the end
    """

    currency: str
    starting_cash: Decimal
    time_ns: Times
    equity: Values
    cash: Values
    gross_exposure: Values
    net_exposure: Values
    drawdown: Values
    day_end_ns: Times
    day_equity: Values
    drawdown_max: Drawdown
    positions: dict[int, Position]
    marks: dict[int, Decimal]

    @property
    def total_pnl(self) -> Decimal:
        """Return realised and unrealised profit less commissions, exact to the 28 digits of ``Decimal``."""
        return sum((p.net_pnl(self.marks[i]) for i, p in self.positions.items()), Decimal(0))

    @property
    def equity_final(self) -> Decimal:
        """Return starting cash plus ``total_pnl``; the last point of ``equity`` is its float image."""
        return self.starting_cash + self.total_pnl


def curve_of(
    fills: Sequence[Fill], marks: Records, instruments: Instruments, starting_cash: Decimal, points_max: int = 2_000,
) -> Curve:
    """Return the curve of ``fills`` and ``marks`` (``MARK`` rows), both in time order.

    A position is valued at the last mark of its instrument, or at the price of our own fill where that is later: a
    fill is evidence of a price too, and a position must not be valued at a price older than itself. At one time the
    mark wins, and equity is read after all that happened at that time.

    Fills in more than one currency are a ``CurveError``: there is no exchange rate here to add them with.
    """
    if starting_cash <= 0:
        raise CurveError(f"starting cash is {starting_cash}; allowed: above 0")
    assert points_max >= POINTS_MIN, f"points_max is {points_max}; allowed: {POINTS_MIN} or more"
    events = _events(fills, marks)
    time_ns, cash, net, gross = _accounts(events, instruments, float(starting_cash))
    equity = cash + net
    peak = np.maximum.accumulate(np.maximum(equity, float(starting_cash)))
    worst = _worst(time_ns, equity, peak)
    points = _points(time_ns, points_max, worst)
    days = _last_of_each(time_ns // DAY_NS)
    return Curve(
        currency=_currency(fills, instruments), starting_cash=starting_cash, time_ns=time_ns[points],
        equity=equity[points], cash=cash[points], gross_exposure=gross[points], net_exposure=net[points],
        drawdown=(equity - peak)[points], day_end_ns=time_ns[days], day_equity=equity[days], drawdown_max=worst,
        positions=fold(fills, {i.id: i.multiplier for i in instruments}), marks=_final_marks(events, fills),
    )


def _currency(fills: Sequence[Fill], instruments: Instruments) -> str:
    """Return the one currency of the instruments traded; with no fills, that of the first instrument."""
    traded = {instruments[i].currency for i in {f.instrument for f in fills}}
    if len(traded) > 1:
        raise CurveError(f"fills are in {', '.join(sorted(traded))}; allowed: one currency a run")
    return traded.pop() if traded else next((i.currency for i in instruments), "")


def _events(fills: Sequence[Fill], marks: Records) -> Records:
    """Return fills and marks as one run of ``_EVENT`` rows in time order, fills first at one time."""
    events = np.zeros(len(fills) + len(marks), dtype=_EVENT)
    ours, market = events[:len(fills)], events[len(fills):]
    ours["time_ns"] = [f.event_time_ns for f in fills]
    ours["instrument"] = [f.instrument for f in fills]
    ours["price"] = [float(f.price) for f in fills]
    ours["quantity"] = [float(f.quantity) * f.side for f in fills]
    ours["commission"] = [float(f.commission) for f in fills]
    for field in ("time_ns", "instrument", "price"):
        market[field] = marks[field]
    market["is_mark"] = 1
    assert bool(np.isfinite(market["price"]).all()), "a mark is not finite"
    return events[np.lexsort((events["is_mark"], events["time_ns"]))]


def _accounts(
    events: Records, instruments: Instruments, starting_cash: float,
) -> tuple[Times, Values, Values, Values]:
    """Return (time_ns, cash, net exposure, gross exposure) after each distinct time of ``events``.

    Each event's change of an instrument's value is laid down at its place in the run, and one running sum over the
    whole run adds the instruments up: no table of instruments by times is ever made.
    """
    multipliers = np.array([float(i.multiplier) for i in instruments], dtype=np.float64)
    net_change, gross_change = np.zeros(len(events)), np.zeros(len(events))
    by_instrument = np.argsort(events["instrument"], kind="stable")
    borders = np.flatnonzero(np.diff(events["instrument"][by_instrument])) + 1
    for rows in np.split(by_instrument, borders):
        own = events[rows]
        value = np.cumsum(own["quantity"]) * own["price"] * multipliers[own["instrument"]]
        net_change[rows] = np.diff(value, prepend=0.0)
        gross_change[rows] = np.diff(np.abs(value), prepend=0.0)
    paid = events["quantity"] * events["price"] * multipliers[events["instrument"]] + events["commission"]
    last = _last_of_each(events["time_ns"])
    cash = starting_cash - np.cumsum(paid)[last]
    # The running sum may leave a speck below zero where all positions are closed.
    gross = np.maximum(np.cumsum(gross_change)[last], 0.0)
    return events["time_ns"][last], cash, np.cumsum(net_change)[last], gross


def _last_of_each(keys: Times) -> npt.NDArray[np.intp]:
    """Return the index of the last of each stretch of equal ``keys``, which are sorted."""
    if not len(keys):
        return np.zeros(0, dtype=np.intp)
    return np.append(np.flatnonzero(np.diff(keys)), len(keys) - 1)


def _worst(time_ns: Times, equity: Values, peak: Values) -> Drawdown:
    """Return the deepest drawdown by share of the peak.

    Formula: max over t of (max over s <= t of E(s) - E(t)) / max over s <= t of E(s); Magdon-Ismail and Atiya,
    "Maximum Drawdown", Risk 17(10), 2004.
    """
    share = (peak - equity) / peak
    if not len(share) or share.max() <= 0:
        return Drawdown()
    trough = int(np.argmax(share))
    # Where the peak is the starting cash itself, the fall began with the run.
    reached = np.flatnonzero(equity[:trough + 1] == peak[trough])
    start = int(reached[-1]) if len(reached) else 0
    return Drawdown(
        amount=float(peak[trough] - equity[trough]), share=float(share[trough]), peak_ns=int(time_ns[start]),
        trough_ns=int(time_ns[trough]),
    )


def _points(time_ns: Times, points_max: int, worst: Drawdown) -> npt.NDArray[np.intp]:
    """Return the indices to draw: all, or evenly spread ones and the ends of the worst drawdown.

    Evenly by event and not by time, so that nights and weekends take no points.
    """
    if len(time_ns) <= points_max:
        return np.arange(len(time_ns))
    even = np.linspace(0, len(time_ns) - 1, points_max - 2).round().astype(np.intp)
    ends = [t for t in (worst.peak_ns, worst.trough_ns) if t is not None]
    return np.unique(np.append(even, np.searchsorted(time_ns, ends)))


def _final_marks(events: Records, fills: Sequence[Fill]) -> dict[int, Decimal]:
    """Return the last price of each traded instrument, in id order, the shortest decimal of the float."""
    last = dict(zip(events["instrument"].tolist(), events["price"].tolist(), strict=True))
    return {i: Decimal(repr(last[i])) for i in sorted({f.instrument for f in fills})}
