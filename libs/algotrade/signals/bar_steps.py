"""Steps of bar builders: a trade goes into the bar that is forming, and perhaps that is finished."""

from typing import Any

import numpy as np

from algotrade.jit import jit

BAR = np.dtype(
    [("open_time_ns", "<i8"), ("event_time_ns", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"),
     ("close", "<f8"), ("volume", "<f8"), ("money", "<f8"), ("trades", "<i8")]
)
"""Times of the first and the last trade, ns; prices; sums of size and of price times size; how many trades."""


@jit
def copy_bar(source: Any, target: Any) -> None:
    """Copy a bar field by field: one of the two may live in the loop's stack frame."""
    target["open_time_ns"] = source["open_time_ns"]
    target["event_time_ns"] = source["event_time_ns"]
    target["open"] = source["open"]
    target["high"] = source["high"]
    target["low"] = source["low"]
    target["close"] = source["close"]
    target["volume"] = source["volume"]
    target["money"] = source["money"]
    target["trades"] = source["trades"]


@jit
def extend(s: Any, time_ns: int, price: float, size: float) -> Any:
    """Put a trade in the bar that is forming, return that bar."""
    bar = s["forming"]
    if bar["trades"] == 0:
        bar["open_time_ns"] = time_ns
        bar["open"] = price
        bar["high"] = price
        bar["low"] = price
        bar["volume"] = 0.0
        bar["money"] = 0.0
    bar["event_time_ns"] = time_ns
    bar["high"] = max(price, bar["high"])
    bar["low"] = min(price, bar["low"])
    bar["close"] = price
    bar["volume"] += size
    bar["money"] += price * size
    bar["trades"] += 1
    return bar


@jit
def finish(s: Any) -> bool:
    """Make the bar that is forming the finished one; return True."""
    copy_bar(s["forming"], s["bar"])
    s["forming"]["trades"] = 0
    return True


@jit
def time_bars(s: Any, time_ns: int, price: float, size: float) -> bool:
    """Put a trade in the bar of its interval; return whether that of an earlier one is over."""
    interval = s["interval_ns"]
    over = s["forming"]["trades"] > 0 and time_ns // interval != s["time_ns"] // interval
    done = finish(s) if over else False
    extend(s, time_ns, price, size)
    return done


@jit
def tick_bars(s: Any, time_ns: int, price: float, size: float) -> bool:
    """Put a trade in; return whether that makes enough of them."""
    return finish(s) if extend(s, time_ns, price, size)["trades"] >= s["ticks"] else False


@jit
def volume_bars(s: Any, time_ns: int, price: float, size: float) -> bool:
    """Put a trade in; return whether that makes enough volume."""
    return finish(s) if extend(s, time_ns, price, size)["volume"] >= s["volume"] else False


@jit
def dollar_bars(s: Any, time_ns: int, price: float, size: float) -> bool:
    """Put a trade in; return whether that makes enough money."""
    return finish(s) if extend(s, time_ns, price, size)["money"] >= s["dollars"] else False
