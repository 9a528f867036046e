"""A broker that answers late: requests overlap with one another and with fills, and the order manager is never wrong.

The broker here is the simplest that keeps its word: it takes commands in order and fills when it likes. Executions and
everything else come back by two ways, each in order, as Interactive Brokers tells of them; hypothesis decides when each
thing happens.
"""

from collections import deque
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from algotrade.domain import ExecType, OrderStatus
from algotrade.execution.broker import BrokerEvent, Cancel, Replace
from tests.execution.world import World, cancel, new, replace


class LateBroker:
    """One order at a broker, the commands on their way to it, and its words on their way back."""

    def __init__(self, quantity):
        self.quantity, self.filled, self.is_live = quantity, 0, True
        self.commands, self.words, self.trades = deque(), deque(), deque()
        self.names_requests = True

    def take_command(self):
        command = self.commands.popleft()
        request_id = command.request_id if self.names_requests else None
        if not self.is_live:
            self.tell(ExecType.CANCEL_REJECTED, request_id=request_id)
        elif isinstance(command, Cancel):
            self.is_live = False
            self.tell(ExecType.CANCELED, request_id=request_id)
        else:
            assert isinstance(command, Replace)
            self.quantity = max(int(command.approved.intent.quantity), self.filled)
            self.is_live = self.quantity > self.filled
            self.tell(ExecType.REPLACED, request_id=request_id)

    def fill(self, quantity):
        quantity = min(quantity, self.quantity - self.filled)
        if self.is_live and quantity:
            self.filled += quantity
            self.is_live = self.filled < self.quantity
            self.trades.append(BrokerEvent(
                exec_type=ExecType.TRADE, order_id=1, event_time_ns=9, execution_id=f"x-{self.filled}",
                quantity=Decimal(quantity), price=Decimal(100)))

    def tell(self, exec_type, request_id=None):
        self.words.append(BrokerEvent(exec_type=exec_type, order_id=1, event_time_ns=9, request_id=request_id))


def reserved(world):
    return int(world.gate._book["working_buy_lots"][0]), world.gate.state().working_orders


STEPS = st.lists(st.tuples(st.sampled_from(["cancel", "replace", "command", "fill", "word", "trade"]),
                           st.integers(1, 90)), max_size=40)


@settings(max_examples=400)
@given(STEPS, st.booleans())
@example([("word", 1), ("replace", 90), ("cancel", 1), ("command", 1), ("word", 1)], True)
@example([("word", 1), ("replace", 90), ("command", 1), ("fill", 50), ("trade", 1), ("word", 1)], True)
@example([("word", 1), ("replace", 30), ("fill", 35), ("trade", 1), ("command", 1), ("word", 1)], False)
def test_what_is_reserved_covers_the_broker_and_in_the_end_both_agree(steps, names_requests):  # noqa: C901 -- a story
    world, sequence = World(), 1
    world.quote(9_999, 10_001)
    assert world.manager.on_intent(new(1, 50, limit=9_000), 1).command is not None
    broker = LateBroker(50)
    broker.names_requests = names_requests
    broker.tell(ExecType.NEW)

    def check():
        order = world.manager.orders.get(1)
        lots, orders = reserved(world)
        if broker.is_live:
            assert lots >= broker.quantity - order.cumulative_quantity
            assert not order.status.is_terminal
        assert orders == (not order.status.is_terminal)
        assert order.leaves_quantity >= 0

    for step, number in steps:
        if step in {"cancel", "replace"}:
            sequence += 1
            intent = cancel(sequence, 1) if step == "cancel" else replace(sequence, 1, quantity=number)
            command = world.manager.on_intent(intent, 2).command
            if command is not None:
                broker.commands.append(command)
        elif step == "command" and broker.commands:
            broker.take_command()
        elif step == "fill":
            broker.fill(number)
        elif step in {"word", "trade"} and (way := broker.words if step == "word" else broker.trades):
            world.manager.on_broker(way.popleft())
        check()
    while broker.commands or broker.words or broker.trades:
        if broker.commands:
            broker.take_command()
        for way in (broker.words, broker.trades):
            if way:
                world.manager.on_broker(way.popleft())
        check()

    order = world.manager.orders.get(1)
    assert order.cumulative_quantity == broker.filled == world.manager.ledger.position(0).quantity
    assert order.status.is_terminal != broker.is_live
    assert order.quantity >= order.cumulative_quantity
    assert world.manager.unmatched == 0 or order.status.is_terminal
    if broker.is_live:
        assert order.quantity == broker.quantity
        assert order.status in {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}
        assert reserved(world) == (broker.quantity - broker.filled, 1)
    else:
        assert reserved(world) == (0, 0)
