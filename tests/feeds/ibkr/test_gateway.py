"""The feed on a real session, over a real socket, from the simulated Gateway: it publishes what was recorded."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from algotrade.domain import Instruments, Kind, SystemClock
from algotrade.domain.market import Flag, joined, no_records
from algotrade.feeds.ibkr import IbkrFeed, IbkrFeedSettings
from algotrade.gateway.limits import LimitsSet
from algotrade.ibkr.session import IbkrSettings, Lane, Session, Told
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.gateway.world import IBM, OPEN_NS, SECOND_NS, WAIT_S, market, served

S = SECOND_NS
HOST = SystemClock()


class MarketTime:
    """The Gateway's market time, which only steps; durations are the host's, or quicker."""

    def __init__(self, speed: int) -> None:
        self.now_ns = OPEN_NS - 1
        self._speed = speed

    def time_ns(self) -> int:
        return self.now_ns

    def monotonic_ns(self) -> int:
        return HOST.monotonic_ns() * self._speed


class Live:
    """A feed, its session and the Gateway behind them."""

    def __init__(self, hosted, clock, settings: IbkrFeedSettings, client: str, **options) -> None:
        self.hosted, self.clock = hosted, clock
        self.session = Session(IbkrSettings(port=hosted.port, client=client, client_id=7, read_only=True), clock)
        self.feed = IbkrFeed(self.session, settings, Instruments([IBM]), clock, **options)
        self.session.start()
        self.came = {kind: [] for kind in Kind}
        self.fences, self._events = 0, self.session.events
        self.session.events = self._counted

    def until(self, condition) -> None:
        """Poll until ``condition()`` holds; wait for events in between, with a deadline."""
        deadline_ns = HOST.monotonic_ns() + int(WAIT_S * S)
        while True:
            batch = self.feed.poll()
            for kind, array in (batch.arrays() if batch is not None else {}).items():
                self.came[kind] += [array] if len(array) else []
            if condition():
                return
            assert HOST.monotonic_ns() < deadline_ns, f"{self.feed.ready()}, {self.session.failure}"
            self.session.wait(0.05)

    def advance(self, seconds: float, *, clock_first: bool = False) -> None:
        """Step market time on; what the Gateway told is here before our clock shows it, or the other way round."""
        if clock_first:
            self.clock.now_ns += round(seconds * S)
        self.hosted.advance(round(seconds * S))
        if clock_first:
            return
        if self.feed.ready()["link"]:
            self.hear_all()
        self.clock.now_ns += round(seconds * S)

    def hear_all(self) -> None:
        """Wait until all that was asked is there, and all that was told is here: answers come in order."""
        self.until(lambda: not any(self.session.queued(lane) for lane in Lane))
        behind = self.fences
        self.session.request(r.RequestMarketRule(market_rule_id=2001))
        self.until(lambda: self.fences > behind)

    def _counted(self):
        events = self._events()
        self.fences += sum(isinstance(e, Told) and isinstance(e.answer, a.MarketRule) for e in events)
        return events

    @property
    def tens(self) -> int:
        """Return how many tens of seconds the market is open."""
        return (self.clock.now_ns + 1 - OPEN_NS) // (10 * S)

    def records(self, kind: Kind):
        return joined(self.came[kind]) if self.came[kind] else no_records(kind)

    def count(self, kind: Kind) -> int:
        return sum(map(len, self.came[kind]))


@contextmanager
def live(
    settings: IbkrFeedSettings, *, client="ib_insync", begin_s: float = 0, options=None, speed_of_host: int = 1,
    **gateway,
) -> Iterator[Live]:
    with served(**gateway) as hosted:
        clock = MarketTime(speed_of_host)
        if begin_s:
            hosted.advance(round(begin_s * S))
            clock.now_ns += round(begin_s * S)
        one = Live(hosted, clock, settings, client, **(options or {}))
        try:
            yield one
        finally:
            one.feed.close()


@pytest.mark.parametrize("client", ["ib_insync", "ib_async"])
def test_the_top_of_the_book_and_every_trade_are_those_of_the_market(client):
    recorded = market()
    with live(IbkrFeedSettings(), client=client, begin_s=5) as one:
        one.until(lambda: one.count(Kind.QUOTE) >= 1)
        assert one.records(Kind.QUOTE)["flags"][0] == Flag.GAP
        for second in range(1, 21):
            one.advance(1, clock_first=True)
            one.until(lambda seen=second: one.count(Kind.TRADE) == seen)
        quotes, trades = one.records(Kind.QUOTE), one.records(Kind.TRADE)
        told = recorded.trades[5:25]
        assert trades[["price", "size"]].tolist() == told[["price", "size"]].tolist()
        assert (trades["event_time_ns"] == trades["receive_time_ns"]).all()
        # Bid and ask move together there and come one after the other; the last of each second is the recorded one.
        last = {int(q["receive_time_ns"]): q[["bid", "ask", "bid_size", "ask_size"]].tolist() for q in quotes}
        ibm = recorded.quotes[recorded.quotes["instrument"] == 0]
        assert list(last.values()) == ibm[["bid", "ask", "bid_size", "ask_size"]][4:25].tolist()
        assert one.feed.ready() == {"link": True, "contracts": True, "data": True}


def test_every_tick_is_that_of_the_market_at_the_exchanges_second():
    """The sender leaves 15 s between the two subscriptions, which a quick clock shortens; level 1 helps out."""
    recorded = market()
    settings = IbkrFeedSettings(tick_by_tick=("IBM",), stale_s_max=600)
    with live(settings, speed_of_host=20, limits=LimitsSet(tick_by_tick_again_s=0.1)) as one:
        one.until(lambda: one.session.samples()["algotrade_ibkr_written_total"][("history",)] == 2)
        one.until(lambda: one.session.skew_ns is not None)  # both were taken
        one.advance(1, clock_first=True)
        one.until(lambda: one.feed.ready()["data"])
        begun = {kind: one.count(kind) for kind in (Kind.QUOTE, Kind.TRADE)}
        for second in range(2, 31):
            one.advance(1, clock_first=True)
            one.until(lambda n=second: one.count(Kind.TRADE) == n)
        one.until(lambda: one.count(Kind.QUOTE) == begun[Kind.QUOTE] + 29)
        trades = one.records(Kind.TRADE)
        assert trades[["price", "size"]].tolist() == recorded.trades[:30][["price", "size"]].tolist()
        assert trades["event_time_ns"][1:].tolist() == (recorded.trades[1:30]["event_time_ns"] // S * S).tolist()
        quotes = one.records(Kind.QUOTE)[begun[Kind.QUOTE]:]
        ibm = recorded.quotes[recorded.quotes["instrument"] == 0][1:30]
        assert quotes[["bid", "ask", "bid_size", "ask_size"]].tolist() == ibm[
            ["bid", "ask", "bid_size", "ask_size"]].tolist()
        assert quotes["event_time_ns"].tolist() == ibm["event_time_ns"].tolist()
        assert (quotes["receive_time_ns"] > quotes["event_time_ns"]).all()


def truth(seconds: int) -> list[tuple]:
    """Return the bars of a minute of the market's trades: (start in minutes, open, high, low, close, volume)."""
    trades = market().trades
    minutes = (trades["event_time_ns"] - OPEN_NS) // (60 * S)
    bars = []
    for minute in range(seconds // 60):
        of = trades[minutes == minute]
        prices = of["price"]
        bars.append((minute, prices[0], prices.max(), prices.min(), prices[-1], of["size"].sum()))
    return bars


def bars_of(one: Live) -> list[tuple]:
    return [((int(b["open_time_ns"]) - OPEN_NS) // (60 * S), b["open"], b["high"], b["low"], b["close"], b["volume"])
            for b in one.records(Kind.BAR)]


@pytest.mark.parametrize("size", ["1 min", "5 secs"])
def test_bars_are_filled_back_and_go_on_through_lost_connections(size):
    """Begun in the third minute, cut in the fifth, cut again: every bar once, complete, those between filled back."""
    settings = IbkrFeedSettings(quotes=False, bars=size, backfill_s=3_600, use_rth=False, stale_s_max=600)
    width = 60 if size == "1 min" else 5
    # The host's clock is quick, so that the sender's 15 s between two like requests for history pass soon.
    with live(settings, begin_s=157.5, speed_of_host=20, limits=LimitsSet(history_same_s=0.1)) as one:
        one.until(lambda: one.feed.ready()["contracts"])
        one.hear_all()
        one.advance(10)
        one.until(lambda: one.count(Kind.BAR) >= 157 // width)
        for cut in (27, 39):
            while one.tens < cut:
                one.advance(10)
            before = one.session.samples()["algotrade_ibkr_connects_total"]
            one.hosted.call(lambda g: [c.abort() for c in list(g._connections)])
            one.until(lambda: not one.feed.ready()["link"])
            one.advance(40)  # nobody hears this
            one.until(lambda n=before: one.session.samples()["algotrade_ibkr_connects_total"] > n)
            one.until(lambda: one.feed.ready()["link"])
            one.hear_all()
        while one.tens < 56:
            one.advance(10)
        one.until(lambda: one.count(Kind.BAR) >= 540 // width)
        bars = one.records(Kind.BAR)
        opens = ((bars["open_time_ns"] - OPEN_NS) // S).tolist()
        assert opens == [width * n for n in range(len(opens))]
        assert not bars["flags"].any()
        assert bars["volume"][: 540 // width].sum() == sum(b[5] for b in truth(540))
        if size == "1 min":
            assert np.array(bars_of(one)[:9]) == pytest.approx(np.array(truth(540)))
        assert one.feed.samples()["algotrade_feed_bars_late_total"][("revised",)] == 0


def test_another_process_goes_on_where_the_last_one_ended():
    settings = IbkrFeedSettings(quotes=False, bars="1 min", backfill_s=3_600, use_rth=False)
    known = {0: OPEN_NS + 120 * S}
    with live(settings, begin_s=330, options={"known_bars": known}) as one:
        one.until(lambda: one.count(Kind.BAR) >= 3)
        assert [b[0] for b in bars_of(one)] == [2, 3, 4]
        assert [b[5] for b in bars_of(one)] == [b[5] for b in truth(300)[2:]]


def test_delayed_data_come_only_when_asked_for_and_are_flagged():
    with live(IbkrFeedSettings(), data="delayed") as one:
        one.until(lambda: "354" in str(one.feed._core and [s.watch.because for s in one.feed._core.streams]))
        assert one.feed.ready()["data"] is False
        one.advance(910)
        one.until(lambda: True)
        assert one.count(Kind.QUOTE) == 0
    with live(IbkrFeedSettings(delayed=True), data="delayed", begin_s=910) as one:
        one.until(lambda: one.count(Kind.QUOTE) >= 1)
        one.advance(5)
        one.until(lambda: one.count(Kind.TRADE) >= 1)
        for kind in (Kind.QUOTE, Kind.TRADE):
            assert (one.records(kind)["flags"] & np.uint32(Flag.DELAYED)).all()


def test_a_gateway_without_lines_is_no_crash():
    with live(IbkrFeedSettings(), limits=LimitsSet(lines=0)) as one:
        one.until(lambda: "101" in str(one.feed._core and [s.watch.because for s in one.feed._core.streams]))
        assert one.feed.ready() == {"link": True, "contracts": True, "data": False}
