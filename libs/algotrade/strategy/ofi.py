"""``ofi``: go with the order flow of quotes.

Per instrument and quote: the order-flow imbalance (``signals.order_flow``), in ticks that the paper's stylised book
would move. At ``enter_ticks`` and above the position shall be long, at minus that and below short, of a fixed
quantity; it is given up only when the imbalance has come back to ``exit_ticks``, which lies closer to 0 (hysteresis),
and after an order nothing is decided for ``cooldown_ms`` of event time. One market order at a time.

A quote flagged CROSSED, PRICE_JUMP or OUTSIDE_SESSION feeds the signal and decides nothing: its price is not one to
trade at, or there is nobody to trade with. One that the signal ignores (``order_flow``'s NaN rule) decides nothing.
"""

from decimal import Decimal

import msgspec
import numpy as np

from algotrade.domain.instrument import Instrument
from algotrade.domain.market import Flag, Kind, Records
from algotrade.jit import jit
from algotrade.signals import order_flow
from algotrade.strategy.definition import KernelStrategy
from algotrade.strategy.holding import HOLDING, fold_report, mark_pending
from algotrade.strategy.intents import BUY, DAY, SELL, put_market
from algotrade.strategy.parameters import (
    DURATION_MS_MAX,
    NANOSECONDS_PER_MILLISECOND,
    PERIOD_MAX,
    check_positive,
    check_range,
    lots_of,
)

PARAMS = np.dtype(
    [
        ("decay", "<f8"),
        ("window_quotes", "<i8"),
        ("enter_ticks", "<f8"),
        ("exit_ticks", "<f8"),
        ("size_lots", "<i8"),
        ("lot", "<f8"),
        ("cooldown_ns", "<i8"),
        ("lifetime_ns", "<i8"),
    ]
)
"""Parameters of one instrument."""

STATE = np.dtype([("flow", order_flow.STATE), ("decides_at_ns", "<i8"), ("holding", HOLDING)])
"""What is remembered of one instrument. ``decides_at_ns``: event time at which the cool-down ends."""

NOT_DECIDED_UPON = int(Flag.CROSSED | Flag.PRICE_JUMP | Flag.OUTSIDE_SESSION)

TICKS_MAX = 1_000_000.0


class OfiParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of ``ofi``.

    The defaults take about 40 positions a day in a liquid stock, whether its spread is one tick or five: a wide one
    passes the threshold all the time and is held back by the cool-down, a narrow one by the threshold.

    ``window_quotes``  memory of the imbalance, quotes of the instrument
    ``enter_ticks``    imbalance that takes a position in its direction
    ``exit_ticks``     imbalance, in the position's direction, below which it is given up; at most ``enter_ticks``
    ``quantity``       size of a position, units; whole lots, rounded down
    ``cooldown_ms``    after an intent, no other for this long
    ``lifetime_ms``    an intent older than this is not acted upon
    """

    window_quotes: int = 1_000
    enter_ticks: float = 2.0
    exit_ticks: float = 0.5
    quantity: Decimal = Decimal(100)
    cooldown_ms: int = 240_000
    lifetime_ms: int = 5_000

    def __post_init__(self) -> None:
        check_range("window_quotes", self.window_quotes, 1, PERIOD_MAX)
        check_range("enter_ticks", self.enter_ticks, 0.0, TICKS_MAX)
        check_range("exit_ticks", self.exit_ticks, 0.0, self.enter_ticks)
        check_positive("quantity", self.quantity)
        check_range("cooldown_ms", self.cooldown_ms, 0, DURATION_MS_MAX)
        check_range("lifetime_ms", self.lifetime_ms, 1, DURATION_MS_MAX)


def pack(parameters: OfiParameters, instrument: Instrument) -> tuple[float, ...]:
    """Return the instrument's row of ``PARAMS``."""
    return (
        order_flow.decay_of(parameters.window_quotes),
        parameters.window_quotes,
        parameters.enter_ticks,
        parameters.exit_ticks,
        lots_of("quantity", parameters.quantity, instrument),
        float(instrument.lot),
        parameters.cooldown_ms * NANOSECONDS_PER_MILLISECOND,
        parameters.lifetime_ms * NANOSECONDS_PER_MILLISECOND,
    )


@jit
def step(params: Records, state: Records, records: Records, intents: Records) -> int:
    """Take quotes, write at most one market order each (``KernelStrategy.step``)."""
    n = 0
    for row in range(len(records)):
        quote = records[row]
        own = params[quote["instrument"]]
        memory = state[quote["instrument"]]
        last = memory["flow"]
        seen_before = last["seen"]
        bid, ask, bid_size, ask_size, flow, depth, seen = order_flow.update(
            last["bid"], last["ask"], last["bid_size"], last["ask_size"], last["flow"], last["depth"], seen_before,
            quote["bid"], quote["ask"], quote["bid_size"], quote["ask_size"], own["decay"],
        )
        last["bid"], last["ask"] = bid, ask
        last["bid_size"], last["ask_size"] = bid_size, ask_size
        last["flow"], last["depth"], last["seen"] = flow, depth, seen
        if seen == seen_before or memory["holding"]["pending"] != 0 or quote["flags"] & NOT_DECIDED_UPON != 0:
            continue
        if quote["event_time_ns"] < memory["decides_at_ns"]:
            continue
        position_lots = memory["holding"]["position_lots"]
        imbalance = order_flow.value(flow, depth, seen, own["window_quotes"])
        lots = wanted_lots(imbalance, position_lots, own["enter_ticks"], own["exit_ticks"], own["size_lots"])
        lots -= position_lots
        if lots != 0:
            side = BUY if lots > 0 else SELL
            n = put_market(
                intents, n, row, quote["instrument"], side, abs(lots) * own["lot"], DAY, own["lifetime_ns"]
            )
            mark_pending(memory["holding"], quote["sequence"], 0)
            memory["decides_at_ns"] = quote["event_time_ns"] + own["cooldown_ns"]
    return n


@jit
def wanted_lots(
    imbalance: float, position_lots: int, enter_ticks: float, exit_ticks: float, size_lots: int
) -> int:
    """Return the position to have now, signed lots; an imbalance of NaN is no opinion and keeps what is held.

    A position already in the right direction is kept at its size, whatever a partial fill has made it.
    """
    held_side = int(position_lots > 0) - int(position_lots < 0)
    entered_side = int(imbalance >= enter_ticks) - int(imbalance <= -enter_ticks)
    if entered_side not in (0, held_side):
        return entered_side * size_lots
    if held_side * imbalance < exit_ticks and entered_side == 0:
        return 0
    return position_lots


@jit
def fold(params: Records, state: Records, reports: Records) -> None:
    """Take reports on own orders (``KernelStrategy.fold``)."""
    for row in range(len(reports)):
        report = reports[row]
        instrument = report["instrument"]
        fold_report(state[instrument]["holding"], report, params[instrument]["lot"])


OFI = KernelStrategy(
    name="ofi",
    kind=Kind.QUOTE,
    parameters=OfiParameters,
    pack=pack,
    params_dtype=PARAMS,
    state_dtype=STATE,
    step=step,
    fold=fold,
    intents_per_record_max=1,
)
