"""The clock's skew from answers of whole seconds."""

from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.session.skew import SKEW_NS_MAX, ClockSkew

S = 10**9
MS = 10**6


def probe(skew, now_ns, true_skew_ns, there_ns, back_ns):
    """One question and its answer over a link that takes so long there and back."""
    skew.asked(now_ns, now_ns)
    answered_ns = now_ns + there_ns + back_ns
    skew.told((now_ns + there_ns + true_skew_ns) // S, answered_ns, answered_ns)


times = st.integers(1_700_000_000 * S, 1_700_000_100 * S)
trips = st.integers(0, 50 * MS)


@given(st.integers(-10 * S, 10 * S), times, st.lists(st.tuples(trips, trips), min_size=1, max_size=12))
def test_never_more_than_the_truth_however_slow_each_way_is(true_ns, now_ns, links):
    skew = ClockSkew()
    for number, (there_ns, back_ns) in enumerate(links):
        probe(skew, now_ns + number * 5_300 * MS, true_ns, there_ns, back_ns)
        assert abs(skew.skew_ns) <= abs(true_ns)


@given(st.integers(-10 * S, 10 * S), times, trips, trips)
def test_eight_answers_tell_it_within_a_third_of_a_second(true_ns, now_ns, there_ns, back_ns):
    skew = ClockSkew()
    for number in range(8):
        probe(skew, now_ns + number * 5_300 * MS, true_ns, there_ns, back_ns)
    assert abs(true_ns) - abs(skew.skew_ns) <= S + there_ns + back_ns
    if abs(true_ns) > SKEW_NS_MAX + S // 3:
        assert abs(skew.skew_ns) > SKEW_NS_MAX, "2 s are always found out"


def test_a_clock_that_is_set_is_found_out_by_the_next_answer():
    skew = ClockSkew()
    for number in range(8):
        probe(skew, number * 5_300 * MS, 0, MS, MS)
    assert skew.skew_ns == 0
    probe(skew, 100 * S, 3_600 * S, MS, MS)
    assert skew.skew_ns >= 3_598 * S


def test_an_answer_that_took_more_than_a_second_proves_nothing():
    skew = ClockSkew()
    probe(skew, 100 * S, 5 * S, 600 * MS, 600 * MS)
    assert skew.skew_ns is None
    probe(skew, 110 * S, 5 * S, 400 * MS, 400 * MS)
    assert skew.skew_ns > 3 * S


def test_unknown_before_the_first_answer_and_after_a_reset():
    skew = ClockSkew()
    assert skew.skew_ns is None
    skew.told(5, 5, 5)
    assert skew.skew_ns is None, "an answer that nobody asked for"
    probe(skew, S, 0, 0, 0)
    assert skew.skew_ns == 0
    skew.reset()
    assert skew.skew_ns is None
