"""``ema_cross``: hold with the trend of bars, long while the fast average of the close is above the slow one.

Per instrument and bar: both averages take the close (``signals.ema``); while the fast one is above the slow one the
position shall be long, while it is below, short or flat. Equal averages and unknown ones are no opinion. A position
on the wrong side, or none, is brought to ``notional`` by one market order; one on the right side is left alone,
however the price has moved since. It follows the sign and not the crossing, so that an order refused or expired is
asked for again at the next bar.

A bar flagged PRICE_JUMP feeds the averages and decides nothing: its close would also size the order.
"""

from decimal import Decimal
from typing import Literal

import msgspec
import numpy as np

from algotrade.domain.instrument import Instrument
from algotrade.domain.market import Flag, Kind, Records
from algotrade.domain.order import TimeInForce
from algotrade.jit import jit
from algotrade.signals import ema
from algotrade.strategy.definition import KernelStrategy
from algotrade.strategy.holding import HOLDING, fold_report, mark_pending
from algotrade.strategy.intents import BUY, SELL, put_market
from algotrade.strategy.parameters import (
    DURATION_MS_MAX,
    NANOSECONDS_PER_MILLISECOND,
    PERIOD_MAX,
    check_among,
    check_positive,
    check_range,
)

PARAMS = np.dtype(
    [
        ("fast_alpha", "<f8"),
        ("slow_alpha", "<f8"),
        ("fast_period", "<i8"),
        ("slow_period", "<i8"),
        ("notional_per_point", "<f8"),
        ("lot", "<f8"),
        ("lifetime_ns", "<i8"),
        ("allow_short", "<i4"),
        ("time_in_force", "<i4"),
    ]
)
"""Parameters of one instrument. ``notional_per_point``: notional over lot and multiplier; divided by a price, lots."""

STATE = np.dtype([("fast", ema.STATE), ("slow", ema.STATE), ("holding", HOLDING)])
"""What is remembered of one instrument."""

NOT_DECIDED_UPON = int(Flag.PRICE_JUMP)

LOTS_MAX = 2.0**53
"""More lots than a float64 counts exactly come from a price that is no price: no order."""


class EmaCrossParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of ``ema_cross``.

    ``fast_period``, ``slow_period``  memory of the averages, bars, fast below slow
    ``notional``       value of a position in one instrument, in its currency; whole lots, rounded down
    ``allow_short``    short below the crossing, else flat
    ``time_in_force``  of the market orders, DAY or GTC; a bar's order meets the next bar, which may be another day's
    ``lifetime_ms``    an intent older than this is not acted upon
    """

    fast_period: int = 12
    slow_period: int = 26
    notional: Decimal = Decimal(10_000)
    allow_short: bool = True
    time_in_force: Literal["DAY", "GTC"] = "GTC"
    lifetime_ms: int = 5_000

    def __post_init__(self) -> None:
        check_range("slow_period", self.slow_period, 2, PERIOD_MAX)
        check_range("fast_period", self.fast_period, 1, self.slow_period - 1)
        check_positive("notional", self.notional)
        check_among("time_in_force", self.time_in_force, ("DAY", "GTC"))
        check_range("lifetime_ms", self.lifetime_ms, 1, DURATION_MS_MAX)


def pack(parameters: EmaCrossParameters, instrument: Instrument) -> tuple[float, ...]:
    """Return the instrument's row of ``PARAMS``."""
    return (
        ema.alpha_of(parameters.fast_period),
        ema.alpha_of(parameters.slow_period),
        parameters.fast_period,
        parameters.slow_period,
        float(parameters.notional / (instrument.lot * instrument.multiplier)),
        float(instrument.lot),
        parameters.lifetime_ms * NANOSECONDS_PER_MILLISECOND,
        int(parameters.allow_short),
        int(TimeInForce[parameters.time_in_force]),
    )


@jit
def step(params: Records, state: Records, records: Records, intents: Records) -> int:
    """Take bars, write at most one market order each (``KernelStrategy.step``)."""
    n = 0
    for row in range(len(records)):
        bar = records[row]
        own = params[bar["instrument"]]
        memory = state[bar["instrument"]]
        close = bar["close"]
        fast, slow = memory["fast"], memory["slow"]
        fast_level, fast_seen = ema.update(fast["level"], fast["seen"], close, own["fast_alpha"], own["fast_period"])
        slow_level, slow_seen = ema.update(slow["level"], slow["seen"], close, own["slow_alpha"], own["slow_period"])
        fast["level"], fast["seen"] = fast_level, fast_seen
        slow["level"], slow["seen"] = slow_level, slow_seen
        if memory["holding"]["pending"] != 0 or bar["flags"] & NOT_DECIDED_UPON != 0:
            continue
        fast_average = ema.value(fast_level, fast_seen, own["fast_period"])
        slow_average = ema.value(slow_level, slow_seen, own["slow_period"])
        lots = order_lots(
            fast_average, slow_average, memory["holding"]["position_lots"], close, own["notional_per_point"],
            own["allow_short"],
        )
        if lots != 0:
            side = BUY if lots > 0 else SELL
            n = put_market(
                intents, n, row, bar["instrument"], side, abs(lots) * own["lot"], own["time_in_force"],
                own["lifetime_ns"],
            )
            mark_pending(memory["holding"], bar["sequence"], 0)
    return n


@jit
def order_lots(
    fast_average: float, slow_average: float, position_lots: int, close: float, notional_per_point: float,
    allow_short: int,
) -> int:
    """Return the lots to buy (positive) or sell (negative) now, 0 for none."""
    wanted_side = int(fast_average > slow_average) - int(fast_average < slow_average)
    if wanted_side == 0 or wanted_side * position_lots > 0:
        return 0
    if wanted_side < 0 and allow_short == 0:
        return -position_lots
    if not close > 0.0:
        return 0
    size_lots = np.floor(notional_per_point / close)
    if not size_lots < LOTS_MAX:
        return 0
    return wanted_side * int(size_lots) - position_lots


@jit
def fold(params: Records, state: Records, reports: Records) -> None:
    """Take reports on own orders (``KernelStrategy.fold``)."""
    for row in range(len(reports)):
        report = reports[row]
        instrument = report["instrument"]
        fold_report(state[instrument]["holding"], report, params[instrument]["lot"])


EMA_CROSS = KernelStrategy(
    name="ema_cross",
    kind=Kind.BAR,
    parameters=EmaCrossParameters,
    pack=pack,
    params_dtype=PARAMS,
    state_dtype=STATE,
    step=step,
    fold=fold,
    intents_per_record_max=1,
)
