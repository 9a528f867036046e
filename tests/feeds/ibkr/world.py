"""A session that is not one: takes what the feed asks, and tells it what the test says, by a clock that it owns."""

from decimal import Decimal

from algotrade.domain import Instrument, Instruments, Kind, MarketBatch, SimulatedClock
from algotrade.domain.market import joined, no_records
from algotrade.domain.session import sessions_of
from algotrade.feeds.ibkr import IbkrFeed, IbkrFeedSettings
from algotrade.ibkr.session import Channel, LinkChanged, LinkDown, QueueFull, Told
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.answers.contracts import PriceIncrement
from algotrade.ibkr.wire.answers.history import HistoricalBar
from algotrade.ibkr.wire.records import Contract

S = 1_000_000_000
START_NS = 1_767_623_400 * S  # Monday 2026-01-05, 09:30 in New York
T0 = START_NS // S
OPEN = sessions_of([(START_NS - 3_600 * S, START_NS + 100 * 86_400 * S)])

CODES = {  # code -> channel, state, resubscribe, verify, name
    1100: (Channel.ORDERS, "down", False, False, ""), 1101: (Channel.ORDERS, "up", True, False, ""),
    1102: (Channel.ORDERS, "up", False, True, ""), 2103: (Channel.FARM, "broken", False, False, "usfarm"),
    2104: (Channel.FARM, "ok", False, False, "usfarm"), 2105: (Channel.FARM, "broken", False, False, "ushmds"),
    2106: (Channel.FARM, "ok", False, False, "ushmds"),
}


class FakeSession:
    """What the feed needs of a session. ``room``: how many requests are taken before the queue is full."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._id = 1_000
        self.told: list = []
        self.asked: list[Request] = []
        self.connected = False
        self.room: int | None = None
        self.is_closed = False

    def request(self, request: Request) -> int:
        if not self.connected:
            raise LinkDown("not connected")
        if self.room is not None:
            if not self.room:
                raise QueueFull("full")
            self.room -= 1
        self.asked.append(request)
        return 1

    def next_request_id(self) -> int:
        self._id += 1
        return self._id

    def events(self) -> list:
        told, self.told = self.told, []
        return told

    def samples(self) -> dict:
        return {}

    def close(self) -> None:
        self.is_closed = True


def contract_data(req_id: int, symbol: str, con_id: int, **facts) -> a.ContractData:
    contract = {"con_id": con_id, "symbol": symbol, "sec_type": "STK", "exchange": "SMART", "currency": "USD",
                "primary_exchange": "NASDAQ", "local_symbol": symbol, "trading_class": "NMS"}
    contract |= {k: facts.pop(k) for k in list(facts) if k in Contract.__struct_fields__}
    told = {"min_tick": Decimal("0.01"), "valid_exchanges": "SMART,NYSE", "market_rule_ids": "26,27",
            "time_zone_id": "US/Eastern", "order_types": "LMT,MKT", "long_name": f"{symbol} INC",
            "trading_hours": "20260105:0400-20260105:2000;20260106:CLOSED",
            "liquid_hours": "20260105:0930-20260105:1600;20260106:CLOSED"}
    return a.ContractData(req_id=req_id, contract=Contract(**contract), **(told | facts))


RULE_26 = a.MarketRule(market_rule_id=26, increments=(
    PriceIncrement(low_edge=Decimal(0), increment=Decimal("0.0001")),
    PriceIncrement(low_edge=Decimal(1), increment=Decimal("0.01"))))


class World:
    """A feed on a fake session; ``step`` polls and keeps what came."""

    def __init__(self, settings: IbkrFeedSettings | None = None, *, symbols=("AAPL",), hours=OPEN, start_ns=START_NS,
                 connect=True, **facts) -> None:
        self.clock = SimulatedClock(start_ns)
        self.session = FakeSession(self.clock)
        self.instruments = Instruments(Instrument(id=i, symbol=s) for i, s in enumerate(symbols))
        calendars = dict.fromkeys(range(len(symbols)), hours) if hours else {}
        self.feed = IbkrFeed(self.session, settings or IbkrFeedSettings(), self.instruments, self.clock,
                             **({"hours": calendars} | facts))
        self.came: dict[Kind, list] = {kind: [] for kind in Kind}
        if connect:
            self.connect()

    def connect(self, *, answer=True) -> None:
        self.session.connected = True
        self.link(Channel.SOCKET, "connected", resubscribe=True)
        self.step()
        if answer:
            self.answer_contracts()

    def disconnect(self, because="LinkLost") -> None:
        self.session.connected = False
        self.link(Channel.SOCKET, "down", text=because)
        self.step()

    def link(self, channel: Channel, state: str, **facts) -> None:
        self.session.told.append(LinkChanged(channel=channel, state=state, time_ns=self.clock.time_ns(), connection=1,
                                             **facts))

    def code(self, code: int, req_id: int = -1, text: str = "") -> None:
        """Tell a code as the session does: as an answer, and as what it means for the link."""
        self.tell(a.ErrorMessage(req_id=req_id, code=code, message=text))
        if code in CODES:
            channel, state, resubscribe, verify, name = CODES[code]
            self.link(channel, state, resubscribe=resubscribe, verify=verify, name=name, code=code, text=text)
        self.step()

    def answer_contracts(self) -> None:
        for _ in range(3):
            for request in self.taken(r.RequestContractData):
                con_id = 100 + next(i.id for i in self.instruments if i.symbol == request.contract.symbol)
                self.tell(contract_data(request.req_id, request.contract.symbol, con_id))
                self.tell(a.ContractDataEnd(req_id=request.req_id))
            if self.taken(r.RequestMarketRule):
                self.tell(RULE_26)
            self.step()

    def tell(self, *answers: Answer) -> None:
        self.session.told += [Told(answer, self.clock.time_ns()) for answer in answers]

    def taken(self, kind: type) -> list:
        """Take away what was asked of this kind."""
        found = [q for q in self.session.asked if isinstance(q, kind)]
        self.session.asked = [q for q in self.session.asked if not isinstance(q, kind)]
        return found

    def step(self, seconds: float = 0) -> MarketBatch | None:
        self.clock.advance_to(self.clock.time_ns() + round(seconds * S))
        batch = self.feed.poll()
        if batch is not None:
            for kind, array in batch.arrays().items():
                if len(array):
                    self.came[kind].append(array)
        return batch

    def run(self, seconds: float, by: float = 0.5) -> None:
        for _ in range(round(seconds / by)):
            self.step(by)

    def records(self, kind: Kind):
        return joined(self.came[kind]) if self.came[kind] else no_records(kind)

    def top(self) -> int:
        """Return the id of the newest request for the top of the book."""
        return self.taken(r.RequestMarketData)[-1].req_id


def history_bar(date: int | str, close: float = 1.0, volume: float = 1.0) -> HistoricalBar:
    return HistoricalBar(date=str(date), open=close, high=close, low=close, close=close, volume=volume, wap=close,
                         count=1)


def history(req_id: int, *bars: HistoricalBar) -> a.HistoricalData:
    return a.HistoricalData(req_id=req_id, start="", end="", bars=bars)


def update(req_id: int, date: int | str, close: float = 1.0, volume: float = 1.0) -> a.HistoricalDataUpdate:
    return a.HistoricalDataUpdate(req_id=req_id, count=1, date=str(date), open=close, close=close, high=close,
                                  low=close, wap=close, volume=volume)


def bid(req_id: int, price: float | None, size: float | None = 100.0) -> a.TickPrice:
    return a.TickPrice(req_id=req_id, tick_type=1, price=price, size=size, mask=0)


def ask(req_id: int, price: float | None, size: float | None = 100.0) -> a.TickPrice:
    return a.TickPrice(req_id=req_id, tick_type=2, price=price, size=size, mask=0)
