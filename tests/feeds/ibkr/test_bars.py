"""Bars: history and what follows it become one series, each bar once, complete, however often the stream was cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import Kind
from algotrade.domain.market import Flag
from algotrade.domain.session import sessions_of
from algotrade.feeds import FeedError
from algotrade.feeds.ibkr import IbkrFeedSettings
from algotrade.feeds.ibkr.bars import EARLY_MAX, SETTLE_NS, BarLine, LiveBar
from algotrade.feeds.ibkr.output import Output
from algotrade.feeds.ibkr.times import Edges, Moment
from algotrade.ibkr.contracts import ContractFacts
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.feeds.ibkr.world import START_NS, S, World, contract_data, history, history_bar, update

MINUTE = 60 * S
T0 = START_NS // S
MINUTES = IbkrFeedSettings(quotes=False, bars="1 min", backfill_s=300, bar_grace_s=2)


def asked(world: World) -> r.RequestHistoricalData:
    return world.taken(r.RequestHistoricalData)[-1]


def closes(world: World) -> list[tuple[int, float]]:
    """Return the published bars as (minutes from the start to the open, close)."""
    bars = world.records(Kind.BAR)
    return [(int(b["open_time_ns"] - START_NS) // MINUTE, float(b["close"])) for b in bars]


def test_history_and_its_continuation_are_one_series():
    world = World(MINUTES)
    request = asked(world)
    assert (request.bar_size, request.duration, request.keep_up_to_date) == ("1 min", "301 S", True)
    assert (request.what_to_show, request.use_rth, request.format_date, request.end) == ("TRADES", 1, 2, "")
    one = request.req_id
    world.tell(history(one, *(history_bar(T0 + 60 * n, n) for n in (-2, -1, 0))))
    world.step(5)
    assert closes(world) == [(-2, -2.0), (-1, -1.0)]  # the last one is still forming
    world.tell(update(one, T0, 0.1), update(one, T0, 0.2))
    world.step(50)
    assert len(closes(world)) == 2
    world.tell(update(one, T0 + 60, 1.0))
    world.step(6)
    assert closes(world) == [(-2, -2.0), (-1, -1.0), (0, 0.2)]
    bar = world.records(Kind.BAR)[-1]
    assert (bar["event_time_ns"] - START_NS, bar["open_time_ns"]) == (MINUTE, START_NS)
    assert not world.records(Kind.BAR)["flags"].any()


def test_a_bar_that_none_follows_is_complete_when_its_time_is_over():
    world = World(MINUTES)
    one = asked(world).req_id
    world.tell(history(one, history_bar(T0, 1.0)))
    world.step(59)
    world.step(3)  # one minute and the grace of two seconds
    world.step(0.4)
    assert closes(world) == []
    world.step(0.1)
    assert closes(world) == [(0, 1.0)]
    world.tell(update(one, T0, 1.0), update(one, T0, 1.5))  # the same again, and a revision that comes too late
    world.step(1)
    assert closes(world) == [(0, 1.0)]
    samples = world.feed.samples()
    assert samples["algotrade_feed_bars_late_total"] == {("repeated",): 1.0, ("revised",): 1.0}


def test_what_was_told_while_this_process_stood_still_belongs_to_the_bar():
    """The clock jumps over the end and the grace at once; the last update is in the socket and comes a poll later."""
    world = World(MINUTES)
    one = asked(world).req_id
    world.tell(history(one, history_bar(T0, 1.0)))
    world.step(30)
    world.step(60)
    world.tell(update(one, T0, 1.5))
    world.step(0.1)
    world.step(1)
    assert closes(world) == [(0, 1.5)]


def test_the_bar_in_which_history_begins_may_be_a_torso_and_is_left_out():
    world = World(MINUTES, start_ns=START_NS + 30 * S)
    one = asked(world).req_id  # 301 seconds back: from the middle of a bar
    world.tell(history(one, *(history_bar(T0 + 60 * n, n) for n in range(-5, 1))))
    world.step()
    assert closes(world) == [(n, float(n)) for n in range(-4, 0)]


def test_history_that_waited_too_long_for_its_turn_is_a_hole():
    """It reaches back from when it is told: what it may no longer reach is not taken for told."""
    closed = sessions_of([(START_NS + 7_200 * S, START_NS + 9_000 * S)])  # or silence would be answered sooner
    world = World(MINUTES, hours=closed, known_bars={0: START_NS - 60 * S})
    request = asked(world)
    assert request.duration == "301 S"
    world.step(600)
    world.tell(history(request.req_id, *(history_bar(T0 + 60 * n, n) for n in range(4, 10))))
    world.step(1)
    assert closes(world) == [(n, float(n)) for n in range(5, 9)]  # the first may be a torso, the last may go on
    assert world.records(Kind.BAR)["flags"].tolist() == [Flag.GAP, 0, 0, 0]


def test_after_a_lost_link_bars_come_once_and_none_is_missing():
    """bar revision and repetition after a reconnect: the torso from before is replaced, what is known comes no more."""
    world = World(MINUTES)
    one = asked(world).req_id
    world.tell(history(one, history_bar(T0 - 60, -1.0), history_bar(T0, 0.0)))
    world.step(10)
    world.disconnect()
    world.step(300)  # the bar that was forming is a torso: it is not published by the clock
    assert closes(world) == [(-1, -1.0)]
    world.connect(answer=False)
    again = asked(world)
    assert again.req_id != one
    assert again.duration == "551 S"  # from the last one known to now, two bars, and two minutes of waiting in line
    world.tell(update(one, T0, 9.9))  # a late answer to the request that is gone
    world.tell(update(again.req_id, T0 + 360, 5.5))  # sooner than history: held back
    world.step()
    assert closes(world) == [(-1, -1.0)]
    world.tell(history(again.req_id, *(history_bar(T0 + 60 * n, n) for n in range(-1, 6))))
    world.step(60)
    world.tell(update(again.req_id, T0 + 420, 7.0))
    world.step(1)
    assert closes(world) == [(n, float(n)) for n in range(-1, 6)] + [(6, 5.5)]
    assert not world.records(Kind.BAR)["flags"].any()
    assert world.feed.samples()["algotrade_feed_bars_late_total"][("repeated",)] == 1.0


def test_a_process_that_begins_again_goes_on_behind_the_last_bar_known():
    world = World(MINUTES, known_bars={0: START_NS - 600 * S})
    request = asked(world)
    assert request.duration == "841 S"
    world.tell(history(request.req_id, *(history_bar(T0 + 60 * n, n) for n in range(-12, 1))))
    world.step()
    assert closes(world) == [(n, float(n)) for n in range(-10, 0)]
    assert not world.records(Kind.BAR)["flags"].any()


def test_a_stretch_that_history_does_not_reach_is_a_hole_and_flagged():
    world = World(MINUTES, known_bars={0: START_NS - 3 * 86_400 * S})
    request = asked(world)
    assert request.duration == "86400 S"  # as far as one request may go
    world.tell(history(request.req_id, history_bar(T0 - 120, 1.0), history_bar(T0 - 60, 2.0), history_bar(T0)))
    world.step()
    assert world.records(Kind.BAR)["flags"].tolist() == [Flag.GAP, 0]
    assert world.feed.samples()["algotrade_feed_gaps_total"][("bars",)] == 1.0


def test_history_without_bars_is_no_refusal_and_bars_go_on():
    world = World(MINUTES)
    one = asked(world).req_id
    world.code(162, one, "Historical Market Data Service error message:HMDS query returned no data")
    assert world.feed.ready()["data"] is False  # nothing came yet, and the market is open
    world.run(121)
    again = asked(world).req_id
    world.tell(history(again), update(again, T0 + 120, 1.0))
    world.step()
    world.tell(update(again, T0 + 180, 1.0))
    world.step()
    assert closes(world) == [(2, 1.0)]


def test_a_refusal_is_asked_again_slowly():
    world = World(MINUTES)
    refused_at, times = asked(world), []
    for _ in range(3):
        world.code(162, refused_at.req_id, "Historical Market Data Service error message:API pacing violation")
        began_ns = world.clock.time_ns()
        while not (found := world.taken(r.RequestHistoricalData)):
            world.step(1)
        refused_at = found[-1]
        times.append((world.clock.time_ns() - began_ns) // S)
    assert times == [60, 120, 240]


def test_five_seconds_are_streamed_whole_behind_history():
    world = World(IbkrFeedSettings(quotes=False, bars="5 secs", backfill_s=60))
    live = world.taken(r.RequestRealTimeBars)[-1]

    def bar(n: int, close: float | None = None) -> a.RealTimeBar:
        close = n if close is None else close
        return a.RealTimeBar(req_id=live.req_id, time_s=T0 + 5 * n, open=n, high=n, low=n, close=close, volume=1.0,
                             wap=n, count=1)

    world.tell(bar(-1, 99.0))  # began before it was asked for, and may be a torso
    world.step(5)
    back = asked(world)
    assert (back.bar_size, back.keep_up_to_date, back.duration) == ("5 secs", False, "61 S")
    world.tell(bar(0), bar(1))
    world.step(5)
    assert len(world.records(Kind.BAR)) == 0
    world.tell(history(back.req_id, *(history_bar(T0 + 5 * n, n) for n in (-2, -1, 0))), bar(2))
    world.step()
    world.tell(bar(3))
    world.step(5)
    bars = world.records(Kind.BAR)
    assert ((bars["open_time_ns"] - START_NS) // S).tolist() == [-10, -5, 0, 5, 10, 15]
    assert ((bars["event_time_ns"] - bars["open_time_ns"]) // S).tolist() == [5] * 6
    assert bars["close"].tolist() == [-2, -1, 0, 1, 2, 3]


def test_five_seconds_without_history_go_on_behind_a_hole():
    world = World(IbkrFeedSettings(quotes=False, bars="5 secs"), known_bars={0: START_NS - 60 * S})
    live = world.taken(r.RequestRealTimeBars)[-1]
    world.tell(a.RealTimeBar(req_id=live.req_id, time_s=T0, open=1, high=1, low=1, close=1, volume=1, wap=1, count=1))
    world.step()
    world.code(162, asked(world).req_id, "API historical data query cancelled")
    assert world.records(Kind.BAR)["flags"].tolist() == [Flag.GAP]


def test_days_end_with_their_session_or_at_midnight():
    """The session that closes on the day; where no calendar knows one, the day of the instrument's zone."""
    calendar = sessions_of([(START_NS, START_NS + 23_400 * S)])  # 2026-01-05, 09:30 to 16:00 in New York
    world = World(IbkrFeedSettings(quotes=False, bars="1 day", backfill_s=86_400), hours=calendar)
    request = asked(world)
    assert request.duration == "2 D"
    world.tell(history(request.req_id, history_bar("20260102", 1.0), history_bar("20260105", 2.0)))
    world.step(23_400)
    world.step(7)
    world.step(1)
    bars = world.records(Kind.BAR)
    midnight = START_NS - 34_200 * S
    assert bars["open_time_ns"].tolist() == [midnight - 3 * 86_400 * S, START_NS]
    assert bars["event_time_ns"].tolist() == [midnight - 2 * 86_400 * S, START_NS + 23_400 * S]


@pytest.mark.parametrize("date", ["", "20260105 09:30:00", "2026-01-05", "yesterday", "1767623400.5", "20261301"])
def test_a_date_in_no_known_form_is_told_and_nothing_is_guessed(date):
    world = World(MINUTES)
    request = asked(world)
    world.tell(history(request.req_id, history_bar(T0 - 60), history_bar(date)))
    world.step()
    assert closes(world) == []
    assert world.feed.samples()["algotrade_feed_unreadable_total"] == 1.0
    assert world.feed.ready()["data"] is False


@pytest.mark.parametrize("date", [str(T0), "20260105 09:30:00 US/Eastern", "20260105  09:30:00 EST",
                                  "20260105 14:30:00 UTC", "20260105-14:30:00"])
def test_the_known_forms_of_a_date_are_one_moment(date):
    world = World(MINUTES)
    request = asked(world)
    world.tell(history(request.req_id, history_bar(date, 1.0), history_bar(T0 + 60)))
    world.step(70)
    assert closes(world) == [(0, 1.0)]


def test_currencies_have_no_trades():
    world = World(MINUTES, connect=False, symbols=("EUR",),
                  facts={0: ContractFacts(sec_type="CASH", exchange="IDEALPRO")})
    world.connect(answer=False)
    question = world.taken(r.RequestContractData)[0]
    world.tell(contract_data(question.req_id, "EUR", 5, sec_type="CASH", exchange="IDEALPRO", market_rule_ids="",
                             valid_exchanges=""), a.ContractDataEnd(req_id=question.req_id))
    with pytest.raises(FeedError, match="MIDPOINT"):
        world.step()


def test_bars_that_are_not_of_trades_have_no_volume():
    world = World(IbkrFeedSettings(quotes=False, bars="1 min", what_to_show="MIDPOINT"))
    request = asked(world)
    world.tell(history(request.req_id, history_bar(T0 - 60, 1.0, volume=-1.0), history_bar(T0)))
    world.step()
    assert str(world.records(Kind.BAR)["volume"][0]) == "nan"


def test_bars_that_wait_for_history_are_bounded():
    world = World(IbkrFeedSettings(quotes=False, bars="5 secs"), known_bars={0: START_NS - 60 * S})
    live = world.taken(r.RequestRealTimeBars)[-1].req_id
    for n in range(EARLY_MAX + 10):
        world.tell(a.RealTimeBar(req_id=live, time_s=T0 + 5 * n, open=1, high=1, low=1, close=1, volume=1, wap=1,
                                 count=1))
    world.step()
    bars = world.records(Kind.BAR)
    assert len(bars) == EARLY_MAX + 10
    assert bars["flags"][0] == Flag.GAP


# The merge against an oracle: the true bars, and any sequence of what a connection may tell of them.

TICKS_PER_BAR = 4
QUARTER_NS = MINUTE // TICKS_PER_BAR
GRACE_NS = 2 * S


class Run:
    """A server that knows the truth, bar n forming during minute n in four updates, and a line that is told of it."""

    def __init__(self, skipped: set[int]) -> None:
        self.now_ns = 0
        self.skipped = skipped
        self.out = Output()
        self.notes: list[str] = []
        self.published: list[tuple[int, float, int]] = []
        self.restart(0)

    @property
    def now(self) -> Moment:
        return Moment(self.now_ns, self.now_ns)

    def bar(self, n: int) -> LiveBar:
        value = float(100 * n + min(TICKS_PER_BAR, (self.now_ns - n * MINUTE) // QUARTER_NS))
        return LiveBar(Edges(n * MINUTE, (n + 1) * MINUTE), (value, value, value, value), value)

    def tell(self, n: int) -> None:
        if n >= 0 and n not in self.skipped:
            self.line.update(self.bar(n), now=self.now, receive_ns=self.now_ns)

    def tell_history(self) -> None:
        first = 0 if self.line.known_to_ns is None else max(0, self.line.known_to_ns // MINUTE - 2)
        bars = [self.bar(n) for n in range(first, self.now_ns // MINUTE + 1) if n not in self.skipped]
        self.line.history(bars, begins_ns=(first * MINUTE, first * MINUTE), now=self.now, receive_ns=self.now_ns)

    def take(self) -> None:
        if (batch := self.out.take()) is not None:
            self.published += [(int(b["open_time_ns"]) // MINUTE, float(b["close"]), int(b["flags"]))
                               for b in batch.bars]

    # The steps.

    def passes(self, quarters: int) -> None:
        """Let time pass, with updates; a bar that ends is told whole before the next one begins."""
        for _ in range(quarters):
            self.now_ns += QUARTER_NS
            if self.now_ns % MINUTE == 0:
                self.tell(self.now_ns // MINUTE - 1)
            self.tell(self.now_ns // MINUTE)
            self.line.tick(self.now, self.now_ns)

    def cut(self, updates_first: int) -> None:
        """Break the link and make it again; some updates may come sooner than history does."""
        self.line.interrupt()
        self.now_ns += QUARTER_NS
        for n in (10, 11):  # the clock alone completes nothing now
            self.line.tick(Moment(self.now_ns + n * MINUTE, self.now_ns + n * MINUTE), self.now_ns)
        if updates_first:
            self.tell(self.now_ns // MINUTE)
        self.tell_history()

    def again(self, back: int) -> None:
        """Tell the newest bar again, or one before it."""
        self.tell(self.now_ns // MINUTE - back)

    def restart(self, _: int) -> None:
        """Go on in another process, which knows the end of the last bar published."""
        self.take()
        known_to_ns = self.line.known_to_ns if self.now_ns else None
        self.line = BarLine(0, self.out, grace_ns=GRACE_NS, known_to_ns=known_to_ns,
                            note=lambda event, **_: self.notes.append(event))
        self.tell_history()


STEPS = st.lists(st.one_of(
    st.tuples(st.just(Run.passes), st.integers(1, 12)), st.tuples(st.just(Run.cut), st.integers(0, 1)),
    st.tuples(st.just(Run.again), st.integers(0, 3)), st.tuples(st.just(Run.restart), st.just(0)),
), max_size=30)


@settings(max_examples=500)
@given(STEPS, st.sets(st.integers(0, 60), max_size=20))
def test_any_cut_of_the_stream_gives_the_bars_once_complete_and_in_order(steps, skipped):
    """Whatever breaks and comes again: what is published are the true bars that are over, each once, none missing."""
    run = Run(skipped)
    for step, value in [*steps, (Run.cut, 0), (Run.passes, 8)]:
        step(run, value)
        run.take()
    for settled_ns in (0, SETTLE_NS):
        run.line.tick(Moment(run.now_ns, run.now_ns + settled_ns), run.now_ns)
    run.take()

    over = (run.now_ns - GRACE_NS) // MINUTE
    truth = [(n, float(100 * n + TICKS_PER_BAR), 0) for n in range(over) if n not in skipped]
    # One that ended within the grace may be out already: its successor has begun.
    assert run.published[: len(truth)] == truth
    assert all(n >= over for n, *_ in run.published[len(truth):])
    assert "bar_revised" not in run.notes
    assert "bars_missing" not in run.notes
