"""A small market and its broker: three stocks, a currency pair and a future, told what to send by hand."""

from decimal import Decimal

import numpy as np

from algotrade.domain import BAR, QUOTE, TRADE, Instrument, Instruments, Kind, MarketBatch, Sessions
from algotrade.gateway.listings import Listings
from algotrade.gateway.trading import Trading, TradingSettings
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.ibkr.wire.answers.orders import CommissionReport, ExecutionData, OpenOrder, OrderStatus
from algotrade.ibkr.wire.records import Contract, Order
from algotrade.ibkr.wire.requests import CancelOrder, PlaceOrder, RequestOpenOrders

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = 1_767_571_200 * SECOND
"""2026-01-05 00:00 UTC."""
OPEN, CLOSE = 14 * HOUR + 30 * MINUTE, 21 * HOUR
T0 = MONDAY + OPEN + HOUR

ACCOUNT = "DU1234567"
SESSIONS = Sessions(opens_ns=tuple(MONDAY + d * DAY + OPEN for d in range(5)),
                    closes_ns=tuple(MONDAY + d * DAY + CLOSE for d in range(5)))

AAA, BBB, CCC, PAIR, FUT = range(5)
INSTRUMENTS = Instruments([
    Instrument(id=AAA, symbol="AAA"),
    Instrument(id=BBB, symbol="BBB"),
    Instrument(id=CCC, symbol="CCC", mic="XNYS"),
    Instrument(id=PAIR, symbol="EUR.USD", tick=Decimal("0.00005"), lot=Decimal(1)),
    Instrument(id=FUT, symbol="ESZ6", tick=Decimal("0.25"), multiplier=Decimal(50)),
])
LISTINGS = Listings(INSTRUMENTS, {CCC: SESSIONS}, T0)
CODECS = (Codec(157), Codec(163), Codec(178))


def contract(instrument):
    return LISTINGS.by_instrument(instrument).contract


def order(action="BUY", quantity=100, order_type="MKT", limit=None, aux=None, **more):
    prices = {"lmt_price": limit, "aux_price": aux}
    prices |= {name: more.pop(name) for name in ("trailing_percent", "trail_stop_price") if name in more}
    exact = {name: Decimal(str(price)) for name, price in prices.items() if price is not None}
    return Order(action=action, total_quantity=Decimal(quantity), order_type=order_type, **exact, **more)


class World:
    """A ``Trading`` with its clock; keeps all that was sent, and holds every answer to the codec."""

    def __init__(self, now_ns=T0, clients=(1,), **settings):
        self.trading = Trading(LISTINGS, TradingSettings(**settings))
        self.now_ns = now_ns
        self.sequence = 0
        self.sent = []
        self.ids = {}
        for client_id in clients:
            self.connect(client_id)

    def take(self, sent):
        for _, answer in sent:
            for codec in CODECS:
                codec.decode_answer(codec.encode(answer)[4:])
        self.sent += sent
        return [answer for _, answer in sent]

    def connect(self, client_id):
        return self.take(self.trading.connected(client_id, self.now_ns))

    def ask(self, request, client_id=1):
        # What the server gets has been over the wire.
        codec = CODECS[-1]
        decoded = codec.decode_request(codec.encode(request)[4:])
        return self.take(self.trading.handle(client_id, decoded, self.now_ns))

    def next_id(self, client_id=1):
        self.ids[client_id] = self.ids.get(client_id, 0) + 1
        return self.ids[client_id]

    def place(self, what, instrument=AAA, client_id=1, order_id=None):
        order_id = self.next_id(client_id) if order_id is None else order_id
        asked = Contract(con_id=contract(instrument).con_id, exchange=contract(instrument).exchange)
        self.ask(PlaceOrder(order_id=order_id, contract=asked, order=what), client_id)
        return order_id

    def cancel(self, order_id, client_id=1):
        return self.ask(CancelOrder(order_id=order_id), client_id)

    def _record(self, layout, **fields):
        self.sequence += 1
        row = np.zeros(1, dtype=layout)
        row["sequence"], row["event_time_ns"], row["receive_time_ns"] = self.sequence, self.now_ns, self.now_ns
        for name, value in fields.items():
            row[name] = value
        return row

    def _market(self, kind, row):
        return self.take(self.trading.on_market(MarketBatch.of({kind: row}), self.now_ns))

    def quote(self, bid, ask, instrument=AAA, bid_size=1e6, ask_size=1e6, after_ns=SECOND):
        self.now_ns += after_ns
        return self._market(Kind.QUOTE, self._record(
            QUOTE, instrument=instrument, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size))

    def trade(self, price, size=1e6, instrument=AAA, after_ns=SECOND):
        self.now_ns += after_ns
        return self._market(Kind.TRADE, self._record(TRADE, instrument=instrument, price=price, size=size))

    def bar(self, opened, high, low, close, volume=1e6, instrument=AAA, length_ns=MINUTE):
        opens_ns, self.now_ns = self.now_ns, self.now_ns + length_ns
        return self._market(Kind.BAR, self._record(
            BAR, instrument=instrument, open_time_ns=opens_ns, open=opened, high=high, low=low, close=close,
            volume=volume))

    def at(self, now_ns):
        self.now_ns = now_ns
        return self.take(self.trading.on_time(now_ns))

    def wait(self, span_ns):
        return self.at(self.now_ns + span_ns)

    def of(self, kind, client_id=1):
        return [a for c, a in self.sent if c == client_id and isinstance(a, kind)]

    def statuses(self, order_id, client_id=1):
        return [s.status for s in self.of(OrderStatus, client_id) if s.order_id == order_id]

    def status(self, order_id, client_id=1):
        return [s for s in self.of(OrderStatus, client_id) if s.order_id == order_id][-1]

    def fills(self, order_id, client_id=1):
        return [(int(e.execution.shares), float(e.execution.price)) for e in self.of(ExecutionData, client_id)
                if e.order_id == order_id and e.req_id == -1]

    def errors(self, client_id=1):
        return [(e.req_id, e.code) for e in self.of(ErrorMessage, client_id)]

    def told(self, order_id, client_id=1):
        return [o for o in self.of(OpenOrder, client_id) if o.order_id == order_id][-1]

    def told_any(self, order_id, client_id=1):
        return [o for o in self.of(OpenOrder, client_id) if o.order_id == order_id]

    def executions(self, client_id=1):
        return [e for e in self.of(ExecutionData, client_id) if e.req_id == -1]

    def live(self, order_id, client_id=1):
        return self.trading._desk.find(client_id, order_id)

    def open_orders(self, client_id=1):
        return self.ask(RequestOpenOrders(), client_id)

    def commissions(self, client_id=1):
        return self.of(CommissionReport, client_id)

    def holding(self, instrument=AAA, account=ACCOUNT):
        holdings = self.trading.state().accounts[account].holdings
        return holdings[instrument].quantity if instrument in holdings else 0

    def cash(self, currency="USD", account=ACCOUNT):
        return self.trading.state().accounts[account].cash.get(currency, Decimal(0))
