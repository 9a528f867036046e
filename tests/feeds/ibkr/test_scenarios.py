"""What happened to others, and must not happen here: the scenarios of public threads, where they are about data."""

import pytest

from algotrade.domain import Kind
from algotrade.domain.market import Flag
from algotrade.domain.session import sessions_of
from algotrade.feeds import FeedError
from algotrade.feeds.ibkr import IbkrFeedSettings
from algotrade.feeds.ibkr.times import Moment
from algotrade.ibkr.session import Channel, Quarantined, Refused
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.feeds.ibkr.world import RULE_26, START_NS, S, World, ask, bid, contract_data, history, history_bar, update

QUOTES = IbkrFeedSettings(stale_s_max=30, verify_s_max=10)
BARS = IbkrFeedSettings(quotes=False, bars="1 min", backfill_s=300)
T0 = START_NS // S


def alive(world: World) -> int:
    """Make the top of the book live, and return its id."""
    top = world.top()
    world.tell(bid(top, 10.0), ask(top, 10.2))
    world.step()
    world.step(5)
    world.tell(bid(top, 10.1))
    world.step()
    assert world.feed.ready() == {"link": True, "contracts": True, "data": True}
    return top


def newest_flags(world: World, kind: Kind = Kind.QUOTE) -> int:
    return int(world.records(kind)["flags"][-1])


def test_farm_ok_without_1102():
    """nautilus PR#3968: 1100, then only 2104 and 2106. Bars resume, or the symbol is not ready, in two intervals."""
    world = World(BARS)
    one = world.taken(r.RequestHistoricalData)[-1].req_id
    world.tell(history(one, history_bar(T0 - 60), history_bar(T0)))
    world.tell(update(one, T0, 1.0))
    world.step()
    world.code(1100, text="Connectivity has been lost")
    world.run(30)
    world.code(2104, text="Market data farm connection is OK:usfarm")
    world.code(2106, text="HMDS data farm connection is OK:ushmds")
    world.run(1)
    again = world.taken(r.RequestHistoricalData)
    assert [q.keep_up_to_date for q in again] == [True]  # asked again at once: the old one tells nothing any more
    assert world.feed.ready()["data"] is False
    world.run(120 - 31)  # silence: two intervals of a bar, and it is asked for once more
    assert world.feed.ready()["data"] is False
    assert world.taken(r.RequestHistoricalData)
    assert world.taken(r.CancelHistoricalData)


def test_farm_ok_without_1102_of_quotes():
    world = World(QUOTES)
    top = alive(world)
    world.code(1100)
    world.run(3)
    world.code(2104)
    assert world.feed.ready()["data"] is False  # that a farm is well proves nothing
    world.run(11)
    assert [q.req_id for q in world.taken(r.CancelMarketData)] == [top]
    again = world.top()
    world.tell(bid(again, 11.0), ask(again, 11.2))
    world.step()
    assert newest_flags(world) & Flag.GAP
    assert world.feed.ready()["data"] is True


def test_farm_flap_keeps_order_channel():
    """nautilus PR#4412: a farm that comes and goes makes nobody close or ask; what may be lost is marked."""
    world = World(QUOTES)
    top = alive(world)
    world.session.asked.clear()
    for n in range(20):
        world.code(2103, text="Market data farm connection is broken:usfarm")
        assert world.feed.ready()["data"] is False
        world.code(2104)
        world.tell(bid(top, 20.0 + n))
        world.step(0.4)
        assert newest_flags(world) & Flag.GAP
        assert world.feed.ready()["data"] is True
    assert world.session.asked == []
    assert not world.session.is_closed


def test_a_flap_of_the_history_farm_fills_bars_back_without_flooding():
    world = World(BARS)
    one = world.taken(r.RequestHistoricalData)[-1].req_id
    world.tell(history(one, history_bar(T0 - 60), history_bar(T0)))
    world.step()
    for _ in range(30):
        world.code(2105, text="HMDS data farm connection is broken:ushmds")
        world.step(1)
        world.code(2106)
        world.step(1)
    assert 2 <= len(world.taken(r.RequestHistoricalData)) <= 7  # one in ten seconds at most, over a minute


def test_competing_session_10197():
    """LeanIB#140, nautilus#4949: blocked, with the reason; data that come back end it, and are behind a gap."""
    world = World(QUOTES)
    top = alive(world)
    world.code(10197, top, "No market data during competing live session")
    assert world.feed.ready() == {"link": True, "contracts": True, "data": False}
    assert "10197" in str(world.feed._core.not_well(Moment(world.clock.time_ns(), world.clock.monotonic_ns())))
    lives = world.feed.samples()["algotrade_feed_subscriptions"]
    assert lives == {("top of the book", "refused"): 1.0}
    world.run(61)
    again = world.top()  # asked again, and still blocked
    world.code(10197, again, "No market data during competing live session")
    assert world.feed.ready()["data"] is False
    world.tell(bid(again, 12.0), ask(again, 12.2))
    world.step()
    assert newest_flags(world) & Flag.GAP
    assert world.feed.ready()["data"] is True


def test_1101_asks_for_everything_again():
    world = World(IbkrFeedSettings(bars="1 min"), symbols=("AAPL", "IBM"))
    world.session.asked.clear()
    world.code(1101, text="Connectivity restored - data lost")
    kinds = [type(q).__name__ for q in world.session.asked]
    assert kinds == ["RequestMarketDataType", *["RequestMarketData"] * 2, *["RequestHistoricalData"] * 2]


def test_1102_is_believed_when_ticks_arrive():
    world = World(QUOTES)
    top = alive(world)
    world.session.asked.clear()
    world.code(1100)
    world.step(20)
    # Ten seconds were silent.
    assert [type(q) for q in world.session.asked] == [r.CancelMarketData, r.RequestMarketData]
    world.session.asked.clear()
    top = world.feed._core.streams[0].req_id
    world.code(1102)
    world.run(5)
    world.tell(bid(top, 13.0), ask(top, 13.2))
    world.step()
    world.run(20)
    assert world.session.asked == []
    world.code(1102)
    world.run(11)
    assert [type(q) for q in world.session.asked] == [r.CancelMarketData, r.RequestMarketData]


def test_an_answer_to_the_old_request_is_nobodys():
    world = World(QUOTES)
    top = alive(world)
    world.code(1101)
    world.tell(bid(top, 99.0))
    world.step()
    assert 99.0 not in world.records(Kind.QUOTE)["bid"]


def test_an_answer_to_a_subscription_that_was_asked_for_again_is_nobodys():
    world = World(QUOTES)
    old = alive(world)
    world.session.asked.clear()
    world.run(31)  # silent: asked for again, on the same connection
    new = world.top()
    world.tell(bid(new, 10.0), ask(new, 10.2), bid(old, 99.0))
    world.step()
    assert 99.0 not in world.records(Kind.QUOTE)["bid"]
    world.code(354, old, "a refusal of the old one")
    assert world.feed.ready()["data"] is True


def test_history_that_was_asked_for_before_an_interruption_ends_none():
    """It may have been told from what there was before: bars wait for that which is asked for afterwards."""
    world = World(BARS)
    before = world.taken(r.RequestHistoricalData)[-1].req_id
    world.code(2105, text="HMDS data farm connection is broken:ushmds")
    world.tell(history(before, history_bar(T0 - 60), history_bar(T0)))
    world.step(1)
    assert len(world.records(Kind.BAR)) == 0
    world.run(10)
    world.code(2106)
    after = world.taken(r.RequestHistoricalData)[-1].req_id
    world.tell(history(after, history_bar(T0 - 60, 2.0), history_bar(T0)))
    world.step()
    assert world.records(Kind.BAR)["close"].tolist() == [2.0]


def test_a_lost_connection_is_a_gap_and_everything_is_asked_for_on_the_next():
    world = World(QUOTES)
    alive(world)
    world.disconnect("LinkLost: the connection ended")
    assert world.feed.ready() == {"link": False, "contracts": True, "data": False}
    world.run(60)
    world.connect(answer=False)
    top = world.top()
    world.tell(bid(top, 10.0), ask(top, 10.2))
    world.step()
    assert newest_flags(world) & Flag.GAP
    world.tell(bid(top, 10.1))
    world.step()
    assert not newest_flags(world) & Flag.GAP


def test_a_bust_is_asked_for_again_at_once_behind_a_gap():
    world = World(IbkrFeedSettings(quotes=False, bars="5 secs"))
    live = world.taken(r.RequestRealTimeBars)[-1].req_id
    world.code(10225, live, "Bust event occurred, current subscription is deactivated. Please resubscribe")
    assert [q.req_id for q in world.taken(r.CancelRealTimeBars)] == [live]
    again = world.taken(r.RequestRealTimeBars)[-1].req_id
    world.tell(a.RealTimeBar(req_id=again, time_s=T0, open=1, high=1, low=1, close=1, volume=1, wap=1, count=1))
    world.step()
    assert len(world.taken(r.RequestHistoricalData)) == 1

    quotes = World(QUOTES)
    top = alive(quotes)
    quotes.code(10225, top, "Bust event occurred")
    again = quotes.top()
    quotes.tell(bid(again, 14.0), ask(again, 14.2))
    quotes.step()
    assert newest_flags(quotes) & Flag.GAP


def test_halted_is_noted_and_its_silence_is_no_alarm():
    world = World(QUOTES)
    top = alive(world)
    world.tell(a.TickGeneric(req_id=top, tick_type=49, value=1.0), a.TickGeneric(req_id=top, tick_type=49, value=-1.0))
    world.step()
    world.session.asked.clear()
    world.run(300, by=5)
    assert world.session.asked == []
    assert world.feed.samples()["algotrade_feed_halted"] == 1.0
    world.tell(a.TickGeneric(req_id=top, tick_type=49, value=0.0))
    world.step()
    assert world.feed.samples()["algotrade_feed_halted"] == 0.0
    world.run(31)
    assert world.taken(r.RequestMarketData)  # open again, and silent


def test_delayed_is_asked_for_only_by_the_setting_and_noted():
    assert World(QUOTES).taken(r.RequestMarketDataType) == [r.RequestMarketDataType(data_type=1)]
    world = World(IbkrFeedSettings(delayed=True))
    assert world.taken(r.RequestMarketDataType) == [r.RequestMarketDataType(data_type=3)]
    top = world.top()
    world.code(10167, top, "Requested market data is not subscribed. Displaying delayed market data")
    world.tell(bid(top, 10.0), ask(top, 10.2))
    world.step()
    assert newest_flags(world) & Flag.DELAYED
    assert world.feed.samples()["algotrade_feed_delayed"] == 1.0


@pytest.mark.parametrize("code", [101, 354, 10186, 10089, 200, 321, 10999])
def test_a_refused_line_is_no_crash_and_is_asked_again_slowly(code):
    world = World(QUOTES, symbols=("AAPL", "IBM"))
    first, second = (q.req_id for q in world.taken(r.RequestMarketData))
    world.code(code, first, "Max number of tickers has been reached")
    world.tell(bid(second, 10.0), ask(second, 10.2))
    world.step()
    assert set(world.records(Kind.QUOTE)["instrument"]) == {1}
    assert world.feed.ready()["data"] is False
    world.run(50, by=10)
    assert [q for q in world.taken(r.RequestMarketData) if q.contract.symbol == "AAPL"] == []
    world.run(20, by=10)
    assert [q.contract.symbol for q in world.taken(r.RequestMarketData)].count("AAPL") == 1


def test_a_refusal_is_over_when_the_line_is_given_though_the_market_is_closed():
    world = World(QUOTES, hours=sessions_of([(START_NS + 3_600 * S, START_NS + 7_200 * S)]))
    world.code(354, world.top(), "Requested market data is not subscribed")
    assert world.feed.ready()["data"] is False
    world.run(61, by=1)
    assert world.feed.ready()["data"] is False  # asked for again, but not answered
    world.tell(a.TickReqParams(req_id=world.top(), min_tick=0.01, bbo_exchange="a6", snapshot_permissions=3))
    world.step()
    assert world.feed.ready()["data"] is True


def test_whole_bars_through_a_farm_that_flaps_ask_for_little_history():
    world = World(IbkrFeedSettings(quotes=False, bars="5 secs"))
    live = world.taken(r.RequestRealTimeBars)[-1].req_id
    for n in range(12):
        world.code(2105, text="HMDS data farm connection is broken:ushmds")
        world.tell(a.RealTimeBar(req_id=live, time_s=T0 + 5 * n, open=1, high=1, low=1, close=1, volume=1, wap=1,
                                 count=1))
        world.step(5)
    assert 5 <= len(world.taken(r.RequestHistoricalData)) <= 6  # one in ten seconds at most, over a minute
    assert world.taken(r.RequestRealTimeBars) == []


@pytest.mark.parametrize("code", [165, 300, 366, 2109, 2176, 10090])
def test_a_warning_about_a_subscription_changes_nothing(code):
    world = World(QUOTES)
    top = alive(world)
    world.session.asked.clear()
    world.code(code, top, "whatever")
    assert world.feed.ready()["data"] is True
    assert world.session.asked == []


@pytest.mark.parametrize("code", [110, 201, 202, 399, 10349, 101, 162, 200])
def test_a_code_about_an_order_or_a_stranger_is_not_the_feeds(code):
    world = World(QUOTES)
    alive(world)
    world.session.asked.clear()
    world.code(code, 7, "order 7")
    assert world.feed.ready()["data"] is True
    assert world.session.asked == []


def test_silence_of_one_of_two_is_noticed():
    world = World(QUOTES, symbols=("AAPL", "IBM"))
    first, second = (q.req_id for q in world.taken(r.RequestMarketData))
    for n in range(40):
        world.tell(bid(first, 10.0 + n), ask(first, 100.0))
        if n == 0:
            world.tell(bid(second, 10.0), ask(second, 10.2))
        world.step(1)
    assert [q.contract.symbol for q in world.taken(r.RequestMarketData)] == ["IBM"]
    assert world.feed.samples()["algotrade_feed_asked_again_total"] == 1.0


def test_a_market_time_clock_that_runs_fast_does_not_shorten_the_links_bounds():
    """At ten times the speed, half a minute of the host's time is what silence is measured by."""
    world = World(QUOTES)
    alive(world)
    world.session.asked.clear()

    class Fast:
        def time_ns(self):
            return START_NS + (world.clock.monotonic_ns() - START_NS) * 10

        def monotonic_ns(self):
            return world.clock.monotonic_ns()

    world.feed._clock = Fast()
    world.run(29, by=1)
    assert world.session.asked == []
    world.run(3, by=1)
    assert world.session.asked != []


def test_a_full_queue_keeps_the_rest_for_the_next_poll():
    world = World(QUOTES, symbols=tuple(f"S{n}" for n in range(30)), connect=False)
    world.session.room = 12
    world.connect(answer=False)
    assert len(world.session.asked) == 12
    world.session.room = 100
    world.step()
    asked = [q.contract.symbol for q in world.taken(r.RequestContractData)]
    assert asked == [f"S{n}" for n in range(30)]


def test_a_connection_that_goes_while_requests_wait_loses_none_of_them():
    world = World(QUOTES, symbols=("A", "B"), connect=False)
    world.session.room = 1
    world.connect(answer=False)
    world.disconnect()
    world.session.room = None
    world.connect()
    assert [q.contract.symbol for q in world.taken(r.RequestMarketData)] == ["A", "B"]


def test_what_ends_the_session_ends_the_feed_with_its_words():
    world = World(QUOTES)
    world.session.events = _raise(Refused("account U123 is not a paper account"))
    with pytest.raises(FeedError, match="U123"):
        world.step()


def _raise(error: Exception):
    def events():
        raise error

    return events


def test_a_contract_that_is_none_ends_the_feed_with_its_words():
    world = World(QUOTES, connect=False)
    world.connect(answer=False)
    question = world.taken(r.RequestContractData)[0]
    world.tell(a.ErrorMessage(req_id=question.req_id, code=200, message="No security definition has been found"))
    with pytest.raises(FeedError, match=r"'AAPL'.*No security definition"):
        world.step()


def test_hours_are_asked_anew_and_a_refusal_of_them_changes_nothing():
    """IB tells a week of hours; a feed that runs for months must not take the ninth day for a holiday."""
    world = World(QUOTES, hours=None)
    top = alive(world)
    world.step(13 * 3_600)
    (question,) = world.taken(r.RequestContractData)
    tomorrow = "20260105:0930-20260105:1600;20260106:0930-20260106:1600"
    world.tell(contract_data(question.req_id, "AAPL", 100, liquid_hours=tomorrow),
               a.ContractDataEnd(req_id=question.req_id))
    world.step()
    world.tell(RULE_26)
    world.step()
    assert len(world.feed._core.hours[0].opens_ns) == 2
    world.step(13 * 3_600)
    (question,) = world.taken(r.RequestContractData)
    world.code(200, question.req_id, "not now")
    assert len(world.feed._core.hours[0].opens_ns) == 2
    world.tell(bid(world.feed._core.streams[0].req_id, 10.0))
    world.step()
    assert top


def test_an_answer_that_could_not_be_decoded_is_counted():
    world = World(QUOTES)
    world.session.told.append(Quarantined(payload=b"1\x006", because="too short", is_order=False, time_ns=1))
    world.step()
    assert world.feed.samples()["algotrade_feed_unreadable_total"] == 1.0


def test_farms_of_definitions_are_nobodys_alarm():
    world = World(QUOTES)
    alive(world)
    world.link(Channel.FARM, "broken", name="secdefil", code=2157)
    world.link(Channel.FARM, "unknown", name="usfarm")
    world.step()
    assert world.feed.ready()["data"] is True


def test_closing_ends_the_session_once():
    world = World(QUOTES)
    world.feed.close()
    world.feed.close()
    assert world.session.is_closed
    with pytest.raises(AssertionError):
        world.feed.poll()
