"""Silence is noticed while a market is open, and answered ever slower; what proves life is a tick, not a snapshot."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain.session import ALWAYS_OPEN, Sessions, sessions_of
from algotrade.feeds.ibkr.watchdog import RETRY_NS_MAX, SNAPSHOT_NS_MAX, Life, Watch, is_open_at

S = 1_000_000_000


def watch() -> Watch:
    return Watch(stale_ns=30 * S, verify_ns=10 * S)


def asked_at(one: Watch, first_s: float, last_s: float, *, is_open=True, tick=None) -> list[float]:
    """Look every half a second; return when it was asked for again. ``tick(second)`` says whether one comes then."""
    times, now = [], first_s
    while now <= last_s:
        if tick and tick(now):
            one.ticked(round(now * S))
        if one.check(round(now * S), is_open=is_open):
            times.append(now)
            one.asked(round(now * S))
        now += 0.5
    return times


def test_silence_is_answered_ever_slower():
    one = watch()
    one.asked(0)
    times = asked_at(one, 0, 3_000)
    assert times == [30, 90, 210, 450, 930, 1530, 2130, 2730]  # 30, 60, ... up to 600 s between two
    assert one.life is Life.STALE
    assert not one.is_well(is_open=True)
    assert one.ticked(3_000 * S)
    assert one.life is Life.LIVE
    assert one.because == ""


def test_ticks_keep_it_live():
    one = watch()
    one.asked(0)
    assert asked_at(one, 0, 1_000, tick=lambda s: s % 29 == 0) == []
    assert one.is_well(is_open=True)


def test_a_snapshot_is_no_proof_and_a_quiet_instrument_is_asked_for_ever_slower():
    """Each subscription tells at once where the market stands: were that life, it would be asked for for ever."""
    one, last = watch(), [0.0]
    one.asked(0)
    times, now = [], 0.0
    while now <= 2_000:
        if now - last[0] == SNAPSHOT_NS_MAX / S / 2:
            one.ticked(round(now * S))
        if one.check(round(now * S), is_open=True):
            times.append(now)
            last[0] = now
            one.asked(round(now * S))
        now += 0.5
    gaps = [b - a for a, b in pairwise(times)]
    assert len(times) < 8
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 480


def test_nothing_is_expected_while_the_market_is_closed():
    one = watch()
    one.asked(0)
    assert asked_at(one, 0, 1_000, is_open=False) == []
    assert one.is_well(is_open=False)
    assert asked_at(one, 1_000.5, 1_100) == [1_030.5, 1_090.5]  # from the opening on


def test_doubt_shortens_the_wait_and_a_tick_ends_it():
    one = watch()
    one.asked(0)
    one.ticked(5 * S)
    one.doubted("1102", 6 * S)
    assert one.life is Life.DOUBTED
    assert not one.is_well(is_open=True)
    assert asked_at(one, 6, 20) == [16]
    assert one.because == "silent while its market is open, after 1102"

    other = watch()
    other.asked(0)
    other.doubted("1102", 6 * S)
    assert asked_at(other, 6, 40, tick=lambda s: s == 15) == []


def test_doubts_that_follow_one_another_do_not_put_off_the_question():
    one = watch()
    one.asked(0)
    one.ticked(S)
    for second in range(1, 11):
        one.doubted("2103", second * S)
        assert not one.check(second * S, is_open=True)
    assert one.check(11 * S, is_open=True)


def test_doubt_brings_a_stale_one_back_into_the_queue():
    """A farm that is well again after hours is asked soon, not when the slowest retry comes round."""
    one = watch()
    one.asked(0)
    asked_at(one, 0, 1_600)
    one.doubted("2104", 1_600 * S)
    assert asked_at(one, 1_600, 1_700)[0] == 1_610


def test_a_refusal_is_asked_again_in_closed_markets_too():
    one = watch()
    one.asked(0)
    one.refused("354: not subscribed", S)
    assert not one.is_well(is_open=False)
    assert asked_at(one, 1, 100, is_open=False) == [61]
    assert one.life is Life.REFUSED
    one.accepted()
    assert one.life is Life.ASKED


def test_without_a_link_nothing_is_asked():
    one = watch()
    assert asked_at(one, 0, 1_000) == []
    one.asked(0)
    one.off("the link is lost")
    assert asked_at(one, 0, 1_000) == []
    one.doubted("1100", 0)
    assert one.life is Life.OFF
    assert not one.is_well(is_open=False)


@given(st.lists(st.tuples(st.sampled_from(["tick", "doubt", "refuse", "accept", "wait"]), st.integers(0, 100)),
                max_size=60), st.booleans())
def test_questions_are_bounded_and_never_cease(events, is_open):
    """However it is told and doubted: at most one question per bound, and while open and silent never none for ever."""
    one, now, questions = watch(), 0, []
    one.asked(0)
    for what, seconds in events:
        match what:
            case "tick":
                one.ticked(now)
            case "doubt":
                one.doubted("x", now)
            case "refuse":
                one.refused("x", now)
            case "accept":
                one.accepted()
        for _ in range(seconds):
            now += S
            if one.check(now, is_open=is_open):
                questions.append(now)
                one.asked(now)
    assert all(b - a >= 10 * S for a, b in pairwise(questions))
    asked = bool(questions)
    for _ in range(RETRY_NS_MAX // S + 1):
        now += S
        asked = one.check(now, is_open=True) or asked
    assert asked


@pytest.mark.parametrize("hours", [ALWAYS_OPEN, sessions_of([(10, 20), (20, 30), (40, 50)]), Sessions()])
@given(time_ns=st.integers(0, 60))
def test_the_quick_look_at_the_hours_is_the_same(hours, time_ns):
    assert is_open_at(hours, time_ns) == hours.is_open(time_ns)
