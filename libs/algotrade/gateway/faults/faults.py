"""Sets faults off, and takes them back when their time is over."""

import heapq
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.session import NEVER_NS
from algotrade.gateway.connection import Connection
from algotrade.gateway.faults import kinds as k
from algotrade.gateway.faults.evidence import Evidence
from algotrade.gateway.faults.requests import Intake
from algotrade.gateway.faults.scenario import Scenario
from algotrade.gateway.listings import Listings
from algotrade.gateway.port import Sent, TradingPort
from algotrade.gateway.session import Session
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire.answers import ErrorMessage
from algotrade.ibkr.wire.records import Contract, Order
from algotrade.ibkr.wire.requests import PlaceOrder
from algotrade.telemetry import get_log

FARM_OK = {2103: 2104, 2105: 2106, 2157: 2158}
TEXTS = {
    1100: "Connectivity between IBKR and Trader Workstation has been lost.",
    1101: "Connectivity between IBKR and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IBKR and Trader Workstation has been restored - data maintained.",
    1300: "The socket port has been changed and this connection is being dropped.",
    2103: "Market data farm connection is broken:", 2104: "Market data farm connection is OK:",
    2105: "HMDS data farm connection is broken:", 2106: "HMDS data farm connection is OK:",
    2107: "HMDS data farm connection is inactive but should be available upon demand.",
    2108: "Market data farm connection is inactive but should be available upon demand.",
    2109: "Order event warning: outside regular trading hours is ignored for this order type and destination.",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
    2157: "Sec-def data farm connection is broken:", 2158: "Sec-def data farm connection is OK:",
    10197: "No market data during competing live session",
}
"""Documented texts, abridged."""


class Host(Protocol):
    """What faults need of the Gateway."""

    listings: Listings
    trading: TradingPort

    def connections(self) -> list[tuple[int, Connection[Session]]]:
        """Return the connected clients."""
        ...

    def tell_all(self, answer: ErrorMessage) -> None:
        """Send to every client."""
        ...

    def drop_subscriptions(self) -> None:
        """Forget what clients subscribed to."""
        ...

    def market_subscriptions(self) -> list[tuple[int, int]]:
        """Return (client id, request id) of the quotes that are subscribed to."""
        ...

    def tell(self, sent: list[Sent]) -> None:
        """Send answers that no fault looks at any more."""
        ...


class Faults:
    """The faults of a Gateway: those of a scenario, and those that are asked for."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.scenario = scenario or Scenario()
        self.evidence = Evidence()
        self.intake = Intake()
        self._ends: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._dark = 0
        self._cut_off = 0
        self._closed_until_ns = 0
        self._host: Host | None = None

    def begin(self, host: Host, start_ns: int) -> None:
        """Begin, at this market time."""
        self._host = host
        self.scenario.begin(start_ns)

    @property
    def host(self) -> Host:
        """Return the Gateway."""
        assert self._host is not None, "begin comes first"
        return self._host

    @property
    def is_dark(self) -> bool:
        """Tell whether no market data come."""
        return self._dark > 0

    def is_closed(self, now_ns: int) -> bool:
        """Tell whether nobody may connect."""
        return now_ns < self._closed_until_ns

    @property
    def next_ns(self) -> int:
        """Return the market time of the next that happens by itself, ``NEVER_NS`` where nothing does."""
        end_ns = self._ends[0][0] if self._ends else NEVER_NS
        return min(end_ns, self.scenario.next_ns, self.evidence.next_ns, self.intake.next_ns)

    def pass_time(self, now_ns: int) -> None:
        """Set off what is due, and end what is over."""
        for fault in self.scenario.due(now_ns):
            try:
                self.set_off(fault, now_ns)
            except k.FaultRefused as refused:  # nothing to correct yet, say: the market goes on all the same
                get_log().warning("fault_refused", kind=fault.__struct_config__.tag, market_ns=now_ns, why=str(refused))
        while self._ends and self._ends[0][0] <= now_ns:
            heapq.heappop(self._ends)[2]()
        self.host.tell(self.evidence.due(now_ns))
        for client_id, request in self.intake.due(now_ns):
            if any(client_id == known for known, _ in self.host.connections()):
                self.host.tell(self.told(self.host.trading.handle(client_id, request, now_ns), now_ns))

    def told(self, sent: list[Sent], now_ns: int) -> list[Sent]:
        """Return what clients hear now of what the broker tells."""
        return self.evidence.applied(sent, now_ns)

    def takes(self, client_id: int, request: Request, now_ns: int) -> bool:
        """Tell whether a request of a client does not reach the broker as it is."""
        known = isinstance(request, PlaceOrder) and self.host.trading.has_order(client_id, request.order_id)
        if isinstance(request, PlaceOrder) and known and self.intake.doubles():
            twice = self.host.trading.incarnate(client_id, request.order_id, request.order, now_ns)
            self.host.tell(self.told(twice, now_ns))
            return True
        return self.intake.takes(client_id, request, now_ns, is_known=known)

    def set_off(self, fault: k.Fault, now_ns: int) -> None:
        """Do ``fault`` now. Raises ``FaultRefused`` where it cannot be done."""
        get_log().warning("fault", kind=fault.__struct_config__.tag, market_ns=now_ns, fault=str(fault))
        match fault:
            case k.ExecutionFirst() | k.Duplicated() | k.CommissionLate() | k.CommissionNever() | k.StatusLost():
                self.evidence.add(fault)
            case k.CancelLate() | k.OrderLost() | k.LivesTwice():
                self.intake.add(fault)
            case k.HalfOpen() | k.Reset() | k.SlowReader() | k.Split() | k.Coalesced():
                self._socket(fault, now_ns)
            case k.Corrected() | k.Busted() | k.Liquidation() | k.ManualTrade():
                self.host.tell(self.told(self._broker(fault, now_ns), now_ns))
            case _:
                self._link(fault, now_ns)

    # The link and the farms.

    def _link(self, fault: k.Fault, now_ns: int) -> None:
        match fault:
            case k.Notice(code=code, text=text):
                self._say(code, text or TEXTS.get(code, ""))
            case k.LinkLost(seconds=seconds, loses_data=loses_data):
                self._lose_link(now_ns, seconds, loses_data=loses_data)
            case k.FarmBroken(seconds=seconds, code=code, farm=farm):
                self._say(code, TEXTS[code] + farm)
                self._dark += code == 2103
                self._later(now_ns, seconds, lambda: self._farm_ok(code, farm))
            case k.PortMoved():
                self._say(1300, TEXTS[1300])
                self._close_all()
            case k.CompetingSession(seconds=seconds):
                self.host.tell([(client_id, ErrorMessage(req_id=req_id, code=10197, message=TEXTS[10197]))
                                for client_id, req_id in self.host.market_subscriptions()])
                self._dark += 1
                self._later(now_ns, seconds, self._light)
            case k.Restart(seconds=seconds, rolls_back_ids=rolls_back_ids):
                self._close_all()
                self._closed_until_ns = self._until_ns(now_ns, seconds)
                self.host.trading.restarted(now_ns, rolls_back_ids=rolls_back_ids)
            case k.Relogin(seconds=seconds):
                self._close_all()
                self._closed_until_ns = self._until_ns(now_ns, seconds)
            case _:
                raise AssertionError(f"{fault} is no fault of the link")

    def _lose_link(self, now_ns: int, seconds: float, *, loses_data: bool) -> None:
        self._say(1100, TEXTS[1100])
        self._dark += 1
        self._cut_off += 1
        self.evidence.is_lost = self.intake.is_cut_off = True
        self._later(now_ns, seconds, lambda: self._link_back(loses_data=loses_data))

    def _link_back(self, *, loses_data: bool) -> None:
        self._dark -= 1
        self._cut_off -= 1
        self.evidence.is_lost = self.intake.is_cut_off = self._cut_off > 0
        if loses_data:
            self.host.drop_subscriptions()
        code = 1101 if loses_data else 1102
        self._say(code, TEXTS[code])

    def _farm_ok(self, code: int, farm: str) -> None:
        self._dark -= code == 2103
        self._say(FARM_OK[code], TEXTS[FARM_OK[code]] + farm)

    def _light(self) -> None:
        self._dark -= 1

    def _say(self, code: int, text: str) -> None:
        self.host.tell_all(ErrorMessage(req_id=-1, code=code, message=text))

    def _close_all(self) -> None:
        for _, connection in self.host.connections():
            connection.abort()

    def _until_ns(self, now_ns: int, seconds: float) -> int:
        return max(self._closed_until_ns, now_ns + round(seconds * NANOSECONDS_PER_SECOND))

    def _later(self, now_ns: int, seconds: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._ends, (now_ns + round(seconds * NANOSECONDS_PER_SECOND), self._count, what))

    # Sockets.

    def _socket(self, fault: k.HalfOpen | k.Reset | k.SlowReader | k.Split | k.Coalesced, now_ns: int) -> None:
        for client_id, connection in self.host.connections():
            if fault.client_id not in {None, client_id}:
                continue
            match fault:
                case k.Reset():
                    connection.reset()
                case k.HalfOpen(seconds=seconds):
                    connection.go_dead()
                    self._later(now_ns, seconds, connection.reset)
                case k.SlowReader(seconds=seconds):
                    connection.stop_reading()
                    self._later(now_ns, seconds, connection.read_on)
                case k.Split(seconds=seconds, size_bytes=size_bytes):
                    connection.cut_into(size_bytes)
                    self._later(now_ns, seconds, lambda one=connection: one.cut_into(None))  # type: ignore[misc]
                case k.Coalesced(seconds=seconds, milliseconds=milliseconds):
                    connection.collect_for(milliseconds / 1e3)
                    self._later(now_ns, seconds, lambda one=connection: one.collect_for(0.0))  # type: ignore[misc]

    # What the broker and its users do.

    def _broker(self, fault: k.Corrected | k.Busted | k.Liquidation | k.ManualTrade, now_ns: int) -> list[Sent]:
        trading = self.host.trading
        if isinstance(fault, k.Liquidation):
            return self._liquidated(fault, now_ns)
        if isinstance(fault, k.ManualTrade):
            order = Order(
                action=fault.action, total_quantity=fault.quantity, order_type="MKT" if fault.limit is None else "LMT",
                lmt_price=fault.limit, tif="DAY", account=trading.accounts[0], outside_rth=True)
            return trading.manual_order(self._contract(fault.symbol), order, now_ns)
        last = trading.last_execution()
        if last is None:
            raise k.FaultRefused("there is no execution of today to correct or to take back")
        exec_id, quantity, price = last
        if isinstance(fault, k.Busted):
            return trading.bust(exec_id, now_ns)
        return trading.correct(exec_id, now_ns, quantity=_given(fault.quantity, quantity),
                               price=_given(fault.price, price))

    def _liquidated(self, fault: k.Liquidation, now_ns: int) -> list[Sent]:
        contract = self._contract(fault.symbol)
        account = self.host.trading.accounts[0]
        held = self.host.trading.held(account, contract.con_id)
        try:
            return self.host.trading.liquidate(account, contract.con_id, _given(fault.quantity, abs(held)), now_ns)
        except ValueError as error:
            raise k.FaultRefused(str(error)) from error

    def _contract(self, symbol: str) -> Contract:
        for listing in self.host.listings:
            if listing.instrument.symbol == symbol:
                return listing.contract
        known = ", ".join(listing.instrument.symbol for listing in self.host.listings)
        raise k.FaultRefused(f"symbol is {symbol!r}; allowed: {known}")


def _given(value: Decimal | None, otherwise: Any) -> Decimal:
    return otherwise if value is None else value
