"""A broker outside the planes: it lives on when they are killed, tells late and twice, and loses nothing."""

from decimal import Decimal

import msgspec
import numpy as np

from algotrade.domain import CancelOrder, ExecType, Liquidation, OrderIntent, Side
from algotrade.execution import BrokerEvent, Cancel, Command, Place, Replace

ENDED = frozenset({ExecType.CANCELED, ExecType.REJECTED})


class Held(msgspec.Struct):
    """One order at the exchange, with all that was ever said of it."""

    order_id: int
    side: Side
    instrument: int
    quantity: Decimal
    filled: Decimal = Decimal(0)
    is_open: bool = True
    said: list[BrokerEvent] = []


class Exchange:
    """Takes one session at a time; a command of a session that is over never arrives."""

    def __init__(self) -> None:
        self.orders: dict[int, Held] = {}
        self.placed: list[str] = []
        self.liquidations: list[Liquidation] = []
        self.session: Session | None = None
        self.next_id = 1
        self.time_ns = 1

    def position(self, instrument: int) -> Decimal:
        return sum((held.side * held.filled for held in self.orders.values() if held.instrument == instrument),
                   Decimal(0))

    def take(self, broker_id: int, command: Command) -> None:
        self.time_ns += 1
        if isinstance(command, Place):
            intent = command.approved.intent
            assert broker_id not in self.orders, f"order {broker_id} was placed twice"
            self.placed.append(str(intent.id))
            self.orders[broker_id] = Held(order_id=command.order_id, side=intent.side, instrument=intent.instrument,
                                          quantity=intent.quantity)
            self.say(broker_id, ExecType.NEW)
            return
        held = self.orders.get(broker_id)
        if held is None:
            return
        if not held.is_open:
            self.say(broker_id, ExecType.CANCEL_REJECTED, request_id=command.request_id, reason="order_not_working")
        elif isinstance(command, Cancel):
            self.end(broker_id, request_id=command.request_id)
        else:
            assert isinstance(command, Replace)
            held.quantity = max(held.filled, command.approved.intent.quantity)
            self.say(broker_id, ExecType.REPLACED, request_id=command.request_id)
            if held.filled == held.quantity:
                held.is_open = False

    def act(self, dice: np.random.Generator) -> None:
        """Let something happen to an open order, perhaps."""
        working = [broker_id for broker_id, held in self.orders.items() if held.is_open]
        if not working:
            return
        broker_id = int(dice.choice(working))
        if dice.random() < 0.2:
            self.end(broker_id)
        else:
            self.fill(broker_id, Decimal(int(dice.integers(1, 6))))

    def liquidate(self, dice: np.random.Generator) -> None:
        """Close something by itself: of no order, and it moves no holding that fills made."""
        self.time_ns += 1
        told = Liquidation(
            execution_id=f"l.{len(self.liquidations)}.01", instrument=int(dice.integers(0, 3)), side=Side.SELL,
            quantity=Decimal(int(dice.integers(1, 6))), price=Decimal(99), event_time_ns=self.time_ns)
        self.liquidations.append(told)
        if self.session is not None:
            self.session.told.append(told)

    def fill(self, broker_id: int, quantity: Decimal) -> None:
        held = self.orders[broker_id]
        quantity = min(quantity, held.quantity - held.filled)
        held.filled += quantity
        held.is_open = held.filled < held.quantity
        self.say(broker_id, ExecType.TRADE, quantity=quantity, price=Decimal(100), commission=Decimal(1),
                 execution_id=f"x.{broker_id}.{len(held.said)}")

    def end(self, broker_id: int, **facts) -> None:
        self.orders[broker_id].is_open = False
        self.say(broker_id, ExecType.CANCELED, **facts)

    def say(self, broker_id: int, exec_type: ExecType, **facts) -> None:
        self.time_ns += 1
        held = self.orders[broker_id]
        event = BrokerEvent(exec_type=exec_type, order_id=held.order_id, event_time_ns=self.time_ns, **facts)
        held.said = [*held.said, event]
        if self.session is not None:
            self.session.told.append(event)


class Session:
    """The port ``LiveBroker`` as a process has it: its session is gone when the process is."""

    def __init__(self, exchange: Exchange, dice: np.random.Generator) -> None:
        self._exchange = exchange
        self._dice = dice
        self._ids: dict[int, int] = {}
        self.told: list[BrokerEvent | Liquidation] = []
        self.is_closed = False

    @property
    def disarmed_because(self) -> str:
        return "" if self._exchange.session is self else "client id in use"

    def arm(self) -> bool:
        if self.is_closed:
            return False
        if self._exchange.session is None:
            self._exchange.session = self
            # The whole truth, as the snapshots of a broker tell it: all of it again, to whoever asks.
            self.told.extend(event for held in self._exchange.orders.values() for event in held.said)
            self.told.extend(self._exchange.liquidations)
        return self._exchange.session is self

    def may_send(self, intent: OrderIntent) -> bool:
        return self._exchange.session is self and (isinstance(intent, CancelOrder) or self._dice.random() < 0.9)

    def bind(self, command: Command) -> int:
        if not isinstance(command, Place):
            return self._ids[command.order_id]
        self._exchange.next_id += 1
        return self._exchange.next_id

    def bound(self, command: Command, broker_order_id: int) -> None:
        assert self._ids.setdefault(command.order_id, broker_order_id) == broker_order_id

    def send(self, command: Command) -> None:
        if self._exchange.session is self:
            self._exchange.take(self._ids[command.order_id], command)

    def events(self) -> list[BrokerEvent | Liquidation]:
        some = int(self._dice.integers(0, len(self.told) + 1))
        taken, self.told = self.told[:some], self.told[some:]
        may_come_twice = taken and (isinstance(taken[-1], Liquidation) or taken[-1].exec_type is ExecType.TRADE)
        return taken + taken[-1:] if may_come_twice else taken

    def heard(self, event: BrokerEvent) -> None:
        assert event.order_id in self._ids, f"evidence of order {event.order_id}, which was never bound"

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self._ids)

    def restore(self, data: bytes) -> None:
        self._ids = msgspec.msgpack.decode(data, type=dict[int, int])

    def samples(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        self.is_closed = True
        if self._exchange.session is self:
            self._exchange.session = None
