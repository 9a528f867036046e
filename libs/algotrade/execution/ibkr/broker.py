"""Interactive Brokers as a broker: commands to its session, its answers to evidence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from algotrade.domain import CancelOrder, Clock, ExecType, Instruments, Liquidation, OrderIntent
from algotrade.execution.broker import BrokerError, BrokerEvent, Cancel, Command, Place, Replace
from algotrade.execution.ibkr.evidence import Evidence
from algotrade.execution.ibkr.executions import Executions, SetAside, Told
from algotrade.execution.ibkr.foreign import AccountPosition, Foreign, ForeignOrder
from algotrade.execution.ibkr.lives import LOOKS_IN_DOUBT, Lives
from algotrade.execution.ibkr.looks import Looks
from algotrade.execution.ibkr.orders import Asked, BrokerOrders, Tracked
from algotrade.execution.ibkr.requests import cancel_request, order_request
from algotrade.execution.ibkr.samples import samples_of
from algotrade.execution.ibkr.settings import OrderSettings
from algotrade.execution.ibkr.times import zone_of
from algotrade.execution.ibkr.unexplained import Unexplained
from algotrade.ibkr import session as s
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire.records import Contract
from algotrade.telemetry.log import get_log
from algotrade.telemetry.metrics import Samples


class OrderSession(Protocol):
    """What is needed of ``algotrade.ibkr.session.Session``; see there."""

    @property
    def disarmed_because(self) -> str:
        """Return why no order may be sent now, "" when armed."""
        ...

    def start(self) -> None:
        """Begin to connect."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...

    def request(self, request: Request) -> int:
        """Queue a request."""
        ...

    def events(self) -> list[s.SessionEvent]:
        """Return what happened since the last call."""
        ...

    def next_order_id(self) -> int:
        """Return an order id that was never used."""
        ...

    def used_order_id(self, order_id: int) -> None:
        """Take note that an order id was used."""
        ...

    def next_request_id(self) -> int:
        """Return a request id."""
        ...

    def samples(self) -> Samples:
        """Return the session's metrics."""
        ...


class Memory(msgspec.Struct, kw_only=True):
    """What a restart needs: our orders as the broker knows them, the last executions, the highest order id used.

    ``events``, ``liquidations``  that nobody has taken yet
    """

    orders: list[Tracked]
    executions: list[Told]
    events: list[BrokerEvent]
    last_order_id: int
    liquidations: list[Liquidation] = []


class IbkrBroker:
    """``LiveBroker`` over a session with Interactive Brokers. One thread uses it, but for ``samples``.

    ``contracts``  instrument id -> the qualified contract; an instrument without one cannot be ordered
    """

    def __init__(
        self, session: OrderSession, contracts: Mapping[int, Contract], instruments: Instruments,
        settings: OrderSettings, clock: Clock,
    ) -> None:
        unqualified = [instruments[i].symbol for i, contract in contracts.items() if contract.con_id <= 0]
        assert not unqualified, f"contracts without con_id: {unqualified}; they have to be qualified first"
        self._session = session
        self._contracts = dict(contracts)
        self._instruments = instruments
        self._settings = settings
        self._clock = clock
        self._events: list[BrokerEvent] = []
        self._counts: Counter[str] = Counter()
        con_ids = {i: contract.con_id for i, contract in contracts.items()}
        self._orders = BrokerOrders(settings.client_id)
        self._lives = Lives(self._orders, self._events, self._counts)
        self._looks = Looks()
        self._foreign = Foreign({con_id: i for i, con_id in con_ids.items()}, self._counts)
        self._executions = Executions(self._orders, instruments, con_ids, zone_of(settings.time_zone), self._events,
                                      self._counts)
        self._executions.account = settings.account
        self._evidence = Evidence(self._orders, self._lives, self._executions, self._foreign,
                                  Unexplained(con_ids.values(), self._counts), self._looks, self._counts)
        self._is_started = self._is_connected = self._is_told = False
        self._last_order_id = 0

    @property
    def disarmed_because(self) -> str:
        """Return every reason for which no new risk may be sent now, "" for none."""
        reasons = [self._session.disarmed_because if self._is_started else "not asked yet"]
        if self._is_started and not self._is_told and not reasons[0]:
            reasons.append("the broker's answers were not taken in yet")
        if self._executions.set_aside:
            reasons.append(f"{len(self._executions.set_aside)} executions were set aside; "
                           f"the first because {self._executions.set_aside[0].because}")
        reasons.extend(f"{order.reference} lives twice at the broker" for order in self._orders.split())
        if self._lives.undead:
            reasons.append(f"{len(self._lives.undead)} orders that ended are open at the broker")
        if self._evidence.is_competing:
            reasons.append("another session of this login has the market data")
        return "; ".join(filter(None, reasons))

    @property
    def account_positions(self) -> Sequence[AccountPosition]:
        """Return the account's positions as the broker has them, whoever made them."""
        return self._foreign.positions

    @property
    def foreign_orders(self) -> Sequence[ForeignOrder]:
        """Return the open orders of the account that are not ours."""
        return self._foreign.orders

    @property
    def set_aside(self) -> Sequence[SetAside]:
        """Return the executions that were not believed. They disarm until a restart, with the cause removed."""
        return list(self._executions.set_aside)

    def arm(self) -> bool:
        """Begin the session where that was not done; True once the four snapshots of this connection were taken in.

        Raises ``BrokerError`` where the session is over for good, as of a wrong account.
        """
        if not self._is_started:
            self._is_started = True
            self._session.start()
        self._take()
        return self._is_told

    def may_send(self, intent: OrderIntent) -> bool:
        """Tell whether a command for ``intent`` may be handed over now.

        A cancel may whenever there is a connection. New risk waits while anything disarms, and for an instrument of
        which an order is not known or lives twice.
        """
        if isinstance(intent, CancelOrder):
            return self._is_connected
        instrument = intent.instrument
        return not self.disarmed_because and instrument in self._contracts and not any(
            order.is_lost or order.lives_twice for order in self._orders.open() if order.instrument == instrument)

    def bind(self, command: Command) -> int:
        """Return the broker's order id for ``command``; a new one is above every id that was ever used."""
        if not isinstance(command, Place):
            return self._order(command).broker_order_id
        try:
            order_id = self._session.next_order_id()
        except s.LinkDown:
            # The link was lost since ``may_send``: the id is journaled, and the command will be refused unsent.
            order_id = self._last_order_id + 1
            self._session.used_order_id(order_id)
        self._last_order_id = max(self._last_order_id, order_id)
        return order_id

    def bound(self, command: Command, broker_order_id: int) -> None:
        """Take note of a journaled command; of an earlier process it may have been sent, or not."""
        now_ns = self._clock.monotonic_ns()
        if isinstance(command, Place):
            self._session.used_order_id(broker_order_id)
            self._last_order_id = max(self._last_order_id, broker_order_id)
            if self._orders.get(command.order_id) is None:
                self._orders.add(Tracked(
                    order_id=command.order_id, intent_id=command.approved.intent.id, terms=command.approved.intent,
                    broker_order_id=broker_order_id, parent_id=self._parent_id(command), sent_ns=now_ns))
            return
        order = self._order(command)
        if order.has_ended or any(one.request_id == command.request_id for one in order.requests):
            return
        wanted = command.approved.intent if isinstance(command, Replace) else None
        order.requests = [*order.requests, Asked(request_id=command.request_id, wanted=wanted, asked_ns=now_ns,
                                                 looks_left=LOOKS_IN_DOUBT)]

    def send(self, command: Command) -> None:
        """Hand over ``command``. Where the session does not take it, ``events`` tells that it was never sent."""
        order = self._order(command)
        if order.has_ended:
            return  # what it asks for can no longer be, and its end is among the events
        now_ns = self._clock.monotonic_ns()
        self._orders.sent(order)
        if isinstance(command, Place):
            order.is_written, order.is_heard, order.sent_ns = False, False, now_ns
        else:
            asked = next(one for one in order.requests if one.request_id == command.request_id)
            asked.is_written, asked.looks_left = False, None
        request = self._request(command, order)
        try:
            self._session.request(request)
        except s.RequestRefused as refused:
            self._evidence.unsent(request, str(refused), self._clock.time_ns())
        except s.Refused as over:
            raise BrokerError(f"the session is over: {over}") from over

    def events(self) -> list[BrokerEvent | Liquidation]:
        """Return what the broker has told since the last call. Raises ``BrokerError`` as ``arm`` does."""
        if self._is_started:
            self._take()
        events: list[BrokerEvent | Liquidation] = [*self._events, *self._foreign.liquidations]
        self._events.clear()
        self._foreign.liquidations.clear()
        return events

    def heard(self, event: BrokerEvent) -> None:
        """Take note of evidence that was journaled, by an earlier process or by the one that leads."""
        order = self._orders.get(event.order_id)
        if order is None:
            return
        if event.exec_type in {ExecType.TRADE, ExecType.TRADE_CORRECT}:
            self._executions.recall(order, event)
        self._lives.recall(order, event)

    def state(self) -> bytes:
        """Return what a restart needs."""
        return msgspec.msgpack.encode(Memory(orders=self._orders.state(), executions=self._executions.state(),
                                             events=self._events, last_order_id=self._last_order_id,
                                             liquidations=self._foreign.liquidations))

    def restore(self, data: bytes) -> None:
        """Go on from ``data``; what was under way is in doubt until the broker has told everything."""
        memory = msgspec.msgpack.decode(data, type=Memory)
        for order in memory.orders:
            # Times are of another process's monotonic clock.
            order.sent_ns = order.missed_ns = order.doubted_ns = 0
            order.look_ns, order.answer_ns, order.is_written = None, None, True
            for one in order.requests:
                one.asked_ns, one.is_written, one.looks_left = 0, True, LOOKS_IN_DOUBT
        self._orders.restore(memory.orders)
        self._events[:] = memory.events
        self._foreign.liquidations[:] = memory.liquidations
        self._executions.restore(memory.executions)
        self._last_order_id = memory.last_order_id
        if memory.last_order_id:
            self._session.used_order_id(memory.last_order_id)

    def samples(self) -> Samples:
        """Return the metrics of orders and session."""
        return {**self._session.samples(), **samples_of(self._counts, self._orders, self._foreign, self._executions)}

    def close(self) -> None:
        """End the session; orders that work go on working. ``events`` tells what was never sent."""
        if self._is_started:
            self._session.close()

    def _take(self) -> None:
        """Take in what the session tells, and ask what is to be asked."""
        try:
            for event in self._session.events():
                self._happened(event)
            now_ns = self._clock.monotonic_ns()
            self._evidence.tick(now_ns)
            if self._is_told and self._looks.is_due(now_ns):
                self._look(now_ns)
        except s.Refused as over:
            raise BrokerError(f"the session is over: {over}") from over

    def _happened(self, event: s.SessionEvent) -> None:
        now_ns = self._clock.monotonic_ns()
        match event:
            case s.Told(answer=answer, receive_time_ns=time_ns):
                if isinstance(answer, a.ManagedAccounts) and not self._settings.account:
                    self._executions.account = answer.accounts.strip(", ")
                self._evidence.told(answer, time_ns, now_ns)
            case s.Written(request=request):
                self._evidence.written(request, now_ns)
            case s.Unsent(request=request, because=because, time_ns=time_ns):
                self._evidence.unsent(request, because, time_ns)
            case s.SnapshotTaken(facts=facts, time_ns=time_ns):
                self._is_told = True
                self._evidence.snapshot(facts, time_ns, now_ns)
            case s.LinkChanged():
                self._link_changed(event)
            case s.OrderIdsRolledBack(told=told, kept=kept):
                self._counts["order_ids_rolled_back"] += 1
                get_log().warning("order_ids_rolled_back", told=told, kept=kept)
            case s.Quarantined(because=because, is_order=is_order):
                get_log().error("answer_quarantined", because=because, is_order=is_order)
            case s.ArmingChanged(armed=armed, because=because):
                get_log().info("armed" if armed else "disarmed", because=because)

    def _link_changed(self, event: s.LinkChanged) -> None:
        if event.channel is s.Channel.FARM:
            return
        if event.channel is s.Channel.SOCKET:
            self._is_connected = event.state == s.SocketState.CONNECTED
            if self._is_connected:
                self._orders.connected()
        is_up = event.state in {s.SocketState.CONNECTED, s.OrderLinkState.UP}
        self._is_told = False  # the session looks at everything again, fills included
        if is_up:
            self._evidence.is_competing = False
        else:
            self._evidence.link_lost(event.time_ns)

    def _look(self, now_ns: int) -> None:
        self._counts["looks"] += 1
        self._orders.ended_lately.clear()
        try:
            for question in self._looks.begin(self._session.next_request_id(), now_ns):
                self._session.request(question)
        except s.RequestRefused:
            self._looks.unsent()

    def _request(self, command: Command, order: Tracked) -> Request:
        if isinstance(command, Cancel):
            return cancel_request(order.broker_order_id)
        return order_request(
            command.approved, order.reference, order.broker_order_id, self._contracts[order.instrument],
            self._instruments[order.instrument], self._settings, order.parent_id)

    def _parent_id(self, command: Place) -> int:
        parent = command.approved.intent.parent
        if parent is None:
            return 0
        order = self._orders.by_reference(str(parent), 0)
        assert order is not None, f"{command.approved.intent.id} waits for {parent}, which was never bound"
        return order.broker_order_id

    def _order(self, command: Command) -> Tracked:
        order = self._orders.get(command.order_id)
        assert order is not None, f"order {command.order_id} was never bound"
        return order
