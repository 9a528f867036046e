"""The bus over Apache Kafka, real brokers on this machine: market data in batches, orders one at a time."""

import os
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import psutil

from algotrade.bus import MarketReader, MarketWriter, Outgoing
from algotrade.bus.kafka import KafkaAccess, KafkaAddress, KafkaBus, create_topics
from algotrade.bus.topics import DATA_PLANE, STRATEGY_PLANE
from algotrade.domain import Kind, MarketBatch
from tests.benchmarks.micro import quotes
from tests.benchmarks.table import Row, at_least, at_most, median, percentile, show
from tests.benchmarks.ticks import paced
from tests.integration.runs import demo
from tools.kafka.cluster import running

RUNS = 5
QUOTES = 2_000_000
BATCH = 16_384
ORDERS = 1_000
ORDER_BYTES = 300
NAMES = count(1)


def new_run(servers: str) -> KafkaAddress:
    """Make a run of its own on the cluster."""
    address = KafkaAddress.parse(f"kafka://{servers}/bench{next(NAMES)}", {})
    create_topics(address, KafkaAccess())
    return address


def market(servers: str) -> list[Row]:
    """Publish quotes as the data plane does at full speed, and read them back as the strategy plane does."""
    rows = quotes(QUOTES)
    produced, consumed = [], []
    for _ in range(RUNS):
        address = new_run(servers)
        bus = KafkaBus(address, KafkaAccess(), DATA_PLANE)
        writer = MarketWriter(bus)
        begin = time.perf_counter()
        for at in range(0, QUOTES, BATCH):
            batch = rows[at : at + BATCH]
            writer.publish(MarketBatch.of({Kind.QUOTE: batch}), through=int(batch["sequence"][-1]))
        produced.append(QUOTES / (time.perf_counter() - begin))
        writer.finish()
        bus.close()
        consumed.append(read_back(address))
    return [at_least("market data, published and acknowledged by all", median(produced), 500_000, "quotes/s"),
            at_least("market data, read and merged", median(consumed), 500_000, "quotes/s")]


def read_back(address: KafkaAddress) -> float:
    bus = KafkaBus(address, KafkaAccess(), STRATEGY_PLANE)
    reader = MarketReader(bus, group=STRATEGY_PLANE)
    seen, begin = 0, time.perf_counter()
    while not reader.ended:
        batch = reader.poll()
        if batch is None:
            bus.wait(0.05)
            continue
        seen += len(batch)
        reader.consume(int(batch.arrays()[Kind.QUOTE]["sequence"][-1]))
    rate = seen / (time.perf_counter() - begin)
    assert seen == QUOTES, f"{seen} of {QUOTES} quotes came back"
    bus.close()
    return rate


def orders(servers: str, brokers: int) -> list[Row]:
    """Append one order record at a time, under a lease: acknowledged by all, and read back."""
    bus = KafkaBus(new_run(servers), KafkaAccess(), STRATEGY_PLANE)
    lease = bus.lead("orders.intents")
    message = Outgoing(b"0", bytes(ORDER_BYTES))
    bare = spent_ms(lambda: bus.append("orders.intents", [message]))
    fenced = spent_ms(lambda: bus.append("orders.intents", [message], lease=lease))
    bus.close()
    beside = f"without reading back: p50 {percentile(bare, 0.5):.3g}, p99 {percentile(bare, 0.99):.3g} ms"
    what = f"intent appended, acks=all, read back, {brokers} brokers"
    return [at_most(f"{what}, p50", percentile(fenced, 0.5), 5, "ms", beside),
            at_most(f"{what}, p99", percentile(fenced, 0.99), 15, "ms")]


def spent_ms(call) -> list[float]:
    spent = []
    for i in range(ORDERS + 100):
        begin = time.perf_counter()
        call()
        if i >= 100:
            spent.append((time.perf_counter() - begin) * 1e3)
    return spent


def latency(servers: str) -> list[Row]:
    """Replay 5,000 quotes a second in real time; from quote published to intent read by the order plane."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS"] = "50"
        summary = demo(Path(folder) / "out", "--data", paced(Path(folder), 20, 5_000), "--speed", "1", "--bus",
                       f"kafka://{servers}")
        del os.environ["ALGOTRADE__STRATEGY__PARAMETERS__COOLDOWN_MS"]
    beside = f"{summary['orders']:,} orders; to accepted: p50 {summary['order_latency_ms_p50']:.3g} ms"
    return [at_most("quote published to intent read, p50", summary["intent_latency_ms_p50"], 10, "ms", beside),
            at_most("quote published to intent read, p99", summary["intent_latency_ms_p99"], 40, "ms")]


def main() -> None:
    cores = psutil.cpu_count()
    with running(1) as one:
        show(f"Kafka, 1 broker ({cores} cores, median of {RUNS} where repeated)",
             market(one.address) + latency(one.address))
    with running(3) as three:
        show(f"Kafka, 3 brokers, replication 3, min ISR 2 ({cores} cores)", orders(three.address, 3))


if __name__ == "__main__":
    sys.exit(main())
