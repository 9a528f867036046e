"""Planes that start before a long log: they catch up, in bounded memory, and what is too old to act upon is refused.

A million messages of market data, one record each, which is the dearest way to cut it, and 200,000 intents that have
expired: `make torture-kafka`.

Measured with one broker on two busy cores, from the planes' start to their end: both planes 1,000,000 messages in
144 s, largest RSS 285 and 287 MiB; the order plane alone 1,200,000 in 44 s, 314 MiB. Before a log of 40,000 they take
231 to 243 MiB, as the client's buffers are not full then.
"""

import subprocess
import time
from collections import Counter
from decimal import Decimal
from itertools import count

import numpy as np
import psutil
import pytest

from algotrade.bus import PROMISE_END, MarketWriter, Outgoing, Schema, TopicReader, encode_value, values_of
from algotrade.bus.kafka import KafkaAccess, KafkaAddress, KafkaBus, create_topics
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, STRATEGY_PLANE
from algotrade.domain import (
    LAYOUTS,
    ExecType,
    ExecutionReport,
    IntentId,
    Kind,
    MarketBatch,
    NewOrder,
    OrderType,
    Side,
    TimeInForce,
)
from algotrade_runners.replay_time import intents_time
from tests.integration.runs import COMMAND, algotrade
from tests.kafka.long import long

RECORDS, INTENTS = 1_000_000, 200_000
CHUNK = 8_192
START_NS = 1_381_154_400 * 10**9
STEP_NS = 100 * 10**6

RSS_MIB_MAX = 448
"""Of a plane while it catches up. About 210 MiB are the interpreter, numpy, numba and its compiled kernels. The rest is
bounded by name, whatever the log's length: per partition 8 MiB read but not asked for (``tail.BUFFER_BYTES_MAX``), 16
MiB that the client has fetched ahead (``PREFETCH_KIB_MAX``) for each of two consumers, 262,144 records
(``RECORDS_BUFFERED_MAX``), 4,096 intents or reports."""

CATCH_UP_S_MAX = 900
RUNS = count(1)

CONFIG = """
[bus]
url = "{bus}"
[feed]
paths = ["nowhere.parquet"]
[[instruments]]
symbol = "AAA"
[strategy]
name = "ofi"
[strategy.parameters]
lifetime_ms = 1
cooldown_ms = {cooldown_ms}
[venue]
order_latency_ns = 50_000_000
[telemetry]
data_plane_port = 0
strategy_plane_port = 0
order_plane_port = 0
"""


class Backlog:
    """A run's topics, the test in place of whoever filled them, and planes that start afterwards."""

    def __init__(self, broker, folder, cooldown_ms=10_000):
        self.bus = f"kafka://{broker.address}/backlog{next(RUNS)}"
        self.address = KafkaAddress.parse(self.bus, {})
        create_topics(self.address, KafkaAccess())
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG.format(bus=self.bus, cooldown_ms=cooldown_ms))
        self.opened = []
        self.processes = {}

    def open(self, writer):
        self.opened.append(KafkaBus(self.address, KafkaAccess(), writer))
        return self.opened[-1]

    def close(self):
        for process in self.processes.values():
            process.kill()
        for bus in self.opened:
            bus.close()

    def publish(self):
        """Put all market data into the log, a record a message, and promise that there is no more."""
        writer = MarketWriter(self.open(DATA_PLANE), records_max=1)
        rng = np.random.default_rng(1)
        bid = np.round(100 + np.cumsum(rng.integers(-1, 2, RECORDS)) * 0.01, 2)
        quotes = np.zeros(RECORDS, dtype=LAYOUTS[Kind.QUOTE])
        quotes["sequence"] = np.arange(1, RECORDS + 1)
        quotes["event_time_ns"] = quotes["receive_time_ns"] = START_NS + STEP_NS * quotes["sequence"]
        quotes["bid"], quotes["ask"] = bid, np.round(bid + 0.01 * rng.integers(1, 4, RECORDS), 2)
        quotes["bid_size"], quotes["ask_size"] = (rng.integers(1, 20, RECORDS) * 100 for _ in range(2))
        for at in range(0, RECORDS, CHUNK):
            writer.publish(MarketBatch.of({Kind.QUOTE: quotes[at:at + CHUNK]}))
        writer.finish()

    def start(self, plane):
        self.processes[plane] = subprocess.Popen(
            [COMMAND, "run", plane, "--config", str(self.config)], stdout=subprocess.DEVNULL,
            stderr=(self.config.parent / f"{plane}.log").open("wb"))

    def wait(self):
        """Wait for the planes' ends, woken by what they promise; return the largest RSS of each, MiB."""
        most = dict.fromkeys(self.processes, 0)
        deadline = time.monotonic() + CATCH_UP_S_MAX
        while any(process.poll() is None for process in self.processes.values()):
            assert time.monotonic() < deadline, self.logs()
            for plane, process in self.processes.items():
                if process.poll() is None:
                    try:
                        most[plane] = max(most[plane], psutil.Process(process.pid).memory_info().rss >> 20)
                    except psutil.NoSuchProcess:
                        continue
            for bus in self.opened:  # it tells its promises again
                bus.wait(0.05)
        assert {plane: process.returncode for plane, process in self.processes.items()} == dict.fromkeys(most, 0), (
            self.logs())
        return most

    def logs(self):
        return "\n".join((self.config.parent / f"{plane}.log").read_text()[-2_000:] for plane in self.processes)

    def reports(self):
        """Return the number of reports by exec type and reason, and how many intents they are about."""
        reader = TopicReader(self.open(None), "orders.reports", values_of(Schema.REPORT, ExecutionReport), group="test")
        found, ids = Counter(), set()
        while received := reader.read(1_024):
            for one in received:
                found[one.value.exec_type, one.value.reason] += 1
                ids.add(one.value.intent_id)
        return found, len(ids)

    def lag(self):
        """Return topic/partition and reader -> messages behind, as the command says."""
        printed = algotrade("bus", "lag", "--bus", self.bus)
        assert printed.returncode == 0, printed.stderr
        rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in printed.stdout.splitlines()
                if "-plane" in line]
        return {(row[0], row[1]): int(row[4].replace(",", "")) for row in rows}


@pytest.fixture
def backlog(broker, tmp_path):
    made = Backlog(broker, tmp_path)
    yield made
    made.close()


def shown(what, begun, rss, messages):
    seconds = time.monotonic() - begun
    print(f"\n{what}: {messages:,} messages in {seconds:.1f} s, {messages / seconds:,.0f} a second; "  # noqa: T201
          f"largest RSS {', '.join(f'{plane} {mib} MiB' for plane, mib in rss.items())}")


@long
def test_both_planes_catch_up_with_market_data_and_what_they_order_too_late_is_refused(backlog):
    """Their intents live 1 ms and need 50 ms to the venue."""
    backlog.publish()
    assert backlog.lag()["market.quotes/0", ORDER_PLANE] == RECORDS
    begun = time.monotonic()
    backlog.start(STRATEGY_PLANE)
    backlog.start(ORDER_PLANE)
    rss = backlog.wait()

    shown("market data", begun, rss, RECORDS)
    found, intents = backlog.reports()
    assert set(found) == {(ExecType.EXPIRED, "intent_expired")}
    assert found.total() == intents == backlog.opened[-1].bounds("orders.intents")[1] - 1  # and the leader's marker
    assert intents > RECORDS / 1_000
    assert set(backlog.lag().values()) == {0}
    assert max(rss.values()) < RSS_MIB_MAX


def expired(number):
    """Return an intent that is born of record ``number``, and expires at once."""
    born_ns = START_NS + STEP_NS * number
    return NewOrder(
        id=IntentId(strategy="gone", run="demo", sequence=number, number=0), instrument=0, event_time_ns=born_ns,
        expires_at_ns=born_ns + 1, side=Side.BUY, quantity=Decimal(1), order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY)


@long
def test_intents_that_expired_while_nobody_read_them_are_each_refused_and_reported(backlog):
    backlog.publish()
    strategy = backlog.open(STRATEGY_PLANE)
    numbers = np.linspace(1, RECORDS, INTENTS, dtype=np.int64).tolist()
    for at in range(0, INTENTS, CHUNK):
        strategy.append("orders.intents", [
            Outgoing(b"0", encode_value(Schema.INTENT, expired(n))) for n in numbers[at:at + CHUNK]])
    strategy.promise(intents_time(), PROMISE_END)
    begun = time.monotonic()
    backlog.start(ORDER_PLANE)
    rss = backlog.wait()

    shown("market data and expired intents", begun, rss, RECORDS + INTENTS)
    assert backlog.reports() == ({(ExecType.EXPIRED, "intent_expired"): INTENTS}, INTENTS)
    assert backlog.lag()["orders.intents/0", ORDER_PLANE] == 0
    assert max(rss.values()) < RSS_MIB_MAX
