"""A desk: gate, order manager and IbkrBroker over a session that the test speaks for. Nothing waits, nothing sleeps."""

from decimal import Decimal

from algotrade.domain import (
    CancelOrder,
    Instrument,
    Instruments,
    IntentId,
    Liquidation,
    NewOrder,
    OrderIntent,
    OrderStatus,
    OrderType,
    ReplaceOrder,
    Report,
    Side,
    SimulatedClock,
    TimeInForce,
)
from algotrade.execution.ibkr import IbkrBroker, OrderSettings
from algotrade.execution.order_manager import OrderManager
from algotrade.ibkr import session as s
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract, Execution, OrderState
from algotrade.ibkr.wire.records import Order as WireOrder
from algotrade.risk import Gate, Limits

SECOND = 10**9
START_NS = 1_790_000_000 * SECOND
INSTRUMENTS = Instruments([Instrument(id=0, symbol="AAPL"), Instrument(id=1, symbol="MSFT")])
CONTRACTS = {
    i: Contract(con_id=con_id, symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")
    for i, con_id, symbol in ((0, 265598, "AAPL"), (1, 272093, "MSFT"))
}
ACCOUNT, CLIENT = "DU1234567", 7
SETTINGS = OrderSettings(account=ACCOUNT, client_id=CLIENT)
QUESTIONS = (r.RequestOpenOrders, r.RequestCompletedOrders, r.RequestExecutions, r.RequestPositions)


def intent_id(sequence: int) -> IntentId:
    return IntentId(strategy="s", run="r", sequence=sequence, number=0)


def new(sequence, quantity=100, *, side=Side.BUY, limit=None, stop=None, tif=TimeInForce.DAY, instrument=0,
        parent=None, oca_group="") -> NewOrder:
    kinds = {(True, True): OrderType.MARKET, (False, True): OrderType.LIMIT, (True, False): OrderType.STOP,
             (False, False): OrderType.STOP_LIMIT}
    return NewOrder(
        id=intent_id(sequence), instrument=instrument, event_time_ns=START_NS, expires_at_ns=2**62, side=side,
        quantity=Decimal(quantity), order_type=kinds[limit is None, stop is None], time_in_force=tif,
        limit_price=None if limit is None else Decimal(limit), stop_price=None if stop is None else Decimal(stop),
        parent=None if parent is None else intent_id(parent), oca_group=oca_group)


def cancel(sequence, target) -> CancelOrder:
    return CancelOrder(id=intent_id(sequence), instrument=0, event_time_ns=START_NS, expires_at_ns=2**62,
                       target=intent_id(target))


def replace(sequence, target, *, quantity=None, limit=None) -> ReplaceOrder:
    return ReplaceOrder(
        id=intent_id(sequence), instrument=0, event_time_ns=START_NS, expires_at_ns=2**62, target=intent_id(target),
        quantity=None if quantity is None else Decimal(quantity), limit_price=None if limit is None else Decimal(limit))


class SpokenSession:
    """A session whose events are what the test puts in ``told``; ``asked`` is what it was handed and wrote."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.told: list[s.SessionEvent] = []
        self.asked: list = []
        self.disarmed_because = "not connected"
        self.is_started = self.holds = False
        self.refuses: s.RequestRefused | None = None
        self.ids = 0
        self.request_ids = s.REQUEST_ID_FIRST
        self.used: list[int] = []

    def start(self):
        self.is_started = True

    def close(self):
        self.is_started = False

    def request(self, request):
        if self.refuses is not None:
            raise self.refuses
        self.asked.append(request)
        if isinstance(request, r.PlaceOrder | r.CancelOrder) and not self.holds:
            self.told.append(s.Written(request, self.clock.time_ns(), 1))
        return 1

    def events(self):
        told, self.told = self.told, []
        return told

    def next_order_id(self):
        self.ids += 1
        return self.ids

    def used_order_id(self, order_id):
        self.used.append(order_id)
        self.ids = max(self.ids, order_id)

    def next_request_id(self):
        self.request_ids += 1
        return self.request_ids

    def samples(self):
        return {"algotrade_ibkr_connected": 1.0}


def reports_of(broker: IbkrBroker, manager: OrderManager) -> list[Report]:
    """Return the reports of what the broker has told."""
    return [report for told in broker.events() for report in
            (manager.on_liquidation(told) if isinstance(told, Liquidation) else manager.on_broker(told))]


class Desk:
    """Sends intents as the order plane does, takes evidence, and keeps every report."""

    def __init__(self, *, connected=True, settings=SETTINGS, memory=b"", instruments=INSTRUMENTS) -> None:
        self.clock = SimulatedClock(START_NS)
        self.session = SpokenSession(self.clock)
        self.gate = Gate(Limits(working_orders_max=100, orders_per_window_max=1000, order_window_ns=1,
                                reference_age_ns_max=2**61, position_quantity_max=Decimal(10**6)), instruments, {})
        self.gate.marks["price"] = 100.0
        self.gate.marks["time_ns"] = START_NS
        self.manager = OrderManager(instruments, self.gate, takes_groups=True)
        self.broker = IbkrBroker(self.session, CONTRACTS, instruments, settings, self.clock)
        if memory:
            self.broker.restore(memory)
        self.reports: list[Report] = []
        self.connection = 0
        if connected:
            self.broker.arm()
            self.connect()

    # The broker's side.

    def say(self, *answers) -> list[Report]:
        """Let the broker tell ``answers``; return the reports that they lead to."""
        self.session.told += [s.Told(answer, self.clock.time_ns()) for answer in answers]
        return self.pump()

    def pump(self) -> list[Report]:
        made = reports_of(self.broker, self.manager)
        self.reports += made
        return made

    def wait(self, seconds: float) -> list[Report]:
        self.clock.advance_to(self.clock.time_ns() + int(seconds * SECOND))
        return self.pump()

    def link(self, channel, state, *, code=None) -> list[Report]:
        self.session.told.append(s.LinkChanged(channel=channel, state=state, time_ns=self.clock.time_ns(),
                                               connection=self.connection, code=code))
        return self.pump()

    def disconnect(self) -> list[Report]:
        self.session.disarmed_because = "not connected"
        return self.link(s.Channel.SOCKET, s.SocketState.DOWN)

    def connect(self, *answers) -> list[Report]:
        """Connect; the broker tells ``answers`` in its four snapshots, and nothing else."""
        self.connection += 1
        made = self.link(s.Channel.SOCKET, s.SocketState.CONNECTED)
        return made + self.snapshot(*answers)

    def snapshot(self, *answers) -> list[Report]:
        made = self.say(*answers)
        self.session.disarmed_because = ""
        kinds = (a.OpenOrder, a.CompletedOrder, a.ExecutionData, a.PositionData)
        facts = [tuple(one for one in answers if isinstance(one, kind)) for kind in kinds]
        self.session.told.append(s.SnapshotTaken(s.SnapshotFacts(
            open_orders=facts[0], completed_orders=facts[1], executions=facts[2], positions=facts[3]),
            self.clock.time_ns()))
        return made + self.pump()

    @property
    def looks(self) -> int:
        """How many times the broker was asked for everything."""
        return sum(isinstance(one, r.RequestOpenOrders) for one in self.session.asked)

    def answer_look(self, *answers) -> list[Report]:
        """Answer the last look to its end: with ``answers`` and nothing else."""
        req_id = next(one.req_id for one in reversed(self.session.asked) if isinstance(one, r.RequestExecutions))
        return self.say(*answers, a.OpenOrderEnd(), a.CompletedOrdersEnd(), a.ExecutionDataEnd(req_id=req_id),
                        a.PositionEnd())

    # Our side.

    def intent(self, intent: OrderIntent) -> list[Report]:
        handling = self.manager.on_intent(intent, self.clock.time_ns())
        made = list(handling.reports)
        if handling.command is not None:
            self.broker.bound(handling.command, self.broker.bind(handling.command))
            self.broker.send(handling.command)
        self.reports += made
        return made + self.pump()

    def placed(self) -> list[r.PlaceOrder]:
        return [one for one in self.session.asked if isinstance(one, r.PlaceOrder)]

    def order(self, sequence=1):
        return self.manager.orders.by_intent(intent_id(sequence))

    def status(self, sequence=1):
        return self.order(sequence).status

    def quantity(self, instrument=0) -> Decimal:
        """The position, which ledger and gate agree on."""
        position = self.manager.ledger.position(instrument).quantity
        assert position == self.gate.position_lots(instrument)
        return position

    def count(self, name: str) -> float:
        return self.broker.samples()["algotrade_ibkr_order_events_total"][(name,)]

    def reserved(self, side=Side.BUY, instrument=0) -> int:
        return int(self.gate._book["working_buy_lots" if side is Side.BUY else "working_sell_lots"][instrument])


def status_of(status, *, order_id=1, perm_id=1001, filled=0, remaining=100, client_id=CLIENT, why="") -> a.OrderStatus:
    return a.OrderStatus(
        order_id=order_id, status=status, filled=Decimal(filled), remaining=Decimal(remaining),
        avg_fill_price=Decimal(0), perm_id=perm_id, parent_id=0, last_fill_price=Decimal(0), client_id=client_id,
        why_held=why, mkt_cap_price=None)


def wire_order(reference, *, quantity=100, limit=None, stop=None, perm_id=1001, client_id=CLIENT, action="BUY",
               filled=None, account=ACCOUNT) -> WireOrder:
    return WireOrder(
        action=action, total_quantity=Decimal(quantity), order_type="LMT", order_ref=reference, perm_id=perm_id,
        client_id=client_id, account=account, lmt_price=None if limit is None else Decimal(limit),
        aux_price=None if stop is None else Decimal(stop), filled_quantity=None if filled is None else Decimal(filled))


def open_order(status="Submitted", *, reference="s.r.1.0", order_id=1, instrument=0, **terms) -> a.OpenOrder:
    return a.OpenOrder(order_id=order_id, contract=CONTRACTS[instrument], order=wire_order(reference, **terms),
                       state=OrderState(status=status))


def completed(status="Cancelled", *, reference="s.r.1.0", filled=0, **terms) -> a.CompletedOrder:
    return a.CompletedOrder(contract=CONTRACTS[0], order=wire_order(reference, filled=filled, **terms),
                            state=OrderState(status=status))


def execution(quantity=100, *, exec_id="0000e0d5.6512.01.01", reference="s.r.1.0", order_id=1, perm_id=1001,
              price="100", side="BOT", account=ACCOUNT, client_id=CLIENT, instrument=0, time="20260921-14:30:00",
              liquidation=0, req_id=-1) -> a.ExecutionData:
    return a.ExecutionData(
        req_id=req_id, order_id=order_id, contract=CONTRACTS[instrument],
        execution=Execution(
            exec_id=exec_id, time=time, account=account, exchange="ISLAND", side=side, shares=Decimal(quantity),
            price=Decimal(price), perm_id=perm_id, client_id=client_id, order_ref=reference, liquidation=liquidation))


def commission(amount, *, exec_id="0000e0d5.6512.01.01", currency="USD") -> a.CommissionReport:
    return a.CommissionReport(
        exec_id=exec_id, commission=None if amount is None else Decimal(amount), currency=currency, realized_pnl=None,
        yield_=None, yield_redemption_date=None)


def position(quantity, *, instrument=0, account=ACCOUNT) -> a.PositionData:
    return a.PositionData(account=account, contract=CONTRACTS[instrument], position=Decimal(quantity),
                          average_cost=Decimal(100))


def error(code, *, req_id=1, message="something") -> a.ErrorMessage:
    return a.ErrorMessage(req_id=req_id, code=code, message=message)


def working(**terms) -> Desk:
    """Return a desk with order 1 working at the broker: 100 at a limit of 100."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100, **terms))
    assert desk.status() is OrderStatus.NEW
    return desk


def kinds(reports):
    return [(report.exec_type, report.status) for report in reports]
