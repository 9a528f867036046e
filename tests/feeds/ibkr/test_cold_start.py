"""Two hundred symbols from nothing: through the paced sender, to a server that counts as IB does, and none refused."""

import pytest

from algotrade.feeds.ibkr import IbkrFeedSettings
from algotrade.gateway.limits import HistoryPacing, LimitsSet, MessageRate, Recent, Verdict
from algotrade.ibkr.session.sender import HandedBack, PacedSender, Queued, lane_of
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.feeds.ibkr.world import RULE_26, T0, S, World, ask, bid, contract_data, history, history_bar

CODEC = Codec(178)
STEP_S = 0.01


class Server:
    """Takes what the sender writes, counts it by the simulated Gateway's limits, and answers at once."""

    def __init__(self, world: World, limits: LimitsSet) -> None:
        self.world = world
        self.sender = PacedSender(lambda: "")
        self.refused: list[str] = []
        self.rate, self.history, self.ticks = MessageRate(limits), HistoryPacing(limits), Recent(15.0)
        self.limits = limits
        self.lines: set[int] = set()
        self.open: set[int] = set()
        world.session.request = self.queue

    def queue(self, request) -> int:
        self.sender.put(Queued(request, CODEC.encode(request), lane_of(request)))
        return 1

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            while (taken := self.sender.take(self.now_ns)) is not None:
                assert not isinstance(taken, HandedBack)
                self.take(taken.request)
            self.world.step(STEP_S)

    @property
    def now_ns(self) -> int:
        return self.world.clock.monotonic_ns()

    def take(self, request) -> None:
        if self.rate.take(self.now_ns) is not Verdict.TAKEN:
            self.refused.append(f"100 {request}")
        tell = self.world.tell
        match request:
            case r.RequestContractData(req_id=req_id, contract=contract):
                tell(contract_data(req_id, contract.symbol, 1_000 + int(contract.symbol[1:])),
                     a.ContractDataEnd(req_id=req_id))
            case r.RequestMarketRule():
                tell(RULE_26)
            case r.RequestMarketData(req_id=req_id):
                self.lines.add(req_id)
                if len(self.lines) > self.limits.lines:
                    self.refused.append(f"101 {request}")
                tell(bid(req_id, 10.0), ask(req_id, 10.2))
            case r.RequestTickByTick(contract=contract):
                if not self.ticks.take(self.now_ns, contract.con_id):
                    self.refused.append(f"10189 {request}")
            case r.RequestHistoricalData(req_id=req_id, contract=contract):
                self.history_told(request, req_id, contract)

    def history_told(self, request, req_id: int, contract) -> None:
        self.open.add(req_id)
        asked = (contract.con_id, request.bar_size, request.duration)
        if len(self.open) > self.limits.history_open:
            self.refused.append(f"162 {request}")
        if request.bar_size == "30 secs" and (why := self.history.take(self.now_ns, asked, contract.con_id)):
            self.refused.append(f"162 {why}")
        self.sender.answered(req_id)  # as the session does
        self.world.tell(history(req_id, history_bar(T0 - 60), history_bar(T0)))


def started(symbols: int, **settings) -> Server:
    limits = LimitsSet(lines=settings.get("lines_max", 100))
    world = World(IbkrFeedSettings(**settings), symbols=tuple(f"S{n}" for n in range(symbols)), connect=False)
    server = Server(world, limits)
    world.connect(answer=False)
    return server


def test_cold_start_200_symbols():
    """Lean#607, Lean#1837: contracts, one market rule and 200 lines at the broker's pace: live in eleven seconds."""
    server = started(200, lines_max=200, stale_s_max=120)
    server.run(10.5)
    assert server.refused == []
    assert len(server.lines) == 200
    assert server.world.feed.ready() == {"link": True, "contracts": True, "data": True}
    assert server.world.feed.samples()["algotrade_feed_asked_again_total"] == 0


@pytest.mark.parametrize("bars", ["1 min", "30 secs"])
def test_cold_start_of_50_with_bars(bars):
    server = started(50, bars=bars, tick_by_tick=("S7",))
    server.run(30)
    assert server.refused == []
    assert len(server.lines) == len(server.open) == 50


def test_a_day_of_reconnections_breaks_no_rule():
    """Every few minutes everything is asked for anew, with history; no rule is broken, and all of it comes back."""
    server = started(50, bars="1 min", stale_s_max=120)
    for _ in range(6):
        server.run(20)
        server.world.disconnect()
        server.sender.unsent("gone")
        server.lines.clear()
        server.open.clear()
        server.run(2)
        server.world.connect(answer=False)
    server.run(20)
    assert server.refused == []
    assert len(server.lines) == len(server.open) == 50


def test_bounds_are_met_by_the_clock_of_the_sender():
    """The messages of a cold start, by the second: never more than the sender's 40 of subscriptions."""
    server, seconds = started(200, lines_max=200), []
    taken = server.take
    server.take = lambda request: (seconds.append(server.now_ns // S), taken(request))
    server.run(12)
    assert max(seconds.count(s) for s in set(seconds)) <= 45
    assert len(seconds) == 200 + 1 + 1 + 200
