"""Reads a run's topics from their beginning and its files, and shares no code with what wrote them.

The rules that it holds the run to are those that the system promises: an intent exists once; it is placed at most once,
and only while it is valid; what the broker has heard is what the journal says, in its order; every fill is reported
once; positions are what the fills add up to; and nothing ends in the dark: each intent was answered.
"""

import csv
import json
import struct
import uuid
from collections import Counter
from decimal import Decimal

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

HEADER = struct.Struct("<HHHHIIq")
NUMBER = struct.Struct(">q")
NATIVE = struct.Struct("<q")
QUOTE_BYTES = 64
"""Of one quote in a message; its sequence comes first."""

LOOK_S = 5.0


def check_run(bus, out, shards=1):
    """Assert that the run at the address ``bus``, with its results in ``out``, kept every promise."""
    servers, run = bus.removeprefix("kafka://").split("/")
    intents, reports = ([row for shard in range(shards) for row in counting(servers, f"{run}.orders.{name}", shard)]
                        for name in ("intents", "reports"))
    journal = counting(servers, f"{run}.orders.journal", 0)
    check_intents(intents, journal)
    check_broker(journal, out)
    check_reports(intents, reports, out)


def check_market(bus, shards, count):
    """Assert that all ``count`` quotes of the run were published, and each once."""
    servers, run = bus.removeprefix("kafka://").split("/")
    sequences = Counter()
    for shard in range(shards):
        for message in whole(servers, f"{run}.market.quotes", shard):
            body = message.value()[HEADER.size:]
            sequences.update(NATIVE.unpack_from(body, at)[0] for at in range(0, len(body), QUOTE_BYTES))
    assert sorted(sequences) == list(range(1, count + 1)), "a quote was not published"
    assert set(sequences.values()) == {1}, f"{sum(sequences.values()) - count} quotes were published twice"


def counting(servers, topic, partition):
    """Return the values of a partition that count: not those of a leader behind the marker of a newer one."""
    newest, values = 0, []
    for message in whole(servers, topic, partition):
        headers = dict(message.headers() or [])
        epoch = NUMBER.unpack(headers["epoch"])[0] if "epoch" in headers else 0
        if "marker" in headers:
            newest = max(newest, epoch)
        elif epoch == 0 or epoch >= newest:
            values.append(msgspec.msgpack.decode(message.value()[HEADER.size:]))
    return values


def whole(servers, topic, partition):
    """Return every record of a partition."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": f"checker-{uuid.uuid4()}",
                         "enable.auto.commit": False})
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), LOOK_S, cached=False)
        assert low == 0, f"{topic} begins at {low}: the checker came too late"
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        records = []
        while high and (not records or records[-1].offset() < high - 1):
            record = consumer.poll(LOOK_S)
            assert record is not None, f"{topic}: nothing came for {LOOK_S} s, {high} wanted"
            assert record.error() is None, record.error()
            records.append(record)
        return records
    finally:
        consumer.close()


def name(intent_id):
    """Return an intent's id as one word."""
    return f"{intent_id['strategy']}.{intent_id['run']}.{intent_id['sequence']}.{intent_id['number']}"


def once(rows, key):
    """Return rows by ``key``; a second copy in the log must be the first one again."""
    found = {}
    for row in rows:
        assert found.setdefault(key(row), row) == row, f"{key(row)} is there twice, and differs"
    return found


def check_intents(intents, journal):
    by_id = once(intents, lambda row: name(row["id"]))
    entries = once(journal, lambda row: name(row["request_id"]))
    assert entries.keys() <= by_id.keys(), "the journal has what nobody wanted"
    orders = Counter(row["order_id"] for row in entries.values() if row["action"] == "place")
    assert set(orders.values()) <= {1}, "an order id stands for two intents"
    for request, entry in entries.items():
        assert entry["event_time_ns"] < by_id[request]["expires_at_ns"], f"{request} was sent after its time"


def check_broker(journal, out):
    """What the broker has heard is the journal, each command once; a broker inside the order plane writes no list."""
    heard_file = out / "logs" / "broker.orders"
    if not heard_file.exists():
        return
    heard = [(row["action"], row["order_id"], row["intent"]) for row in map(json.loads, heard_file.open())]
    entries = once(journal, lambda row: name(row["request_id"]))
    assert heard == [(row["action"], row["order_id"], request) for request, row in entries.items()]


def check_reports(intents, reports, out):
    by_number = once(reports, lambda row: row["sequence"])
    assert sorted(by_number) == list(range(1, len(by_number) + 1)), "a report is missing"
    answered = {name(row["request_id"]) for row in by_number.values()}
    assert answered == {name(row["id"]) for row in intents}, "an intent was not answered"
    fills = [row for _, row in sorted(by_number.items()) if row["execution_id"]]
    assert len({row["execution_id"] for row in fills}) == len(fills), "an execution was reported twice"
    written = list(csv.DictReader((out / "fills.csv").open()))
    assert [row["execution_id"] for row in fills] == [row["execution_id"] for row in written]
    bought = Counter()
    for row, line in zip(fills, written, strict=True):
        bought[line["symbol"]] += Decimal(row["last_quantity"]) * (1 if line["side"] == "BUY" else -1)
    positions = {row["symbol"]: Decimal(row["quantity"]) for row in csv.DictReader((out / "positions.csv").open())}
    assert {symbol: quantity for symbol, quantity in bought.items() if quantity} == {
        symbol: quantity for symbol, quantity in positions.items() if quantity}
