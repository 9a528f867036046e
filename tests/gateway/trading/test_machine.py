"""A broker under random use, beside an oracle that knows only what was told: fills make positions, positions make cash.

Each run is a sequence of orders, changes, cancels, quotes, waits and the broker's own acts, drawn by hypothesis. After
every step: the told executions, corrections in place, sum up to the positions and the cash; every order's filled and
remaining sum up to its size; nothing fills after its end; no child fills before its parent; what is for all or nothing
fills so.
"""

from collections import defaultdict
from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from algotrade.gateway.trading import Trading, TradingSettings, TradingState
from algotrade.ibkr.wire.answers.orders import CommissionReport, ExecutionData, OrderStatus
from tests.gateway.trading.world import AAA, ACCOUNT, BBB, CCC, LISTINGS, MINUTE, World, contract, order

CASH = Decimal(1_000_000)
sides = st.sampled_from(["BUY", "SELL"])
quantities = st.integers(1, 300)
near = st.integers(95, 105)
stocks = st.sampled_from([AAA, BBB, CCC])
types = st.sampled_from(["MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIT", "LIT"])
tifs = st.sampled_from(["DAY", "GTC", "IOC", "FOK"])
auctions = st.sampled_from([("MOC", "DAY"), ("LOC", "DAY"), ("MKT", "OPG"), ("LMT", "OPG")])
quotes = st.lists(st.tuples(stocks, near, st.integers(0, 2), st.integers(0, 400)), max_size=6)
kinds = st.one_of(st.tuples(types, tifs), st.tuples(types, tifs), auctions)


class Told:
    """What a careful client makes of the answers, and nothing else."""

    def __init__(self):
        self.executions, self.commissions, self.symbols = {}, {}, {}
        self.statuses = defaultdict(list)
        self.filled_at_end = {}

    def take(self, answers):
        for answer in answers:
            if isinstance(answer, ExecutionData) and answer.req_id == -1:
                root, _, number = answer.execution.exec_id.rpartition(".")
                assert int(number) == 1 + int(self.executions[root].exec_id[-2:] if root in self.executions else 0)
                self.executions[root] = answer.execution
                self.symbols[root] = answer.contract.symbol
                if number == "01":
                    assert answer.execution.perm_id not in self.filled_at_end, "a fill after the end"
            elif isinstance(answer, CommissionReport):
                self.commissions[answer.exec_id] = answer.commission
            elif isinstance(answer, OrderStatus):
                self.statuses[answer.perm_id].append(answer)
                if answer.status in {"Filled", "Cancelled", "Inactive"}:
                    self.filled_at_end.setdefault(answer.perm_id, answer.filled)
                    assert self.filled_at_end[answer.perm_id] == answer.filled

    def positions(self):
        found = defaultdict(Decimal)
        for root, e in self.executions.items():
            found[self.symbols[root]] += e.shares if e.side == "BOT" else -e.shares
        return {symbol: quantity for symbol, quantity in found.items() if quantity}

    def cash(self):
        paid = sum((e.shares * e.price * (-1 if e.side == "BOT" else 1) for e in self.executions.values()), CASH)
        return paid - sum((self.commissions[e.exec_id] for e in self.executions.values()), Decimal(0))


class Machine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 3))
    def begin(self, seed):
        self.world = World(clients=(0, 1, 2), seed=seed, master_client_id=2)
        self.told = Told()
        self.seen = 0

    def listen(self):
        """Hear what the master client hears."""
        answers = [a for c, a in self.world.sent[self.seen :] if c == 2]
        self.seen = len(self.world.sent)
        self.told.take(answers)

    def terms(self, kind, price):
        return {"limit": price if kind in {"LMT", "STP LMT", "LIT", "LOC"} else None,
                "aux": {"TRAIL": 2}.get(kind, price) if kind in {"STP", "STP LMT", "MIT", "LIT", "TRAIL"} else None}

    @rule(side=sides, quantity=quantities, kind_and_tif=kinds, price=near, instrument=stocks,
          group=st.sampled_from(["", "", "", "g", "h"]), oca_type=st.integers(1, 3), quotes=quotes)
    def place(self, side, quantity, kind_and_tif, price, instrument, group, oca_type, quotes):
        kind, tif = kind_and_tif
        self.world.place(order(side, quantity, kind, tif=tif, oca_group=group, oca_type=oca_type if group else 0,
                               **self.terms(kind, price)), instrument)
        self.quote(quotes)

    @rule(side=sides, quantity=quantities, price=near, up=st.integers(1, 5), transmit=st.booleans(),
          quotes=quotes)
    def bracket(self, side, quantity, price, up, transmit, quotes):
        back = "SELL" if side == "BUY" else "BUY"
        sign = 1 if side == "BUY" else -1
        parent = self.world.place(order(side, quantity, "LMT", limit=price, tif="GTC", transmit=False))
        if self.world.live(parent) is not None and not self.world.live(parent).is_done:
            self.world.place(order(back, quantity, "LMT", limit=price + sign * up, tif="GTC", parent_id=parent,
                                   transmit=False))
            self.world.place(order(back, quantity, "STP", aux=price - sign * up, tif="GTC", parent_id=parent,
                                   transmit=transmit))
        self.quote(quotes)

    @rule(data=st.data(), quantity=quantities, price=near, quotes=quotes)
    def change(self, data, quantity, price, quotes):
        live = self.pick(data)
        if live:
            old = live.order
            self.world.place(msgspec.structs.replace(
                old, total_quantity=Decimal(quantity), lmt_price=old.lmt_price and Decimal(price)),
                live.instrument, order_id=live.order_id)
            self.quote(quotes)

    @rule(data=st.data())
    def cancel(self, data):
        live = self.pick(data)
        if live:
            self.world.cancel(live.order_id)
            self.listen()

    @rule(quotes=quotes)
    def quote(self, quotes):
        """Show quotes. Other rules show some too: hypothesis leaves out whole rules for whole runs."""
        for instrument, bid, spread, size in quotes:
            self.world.quote(bid, bid + spread, instrument, size, size)
        self.listen()

    @rule(minutes=st.sampled_from([1, 30, 500]))
    def wait(self, minutes):
        self.world.wait(minutes * MINUTE)
        self.listen()

    @rule(data=st.data(), quantity=st.integers(0, 300), price=near)
    def correct(self, data, quantity, price):
        newest = {e.root: e.exec_id for e in self.world.trading.state().executions}
        if newest:
            exec_id = data.draw(st.sampled_from(sorted(newest.values())))
            self.world.take(self.world.trading.correct(
                exec_id, self.world.now_ns, quantity=Decimal(quantity), price=Decimal(price)))
            self.listen()

    @rule(instrument=stocks, part=st.integers(1, 50))
    def liquidate(self, instrument, part):
        held = abs(self.world.holding(instrument))
        if held:
            self.world.take(self.world.trading.liquidate(
                ACCOUNT, contract(instrument).con_id, min(held, Decimal(part)), self.world.now_ns))
            self.listen()

    @rule()
    def restart_from_its_own_state(self):
        saved = msgspec.msgpack.encode(self.world.trading.state())
        self.world.trading = Trading(LISTINGS, TradingSettings(
            seed=int(self.world.trading._settings.seed), master_client_id=2))
        self.world.trading.restore(msgspec.msgpack.decode(saved, type=TradingState))
        assert msgspec.msgpack.encode(self.world.trading.state()) == saved

    def pick(self, data):
        mine = [o for o in self.world.trading._state.orders.values() if o.client_id == 1 and o.order_id]
        return data.draw(st.sampled_from(mine)) if mine else None

    @invariant()
    def positions_and_cash_are_the_told_fills(self):
        if not hasattr(self, "world"):
            return
        account = self.world.trading._state.accounts[ACCOUNT]
        held = {contract(i).symbol: h.quantity for i, h in account.holdings.items() if h.quantity}
        assert held == self.told.positions()
        assert account.cash["USD"] == self.told.cash()

    @invariant()
    def orders_keep_their_sums_and_their_rank(self):
        if not hasattr(self, "world"):
            return
        state = self.world.trading._state
        for live in (*state.orders.values(), *state.done.values()):
            assert live.filled + live.remaining == live.quantity
            assert 0 <= live.filled <= live.quantity
            if live.order.tif == "FOK" and live.is_done:
                assert live.filled in {0, live.quantity}
            if live.order.parent_id and (live.filled or live.stage in {"book", "front"}):
                parent = self.world.trading._desk.find(live.client_id, live.order.parent_id)
                assert parent is None or parent.status == "Filled"
        for history in self.told.statuses.values():
            filled = [s.filled for s in history]
            assert filled == sorted(filled)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30)


def script(world):
    """Place, change, fill and cancel a little of everything."""
    world.quote(99, 101)
    parent = world.place(order(order_type="LMT", limit=100, tif="GTC", transmit=False))
    world.place(order("SELL", order_type="LMT", limit=103, tif="GTC", parent_id=parent, transmit=False))
    world.place(order("SELL", order_type="STP", aux=95, tif="GTC", parent_id=parent))
    yield
    world.place(order("SELL", 50, "TRAIL", trailing_percent=1), BBB)
    world.place(order("BUY", 70, "LIT", aux=98, limit=99, tif="GTC"), CCC)
    yield
    world.quote(99, 100, ask_size=40)
    world.quote(97, 98, CCC)
    yield
    world.quote(99, 100)
    world.quote(98, 99, CCC)
    for bid in (100, 104, 103, 102, 101):
        world.quote(bid, bid + 1, BBB)
        yield
    world.quote(103, 104, bid_size=30)
    yield
    world.wait(400 * MINUTE)
    world.quote(94, 95)
    world.quote(94, 95)


def test_a_restored_broker_goes_on_as_if_nothing_had_happened():
    """State and answers are those of the uninterrupted run, wherever it is cut; sent over its own wire form."""
    whole = World()
    steps = sum(1 for _ in script(whole)) + 1
    for cut in range(steps):
        world = World()
        for step, _ in enumerate(script(world)):
            if step == cut:
                saved = msgspec.msgpack.encode(world.trading.state())
                world.trading = Trading(LISTINGS, TradingSettings())
                world.trading.restore(msgspec.msgpack.decode(saved, type=TradingState))
        assert world.sent == whole.sent
        assert world.trading.state() == whole.trading.state()
    assert {s.status for s in whole.of(OrderStatus)} == {"PreSubmitted", "Submitted", "Filled", "Cancelled"}
