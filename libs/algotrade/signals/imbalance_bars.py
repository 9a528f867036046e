"""Imbalance bars: a bar ends when trades have leaned to one side more than was to be expected.

M. Lopez de Prado, Advances in Financial Machine Learning, 2018, section 2.3.2. A trade's sign b is 1 or -1 by the tick
rule (0 before the first move of the price), its weight w is 1, its size, or its money. A bar ends at the first T with

    |b_1 w_1 + ... + b_T w_T| >= E0[T] |E0[b w]|

where, as in the book, E0[T] is the exponentially weighted average of the trades of the bars before, and E0[b w], which
the book writes 2 P[b = 1] - 1 and 2 v+ - E0[v], that of b w of all trades in them. What the book leaves open:

- the first bar has ``ticks`` trades; E0[T] starts with that;
- the average of b w is a plain mean until as many trades were seen as its span holds, so that its start has no weight;
- E0[T] is kept within ``ticks_min`` and ``ticks_max``. Without these the rule feeds upon itself: bars that end early
  make the next ones end earlier, down to a bar per trade, and bars that end late later, without end.
"""

from typing import Any

from algotrade.jit import jit
from algotrade.signals.bar_steps import extend, finish
from algotrade.signals.trade_sign import tick_sign

FIELDS = tuple((name, "<f8") for name in ("sign", "imbalance", "average", "expected_ticks", "expected_imbalance"))
"""``imbalance`` of the forming bar; ``average`` of b w up to the latest trade; the two expectations of this bar."""


@jit
def imbalance_bars(s: Any, time_ns: int, price: float, size: float) -> bool:
    """Put a trade in; return whether it finished a bar."""
    if s["seen"] > 0:
        s["sign"] = tick_sign(price, s["forming"]["close"], s["sign"])
    weight = 1.0
    if s["weight"] > 0:
        weight = size if s["weight"] == 1 else size * price
    leaning = s["sign"] * weight
    s["imbalance"] += leaning
    s["average"] += max(2.0 / (s["span_ticks"] + 1.0), 1.0 / (s["seen"] + 1.0)) * (leaning - s["average"])
    trades = extend(s, time_ns, price, size)["trades"]
    first = s["expected_ticks"] == 0.0
    if first and trades < s["ticks"]:
        return False
    if not first and abs(s["imbalance"]) < s["expected_ticks"] * abs(s["expected_imbalance"]):
        return False
    before = trades if first else s["expected_ticks"]
    ticks = before + 2.0 / (s["span_bars"] + 1.0) * (trades - before)
    s["expected_ticks"] = min(max(ticks, s["ticks_min"]), s["ticks_max"])
    s["expected_imbalance"] = s["average"]
    s["imbalance"] = 0.0
    return finish(s)
