"""What ``algotrade ibkr check`` finds out, and how it shows it."""

from collections.abc import Callable
from typing import NamedTuple

from rich.table import Table

from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock
from algotrade.ibkr.session import READS_ONLY, IbkrSettings, LinkDown, Session, SessionError, SnapshotTaken, Told
from algotrade.ibkr.wire import Answer
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract

FIRST_TRY_S = 30.0
"""Above what connecting may take by the settings: the first try always ends by itself."""
MARKET_S = 5.0
"""How long the market of one stock may take to answer before we say that it did not."""
NO_MARKET_DATA = frozenset({200, 354, 10089, 10090, 10168, 10186, 10189, 10197})
"""Codes by which the broker says that it sends no quotes."""
DATA_TYPES = {1: "live", 2: "frozen", 3: "delayed", 4: "delayed and frozen"}
READ_ONLY_API = 321
"""The code for a request that the API's own settings refuse, read-only mode first of all (documented)."""
NOTICES_SHOWN = 8


class Found(NamedTuple):
    """Tables to show, and why orders could not be sent; "" where they could."""

    tables: list[Table]
    because: str


class Check:
    """One look at TWS or the Gateway. ``symbol``: a US stock; ``wait_s``: how long the snapshots may take."""

    def __init__(self, settings: IbkrSettings, clock: Clock, *, symbol: str, wait_s: float) -> None:
        self._settings = settings
        self._clock = clock
        self._symbol = symbol
        self._wait_s = wait_s
        self._session = Session(settings, clock)
        self._answers: list[Answer] = []
        self._market_id = 0

    def run(self) -> Found:
        """Connect, look, disconnect. Raises ``SessionError``, which says what is wrong."""
        session = self._session
        session.start()
        try:
            if not session.connected(FIRST_TRY_S):
                raise session.failure or SessionError("the first try to connect does not end")
            self._ask()
            self._take(self._wait_s, lambda: session.snapshot is not None and session.skew_ns is not None)
            self._take(MARKET_S, lambda: self._market_word() is not None)
            if session.failure is not None:
                raise session.failure
            snapshot = session.snapshot
            tables = [self._overview(), self._farms(), *_orders_and_positions(snapshot)]
            return Found(tables, session.disarmed_because.removeprefix(READS_ONLY).removeprefix("; "))
        finally:
            session.close()

    def _ask(self) -> None:
        self._market_id = self._session.next_request_id()
        contract = Contract(symbol=self._symbol, sec_type="STK", exchange="SMART", currency="USD")
        try:
            self._session.request(r.RequestMarketData(req_id=self._market_id, contract=contract))
        except LinkDown:
            return  # what ended the connection is told by `failure`

    def _take(self, wait_s: float, is_enough: Callable[[], bool]) -> None:
        until_ns = self._clock.monotonic_ns() + int(wait_s * NANOSECONDS_PER_SECOND)
        while not is_enough() and self._session.failure is None:
            left_ns = until_ns - self._clock.monotonic_ns()
            if left_ns <= 0:
                return
            self._session.wait(min(left_ns / NANOSECONDS_PER_SECOND, 1.0))
            self._answers += [event.answer for event in self._session.events() if isinstance(event, Told)]

    def _market_word(self) -> str | None:
        """Return what the market of our stock gives us, None where it has not answered."""
        data_type = "live"
        for answer in self._answers:
            if getattr(answer, "req_id", None) != self._market_id:
                continue
            if isinstance(answer, a.MarketDataType):
                data_type = DATA_TYPES.get(answer.data_type, "of an unknown kind")
            elif isinstance(answer, a.TickPrice):
                return data_type
            elif isinstance(answer, a.ErrorMessage) and answer.code in NO_MARKET_DATA:
                return f"none ({answer.code}: {answer.message})"
        return None

    def _overview(self) -> Table:
        session, settings = self._session, self._settings
        _, order_link, _ = session.links
        table = _table("TWS or Gateway", "", "found")
        skew_ns = session.skew_ns
        told = [x for x in self._answers if isinstance(x, a.ErrorMessage) and x.code == READ_ONLY_API]
        for name, value in (
            ("address", f"{settings.host}:{settings.port}, client id {settings.client_id}, by {settings.client}"),
            ("account", session.account),
            ("other accounts", ", ".join(x for x in session.accounts if x != session.account) or "none"),
            ("environment", "paper"),
            ("server version", str(session.server_version)),
            ("order link", order_link),
            ("clock", "not told" if skew_ns is None else _skew(skew_ns)),
            ("quotes", f"{self._symbol}: {self._market_word() or 'no answer (is its market open?)'}"),
            ("orders", f"refused ({told[0].code}: {told[0].message})" if told else "may be read"),
            ("maintenance", session.maintenance or "not now"),
        ):
            table.add_row(name, value)
        return table

    def _farms(self) -> Table:
        table = _table("data farms", "farm", "state")
        for name, state in sorted(self._session.links[2].items()):
            table.add_row(name, state)
        return table


def _skew(skew_ns: int) -> str:
    if not skew_ns:
        return "agrees with ours, as far as whole seconds show"
    return f"the broker's is {skew_ns / NANOSECONDS_PER_SECOND:+.1f} s off ours"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def _orders_and_positions(snapshot: SnapshotTaken | None) -> list[Table]:
    if snapshot is None:
        return []
    orders = _table("open orders", "client", "order", "perm id", "instrument", "side", "quantity", "type", "limit",
                    "state", "reference")
    for one in snapshot.facts.open_orders:
        order = one.order
        limit = "" if order.lmt_price is None else str(order.lmt_price)
        orders.add_row(str(order.client_id), str(one.order_id), str(order.perm_id), _named(one.contract), order.action,
                       str(order.total_quantity), order.order_type, limit, one.state.status, order.order_ref)
    positions = _table("positions", "account", "instrument", "quantity", "average cost")
    for position in snapshot.facts.positions:
        cost = "" if position.average_cost is None else f"{position.average_cost:,}"
        positions.add_row(position.account, _named(position.contract), f"{position.position:,}", cost)
    return [orders, positions]


def _named(contract: Contract) -> str:
    return f"{contract.local_symbol or contract.symbol} {contract.sec_type} {contract.currency}"
