from decimal import Decimal

import msgspec
import numpy as np
import pytest

from algotrade.domain import (
    BAR,
    LAYOUTS,
    QUOTE,
    TRADE,
    CancelOrder,
    Instrument,
    InstrumentError,
    Instruments,
    IntentId,
    Kind,
    OrderType,
    ReplaceOrder,
    Side,
    TimeInForce,
)
from algotrade.strategy import Bar, Orders, PythonRunner, Quote, StateMismatch, Strategy, Trade
from algotrade.strategy.orders import INTENTS_PER_RECORD_MAX
from algotrade.strategy.python import CHUNK_RECORDS_MAX
from tests.strategy.worlds import RUN, bars, filled, liquidation, quotes

ONE = Instruments([Instrument(id=0, symbol="ONE"), Instrument(id=1, symbol="TWO"), Instrument(id=2, symbol="THREE")])


class EveryTenth(Strategy):
    """Buys at every tenth record of any kind; remembers how many there were, and every report."""

    name = "tenth"
    kinds = frozenset({Kind.QUOTE, Kind.BAR})

    def __init__(self):
        self.seen = 0
        self.reports = []

    def on_quote(self, record, orders):
        assert isinstance(record, Quote)
        self.count(record, orders)

    def on_bar(self, record, orders):
        assert isinstance(record, Bar)
        self.count(record, orders)

    def count(self, record, orders):
        self.seen += 1
        assert orders.time_ns == record.event_time_ns
        if self.seen % 10 == 0:
            orders.market(record.instrument, Side.BUY, 1, lifetime_ns=5)

    def on_report(self, report):
        self.reports.append(report)

    def on_liquidation(self, told):
        self.reports.append(told)

    def state(self):
        return str(self.seen).encode()

    def restore(self, data):
        self.seen = int(data)


@pytest.mark.parametrize(("row", "layout"), [(Quote, QUOTE), (Trade, TRADE), (Bar, BAR)])
def test_a_row_has_the_fields_of_its_record_in_order(row, layout):
    assert row.__struct_fields__ == layout.names
    assert row(*np.zeros(1, dtype=layout).tolist()[0])


@pytest.mark.parametrize("cut", [1, 7, CHUNK_RECORDS_MAX, 3 * CHUNK_RECORDS_MAX])
def test_it_stops_at_each_record_that_bears_intents(cut):
    strategy, records, at, born_at = EveryTenth(), bars(200, 1), 0, []
    runner = PythonRunner(strategy, ONE, RUN)
    while at < len(records):
        consumed, intents = runner.advance(Kind.BAR, records[at : at + cut])
        at += consumed
        born_at += [at - 1 for _ in intents]
        assert [i.id.sequence for i in intents] == [records[at - 1]["sequence"] for _ in intents]

    assert born_at == list(range(9, 200, 10))


def test_kinds_go_to_their_own_callbacks_and_no_other_is_taken():
    runner = PythonRunner(EveryTenth(), ONE, RUN)

    assert runner.kinds == {Kind.QUOTE, Kind.BAR}
    assert runner.advance(Kind.QUOTE, quotes(5, 1)) == (5, [])
    assert runner.advance(Kind.BAR, bars(20, 1))[0] == 5
    with pytest.raises(AssertionError, match="consumes"):
        runner.advance(Kind.TRADE, np.zeros(1, dtype=LAYOUTS[Kind.TRADE]))


def test_it_goes_on_from_its_snapshot_and_from_no_other():
    runner = PythonRunner(EveryTenth(), ONE, RUN)
    runner.advance(Kind.BAR, bars(7, 1))

    again = PythonRunner(EveryTenth(), ONE, RUN)
    again.restore(runner.state())

    assert again.advance(Kind.BAR, bars(20, 2))[0] == 3
    with pytest.raises(StateMismatch, match="run of the state is 'run-1'; allowed: 'run-2'"):
        PythonRunner(EveryTenth(), ONE, "run-2").restore(runner.state())


def test_only_reports_on_its_own_orders_reach_it():
    strategy = EveryTenth()
    runner = PythonRunner(strategy, ONE, RUN)
    _, [order] = runner.advance(Kind.BAR, bars(10, 1))
    [report] = filled(order)
    other = msgspec.structs.replace(report, intent_id=msgspec.structs.replace(order.id, strategy="another"))

    runner.fold([other, report])

    assert strategy.reports == [report]


def orders() -> Orders:
    collected = Orders(strategy="s", run=RUN, instruments=ONE)
    collected.begin(5, 100)
    return collected


def test_liquidations_reach_it_in_their_place_and_a_strategy_that_does_not_care_needs_no_callback():
    runner = PythonRunner(strategy := EveryTenth(), ONE, RUN)
    _, [order] = runner.advance(Kind.BAR, bars(10, 1))
    [own] = filled(order)
    told = liquidation(2)

    runner.fold([own, told, own])

    assert strategy.reports == [own, told, own]

    class Deaf(Strategy):
        name = "deaf"
        kinds = frozenset({Kind.BAR})

    PythonRunner(Deaf(), ONE, RUN).fold([told])


def test_orders_of_every_type_come_out_on_ticks_and_lots():
    collected = orders()
    collected.market(0, Side.BUY, 3.4, lifetime_ns=1, time_in_force=TimeInForce.IOC)
    collected.limit(0, Side.SELL, Decimal(2), 10.014, lifetime_ns=2)
    collected.stop(1, Side.BUY, 2, Decimal("10.016"), lifetime_ns=3)
    collected.stop_limit(1, Side.BUY, 2, 11, 12, lifetime_ns=4)

    market, limit, stop, stop_limit = collected.take()

    assert (market.order_type, market.quantity, market.limit_price) == (OrderType.MARKET, 3, None)
    assert (limit.order_type, limit.limit_price, limit.stop_price) == (OrderType.LIMIT, Decimal("10.01"), None)
    assert (stop.order_type, stop.limit_price, stop.stop_price) == (OrderType.STOP, None, Decimal("10.02"))
    assert (stop_limit.limit_price, stop_limit.stop_price) == (12, 11)
    assert [o.expires_at_ns for o in (market, limit, stop, stop_limit)] == [101, 102, 103, 104]
    assert [o.id.number for o in (market, limit, stop, stop_limit)] == [0, 1, 2, 3]
    assert market.time_in_force == TimeInForce.IOC


def test_cancel_and_replace_name_their_target():
    collected = orders()
    target = IntentId(strategy="s", run=RUN, sequence=1, number=0)

    cancel_id = collected.cancel(1, target, lifetime_ns=1)
    replace_id = collected.replace(1, target, lifetime_ns=1, limit_price=10.004)

    assert collected.take() == [
        CancelOrder(id=cancel_id, instrument=1, event_time_ns=100, expires_at_ns=101, target=target),
        ReplaceOrder(
            id=replace_id, instrument=1, event_time_ns=100, expires_at_ns=101, target=target,
            limit_price=Decimal("10.00"),
        ),
    ]


def test_what_rounds_to_no_lot_is_no_intent():
    collected = orders()
    target = IntentId(strategy="s", run=RUN, sequence=1, number=0)

    assert collected.market(0, Side.BUY, 0.5, lifetime_ns=1) is None
    assert collected.replace(0, target, quantity=0, lifetime_ns=1) is None
    assert collected.take() == []


def test_an_unknown_instrument_and_numbers_that_are_none_are_refused():
    with pytest.raises(InstrumentError, match="instrument id is 3"):
        orders().market(3, Side.BUY, 1, lifetime_ns=1)
    with pytest.raises(InstrumentError, match="allowed: a finite number"):
        orders().limit(0, Side.BUY, 1, float("nan"), lifetime_ns=1)
    with pytest.raises(AssertionError, match="the side says buy or sell"):
        orders().market(0, Side.BUY, -1, lifetime_ns=1)


def test_a_strategy_gone_wild_is_stopped():
    collected = orders()
    for _ in range(INTENTS_PER_RECORD_MAX):
        collected.market(0, Side.BUY, 1, lifetime_ns=1)

    with pytest.raises(AssertionError, match="more than 64 intents of one record"):
        collected.market(0, Side.BUY, 1, lifetime_ns=1)
