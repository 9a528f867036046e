"""How far readers are behind: messages from what they are known to have handled, and the age of the first of them."""

import msgspec

from algotrade.bus import MemoryBus, Outgoing, Schema, encode
from algotrade.bus.lag import appended_ns, lags
from algotrade.bus.port import Message
from algotrade.bus.topics import STRATEGY_PLANE, TOPICS
from tests.bus.worlds import SMALL

TABLE = {"orders": msgspec.structs.replace(SMALL["orders"], retention_bytes_max=1_000)}


def rows(bus, at):
    return {lag.reader: lag for lag in lags(bus, lambda *_: at, TABLE)}


def test_a_reader_is_behind_by_what_lies_between_it_and_the_end():
    shared = MemoryBus(TABLE)
    bus = shared.client("alpha")
    assert {(lag.behind, lag.oldest_ns) for lag in rows(bus, 0).values()} == {(0, 0)}
    bus.append("orders", [Outgoing(b"k", encode(Schema.INTENT, b"", origin)) for origin in (5, 6, 7)])

    lag = rows(bus, 1)["beta"]
    assert (lag.handled, lag.end, lag.behind, lag.oldest_ns, lag.kept_from) == (1, 3, 2, 6, 0)
    assert [(lag.behind, lag.oldest_ns) for at in (3, 99) for lag in rows(bus, at).values()] == [(0, 0)] * 4

    for group in ("beta", "gamma"):
        shared.client(group).commit(group, {("orders", 0): 3})
    bus.append("orders", [Outgoing(b"k", encode(Schema.INTENT, bytes(900), 8))])
    assert bus.bounds("orders") == (3, 4)
    lag = rows(bus, 0)["beta"]  # what it has not handled is gone: it is behind by what is left
    assert (lag.behind, lag.oldest_ns, lag.kept_from) == (1, 8, 3)


def test_the_age_is_that_of_the_append_before_that_of_the_data():
    value = encode(Schema.INTENT, b"", 5)
    assert appended_ns(Message(0, b"", value, (), 9)) == 9
    assert appended_ns(Message(0, b"", value)) == 5
    assert appended_ns(Message(0, b"", encode(Schema.REPORT, b""))) == 0
    assert appended_ns(Message(0, b"", b"damage")) == 0


def test_every_reader_of_the_table_has_a_row():
    found = lags(MemoryBus(TOPICS).client(), lambda *_: 0)
    assert {lag.topic for lag in found if lag.reader == STRATEGY_PLANE} == {
        "market.quotes", "market.trades", "market.bars", "orders.reports", "strategy.merges"}
    assert len(found) == 10
