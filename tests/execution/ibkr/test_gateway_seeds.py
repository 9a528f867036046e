"""Random days against the simulated Gateway, by seed: whatever happens, our book is the Gateway's in the end.

25 seeds by default; ``ALGOTRADE_IBKR_SEEDS=1000`` for more.
"""

import os
from decimal import Decimal

import numpy as np
import pytest

from algotrade.domain import OrderIntent, OrderStatus, Side
from algotrade.execution.ledger import execution_and_revision
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.execution.ibkr.gateway import CLIENT, Floor

SEEDS = int(os.environ.get("ALGOTRADE_IBKR_SEEDS", "25"))
INSTRUMENTS = 3
STEPS = 120


class Day:
    """A floor on which orders, changes, cancels and faults happen as the dice fall."""

    def __init__(self, seed: int, *, doubles: int = 0) -> None:
        self.dice = np.random.default_rng(seed)
        self.floor = Floor()
        self.floor.wire.mixes = np.random.default_rng(seed + 1_000)
        self.price = 100.0
        self.sent = []
        self.deeds = (
            (30, self.order), (15, self.cancel), (15, self.change), (6, self.disconnect), (12, self.connect),
            (4, self.drop), (4, self.withhold), (2, self.restart), (2, self.correct), (6, self.wait), (4, self.nothing),
            (doubles, self.double))

    def run(self) -> None:
        """Let the day happen; whatever does, what works at the Gateway is reserved here."""
        weights = np.array([weight for weight, _ in self.deeds], dtype=float)
        for _ in range(STEPS):
            self.price = round(self.price + float(self.dice.choice([-0.05, 0.0, 0.05])), 2)
            if self.dice.random() < 0.5:
                self.floor.wire.drops = set()
            self.deeds[int(self.dice.choice(len(self.deeds), p=weights / weights.sum()))][1]()
            for instrument in range(INSTRUMENTS):
                self.floor.quote(round(self.price - 0.01, 2), round(self.price + 0.01, 2),
                                 float(self.dice.integers(1, 80)), instrument)
                for side in Side:
                    assert self.floor.reserved(side, instrument) >= self.floor.works(side, instrument)

    def rest(self) -> None:
        """Leave it in peace, with a link that works, until nothing is under way any more."""
        floor = self.floor
        floor.wire.drops, floor.wire.withholds = set(), set()
        if floor.wire.is_connected:
            floor.disconnect()
        floor.connect()
        floor.wait(40)

    def ask(self, intent: OrderIntent) -> bool:
        may = self.floor.broker.may_send(intent)
        if may:
            self.floor.send(intent)
        return may

    def order(self) -> None:
        side = Side.BUY if self.dice.random() < 0.5 else Side.SELL
        off = float(self.dice.choice([-0.1, -0.02, 0.02, 0.1]))
        limit = None if self.dice.random() < 0.3 else str(round(self.price + off, 2))
        intent = self.floor.new(int(self.dice.integers(1, 120)), side=side, limit=limit,
                                instrument=int(self.dice.integers(INSTRUMENTS)))
        if self.ask(intent):
            self.sent.append(intent)

    def any_open(self):
        mine = [intent for intent in self.sent if not self.floor.status(intent).is_terminal]
        return mine[int(self.dice.integers(len(mine)))] if mine else None

    def cancel(self) -> None:
        if target := self.any_open():
            self.ask(self.floor.cancel(target))

    def change(self) -> None:
        if target := self.any_open():
            self.ask(self.floor.replace(target, quantity=int(self.dice.integers(1, 150))))

    def disconnect(self) -> None:
        if self.floor.wire.is_connected:
            self.floor.disconnect()

    def connect(self) -> None:
        if not self.floor.wire.is_connected:
            self.floor.connect()

    def drop(self) -> None:
        self.floor.wire.drops = {r.PlaceOrder}

    def withhold(self) -> None:
        self.floor.wire.withholds = {a.OrderStatus} if not self.floor.wire.withholds else set()

    def restart(self) -> None:
        if self.floor.wire.is_connected:
            self.floor.restart()
            self.floor.wire.mixes = np.random.default_rng(int(self.dice.integers(1 << 30)))

    def correct(self) -> None:
        state = self.floor.trading.state()
        last = list({execution_and_revision(e.exec_id)[0]: e for e in state.executions}.values())
        if last:
            one = last[int(self.dice.integers(len(last)))]
            first = next(e for e in state.executions if e.exec_id[:-2] == one.exec_id[:-2])
            quantity = Decimal(int(self.dice.integers(int(first.quantity) + 1)))
            self.floor.wire.tell(self.floor.trading.correct(
                one.exec_id, self.floor.clock.time_ns(), price=one.price, quantity=quantity))

    def wait(self) -> None:
        self.floor.wait(float(self.dice.integers(1, 15)))

    def double(self) -> None:
        """Let the next change make a second order, or cancel everything: a cancel of ours reaches only the second."""
        if self.floor.broker.disarmed_because:
            self.floor.wire.tell(self.floor.trading.handle(CLIENT, r.RequestGlobalCancel(), self.floor.clock.time_ns()))
        else:
            self.floor.wire.doubles = 1

    def nothing(self) -> None:
        pass


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_our_book_is_the_gateways_in_the_end(seed):
    day = Day(seed)
    day.run()
    day.rest()

    floor = day.floor
    assert [floor.position(i) for i in range(INSTRUMENTS)] == [floor.held(i) for i in range(INSTRUMENTS)]
    placed = [one for one in floor.arrived if isinstance(one, r.PlaceOrder)]
    arrived = {one.order.order_ref for one in placed}
    assert len({one.order_id for one in placed}) == len(arrived), "one order id for each order, and none used twice"
    told = floor.trading.handle(CLIENT, r.RequestAllOpenOrders(), floor.clock.time_ns())
    working = {answer.order.order_ref: answer.order for _, answer in told if isinstance(answer, a.OpenOrder)}
    for intent in day.sent:
        order, reference = floor.manager.orders.by_intent(intent.id), str(intent.id)
        if reference in working:
            assert order.status in {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}, (intent.id, order)
            assert order.quantity == working[reference].total_quantity
        elif not order.status.is_terminal:
            assert order.status is OrderStatus.UNKNOWN, (intent.id, order)
            assert reference not in arrived, (intent.id, order)
    assert floor.broker.disarmed_because == ""
    assert floor.count("splits") == floor.count("fills_missing") == floor.count("executions_set_aside") == 0


@pytest.mark.parametrize("seed", range(SEEDS))
def test_changes_that_make_second_orders_leave_nothing_unreserved_and_nothing_behind(seed):
    day = Day(seed, doubles=8)
    day.run()
    floor = day.floor
    splits = floor.count("splits")
    day.rest()
    floor.wire.tell(floor.trading.handle(CLIENT, r.RequestGlobalCancel(), floor.clock.time_ns()))
    day.rest()

    assert [floor.position(i) for i in range(INSTRUMENTS)] == [floor.held(i) for i in range(INSTRUMENTS)]
    assert floor.broker.disarmed_because == ""
    arrived = {one.order.order_ref for one in floor.arrived if isinstance(one, r.PlaceOrder)}
    for intent in day.sent:
        assert floor.status(intent).is_terminal or str(intent.id) not in arrived, (splits, intent.id)
