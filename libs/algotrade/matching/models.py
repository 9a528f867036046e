"""The assumptions about the venue, as one self-validating struct; each says what it stands for."""

import math

import msgspec
import numpy as np

from algotrade.domain.clock import NANOSECONDS_PER_MILLISECOND
from algotrade.domain.market import Records


class ModelError(ValueError):
    """A setting of a model is out of range; the message names it, the value and what is allowed."""


class VenueModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the simulated venue assumes.

    ``order_latency_ns``         from the record that bore an intent to the venue; above 0
    ``order_latency_jitter_ns``  on top of it, uniform, drawn from the seed and the intent's id; orders never overtake
    ``report_latency_ns``        from the record that filled an order to the strategy; above 0
    ``slippage_ticks``           given away by orders that take liquidity, on top of the price they meet
    ``half_spread_bps``          half the spread assumed where only trades or bars are known, rounded up to whole ticks
    ``volume_share_max``         share of a quote's size, a trade's size or a bar's volume that our orders may take

    Our orders move no price: what we take from one quote is there again in the next.
    """

    order_latency_ns: int = NANOSECONDS_PER_MILLISECOND
    order_latency_jitter_ns: int = 0
    report_latency_ns: int = NANOSECONDS_PER_MILLISECOND
    slippage_ticks: int = 0
    half_spread_bps: float = 1.0
    volume_share_max: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("order_latency_ns", 1), ("report_latency_ns", 1), ("order_latency_jitter_ns", 0),
                            ("slippage_ticks", 0)):
            value = getattr(self, name)
            if not least <= value <= MOST:
                raise ModelError(f"{name} is {value}; allowed: {least} to {MOST}")
        if not math.isfinite(self.half_spread_bps) or not 0 <= self.half_spread_bps < 10_000:
            raise ModelError(f"half_spread_bps is {self.half_spread_bps}; allowed: 0 to below 10000")
        if not 0 < self.volume_share_max <= 1:
            raise ModelError(f"volume_share_max is {self.volume_share_max}; allowed: above 0, up to 1")

    def record(self) -> Records:
        """Return what kernels need, as one ``MODEL`` row."""
        return np.array([(self.slippage_ticks, self.half_spread_bps, self.volume_share_max)], dtype=MODEL)

    def assumptions(self) -> tuple[str, ...]:
        """Return what a reader of a result must know, one sentence each."""
        return (
            (f"An intent reaches the venue {self.order_latency_ns / 1e6:g} ms (jitter up to "
            f"{self.order_latency_jitter_ns / 1e6:g} ms) after the record that bore it, a report the strategy "
            f"{self.report_latency_ns / 1e6:g} ms after the record that caused it."),
            ("On quotes an order meets the first quote after its arrival: a buy pays the ask, a sell gets the bid; a "
            "resting limit order fills at its own price once the other side reaches it."),
            ("On bars an order born before a bar opened meets the open; limit orders fill only where the bar trades "
            "through their price, stops fire at their price or at a worse open; an order born inside a bar meets its "
            "close, the only price known to be later."),
            (f"Where only trades or bars are known, half a spread of {self.half_spread_bps:g} bps is paid; orders that "
            f"take liquidity give away {self.slippage_ticks} ticks more."),
            f"At most {self.volume_share_max:.0%} of the size shown is ours; our orders move no price.",
        )


MOST = 86_400 * 1_000_000_000
MODEL = np.dtype([("slippage_ticks", "<i8"), ("half_spread_bps", "<f8"), ("volume_share_max", "<f8")])
"""``VenueModel`` as kernels see it; latency is the host's business."""
