"""A Gateway whose faults are set off by hand, and what its clients saw."""

from contextlib import contextmanager
from decimal import Decimal

from algotrade.gateway.faults import fault_of
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Order
from tests.gateway.raw import IBM, Raw
from tests.gateway.world import SECOND_NS, served

IBM_TICKS = r.RequestTickByTick(req_id=1, contract=IBM, tick_type="BidAsk")
IBM_QUOTES = r.RequestMarketData(req_id=2, contract=IBM)


class World:
    """A Gateway, its time and its faults."""

    def __init__(self, hosted):
        self.hosted = hosted

    def set_off(self, kind, **fields):
        fault = fault_of({"kind": kind, **fields})
        self.hosted.call(lambda gateway: gateway.faults.set_off(fault, gateway.now_ns))

    def advance(self, seconds):
        self.hosted.advance(round(seconds * SECOND_NS))

    @property
    def trading(self):
        return self.hosted.gateway.trading

    def client(self, client_id=1):
        return Raw(self.hosted.port).start(client_id)

    @property
    def is_open(self):
        """Whether a socket is taken: one that is greets back."""
        with Raw(self.hosted.port) as one:
            try:
                one.greet()
            except (ConnectionResetError, AssertionError):
                return False
            return True


@contextmanager
def world(**options):
    with served(**options) as hosted:
        yield World(hosted)


def seen(client, kind, where=lambda answer: True):
    """Return what ``client`` was told of a kind, all that was told before now."""
    client.ask(r.RequestCurrentTime())
    before = sum(isinstance(m, a.CurrentTime) for m in client.seen)
    client.until_count(a.CurrentTime, before + 1)
    return [m for m in client.seen if isinstance(m, kind) and where(m)]


def placed(client, *orders):
    """Have ``client`` place orders, and wait until they have come: what is on its way would meet a later time."""
    client.ask(*orders)
    seen(client, a.OrderStatus)


def codes(client):
    return [m.code for m in seen(client, a.ErrorMessage) if m.code not in {2104, 2106, 2158}]


def market_order(order_id, quantity=100, action="BUY"):
    return r.PlaceOrder(order_id=order_id, contract=IBM, order=Order(
        action=action, total_quantity=Decimal(quantity), order_type="MKT", tif="DAY"))


def limit_order(order_id, limit="100", quantity=100, action="BUY"):
    return r.PlaceOrder(order_id=order_id, contract=IBM, order=Order(
        action=action, total_quantity=Decimal(quantity), order_type="LMT", lmt_price=Decimal(limit), tif="GTC"))


def executions(client):
    """Return (id, shares) of what was told unasked."""
    return [(m.execution.exec_id, m.execution.shares) for m in seen(client, a.ExecutionData) if m.req_id == -1]


def statuses(client, order_id=1):
    return [m.status for m in seen(client, a.OrderStatus, lambda m: m.order_id == order_id)]
