import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Sessions
from algotrade.domain.session import ALWAYS_OPEN, NEVER_NS, sessions_of

DAY_NS = 86_400 * 10**9
edges = st.lists(st.integers(0, 1000), min_size=2, max_size=12, unique=True).map(
    lambda times: list(zip(sorted(times)[::2], sorted(times)[1::2], strict=False)))


@given(edges, st.integers(-10, 1010))
def test_open_means_inside_some_session(rows, time_ns):
    sessions = sessions_of(rows)

    assert sessions.is_open(time_ns) == any(opens <= time_ns < closes for opens, closes in rows)
    assert sessions.table().tolist() == [list(row) for row in rows]


@given(edges, st.integers(-10, 1010))
def test_the_day_ends_with_the_first_close_after_now(rows, time_ns):
    closes = [close for _, close in rows if close > time_ns]

    assert sessions_of(rows).day_ends_ns(time_ns) == (closes[0] if closes else NEVER_NS)


def test_a_market_that_never_closes_ends_its_day_at_midnight_utc():
    assert ALWAYS_OPEN.is_open(5)
    assert ALWAYS_OPEN.day_ends_ns(0) == DAY_NS
    assert ALWAYS_OPEN.day_ends_ns(DAY_NS) == 2 * DAY_NS


@pytest.mark.parametrize("rows", [[(5, 5)], [(5, 3)], [(1, 4), (3, 6)]])
def test_sessions_that_overlap_or_are_empty_are_refused(rows):
    with pytest.raises(ValueError, match="allowed: rising times"):
        sessions_of(rows)


def test_opens_without_closes_are_refused():
    with pytest.raises(ValueError, match="2 opens and 1 closes"):
        Sessions(opens_ns=(1, 2), closes_ns=(2,))
