"""Our commands on the wire, and texts that come from it."""

import contextlib
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Instrument, Instruments, Side, TimeInForce
from algotrade.execution.ibkr import IbkrBroker, OrderSettings
from algotrade.execution.ibkr.times import time_ns_of
from algotrade.ibkr.wire import Codec, Splitter
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract
from tests.execution import world as plain
from tests.execution.ibkr.world import (
    ACCOUNT,
    CONTRACTS,
    SECOND,
    SETTINGS,
    Desk,
    cancel,
    new,
    open_order,
    replace,
    status_of,
)

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(("intent", "wire"), [
    (new(1, 100), ("BUY", "MKT", None, None, "DAY")),
    (new(1, 100, side=Side.SELL, limit="100.25"), ("SELL", "LMT", Decimal("100.25"), None, "DAY")),
    (new(1, 100, stop="101", tif=TimeInForce.GTC), ("BUY", "STP", None, Decimal(101), "GTC")),
    (new(1, 100, stop="101", limit="101.5", tif=TimeInForce.GTC), ("BUY", "STP LMT", Decimal("101.5"), 101, "GTC")),
    (new(1, 100, limit="100", tif=TimeInForce.IOC), ("BUY", "LMT", 100, None, "IOC")),
    (new(1, 100, limit="100", tif=TimeInForce.FOK), ("BUY", "LMT", 100, None, "FOK")),
])
def test_an_order_is_said_in_the_brokers_words(intent, wire):
    desk = Desk()
    desk.intent(intent)

    [placed] = desk.placed()
    order = placed.order
    assert (order.action, order.order_type, order.lmt_price, order.aux_price, order.tif) == wire
    assert (order.total_quantity, order.account, order.order_ref, order.transmit, order.outside_rth) == (
        100, ACCOUNT, "s.r.1.0", True, False)
    assert placed.contract == CONTRACTS[0]


@pytest.mark.parametrize("version", [157, 163, 169, 176, 178])
def test_what_is_sent_is_what_a_server_of_any_version_reads(version):
    desk = Desk(settings=msgspec.structs.replace(SETTINGS, outside_rth=True))
    desk.intent(new(1, 100, limit="100.25", oca_group="g"))
    codec = Codec(version)

    [payload] = Splitter().feed(codec.encode(desk.placed()[0]))
    read = codec.decode_request(payload)

    assert (read.order.lmt_price, read.order.order_ref, read.order.oca_group, read.order.oca_type) == (
        Decimal("100.25"), "s.r.1.0", "g", 1)
    assert (read.order.outside_rth, read.contract.con_id) == (True, 265598)


def test_a_change_is_the_same_order_with_the_new_total_and_prices():
    desk = Desk()
    desk.intent(new(1, 100, limit="100"))
    desk.say(open_order(limit=100))
    desk.intent(replace(2, 1, quantity=150, limit="99.5"))

    first, changed = desk.placed()
    assert changed.order_id == first.order_id
    assert (changed.order.total_quantity, changed.order.lmt_price) == (150, Decimal("99.5"))
    same = msgspec.structs.replace(changed.order, total_quantity=first.order.total_quantity,
                                   lmt_price=first.order.lmt_price)
    assert same == first.order


def test_a_cancel_names_the_order():
    desk = Desk()
    desk.intent(new(1, 100, limit="100"))
    desk.intent(cancel(2, 1))

    assert desk.session.asked[-1] == r.CancelOrder(order_id=1)


def test_a_bracket_is_a_parent_and_two_orders_that_wait_for_it_and_end_each_other():
    desk = Desk()
    desk.intent(new(1, 100, limit="100"))
    desk.intent(new(2, 100, side=Side.SELL, limit="101", parent=1, oca_group="exit"))
    desk.intent(new(3, 100, side=Side.SELL, stop="99", parent=1, oca_group="exit"))

    parent, profit, loss = desk.placed()
    assert (parent.order.parent_id, parent.order.oca_group) == (0, "")
    for child in (profit, loss):
        assert (child.order.parent_id, child.order.oca_group, child.order.oca_type) == (parent.order_id, "exit", 1)
    assert (desk.reserved(Side.BUY), desk.reserved(Side.SELL)) == (100, 200)


@pytest.mark.parametrize(("intent", "reason"), [
    (new(2, 10, limit="100", parent=7), "parent_unknown"),
    (new(2, 10, limit="100", parent=1, instrument=1), "parent_unknown"),
    (new(2, 10, limit="100", oca_group="gr\x00up"), "oca_group_name"),
    (new(2, 10, limit="100", oca_group="größe"), "oca_group_name"),
    (new(2, 10, limit="100", oca_group="g" * 65), "oca_group_name"),
])
def test_a_group_that_cannot_be_is_refused(intent, reason):
    desk = Desk()
    desk.intent(new(1, 100, limit="100"))

    [report] = desk.intent(intent)

    assert (report.status.name, report.reason) == ("REJECTED", reason)
    assert len(desk.placed()) == 1


def test_a_parent_that_has_ended_takes_no_children():
    desk = Desk()
    desk.intent(new(1, 100, limit="100"))
    desk.say(open_order(limit=100))
    desk.intent(cancel(2, 1))
    desk.say(status_of("Cancelled"))

    [report] = desk.intent(new(3, 100, limit="100", parent=1))

    assert report.reason == "parent_is_canceled"


def test_a_broker_without_groups_takes_no_order_that_names_one():
    world = plain.World()
    world.quote(9_999, 10_001)

    [report] = world.intent(msgspec.structs.replace(plain.new(1, 5), oca_group="g"))

    assert report.reason == "groups_not_supported"


def test_prices_are_the_instruments_ticks_exactly():
    instruments = Instruments([Instrument(id=0, symbol="AAPL", tick=Decimal("0.005")), Instrument(id=1, symbol="MSFT")])
    desk = Desk(instruments=instruments)
    desk.intent(new(1, 100, limit="99.995"))

    assert str(desk.placed()[0].order.lmt_price) == "99.995"


def test_a_contract_that_was_not_qualified_is_a_bug():
    desk = Desk()
    with pytest.raises(AssertionError, match="AAPL"):
        IbkrBroker(desk.session, {0: Contract(symbol="AAPL")}, desk.broker._instruments, SETTINGS, desk.clock)


@pytest.mark.parametrize(("field", "value"), [
    ("account", "DU 1"), ("account", "DÜ1"), ("client_id", -1), ("client_id", 2**31), ("time_zone", "Mars/Base"),
    ("time_zone", "../etc/passwd"), ("time_zone", ""),
])
def test_settings_that_cannot_be_are_refused(field, value):
    with pytest.raises(ValueError, match="allowed"):
        OrderSettings(**{field: value})


@pytest.mark.parametrize(("text", "zone", "utc"), [
    ("20260921-14:30:00", "America/New_York", "2026-09-21T14:30:00Z"),
    ("20260921  14:30:00", "America/New_York", "2026-09-21T18:30:00Z"),
    ("20260921 14:30:00", "UTC", "2026-09-21T14:30:00Z"),
    ("20260921 14:30:00 US/Eastern", "UTC", "2026-09-21T18:30:00Z"),
    ("20260921  14:30:00 MET", "UTC", "2026-09-21T12:30:00Z"),
    ("20260121 14:30:00 Japan", "UTC", "2026-01-21T05:30:00Z"),
    ("20260921 14:30:00 America/Argentina/Buenos_Aires", "UTC", "2026-09-21T17:30:00Z"),
    ("20261101 01:30:00 US/Eastern", "UTC", "2026-11-01T05:30:00Z"),
])
def test_times_are_read_in_each_form_that_the_broker_uses(text, zone, utc):
    expected = datetime.fromisoformat(utc)

    assert time_ns_of(text, ZoneInfo(zone)) == int(expected.timestamp()) * SECOND


@pytest.mark.parametrize("text", [
    "", "20260921", "20261321 14:30:00", "20260921 25:30:00", "20260921 14:30", "2026-09-21 14:30:00",
    "20260921   14:30:00", "20260921-14:30:00 US/Eastern", "20260921 14:30:00 Mars/Base", "20260921 14:30:00 ../x",
    "20260921 14:30:00 US/Eastern\n", "20260921 14:30:00 posixrules/../UTC", "1790000000",
    "\u0662\u0660260921 14:30:00",
])
def test_times_in_any_other_form_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        time_ns_of(text, UTC)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(time_ns_of(text, UTC), int)

