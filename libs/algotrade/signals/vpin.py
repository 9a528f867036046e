"""VPIN: how one-sided the volume is, over buckets of equal volume.

D. Easley, M. Lopez de Prado & M. O'Hara, "Flow Toxicity and Liquidity in a High-frequency World", Review of Financial
Studies 25(5), 2012. An observation is a bar, or a trade: its last price and its volume. Bulk classification calls the
share Z(change / deviation) of its volume bought, Z the standard normal distribution, ``change`` that of the price since
the observation before and ``deviation`` that of the last ``period`` changes (the paper: of the sample's; here nothing
of the future is known). Volume fills buckets of ``bucket`` units in order, an observation being cut where it does not
fit; VPIN is the mean of |bought - sold| / bucket over the last ``buckets`` full ones.

Without any deviation half is bought. Volume that came before ``period`` changes were seen is in no bucket. Of a volume
that would fill many more than ``buckets`` buckets only the last are filled: the others would be forgotten at once.
"""

import math
from typing import Any

from algotrade.jit import jit
from algotrade.signals.blocks import add, moments, observe, rolling_sum, variance_of
from algotrade.signals.signal import Signal, any_of, factor, sizes, window


@jit
def bought_share(change: float, deviation: float) -> float:
    """Return the share of the volume that was bought, by bulk classification."""
    return 0.5 * math.erfc(-change / deviation * math.sqrt(0.5)) if deviation > 0.0 else 0.5


@jit
def _fill(s: Any, volume: float, share: float) -> None:
    """Put ``volume`` into buckets, ``share`` of it bought."""
    bucket = s["bucket"]
    rest = volume
    # One more than is kept: the first that is filled holds what came before as well.
    enough = (s["buckets"] + 1) * bucket
    if rest > enough:
        rest = enough + rest % bucket
    while rest >= bucket - s["filled"]:
        room = bucket - s["filled"]
        bought = s["bought"] + share * room
        rest -= room
        s["filled"] = 0.0
        s["bought"] = 0.0
        s["total"] = add(s["imbalances"], s["buckets"], abs(2.0 * bought - bucket))
        s["done"] = min(s["done"] + 1, s["buckets"])
    s["filled"] += rest
    s["bought"] += share * rest


@jit
def _vpin(s: Any, price: float, volume: float) -> float:
    change = price - s["price"]
    s["price"] = price
    if s["seen"] == 0:
        return math.nan
    observe(s["changes"], s["period"], change)
    if s["seen"] < s["period"]:
        return math.nan
    _fill(s, volume, bought_share(change, math.sqrt(variance_of(s["changes"], s["period"], 1))))
    if s["done"] < s["buckets"]:
        return math.nan
    return min(max(s["total"] / (s["buckets"] * s["bucket"]), 0.0), 1.0)


VPIN = Signal(
    name="vpin", family="microstructure", inputs=(*any_of("price"), *sizes("volume")), unit="0 to 1", step=_vpin,
    parameters=(factor("bucket", 10_000.0, 1e-9, 1e12, "units"), window(50, name="buckets"), window(390, low=2)),
    fields=lambda n: [*((name, "<f8") for name in ("price", "filled", "bought", "total")), ("done", "<i8"),
                      ("changes", moments(n)), ("imbalances", rolling_sum(n))],
    warm_up=lambda period, **_: period + 1,
    formula="mean of |bought - sold| / bucket over the last buckets full buckets of volume; Z(price change / deviation "
            "of the last period changes) of an observation's volume is bought; known once so many buckets are full",
    source="D. Easley, M. Lopez de Prado & M. O'Hara, Review of Financial Studies 25, 2012; the deviation is rolling")
