"""Single steps: a quote through a strategy, an order through the gate, an append to another process."""

import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import numpy as np

from algotrade.bus import LocalBus, Outgoing
from algotrade.bus.topics import STRATEGY_PLANE
from algotrade.domain import (
    QUOTE,
    ExecType,
    ExecutionReport,
    Instrument,
    Instruments,
    IntentId,
    Kind,
    NewOrder,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from algotrade.risk import Gate, Limits
from algotrade.risk.marks import move_mark
from algotrade.strategy import KernelRunner, definition_of
from tests.benchmarks.table import Row, at_most, median, percentile, show

RUNS = 5
INSTRUMENTS = Instruments(Instrument(id=i, symbol=f"S{i}") for i in range(100))


def quotes(rows: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    made = np.zeros(rows, dtype=QUOTE)
    made["sequence"] = np.arange(1, rows + 1)
    made["event_time_ns"] = np.arange(rows) * 10**9
    made["bid"] = np.round(100 + np.cumsum(rng.integers(-1, 2, rows)) * 0.01, 2)
    made["ask"] = made["bid"] + 0.01
    made["bid_size"], made["ask_size"] = rng.integers(1, 20, (2, rows)) * 100.0
    return made


def strategy() -> list[Row]:
    """Hand one quote at a time to ofi; what counts are the quotes that bear an intent, beside them stand all."""
    p50s, p99s, all_p50s = [], [], []
    rows = quotes(20_000)
    for _ in range(RUNS):
        definition = definition_of("ofi")
        runner = KernelRunner(definition, definition.parameters(cooldown_ms=1), INSTRUMENTS, "bench")
        spent, with_intent = [], []
        for i in range(len(rows)):
            begin = time.perf_counter_ns()
            _, intents = runner.advance(Kind.QUOTE, rows[i : i + 1])
            spent.append((time.perf_counter_ns() - begin) / 1e3)
            if intents:
                with_intent.append(spent[-1])
                runner.fold([filled(intent) for intent in intents])
        p50s.append(percentile(with_intent, 0.5))
        p99s.append(percentile(with_intent, 0.99))
        all_p50s.append(percentile(spent, 0.5))
    beside = f"{len(with_intent):,} intents a run; all quotes, p50 {median(all_p50s):.1f} us"
    return [at_most("quote in hand to intent ready, p50", median(p50s), 20, "us", beside),
            at_most("quote in hand to intent ready, p99", median(p99s), 200, "us")]


def filled(intent: NewOrder) -> ExecutionReport:
    return ExecutionReport(
        sequence=1, order_id=1, intent_id=intent.id, request_id=intent.id, instrument=intent.instrument,
        exec_type=ExecType.TRADE, status=OrderStatus.FILLED, event_time_ns=intent.event_time_ns, side=intent.side,
        quantity=intent.quantity, cumulative_quantity=intent.quantity, last_quantity=intent.quantity,
        last_price=Decimal(100))


def gate() -> list[Row]:
    """Check orders in an account with 100 instruments held."""
    limits = Limits(orders_per_window_max=10_000, gross_exposure_max=Decimal(10**9), net_exposure_max=Decimal(10**9))
    checked = Gate(limits, INSTRUMENTS, {})
    for i in range(len(INSTRUMENTS)):
        move_mark(checked.marks, i, 0, 100.0, 0)
        checked.book(i, Side.BUY, 100)
    orders = [NewOrder(id=IntentId(strategy="s", run="r", sequence=i, number=0), instrument=i % 100, event_time_ns=0,
                       expires_at_ns=1, side=Side.BUY, quantity=Decimal(10), order_type=OrderType.LIMIT,
                       time_in_force=TimeInForce.DAY, limit_price=Decimal("100.01")) for i in range(5_000)]
    checked.check(orders[0], 0)
    p50s, p99s = [], []
    for _ in range(RUNS):
        spent = []
        for order in orders:
            begin = time.perf_counter_ns()
            checked.check(order, 0)
            spent.append((time.perf_counter_ns() - begin) / 1e3)
        p50s.append(percentile(spent, 0.5))
        p99s.append(percentile(spent, 0.99))
    return [at_most("gate check, p99", median(p99s), 200, "us", f"p50 {median(p50s):.1f} us")]


READER = """
import sys, time
from algotrade.bus import LocalBus
bus, position = LocalBus(sys.argv[1], None), 0
print("ready", flush=True)
while position < int(sys.argv[2]):
    for message in bus.read("orders.intents", position, messages_max=16):
        position = message.position + 1
        print(time.monotonic_ns(), flush=True)
    bus.wait(0.1)
"""


def append_to_other_process(folder: Path, appends: int = 300) -> list[Row]:
    """Append one flushed order record at a time; another process notes when it has read it."""
    p50s, p99s, raw50s, raw99s = [], [], [], []
    for run in range(RUNS):
        bus = LocalBus(folder / f"bus{run}", STRATEGY_PLANE)
        reader = subprocess.Popen([sys.executable, "-c", READER, str(folder / f"bus{run}"), str(appends)],
                                  stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        spent, raw = [], []
        with (folder / "raw").open("ab", buffering=0) as file:
            for _ in range(appends):
                begin = time.monotonic_ns()
                bus.append("orders.intents", [Outgoing(b"0", b"x" * 300)])
                spent.append((int(reader.stdout.readline()) - begin) / 1e6)
                begin = time.monotonic_ns()
                file.write(b"x" * 4096)
                os.fdatasync(file.fileno())
                raw.append((time.monotonic_ns() - begin) / 1e6)
        reader.wait(10)
        bus.close()
        for kept, values, share in ((p50s, spent, 0.5), (p99s, spent, 0.99), (raw50s, raw, 0.5), (raw99s, raw, 0.99)):
            kept.append(percentile(values, share))
    return [
        at_most("append, flushed, to read by another process, p50", median(p50s), 1.5, "ms",
                f"a bare 4 KiB write and fdatasync here: {median(raw50s):.2f} ms"),
        at_most("append, flushed, to read by another process, p99", median(p99s), 15, "ms",
                f"a bare 4 KiB write and fdatasync here: {median(raw99s):.2f} ms"),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = [*strategy(), *gate(), *append_to_other_process(Path(folder))]
    show(f"single steps (median of {RUNS} runs)", rows)


if __name__ == "__main__":
    main()
